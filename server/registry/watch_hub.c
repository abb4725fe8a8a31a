/*
 * watch_hub.c - watches: each change is encoded once a form and written to every watcher whose
 * selectors it meets.
 *
 * comes from: the gates (a list with watch=true) and the datastore's feed.  goes to: streamed
 * replies.
 *
 *   FILLING -(current state is out)-> LIVE <-(has caught up)-- BEHIND
 *      |                                \--(reads too slowly)--^  |
 *      +---- what it needs is not kept any more: ERROR 410 <------+
 *
 * A watcher that reads slowly has no queue of its own but a place in the feed: what it has not
 * taken is encoded for it when it has room again.  One that takes nothing for long, or whose bytes
 * are too many together with those of others, is cut off.
 */
#include <assert.h>
#include <inttypes.h>

#include "api/selector.h"
#include "base/limits.h"
#include "base/random.h"
#include "datastore/past.h"
#include "server/registry/reading.h"
#include "server/registry/registry_inside.h"
#include "server/registry/watch_event.h"
#include "server/registry/watch_out.h"

#define BOOKMARK_MS   60000
#define STUCK_TICKS   2    /* of bookmarks: one that has taken nothing between them goes */
#define TIMEOUT_MIN_S 1800 /* + up to as much again, at random: watches do not end together */
#define PIECE         (32u * 1024) /* of current state, in one write */

enum state { STATE_FILLING, STATE_LIVE, STATE_BEHIND };

struct watcher {
	struct list link; /* of hub->watchers; those behind: of hub->slow, longest first */
	struct hub *hub;
	struct watch_out out;
	struct filter filter;
	struct watch_form form;
	char *prefix;
	enum state state;
	uint64_t after;  /* changes up to this revision are not for it */
	char *filled_to; /* FILLING: the last key that was told, or NULL */
	size_t held;     /* its bytes in hub->held */
	unsigned ticks;  /* bookmarks since it has taken something */
	bool bookmarks;
	bool lists;   /* the end of the current state is told (sendInitialEvents) */
	bool started; /* a table event has carried the column definitions */
	struct loop_timer timeout;
};

#define FORMS_MAX 8 /* of one change; the rest is encoded each time */

/* The encoded forms of one change, made on demand. */
struct encoded {
	const struct change *change;
	const struct object *last; /* the state before, with the change's revision: for DELETED */
	struct shared {
		struct watch_form form;
		enum watch_type type;
		struct buf text;
	} shared[FORMS_MAX];
	size_t count;
};

struct hub {
	struct registry *registry;
	struct list watchers, slow;
	size_t count;
	size_t held; /* bytes that watchers have not taken yet */
	struct datastore_listener listener;
	struct loop_timer bookmark;
};

/* --- the end of a watch --- */

static void watcher_free(struct watcher *watcher)
{
	loop_timer_stop(&watcher->timeout);
	list_remove(&watcher->link);
	watcher->hub->count--;
	watcher->hub->held -= watcher->held;
	filter_clear(&watcher->filter);
	free(watcher->prefix);
	free(watcher->filled_to);
	free(watcher);
}

static void on_gone(struct watch_out *out)
{
	watcher_free(CONTAINER_OF(out, struct watcher, out));
}

static void cut_off(struct watcher *watcher)
{
	watch_out_cut(&watcher->out);
	watcher_free(watcher);
}

static void end_cleanly(struct watcher *watcher)
{
	watch_out_end(&watcher->out);
	watcher_free(watcher);
}

static void end_expired(struct watcher *watcher)
{
	auto_buf text = BUF_INIT;
	struct error err;

	error_set(&err, ERROR_EXPIRED, "too old resource version: %" PRIu64 " (%" PRIu64 ")",
		  watcher->after, datastore_oldest(watcher->hub->registry->store));
	watch_print_error(&watcher->form, &err, &text);
	watch_out_write(&watcher->out, buf_str(&text));
	end_cleanly(watcher);
}

/* --- what is on its way --- */

static void count_held(struct watcher *watcher)
{
	struct hub *hub = watcher->hub;
	size_t now = watch_out_pending(&watcher->out);

	hub->held += now - watcher->held;
	watcher->held = now;
}

static bool is_full(const struct watcher *watcher)
{
	return watcher->held > STREAM_LOW;
}

