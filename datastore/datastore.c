/*
 * datastore.c - state in memory, groups of writes on their way to the engine, publication in order.
 *
 *   datastore_write --> queue --(before_sleep, writer idle)--> group --> engine thread
 *                        |                                                   |
 *                     pending: newest state by key                      on_committed:
 *                                             visible state, feed, listeners, each write's on_done
 *
 * While a group is being committed, further writes queue up and make the next group: that is the
 * group commit. The engine's housekeeping is a job of its own, started when no write has come for a
 * while (or when it cannot wait any longer). When a group fails (disk full), all writes of it and
 * all queued behind it fail, because they may build on it.
 */
#include "datastore/datastore.h"

#include <assert.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/work.h"
#include "datastore/engine.h"
#include "datastore/feed.h"
#include "datastore/skiplist.h"

#define RESERVE_BLOCK    100000 /* revisions; a crash skips at most so many */
#define RESERVE_MARGIN   10000  /* the next block is taken this long before the end */
#define GROUP_WRITES_MAX 1024
#define TIDY_AFTER_MS    100 /* without a write: clients that take turns leave gaps of few ms */
#define QUEUE_BYTES_MAX                                                                            \
	(64u * 1024 * 1024) /* beyond that the disk is too slow: refuse, do not pile up */

struct pending {
	struct list link;
	struct record record; /* item NULL = removed; key is owned */
	struct buf sealed;    /* what the disk is given, when it is not the item's bytes */
	bool in_memory, again;
	void (*on_done)(void *of, const struct error *err);
	void *of;
};

struct group {
	struct work_job job;
	struct datastore *store;
	struct list writes;
	struct engine_row *rows;
	struct engine_group engine;
	enum engine_need need;
	bool done;
	struct error err;
	int64_t took_us;
};

struct scrubbing {
	struct work_job job;
	struct engine *engine;
	bool running, done;
	struct error err;
	void (*on_done)(void *of, const struct error *err);
	void *of;
};

struct datastore {
	struct loop *loop;
	struct datastore_items items;
	struct engine *engine;
	struct work_pool *writer;
	struct skiplist *visible;
	struct feed *feed;
	struct map *newest; /* key -> struct pending, the last one of each key */
	struct list queue;
	size_t queue_bytes, queue_count;
	struct group *running;
	struct work_job tidy;
	struct loop_timer tidy_later;
	bool tidying;
	struct scrubbing scrub;
	uint64_t committed, taken, submitted, reserved;
	struct list listeners;
	struct loop_hook hook;
	struct datastore_figures figures;
};

/* --- opening --- */

struct loading {
	struct datastore *store;
	uint64_t newest;
};

static bool load_row(void *of, const struct engine_row *row, struct error *err)
{
	struct loading *loading = of;
	const struct datastore_items *items = &loading->store->items;
	void *item = items->load(items->of, row->key, row->bytes, err);
	struct record *record;

	if (!item)
		return error_context(err, "load " STR_FMT, STR_ARG(row->key));
	record = skiplist_put(loading->store->visible, row->key);
	record->item = item;
	record->revision = row->revision;
	record->on_disk = true;
	if (row->revision > loading->newest)
		loading->newest = row->revision;
	return true;
}

static void on_hook(struct loop_hook *hook);
static void run_tidy(struct work_job *job);
static void on_tidied(struct work_job *job);
static void on_tidy_later(struct loop_timer *timer);

static bool load_all(struct datastore *store, struct error *err)
{
	struct loading loading = { .store = store };
	struct engine_group first = { 0 };

	if (!engine_reserved(store->engine, &store->reserved, err) ||
	    !engine_load(store->engine, load_row, &loading, err))
		return false;
	/* Revisions may have been handed out up to the ceiling before a crash: go on behind it. */
	store->committed = loading.newest > store->reserved ? loading.newest : store->reserved;
	store->taken = store->committed;
	store->submitted = store->committed;
	first.reserved = store->committed + RESERVE_BLOCK;
	if (!engine_commit(store->engine, &first, err) &&
	    (err->kind != ERROR_FULL || !engine_use_reserve(store->engine) ||
	     !engine_commit(store->engine, &first, err)))
		return false;
	store->reserved = first.reserved;
	engine_keep_reserve(store->engine);
	return true;
}

