/*
 * network_probe.h - can this kernel carry the pod network?  Found out by doing it, in the calling
 * thread's network namespace: give it one that goes away (runtime/kernel_probe.h).
 *
 * Each fails with the kernel's own reason.  Needs CAP_NET_ADMIN.
 */
#ifndef FLANNEL_LITE_NETWORK_PROBE_H
#define FLANNEL_LITE_NETWORK_PROBE_H

#include "base/error.h"

/* A device of this kind: "veth", "bridge", "vxlan". */
MUST_CHECK bool network_probe_device(const char *kind, struct error *err);
/* The rules of services, with all that they use: maps, random numbers, hashes, masquerading. */
MUST_CHECK bool network_probe_rules(struct error *err);

#endif