static void write_out(struct watcher *watcher, struct str bytes)
{
	watch_out_write(&watcher->out, bytes);
	count_held(watcher);
}

static void fall_behind(struct watcher *watcher)
{
	if (watcher->state == STATE_LIVE)
		watcher->state = STATE_BEHIND;
	list_remove(&watcher->link);
	list_add(&watcher->hub->slow, &watcher->link);
}

/* The ones that have waited longest make room for the others. */
static void keep_budget(struct hub *hub)
{
	if (hub->held <= LIMIT_WATCH_PENDING)
		return;
	LIST_EACH(&hub->watchers, link) /* they may have taken what was there when it was written */
	count_held(LIST_OWNER(link, struct watcher, link));
	while (hub->held > LIMIT_WATCH_PENDING && !list_is_empty(&hub->slow))
		cut_off(LIST_OWNER(hub->slow.next, struct watcher, link));
}

/* --- events --- */

static struct object *state_at(const struct object *object, uint64_t revision)
{
	struct json_doc *doc = object_thaw(object);

	json_put(doc, meta_of(json_root(doc)), "resourceVersion",
		 json_new_print(doc, "%" PRIu64, revision));
	return object_new(doc);
}

static const struct object *last_state(struct encoded *encoded)
{
	if (!encoded->last)
		encoded->last = state_at(encoded->change->before, encoded->change->revision);
	return encoded->last;
}

/* The place of a form that watchers share; NULL when there are too many. */
static struct shared *shared_of(struct encoded *encoded, const struct watch_form *form,
				enum watch_type type)
{
	struct shared *shared = encoded->shared;

	for (; shared < encoded->shared + encoded->count; shared++)
		if (shared->type == type && watch_form_equal(&shared->form, form))
			return shared;
	if (encoded->count == FORMS_MAX)
		return NULL;
	encoded->count++;
	*shared = (struct shared){ .form = *form, .type = type };
	return shared;
}

static void send_event(struct watcher *watcher, struct encoded *encoded, enum watch_type type)
{
	const struct change *change = encoded->change;
	const struct object *object = type == WATCH_DELETED ? last_state(encoded) : change->after;
	bool first = watcher->form.answer == ANSWER_TABLE && !watcher->started;
	struct shared *shared = first ? NULL : shared_of(encoded, &watcher->form, type);
	auto_buf own = BUF_INIT;

	watcher->started = true;
	if (!shared) {
		watch_print(&watcher->form, type, object, first, &own);
		write_out(watcher, buf_str(&own));
		return;
	}
	if (shared->text.len == 0)
		watch_print(&watcher->form, type, object, false, &shared->text);
	write_out(watcher, buf_str(&shared->text));
}

/* A change of selection counts as coming and going. */
static void deliver(struct watcher *watcher, struct encoded *encoded)
{
	const struct change *change = encoded->change;
	bool before, after;

	if (change->revision <= watcher->after)
		return;
	watcher->after = change->revision;
	if (!str_starts(change->key, str_of(watcher->prefix)))
		return;
	before = change->before && filter_match(&watcher->filter, change->before);
	after = change->after && filter_match(&watcher->filter, change->after);
	if (after)
		send_event(watcher, encoded, before ? WATCH_MODIFIED : WATCH_ADDED);
	else if (before)
		send_event(watcher, encoded, WATCH_DELETED);
}

static void encoded_clear(struct encoded *encoded)
{
	const struct change *change = encoded->change;

	object_unref(encoded->last);
	for (size_t i = 0; i < encoded->count; i++)
		buf_clear(&encoded->shared[i].text);
	/* The parsed forms have served their purpose; who needs them again parses again. */
	if (change->before)
		object_trim(change->before);
	if (change->after)
		object_trim(change->after);
}

static void on_change(struct datastore_listener *listener, const struct change *change)
{
	struct hub *hub = CONTAINER_OF(listener, struct hub, listener);
	struct encoded encoded = { .change = change };

	LIST_EACH_SAFE(&hub->watchers, link)
	{
		struct watcher *watcher = LIST_OWNER(link, struct watcher, link);

		deliver(watcher, &encoded);
		if (is_full(watcher))
			fall_behind(watcher);
	}
	encoded_clear(&encoded);
	keep_budget(hub);
}

/* --- catching up --- */

