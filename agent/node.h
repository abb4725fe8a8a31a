/*
 * node.h - what the parts of the agent share: this node's name and facts, and the ways to the API,
 * the images, the network.
 *
 * Owned by the agent (agent.c), which outlives all who borrow it.  Loop thread only.
 */
#ifndef AGENT_NODE_H
#define AGENT_NODE_H

#include "agent/downward.h"
#include "base/options.h"
#include "base/work.h"
#include "client/cache.h"
#include "flannel-lite/pod_network.h"
#include "net/seal.h"
#include "runtime/images.h"

struct node {
	struct loop *loop;
	const char *name;
	char ip[POD_NETWORK_ADDRESS];
	const char *folder;      /* .../agent */
	const char *logs_folder; /* /var/log/pods */
	const char *resolv_conf;
	const char *cluster_domain;
	const char *api_address;     /* of the service default/kubernetes; NULL before joining */
	struct client *client;       /* through the tunnel; calls fail while it is down */
	struct pod_network *network; /* NULL until the node has a range of addresses */
	const struct cache *services;
	const struct cache *nodes; /* NULL before the first session */
	struct images *images;
	struct exec_bridges *bridges; /* exec and attach sessions: they end before their sandbox */
	struct seal_keys *keys;       /* of what pods are made of, on the disk */
	struct flush *flush;          /* after files were put below the folder */
	struct work_pool *chores;     /* one servant thread: what is kept gets to the disk */
	struct work_pool *movers; /* two: removing, counting, giving away files: it takes long */
	struct unmounter *unmounter;
	struct image_getter *getter;
	struct recorder *recorder;
	struct evictor *evictor; /* NULL while the agent starts */
	struct devices *devices; /* what is given to pods by name; NULL before the start */
	const struct option_list *unsafe_sysctls; /* patterns that pods may set; or NULL */
	const struct node_limits *limits; /* what is kept back, when the node defends itself */
	int64_t cpu_milli, memory, ephemeral, max_pods; /* what pods may have */
	bool connected; /* the server took the node's last sign of life */
	bool ready;     /* and accepted last that the node is ready (node_object.h) */
};

/* The node's part of what pods may ask about themselves. */
static inline struct downward_facts node_downward(const struct node *node, const char *pod_ip)
{
	return (struct downward_facts){ .node_ip = node->ip,
					.pod_ip = pod_ip,
					.cpu_milli = node->cpu_milli,
					.memory = node->memory,
					.ephemeral = node->ephemeral };
}

#endif
