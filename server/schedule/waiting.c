/*
 * waiting.c - one map of tickets, two heaps (ready by order, backing off by time), one list of
 * those that sleep.
 */
#include "server/schedule/waiting.h"

#include <assert.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"

/* However little happens, what sleeps is tried again after this: an event may have been missed. */
#define SLEEP_MOST_MS  300000
#define DOUBLINGS_MOST 16

enum ticket_state { TICKET_READY, TICKET_TAKEN, TICKET_IDLE, TICKET_BACK_OFF };

struct ticket {
	struct list link; /* of those that sleep, or are taken */
	char *key;
	size_t heap_at; /* in its heap, from 1 */
	uint64_t turn;  /* when it became ready, as a number */
	int64_t due_ms; /* back-off: when it is ready */
	int64_t failed_ms;
	unsigned wakes, room_wakes, seen; /* seen: events while it was taken */
	unsigned failures;
	int32_t priority;
	enum ticket_state state;
	bool changed; /* while it was taken */
	struct amounts asks;
};

struct heap {
	struct ticket **at; /* from 1 */
	size_t count, room;
	bool (*is_before)(const struct ticket *a, const struct ticket *b);
};

struct waiting {
	struct loop *loop;
	struct waiting_owner owner;
	int64_t first_ms, most_ms;
	struct map *tickets;
	struct heap ready, back_off;
	struct list idle; /* the longest asleep first */
	struct list taken;
	struct loop_timer timer;
	struct loop_task task;
	uint64_t turns;
	char *taken_key;
};

/* --- heaps --- */

static bool comes_before(const struct ticket *a, const struct ticket *b)
{
	return a->priority != b->priority ? a->priority > b->priority : a->turn < b->turn;
}

static bool is_due_before(const struct ticket *a, const struct ticket *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->turn < b->turn;
}

static void heap_set(struct heap *heap, size_t at, struct ticket *ticket)
{
	heap->at[at] = ticket;
	ticket->heap_at = at;
}

static void heap_lift(struct heap *heap, size_t at, struct ticket *ticket)
{
	for (; at > 1 && heap->is_before(ticket, heap->at[at / 2]); at /= 2)
		heap_set(heap, at, heap->at[at / 2]);
	heap_set(heap, at, ticket);
}

static void heap_sink(struct heap *heap, size_t at, struct ticket *ticket)
{
	for (size_t child = 2 * at; child <= heap->count; child = 2 * at) {
		if (child < heap->count && heap->is_before(heap->at[child + 1], heap->at[child]))
			child++;
		if (!heap->is_before(heap->at[child], ticket))
			break;
		heap_set(heap, at, heap->at[child]);
		at = child;
	}
	heap_set(heap, at, ticket);
}

static void heap_add(struct heap *heap, struct ticket *ticket)
{
	if (heap->count + 1 >= heap->room) {
		heap->room = heap->room ? 2 * heap->room : 16;
		heap->at = memory_grow(heap->at, heap->room * sizeof(*heap->at));
	}
	heap_lift(heap, ++heap->count, ticket);
}

static void heap_remove(struct heap *heap, struct ticket *ticket)
{
	size_t at = ticket->heap_at;
	struct ticket *last = heap->at[heap->count--];

	assert(at >= 1);
	ticket->heap_at = 0;
	if (last == ticket)
		return;
	if (at > 1 && heap->is_before(last, heap->at[at / 2]))
		heap_lift(heap, at, last);
	else
		heap_sink(heap, at, last);
}

/* --- states --- */

static void leave_state(struct waiting *waiting, struct ticket *ticket)
{
	if (ticket->state == TICKET_READY)
		heap_remove(&waiting->ready, ticket);
	else if (ticket->state == TICKET_BACK_OFF)
		heap_remove(&waiting->back_off, ticket);
	list_remove(&ticket->link);
}

