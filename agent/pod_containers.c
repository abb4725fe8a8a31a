/*
 * pod_containers.c - the containers of one pod, step by step: image, run, probes, end, restart.
 *
 * Back-off as kubelets do it: the first restart at once, then after 10 s, doubling to 5 minutes; a
 * run of ten minutes starts anew.
 */
#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "agent/container_spec.h"
#include "agent/log_reader.h"
#include "agent/node_limits.h"
#include "agent/pod_files.h"
#include "agent/pod_inside.h"
#include "base/file.h"
#include "runtime/log_file.h"

#define EPHEMERALS_MAX      16 /* of one pod; they stay in its object for ever */
#define LOG_TAIL_MAX        2048
#define LOG_LINES_MAX       80
#define BUSY_MS             200
#define GRACE_DEFAULT_S     30
#define GRACE_MAX_S         (7 * 24 * 3600)
#define GRACE_AFTER_HOOK_MS 2000 /* what is left after preStop at the least, as with kubelets */
#define ROTATED_MAX         100

/* --- looking --- */

const struct container_state *pod_container_state(const struct pod_container *c)
{
	return c->created && c->pod->sandbox ? sandbox_container(c->pod->sandbox, c->id) : NULL;
}

bool pod_container_running(const struct pod_container *c)
{
	const struct container_state *state = pod_container_state(c);

	return state && state->phase != CONTAINER_EXITED;
}

int pod_container_exit_code(const struct pod_container *c)
{
	return (int)json_int(
		json_path(c->over ? json_root(c->over) : NULL, "terminated", "exitCode", NULL));
}

bool pod_container_started(const struct pod_container *c)
{
	return pod_container_running(c) && c->started_hook_done &&
	       (!c->probes || probes_started(c->probes));
}

bool pod_container_ready(const struct pod_container *c)
{
	if (c->is_ephemeral)
		return false;
	if (c->is_init && !c->is_sidecar)
		return c->over && pod_container_exit_code(c) == 0;
	return pod_container_started(c) && (!c->probes || probes_ready(c->probes));
}

struct pod_container *pod_container_find(const struct pod *pod, struct str name)
{
	for (size_t i = 0; i < pod->container_count; i++)
		if (str_is(name, pod->containers[i].name))
			return &pod->containers[i];
	return NULL;
}

/* The texts may be those that are replaced. */
void pod_container_wait(struct pod_container *c, const char *reason, const char *message)
{
	char *new_reason = reason ? memory_string(reason) : NULL;
	char *new_message = message && *message ? memory_string(message) : NULL;

	free(c->waiting_reason);
	free(c->waiting_message);
	c->waiting_reason = new_reason;
	c->waiting_message = new_message;
}

static void name_attempt(struct pod_container *c)
{
	snprintf(c->id, sizeof(c->id), "%s.%u", c->name, c->attempt);
}

/* --- making --- */

static void add(struct pod *pod, const struct json *spec, bool is_init)
{
	struct pod_container *c = &pod->containers[pod->container_count++];

	c->pod = pod;
	c->spec = spec;
	c->name = str_copy(json_str(json_get(spec, "name")));
	c->is_init = is_init;
	c->is_sidecar = is_init && str_is(json_str(json_get(spec, "restartPolicy")), "Always");
	name_attempt(c);
}

/* Those that came since the last look. */
static void add_ephemerals(struct pod *pod)
{
	size_t count = 0;

	for (struct json_iter it = json_iter(json_get(pod_spec(pod), "ephemeralContainers"));
	     json_next(&it) && count < EPHEMERALS_MAX; count++) {
		if (pod_container_find(pod, json_str(json_get(it.value, "name"))))
			continue;
		add(pod, it.value, false);
		pod->containers[pod->container_count - 1].is_ephemeral = true;
	}
}

void pod_containers_make(struct pod *pod)
{
	const struct json *init = json_get(pod_spec(pod), "initContainers");
	const struct json *main = json_get(pod_spec(pod), "containers");

	pod->containers = memory_zero((json_count(init) + json_count(main) + EPHEMERALS_MAX) *
				      sizeof(*pod->containers));
	for (struct json_iter it = json_iter(init); json_next(&it);)
		add(pod, it.value, true);
	for (struct json_iter it = json_iter(main); json_next(&it);)
		add(pod, it.value, false);
	add_ephemerals(pod);
}

