/*
 * node_taints.c - the list is written whole, as the API wants it, so nobody else's may be lost.
 */
#include "server/control/node_taints.h"

#include "base/clock.h"

static const struct json *find(const struct json *list, const char *key, const char *effect)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "key")), key) &&
		    (!effect || str_is(json_str(json_get(it.value, "effect")), effect)))
			return it.value;
	return NULL;
}

const struct json *node_taint_find(const struct object *node, const char *key, const char *effect)
{
	return find(json_path(object_json(node), "spec", "taints", NULL), key, effect);
}

void node_taint_add(struct json_doc *doc, struct json *list, const char *key, const char *value,
		    const char *effect)
{
	struct json *taint;
	char now[CLOCK_TEXT];

	if (find(list, key, effect))
		return;
	clock_print(clock_wall_s(), now);
	taint = json_new_object(doc);
	json_append(list, taint);
	json_put(doc, taint, "key", json_new_text(doc, key));
	if (value)
		json_put(doc, taint, "value", json_new_text(doc, value));
	json_put(doc, taint, "effect", json_new_text(doc, effect));
	json_put(doc, taint, "timeAdded", json_new_text(doc, now));
}

struct json *node_patch_new(struct json_doc *doc, const struct object *node)
{
	struct json *patch = json_new_object(doc);

	json_put(doc, json_sub_object(doc, patch, "metadata"), "resourceVersion",
		 json_clone(doc, json_get(meta_of(object_json(node)), "resourceVersion")));
	return patch;
}

void node_taints_write(struct batch *batch, const struct object *node, struct json_doc *doc,
		       struct json *list)
{
	const struct json *old = json_path(object_json(node), "spec", "taints", NULL);
	struct json *patch = node_patch_new(doc, node), *spec = json_sub_object(doc, patch, "spec");
	bool none = json_count(list) == 0;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = batch->control->kinds[CONTROL_NODES],
				  .name = object_name(node) };

	if (none ? json_count(old) == 0 : json_equal(list, old))
		return;
	json_put(doc, spec, "taints", none ? json_new_null(doc) : list);
	json_print(patch, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}
