/*
 * redial.c - one session, kept up: dial, and dial again with back-off.
 *
 *   waiting --on_timer: plan, dial--> dialling --on_up--> up
 *      ^______________ on_down ___________|_______________|
 */
#include "tunnel/redial.h"

#include <assert.h>

#include "base/clock.h"
#include "base/random.h"

#define FIRST_MS 100
#define LAST_MS  15000
/* A session that lived so long was a good one: the next loss starts from the first wait again. */
#define GOOD_MS 30000

struct redial {
	struct loop *loop;
	const struct redial_events *events;
	void *owner;
	struct tunnel *tunnel;
	struct loop_timer timer;
	int64_t wait_ms;     /* before the next dial, without jitter */
	int64_t up_since_ms; /* 0 = not up */
};

static int64_t jitter(int64_t ms)
{
	return ms - ms / 4 + (int64_t)random_below((uint64_t)(ms / 2 + 1));
}

/* The owner may call redial_stop inside on_down: nothing may touch the redial afterwards. */
static void wait_again(struct redial *redial, const struct error *why)
{
	int64_t again_ms;

	if (redial->up_since_ms && clock_now_ms() - redial->up_since_ms >= GOOD_MS)
		redial->wait_ms = FIRST_MS;
	redial->up_since_ms = 0;
	again_ms = jitter(redial->wait_ms);
	redial->wait_ms = redial->wait_ms * 2 < LAST_MS ? redial->wait_ms * 2 : LAST_MS;
	loop_timer_set(redial->loop, &redial->timer, again_ms);
	if (redial->events->on_down)
		redial->events->on_down(redial->owner, why, again_ms);
}

static void on_open(void *owner, struct tunnel_open *open, struct str service)
{
	struct redial *redial = owner;

	redial->events->on_open(redial->owner, open, service);
}

static void on_up(void *owner)
{
	struct redial *redial = owner;

	redial->up_since_ms = clock_now_ms();
	if (redial->events->on_up)
		redial->events->on_up(redial->owner, redial->tunnel);
}

static void on_down(void *owner, const struct error *why)
{
	struct redial *redial = owner;

	tunnel_close(take_ptr(&redial->tunnel));
	wait_again(redial, why);
}

static const struct tunnel_events tunnel_events = {
	.on_open = on_open,
	.on_up = on_up,
	.on_down = on_down,
};

static void on_timer(struct loop_timer *timer)
{
	struct redial *redial = CONTAINER_OF(timer, struct redial, timer);
	struct link_plan plan = { 0 };
	struct error err;

	assert(!redial->tunnel);
	if (!redial->events->plan(redial->owner, &plan, &err) ||
	    !tunnel_dial(redial->loop, &plan, &tunnel_events, redial, &redial->tunnel, &err))
		wait_again(redial, &err);
}

struct redial *redial_start(struct loop *loop, const struct redial_events *events, void *owner)
{
	struct redial *redial = memory_new(struct redial);

	assert(events->plan);
	assert(events->on_open);
	redial->loop = loop;
	redial->events = events;
	redial->owner = owner;
	redial->wait_ms = FIRST_MS;
	redial->timer.on_timer = on_timer;
	loop_timer_set(loop, &redial->timer, 0);
	return redial;
}

struct tunnel *redial_tunnel(struct redial *redial)
{
	return redial->tunnel && tunnel_is_up(redial->tunnel) ? redial->tunnel : NULL;
}

void redial_stop(struct redial *redial)
{
	if (!redial)
		return;
	loop_timer_stop(&redial->timer);
	tunnel_close(redial->tunnel);
	free(redial);
}
