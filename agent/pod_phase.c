/*
 * pod_phase.c - what a pod as a whole is, from what its containers are: the phase, the conditions.
 *
 * The rules are those of https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/, and the
 * words those of kubelets: people's scripts read them.
 */
#include <stdio.h>

#include "agent/pod_inside.h"

/* --- one container --- */

enum pod_container_look pod_container_look(const struct pod_container *c)
{
	const struct container_state *state = pod_container_state(c);

	if (c->waiting_reason)
		return LOOK_WAITING;
	if (c->over)
		return LOOK_OVER;
	return state && state->phase == CONTAINER_RUNNING ? LOOK_RUNNING : LOOK_WAITING;
}

/* How its last run ended: of a container that waits for the next one. */
static bool has_run(const struct pod_container *c)
{
	return c->last || (c->over && c->waiting_reason);
}

static bool last_run_failed(const struct pod_container *c)
{
	const struct json_doc *run = c->over ? c->over : c->last;

	return json_int(json_path(json_root(run), "terminated", "exitCode", NULL)) != 0;
}

bool pod_any_regular_started(const struct pod *pod)
{
	for (size_t i = 0; i < pod->container_count; i++) {
		const struct pod_container *c = &pod->containers[i];

		if (!c->is_init && !c->is_ephemeral &&
		    (pod_container_look(c) != LOOK_WAITING || has_run(c)))
			return true;
	}
	return false;
}

/* --- the phase --- */

struct tally {
	size_t init_pending, init_failed;
	size_t waiting, running, stopped, succeeded;
};

static void count_init(const struct pod_container *c, struct tally *out)
{
	switch (pod_container_look(c)) {
	case LOOK_RUNNING: out->init_pending++; return;
	case LOOK_OVER: out->init_failed += pod_container_exit_code(c) != 0; return;
	case LOOK_WAITING:
		if (has_run(c))
			out->init_failed += last_run_failed(c);
		else
			out->init_pending++;
		return;
	}
}

/* One that has ended takes no part: it comes again, or nobody needs it any more. */
static void count_sidecar(const struct pod_container *c, struct tally *out)
{
	enum pod_container_look look = pod_container_look(c);

	if (look == LOOK_RUNNING) {
		out->init_pending += !pod_container_started(c);
		out->running++;
	} else if (look == LOOK_WAITING && !has_run(c)) {
		out->init_pending++;
		out->waiting++;
	}
}

static void count_regular(const struct pod_container *c, struct tally *out)
{
	enum pod_container_look look = pod_container_look(c);

	if (look == LOOK_RUNNING)
		out->running++;
	else if (look == LOOK_OVER || has_run(c))
		out->stopped++;
	else
		out->waiting++;
	out->succeeded += look == LOOK_OVER && pod_container_exit_code(c) == 0;
}

static void count_all(const struct pod *pod, struct tally *out)
{
	*out = (struct tally){ 0 };
	for (size_t i = 0; i < pod->container_count; i++) {
		const struct pod_container *c = &pod->containers[i];

		if (c->is_sidecar)
			count_sidecar(c, out);
		else if (c->is_init)
			count_init(c, out);
		else if (!c->is_ephemeral)
			count_regular(c, out);
	}
}

static const char *phase_of_stopped(const struct pod *pod, const struct tally *tally)
{
	struct str policy = json_str(json_get(pod_spec(pod), "restartPolicy"));
	bool good = tally->stopped == tally->succeeded;

	if (pod->leaving && pod->phase == SANDBOX_NONE && !pod->is_static)
		return good ? "Succeeded" : "Failed";
	if (policy.len == 0 || str_is(policy, "Always"))
		return "Running"; /* they are about to start again */
	if (good)
		return "Succeeded";
	return str_is(policy, "Never") ? "Failed" : "Running";
}

static bool never_restarts(const struct pod *pod)
{
	return str_is(json_str(json_get(pod_spec(pod), "restartPolicy")), "Never");
}

static const char *phase_by_containers(const struct pod *pod)
{
	struct tally tally;

	count_all(pod, &tally);
	if (tally.init_failed > 0 && never_restarts(pod))
		return "Failed";
	if ((tally.init_pending > 0 && !pod_any_regular_started(pod)) || tally.waiting > 0)
		return "Pending";
	if (tally.running > 0)
		return "Running";
	return tally.stopped > 0 ? phase_of_stopped(pod, &tally) : "Pending";
}

/* Nobody may take a pod for over while anything of it runs: its devices and files are in use. */
static bool anything_runs(const struct pod *pod)
{
	for (size_t i = 0; i < pod->container_count; i++)
		if (pod_container_running(&pod->containers[i]))
			return true;
	return pod->phase == SANDBOX_ENDING || pod->phase == SANDBOX_LOST;
}

static bool is_final(const char *phase)
{
	return strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0;
}

const char *pod_phase(const struct pod *pod)
{
	const char *phase = pod->failed_reason ? "Failed" : phase_by_containers(pod);

	if (pod->was_final)
		return pod->was_final;
	if (is_final(phase) && anything_runs(pod))
		return pod_any_regular_started(pod) ? "Running" : "Pending";
	return phase;
}

/* --- conditions --- */

struct condition {
	const char *type, *status, *reason;
	struct str message;
};

