/*
 * watch_hub.c - watches: each change is encoded once and written to every watcher whose selectors
 * it meets.
 *
 * comes from: the gates (a list with watch=true) and the datastore's feed.  goes to: streamed
 * replies. A watcher starts from current state (synthetic ADDED events), or from the kept changes
 * behind its revision.  One that reads too slowly is cut off: it lists again, which costs less than
 * an endless backlog.
 */
#include <assert.h>
#include <inttypes.h>

#include "api/face.h"
#include "api/selector.h"
#include "api/table.h"
#include "base/clock.h"
#include "base/random.h"
#include "server/registry/registry_inside.h"

#define PENDING_MAX   (8u * 1024 * 1024)
#define BOOKMARK_MS   60000
#define TIMEOUT_MIN_S 1800 /* + up to as much again, at random: watches do not end together */

struct watcher {
	struct list link;
	struct hub *hub;
	struct request *req;
	struct filter filter;
	char *prefix;
	uint64_t after; /* changes up to this revision are not for it */
	bool bookmarks;
	bool started; /* a table event has carried the column definitions */
	enum table_include include;
	struct loop_timer timeout;
};

/* The encoded forms of one change, made on demand. */
struct encoded {
	const struct change *change;
	const struct object *last; /* the state before, with the change's revision: for DELETED */
	/* As it is kept, and as its other face (a kept kind has one at most). */
	struct buf added[2], modified[2], deleted[2];
};

struct hub {
	struct registry *registry;
	struct list watchers;
	size_t count;
	struct datastore_listener listener;
	struct loop_timer bookmark;
};

/* --- the end of a watch --- */

static void watcher_free(struct watcher *watcher)
{
	loop_timer_stop(&watcher->timeout);
	list_remove(&watcher->link);
	watcher->hub->count--;
	filter_clear(&watcher->filter);
	free(watcher->prefix);
	free(watcher);
}

static void on_gone(struct http_request *http)
{
	struct request *req = http->user;

	watcher_free(req->work);
	http_request_free(http);
}

static void cut_off(struct watcher *watcher)
{
	struct http_request *http = watcher->req->http;

	watcher_free(watcher);
	http_reply_abort(http);
}

/* --- events --- */

static struct object *state_at(const struct object *object, uint64_t revision)
{
	struct json_doc *doc = object_thaw(object);

	json_put(doc, meta_of(json_root(doc)), "resourceVersion",
		 json_new_print(doc, "%" PRIu64, revision));
	return object_new(doc);
}

static void print_table(struct watcher *watcher, const struct object *object, struct buf *out)
{
	buf_add_text(out, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/"
			  "v1\",\"metadata\":{\"resourceVersion\":\"");
	buf_add_print(out, "%" PRIu64 "\"},\"columnDefinitions\":", object_revision(object));
	if (watcher->started)
		buf_add_text(out, "null");
	else
		table_print_columns(watcher->req->kind, out);
	watcher->started = true;
	buf_add_text(out, ",\"rows\":[");
	table_print_row(watcher->req->kind, object, watcher->include, out);
	buf_add_text(out, "]}");
}

static void print_whole(const struct kind *kind, const struct object *object, struct buf *out)
{
	auto_object shown = face_of(kind, object);

	buf_add_str(out, object_bytes(shown));
}

static void print_event(struct watcher *watcher, const char *type, const struct object *object,
			struct buf *out)
{
	buf_add_print(out, "{\"type\":\"%s\",\"object\":", type);
	if (watcher->req->answer == ANSWER_TABLE)
		print_table(watcher, object, out);
	else if (watcher->req->answer == ANSWER_PARTIAL)
		table_print_partial(object, out);
	else
		print_whole(watcher->req->kind, object, out);
	buf_add_text(out, "}\n");
}

static void send(struct watcher *watcher, struct str text)
{
	http_reply_write(watcher->req->http, text);
	if (http_reply_pending(watcher->req->http) > PENDING_MAX)
		cut_off(watcher);
}

static void send_object(struct watcher *watcher, const char *type, const struct object *object,
			struct buf *shared)
{
	auto_buf own = BUF_INIT;

	if (watcher->req->answer == ANSWER_TABLE || watcher->req->answer == ANSWER_PARTIAL) {
		print_event(watcher, type, object, &own);
		send(watcher, buf_str(&own));
		return;
	}
	if (shared->len == 0)
		print_event(watcher, type, object, shared);
	send(watcher, buf_str(shared));
}

static const struct object *last_state(struct encoded *encoded)
{
	if (!encoded->last)
		encoded->last = state_at(encoded->change->before, encoded->change->revision);
	return encoded->last;
}

/* A change of selection counts as coming and going */
static void deliver(struct watcher *watcher, struct encoded *encoded)
{
	const struct change *change = encoded->change;
	size_t face = watcher->req->kind->stored_as != NULL;
	bool before, after;

	if (change->revision <= watcher->after || !str_starts(change->key, str_of(watcher->prefix)))
		return;
	watcher->after = change->revision;
	before = change->before && filter_match(&watcher->filter, change->before);
	after = change->after && filter_match(&watcher->filter, change->after);
	if (after && before)
		send_object(watcher, "MODIFIED", change->after, &encoded->modified[face]);
	else if (after)
		send_object(watcher, "ADDED", change->after, &encoded->added[face]);
	else if (before)
		send_object(watcher, "DELETED", last_state(encoded), &encoded->deleted[face]);
}