/* Another image: what was begun for the old one is of no use. */
static void change_image(struct pod_container *c)
{
	image_want_cancel(c->want);
	c->want = NULL;
	if (!c->created) {
		image_free(c->pod->node->images, c->image);
		c->image = NULL;
	}
	pod_container_wait(c, NULL, NULL);
	c->image_due_ms = c->image_back_off_ms = c->due_ms = c->back_off_ms = 0;
}

static void respec(struct pod_container *c, const struct json *spec)
{
	bool same =
		str_equal(json_str(json_get(c->spec, "image")), json_str(json_get(spec, "image")));

	c->spec = spec;
	if (!same)
		change_image(c);
}

void pod_containers_respec(struct pod *pod)
{
	static const char *const lists[] = { "initContainers", "containers",
					     "ephemeralContainers" };

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(pod_spec(pod), lists[i]));
		     json_next(&it);) {
			struct pod_container *c =
				pod_container_find(pod, json_str(json_get(it.value, "name")));

			if (c)
				respec(c, it.value);
		}
	if (pod->containers) /* else they are about to be made */
		add_ephemerals(pod);
}

static void let_go(struct pod_container *c)
{
	probes_stop(c->probes);
	c->probes = NULL;
	action_cancel(c->hook);
	c->hook = NULL;
	image_want_cancel(c->want);
	c->want = NULL;
}

void pod_containers_free(struct pod *pod)
{
	for (size_t i = 0; i < pod->container_count; i++) {
		struct pod_container *c = &pod->containers[i];

		let_go(c);
		pod_container_wait(c, NULL, NULL);
		image_free(pod->node->images, c->image);
		json_doc_free(c->over);
		json_doc_free(c->last);
		json_doc_free(c->granted);
		free(c->run_image);
		free((char *)c->name);
	}
	free(pod->containers);
	pod->containers = NULL;
	pod->container_count = 0;
}

/* --- adoption --- */

/* The highest attempt that the sandbox knows is the present run; the one before is the last. */
static void learn(struct pod_container *c, const struct container_state *states, size_t count)
{
	size_t len = strlen(c->name);
	unsigned known = c->attempt;
	bool found = false;

	for (size_t i = 0; i < count; i++) {
		int64_t attempt;

		if (strncmp(states[i].id, c->name, len) != 0 || states[i].id[len] != '.' ||
		    !str_to_i64(str_of(states[i].id + len + 1), 0, UINT32_MAX, &attempt) ||
		    (found && (unsigned)attempt < c->attempt))
			continue;
		c->attempt = (unsigned)attempt;
		found = true;
	}
	name_attempt(c);
	c->created = found;
	/* status.json may be of the run before. */
	if (found && c->attempt != known && c->over) {
		json_doc_free(c->last);
		c->last = take_ptr(&c->over);
	}
}

/* Which image the present run was made of: its name may mean another one by now.  Two lines: the
 * image's id, and the name that the spec said. */
static char *image_path(const struct pod_container *c)
{
	return memory_print("%s/image.%s", c->pod->folder, c->name);
}

/* Not synced: after a power cut the container is gone as well. */
static void note_image(struct pod_container *c)
{
	struct str name = json_str(json_get(c->spec, "image"));
	auto_free char *path = image_path(c);
	auto_free char *text = memory_print("%s\n" STR_FMT, c->image->id, STR_ARG(name));
	auto_fd fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct error ignored;

	free(c->run_image);
	c->run_image = str_copy(name);
	if (fd >= 0)
		(void)!file_write_all(fd, text, strlen(text), &ignored);
}

void pod_containers_hold_images(struct pod *pod)
{
	for (size_t i = 0; i < pod->container_count; i++) {
		struct pod_container *c = &pod->containers[i];
		auto_free char *path = image_path(c);
		auto_buf text = BUF_INIT;
		struct error ignored;
		struct str name;

		if (!file_read(path, 4096, &text, &ignored))
			continue;
		name = buf_str(&text);
		(void)!images_find(pod->node->images, str_cut(&name, '\n'), &c->image, &ignored);
		c->run_image = str_copy(name);
	}
}