static bool replay_one(void *of, const struct change *change)
{
	struct watcher *watcher = of;
	struct encoded encoded = { .change = change };

	deliver(watcher, &encoded);
	encoded_clear(&encoded);
	return !is_full(watcher);
}

/* From its place in the feed on, as far as there is room. */
static void catch_up(struct watcher *watcher)
{
	struct error unused;

	if (!datastore_replay(watcher->hub->registry->store, watcher->after, replay_one, watcher,
			      &unused)) {
		end_expired(watcher);
		return;
	}
	watcher->state = STATE_LIVE;
	if (is_full(watcher)) {
		fall_behind(watcher);
		return;
	}
	list_remove(&watcher->link);
	list_add(&watcher->hub->watchers, &watcher->link);
}

static void end_filling(struct watcher *watcher)
{
	auto_buf text = BUF_INIT;

	if (watcher->lists && watcher->bookmarks) {
		watch_print_bookmark(&watcher->form, watcher->after, true, &text);
		write_out(watcher, buf_str(&text));
	}
	watcher->state = STATE_LIVE;
	catch_up(watcher);
}

/* One write of objects behind those that were told; false when there are no more. */
static bool fill_piece(struct watcher *watcher, struct past *past)
{
	struct past_record record = { 0 };
	auto_buf text = BUF_INIT;

	while (text.len < PIECE && past_next(past, &record)) {
		if (!filter_match(&watcher->filter, record.item))
			continue;
		watch_print(&watcher->form, WATCH_ADDED, record.item, !watcher->started, &text);
		watcher->started = true;
		object_trim(record.item);
	}
	write_out(watcher, buf_str(&text));
	if (text.len < PIECE)
		return false;
	free(watcher->filled_to);
	watcher->filled_to = str_copy(record.key);
	return true;
}

/* The state as of watcher->after as ADDED events, as far as there is room. */
static void fill(struct watcher *watcher)
{
	struct str told = watcher->filled_to ? str_of(watcher->filled_to) : STR_NONE;
	auto_free char *after = told.at ? str_copy(told) : NULL;
	auto_past past = NULL;
	struct error unused;

	if (!past_open(watcher->hub->registry->store, watcher->after, str_of(watcher->prefix),
		       after ? str_of(after) : STR_NONE, &past, &unused)) {
		end_expired(watcher);
		return;
	}
	while (!is_full(watcher))
		if (!fill_piece(watcher, past)) {
			end_filling(watcher);
			return;
		}
	fall_behind(watcher);
}

static void go_on(struct watcher *watcher)
{
	if (watcher->state == STATE_FILLING)
		fill(watcher);
	else
		catch_up(watcher);
}

static void on_writable(struct watch_out *out)
{
	struct watcher *watcher = CONTAINER_OF(out, struct watcher, out);

	count_held(watcher);
	watcher->ticks = 0;
	if (watcher->state != STATE_LIVE && !is_full(watcher))
		go_on(watcher);
}

/* --- bookmarks and the time of a watch --- */

static void send_bookmark(struct watcher *watcher)
{
	auto_buf text = BUF_INIT;
	uint64_t revision = datastore_revision(watcher->hub->registry->store);

	count_held(watcher);
	if (!watcher->bookmarks || watcher->state != STATE_LIVE || revision < watcher->after)
		return; /* the last: it waits for the future */
	watch_print_bookmark(&watcher->form, revision, false, &text);
	write_out(watcher, buf_str(&text));
}

static void on_bookmark_timer(struct loop_timer *timer)
{
	struct hub *hub = CONTAINER_OF(timer, struct hub, bookmark);

	if (hub->count == 0)
		return;
	LIST_EACH_SAFE(&hub->watchers, link)
	send_bookmark(LIST_OWNER(link, struct watcher, link));
	LIST_EACH_SAFE(&hub->slow, link)
	{
		struct watcher *watcher = LIST_OWNER(link, struct watcher, link);

		if (++watcher->ticks >= STUCK_TICKS)
			cut_off(watcher);
	}
	loop_timer_set(hub->registry->loop, timer, BOOKMARK_MS);
}

static void on_timeout(struct loop_timer *timer)
{
	struct watcher *watcher = CONTAINER_OF(timer, struct watcher, timeout);

	send_bookmark(watcher);
	end_cleanly(watcher);
}