static void encoded_clear(struct encoded *encoded)
{
	object_unref(encoded->last);
	for (size_t face = 0; face < 2; face++) {
		buf_clear(&encoded->added[face]);
		buf_clear(&encoded->modified[face]);
		buf_clear(&encoded->deleted[face]);
	}
}

static void on_change(struct datastore_listener *listener, const struct change *change)
{
	struct hub *hub = CONTAINER_OF(listener, struct hub, listener);
	struct encoded encoded = { .change = change };

	LIST_EACH_SAFE(&hub->watchers, link)
	deliver(LIST_OWNER(link, struct watcher, link), &encoded);
	encoded_clear(&encoded);
	/* The parsed forms have served their purpose; who needs them again parses again. */
	if (change->before)
		object_trim(change->before);
	if (change->after)
		object_trim(change->after);
}

/* --- bookmarks --- */

static void print_bookmark(struct watcher *watcher, uint64_t revision, bool initial_end,
			   struct buf *out)
{
	const struct kind *kind = watcher->req->kind;
	auto_buf version = BUF_INIT;

	kind_api_version(kind, &version);
	buf_add_text(out, "{\"type\":\"BOOKMARK\",\"object\":");
	if (watcher->req->answer == ANSWER_TABLE)
		buf_add_text(out, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/"
				  "v1\",\"columnDefinitions\":null,\"rows\":[]");
	else if (watcher->req->answer == ANSWER_PARTIAL)
		buf_add_text(
			out,
			"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\"");
	else
		buf_add_print(out, "{\"kind\":\"%s\",\"apiVersion\":\"%s\"", kind->name,
			      buf_text(&version));
	buf_add_print(out,
		      ",\"metadata\":{\"resourceVersion\":\"%" PRIu64
		      "\",\"creationTimestamp\":null",
		      revision);
	if (initial_end)
		buf_add_text(out, ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}");
	buf_add_text(out, "}}}\n");
}

static void send_bookmark(struct watcher *watcher, bool initial_end)
{
	auto_buf text = BUF_INIT;
	uint64_t revision = datastore_revision(watcher->hub->registry->store);

	if (revision < watcher->after)
		return; /* it waits for the future */
	print_bookmark(watcher, revision, initial_end, &text);
	send(watcher, buf_str(&text));
}

static void on_bookmark_timer(struct loop_timer *timer)
{
	struct hub *hub = CONTAINER_OF(timer, struct hub, bookmark);

	if (list_is_empty(&hub->watchers))
		return;
	LIST_EACH_SAFE(&hub->watchers, link)
	{
		struct watcher *watcher = LIST_OWNER(link, struct watcher, link);

		if (watcher->bookmarks)
			send_bookmark(watcher, false);
	}
	loop_timer_set(hub->registry->loop, timer, BOOKMARK_MS);
}

static void end_cleanly(struct watcher *watcher)
{
	struct http_request *http = watcher->req->http;

	watcher_free(watcher);
	http_reply_end(http);
}

static void on_timeout(struct loop_timer *timer)
{
	struct watcher *watcher = CONTAINER_OF(timer, struct watcher, timeout);
	auto_buf text = BUF_INIT;

	if (watcher->bookmarks) {
		print_bookmark(watcher, datastore_revision(watcher->hub->registry->store), false,
			       &text);
		http_reply_write(watcher->req->http, buf_str(&text));
	}
	end_cleanly(watcher);
}

/* --- the start of a watch --- */

/* Rules of resourceVersionMatch and sendInitialEvents; *out_initial: current state comes first. */
static bool check_start(struct request *req, uint64_t *out_after, bool *out_initial,
			struct error *err)
{
	struct request_params *params = &req->params;
	bool initial = params->send_initial_events;

	if (params->has_send_initial_events &&
	    !str_is(params->resource_version_match, "NotOlderThan"))
		return error_set(
			err, ERROR_INVALID,
			"resourceVersionMatch: Forbidden: sendInitialEvents requires setting "
			"resourceVersionMatch to NotOlderThan");
	if (params->send_initial_events && !params->bookmarks)
		return error_set(err, ERROR_INVALID,
				 "sendInitialEvents: Forbidden: sendInitialEvents requires "
				 "allowWatchBookmarks");
	if (!params->has_send_initial_events && params->resource_version_match.len > 0)
		return error_set(err, ERROR_INVALID,
				 "resourceVersionMatch: Forbidden: resourceVersionMatch is "
				 "forbidden for watch "
				 "unless sendInitialEvents is provided");
	*out_after = 0;
	if (params->resource_version.len > 0 &&
	    !str_to_u64(params->resource_version, UINT64_MAX, out_after))
		return error_set(err, ERROR_INVALID,
				 "resourceVersion: Invalid value: \"" STR_FMT "\": not a number",
				 STR_ARG(params->resource_version));
	*out_initial = initial || (!params->has_send_initial_events && *out_after == 0);
	return true;
}

