/*
 * user_lookup.h - who a container's process shall be, by the container's own /etc/passwd and
 * /etc/group.
 *
 * The two files come from the image: they are opened inside its root only, must be plain files, and
 * lines that make no sense are passed over.  Numbers are taken exactly (0 to 2147483647) or
 * refused; nothing wraps around to root.
 *
 * Nothing here allocates: it is used between clone and exec.
 */
#ifndef RUNTIME_USER_LOOKUP_H
#define RUNTIME_USER_LOOKUP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define USER_GROUPS_MAX 256
#define USER_HOME_MAX   256

struct user_wish {
	const char *text;       /* "", "name", "uid", "name:group", "uid:gid" and so on */
	int64_t uid, gid;       /* -1 = from the text                                   */
	const uint32_t *groups; /* further groups                                       */
	size_t group_count;
	bool must_not_be_root;
	bool with_own;      /* the user's group is among the groups too, as the first */
	bool strict_groups; /* what /etc/group says of the user's membership does not count */
};

struct user_found {
	uid_t uid;
	gid_t gid;
	/* Wished ones; then, unless strict, those that name the user as member. */
	gid_t groups[USER_GROUPS_MAX];
	size_t group_count;
	char home[USER_HOME_MAX]; /* "/" when unknown */
};

/* `root` is the container's root folder.  ERROR_INVALID for an unknown name, a number out of range,
 * or root where that is not wanted. */
MUST_CHECK bool user_lookup(int root, const struct user_wish *wish, struct user_found *out,
			    struct error *err);

#endif
