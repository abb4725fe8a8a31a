/*
 * priority.c - the system's own PriorityClasses.
 */
#include "api/priority.h"

#include <stddef.h>

const struct priority_class priority_system_classes[] = {
	{ "system-node-critical", 2000001000,
	  "Used for system critical pods that must not be moved from their current node." },
	{ "system-cluster-critical", 2000000000,
	  "Used for system critical pods that must run in the cluster, but can be moved to "
	  "another node if necessary." },
	{ NULL, 0, NULL },
};
