/*
 * cache.c - list, watch, and what changed.
 *
 *   LISTING -(list is in)-> WATCHING -(stream ends)-> WATCHING from the last revision
 *      ^                        |
 *      +--- 410, error event ---+        failures wait: 0.1 s doubling to 10 s, with jitter
 */
#include "client/cache.h"

#include <assert.h>
#include <inttypes.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/random.h"

#define WAIT_MIN_MS    100
#define WAIT_MAX_MS    10000
#define LINE_MAX_BYTES (2u * LIMIT_BODY)
#define WATCH_SECONDS  300 /* + up to as much again */

struct cache {
	struct client *client;
	const struct kind *kind;
	char *query;
	const struct cache_events *events;
	void *owner;
	const struct object *(*find)(void *of, const struct kind *kind, struct str namespace,
				     struct str name); /* NULL: all are copies */
	void *find_of;
	struct map *objects; /* "namespace/name" -> struct object */
	uint64_t revision;
	bool synced, expired;
	struct client_call *list;
	struct http_call *watch;
	struct buf line;
	struct loop_timer timer;
	int64_t wait_ms;
};

static void begin_list(struct cache *cache);
static void begin_watch(struct cache *cache);

/* --- objects --- */

static void tell(struct cache *cache, const struct object *before, const struct object *after)
{
	cache->events->on_change(cache->owner, before, after);
	if (after)
		object_trim(after);
	object_unref(before);
}

/* Takes the reference of `after`; NULL removes. */
static void change(struct cache *cache, struct str key, struct object *after)
{
	struct object *before =
		after ? map_put(cache->objects, key, after) : map_remove(cache->objects, key);

	if (before || after)
		tell(cache, before, after);
}

/* The server's own, when it is what was told: a reference, or NULL. */
static struct object *shared_of(const struct cache *cache, const struct json *value,
				struct str version)
{
	const struct object *found = NULL;
	uint64_t revision;

	if (cache->find && str_to_u64(meta_str(value, "resourceVersion"), UINT64_MAX, &revision))
		found = cache->find(cache->find_of, cache->kind, meta_str(value, "namespace"),
				    meta_str(value, "name"));
	if (!found || object_revision(found) != revision ||
	    !str_equal(object_api_version(found), version))
		return NULL;
	return object_ref(found);
}

/* Items of lists do not say their kind: an object does. */
static struct object *object_of(struct cache *cache, const struct json *value)
{
	auto_buf version = BUF_INIT;
	struct object *shared;
	struct json_doc *doc;
	struct json *root;

	kind_api_version(cache->kind, &version);
	shared = shared_of(cache, value, buf_str(&version));
	if (shared)
		return shared;
	doc = json_doc_new();
	root = json_new_object(doc);
	json_put(doc, root, "apiVersion", json_new_str(doc, buf_str(&version)));
	json_put(doc, root, "kind", json_new_text(doc, cache->kind->name));
	for (struct json_iter it = json_iter(value); json_next(&it);)
		if (!str_is(it.key, "apiVersion") && !str_is(it.key, "kind"))
			json_put_str(doc, root, it.key, json_clone(doc, it.value));
	json_set_root(doc, root);
	return object_new(doc);
}

static void see_revision(struct cache *cache, struct str text)
{
	uint64_t revision;

	if (str_to_u64(text, UINT64_MAX, &revision) && revision > cache->revision)
		cache->revision = revision;
}

/* --- waiting after failures --- */

static void on_timer(struct loop_timer *timer)
{
	struct cache *cache = CONTAINER_OF(timer, struct cache, timer);

	if (cache->synced && !cache->expired)
		begin_watch(cache);
	else
		begin_list(cache);
}

static void try_later(struct cache *cache)
{
	int64_t wait = cache->wait_ms ? cache->wait_ms * 2 : WAIT_MIN_MS;

	cache->wait_ms = wait > WAIT_MAX_MS ? WAIT_MAX_MS : wait;
	loop_timer_set(client_loop(cache->client), &cache->timer,
		       cache->wait_ms / 2 + (int64_t)random_below((uint64_t)cache->wait_ms));
}

void cache_poke(struct cache *cache)
{
	if (!cache || cache->timer.heap_at == 0)
		return;
	cache->wait_ms = 0;
	loop_timer_set(client_loop(cache->client), &cache->timer, 0);
}

/* --- list --- */

static void drop_missing(struct cache *cache, const struct map *listed)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_next(cache->objects, &i, &key, &value);)
		if (!map_find(listed, key)) {
			auto_free char *name = str_copy(key);

			change(cache, str_of(name), NULL);
		}
}

static void take_list(struct cache *cache, const struct json *result)
{
	auto_map listed = map_new();

	for (struct json_iter it = json_iter(json_get(result, "items")); json_next(&it);) {
		struct object *object = object_of(cache, it.value);
		const struct object *known;
		auto_buf key = BUF_INIT;

		object_key(object, &key);
		map_put(listed, buf_str(&key), object);
		known = map_find(cache->objects, buf_str(&key));
		if (known && object_revision(known) == object_revision(object))
			object_unref(object);
		else
			change(cache, buf_str(&key), object);
	}
	drop_missing(cache, listed);
	see_revision(cache, meta_str(result, "resourceVersion"));
}

void cache_seed(struct cache *cache, const struct json *list)
{
	assert(!cache->synced);
	for (struct json_iter it = json_iter(json_get(list, "items")); json_next(&it);) {
		auto_buf key = BUF_INIT;
		struct object *object;

		if (meta_str(it.value, "name").len == 0)
			continue;
		object = object_of(cache, it.value);
		object_key(object, &key);
		change(cache, buf_str(&key), object);
	}
}

