/*
 * pods.c - the set of pods, kept equal to the API's list for this node.
 */
#include "agent/pods.h"

#include <dirent.h>
#include <errno.h>

#include "agent/evictor.h"
#include "agent/node_fit.h"
#include "agent/pod_files.h"
#include "agent/static_pods.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"

#define LOOK_MS 30000 /* until objects without a pod are looked at again */

struct pods {
	struct node *node;
	struct map *map; /* uid -> struct pod */
	struct cache *cache;
	struct list gone; /* freed outside of their callbacks */
	struct loop_task bury;
	struct loop_timer look;
	struct list confirming;
	void (*on_change)(void *of);
	void *of;
};

/* A deletion that is being confirmed. */
struct confirming {
	struct pods *pods;
	struct client_call *call;
	struct list link;
};

struct grave {
	struct pod *pod;
	struct list link;
};

static void changed(struct pods *pods)
{
	if (pods->on_change)
		pods->on_change(pods->of);
}

/* --- the end of a pod --- */

static void on_bury(struct loop_task *task)
{
	struct pods *pods = CONTAINER_OF(task, struct pods, bury);
	struct str uid;
	void *value;

	LIST_EACH_SAFE(&pods->gone, link)
	{
		struct grave *grave = LIST_OWNER(link, struct grave, link);

		list_remove(link);
		pod_free(grave->pod);
		free(grave);
	}
	for (size_t i = 0; map_next(pods->map, &i, &uid, &value);)
		pod_room_came(value);
	changed(pods);
}

static void on_gone(void *owner, struct pod *pod)
{
	struct pods *pods = owner;
	struct grave *grave = memory_new(struct grave);

	log_info("agent.pods", "pod has left", "pod=" STR_FMT "/" STR_FMT,
		 STR_ARG(pod_namespace(pod)), STR_ARG(pod_name(pod)));
	map_remove(pods->map, pod_uid(pod));
	grave->pod = pod;
	list_add(&pods->gone, &grave->link);
	loop_defer(pods->node->loop, &pods->bury);
}

static void on_network(void *owner)
{
	changed(owner);
}

/* Alone it must fit into the node; beside the others, now. */
static enum pod_room room(void *owner, const struct pod *pod)
{
	const struct pods *pods = owner;
	auto_buf why = BUF_INIT;

	if (!node_fit_resources(pods->node, NULL, pod_object(pod), &why))
		return POD_ROOM_NEVER;
	return node_fit_resources(pods->node, pods, pod_object(pod), &why) ? POD_ROOM_NOW
									   : POD_ROOM_LATER;
}

static const struct pod_events events = { .on_gone = on_gone,
					  .on_network = on_network,
					  .room = room };

/* --- from the API --- */

/* A node under pressure takes no new pods, with few exceptions; and none for whom it has no room.
 */
static void admit(const struct pods *pods, struct pod *pod)
{
	auto_buf why = BUF_INIT;
	const char *reason = "Evicted";

	if (pods->node->evictor && !evictor_admit(pods->node->evictor, pod_object(pod), &why))
		pod_reject(pod, reason, buf_text(&why));
	else if (!node_fit_check(pods->node, pods, pod_object(pod), &reason, &why))
		pod_reject(pod, reason, buf_text(&why));
}

static bool is_over(const struct json *object)
{
	struct str phase = json_str(json_path(object, "status", "phase", NULL));

	return str_is(phase, "Succeeded") || str_is(phase, "Failed");
}

static void look_again(struct pods *pods)
{
	loop_timer_set(pods->node->loop, &pods->look, LOOK_MS);
}

static void on_confirmed(void *of, const struct json *result, const struct error *err)
{
	struct confirming *one = of;

	(void)result;
	if (err && err->kind != ERROR_NOT_FOUND && err->kind != ERROR_CONFLICT)
		look_again(one->pods);
	list_remove(&one->link);
	free(one);
}

