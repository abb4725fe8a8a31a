/*
 * queue.c - the work queue.
 */
#include "client/queue.h"

#include <assert.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/random.h"

#define BACKOFF_MIN_MS 5
#define BACKOFF_MAX_MS 60000
#define PASSES_A_TURN  64 /* then the loop goes round */

struct entry {
	struct queue *queue;
	char *key;
	bool waiting, running, again;
	int64_t backoff_ms;
	struct loop_timer timer;
	struct list link; /* in queue->ready while waiting */
};

struct queue {
	struct loop *loop;
	void (*on_pass)(void *owner, struct str key);
	void *owner;
	struct map *entries;
	struct list ready;
	struct loop_task task;
};

static void make_ready(struct entry *entry)
{
	if (entry->waiting)
		return;
	entry->waiting = true;
	list_add(&entry->queue->ready, &entry->link);
	loop_defer(entry->queue->loop, &entry->queue->task);
}

static void on_timer(struct loop_timer *timer)
{
	make_ready(CONTAINER_OF(timer, struct entry, timer));
}

static struct entry *entry_of(struct queue *queue, struct str key)
{
	struct entry *entry = map_find(queue->entries, key);

	if (entry)
		return entry;
	entry = memory_new(struct entry);
	entry->queue = queue;
	entry->key = str_copy(key);
	entry->timer.on_timer = on_timer;
	list_init(&entry->link);
	map_put(queue->entries, key, entry);
	return entry;
}

static void entry_free(struct entry *entry)
{
	loop_timer_stop(&entry->timer);
	list_remove(&entry->link);
	free(entry->key);
	free(entry);
}

static void on_task(struct loop_task *task)
{
	struct queue *queue = CONTAINER_OF(task, struct queue, task);

	for (int i = 0; i < PASSES_A_TURN && !list_is_empty(&queue->ready); i++) {
		struct entry *entry = LIST_OWNER(queue->ready.next, struct entry, link);

		list_remove(&entry->link);
		entry->waiting = false;
		if (entry->running) {
			entry->again = true;
			continue;
		}
		entry->running = true;
		queue->on_pass(queue->owner, str_of(entry->key));
	}
	if (!list_is_empty(&queue->ready))
		loop_defer(queue->loop, &queue->task);
}

struct queue *queue_new(struct loop *loop, void (*on_pass)(void *owner, struct str key),
			void *owner)
{
	struct queue *queue = memory_new(struct queue);

	queue->loop = loop;
	queue->on_pass = on_pass;
	queue->owner = owner;
	queue->entries = map_new();
	queue->task.on_task = on_task;
	list_init(&queue->ready);
	return queue;
}

void queue_free(struct queue *queue)
{
	struct str key;
	void *entry;

	if (!queue)
		return;
	loop_task_cancel(&queue->task);
	for (size_t i = 0; map_next(queue->entries, &i, &key, &entry);)
		entry_free(entry);
	map_free(queue->entries);
	free(queue);
}

void queue_add(struct queue *queue, struct str key)
{
	make_ready(entry_of(queue, key));
}

void queue_add_after(struct queue *queue, struct str key, int64_t after_ms)
{
	struct entry *entry = entry_of(queue, key);

	if (!entry->waiting &&
	    (entry->timer.heap_at == 0 || entry->timer.due_ms > clock_now_ms() + after_ms))
		loop_timer_set(queue->loop, &entry->timer, after_ms);
}

void queue_done(struct queue *queue, struct str key, bool done)
{
	struct entry *entry = map_find(queue->entries, key);

	assert(entry && entry->running);
	entry->running = false;
	if (!done) {
		int64_t wait = entry->backoff_ms ? entry->backoff_ms * 2 : BACKOFF_MIN_MS;

		entry->backoff_ms = wait > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : wait;
		loop_timer_set(queue->loop, &entry->timer,
			       entry->backoff_ms +
				       (int64_t)random_below((uint64_t)entry->backoff_ms));
	} else {
		entry->backoff_ms = 0;
	}
	if (entry->again) {
		entry->again = false;
		make_ready(entry);
	} else if (done && !entry->waiting && entry->timer.heap_at == 0) {
		map_remove(queue->entries, key);
		entry_free(entry);
	}
}
