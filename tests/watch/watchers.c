/*
 * watchers.c - each keeps a copy of the objects by list and watch, leaves at random and comes back
 * from the last revision it has seen; the numbers of the objects tell whether anything is missing.
 *
 *   LIST -> WATCH -(its time is over, the server is gone)-> pause -> WATCH from the last revision
 *     ^       \--(410)--+
 *     +------------------+
 */
#include "tests/watch/check_watch.h"

#include <inttypes.h>

#include "base/random.h"

#define STAY_MS   1500 /* at most, before it leaves */
#define SLEEP_MS  5000 /* now and then: its revision is not kept any more by then */
#define TABLE     "application/json;as=Table;g=meta.k8s.io;v=v1"
#define PARTIAL   "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
#define PARTIALS  "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
#define WATCHLIST "sendInitialEvents=true&resourceVersionMatch=NotOlderThan"

/* How a watcher reads. */
static const struct way {
	const char *list_accept, *watch_accept, *selector;
	int limit;
	bool streams; /* its lists are watches, too */
} ways[] = {
	{ "application/json", "application/json", "", 0, false },
	{ "application/json", "application/json", "", 7, false },
	{ "application/json", "application/json", "&labelSelector=selected%3Dyes", 0, false },
	{ PARTIALS, PARTIAL, "", 5, false },
	{ PARTIALS, TABLE, "", 0, false },
	{ "application/json", "application/json", "", 0, true },
};

struct watcher {
	struct check *check;
	const struct way *way;
	size_t number;
	struct seen seen[WRITERS * OBJECTS];
	bool listed[WRITERS * OBJECTS]; /* in the list that is coming in */
	uint64_t revision;              /* the last it has seen */
	uint64_t list_revision;         /* of the first page */
	bool knows;                     /* has a list that is whole */
	bool filling;                   /* a streamed list is coming in */
	bool expired;
	char *next; /* continue token */
	struct http_call *call;
	struct loop_timer timer; /* leaves, or comes back */
	struct buf line;
};

static struct watcher watchers[WATCHERS];

static void come_back(struct watcher *watcher, int ms)
{
	buf_clear(&watcher->line);
	loop_timer_set(watcher->check->loop, &watcher->timer, ms);
}

/* --- what must be so --- */

static bool selects(const struct watcher *watcher)
{
	return watcher->way->selector[0] != '\0';
}

static _Noreturn void odd(const struct watcher *watcher, struct str type, size_t index,
			  uint64_t seq, uint64_t revision)
{
	check_fail("watcher %zu: " STR_FMT " of w%zu-%zu number %" PRIu64 " (revision %" PRIu64
		   "), but it knows number %" PRIu64 "%s",
		   watcher->number, STR_ARG(type), index / OBJECTS, index % OBJECTS, seq, revision,
		   watcher->seen[index].seq, watcher->seen[index].there ? "" : ", removed");
}

/* Behind a selector some numbers are not seen: at most two in a row. */
static bool follows(const struct watcher *watcher, struct str type, const struct seen *seen,
		    uint64_t seq)
{
	if (str_is(type, "DELETED"))
		return seen->there && seq == seen->seq;
	if (str_is(type, "MODIFIED"))
		return seen->there && seq == seen->seq + 1;
	if (!str_is(type, "ADDED") || seen->there)
		return false;
	if (seen->seq == 0)
		return true;
	return selects(watcher) || seen->vague ? seq > seen->seq : seq == seen->seq + 1;
}

static void take_event(struct watcher *watcher, struct str type, const struct json *metadata)
{
	uint64_t seq, revision;
	size_t index;
	struct seen *seen;

	if (!check_read(metadata, &index, &seq, &revision))
		return; /* somebody else's object */
	seen = &watcher->seen[index];
	watcher->check->events++;
	if (watcher->filling) {
		if (seen->seq > seq)
			odd(watcher, type, index, seq, revision);
		*seen = (struct seen){ .seq = seq, .there = true };
		watcher->listed[index] = true;
		return;
	}
	if (revision <= watcher->revision)
		check_fail("watcher %zu: revision %" PRIu64 " after %" PRIu64, watcher->number,
			   revision, watcher->revision);
	if (!follows(watcher, type, seen, seq))
		odd(watcher, type, index, seq, revision);
	if (selects(watcher) && !SELECTED(seq))
		check_fail("watcher %zu: w%zu-%zu number %" PRIu64 " is not selected",
			   watcher->number, index / OBJECTS, index % OBJECTS, seq);
	*seen = (struct seen){ .seq = seq, .there = !str_is(type, "DELETED") };
	watcher->revision = revision;
}

/* --- lists --- */