static void on_list(void *of, const struct json *result, const struct error *err)
{
	struct cache *cache = of;
	bool first = !cache->synced;

	cache->list = NULL;
	if (err) {
		try_later(cache);
		return;
	}
	cache->wait_ms = 0;
	cache->expired = false;
	take_list(cache, result);
	cache->synced = true;
	if (first && cache->events->on_synced)
		cache->events->on_synced(cache->owner);
	begin_watch(cache);
}

static void begin_list(struct cache *cache)
{
	struct client_ask ask = {
		.verb = CLIENT_LIST,
		.kind = cache->kind,
		.query = cache->query,
		.on_done = on_list,
		.of = cache,
	};

	cache->list = client_call(cache->client, &ask);
}

/* --- watch --- */

static void take_event(struct cache *cache, const struct json *event)
{
	struct str type = json_str(json_get(event, "type"));
	const struct json *value = json_get(event, "object");
	struct object *object;
	auto_buf key = BUF_INIT;

	if (str_is(type, "ERROR")) {
		cache->expired = true;
		return;
	}
	see_revision(cache, meta_str(value, "resourceVersion"));
	if (str_is(type, "BOOKMARK"))
		return;
	object = object_of(cache, value);
	object_key(object, &key);
	if (str_is(type, "DELETED")) {
		change(cache, buf_str(&key), NULL);
		object_unref(object);
	} else {
		change(cache, buf_str(&key), object);
	}
}

static bool on_head(void *of, const struct http_head *head)
{
	struct cache *cache = of;

	if (head->status == 200)
		return true;
	cache->expired = cache->expired || head->status == 410;
	cache->watch = NULL;
	try_later(cache);
	return false;
}

static void on_body(void *of, struct str piece)
{
	struct cache *cache = of;
	ptrdiff_t end;

	buf_add_str(&cache->line, piece);
	cache->wait_ms = 0;
	while ((end = str_find(buf_str(&cache->line), '\n')) >= 0) {
		auto_json_doc doc = NULL;
		struct error err;

		if (json_parse(str_from(cache->line.at, (size_t)end), &doc, NULL, &err))
			take_event(cache, json_root(doc));
		else
			cache->expired = true;
		buf_drop_front(&cache->line, (size_t)end + 1);
	}
	if (cache->line.len == 0)
		buf_clear(&cache->line);
	cache->expired = cache->expired || cache->line.len > LINE_MAX_BYTES;
}

static void on_watch_end(void *of, const struct error *err)
{
	struct cache *cache = of;

	cache->watch = NULL;
	buf_clear(&cache->line);
	if (err || cache->expired)
		try_later(cache);
	else
		begin_watch(cache);
}

static void begin_watch(struct cache *cache)
{
	auto_buf target = BUF_INIT;
	struct http_ask ask = {
		.method = "GET",
		.on_head = on_head,
		.on_body = on_body,
		.on_end = on_watch_end,
		.of = cache,
	};

	client_path(cache->kind, STR_NONE, STR_NONE, NULL, &target);
	buf_add_print(&target,
		      "?watch=true&allowWatchBookmarks=true&resourceVersion=%" PRIu64
		      "&timeoutSeconds=%" PRIu64,
		      cache->revision, WATCH_SECONDS + random_below(WATCH_SECONDS));
	if (cache->query)
		buf_add_print(&target, "&%s", cache->query);
	ask.target = buf_text(&target);
	cache->watch = http_call(client_http(cache->client), &ask);
}

/* --- the cache --- */

struct cache *cache_start(struct client *client, const struct kind *kind, const char *query,
			  const struct cache_events *events, void *owner)
{
	struct cache *cache = memory_new(struct cache);

	assert(kind && events->on_change);
	cache->client = client;
	cache->kind = kind;
	cache->query = query ? memory_string(query) : NULL;
	cache->events = events;
	cache->owner = owner;
	cache->objects = map_new();
	cache->timer.on_timer = on_timer;
	begin_list(cache);
	return cache;
}

void cache_share(struct cache *cache,
		 const struct object *(*find)(void *of, const struct kind *kind,
					      struct str namespace, struct str name),
		 void *of)
{
	assert(find);
	cache->find = find;
	cache->find_of = of;
}

void cache_rest(struct cache *cache)
{
	loop_timer_stop(&cache->timer);
	if (cache->list)
		client_cancel(cache->list);
	if (cache->watch)
		http_call_cancel(cache->watch);
	cache->list = NULL;
	cache->watch = NULL;
}

void cache_stop(struct cache *cache)
{
	struct str key;
	void *value;

	if (!cache)
		return;
	cache_rest(cache);
	for (size_t i = 0; map_next(cache->objects, &i, &key, &value);)
		object_unref(value);
	map_free(cache->objects);
	buf_clear(&cache->line);
	free(cache->query);
	free(cache);
}

bool cache_is_synced(const struct cache *cache)
{
	return cache->synced;
}

uint64_t cache_revision(const struct cache *cache)
{
	return cache->revision;
}

const struct object *cache_find(const struct cache *cache, struct str namespace, struct str name)
{
	auto_buf key = BUF_INIT;

	if (namespace.len > 0)
		buf_add_print(&key, STR_FMT "/", STR_ARG(namespace));
	buf_add_str(&key, name);
	return map_find(cache->objects, buf_str(&key));
}

const struct object *cache_next(const struct cache *cache, size_t *at)
{
	struct str key;
	void *value;

	return map_next(cache->objects, at, &key, &value) ? value : NULL;
}

size_t cache_count(const struct cache *cache)
{
	return map_count(cache->objects);
}