/* The image is the one thing of a running container that an update may change. */
static bool is_outdated(const struct pod_container *c)
{
	return c->run_image && !str_is(json_str(json_get(c->spec, "image")), c->run_image);
}

void pod_containers_learn(struct pod *pod)
{
	size_t count;
	const struct container_state *states = sandbox_containers(pod->sandbox, &count);

	for (size_t i = 0; i < pod->container_count; i++) {
		struct pod_container *c = &pod->containers[i];

		learn(c, states, count);
		if (!c->created)
			continue;
		c->started_hook_done = true; /* of its earlier life */
		c->adopted = true;
		pod->initialised = pod->initialised || !c->is_init;
		if (pod_container_running(c)) {
			json_doc_free(c->over);
			c->over = NULL;
		}
	}
}

/* --- ends --- */

static struct str last_lines(struct str text)
{
	size_t at = text.len, lines = 0;

	while (at > 0 && (text.at[at - 1] != '\n' || at == text.len || ++lines < LOG_LINES_MAX))
		at--;
	return str_from(text.at + at, text.len - at);
}

/* What it said last, in place of a termination message: at most 2 KiB, as with kubelets. */
static void add_log_tail(struct pod_container *c)
{
	struct json *over = json_get(json_root(c->over), "terminated");
	auto_buf path = BUF_INIT, text = BUF_INIT;
	auto_fd fd = -1;
	char bytes[LOG_TAIL_MAX * 2];
	ssize_t got;
	off_t end;

	pod_files_log_folder(c->pod, c->name, &path);
	buf_add_print(&path, "/%u.log", c->attempt);
	fd = log_file_open_plain(buf_text(&path), O_RDONLY);
	if (fd < 0 || (end = lseek(fd, 0, SEEK_END)) < 0)
		return;
	got = pread(fd, bytes, sizeof(bytes),
		    end > (off_t)sizeof(bytes) ? end - (off_t)sizeof(bytes) : 0);
	if (got <= 0)
		return;
	log_reader_plain(str_from(bytes, (size_t)got), end > (off_t)sizeof(bytes), &text);
	if (text.len > LOG_TAIL_MAX)
		buf_drop_front(&text, text.len - LOG_TAIL_MAX);
	json_put(c->over, over, "message",
		 json_new_str(c->over, pod_status_message(c, last_lines(buf_str(&text)))));
}

static void end_of(struct pod_container *c, const struct container_state *state)
{
	let_go(c);
	if (c->over || !state)
		return;
	c->over = pod_status_terminated(c, state);
	if (state->exit_code != 0 && !*state->message &&
	    str_is(json_str(json_get(c->spec, "terminationMessagePolicy")),
		   "FallbackToLogsOnError"))
		add_log_tail(c);
	if (state->finished_us - state->started_us > BACK_OFF_RESET_US)
		c->back_off_ms = 0;
	if (strcmp(state->reason, "StartError") == 0)
		pod_say(c->pod, c, "Warning", "Failed", "Error: %s", state->message);
}

/* --- restarting --- */

static bool wants_restart(const struct pod_container *c)
{
	struct str policy = json_str(json_get(pod_spec(c->pod), "restartPolicy"));

	if (c->is_ephemeral)
		return false;
	if (c->is_sidecar || c->restart_wanted)
		return true;
	if (c->is_init)
		return pod_container_exit_code(c) != 0 && !str_is(policy, "Never");
	return policy.len == 0 || str_is(policy, "Always") ||
	       (str_is(policy, "OnFailure") && pod_container_exit_code(c) != 0);
}

static void remove_log(const char *path)
{
	unlink(path);
	for (int i = 1; i < ROTATED_MAX; i++) {
		auto_free char *rotated = memory_print("%s.%d", path, i);

		if (unlink(rotated) != 0)
			return;
	}
}