static void take_item(struct watcher *watcher, const struct json *metadata)
{
	uint64_t seq, revision;
	size_t index;

	if (!check_read(metadata, &index, &seq, &revision))
		return;
	if (revision > watcher->list_revision)
		check_fail("watcher %zu: revision %" PRIu64 " in a list of %" PRIu64,
			   watcher->number, revision, watcher->list_revision);
	if (watcher->listed[index] || watcher->seen[index].seq > seq)
		odd(watcher, STR("item"), index, seq, revision);
	watcher->seen[index] = (struct seen){ .seq = seq, .there = true };
	watcher->listed[index] = true;
}

static void end_list(struct watcher *watcher, uint64_t revision)
{
	if (revision < watcher->revision)
		check_fail("watcher %zu: a list of revision %" PRIu64 " after %" PRIu64,
			   watcher->number, revision, watcher->revision);
	for (size_t i = 0; i < WRITERS * OBJECTS; i++) {
		watcher->seen[i].there = watcher->listed[i];
		watcher->seen[i].vague = !watcher->listed[i];
	}
	watcher->revision = revision;
	watcher->knows = true;
	watcher->filling = false;
}

static void begin_list(struct watcher *watcher)
{
	memset(watcher->listed, 0, sizeof(watcher->listed));
	free(take_ptr(&watcher->next));
	watcher->list_revision = 0;
}

static void on_list(void *of, const struct http_head *head, struct str body,
		    const struct error *err)
{
	struct watcher *watcher = of;
	auto_json_doc doc = NULL;
	struct error unused;
	const struct json *metadata;
	uint64_t revision;
	struct str next;

	watcher->call = NULL;
	if (err || head->status != 200 || !json_parse(body, &doc, NULL, &unused)) {
		begin_list(watcher); /* also after 410: from the beginning */
		come_back(watcher, RETRY_MS);
		return;
	}
	metadata = json_get(json_root(doc), "metadata");
	next = json_str(json_get(metadata, "continue"));
	if (!str_to_u64(json_str(json_get(metadata, "resourceVersion")), UINT64_MAX, &revision))
		check_fail("a list without a revision");
	if (watcher->list_revision == 0)
		watcher->list_revision = revision;
	if (watcher->list_revision != revision)
		check_fail("watcher %zu: pages of revisions %" PRIu64 " and %" PRIu64,
			   watcher->number, watcher->list_revision, revision);
	for (struct json_iter it = json_iter(json_get(json_root(doc), "items")); json_next(&it);)
		take_item(watcher, json_get(it.value, "metadata"));
	free(watcher->next);
	watcher->next = next.len > 0 ? str_copy(next) : NULL;
	if (!watcher->next)
		end_list(watcher, revision);
	come_back(watcher, watcher->next ? (int)random_below(20) : 0);
}

static void ask_list(struct watcher *watcher)
{
	auto_buf target = BUF_INIT;
	struct http_header header = { STR("Accept"), str_of(watcher->way->list_accept) };
	struct http_ask ask = { .method = "GET",
				.headers = &header,
				.header_count = 1,
				.timeout_ms = 20000,
				.body_max = ANSWER_MAX,
				.on_reply = on_list,
				.of = watcher };

	if (!watcher->next)
		begin_list(watcher);
	buf_add_print(&target, COLLECTION "?limit=%d%s", watcher->way->limit,
		      watcher->way->selector);
	if (watcher->next)
		buf_add_print(&target, "&continue=%s", watcher->next);
	ask.target = buf_text(&target);
	watcher->call = http_call(watcher->check->http, &ask);
}

/* --- watches --- */

static const struct json *metadata_of(const struct json *object)
{
	if (str_is(json_str(json_get(object, "kind")), "Table")) {
		struct json_iter it = json_iter(json_get(object, "rows"));

		return json_next(&it) ? json_get(json_get(it.value, "object"), "metadata")
				      : json_get(object, "metadata");
	}
	return json_get(object, "metadata");
}

static void take_bookmark(struct watcher *watcher, const struct json *metadata)
{
	uint64_t revision;

	if (!str_to_u64(json_str(json_get(metadata, "resourceVersion")), UINT64_MAX, &revision) ||
	    revision < watcher->revision)
		check_fail("watcher %zu: a bookmark of revision %" PRIu64 " after %" PRIu64,
			   watcher->number, revision, watcher->revision);
	watcher->check->bookmarks++;
	if (!watcher->filling)
		watcher->revision = revision;
	else if (str_is(json_str(json_get(json_get(metadata, "annotations"),
					  "k8s.io/initial-events-end")),
			"true"))
		end_list(watcher, revision);
}

