/*
 * discovery.h - discovery documents, printed from the kinds' rows and one table of groups, and from
 * what other servers answer for.
 *
 * They change with the latter only: the caller keeps what it has printed.
 */
#ifndef API_DISCOVERY_H
#define API_DISCOVERY_H

#include "api/discovery_remote.h"
#include "base/text.h"

/* Resources that only answer what is posted: no kind row, nothing is kept. */
struct discovery_posted {
	const char *plural, *kind;
	bool namespaced;
};
struct discovery_group {
	const char *group, *version;
	const struct discovery_posted *posted; /* ends with plural == NULL, or NULL */
};
/* Group-versions that have something, in order of priority; NULL behind the last. */
const struct discovery_group *discovery_group(size_t i);

/* What tells clients which groups come first; the one at `i` comes before all with less. */
int64_t discovery_priority(size_t i);
/* Is there anything of this group-version in this process? */
bool discovery_serves(struct str group, struct str version);

/* This process does not offer the group: once, before anything is asked for. */
void discovery_leave_out(const char *group);

/* Aggregated: the core alone ("/api") or all other groups ("/apis"); version "v2" or "v2beta1".
 * `remotes`: no group-version that this process has itself; NULL: none. */
void discovery_print_aggregated(bool core, const char *version,
				const struct discovery_remotes *remotes, struct buf *out);
/* Legacy lists; `address` is where clients reach this server ("10.0.0.1:6443"). */
void discovery_print_versions(const char *address, struct buf *out);                   /* /api */
void discovery_print_groups(const struct discovery_remotes *remotes, struct buf *out); /* /apis */
/* /apis/apps; false = no such */
bool discovery_print_group(struct str group, const struct discovery_remotes *remotes,
			   struct buf *out);
/* /api/v1, /apis/apps/v1.  `sha256` makes the marks of the forms that objects are kept in. */
bool discovery_print_resources(struct str group, struct str version,
			       void (*sha256)(struct str bytes, unsigned char out[32]),
			       struct buf *out);

#endif