static void become_ready(struct waiting *waiting, struct ticket *ticket)
{
	leave_state(waiting, ticket);
	ticket->state = TICKET_READY;
	ticket->turn = ++waiting->turns;
	heap_add(&waiting->ready, ticket);
	loop_defer(waiting->loop, &waiting->task);
}

static void arm(struct waiting *waiting)
{
	int64_t now = clock_now_ms(), due = INT64_MAX;

	if (waiting->back_off.count > 0)
		due = waiting->back_off.at[1]->due_ms;
	if (!list_is_empty(&waiting->idle)) {
		struct ticket *first = LIST_OWNER(waiting->idle.next, struct ticket, link);

		if (first->failed_ms + SLEEP_MOST_MS < due)
			due = first->failed_ms + SLEEP_MOST_MS;
	}
	if (due == INT64_MAX)
		loop_timer_stop(&waiting->timer);
	else
		loop_timer_set(waiting->loop, &waiting->timer, due > now ? due - now : 0);
}

/* Ready, or as soon as its back-off has passed. */
static void wake_one(struct waiting *waiting, struct ticket *ticket)
{
	unsigned doublings = ticket->failures > 0 ? ticket->failures - 1 : 0;
	int64_t pause;

	doublings = doublings > DOUBLINGS_MOST ? DOUBLINGS_MOST : doublings;
	pause = waiting->first_ms << doublings;
	pause = pause > waiting->most_ms ? waiting->most_ms : pause;
	ticket->due_ms = ticket->failed_ms + pause;
	if (ticket->failures == 0 || ticket->due_ms <= clock_now_ms()) {
		become_ready(waiting, ticket);
		return;
	}
	leave_state(waiting, ticket);
	ticket->state = TICKET_BACK_OFF;
	heap_add(&waiting->back_off, ticket);
}

static void on_timer(struct loop_timer *timer)
{
	struct waiting *waiting = CONTAINER_OF(timer, struct waiting, timer);
	int64_t now = clock_now_ms();

	while (waiting->back_off.count > 0 && waiting->back_off.at[1]->due_ms <= now)
		become_ready(waiting, waiting->back_off.at[1]);
	LIST_EACH_SAFE(&waiting->idle, link)
	{
		struct ticket *ticket = LIST_OWNER(link, struct ticket, link);

		if (ticket->failed_ms + SLEEP_MOST_MS > now)
			break;
		wake_one(waiting, ticket);
	}
	arm(waiting);
}

static void on_task(struct loop_task *task)
{
	struct waiting *waiting = CONTAINER_OF(task, struct waiting, task);

	if (waiting->ready.count > 0)
		waiting->owner.on_ready(waiting->owner.of);
}

struct waiting *waiting_new(struct loop *loop, const struct waiting_owner *owner, int64_t first_s,
			    int64_t most_s)
{
	struct waiting *waiting = memory_new(struct waiting);

	waiting->loop = loop;
	waiting->owner = *owner;
	waiting->first_ms = first_s * 1000;
	waiting->most_ms = most_s * 1000;
	waiting->tickets = map_new();
	waiting->ready.is_before = comes_before;
	waiting->back_off.is_before = is_due_before;
	list_init(&waiting->idle);
	list_init(&waiting->taken);
	waiting->timer.on_timer = on_timer;
	waiting->task.on_task = on_task;
	return waiting;
}

static void ticket_free(struct ticket *ticket)
{
	amounts_clear(&ticket->asks);
	free(ticket->key);
	free(ticket);
}

void waiting_free(struct waiting *waiting)
{
	struct str key;
	void *ticket;

	if (!waiting)
		return;
	loop_timer_stop(&waiting->timer);
	loop_task_cancel(&waiting->task);
	for (size_t i = 0; map_next(waiting->tickets, &i, &key, &ticket);)
		ticket_free(ticket);
	map_free(waiting->tickets);
	free(waiting->ready.at);
	free(waiting->back_off.at);
	free(waiting->taken_key);
	free(waiting);
}

/* --- tickets --- */