/* Deleted, and nothing of it here: nobody else will let the API forget it. */
static void confirm_deletion(struct pods *pods, const struct json *object)
{
	auto_free char *body = memory_print("{\"gracePeriodSeconds\":0,\"preconditions\":{\"uid\":"
					    "\"" STR_FMT "\"}}",
					    STR_ARG(meta_str(object, "uid")));
	struct client_ask ask = { .verb = CLIENT_DELETE,
				  .kind = kind_find_name(STR("v1"), STR("Pod")),
				  .namespace = meta_str(object, "namespace"),
				  .name = meta_str(object, "name"),
				  .body = str_of(body),
				  .on_done = on_confirmed };
	struct confirming *one = memory_new(struct confirming);

	one->pods = pods;
	list_add(&pods->confirming, &one->link);
	ask.of = one;
	one->call = client_call(pods->node->client, &ask);
}

bool pods_add(struct pods *pods, const struct json *object, struct error *err)
{
	struct pod *pod;

	if (!pod_new(pods->node, object, &events, pods, &pod, err))
		return false;
	log_info("agent.pods", "pod has come", "pod=" STR_FMT "/" STR_FMT,
		 STR_ARG(pod_namespace(pod)), STR_ARG(pod_name(pod)));
	map_put(pods->map, pod_uid(pod), pod);
	admit(pods, pod);
	changed(pods);
	return true;
}

static void add(struct pods *pods, const struct json *object)
{
	struct error err;

	if (meta_str(object, "deletionTimestamp").len > 0) {
		confirm_deletion(pods, object);
		return;
	}
	if (is_over(object))
		return;
	if (pods_add(pods, object, &err))
		return;
	log_error("agent.pods", "a pod cannot be begun; trying again",
		  "pod=" STR_FMT "/" STR_FMT " why=\"%s\"", STR_ARG(meta_str(object, "namespace")),
		  STR_ARG(meta_str(object, "name")), err.text);
	look_again(pods);
}

static void remove_uid(struct pods *pods, struct str uid)
{
	struct pod *pod = map_find(pods->map, uid);

	if (pod)
		pod_remove(pod);
}

static void on_pod(void *owner, const struct object *before, const struct object *after)
{
	struct pods *pods = owner;
	bool mirror = static_pod_is_mirror(object_json(after ? after : before));
	struct pod *pod = after ? map_find(pods->map, object_uid(after)) : NULL;

	/* The same name again is another pod. */
	if (before && (!after || !str_equal(object_uid(before), object_uid(after))))
		remove_uid(pods, object_uid(before));
	if (mirror)
		changed(pods);
	else if (pod)
		pod_update(pod, object_json(after));
	else if (after)
		add(pods, object_json(after));
	if (after)
		object_trim(after);
}

/* Objects that nothing came of before: a full disk, a lost answer. */
static void on_look(struct loop_timer *timer)
{
	struct pods *pods = CONTAINER_OF(timer, struct pods, look);
	const struct object *object;

	for (size_t i = 0; pods->cache && (object = cache_next(pods->cache, &i));)
		if (!map_find(pods->map, object_uid(object)) &&
		    !static_pod_is_mirror(object_json(object)))
			add(pods, object_json(object));
}

/* Pods that were deleted while we were away. */
static void on_synced(void *owner)
{
	struct pods *pods = owner;
	struct str uid;
	void *value;

	for (size_t i = 0; map_next(pods->map, &i, &uid, &value);) {
		const struct object *object =
			cache_find(pods->cache, pod_namespace(value), pod_name(value));

		if (!static_pod_is(pod_object(value)) &&
		    (!object || !str_equal(object_uid(object), uid)))
			pod_remove(value);
	}
	changed(pods);
}

void pods_follow(struct pods *pods)
{
	static const struct cache_events cache_events = { .on_change = on_pod,
							  .on_synced = on_synced };
	auto_free char *query = memory_print("fieldSelector=spec.nodeName%%3D%s", pods->node->name);

	if (!pods->cache)
		pods->cache = cache_start(pods->node->client, kind_find_name(STR("v1"), STR("Pod")),
					  query, &cache_events, pods);
}

