/*
 * node_taints.h - the taints of a node, read and written by the controllers that judge nodes.
 *
 * Names: https://kubernetes.io/docs/reference/labels-annotations-taints/.  Loop thread only.
 */
#ifndef SERVER_CONTROL_NODE_TAINTS_H
#define SERVER_CONTROL_NODE_TAINTS_H

#include "server/control/controller.h"

#define TAINT_UNREACHABLE    "node.kubernetes.io/unreachable"
#define TAINT_OUT_OF_SERVICE "node.kubernetes.io/out-of-service"

/* effect NULL: of any.  Borrowed from the node; NULL when it has none. */
const struct json *node_taint_find(const struct object *node, const char *key, const char *effect);

/* Appends one that begins now; nothing when `list` has this key and effect.  value NULL: none. */
void node_taint_add(struct json_doc *doc, struct json *list, const char *key, const char *value,
		    const char *effect);

/* A merge patch that holds on one condition: the node is still as `node` says. */
struct json *node_patch_new(struct json_doc *doc, const struct object *node);

/* Makes `list` (of `doc`, taken) the node's taints on that condition; nothing when it has just
 * these. */
void node_taints_write(struct batch *batch, const struct object *node, struct json_doc *doc,
		       struct json *list);

#endif