bool datastore_open(struct loop *loop, const char *folder, const struct datastore_items *items,
		    struct datastore **out, struct error *err)
{
	struct datastore *store = memory_new(struct datastore);

	store->loop = loop;
	store->items = *items;
	store->visible = skiplist_new();
	store->newest = map_new();
	list_init(&store->queue);
	list_init(&store->listeners);
	store->hook.on_hook = on_hook;
	list_init(&store->hook.link);
	store->tidy.run = run_tidy;
	store->tidy.on_done = on_tidied;
	store->tidy_later.on_timer = on_tidy_later;
	if (!engine_open(folder, &store->engine, err) || !load_all(store, err) ||
	    !work_open(loop, 1, &store->writer, err)) {
		datastore_close(store);
		return error_context(err, "open datastore");
	}
	store->feed =
		feed_new(&store->items, store->committed, LIMIT_FEED_EVENTS, LIMIT_FEED_BYTES);
	loop_hook_add(loop, &store->hook);
	*out = store;
	return true;
}

/* --- reading --- */

const struct record *datastore_find(const struct datastore *store, struct str key)
{
	return skiplist_find(store->visible, key);
}

const struct record *datastore_find_latest(const struct datastore *store, struct str key)
{
	const struct pending *pending = map_find(store->newest, key);

	if (!pending)
		return skiplist_find(store->visible, key);
	return pending->record.item ? &pending->record : NULL;
}

static const struct record *in_prefix(const struct record *record, struct str prefix)
{
	return record && str_starts(record->key, prefix) ? record : NULL;
}

const struct record *datastore_first(const struct datastore *store, struct str prefix,
				     struct str after)
{
	struct record *record;

	if (!after.at || str_compare(after, prefix) < 0)
		return in_prefix(skiplist_from(store->visible, prefix), prefix);
	record = skiplist_from(store->visible, after);
	if (record && str_equal(record->key, after))
		record = skiplist_next(record);
	return in_prefix(record, prefix);
}

const struct record *datastore_next(const struct record *record, struct str prefix)
{
	return in_prefix(skiplist_next(record), prefix);
}

size_t datastore_count(const struct datastore *store)
{
	return skiplist_count(store->visible);
}

uint64_t datastore_revision(const struct datastore *store)
{
	return store->committed;
}

/* --- writing --- */

uint64_t datastore_reserve(struct datastore *store)
{
	return ++store->taken;
}

static size_t item_bytes(const struct datastore *store, const void *item)
{
	return item ? store->items.bytes(item).len : 0;
}

static void pending_free(struct datastore *store, struct pending *pending)
{
	if (pending->record.item)
		store->items.unref(pending->record.item);
	buf_clear(&pending->sealed);
	free((char *)pending->record.key.at);
	free(pending);
}

static void queue(struct datastore *store, struct pending *pending)
{
	if (pending->record.item)
		store->items.ref(pending->record.item);
	store->queue_bytes += item_bytes(store, pending->record.item);
	store->queue_count++;
	list_add(&store->queue, &pending->link);
}

bool datastore_write(struct datastore *store, const struct datastore_write *write,
		     struct error *err)
{
	const struct record *newest = datastore_find_latest(store, write->key);
	struct pending *pending;