static void next_attempt(struct pod_container *c)
{
	char before[CONTAINER_ID_MAX];

	/* The run before the last goes; its log with it. */
	if (c->attempt > 0 && c->pod->sandbox) {
		auto_buf log = BUF_INIT;

		snprintf(before, sizeof(before), "%s.%u", c->name, c->attempt - 1);
		/* A machine that was off since has forgotten it. */
		if (sandbox_container(c->pod->sandbox, before))
			sandbox_remove_container(c->pod->sandbox, before);
		pod_files_log_folder(c->pod, c->name, &log);
		buf_add_print(&log, "/%u.log", c->attempt - 1);
		remove_log(buf_text(&log));
	}
	/* Each run asks the registry. */
	if (pod_image_policy(c) == IMAGE_ALWAYS || is_outdated(c)) {
		image_free(c->pod->node->images, c->image);
		c->image = NULL;
	}
	json_doc_free(c->last);
	c->last = take_ptr(&c->over);
	c->attempt++;
	name_attempt(c);
	c->created = c->restart_wanted = c->adopted = false;
	c->resize_pending = c->resize_restart = false;
	c->told_started = c->started_hook_done = c->stop_hook_done = false;
	c->kill_due_ms = c->stop_sent_ms = c->due_ms = 0;
}

/* In a new sandbox init containers begin anew, unless the pod is over. */
static bool runs_again(const struct pod_container *c)
{
	return c->is_init && !c->is_sidecar && c->over && !c->pod->leaving && !c->pod->finished &&
	       !str_is(json_str(json_get(pod_spec(c->pod), "restartPolicy")), "Never");
}

void pod_containers_lost(struct pod *pod)
{
	for (size_t i = 0; i < pod->container_count; i++) {
		struct pod_container *c = &pod->containers[i];

		end_of(c, pod_container_state(c));
		c->created = c->adopted = false;
		if (c->waiting_reason && c->image_due_ms > 0)
			pod_container_wait(c, NULL, NULL); /* it could not run there; here it may */
		c->image_due_ms = 0;
		if (runs_again(c))
			next_attempt(c);
	}
	pod->initialised = false;
}

static void back_off(struct pod_container *c)
{
	int64_t wait = c->back_off_ms;

	c->due_ms = clock_now_ms() + wait;
	c->back_off_ms = wait == 0 ? BACK_OFF_FIRST_MS : wait * 2;
	if (c->back_off_ms > BACK_OFF_MAX_MS)
		c->back_off_ms = BACK_OFF_MAX_MS;
	if (wait == 0)
		return;
	pod_container_wait(c, "CrashLoopBackOff", NULL);
	c->waiting_message =
		memory_print("back-off %" PRId64 "s restarting failed container=%s pod=%s_%s(%s)",
			     wait / 1000, c->name, c->pod->name, c->pod->namespace, c->pod->uid);
	pod_say(c->pod, c, "Warning", "BackOff",
		"Back-off restarting failed container %s in pod %s_%s(%s)", c->name, c->pod->name,
		c->pod->namespace, c->pod->uid);
}

/* It is over: again at once, later, or never. */
static void step_over(struct pod_container *c)
{
	if (!wants_restart(c) || c->pod->leaving)
		return;
	if (c->due_ms == 0 && !c->restart_wanted)
		back_off(c);
	if (clock_now_ms() < c->due_ms) {
		pod_again_at(c->pod, c->due_ms);
		return;
	}
	c->due_ms = 0;
	pod_container_wait(c, NULL, NULL);
	next_attempt(c);
	pod_again(c->pod);
}

/* --- running --- */

/* The pod's limits are its containers': the group above has none of its own. */
static bool plan_and_run(struct pod_container *c, struct error *err)
{
	struct pod *pod = c->pod;
	auto_arena arena = arena_new();
	struct downward_facts facts;
	struct volumes_work volumes = pod_volumes_work(pod, &facts);
	auto_buf log = BUF_INIT;
	struct container_plan plan;
	struct container_spec_work work = { .pod = json_root(pod->now),
					    .container = c->spec,
					    .granted = pod_container_granted(c),
					    .image = c->image,
					    .volumes = &volumes,
					    .services = pod->node->services,
					    .api_address = pod->node->api_address,
					    .id = c->id,
					    .agent_folder = pod->node->folder,
					    .devices = pod->node->devices,
					    .node_memory = pod->node->memory };
	char hostname[POD_HOSTNAME_MAX];

	(void)pod_hostname(pod, hostname);
	pod_files_log_folder(pod, c->name, &log);
	if (!file_make_dirs(buf_text(&log), 0755, err))
		return false;
	buf_add_print(&log, "/%u.log", c->attempt);
	work.log_path = buf_text(&log);
	work.hostname = hostname;
	if (!container_spec_plan(&work, arena, &plan, err))
		return false;
	if (pod->node->limits) {
		plan.log_size_max = (uint64_t)pod->node->limits->log_size_max;
		plan.log_files_max = (unsigned)pod->node->limits->log_files_max;
	}
	return sandbox_run(pod->sandbox, &plan, err);
}

