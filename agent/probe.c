/*
 * probe.c - one timer a probe: ask, count, ask again.
 */
#include "agent/probe.h"

#include <assert.h>

#include "base/clock.h"
#include "base/random.h"

#define SETTING_MAX (30 * 86400)
#define SPREAD_MS   10000 /* a container of this age is one of an earlier life of the agent */

struct probe {
	struct probes *probes;
	enum probe_type type;
	const struct json *spec; /* NULL: the container has none of this type */
	struct loop_timer timer;
	struct action *action;
	bool passed;
	int64_t successes, failures;
	int64_t asked_ms; /* the last time it asked, or was to ask */
	uint64_t counts[PROBE_RESULTS];
};

struct probes {
	struct action_work work;
	struct probe_events events;
	void *owner;
	struct probe probe[PROBE_TYPES];
	int64_t started_ms; /* monotonic: when the container began to run */
	struct loop_task change;
	bool dead, stopped;
	bool spread; /* they ran before we came: not all of them ask in the same moment */
	struct loop_task drop;
};

/* Seconds or a count; no wait is longer than a month. */
static int64_t setting(const struct json *spec, const char *field, int64_t fallback)
{
	const struct json *value = json_get(spec, field);

	if (!json_is_int(value) || json_int(value) <= 0)
		return fallback;
	return json_int(value) < SETTING_MAX ? json_int(value) : SETTING_MAX;
}

static void told_change(struct loop_task *task)
{
	struct probes *probes = CONTAINER_OF(task, struct probes, change);

	probes->events.on_change(probes->owner);
}

/* By the clock, however long the answer took; but never two at once. */
static void again(struct probe *probe)
{
	int64_t period_ms = setting(probe->spec, "periodSeconds", 10) * 1000;
	int64_t after = probe->asked_ms + period_ms - clock_now_ms();

	loop_timer_set(probe->probes->work.loop, &probe->timer, after > 0 ? after : 0);
}

static void begin_waiting(struct probes *probes);

static void count_success(struct probe *probe)
{
	struct probes *probes = probe->probes;

	probe->failures = 0;
	probe->successes++;
	if (probe->passed || probe->successes < setting(probe->spec, "successThreshold", 1))
		return;
	probe->passed = true;
	loop_defer(probes->work.loop, &probes->change);
	if (probe->type == PROBE_STARTUP)
		begin_waiting(probes);
}

static void count_failure(struct probe *probe, struct str said)
{
	struct probes *probes = probe->probes;

	probe->successes = 0;
	probe->failures++;
	probes->events.on_trouble(probes->owner, probe->type, ACTION_FAILED, said);
	if (probes->stopped || probe->failures < setting(probe->spec, "failureThreshold", 3))
		return;
	if (probe->type == PROBE_READINESS) {
		if (probe->passed)
			loop_defer(probes->work.loop, &probes->change);
		probe->passed = false;
		return;
	}
	probes->dead = true;
	probes->events.on_dead(probes->owner, probe->type, said);
}

/* What could not be asked says nothing about the container: it is told, not counted. */
static void on_answer(void *of, enum action_result result, struct str said)
{
	struct probe *probe = of;
	struct probes *probes = probe->probes;

	probe->action = NULL;
	probe->counts[result == ACTION_FAILED    ? PROBE_FAILED
		      : result == ACTION_ERRORED ? PROBE_UNKNOWN
						 : PROBE_SUCCESSFUL]++;
	if (result == ACTION_WARNED || result == ACTION_ERRORED)
		probes->events.on_trouble(probes->owner, probe->type, result, said);
	if (probes->stopped)
		return;
	if (result == ACTION_FAILED)
		count_failure(probe, said);
	else if (result != ACTION_ERRORED)
		count_success(probe);
	if (probes->stopped || probes->dead || (probe->type == PROBE_STARTUP && probe->passed))
		return;
	again(probe);
}

static void on_timer(struct loop_timer *timer)
{
	struct probe *probe = CONTAINER_OF(timer, struct probe, timer);
	struct action_work work = probe->probes->work;

	probe->asked_ms = clock_now_ms();
	work.handler = probe->spec;
	work.timeout_ms = setting(probe->spec, "timeoutSeconds", 1) * 1000;
	probe->action = action_start(&work, on_answer, probe);
}

