/*
 * daemon_nodes.c - nodes as daemons see them.
 */
#include "server/control/daemon_nodes.h"

#include "base/map.h"
#include "server/schedule/node_rules.h"

struct daemon_node {
	const struct object *object; /* the cache's */
	struct taint *taints;
	size_t taint_count;
};

struct daemon_nodes {
	struct map *map; /* name -> struct daemon_node */
};

/* --- nodes --- */

static void clear_taints(struct daemon_node *node)
{
	for (size_t i = 0; i < node->taint_count; i++) {
		free(node->taints[i].key);
		free(node->taints[i].value);
		free(node->taints[i].effect);
	}
	free(node->taints);
	node->taints = NULL;
	node->taint_count = 0;
}

static void node_free(struct daemon_node *node)
{
	if (!node)
		return;
	clear_taints(node);
	free(node);
}

struct daemon_nodes *daemon_nodes_new(void)
{
	struct daemon_nodes *nodes = memory_new(struct daemon_nodes);

	nodes->map = map_new();
	return nodes;
}

void daemon_nodes_free(struct daemon_nodes *nodes)
{
	struct str name;
	void *node;

	if (!nodes)
		return;
	for (size_t i = 0; map_next(nodes->map, &i, &name, &node);)
		node_free(node);
	map_free(nodes->map);
	free(nodes);
}

static const struct json *taints_of(const struct object *node)
{
	return json_path(object_json(node), "spec", "taints", NULL);
}

static void take(struct daemon_node *node, const struct object *object)
{
	const struct json *taints = taints_of(object);

	clear_taints(node);
	node->object = object;
	if (json_count(taints) == 0)
		return;
	node->taints = memory_get(json_count(taints) * sizeof(*node->taints));
	for (struct json_iter it = json_iter(taints); json_next(&it);) {
		struct taint *taint = &node->taints[node->taint_count++];

		taint->key = str_copy(json_str(json_get(it.value, "key")));
		taint->value = str_copy(json_str(json_get(it.value, "value")));
		taint->effect = str_copy(json_str(json_get(it.value, "effect")));
	}
}

static bool is_same(const struct object *before, const struct object *after)
{
	return json_equal(json_get(meta_of(object_json(before)), "labels"),
			  json_get(meta_of(object_json(after)), "labels")) &&
	       json_equal(taints_of(before), taints_of(after));
}

bool daemon_nodes_note(struct daemon_nodes *nodes, const struct object *before,
		       const struct object *after)
{
	struct daemon_node *node;

	if (!after) {
		node_free(map_remove(nodes->map, object_name(before)));
		return true;
	}
	node = map_find(nodes->map, object_name(after));
	if (node && before && is_same(before, after)) {
		node->object = after;
		return false;
	}
	if (!node) {
		node = memory_new(struct daemon_node);
		map_put(nodes->map, object_name(after), node);
	}
	take(node, after);
	return true;
}

size_t daemon_nodes_count(const struct daemon_nodes *nodes)
{
	return map_count(nodes->map);
}

const struct daemon_node *daemon_nodes_next(const struct daemon_nodes *nodes, size_t *at)
{
	struct str name;
	void *node;

	return map_next(nodes->map, at, &name, &node) ? node : NULL;
}

struct str daemon_node_name(const struct daemon_node *node)
{
	return object_name(node->object);
}

/* --- pods --- */

static const struct {
	const char *key, *effect;
	bool host_network; /* only for pods in the network of the node */
} tolerated[] = {
	{ "node.kubernetes.io/not-ready", "NoExecute", false },
	{ "node.kubernetes.io/unreachable", "NoExecute", false },
	{ "node.kubernetes.io/disk-pressure", "NoSchedule", false },
	{ "node.kubernetes.io/memory-pressure", "NoSchedule", false },
	{ "node.kubernetes.io/pid-pressure", "NoSchedule", false },
	{ "node.kubernetes.io/unschedulable", "NoSchedule", false },
	{ "node.kubernetes.io/network-unavailable", "NoSchedule", true },
};

static bool has_toleration(const struct json *list, const char *key, const char *effect)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "key")), key) &&
		    str_is(json_str(json_get(it.value, "effect")), effect) &&
		    str_is(json_str(json_get(it.value, "operator")), "Exists"))
			return true;
	return false;
}

