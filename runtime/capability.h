/*
 * capability.h - the sets of root's rights that a container's processes get.
 *
 * A set is a mask, bit N being capability N of linux/capability.h.  A pod's inheritable and ambient
 * sets are always left empty.
 */
#ifndef RUNTIME_CAPABILITY_H
#define RUNTIME_CAPABILITY_H

#include <stdint.h>

#include "base/text.h"

/* The fourteen that Docker and containerd give by default. */
extern const uint64_t capability_default;

/* All that this process may hand on: its bounding set. */
uint64_t capability_ours(void);

/* Nothing that this process starts can change or pass the rules of a mandatory access control
 * (CAP_MAC_ADMIN, CAP_MAC_OVERRIDE) from now on. */
MUST_CHECK bool capability_leave_rules(struct error *err);

/*
 * The default set with changes: names as "NET_ADMIN", "CAP_NET_ADMIN" or "ALL", in any case;
 * NULL-terminated lists, or NULL.  "ALL" is applied first, names after; dropping wins over adding.
 * Capabilities that we do not hold ourselves are left out.  An unknown name is ERROR_INVALID.
 */
MUST_CHECK bool capability_choose(const char *const *add, const char *const *drop,
				  uint64_t *out_set, struct error *err);

/* Between clone and exec, no allocation. First while still root: nothing beyond `set` can come
 * back. */
MUST_CHECK bool capability_bound(uint64_t set, struct error *err);
/* After the change of user (with PR_SET_KEEPCAPS): exactly `set` from now on. */
MUST_CHECK bool capability_apply(uint64_t set, struct error *err);

/* The five sets as the OCI specification has them. */
struct capability_sets {
	uint64_t bounding, effective, inheritable, permitted, ambient;
};
/* In place of capability_apply: all but the bounding set, which is given to capability_bound. */
MUST_CHECK bool capability_apply_sets(const struct capability_sets *sets, struct error *err);

/* "CAP_NET_ADMIN" or "net_admin"; false: there is none of that name. */
bool capability_find(struct str name, uint64_t *out_bit);
/* "CAP_CHOWN" and so on by number; NULL behind the last. */
const char *capability_name(unsigned number);

#endif
