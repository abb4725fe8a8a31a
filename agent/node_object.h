/*
 * node_object.h - this machine as a Node of the API: registration, conditions, lease.
 *
 * Registers once the server is reached, keeps the lease in kube-node-lease alive (every 10 s), and
 * posts the status when it changes and every five minutes.  Labels and taints of the command line
 * are set at the first registration only, as with kubelets.  Loop thread only.
 */
#ifndef AGENT_NODE_OBJECT_H
#define AGENT_NODE_OBJECT_H

#include "agent/machine.h"
#include "agent/node.h"
#include "base/options.h"

/* As the evictor sees the machine (evictor.h). */
struct node_pressure {
	bool memory, disk, pids;
};

/* Further resources of the node ("example.com/gpu"): asked at each status; embedded in who has
 * them, for the node object's life. */
struct node_resources {
	void (*list)(void *of,
		     void (*add)(void *to, const char *name, int64_t capacity, int64_t allocatable),
		     void *to);
	void *of;
	struct node_resources *next; /* private */
};

struct node_object_plan {
	struct node *node;
	const struct machine *machine;
	const struct option_list *labels, *taints;
	const char *external_ip;              /* NULL = none */
	const struct node_pressure *pressure; /* read at each status; NULL = none ever */
	/* The object as the API has it (podCIDR!), after each answer. */
	void (*on_object)(void *owner, const struct json *object);
	void *owner;
};
struct node_object;
struct node_object *node_object_start(const struct node_object_plan *plan);
void node_object_stop(struct node_object *object); /* NULL is fine */
/* The server is reached (again): register or renew now. */
void node_object_poke(struct node_object *object);
/* Why the node is not ready; NULL = it is. */
void node_object_ready(struct node_object *object, const char *why_not);
/* Read at each status from now on; borrowed. */
void node_object_pressure(struct node_object *object, const struct node_pressure *pressure);
/* Pressure, images or resources have changed: tell it. */
void node_object_changed(struct node_object *object);
void node_object_add_resources(struct node_object *object, struct node_resources *resources);
/* The object as it is now: further resources that others gave it are offered from now on. */
void node_object_seen(struct node_object *object, const struct json *node);

#endif