static int64_t timeout_ms(const struct request *req)
{
	int64_t seconds = req->params.timeout_s;

	if (seconds <= 0 || seconds > INT32_MAX)
		seconds = TIMEOUT_MIN_S + (int64_t)random_below(TIMEOUT_MIN_S);
	return seconds * 1000;
}

/* --- the start of a watch --- */

/* The deprecated path names one object: as a field selector would. */
static bool parse_filter(struct request *req, struct filter *out, struct error *err)
{
	struct str given = req->params.field_selector;
	bool done;

	if (req->name.len > 0)
		req->params.field_selector = str_of(
			arena_print(req->arena, STR_FMT "%smetadata.name=" STR_FMT, STR_ARG(given),
				    given.len > 0 ? "," : "", STR_ARG(req->name)));
	done = filter_parse(req, out, err);
	req->params.field_selector = given;
	return done;
}

static struct watcher *watcher_new(struct hub *hub, struct request *req, struct filter *filter)
{
	struct watcher *watcher = memory_new(struct watcher);
	auto_buf prefix = BUF_INIT;

	filter_prefix(req, filter, &prefix);
	watcher->hub = hub;
	watcher->filter = *filter;
	*filter = (struct filter){ 0 };
	watcher->prefix = memory_string(buf_text(&prefix));
	watcher->bookmarks = req->params.bookmarks;
	watcher->lists = req->params.send_initial_events;
	watcher->out.on_writable = on_writable;
	watcher->out.on_gone = on_gone;
	watcher->timeout.on_timer = on_timeout;
	watch_form_of(req, &watcher->form);
	list_add(&hub->watchers, &watcher->link);
	hub->count++;
	return watcher;
}

static void begin(struct watcher *watcher, const struct reading *reading, int64_t ends_in_ms)
{
	struct hub *hub = watcher->hub;
	uint64_t now = datastore_revision(hub->registry->store);

	loop_timer_set(hub->registry->loop, &watcher->timeout, ends_in_ms);
	if (hub->bookmark.heap_at == 0)
		loop_timer_set(hub->registry->loop, &hub->bookmark, BOOKMARK_MS);
	watcher->state = reading->initial ? STATE_FILLING : STATE_BEHIND;
	watcher->after = reading->initial || reading->from_now ? now : reading->at_least;
	go_on(watcher);
	keep_budget(hub);
}

static enum step start(struct hub *hub, struct request *req, struct filter *filter,
		       const struct reading *reading, struct error *err)
{
	struct watcher *watcher = watcher_new(hub, req, filter);
	int64_t ends_in_ms = timeout_ms(req);

	if (!watch_out_open(&watcher->out, req, &watcher->form, err)) {
		watcher_free(watcher);
		return STEP_FAIL;
	}
	begin(watcher, reading, ends_in_ms);
	return STEP_DONE;
}

enum step hub_watch(struct request *req, struct error *err)
{
	struct hub *hub = registry_of(req)->hub;
	struct filter filter;
	struct reading reading;
	enum step step = reading_refuse(req, true);

	if (step != STEP_NEXT)
		return step;
	if (!reading_of_watch(req, &reading, err))
		return STEP_FAIL;
	if (reading.initial) {
		step = reading_wait(req, hub->registry->store, reading.at_least, err);
		if (step != STEP_NEXT)
			return step;
	}
	if (req->gone) { /* while it waited */
		http_request_free(req->http);
		return STEP_DONE;
	}
	if (!parse_filter(req, &filter, err))
		return STEP_FAIL;
	return start(hub, req, &filter, &reading, err);
}

/* --- the hub --- */

struct hub *hub_new(struct registry *registry)
{
	struct hub *hub = memory_new(struct hub);

	hub->registry = registry;
	list_init(&hub->watchers);
	list_init(&hub->slow);
	hub->listener.on_change = on_change;
	hub->bookmark.on_timer = on_bookmark_timer;
	datastore_listen(registry->store, &hub->listener);
	return hub;
}

void hub_stop(struct hub *hub)
{
	while (!list_is_empty(&hub->watchers))
		end_cleanly(LIST_OWNER(hub->watchers.next, struct watcher, link));
	while (!list_is_empty(&hub->slow))
		end_cleanly(LIST_OWNER(hub->slow.next, struct watcher, link));
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
