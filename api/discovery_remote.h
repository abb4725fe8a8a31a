/*
 * discovery_remote.h - group-versions that other servers answer for, as discovery tells them.
 *
 * Pure.
 */
#ifndef API_DISCOVERY_REMOTE_H
#define API_DISCOVERY_REMOTE_H

#include "base/json.h"

struct discovery_remote {
	const char *group, *version;
	int64_t group_priority, version_priority; /* of its APIService */
	/* As an entry of aggregated discovery has them; NULL: its server could not be asked, which
	 * is told as stale. */
	const struct json *resources;
};
struct discovery_remotes {
	const struct discovery_remote *items; /* in the order of discovery_remote_sort */
	size_t count;
};

/* Groups by their highest priority, then by name; a group's versions by theirs, then as Kubernetes
 * orders them: v2, v1, v1beta2, v1alpha1, others. */
void discovery_remote_sort(struct discovery_remote *items, size_t count);
/*
 * An APIResourceList as resources of aggregated discovery.  What is below a resource that is not in
 * the list gets one without a kind.  ERROR_BAD_REQUEST: it is no such list.
 */
MUST_CHECK bool discovery_remote_read(const struct json *list, struct json_doc *doc,
				      struct json **out, struct error *err);

#endif