	assert(write->revision > store->submitted);
	assert(write->revision <= store->taken);
	if ((newest ? newest->revision : DATASTORE_ABSENT) != write->expected)
		return error_set(err, ERROR_CONFLICT,
				 "the stored revision of " STR_FMT " has moved on",
				 STR_ARG(write->key));
	if (!write->item && !newest)
		return error_set(err, ERROR_CONFLICT, STR_FMT " is already gone",
				 STR_ARG(write->key));
	if (store->queue_bytes > QUEUE_BYTES_MAX)
		return error_set(err, ERROR_UNAVAILABLE,
				 "the disk does not keep up; try again later");
	pending = memory_new(struct pending);
	pending->record.key = str_from(str_copy(write->key), write->key.len);
	pending->record.revision = write->revision;
	pending->record.item = write->item;
	pending->in_memory = write->in_memory;
	pending->on_done = write->on_done;
	pending->of = write->of;
	store->submitted = write->revision;
	queue(store, pending);
	map_put(store->newest, pending->record.key, pending);
	return true;
}

bool datastore_write_again(struct datastore *store, struct str key,
			   void (*on_done)(void *of, const struct error *err), void *of)
{
	const struct record *newest = datastore_find_latest(store, key);
	struct pending *pending;

	if (!newest)
		return false;
	pending = memory_new(struct pending);
	pending->record = *newest;
	pending->record.key = str_from(str_copy(key), key.len);
	pending->again = true;
	pending->on_done = on_done;
	pending->of = of;
	queue(store, pending);
	return true;
}

/* --- publication --- */

static void publish(struct datastore *store, struct pending *pending)
{
	struct record *record = skiplist_find(store->visible, pending->record.key);
	struct change change = {
		.revision = pending->record.revision,
		.key = pending->record.key,
		.before = record ? record->item : NULL,
		.after = pending->record.item,
	};

	if (map_find(store->newest, pending->record.key) == pending)
		map_remove(store->newest, pending->record.key);
	store->committed = change.revision;
	feed_add(store->feed, &change);
	if (change.after) {
		if (!record)
			record = skiplist_put(store->visible, change.key);
		record->item = change.after;
		record->revision = change.revision;
		record->behind = pending->in_memory && record->on_disk;
		record->on_disk = record->on_disk || !pending->in_memory;
		pending->record.item = NULL; /* the record has its reference now */
	} else {
		skiplist_remove(store->visible, change.key);
	}
	LIST_EACH_SAFE(&store->listeners, link)
	{
		struct datastore_listener *listener =
			LIST_OWNER(link, struct datastore_listener, link);

		listener->on_change(listener, &change);
	}
	if (change.before)
		store->items.unref(change.before);
}

static void tell_batch(struct datastore *store)
{
	LIST_EACH_SAFE(&store->listeners, link)
	{
		struct datastore_listener *listener =
			LIST_OWNER(link, struct datastore_listener, link);

		if (listener->on_batch)
			listener->on_batch(listener);
	}
}

static struct pending *first_of(struct list *writes)
{
	struct pending *pending = LIST_OWNER(writes->next, struct pending, link);

	list_remove(&pending->link);
	return pending;
}

/* Change nothing, tell everybody why. */
static void fail_writes(struct datastore *store, struct list *writes, const struct error *err)
{
	while (!list_is_empty(writes)) {
		struct pending *pending = first_of(writes);

		if (map_find(store->newest, pending->record.key) == pending)
			map_remove(store->newest, pending->record.key);
		pending->on_done(pending->of, err);
		pending_free(store, pending);
	}
}

static void succeed_writes(struct datastore *store, struct list *writes)
{
	LIST_EACH(writes, link)
	{
		struct pending *pending = LIST_OWNER(link, struct pending, link);

		if (!pending->again)
			publish(store, pending);
	}
	tell_batch(store);
	while (!list_is_empty(writes)) {
		struct pending *pending = first_of(writes);

		pending->on_done(pending->of, NULL);
		pending_free(store, pending);
	}
}

static void group_free(struct group *group)
{
	free(group->rows);
	free(group);
}

/* --- housekeeping --- */

static void run_scrub(struct work_job *job)
{
	struct scrubbing *scrub = CONTAINER_OF(job, struct scrubbing, job);

	scrub->done = engine_scrub(scrub->engine, &scrub->err);
}

