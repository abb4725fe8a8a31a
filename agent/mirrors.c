/*
 * mirrors.c - compares the static pods with the mirrors in the API; one call at a time for each.
 */
#include "agent/mirrors.h"

#include <stdio.h>

#include "agent/static_pods.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

#define AGAIN_MS 2000 /* after a call that failed */

struct mirrors {
	struct node *node;
	struct pods *pods;
	struct map *calls; /* "namespace/name" -> struct calling */
	struct loop_task pass;
	struct loop_timer again;
};

struct calling {
	struct mirrors *mirrors;
	struct client_call *call;
	char *key;
};

static void calling_free(struct calling *calling)
{
	free(calling->key);
	free(calling);
}

static void on_done(void *of, const struct json *result, const struct error *err)
{
	struct calling *calling = of;
	struct mirrors *mirrors = calling->mirrors;

	(void)result;
	map_remove(mirrors->calls, str_of(calling->key));
	if (!err || err->kind == ERROR_NOT_FOUND) {
		mirrors_again(mirrors); /* what the watch said meanwhile had to wait for this */
	} else {
		if (err->kind == ERROR_FORBIDDEN || err->kind == ERROR_INVALID)
			log_warn("agent.mirrors", "a static pod cannot be shown in the API",
				 "pod=%s why=\"%s\"", calling->key, err->text);
		loop_timer_set(mirrors->node->loop, &mirrors->again, AGAIN_MS);
	}
	calling_free(calling);
}

static void call(struct mirrors *mirrors, const struct json *pod, struct client_ask *ask)
{
	struct str namespace = meta_str(pod, "namespace"), name = meta_str(pod, "name");
	auto_free char *key = memory_print(STR_FMT "/" STR_FMT, STR_ARG(namespace), STR_ARG(name));
	struct calling *calling;

	if (map_find(mirrors->calls, str_of(key)))
		return;
	calling = memory_new(struct calling);
	calling->mirrors = mirrors;
	calling->key = take_ptr(&key);
	map_put(mirrors->calls, str_of(calling->key), calling);
	ask->kind = kind_find_name(STR("v1"), STR("Pod"));
	ask->namespace = namespace;
	ask->on_done = on_done;
	ask->of = calling;
	calling->call = client_call(mirrors->node->client, ask);
}

/* --- making --- */

static void print_mirror(const struct mirrors *mirrors, const struct json *pod, struct str node_uid,
			 struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = json_clone(doc, pod), *meta = json_sub_object(doc, root, "metadata");
	struct json *annotations = json_sub_object(doc, meta, "annotations");
	struct json *owner = json_new_object(doc);

	json_put(doc, root, "apiVersion", json_new_text(doc, "v1"));
	json_put(doc, root, "kind", json_new_text(doc, "Pod"));
	json_remove(root, STR("status"));
	json_remove(meta, STR("uid"));
	json_put(doc, annotations, STATIC_MIRROR,
		 json_new_str(doc, meta_annotation(pod, STATIC_HASH)));
	json_put(doc, owner, "apiVersion", json_new_text(doc, "v1"));
	json_put(doc, owner, "kind", json_new_text(doc, "Node"));
	json_put(doc, owner, "name", json_new_text(doc, mirrors->node->name));
	json_put(doc, owner, "uid", json_new_str(doc, node_uid));
	json_put(doc, owner, "controller", json_new_bool(doc, true));
	json_append(json_sub_array(doc, meta, "ownerReferences"), owner);
	json_print(root, out);
}

static void make(struct mirrors *mirrors, const struct json *pod)
{
	const struct object *node =
		cache_find(mirrors->node->nodes, STR(""), str_of(mirrors->node->name));
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_CREATE };

	if (!node)
		return; /* not registered yet: its coming asks again */
	print_mirror(mirrors, pod, object_uid(node), &body);
	ask.body = buf_str(&body);
	call(mirrors, pod, &ask);
}

/* At once: there is nothing of it that would have to be stopped. */
static void take_away(struct mirrors *mirrors, const struct json *mirror)
{
	auto_free char *body = memory_print("{\"gracePeriodSeconds\":0,\"preconditions\":{\"uid\":"
					    "\"" STR_FMT "\"}}",
					    STR_ARG(meta_str(mirror, "uid")));
	struct client_ask ask = { .verb = CLIENT_DELETE,
				  .name = meta_str(mirror, "name"),
				  .body = str_of(body) };

	call(mirrors, mirror, &ask);
}

/* --- the pass --- */

static void look_at(struct mirrors *mirrors, struct pod *pod)
{
	const struct json *own = pod_object(pod);
	const struct object *shown =
		cache_find(pods_cache(mirrors->pods), pod_namespace(pod), pod_name(pod));
	const struct json *mirror = shown ? object_json(shown) : NULL;

	if (!mirror) {
		pod_mirror(pod, NULL);
		if (!pod_is_leaving(pod))
			make(mirrors, own);
	} else if (static_pod_is_mirror(mirror)) {
		bool same = str_equal(meta_annotation(mirror, STATIC_MIRROR),
				      meta_annotation(own, STATIC_HASH));

		if (same && !object_is_deleting(shown)) {
			pod_mirror(pod, mirror);
		} else {
			pod_mirror(pod, NULL);
			take_away(mirrors, mirror);
		}
	}
	if (shown)
		object_trim(shown);
}

/* Shown, but nobody is behind it. */
static void look_for_orphans(struct mirrors *mirrors)
{
	const struct object *shown;

	for (size_t i = 0; (shown = cache_next(pods_cache(mirrors->pods), &i));) {
		const struct json *mirror = object_json(shown);
		struct pod *pod = static_pod_is_mirror(mirror)
					  ? pods_find(mirrors->pods, object_namespace(shown),
						      object_name(shown))
					  : NULL;

		if (static_pod_is_mirror(mirror) && !(pod && static_pod_is(pod_object(pod))))
			take_away(mirrors, mirror);
		object_trim(shown);
	}
}

static void on_pass(struct loop_task *task)
{
	struct mirrors *mirrors = CONTAINER_OF(task, struct mirrors, pass);
	const struct cache *cache = pods_cache(mirrors->pods);
	struct pod *pod;

	if (!cache || !cache_is_synced(cache) || !mirrors->node->nodes)
		return;
	for (size_t i = 0; (pod = pods_next(mirrors->pods, &i));)
		if (static_pod_is(pod_object(pod)))
			look_at(mirrors, pod);
	look_for_orphans(mirrors);
}

void mirrors_again(struct mirrors *mirrors)
{
	if (mirrors)
		loop_defer(mirrors->node->loop, &mirrors->pass);
}

static void on_again(struct loop_timer *timer)
{
	mirrors_again(CONTAINER_OF(timer, struct mirrors, again));
}

struct mirrors *mirrors_new(struct node *node, struct pods *pods)
{
	struct mirrors *mirrors = memory_new(struct mirrors);

	mirrors->node = node;
	mirrors->pods = pods;
	mirrors->calls = map_new();
	mirrors->pass.on_task = on_pass;
	mirrors->again.on_timer = on_again;
	return mirrors;
}

void mirrors_free(struct mirrors *mirrors)
{
	struct str key;
	void *value;

	if (!mirrors)
		return;
	loop_task_cancel(&mirrors->pass);
	loop_timer_stop(&mirrors->again);
	for (size_t i = 0; map_next(mirrors->calls, &i, &key, &value);) {
		client_cancel(((struct calling *)value)->call);
		calling_free(value);
	}
	map_free(mirrors->calls);
	free(mirrors);
}
