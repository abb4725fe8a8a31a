/*
 * pod_admission.h - may a pod that the server gave to this node run here?  Asked once, before
 * anything of it is made.
 *
 * What is refused fails for good with the kubelet's reason: SysctlForbidden, AppArmor,
 * UnexpectedAdmissionError (a device that is not free).
 */
#ifndef AGENT_POD_ADMISSION_H
#define AGENT_POD_ADMISSION_H

#include "agent/node.h"

/* Takes the pod's devices on the way.  False: *out_reason is a constant, err has the message. */
MUST_CHECK bool pod_admission_check(const struct node *node, const struct json *pod,
				    const char **out_reason, struct error *err);

/* Where the pod's users begin on this host: 0 unless it has hostUsers: false. */
MUST_CHECK bool pod_admission_users(const struct node *node, const struct json *pod,
				    uint32_t *out_base, struct error *err);

/* Patterns of --allowed-unsafe-sysctls ("net.core.*"): only names that a pod has of its own. */
MUST_CHECK bool pod_admission_check_sysctls(const struct option_list *patterns, struct error *err);

/* The AppArmor profile of a container: "" (says nothing), "unconfined", "runtime/default" or
 * "localhost/<name>". */
struct str pod_admission_apparmor(const struct json *pod, const struct json *container,
				  struct arena *arena);

#endif