static void run(struct pod_container *c)
{
	struct error err;

	if (plan_and_run(c, &err)) {
		c->created = true;
		note_image(c);
		pod_container_wait(c, NULL, NULL);
		pod_say(c->pod, c, "Normal", "Created", "Created container: %s", c->name);
		return;
	}
	if (err.kind == ERROR_UNAVAILABLE) { /* the monitor is busy or gone: it says so itself */
		pod_again_at(c->pod, clock_now_ms() + BUSY_MS);
		return;
	}
	pod_container_wait(c, "CreateContainerConfigError", err.text);
	pod_say(c->pod, c, "Warning", "Failed", "Error: %s", err.text);
	c->image_due_ms = clock_now_ms() + BACK_OFF_FIRST_MS;
	pod_again_at(c->pod, c->image_due_ms);
}

/* --- probes and hooks --- */

static struct action_work action_work_of(struct pod_container *c)
{
	return (struct action_work){ .loop = c->pod->node->loop,
				     .sandbox = c->pod->sandbox,
				     .container_id = c->id,
				     .container = c->spec,
				     .pod_ip = pod_address(c->pod) };
}

static int64_t grace_ms_of(const struct json *seconds, int64_t fallback)
{
	int64_t grace = json_is_int(seconds) ? json_int(seconds) : fallback;

	return (grace < 0 ? 0 : grace > GRACE_MAX_S ? GRACE_MAX_S : grace) * 1000;
}

/* What a hook printed is not told: events are read by many. */
static void on_pre_stop(void *of, enum action_result result, struct str said)
{
	struct pod_container *c = of;

	c->hook = NULL;
	c->stop_hook_done = true;
	(void)said;
	if (result >= ACTION_FAILED)
		pod_say(c->pod, c, "Warning", "FailedPreStopHook", "PreStopHook failed");
	pod_again(c->pod);
}

/* preStop counts against the grace period, as everywhere.  False: it is still running. */
static bool step_pre_stop(struct pod_container *c, int64_t left)
{
	const struct json *hook = json_path(c->spec, "lifecycle", "preStop", NULL);
	struct action_work work = action_work_of(c);

	if (c->hook && (!c->hook_is_stop || left <= 0)) {
		action_cancel(c->hook);
		c->hook = NULL;
		c->stop_hook_done = c->hook_is_stop;
	}
	if (!hook || c->stop_hook_done || c->stop_sent_ms > 0 || left <= 0)
		return true;
	work.handler = hook;
	work.is_hook = true;
	work.timeout_ms = left;
	c->hook_is_stop = true;
	if (!c->hook)
		c->hook = action_start(&work, on_pre_stop, c);
	pod_again_at(c->pod, c->kill_due_ms);
	return false;
}

/* Towards the end of a container that has kill_due_ms: preStop, SIGTERM, and SIGKILL in time. */
static void step_kill(struct pod_container *c)
{
	int64_t left = c->kill_due_ms - clock_now_ms();

	if (!step_pre_stop(c, left) || c->held ||
	    (c->stop_sent_ms > 0 && c->stop_sent_ms <= c->kill_due_ms))
		return;
	/* A little is left after a hook, and for sidecars, which had to wait for the others. */
	if ((c->stop_hook_done || (c->is_sidecar && c->pod->leaving)) && left < GRACE_AFTER_HOOK_MS)
		left = GRACE_AFTER_HOOK_MS;
	c->stop_sent_ms = c->kill_due_ms;
	sandbox_stop_container(c->pod->sandbox, c->id, left > 0 ? left : 0);
}

