/*
 * pod_row.c - the state of a pod in a word, as the real server finds it: what it waits for, else
 * how its containers are, the last one first.
 */
#include "api/kinds/pod_row.h"

#include <inttypes.h>

#include "api/object.h"
#include "base/map.h"

static void say(struct pod_row *row, const char *prefix, struct str text)
{
	buf_reset(&row->status);
	buf_add_print(&row->status, "%s" STR_FMT, prefix, STR_ARG(text));
}

/* Names of the init containers that run on beside the others. */
static struct map *sidecars_of(const struct json *pod)
{
	struct map *sidecars = map_new();

	for (struct json_iter it = json_iter(json_path(pod, "spec", "initContainers", NULL));
	     json_next(&it);)
		if (str_is(json_str(json_get(it.value, "restartPolicy")), "Always"))
			map_put(sidecars, json_str(json_get(it.value, "name")), it.value);
	return sidecars;
}

static void count_restarts(struct pod_row *row, const struct json *status)
{
	struct str when =
		json_str(json_path(status, "lastState", "terminated", "finishedAt", NULL));

	row->restarts += json_int(json_get(status, "restartCount"));
	if (str_compare(when, row->last_restart) > 0)
		row->last_restart = when;
}

static void say_ended(struct pod_row *row, const struct json *ended, const char *prefix)
{
	struct str reason = json_str(json_get(ended, "reason"));
	int64_t signal = json_int(json_get(ended, "signal"));

	if (reason.len > 0) {
		say(row, prefix, reason);
		return;
	}
	buf_reset(&row->status);
	if (signal != 0)
		buf_add_print(&row->status, "%sSignal:%" PRId64, prefix, signal);
	else
		buf_add_print(&row->status, "%sExitCode:%" PRId64, prefix,
			      json_int(json_get(ended, "exitCode")));
}

/* What holds the pod up, of an init container that is not through. */
static void say_init(struct pod_row *row, const struct json *state, size_t index, size_t total)
{
	const struct json *ended = json_get(state, "terminated");
	struct str waiting = json_str(json_path(state, "waiting", "reason", NULL));

	if (ended) {
		say_ended(row, ended, "Init:");
	} else if (waiting.len > 0 && !str_is(waiting, "PodInitializing")) {
		say(row, "Init:", waiting);
	} else {
		buf_reset(&row->status);
		buf_add_print(&row->status, "Init:%zu/%zu", index, total);
	}
}

/* True when one of them holds the pod up.  *beside gets the counts of those that stay. */
static bool look_at_init(struct pod_row *row, const struct json *pod, struct pod_row *beside)
{
	size_t total = json_count(json_path(pod, "spec", "initContainers", NULL));
	auto_map sidecars = sidecars_of(pod);

	row->total = json_count(json_path(pod, "spec", "containers", NULL)) + map_count(sidecars);
	for (struct json_iter it =
		     json_iter(json_path(pod, "status", "initContainerStatuses", NULL));
	     json_next(&it);) {
		const struct json *state = json_get(it.value, "state"),
				  *ended = json_get(state, "terminated");
		bool stays = map_find(sidecars, json_str(json_get(it.value, "name"))) != NULL;

		count_restarts(row, it.value);
		if (stays)
			count_restarts(beside, it.value);
		if (ended && json_int(json_get(ended, "exitCode")) == 0)
			continue;
		if (stays && json_bool(json_get(it.value, "started"))) {
			row->ready += json_bool(json_get(it.value, "ready"));
			continue;
		}
		say_init(row, state, it.index, total);
		return true;
	}
	return false;
}

/* The first in the list that waits or has ended has the word. */
static void look_at_regular(struct pod_row *row, const struct json *pod)
{
	bool running = false, said = false;

	for (struct json_iter it = json_iter(json_path(pod, "status", "containerStatuses", NULL));
	     json_next(&it);) {
		const struct json *state = json_get(it.value, "state"),
				  *ended = json_get(state, "terminated");
		struct str waiting = json_str(json_path(state, "waiting", "reason", NULL));

		count_restarts(row, it.value);
		if (waiting.len == 0 && !ended) {
			if (json_bool(json_get(it.value, "ready")) && json_get(state, "running")) {
				running = true;
				row->ready++;
			}
		} else if (!said) {
			said = true;
			if (waiting.len > 0)
				say(row, "", waiting);
			else
				say_ended(row, ended, "");
		}
	}
	if (running && str_is(buf_str(&row->status), "Completed"))
		say(row, "",
		    meta_condition_is_true(pod, STR("Ready")) ? STR("Running") : STR("NotReady"));
}

void pod_row_init(struct pod_row *row, const struct json *pod)
{
	struct str reason = json_str(json_path(pod, "status", "reason", NULL)),
		   phase = json_str(json_path(pod, "status", "phase", NULL));
	const struct json *placed = meta_condition(pod, STR("PodScheduled"));
	struct pod_row beside = { .restarts = 0 };

	*row = (struct pod_row){ .restarts = 0 };
	say(row, "", reason.len ? reason : phase);
	if (str_is(json_str(json_get(placed, "reason")), "SchedulingGated"))
		say(row, "", STR("SchedulingGated"));
	if (!look_at_init(row, pod, &beside) || meta_condition_is_true(pod, STR("Initialized"))) {
		row->restarts = beside.restarts;
		row->last_restart = beside.last_restart;
		look_at_regular(row, pod);
	}
	if (!json_get(meta_of(pod), "deletionTimestamp"))
		return;
	if (str_is(reason, "NodeLost"))
		say(row, "", STR("Unknown"));
	else if (!str_is(phase, "Succeeded") && !str_is(phase, "Failed"))
		say(row, "", STR("Terminating"));
}

void pod_row_clear(struct pod_row *row)
{
	buf_clear(&row->status);
}
