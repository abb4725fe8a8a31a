/*
 * pod_leftover.c - removing needs of the pod network only the way to the kernel and the folder.
 */
#include "flannel-lite/pod_leftover.h"

#include "base/file.h"
#include "flannel-lite/pod_network_inside.h"

DEFINE_AUTO(struct pod_network *, pod_network_close)

bool pod_leftover_remove(const char *folder, struct error *err)
{
	AUTO(pod_network_close) struct pod_network *network = NULL;

	if (!file_exists(folder))
		return true;
	network = memory_new(struct pod_network);
	network->folder = memory_string(folder);
	if (!netlink_open(NETLINK_ROUTE, &network->netlink, err) ||
	    !pod_network_remove(network, err))
		return error_context(err, "remove the pod network");
	return true;
}