void waiting_add(struct waiting *waiting, struct str key, int32_t priority)
{
	struct ticket *ticket = map_find(waiting->tickets, key);

	if (!ticket) {
		ticket = memory_new(struct ticket);
		ticket->key = str_copy(key);
		ticket->state = TICKET_IDLE;
		list_init(&ticket->link);
		map_put(waiting->tickets, key, ticket);
	}
	ticket->priority = priority;
	if (ticket->state == TICKET_TAKEN) {
		ticket->changed = true;
		return;
	}
	if (ticket->state == TICKET_IDLE)
		wake_one(waiting, ticket);
	arm(waiting);
}

void waiting_remove(struct waiting *waiting, struct str key)
{
	struct ticket *ticket = map_remove(waiting->tickets, key);

	if (!ticket)
		return;
	leave_state(waiting, ticket);
	ticket_free(ticket);
}

const char *waiting_next(struct waiting *waiting)
{
	struct ticket *ticket;

	if (waiting->ready.count == 0)
		return NULL;
	ticket = waiting->ready.at[1];
	leave_state(waiting, ticket);
	ticket->state = TICKET_TAKEN;
	list_add(&waiting->taken, &ticket->link);
	ticket->changed = false;
	ticket->seen = 0;
	free(waiting->taken_key);
	waiting->taken_key = memory_string(ticket->key);
	return waiting->taken_key;
}

static struct ticket *failed(struct waiting *waiting, struct str key)
{
	struct ticket *ticket = map_find(waiting->tickets, key);

	if (!ticket || ticket->state != TICKET_TAKEN)
		return NULL;
	ticket->failures++;
	ticket->failed_ms = clock_now_ms();
	return ticket;
}

void waiting_retry(struct waiting *waiting, struct str key, unsigned wakes, unsigned room_wakes,
		   const struct amounts *asks)
{
	struct ticket *ticket = failed(waiting, key);

	if (!ticket)
		return;
	ticket->wakes = wakes;
	ticket->room_wakes = room_wakes;
	amounts_clear(&ticket->asks);
	amounts_add(&ticket->asks, asks, 1);
	if (ticket->changed || (ticket->seen & (wakes | room_wakes))) {
		wake_one(waiting, ticket);
	} else {
		list_remove(&ticket->link);
		ticket->state = TICKET_IDLE;
		list_add(&waiting->idle, &ticket->link);
	}
	arm(waiting);
}

void waiting_retry_soon(struct waiting *waiting, struct str key)
{
	struct ticket *ticket = failed(waiting, key);

	if (ticket)
		wake_one(waiting, ticket);
	arm(waiting);
}

/* --- events --- */

static bool may_fit(const struct ticket *ticket, unsigned event, const struct waiting_room *room)
{
	if (ticket->wakes & event)
		return true;
	if (!(ticket->room_wakes & event))
		return false;
	return !room || (!room->is_full && amounts_fit(&ticket->asks, room->used, room->has));
}

void waiting_wake(struct waiting *waiting, unsigned event, const struct waiting_room *room)
{
	bool any = false;

	LIST_EACH_SAFE(&waiting->idle, link)
	{
		struct ticket *ticket = LIST_OWNER(link, struct ticket, link);

		if (!may_fit(ticket, event, room))
			continue;
		wake_one(waiting, ticket);
		any = true;
	}
	LIST_EACH(&waiting->taken, link)
	{
		LIST_OWNER(link, struct ticket, link)->seen |= event;
	}
	if (any)
		arm(waiting);
}

size_t waiting_count(const struct waiting *waiting)
{
	return map_count(waiting->tickets);
}

void waiting_figures(const struct waiting *waiting, size_t *out_ready, size_t *out_backing_off,
		     size_t *out_idle)
{
	*out_ready = waiting->ready.count;
	*out_backing_off = waiting->back_off.count;
	*out_idle = 0;
	LIST_EACH(&waiting->idle, link)
	{
		(*out_idle)++;
	}
}
