/*
 * hugepages.h - huge pages that this machine has set aside, as limits of containers and as volumes.
 */
#ifndef AGENT_HUGEPAGES_H
#define AGENT_HUGEPAGES_H

#include "base/json.h"
#include "runtime/container.h"

/*
 * Put what there is of each size into a list of the node's resources ("hugepages-2Mi": "64Mi");
 * gives the bytes of all of them.
 */
int64_t hugepages_offer(struct json_doc *doc, struct json *to);

/* What a container's limits say; sizes without a limit may not be used. */
void hugepages_limit(const struct json *resources, struct resources_plan *out);

/*
 * Size in bytes of the pages of an emptyDir whose medium is HugePages (the one size that the pod's
 * containers ask for) or HugePages-<size>; 0: another medium.  ERROR_INVALID: a size that the
 * machine does not know, none or several in the pod.
 */
MUST_CHECK bool hugepages_medium(const struct json *pod, struct str medium, int64_t *out_size,
				 struct error *err);

#endif