/* End it by `due_ms`; an earlier time than before counts. */
static void kill_by(struct pod_container *c, int64_t due_ms, const char *why)
{
	if (c->kill_due_ms == 0)
		pod_say(c->pod, c, "Normal", "Killing", *why ? "%s" : "Stopping container %s",
			*why ? why : c->name);
	if (c->kill_due_ms == 0 || due_ms < c->kill_due_ms)
		c->kill_due_ms = due_ms;
	step_kill(c);
}

/* To be made anew, or because it does not live: its own grace period. */
static void kill_container(struct pod_container *c, const struct json *probe, const char *why)
{
	const struct json *own = json_get(probe, "terminationGracePeriodSeconds");
	const struct json *usual = json_get(pod_spec(c->pod), "terminationGracePeriodSeconds");
	int64_t grace_ms = grace_ms_of(own ? own : usual, GRACE_DEFAULT_S);

	kill_by(c, clock_now_ms() + grace_ms, why);
}

static void on_probe_change(void *owner)
{
	pod_again(((struct pod_container *)owner)->pod);
}

static const char *const probe_names[] = { "Startup", "Readiness", "Liveness" };
static const char *const probe_fields[] = { "startupProbe", "readinessProbe", "livenessProbe" };

static void on_probe_dead(void *owner, enum probe_type type, struct str said)
{
	struct pod_container *c = owner;
	struct str policy = json_str(json_get(pod_spec(c->pod), "restartPolicy"));
	bool again = c->is_sidecar || !str_is(policy, "Never");
	auto_free char *why = memory_print("Container %s failed %s probe%s", c->name,
					   type == PROBE_LIVENESS ? "liveness" : "startup",
					   again ? ", will be restarted" : "");

	(void)said;
	kill_container(c, json_get(c->spec, probe_fields[type]), why);
}

static void on_probe_trouble(void *owner, enum probe_type type, enum action_result result,
			     struct str said)
{
	struct pod_container *c = owner;
	const char *how = result == ACTION_WARNED    ? "warning"
			  : result == ACTION_ERRORED ? "errored and resulted in unknown state"
						     : "failed";

	pod_say(c->pod, c, "Warning", result == ACTION_WARNED ? "ProbeWarning" : "Unhealthy",
		"%s probe %s: " STR_FMT, probe_names[type], how, STR_ARG(said));
}

static const struct probe_events probe_events = { .on_change = on_probe_change,
						  .on_dead = on_probe_dead,
						  .on_trouble = on_probe_trouble };

static void on_post_start(void *of, enum action_result result, struct str said)
{
	struct pod_container *c = of;

	c->hook = NULL;
	c->started_hook_done = true;
	(void)said;
	if (result >= ACTION_FAILED) {
		pod_say(c->pod, c, "Warning", "FailedPostStartHook", "PostStartHook failed");
		kill_container(c, NULL, "FailedPostStartHook");
	}
	pod_again(c->pod);
}

static void step_running(struct pod_container *c, const struct container_state *state)
{
	const struct json *hook = json_path(c->spec, "lifecycle", "postStart", NULL);
	struct action_work work = action_work_of(c);
	int64_t age_ms = clock_wall_us() / 1000 - state->started_us / 1000;

	if (age_ms < 0) /* the clock was set back */
		age_ms = 0;
	if (c->kill_due_ms > 0) {
		step_kill(c);
		return;
	}
	if (!c->told_started && !c->started_hook_done)
		pod_say(c->pod, c, "Normal", "Started", "Started container %s", c->name);
	c->told_started = true;
	if (!hook)
		c->started_hook_done = true;
	if (!c->started_hook_done) {
		work.handler = hook;
		work.is_hook = true;
		c->hook_is_stop = false;
		if (!c->hook)
			c->hook = action_start(&work, on_post_start, c);
		return;
	}
	if (c->resize_restart && c->kill_due_ms == 0) {
		auto_free char *why = memory_print("Container %s resize requires restart", c->name);

		c->restart_wanted = true;
		kill_container(c, NULL, why);
	}
	if (is_outdated(c)) {
		auto_free char *why =
			memory_print("Container %s definition changed, will be restarted", c->name);

		c->restart_wanted = true;
		kill_container(c, NULL, why);
	}
	if (!c->probes && c->kill_due_ms == 0) {
		c->probes = probes_start(&work, age_ms, &probe_events, c);
		/* It served before we came: only its probes can say otherwise. */
		if (c->adopted)
			probes_recall(c->probes, true, true);
	}
}

