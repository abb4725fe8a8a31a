/*
 * pod_leftover.h - takes the pod network of this machine away when nobody has it open.
 *
 * What pod_network.h made outlives its process; opening it again only to remove it would need the
 * plan of then and an address that may be gone.
 */
#ifndef FLANNEL_LITE_POD_LEFTOVER_H
#define FLANNEL_LITE_POD_LEFTOVER_H

#include "base/error.h"

/*
 * As pod_network_remove: the bridge with its pods' interfaces, the VXLAN device, the folder.  They
 * are taken for ours only if `folder` exists; without it nothing is touched.  Needs CAP_NET_ADMIN.
 */
MUST_CHECK bool pod_leftover_remove(const char *folder, struct error *err);

#endif