void daemon_tolerations_add(struct json_doc *doc, struct json *pod_spec)
{
	struct json *list = json_sub_array(doc, pod_spec, "tolerations");

	for (size_t i = 0; i < ARRAY_LENGTH(tolerated); i++) {
		struct json *one;

		if ((tolerated[i].host_network && !json_bool(json_get(pod_spec, "hostNetwork"))) ||
		    has_toleration(list, tolerated[i].key, tolerated[i].effect))
			continue;
		one = json_new_object(doc);
		json_put(doc, one, "key", json_new_text(doc, tolerated[i].key));
		json_put(doc, one, "operator", json_new_text(doc, "Exists"));
		json_put(doc, one, "effect", json_new_text(doc, tolerated[i].effect));
		json_append(list, one);
	}
}

void daemon_affinity_set(struct json_doc *doc, struct json *pod_spec, struct str node)
{
	struct json *affinity = json_sub_object(doc, pod_spec, "affinity");
	struct json *required, *terms, *term, *field;

	required = json_sub_object(doc, json_sub_object(doc, affinity, "nodeAffinity"),
				   "requiredDuringSchedulingIgnoredDuringExecution");
	terms = json_new_array(doc);
	json_put(doc, required, "nodeSelectorTerms", terms);
	term = json_new_object(doc);
	json_append(terms, term);
	field = json_new_object(doc);
	json_append(json_sub_array(doc, term, "matchFields"), field);
	json_put(doc, field, "key", json_new_text(doc, "metadata.name"));
	json_put(doc, field, "operator", json_new_text(doc, "In"));
	json_append(json_sub_array(doc, field, "values"), json_new_str(doc, node));
}

static const struct json *required_terms(const struct json *pod_spec)
{
	return json_path(pod_spec, "affinity", "nodeAffinity",
			 "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms",
			 NULL);
}

struct str daemon_target(const struct json *pod_spec)
{
	struct str node = json_str(json_get(pod_spec, "nodeName"));

	if (node.len > 0)
		return node;
	for (struct json_iter it = json_iter(required_terms(pod_spec)); json_next(&it);) {
		const struct json *field = json_at(json_get(it.value, "matchFields"), 0);
		const struct json *values = json_get(field, "values");

		if (str_is(json_str(json_get(field, "key")), "metadata.name") &&
		    json_count(values) == 1)
			return json_str(json_at(values, 0));
	}
	return STR_NONE;
}

/* --- rules --- */

struct daemon_rules {
	struct arena *arena;
	struct json_doc *doc; /* of the spec with what all daemons tolerate */
	const struct json *selector;
	struct str node;
	struct node_terms *terms;
	struct tolerations tolerations;
};

struct daemon_rules *daemon_rules_new(const struct json *pod_spec)
{
	struct daemon_rules *rules = memory_new(struct daemon_rules);
	struct json *spec;

	rules->arena = arena_new();
	rules->doc = json_doc_new();
	spec = json_new_object(rules->doc);
	json_put(rules->doc, spec, "tolerations",
		 json_clone(rules->doc, json_get(pod_spec, "tolerations")));
	json_put(rules->doc, spec, "hostNetwork",
		 json_clone(rules->doc, json_get(pod_spec, "hostNetwork")));
	daemon_tolerations_add(rules->doc, spec);
	tolerations_of(spec, rules->arena, &rules->tolerations);
	rules->selector = json_get(pod_spec, "nodeSelector");
	rules->node = json_str(json_get(pod_spec, "nodeName"));
	rules->terms = node_terms_of(required_terms(pod_spec), rules->arena);
	return rules;
}

void daemon_rules_free(struct daemon_rules *rules)
{
	if (!rules)
		return;
	arena_free(rules->arena);
	json_doc_free(rules->doc);
	free(rules);
}

static bool is_selected(const struct daemon_rules *rules, const struct daemon_node *node)
{
	for (struct json_iter it = json_iter(rules->selector); json_next(&it);) {
		struct str value = object_label(node->object, it.key);

		if (!value.at || !str_equal(value, json_str(it.value)))
			return false;
	}
	return node_terms_match(rules->terms, node->object);
}

void daemon_rules_check(const struct daemon_rules *rules, const struct daemon_node *node,
			bool *out_run, bool *out_stay)
{
	*out_run = *out_stay =
		(rules->node.len == 0 || str_equal(rules->node, object_name(node->object))) &&
		is_selected(rules, node);
	for (size_t i = 0; *out_stay && i < node->taint_count; i++) {
		const struct taint *taint = &node->taints[i];
		bool drives_out = strcmp(taint->effect, "NoExecute") == 0;

		if ((!drives_out && strcmp(taint->effect, "NoSchedule") != 0) ||
		    tolerations_match(&rules->tolerations, str_of(taint->key), str_of(taint->value),
				      str_of(taint->effect)))
			continue;
		*out_run = false;
		*out_stay = !drives_out;
	}
}