/* --- from the disk --- */

static void adopt(struct pods *pods, const char *name)
{
	auto_free char *folder = memory_print("%s/pods/%s", pods->node->folder, name);
	struct pod *pod;
	struct error err;

	if (pod_adopt(pods->node, folder, &events, pods, &pod, &err)) {
		map_put(pods->map, pod_uid(pod), pod);
		return;
	}
	if (err.kind != ERROR_NOT_FOUND) { /* it may still run: the next start tries again */
		log_error("agent.pods", "a pod of an earlier life cannot be adopted",
			  "folder=%s why=\"%s\"", folder, err.text);
		return;
	}
	/* Without pod.json nobody knows what it was: it was never begun. */
	log_warn("agent.pods", "a pod's folder makes no sense and is removed", "folder=%s", folder);
	pod_files_discard(pods->node, folder);
}

static bool adopt_all(struct pods *pods, struct error *err)
{
	auto_free char *path = memory_print("%s/pods", pods->node->folder);
	struct dirent *entry;
	DIR *open;

	if (!file_make_dirs(path, 0700, err))
		return false;
	open = opendir(path);
	if (!open)
		return error_os(err, "cannot read %s", path);
	while ((entry = readdir(open)))
		if (entry->d_name[0] != '.')
			adopt(pods, entry->d_name);
	closedir(open);
	return true;
}

bool pods_open(struct node *node, struct pods **out, struct error *err)
{
	struct pods *pods = memory_new(struct pods);

	pods->node = node;
	pods->map = map_new();
	list_init(&pods->gone);
	list_init(&pods->confirming);
	pods->bury.on_task = on_bury;
	pods->look.on_timer = on_look;
	if (!adopt_all(pods, err)) {
		pods_close(pods);
		return false;
	}
	*out = pods;
	return true;
}

void pods_close(struct pods *pods)
{
	struct str uid;
	void *value;

	if (!pods)
		return;
	pods->on_change = NULL;
	cache_stop(pods->cache);
	on_bury(&pods->bury);
	loop_task_cancel(&pods->bury);
	loop_timer_stop(&pods->look);
	LIST_EACH_SAFE(&pods->confirming, link)
	{
		struct confirming *one = LIST_OWNER(link, struct confirming, link);

		client_cancel(one->call);
		free(one);
	}
	for (size_t i = 0; map_next(pods->map, &i, &uid, &value);)
		pod_free(value);
	map_free(pods->map);
	free(pods);
}

void pods_poke(struct pods *pods)
{
	struct str uid;
	void *value;

	cache_poke(pods->cache);
	for (size_t i = 0; map_next(pods->map, &i, &uid, &value);)
		pod_poke(value);
}

struct pod *pods_find_uid(const struct pods *pods, struct str uid)
{
	return map_find(pods->map, uid);
}

const struct cache *pods_cache(const struct pods *pods)
{
	return pods->cache;
}

/* While one leaves, another of the same name may have come: that one is meant. */
struct pod *pods_find(const struct pods *pods, struct str namespace, struct str name)
{
	struct pod *found = NULL;
	struct str uid;
	void *value;

	for (size_t i = 0; map_next(pods->map, &i, &uid, &value);)
		if (str_equal(pod_namespace(value), namespace) &&
		    str_equal(pod_name(value), name) && (!found || pod_is_leaving(found)))
			found = value;
	return found;
}

struct pod *pods_next(const struct pods *pods, size_t *at)
{
	struct str uid;
	void *value;

	return map_next(pods->map, at, &uid, &value) ? value : NULL;
}

void pods_on_change(struct pods *pods, void (*on_change)(void *of), void *of)
{
	pods->on_change = on_change;
	pods->of = of;
}