static enum table_include include_of(const struct request *req)
{
	if (str_is(req->params.include_object, "Object"))
		return TABLE_OBJECT;
	return str_is(req->params.include_object, "None") ? TABLE_NONE : TABLE_METADATA;
}

static struct watcher *watcher_new(struct hub *hub, struct request *req)
{
	struct watcher *watcher = memory_new(struct watcher);
	auto_buf prefix = BUF_INIT;

	filter_prefix(req, &prefix);
	watcher->hub = hub;
	watcher->req = req;
	watcher->prefix = buf_take(&prefix);
	watcher->bookmarks = req->params.bookmarks;
	watcher->include = include_of(req);
	watcher->timeout.on_timer = on_timeout;
	list_add(&hub->watchers, &watcher->link);
	hub->count++;
	req->work = watcher;
	return watcher;
}

/* Current state as ADDED events, collected in one write. */
static void send_current(struct watcher *watcher)
{
	struct datastore *store = watcher->hub->registry->store;
	struct str prefix = str_of(watcher->prefix);
	auto_buf text = BUF_INIT;

	for (const struct record *record = datastore_first(store, prefix, STR_NONE); record;
	     record = datastore_next(record, prefix)) {
		if (!filter_match(&watcher->filter, record->item))
			continue;
		print_event(watcher, "ADDED", record->item, &text);
		if (text.len > STREAM_LOW) {
			http_reply_write(watcher->req->http, buf_str(&text));
			buf_reset(&text);
		}
	}
	watcher->after = datastore_revision(store);
	if (watcher->req->params.send_initial_events)
		print_bookmark(watcher, watcher->after, true, &text);
	if (text.len > 0)
		http_reply_write(watcher->req->http, buf_str(&text));
}

static bool replay_one(void *of, const struct change *change)
{
	struct watcher *watcher = of;
	struct encoded encoded = { .change = change };
	size_t before = watcher->hub->count;
	struct hub *hub = watcher->hub;

	deliver(watcher, &encoded);
	encoded_clear(&encoded);
	return hub->count == before; /* false when it was cut off */
}

static const char *content_type(const struct request *req)
{
	if (req->answer == ANSWER_TABLE)
		return "application/json;as=Table;v=v1;g=meta.k8s.io";
	if (req->answer == ANSWER_PARTIAL)
		return "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
	return "application/json";
}

static int64_t timeout_ms(const struct request *req)
{
	int64_t seconds = req->params.timeout_s;

	if (seconds <= 0)
		seconds = TIMEOUT_MIN_S + (int64_t)random_below(TIMEOUT_MIN_S);
	return seconds * 1000;
}

static void begin(struct watcher *watcher, uint64_t after, bool initial)
{
	struct request *req = watcher->req;
	struct hub *hub = watcher->hub;
	struct error unused;

	req->http->user = req;
	req->http->on_gone = on_gone;
	reply_headers(req);
	http_reply_start(req->http, 200, content_type(req));
	loop_timer_set(hub->registry->loop, &watcher->timeout, timeout_ms(req));
	if (hub->bookmark.heap_at == 0)
		loop_timer_set(hub->registry->loop, &hub->bookmark, BOOKMARK_MS);
	if (initial) {
		send_current(watcher);
		return;
	}
	watcher->after = after;
	if (!datastore_replay(hub->registry->store, after, replay_one, watcher, &unused))
		assert(!"checked before");
}

enum step hub_watch(struct request *req, struct error *err)
{
	struct hub *hub = registry_of(req)->hub;
	struct datastore *store = registry_of(req)->store;
	struct filter filter;
	struct watcher *watcher;
	uint64_t after = 0;
	bool initial = false;

	if (!check_start(req, &after, &initial, err) || !filter_parse(req, &filter, err))
		return STEP_FAIL;
	if (!initial && after < datastore_oldest(store)) {
		filter_clear(&filter);
		error_set(err, ERROR_EXPIRED, "too old resource version: %" PRIu64 " (%" PRIu64 ")",
			  after, datastore_oldest(store));
		return STEP_FAIL;
	}
	watcher = watcher_new(hub, req);
	watcher->filter = filter;
	begin(watcher, after, initial);
	return STEP_DONE;
}

/* --- the hub --- */

struct hub *hub_new(struct registry *registry)
{
	struct hub *hub = memory_new(struct hub);

	hub->registry = registry;
	list_init(&hub->watchers);
	hub->listener.on_change = on_change;
	hub->bookmark.on_timer = on_bookmark_timer;
	datastore_listen(registry->store, &hub->listener);
	return hub;
}

void hub_stop(struct hub *hub)
{
	while (!list_is_empty(&hub->watchers))
		end_cleanly(LIST_OWNER(hub->watchers.next, struct watcher, link));
}

void hub_free(struct hub *hub)
{
	if (!hub)
		return;
	hub_stop(hub);
	loop_timer_stop(&hub->bookmark);
	datastore_unlisten(&hub->listener);
	free(hub);
}

size_t hub_count(const struct hub *hub)
{
	return hub->count;
}
