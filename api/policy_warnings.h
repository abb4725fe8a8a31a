/*
 * policy_warnings.h - annotations that say what is to become of pods on nodes that are cut off
 * (docs/edge-policies.md): values that will be ignored are told to their writer.
 */
#ifndef API_POLICY_WARNINGS_H
#define API_POLICY_WARNINGS_H

#include "api/kind.h"

/* `metadata` of a pod, of a template or of a workload; path: "" or "spec.template". */
void policy_warnings(const struct kind_work *work, const struct json *metadata, const char *path);

#endif
