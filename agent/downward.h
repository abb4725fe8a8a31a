/*
 * downward.h - fields of the pod itself, as environment variables and files show them (Kubernetes:
 * "Downward API").
 */
#ifndef AGENT_DOWNWARD_H
#define AGENT_DOWNWARD_H

#include "base/json.h"

/* What the pod's own object does not say, or not yet. */
struct downward_facts {
	const char *node_ip;
	const char *pod_ip;                   /* "" while it has none               */
	int64_t cpu_milli, memory, ephemeral; /* of the node: where a limit is unset */
};

/* "metadata.labels['app']", "status.podIP" and so on, appended; a label that is absent is "". All
 * labels or annotations together are lines key="value".  ERROR_INVALID for an unknown path. */
MUST_CHECK bool downward_field(const struct json *pod, const struct downward_facts *facts,
			       struct str path, struct buf *out, struct error *err);
/* A resourceFieldRef: "limits.cpu" of a container divided by the divisor, rounded up. */
MUST_CHECK bool downward_resource(const struct json *container, const struct downward_facts *facts,
				  const struct json *ref, struct buf *out, struct error *err);
/* The container of that name among all of the pod's; NULL when there is none. */
const struct json *downward_container(const struct json *pod, struct str name);

#endif
