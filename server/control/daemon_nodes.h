/*
 * daemon_nodes.h - what decides whether a daemon's pod belongs on a node: its name, labels and
 * taints, kept so that no pass parses nodes; and the rules of a DaemonSet over them.
 *
 * Owner: the DaemonSet controller; loop thread only.
 */
#ifndef SERVER_CONTROL_DAEMON_NODES_H
#define SERVER_CONTROL_DAEMON_NODES_H

#include "api/object.h"

struct daemon_node;
struct daemon_nodes;
struct daemon_nodes *daemon_nodes_new(void);
void daemon_nodes_free(struct daemon_nodes *nodes); /* NULL is fine */
/* A change of a node: true when it may change the place of any pod. */
bool daemon_nodes_note(struct daemon_nodes *nodes, const struct object *before,
		       const struct object *after);
size_t daemon_nodes_count(const struct daemon_nodes *nodes);
const struct daemon_node *daemon_nodes_next(const struct daemon_nodes *nodes, size_t *at);
struct str daemon_node_name(const struct daemon_node *node);

/* What every daemon's pod tolerates is added to the tolerations of its spec. */
void daemon_tolerations_add(struct json_doc *doc, struct json *pod_spec);
/* The pod's required node affinity becomes: this node. */
void daemon_affinity_set(struct json_doc *doc, struct json *pod_spec, struct str node);
/* The node that a pod was made for: where it is, or what daemon_affinity_set wrote; STR_NONE when
 * it says neither. */
struct str daemon_target(const struct json *pod_spec);

/* The rules of one set, read once a pass; texts are those of the spec. */
struct daemon_rules;
struct daemon_rules *daemon_rules_new(const struct json *pod_spec);
void daemon_rules_free(struct daemon_rules *rules); /* NULL is fine */
/* May a pod come to the node; may one that is there stay? */
void daemon_rules_check(const struct daemon_rules *rules, const struct daemon_node *node,
			bool *out_run, bool *out_stay);

#endif
