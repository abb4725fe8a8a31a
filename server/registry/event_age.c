/*
 * event_age.c - a queue of the keys of Events, the one that was changed longest ago first.
 */
#include "server/registry/event_age.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"

#define EVENTS  "/core/events/"
#define TURN    256         /* removals of one pass: others want the loop, too */
#define LATE_MS (60 * 1000) /* an Event may stay so much longer: one wake-up for many */

struct event_age {
	struct loop *loop;
	struct datastore *store;
	struct datastore_listener listener;
	struct loop_timer timer;
	struct map *by_key; /* -> struct entry */
	struct list oldest;
	size_t leaving; /* entries that are asked to go */
	bool awaited;   /* the timer is set */
};

struct entry {
	struct list link;
	int64_t changed_ms;
	bool leaving; /* its removal is on its way */
	char *key;
};

static void set_leaving(struct event_age *age, struct entry *entry, bool leaving)
{
	age->leaving += (size_t)leaving - (size_t)entry->leaving;
	entry->leaving = leaving;
}

static void forget(struct event_age *age, struct entry *entry)
{
	set_leaving(age, entry, false);
	list_remove(&entry->link);
	map_remove(age->by_key, str_of(entry->key));
	free(entry->key);
	free(entry);
}

/* So many more than may be kept. */
static size_t too_many(const struct event_age *age)
{
	size_t staying = map_count(age->by_key) - age->leaving;

	return staying > LIMIT_EVENTS ? staying - LIMIT_EVENTS : 0;
}

static struct entry *oldest(const struct event_age *age)
{
	return list_is_empty(&age->oldest) ? NULL
					   : LIST_OWNER(age->oldest.next, struct entry, link);
}

static void await_next(struct event_age *age, int64_t now_ms)
{
	const struct entry *first = oldest(age);
	int64_t left = first ? first->changed_ms + EVENT_AGE_MS + LATE_MS - now_ms : 0;

	if (!first || age->awaited)
		return;
	age->awaited = true;
	loop_timer_set(age->loop, &age->timer, left < 0 || too_many(age) ? 0 : left);
}

static void note(struct event_age *age, struct str key)
{
	struct entry *entry = map_find(age->by_key, key);

	if (!entry) {
		entry = memory_new(struct entry);
		entry->key = str_copy(key);
		map_put(age->by_key, key, entry);
	} else {
		list_remove(&entry->link);
		set_leaving(age, entry, false);
	}
	entry->changed_ms = clock_now_ms();
	list_add(&age->oldest, &entry->link);
	if (too_many(age) && age->awaited) {
		loop_timer_stop(&age->timer);
		age->awaited = false;
	}
	await_next(age, entry->changed_ms);
}

static void on_change(struct datastore_listener *listener, const struct change *change)
{
	struct event_age *age = CONTAINER_OF(listener, struct event_age, listener);
	struct entry *entry;

	if (!str_starts(change->key, STR(EVENTS)))
		return;
	if (change->after) {
		note(age, change->key);
		return;
	}
	entry = map_find(age->by_key, change->key);
	if (entry)
		forget(age, entry);
}

static void on_removed(void *of, const struct error *err)
{
	(void)of;
	(void)err; /* it was changed meanwhile, or is gone: the feed tells */
}

/* False: not now; the queue of the disk is full. */
static bool ask_removal(struct event_age *age, struct str key)
{
	const struct record *record = datastore_find_latest(age->store, key);
	struct datastore_write write = { .key = key, .in_memory = true, .on_done = on_removed };
	struct error err;

	if (!record || !record->item)
		return true;
	write.expected = record->revision;
	write.revision = datastore_reserve(age->store);
	return datastore_write(age->store, &write, &err);
}

/*
 * Each that is asked for goes to the end of the queue, as if it were new: the feed takes it out
 * when it is gone, and one that cannot be removed gets another hour.
 */
void event_age_pass(struct event_age *age, int64_t now_ms)
{
	size_t over = too_many(age);

	for (size_t i = 0; i < TURN; i++) {
		struct entry *entry = oldest(age);

		if (!entry || (i >= over && entry->changed_ms + EVENT_AGE_MS > now_ms) ||
		    !ask_removal(age, str_of(entry->key)))
			break;
		entry->changed_ms = now_ms;
		set_leaving(age, entry, true);
		list_remove(&entry->link);
		list_add(&age->oldest, &entry->link);
	}
}

static void on_timer(struct loop_timer *timer)
{
	struct event_age *age = CONTAINER_OF(timer, struct event_age, timer);
	int64_t now_ms = clock_now_ms();

	age->awaited = false;
	event_age_pass(age, now_ms);
	await_next(age, now_ms);
}

struct event_age *event_age_new(struct loop *loop, struct datastore *store)
{
	struct event_age *age = memory_new(struct event_age);
	const struct record *record = datastore_first(store, STR(EVENTS), STR_NONE);

	age->loop = loop;
	age->store = store;
	age->by_key = map_new();
	age->timer.on_timer = on_timer;
	age->listener.on_change = on_change;
	list_init(&age->oldest);
	for (; record; record = datastore_next(record, STR(EVENTS)))
		note(age, record->key);
	datastore_listen(store, &age->listener);
	return age;
}

void event_age_free(struct event_age *age)
{
	if (!age)
		return;
	loop_timer_stop(&age->timer);
	datastore_unlisten(&age->listener);
	LIST_EACH_SAFE(&age->oldest, link)
	forget(age, LIST_OWNER(link, struct entry, link));
	map_free(age->by_key);
	free(age);
}

size_t event_age_count(const struct event_age *age)
{
	return map_count(age->by_key);
}
