/*
 * cut_off.c - a look at the pods every few seconds, only while the server is away.
 *
 * The monotonic clock counts, so that a wall clock which is set moves nobody; a node that starts
 * without its server counts from its start.
 */
#include "agent/cut_off.h"

#include "api/object.h"
#include "base/clock.h"

#define STOP_AFTER "mote.dev/stop-after"
#define LOOK_MS    5000

struct cut_off {
	struct loop *loop;
	struct pods *pods;
	struct loop_timer timer;
	int64_t since_ms; /* 0: there is a connection */
};

static bool is_over(const struct cut_off *it, const struct json *pod)
{
	struct str text = meta_annotation(pod, STOP_AFTER);
	int64_t after_ms;

	return text.len > 0 && clock_parse_duration(text, &after_ms) && after_ms >= 0 &&
	       clock_now_ms() - it->since_ms >= after_ms;
}

static int64_t grace_of(const struct json *pod)
{
	const struct json *grace = json_path(pod, "spec", "terminationGracePeriodSeconds", NULL);

	return json_is_int(grace) ? json_int(grace) : 30;
}

static void on_timer(struct loop_timer *timer)
{
	struct cut_off *it = CONTAINER_OF(timer, struct cut_off, timer);
	struct pod *pod;

	for (size_t i = 0; (pod = pods_next(it->pods, &i));)
		if (is_over(it, pod_object(pod)))
			pod_fail(pod, "Disconnected",
				 "The node had no connection to the server for longer than "
				 "its annotation " STOP_AFTER " allows",
				 grace_of(pod_object(pod)), true);
	loop_timer_set(it->loop, &it->timer, LOOK_MS);
}

struct cut_off *cut_off_new(struct loop *loop, struct pods *pods)
{
	struct cut_off *it = memory_new(struct cut_off);

	it->loop = loop;
	it->pods = pods;
	it->timer.on_timer = on_timer;
	return it;
}

void cut_off_free(struct cut_off *it)
{
	if (!it)
		return;
	loop_timer_stop(&it->timer);
	free(it);
}

void cut_off_lost(struct cut_off *it)
{
	if (!it || it->since_ms > 0)
		return;
	it->since_ms = clock_now_ms();
	loop_timer_set(it->loop, &it->timer, LOOK_MS);
}

void cut_off_back(struct cut_off *it)
{
	if (!it)
		return;
	it->since_ms = 0;
	loop_timer_stop(&it->timer);
}