/* The first delay is counted from the container's start, also where a startup probe came first. */
static void begin(struct probe *probe)
{
	int64_t due_ms =
		probe->probes->started_ms + setting(probe->spec, "initialDelaySeconds", 0) * 1000;
	int64_t delay = due_ms - clock_now_ms();

	if (!probe->spec)
		return;
	if (delay <= 0 && probe->probes->spread)
		delay = (int64_t)random_below((uint64_t)setting(probe->spec, "periodSeconds", 10) *
					      1000);
	loop_timer_set(probe->probes->work.loop, &probe->timer, delay > 0 ? delay : 0);
}

/* Readiness and liveness: they wait for the startup probe. */
static void begin_waiting(struct probes *probes)
{
	begin(&probes->probe[PROBE_READINESS]);
	begin(&probes->probe[PROBE_LIVENESS]);
}

static void on_drop(struct loop_task *task)
{
	free(CONTAINER_OF(task, struct probes, drop));
}

struct probes *probes_start(const struct action_work *work, int64_t age_ms,
			    const struct probe_events *events, void *owner)
{
	static const char *const fields[] = { "startupProbe", "readinessProbe", "livenessProbe" };
	struct probes *probes = memory_new(struct probes);

	probes->work = *work;
	probes->events = *events;
	probes->owner = owner;
	probes->started_ms = clock_now_ms() - age_ms;
	probes->spread = age_ms >= SPREAD_MS;
	probes->change.on_task = told_change;
	probes->drop.on_task = on_drop;
	for (int i = 0; i < PROBE_TYPES; i++) {
		struct probe *probe = &probes->probe[i];

		probe->probes = probes;
		probe->type = (enum probe_type)i;
		probe->spec = json_get(work->container, fields[i]);
		probe->timer.on_timer = on_timer;
		probe->passed = !probe->spec;
	}
	if (probes->probe[PROBE_STARTUP].spec)
		begin(&probes->probe[PROBE_STARTUP]);
	else
		begin_waiting(probes);
	return probes;
}

void probes_stop(struct probes *probes)
{
	if (!probes || probes->stopped)
		return;
	probes->stopped = true;
	loop_task_cancel(&probes->change);
	for (int i = 0; i < PROBE_TYPES; i++) {
		loop_timer_stop(&probes->probe[i].timer);
		action_cancel(probes->probe[i].action);
		probes->probe[i].action = NULL;
	}
	/* We may be inside one of its callbacks. */
	loop_defer(probes->work.loop, &probes->drop);
}

bool probes_started(const struct probes *probes)
{
	return probes->probe[PROBE_STARTUP].passed;
}

bool probes_ready(const struct probes *probes)
{
	return probes_started(probes) && probes->probe[PROBE_READINESS].passed;
}

static bool has_answered(const struct probe *probe)
{
	return probe->successes > 0 || probe->failures > 0;
}

static void hold(struct probe *probe)
{
	loop_timer_stop(&probe->timer);
	action_cancel(probe->action);
	probe->action = NULL;
}

void probes_recall(struct probes *probes, bool started, bool ready)
{
	struct probe *startup = &probes->probe[PROBE_STARTUP];
	struct probe *readiness = &probes->probe[PROBE_READINESS];

	if (startup->spec && !has_answered(startup) && startup->passed != started) {
		startup->passed = started;
		for (int i = 0; i < PROBE_TYPES; i++)
			hold(&probes->probe[i]);
		if (started)
			begin_waiting(probes);
		else
			begin(startup);
	}
	if (readiness->spec && !has_answered(readiness))
		readiness->passed = ready;
}

uint64_t probes_count(const struct probes *probes, enum probe_type type, enum probe_result result)
{
	return probes->probe[type].counts[result];
}

void probes_leave(struct probes *probes)
{
	hold(&probes->probe[PROBE_STARTUP]);
	hold(&probes->probe[PROBE_LIVENESS]);
}