static void on_scrubbed(struct work_job *job)
{
	struct scrubbing *scrub = CONTAINER_OF(job, struct scrubbing, job);

	scrub->running = false;
	scrub->on_done(scrub->of, scrub->done ? NULL : &scrub->err);
}

void datastore_scrub(struct datastore *store, void (*on_done)(void *of, const struct error *err),
		     void *of)
{
	assert(!store->scrub.running);
	store->scrub = (struct scrubbing){ .job = { .run = run_scrub, .on_done = on_scrubbed },
					   .engine = store->engine,
					   .running = true,
					   .on_done = on_done,
					   .of = of };
	work_start(store->writer, &store->scrub.job);
}

bool datastore_needs_scrub(const struct datastore *store)
{
	return !store->scrub.running && !engine_is_scrubbed(store->engine);
}

static void run_tidy(struct work_job *job)
{
	engine_tidy(CONTAINER_OF(job, struct datastore, tidy)->engine);
}

static void on_tidied(struct work_job *job)
{
	CONTAINER_OF(job, struct datastore, tidy)->tidying = false;
}

static void start_tidy(struct datastore *store)
{
	loop_timer_stop(&store->tidy_later);
	if (store->tidying)
		return;
	store->tidying = true;
	work_start(store->writer, &store->tidy);
}

static void on_tidy_later(struct loop_timer *timer)
{
	start_tidy(CONTAINER_OF(timer, struct datastore, tidy_later));
}

static void plan_tidy(struct datastore *store, enum engine_need need)
{
	if (need == ENGINE_TIDY_NOW)
		start_tidy(store);
	else if (need == ENGINE_TIDY_IDLE)
		loop_timer_set(store->loop, &store->tidy_later, TIDY_AFTER_MS);
}

static void on_committed(struct work_job *job)
{
	struct group *group = CONTAINER_OF(job, struct group, job);
	struct datastore *store = group->store;

	store->running = NULL;
	store->figures.groups++;
	store->figures.last_group_us = (uint64_t)group->took_us;
	if ((uint64_t)group->took_us > store->figures.group_us_max)
		store->figures.group_us_max = (uint64_t)group->took_us;
	if (group->done) {
		if (group->engine.reserved > 0)
			store->reserved = group->engine.reserved;
		succeed_writes(store, &group->writes);
	} else {
		struct list queued = LIST_INIT(queued);

		/* Take the queue first: on_done may write again. */
		while (!list_is_empty(&store->queue)) {
			struct list *link = store->queue.next;

			list_remove(link);
			list_add(&queued, link);
		}
		store->queue_bytes = 0;
		store->queue_count = 0;
		fail_writes(store, &group->writes, &group->err);
		fail_writes(store, &queued, &group->err);
	}
	plan_tidy(store, group->need);
	group_free(group);
}

/* --- groups --- */

static void run_group(struct work_job *job)
{
	struct group *group = CONTAINER_OF(job, struct group, job);
	int64_t start_us = clock_now_us();

	group->done = engine_commit(group->store->engine, &group->engine, &group->err);
	group->took_us = clock_now_us() - start_us;
	group->need = engine_need(group->store->engine);
}

/* The row of a write; what is sealed belongs to it. */
static struct engine_row row_of(struct datastore *store, struct pending *pending)
{
	const struct datastore_items *items = &store->items;
	const struct record *record = &pending->record;
	struct engine_row row = { .key = record->key, .revision = record->revision };

	if (!record->item)
		return row;
	row.bytes = items->bytes(record->item);
	if (items->seal && items->seal(items->of, record->key, row.bytes, &pending->sealed))
		row.bytes = buf_str(&pending->sealed);
	return row;
}

static struct group *group_of_queue(struct datastore *store)
{
	struct group *group = memory_new(struct group);
	size_t count = 0;
	size_t wanted =
		store->queue_count < GROUP_WRITES_MAX ? store->queue_count : GROUP_WRITES_MAX;
	uint64_t last = 0;