/* The old time stays when nothing changed but the words. */
static void add_condition(struct json_doc *doc, struct json *list, const struct json *before,
			  const struct condition *it)
{
	struct json *out = json_new_object(doc);
	struct str since = STR_NONE;
	char now[CLOCK_TEXT];

	for (struct json_iter old = json_iter(before); json_next(&old);)
		if (str_is(json_str(json_get(old.value, "type")), it->type) &&
		    str_is(json_str(json_get(old.value, "status")), it->status))
			since = json_str(json_get(old.value, "lastTransitionTime"));
	clock_print(clock_wall_s(), now);
	json_put(doc, out, "type", json_new_text(doc, it->type));
	json_put(doc, out, "status", json_new_text(doc, it->status));
	json_put(doc, out, "lastProbeTime", json_new_null(doc));
	json_put(doc, out, "lastTransitionTime",
		 since.len > 0 ? json_new_str(doc, since) : json_new_text(doc, now));
	/* Said also where there is none: lists of conditions are merged. */
	json_put(doc, out, "reason",
		 it->reason ? json_new_text(doc, it->reason) : json_new_null(doc));
	json_put(doc, out, "message",
		 it->message.len > 0 ? json_new_str(doc, it->message) : json_new_null(doc));
	json_append(list, out);
}

/* "containers with unready status: [a b]" of those that `is_bad` says; "" when there are none. */
static void name_them(const struct pod *pod, const char *what,
		      bool (*is_bad)(const struct pod_container *c), struct buf *out)
{
	size_t count = 0;

	for (size_t i = 0; i < pod->container_count; i++) {
		const struct pod_container *c = &pod->containers[i];

		if (!is_bad(c))
			continue;
		if (count++ == 0)
			buf_add_print(out, "containers with %s status: [", what);
		else
			buf_add_byte(out, ' ');
		buf_add_text(out, c->name);
	}
	if (count > 0)
		buf_add_byte(out, ']');
}

static bool is_unready(const struct pod_container *c)
{
	return !c->is_ephemeral && (!c->is_init || c->is_sidecar) && !pod_container_ready(c);
}

static bool is_incomplete(const struct pod_container *c)
{
	return c->is_init && (c->is_sidecar ? !pod_container_started(c) : !pod_container_ready(c));
}

/* Conditions that somebody else sets, as readiness gates are. */
static void name_gates(const struct pod *pod, struct buf *out)
{
	for (struct json_iter g = json_iter(json_get(pod_spec(pod), "readinessGates"));
	     json_next(&g);) {
		struct str type = json_str(json_get(g.value, "conditionType"));
		const struct json *condition = meta_condition(json_root(pod->now), type);
		struct str status = json_str(json_get(condition, "status"));

		if (str_is(status, "True"))
			continue;
		if (out->len > 0)
			buf_add_text(out, ", ");
		if (!condition)
			buf_add_print(out,
				      "corresponding condition of pod readiness gate \"" STR_FMT
				      "\" does not exist.",
				      STR_ARG(type));
		else
			buf_add_print(out,
				      "the status of pod readiness gate \"" STR_FMT
				      "\" is not \"True\", but " STR_FMT,
				      STR_ARG(type), STR_ARG(status));
	}
}

static struct condition initialised(const struct pod *pod, const char *phase, struct buf *words)
{
	struct condition it = { .type = "Initialized", .status = "True" };

	if (strcmp(phase, "Succeeded") == 0) {
		it.reason = "PodCompleted";
		return it;
	}
	if (pod_any_regular_started(pod))
		return it;
	name_them(pod, "incomplete", is_incomplete, words);
	if (words->len == 0)
		return it;
	it.status = "False";
	it.reason = "ContainersNotInitialized";
	it.message = buf_str(words);
	return it;
}

static struct condition containers_ready(const struct pod *pod, const char *phase,
					 struct buf *words)
{
	struct condition it = { .type = "ContainersReady", .status = "False" };

	if (is_final(phase)) {
		it.reason = strcmp(phase, "Failed") == 0 ? "PodFailed" : "PodCompleted";
		return it;
	}
	name_them(pod, "unready", is_unready, words);
	if (words->len == 0) {
		it.status = "True";
		return it;
	}
	it.reason = "ContainersNotReady";
	it.message = buf_str(words);
	return it;
}

static struct condition ready(const struct pod *pod, const struct condition *containers,
			      struct buf *words)
{
	struct condition it = *containers;

	it.type = "Ready";
	if (strcmp(it.status, "True") != 0)
		return it;
	name_gates(pod, words);
	if (words->len == 0)
		return it;
	it.status = "False";
	it.reason = "ReadinessGatesNotReady";
	it.message = buf_str(words);
	return it;
}

void pod_conditions(const struct pod *pod, struct json_doc *doc, struct json *status,
		    const char *phase)
{
	struct json *list = json_sub_array(doc, status, "conditions");
	const struct json *known = json_path(json_root(pod->now), "status", "conditions", NULL);
	const struct json *before =
		pod->own_times ? json_get(json_root(pod->status), "conditions") : known;
	auto_buf init_words = BUF_INIT, words = BUF_INIT, gates = BUF_INIT;
	struct condition has_sandbox = { .type = "PodReadyToStartContainers",
					 .status = pod->phase == SANDBOX_READY && pod->attached
							   ? "True"
							   : "False" };
	struct condition scheduled = { .type = "PodScheduled", .status = "True" };
	struct condition init = initialised(pod, phase, &init_words);
	struct condition containers = containers_ready(pod, phase, &words);
	struct condition whole = ready(pod, &containers, &gates);
	struct condition disrupted = { .type = "DisruptionTarget",
				       .status = "True",
				       .reason = "TerminationByKubelet",
				       .message = str_of(pod->failed_message) };

	add_condition(doc, list, before, &has_sandbox);
	add_condition(doc, list, before, &init);
	add_condition(doc, list, before, &whole);
	add_condition(doc, list, before, &containers);
	add_condition(doc, list, pod->is_static ? before : known, &scheduled);
	if (pod->is_disrupted)
		add_condition(doc, list, before, &disrupted);
}
