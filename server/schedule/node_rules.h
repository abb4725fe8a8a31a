/*
 * node_rules.h - what a pod says of nodes: tolerations of their taints, and terms over their labels
 * (node affinity).  Pure functions over JSON; a node is an object whose labels are its facts.
 */
#ifndef SERVER_SCHEDULE_NODE_RULES_H
#define SERVER_SCHEDULE_NODE_RULES_H

#include "api/object.h"

struct taint {
	char *key, *value, *effect;
};

struct toleration {
	struct str key, value, effect;
	bool exists;
};
struct tolerations {
	struct toleration *at;
	size_t count;
};
/* Texts are those of the pod. */
void tolerations_of(const struct json *pod_spec, struct arena *arena, struct tolerations *out);
bool tolerations_match(const struct tolerations *tolerations, struct str key, struct str value,
		       struct str effect);
/* A list of NodeSelectorTerms or one preference, read once. */
struct node_terms;
/* list NULL gives NULL. */
struct node_terms *node_terms_of(const struct json *list, struct arena *arena);
struct node_terms *node_terms_of_one(const struct json *term, struct arena *arena);
/* Any of the terms; NULL matches every node, an empty list none. */
bool node_terms_match(const struct node_terms *terms, const struct object *node);
/*
 * The one node that the terms may match, when each of them names one by metadata.name and all the
 * same; STR_NONE when they leave it open.
 */
struct str node_terms_only_name(const struct node_terms *terms);

#endif