	group->store = store;
	group->job.run = run_group;
	group->job.on_done = on_committed;
	list_init(&group->writes);
	group->rows = memory_get(wanted * sizeof(*group->rows));
	while (count < wanted) {
		struct pending *pending = first_of(&store->queue);
		struct record *record = &pending->record;

		list_add(&group->writes, &pending->link);
		store->queue_bytes -= item_bytes(store, record->item);
		store->figures.writes++;
		count++;
		if (!pending->again)
			last = record->revision;
		if (!pending->in_memory)
			group->rows[group->engine.count++] = row_of(store, pending);
	}
	group->engine.rows = group->rows;
	if (last + RESERVE_MARGIN > store->reserved)
		group->engine.reserved = last + RESERVE_BLOCK;
	store->queue_count -= count;
	return group;
}

static void on_hook(struct loop_hook *hook)
{
	struct datastore *store = CONTAINER_OF(hook, struct datastore, hook);

	while (!store->running && !list_is_empty(&store->queue)) {
		struct group *group = group_of_queue(store);

		if (group->engine.count > 0 || group->engine.reserved > 0) {
			store->running = group;
			loop_timer_stop(&store->tidy_later);
			work_start(store->writer, &group->job);
		} else { /* volatile writes only: nothing to wait for */
			succeed_writes(store, &group->writes);
			group_free(group);
		}
	}
}

/* --- the feed --- */

void datastore_listen(struct datastore *store, struct datastore_listener *listener)
{
	list_add(&store->listeners, &listener->link);
}

void datastore_unlisten(struct datastore_listener *listener)
{
	list_remove(&listener->link);
}

bool datastore_replay(const struct datastore *store, uint64_t after,
		      bool (*visit)(void *of, const struct change *change), void *of,
		      struct error *err)
{
	return feed_replay(store->feed, after, visit, of, err);
}

uint64_t datastore_oldest(const struct datastore *store)
{
	return feed_oldest(store->feed);
}

void datastore_figures(const struct datastore *store, struct datastore_figures *out)
{
	*out = store->figures;
	out->records = skiplist_count(store->visible);
	out->feed_changes = feed_count(store->feed);
	out->feed_bytes = feed_bytes(store->feed);
}

/* --- closing --- */

/* A clean stop writes what stayed in memory of keys that the disk knows, and gives unused revisions
 * back, so that watchers can go on after a restart. */
static void write_last(struct datastore *store)
{
	struct engine_group last = { .reserved = store->committed };
	struct list writes = LIST_INIT(writes);
	struct engine_row *rows = NULL;
	struct error err;

	for (struct record *record = skiplist_from(store->visible, STR("")); record;
	     record = skiplist_next(record)) {
		struct pending *pending;

		if (!record->behind)
			continue;
		pending = memory_new(struct pending);
		pending->record = *record;
		rows = memory_grow(rows, (last.count + 1) * sizeof(*rows));
		rows[last.count++] = row_of(store, pending);
		list_add(&writes, &pending->link);
	}
	last.rows = rows;
	/* When it fails, the ceiling stays where it was: only a gap. */
	(void)!engine_commit(store->engine, &last, &err);
	while (!list_is_empty(&writes)) {
		struct pending *pending = first_of(&writes);

		buf_clear(&pending->sealed);
		free(pending);
	}
	free(rows);
}

void datastore_close(struct datastore *store)
{
	if (!store)
		return;
	while (store->feed && (store->running || !list_is_empty(&store->queue)))
		loop_once(store->loop, -1);
	list_remove(&store->hook.link);
	loop_timer_stop(&store->tidy_later);
	if (store->writer)
		work_close(store->writer);
	if (store->engine && store->feed)
		write_last(store);
	engine_close(store->engine);
	feed_free(store->feed);
	for (struct record *record = skiplist_from(store->visible, STR("")); record;
	     record = skiplist_next(record))
		store->items.unref(record->item);
	skiplist_free(store->visible);
	map_free(store->newest);
	free(store);
}