/* --- one container --- */

static void step(struct pod_container *c)
{
	const struct container_state *state = pod_container_state(c);

	if (c->over && !state) {
		step_over(c);
		return;
	}
	if (state && state->phase == CONTAINER_EXITED) {
		end_of(c, state);
		step_over(c);
		return;
	}
	if (state && state->phase == CONTAINER_RUNNING)
		step_running(c, state);
	if (state || c->created || c->want || c->pod->leaving)
		return;
	if (!c->image)
		pod_image_want(c);
	else if (clock_now_ms() < c->image_due_ms && c->waiting_reason)
		pod_again_at(c->pod, c->image_due_ms);
	else
		run(c);
}

/* Init containers one after the other; once the main ones have begun all are looked after. */
void pod_containers_step(struct pod *pod)
{
	for (size_t i = 0; i < pod->container_count; i++) {
		struct pod_container *c = &pod->containers[i];

		if (!c->is_init)
			pod->initialised = true;
		if (c->is_init && c->over && pod_container_exit_code(c) == 0 && !c->is_sidecar &&
		    !pod_container_running(c))
			continue;
		step(c);
		if (!pod->initialised && (!c->is_sidecar || !pod_container_started(c)))
			return;
	}
}

/* The API's last word about containers whose probes have not answered yet. */
void pod_containers_recall(struct pod *pod)
{
	static const char *const lists[] = { "initContainerStatuses", "containerStatuses" };
	const struct json *status = json_get(json_root(pod->now), "status");

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(status, lists[i])); json_next(&it);) {
			struct pod_container *c =
				pod_container_find(pod, json_str(json_get(it.value, "name")));

			if (c && c->adopted && c->probes)
				probes_recall(c->probes, json_bool(json_get(it.value, "started")),
					      json_bool(json_get(it.value, "ready")));
		}
}

/* --- stopping --- */

/* Sidecars serve until those after them have ended. */
static bool may_stop(const struct pod *pod, size_t index)
{
	if (!pod->containers[index].is_sidecar || clock_now_ms() >= pod->stop_due_ms)
		return true;
	for (size_t i = index + 1; i < pod->container_count; i++)
		if (pod_container_running(&pod->containers[i]))
			return false;
	return true;
}

bool pod_containers_stop(struct pod *pod)
{
	bool all_over = true;

	for (size_t i = pod->container_count; i > 0; i--) {
		struct pod_container *c = &pod->containers[i - 1];
		const struct container_state *state = pod_container_state(c);

		image_want_cancel(c->want);
		c->want = NULL;
		if (state && state->phase == CONTAINER_EXITED)
			end_of(c, state);
		if (!pod_container_running(c))
			continue;
		all_over = false;
		if (c->probes)
			probes_leave(c->probes);
		/* Its preStop runs at once; its turn to end is later. */
		c->held = !may_stop(pod, i - 1);
		if (c->held)
			pod_again_at(pod, pod->stop_due_ms);
		kill_by(c, pod->stop_due_ms, "");
	}
	return all_over;
}

bool pod_containers_finished(const struct pod *pod)
{
	bool init_failed = false;

	for (size_t i = 0; i < pod->container_count; i++) {
		const struct pod_container *c = &pod->containers[i];

		if (c->is_sidecar || c->is_ephemeral)
			continue;
		if (c->is_init)
			init_failed = init_failed ||
				      (c->over && !pod_container_running(c) &&
				       pod_container_exit_code(c) != 0 && !wants_restart(c));
		else if (!init_failed && (!c->over || pod_container_running(c) || wants_restart(c)))
			return false;
	}
	return true;
}

void pod_containers_poke(struct pod *pod)
{
	for (size_t i = 0; i < pod->container_count; i++)
		if (!pod->containers[i].image)
			pod->containers[i].image_due_ms = 0;
}