static void take_line(struct watcher *watcher, struct str line)
{
	auto_json_doc doc = NULL;
	struct error err;
	struct str type;
	const struct json *object;

	if (!json_parse(line, &doc, NULL, &err))
		check_fail("watcher %zu: %s in " STR_FMT, watcher->number, err.text, STR_ARG(line));
	type = json_str(json_get(json_root(doc), "type"));
	object = json_get(json_root(doc), "object");
	if (str_is(type, "ERROR")) {
		if (json_int(json_get(object, "code")) != 410)
			check_fail("watcher %zu: " STR_FMT, watcher->number, STR_ARG(line));
		watcher->expired = true;
	} else if (str_is(type, "BOOKMARK")) {
		take_bookmark(watcher, metadata_of(object));
	} else {
		take_event(watcher, type, metadata_of(object));
	}
}

static bool on_head(void *of, const struct http_head *head)
{
	struct watcher *watcher = of;

	watcher->expired = head->status == 410;
	return true;
}

static void on_body(void *of, struct str piece)
{
	struct watcher *watcher = of;
	ptrdiff_t end;

	buf_add_str(&watcher->line, piece);
	while ((end = str_find(buf_str(&watcher->line), '\n')) >= 0) {
		take_line(watcher, str_from(watcher->line.at, (size_t)end));
		buf_drop_front(&watcher->line, (size_t)end + 1);
	}
}

static void on_end(void *of, const struct error *err)
{
	struct watcher *watcher = of;

	watcher->call = NULL;
	if (watcher->expired) {
		watcher->knows = false;
		watcher->check->relists++;
	}
	watcher->expired = false;
	come_back(watcher, err ? RETRY_MS + (int)random_below(RETRY_MS) : 0);
}

static void ask_watch(struct watcher *watcher)
{
	auto_buf target = BUF_INIT;
	struct http_header header = { STR("Accept"), str_of(watcher->way->watch_accept) };
	struct http_ask ask = { .method = "GET",
				.headers = &header,
				.header_count = 1,
				.on_head = on_head,
				.on_body = on_body,
				.on_end = on_end,
				.of = watcher };

	buf_add_print(&target, COLLECTION "?watch=1&allowWatchBookmarks=true%s&timeoutSeconds=%d",
		      watcher->way->selector, 1 + (int)random_below(20));
	if (watcher->knows)
		buf_add_print(&target, "&resourceVersion=%" PRIu64, watcher->revision);
	else
		buf_add_text(&target, "&" WATCHLIST);
	watcher->filling = !watcher->knows;
	if (watcher->filling)
		begin_list(watcher);
	ask.target = buf_text(&target);
	watcher->check->connects++;
	watcher->call = http_call(watcher->check->http, &ask);
	/* Near the end it stays, to see the rest. */
	if (watcher->check->writing)
		loop_timer_set(watcher->check->loop, &watcher->timer,
			       50 + (int)random_below(STAY_MS));
}

static void on_timer(struct loop_timer *timer)
{
	struct watcher *watcher = CONTAINER_OF(timer, struct watcher, timer);

	if (watcher->call) { /* it leaves, in the middle of whatever it is told */
		if (!watcher->check->writing)
			return;
		http_call_cancel(take_ptr(&watcher->call));
		come_back(watcher, random_below(40) == 0 ? SLEEP_MS : (int)random_below(RETRY_MS));
	} else if (watcher->knows || watcher->way->streams) {
		ask_watch(watcher);
	} else {
		ask_list(watcher);
	}
}

void watchers_start(struct check *check)
{
	for (size_t i = 0; i < WATCHERS; i++) {
		watchers[i].check = check;
		watchers[i].number = i;
		watchers[i].way = &ways[i % ARRAY_LENGTH(ways)];
		watchers[i].timer.on_timer = on_timer;
		come_back(&watchers[i], (int)random_below(RETRY_MS));
	}
}

static bool agrees(const struct watcher *watcher, const struct seen *truth)
{
	if (!watcher->knows)
		return false;
	for (size_t i = 0; i < WRITERS * OBJECTS; i++) {
		bool there = truth[i].there && (!selects(watcher) || SELECTED(truth[i].seq));

		if (watcher->seen[i].there != there ||
		    (there && watcher->seen[i].seq != truth[i].seq))
			return false;
	}
	return true;
}

bool watchers_agree(const struct check *check)
{
	(void)check;
	for (size_t i = 0; i < WATCHERS; i++)
		if (!agrees(&watchers[i], writers_state()))
			return false;
	return true;
}

void watchers_stop(void)
{
	for (size_t i = 0; i < WATCHERS; i++) {
		loop_timer_stop(&watchers[i].timer);
		if (watchers[i].call)
			http_call_cancel(watchers[i].call);
		buf_clear(&watchers[i].line);
		free(watchers[i].next);
	}
}
