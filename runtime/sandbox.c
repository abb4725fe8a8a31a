/*
 * sandbox.c - the handle of a pod: hears its monitor, keeps the states, tells the owner.
 *
 * comes from: messages of the monitor (docs/decisions/0006-monitor.md), the end of its process.
 * goes to:    the owner's callbacks, one for each task of the loop, never from inside a call; so an
 *             owner may close the handle in any of them.
 */
#include "runtime/sandbox_inside.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "runtime/capability.h"
#include "runtime/container_plan.h"
#include "runtime/container_state.h"
#include "runtime/seccomp.h"
#include "runtime/seccomp_profile.h"

#define RECONNECT_MS 200
#define UNSENT_MAX   65536 /* bytes; the line is cut for a moment only */
#define CLEAN_MS     20

/* Files of a dead monitor, on their way out. */
struct cleaning {
	struct work_job job;
	struct sandbox *sandbox; /* NULL: the handle is gone */
	char *folder;
	bool worked;
	struct error err;
};

static void on_timer(struct loop_timer *timer);
static void on_teller(struct loop_task *task);
static void on_monitor_exit(struct loop_child *child, int status);
static void on_message(struct wire *wire, const struct json *message, struct wire_fds *fds);
static void on_closed(struct wire *wire);

struct sandbox *sandbox_new(struct loop *loop, const char *folder,
			    const struct sandbox_events *events, void *owner)
{
	struct sandbox *sandbox = memory_new(struct sandbox);

	assert(events->on_ready && events->on_container && events->on_gone);
	sandbox->loop = loop;
	sandbox->events = events;
	sandbox->owner = owner;
	sandbox->folder = memory_print("%s/sandbox", folder);
	sandbox->timer.on_timer = on_timer;
	sandbox->teller.on_task = on_teller;
	sandbox->monitor.on_exit = on_monitor_exit;
	list_init(&sandbox->sessions);
	return sandbox;
}

void sandbox_close(struct sandbox *sandbox)
{
	if (!sandbox)
		return;
	assert(list_is_empty(&sandbox->sessions));
	if (sandbox->cleaning)
		sandbox->cleaning->sandbox = NULL;
	loop_task_cancel(&sandbox->teller);
	loop_timer_stop(&sandbox->timer);
	loop_child_stop(&sandbox->monitor);
	if (sandbox->wired)
		wire_stop(&sandbox->wire);
	cgroup_close(sandbox->cgroup);
	free(sandbox->states);
	free(sandbox->facts);
	buf_clear(&sandbox->unsent);
	free(sandbox->folder);
	free(sandbox);
}

/* --- telling the owner --- */

void sandbox_tell_soon(struct sandbox *sandbox)
{
	loop_defer(sandbox->loop, &sandbox->teller);
}

static bool any_untold(const struct sandbox *sandbox)
{
	if (sandbox->ready_untold || sandbox->gone_untold || sandbox_session_untold(sandbox))
		return true;
	for (size_t i = 0; i < sandbox->count && sandbox->is_ready; i++)
		if (sandbox->facts[i].untold)
			return true;
	return false;
}

static bool tell_container(struct sandbox *sandbox)
{
	char id[CONTAINER_ID_MAX];

	for (size_t i = 0; i < sandbox->count && sandbox->is_ready; i++) {
		if (!sandbox->facts[i].untold)
			continue;
		sandbox->facts[i].untold = false;
		memcpy(id, sandbox->states[i].id, sizeof(id));
		if (any_untold(sandbox))
			sandbox_tell_soon(sandbox);
		sandbox->events->on_container(sandbox->owner, id);
		return true;
	}
	return false;
}

/* One callback, as the last thing: the handle may be gone after it. */
static void on_teller(struct loop_task *task)
{
	struct sandbox *sandbox = CONTAINER_OF(task, struct sandbox, teller);
	struct error why = sandbox->ready_error;

	if (sandbox->ready_untold) {
		sandbox->ready_untold = false;
		sandbox->is_ready = true;
		if (any_untold(sandbox))
			sandbox_tell_soon(sandbox);
		sandbox->events->on_ready(sandbox->owner, why.kind == ERROR_NONE ? NULL : &why);
		return;
	}
	if (tell_container(sandbox) || sandbox_session_tell(sandbox))
		return;
	if (sandbox->gone_untold) {
		sandbox->gone_untold = false;
		sandbox->events->on_gone(sandbox->owner);
	}
}

/* --- the states --- */

static size_t find_place(const struct sandbox *sandbox, const char *id)
{
	size_t at = 0;

	while (at < sandbox->count && strcmp(sandbox->states[at].id, id) != 0)
		at++;
	return at;
}

size_t sandbox_place(struct sandbox *sandbox, const char *id)
{
	size_t at = find_place(sandbox, id);

	if (at < sandbox->count)
		return at;
	sandbox->states = memory_grow(sandbox->states, (at + 1) * sizeof(*sandbox->states));
	sandbox->facts = memory_grow(sandbox->facts, (at + 1) * sizeof(*sandbox->facts));
	memset(&sandbox->states[at], 0, sizeof(*sandbox->states));
	memset(&sandbox->facts[at], 0, sizeof(*sandbox->facts));
	snprintf(sandbox->states[at].id, sizeof(sandbox->states[at].id), "%s", id);
	sandbox->count++;
	return at;
}

static void forget_place(struct sandbox *sandbox, size_t at)
{
	size_t after = --sandbox->count - at;

	memmove(&sandbox->states[at], &sandbox->states[at + 1], after * sizeof(*sandbox->states));
	memmove(&sandbox->facts[at], &sandbox->facts[at + 1], after * sizeof(*sandbox->facts));
}

const struct container_state *sandbox_containers(const struct sandbox *sandbox, size_t *out_count)
{
	*out_count = sandbox->count;
	return sandbox->states;
}

const struct container_state *sandbox_container(const struct sandbox *sandbox, const char *id)
{
	size_t at = find_place(sandbox, id);

	return at < sandbox->count ? &sandbox->states[at] : NULL;
}

const char *sandbox_netns(const struct sandbox *sandbox)
{
	return sandbox->netns;
}

void sandbox_writable_folder(const struct sandbox *sandbox, const char *id, char *out, size_t size)
{
	snprintf(out, size, "%s/containers/%s/upper", sandbox->folder, id);
}

/* --- what the monitor says --- */

static void hear_container(struct sandbox *sandbox, const struct json *message)
{
	struct container_state state;
	struct error err;
	size_t at;

	if (!container_state_parse(message, &state, &err)) {
		log_warn("runtime.sandbox", "a state makes no sense", "why=\"%s\"", err.text);
		return;
	}
	at = sandbox_place(sandbox, state.id);
	sandbox->states[at] = state;
	sandbox->facts[at].tty = json_bool(json_get(message, "tty"));
	sandbox->facts[at].stdin_open = json_bool(json_get(message, "stdinOpen"));
	sandbox->facts[at].untold = sandbox->is_ready;
}

/* What was asked for while the line was cut. */
static void send_unsent(struct sandbox *sandbox)
{
	struct str rest = buf_str(&sandbox->unsent);

	while (rest.len > 0) {
		auto_json_doc doc = NULL;
		struct error ignored;

		if (json_parse(str_cut(&rest, '\n'), &doc, NULL, &ignored))
			wire_send(&sandbox->wire, json_root(doc), NULL);
	}
	buf_clear(&sandbox->unsent);
}

static void hear_hello(struct sandbox *sandbox, const struct json *message)
{
	pid_t pid = (pid_t)json_int(json_get(message, "pid"));
	struct error err;

	snprintf(sandbox->netns, sizeof(sandbox->netns), "/proc/%d/ns/net", (int)pid);
	if (!sandbox->watching && pid > 1 && !sandbox_watch(sandbox, pid, &err))
		log_warn("runtime.sandbox", "cannot watch a monitor", "why=\"%s\"", err.text);
	send_unsent(sandbox);
}

static void hear_broken(struct sandbox *sandbox, const struct json *message)
{
	struct str why = json_str(json_get(message, "error"));

	error_set(&sandbox->ready_error, ERROR_BROKEN, STR_FMT,
		  STR_ARG(why.at ? why : STR("unknown")));
	sandbox->ready_untold = true;
}

/* A run that was refused is told as a container that failed. */
static void hear_failed(struct sandbox *sandbox, const struct json *message)
{
	struct str why = json_str(json_get(message, "error"));
	struct str request = json_str(json_get(message, "do"));
	struct str id = json_str(json_get(message, "id"));
	auto_free char *name = str_copy(id.at ? id : STR(""));
	struct error err;
	size_t at = find_place(sandbox, name);

	if (!why.at || !request.at)
		return;
	log_warn("runtime.sandbox", "the monitor refused a request",
		 "request=" STR_FMT " why=\"" STR_FMT "\"", STR_ARG(request), STR_ARG(why));
	if (!str_is(request, "run") || at == sandbox->count ||
	    sandbox->states[at].phase != CONTAINER_CREATED)
		return;
	error_set(&err, ERROR_BROKEN, STR_FMT, STR_ARG(why));
	container_state_fail(&sandbox->states[at], &err);
	sandbox->facts[at].untold = true;
}

static void hear_removed(struct sandbox *sandbox, const struct json *message)
{
	struct str id = json_str(json_get(message, "id"));
	auto_free char *name = str_copy(id.at ? id : STR(""));
	size_t at = find_place(sandbox, name);

	if (at < sandbox->count)
		forget_place(sandbox, at);
}

static void on_message(struct wire *wire, const struct json *message, struct wire_fds *fds)
{
	struct sandbox *sandbox = CONTAINER_OF(wire, struct sandbox, wire);
	struct str what = json_str(json_get(message, "is"));

	if (!what.at)
		return;
	if (str_is(what, "container"))
		hear_container(sandbox, message);
	else if (str_is(what, "hello"))
		hear_hello(sandbox, message);
	else if (str_is(what, "ready"))
		sandbox->ready_untold = !sandbox->is_ready;
	else if (str_is(what, "broken"))
		hear_broken(sandbox, message);
	else if (str_is(what, "removed"))
		hear_removed(sandbox, message);
	else if (json_get(message, "session"))
		sandbox_session_message(sandbox, what, message, fds);
	else if (str_is(what, "failed"))
		hear_failed(sandbox, message);
	if (any_untold(sandbox))
		sandbox_tell_soon(sandbox);
}

/* --- the monitor's process --- */

bool sandbox_wire(struct sandbox *sandbox, int fd, struct error *err)
{
	sandbox->wire = (struct wire){ .on_message = on_message, .on_closed = on_closed };
	sandbox->wired = wire_start(sandbox->loop, &sandbox->wire, fd, err);
	return sandbox->wired;
}

bool sandbox_watch(struct sandbox *sandbox, pid_t monitor, struct error *err)
{
	sandbox->monitor.pid = monitor;
	sandbox->watching = loop_child_start(sandbox->loop, &sandbox->monitor, err);
	return sandbox->watching;
}

/* Either the monitor is about to end, or it cut us off as we did not read: then we come again. */
static void on_closed(struct wire *wire)
{
	struct sandbox *sandbox = CONTAINER_OF(wire, struct sandbox, wire);

	wire_stop(wire);
	sandbox->wired = false;
	sandbox_session_lose(sandbox);
	if (!sandbox->dead)
		loop_timer_set(sandbox->loop, &sandbox->timer,
			       sandbox->watching ? RECONNECT_MS : 0);
	if (any_untold(sandbox))
		sandbox_tell_soon(sandbox);
}

static void reconnect(struct sandbox *sandbox)
{
	struct error err;
	int fd;

	if (sandbox->wired)
		return;
	if (wire_connect(sandbox->folder, SANDBOX_SOCKET, &fd, &err) &&
	    sandbox_wire(sandbox, fd, &err))
		return;
	/* Nobody there, and no process that could be watched: that is the end of it. */
	if (!sandbox->watching)
		on_monitor_exit(&sandbox->monitor, 0);
	else
		loop_timer_set(sandbox->loop, &sandbox->timer, RECONNECT_MS);
}

void sandbox_lose(struct sandbox *sandbox)
{
	sandbox->dead = true;
	sandbox->netns[0] = '\0';
	if (sandbox->cgroup)
		cgroup_kill(sandbox->cgroup);
	for (size_t i = 0; i < sandbox->count; i++) {
		if (sandbox->states[i].phase == CONTAINER_EXITED)
			continue;
		container_state_lose(&sandbox->states[i]);
		sandbox->facts[i].untold = sandbox->is_ready;
	}
}

/* --- what a dead monitor left --- */

static void run_cleaning(struct work_job *job)
{
	struct cleaning *cleaning = CONTAINER_OF(job, struct cleaning, job);

	cleaning->worked = file_remove_tree(cleaning->folder, &cleaning->err);
}

static void on_cleaned(struct work_job *job)
{
	struct cleaning *cleaning = CONTAINER_OF(job, struct cleaning, job);
	struct sandbox *sandbox = cleaning->sandbox;

	if (!cleaning->worked)
		log_error("runtime.sandbox", "cannot remove a pod's files", "why=\"%s\"",
			  cleaning->err.text);
	if (sandbox) {
		sandbox->cleaning = NULL;
		sandbox->gone_untold = true;
		sandbox_tell_soon(sandbox);
	}
	free(cleaning->folder);
	free(cleaning);
}

static void begin_cleaning(struct sandbox *sandbox)
{
	struct cleaning *cleaning = memory_new(struct cleaning);

	cleaning->job = (struct work_job){ .run = run_cleaning, .on_done = on_cleaned };
	cleaning->sandbox = sandbox;
	cleaning->folder = memory_string(sandbox->folder);
	sandbox->cleaning = cleaning;
	if (sandbox->pool) {
		work_start(sandbox->pool, &cleaning->job);
		return;
	}
	run_cleaning(&cleaning->job);
	on_cleaned(&cleaning->job);
}

void sandbox_remove_by(struct sandbox *sandbox, struct work_pool *pool)
{
	sandbox->pool = pool;
}

/* What a monitor does at its end, when it cannot do it itself. */
static void clean(struct sandbox *sandbox)
{
	struct error err;

	if (sandbox->cleaning)
		return;
	if (sandbox->cgroup) {
		cgroup_kill(sandbox->cgroup);
		if (!cgroup_remove(sandbox->cgroup, &err)) {
			loop_timer_set(sandbox->loop, &sandbox->timer, CLEAN_MS);
			return;
		}
	}
	begin_cleaning(sandbox);
}

static void on_timer(struct loop_timer *timer)
{
	struct sandbox *sandbox = CONTAINER_OF(timer, struct sandbox, timer);

	if (sandbox->dead)
		clean(sandbox);
	else
		reconnect(sandbox);
}

static void on_monitor_exit(struct loop_child *child, int status)
{
	struct sandbox *sandbox = CONTAINER_OF(child, struct sandbox, monitor);

	(void)status;
	sandbox->watching = false;
	loop_timer_stop(&sandbox->timer);
	/* Its last words may still be in the socket. */
	if (sandbox->wired)
		sandbox->wire.watch.on_event(&sandbox->wire.watch, LOOP_READ);
	if (sandbox->wired)
		wire_stop(&sandbox->wire);
	sandbox->wired = false;
	sandbox_session_lose(sandbox);
	if (!sandbox->is_ready && !sandbox->ready_untold) {
		error_set(&sandbox->ready_error, ERROR_BROKEN,
			  "the pod's monitor ended before it was ready");
		sandbox->ready_untold = true;
	}
	sandbox_lose(sandbox);
	if (sandbox->destroying) {
		clean(sandbox); /* finds nothing left, unless it was killed on its way */
		return;
	}
	sandbox->gone_untold = true;
	sandbox_tell_soon(sandbox);
}

/* --- requests --- */

static void request(struct sandbox *sandbox, const char *what, const char *id, const char *key,
		    int64_t value)
{
	auto_json_doc doc = json_doc_new();
	struct json *message = json_new_object(doc);

	json_put(doc, message, "do", json_new_text(doc, what));
	if (id)
		json_put(doc, message, "id", json_new_text(doc, id));
	if (key)
		json_put(doc, message, key, json_new_int(doc, value));
	if (sandbox->wired) {
		wire_send(&sandbox->wire, message, NULL);
	} else if (!sandbox->dead && sandbox->unsent.len < UNSENT_MAX) {
		json_print(message, &sandbox->unsent);
		buf_add_byte(&sandbox->unsent, '\n');
	}
}

bool sandbox_memory_file(struct str bytes, int *out_fd, struct error *err)
{
	auto_fd fd = memfd_create("mote-plan", MFD_CLOEXEC);

	if (fd < 0)
		return error_os(err, "make a file in memory");
	if (!file_write_all(fd, bytes.at, bytes.len, err))
		return false;
	*out_fd = take_fd(&fd);
	return true;
}

/* By rules of its own.  Nobody is there to answer calls for it. */
static bool open_own_filter(const char *text, int *out_fd, unsigned *out_flags, struct error *err)
{
	AUTO(json_doc_free) struct json_doc *doc = NULL;
	struct seccomp_program program;

	if (strlen(text) > SECCOMP_PROFILE_BYTES_MAX)
		return error_set(err, ERROR_TOO_LARGE, "a seccomp profile has %zu bytes",
				 strlen(text));
	if (!json_parse(str_of(text), &doc, NULL, err) ||
	    !seccomp_profile_look(json_root(doc), &program, err))
		return false;
	if (program.notifies)
		return error_set(err, ERROR_INVALID,
				 "seccomp: SCMP_ACT_NOTIFY is not supported here: nobody listens");
	if (!seccomp_profile_make(json_root(doc), &program, err))
		return false;
	*out_fd = program.fd;
	*out_flags = program.flags;
	return true;
}

static bool open_filter(const struct container_plan *plan, int *out_fd, unsigned *out_flags,
			struct error *err)
{
	uint64_t capabilities;

	if (!capability_choose(plan->caps_add, plan->caps_drop, &capabilities, err))
		return false;
	if (plan->privileged || plan->seccomp_unconfined)
		return true;
	if (plan->seccomp_profile)
		return open_own_filter(plan->seccomp_profile, out_fd, out_flags, err) ||
		       error_context(err, "cannot load seccomp profile");
	return seccomp_open_filter(capabilities, out_fd, err);
}

bool sandbox_run(struct sandbox *sandbox, const struct container_plan *plan, struct error *err)
{
	auto_json_doc doc = json_doc_new();
	struct json *message = json_new_object(doc);
	auto_buf text = BUF_INIT;
	auto_fd file = -1;
	auto_fd filter = -1;
	struct container_plan whole = *plan;
	struct wire_fds fds;
	size_t at;

	if (!container_plan_validate(plan, err))
		return false;
	if (find_place(sandbox, plan->id) < sandbox->count)
		return error_set(err, ERROR_EXISTS, "container %s exists already", plan->id);
	if (sandbox->dead || sandbox->destroying)
		return error_set(err, ERROR_UNAVAILABLE, "the pod's monitor is gone");
	if (!sandbox->wired)
		return error_set(err, ERROR_UNAVAILABLE, "the pod's monitor is busy");
	if (!open_filter(plan, &filter, &whole.seccomp_flags, err))
		return false;
	container_plan_print(&whole, &text);
	if (text.len > CONTAINER_PLAN_BYTES_MAX)
		return error_set(err, ERROR_TOO_LARGE,
				 "arguments and environment of container %s are too large",
				 plan->id);
	if (!sandbox_memory_file(buf_str(&text), &file, err))
		return false;
	fds = (struct wire_fds){ .at = { file, filter }, .count = filter >= 0 ? 2 : 1 };
	json_put(doc, message, "do", json_new_text(doc, "run"));
	json_put(doc, message, "id", json_new_text(doc, plan->id));
	wire_send(&sandbox->wire, message, &fds);
	at = sandbox_place(sandbox, plan->id);
	sandbox->facts[at].tty = plan->tty;
	sandbox->facts[at].stdin_open = plan->stdin_open;
	return true;
}

void sandbox_signal(struct sandbox *sandbox, const char *id, int signal)
{
	request(sandbox, "signal", id, "signal", signal);
}

void sandbox_stop_container(struct sandbox *sandbox, const char *id, int64_t grace_ms)
{
	request(sandbox, "stop", id, "graceMs", grace_ms);
}

void sandbox_remove_container(struct sandbox *sandbox, const char *id)
{
	size_t at = find_place(sandbox, id);

	if (sandbox->dead && at < sandbox->count)
		forget_place(sandbox, at);
	else
		request(sandbox, "remove", id, NULL, 0);
}

void sandbox_destroy(struct sandbox *sandbox)
{
	/* A death that was not told yet is told with the end of what it left. */
	if (sandbox->dead && !sandbox->destroying)
		sandbox->gone_untold = false;
	sandbox->destroying = true;
	if (sandbox->dead)
		loop_timer_set(sandbox->loop, &sandbox->timer, 0);
	else
		request(sandbox, "destroy", NULL, NULL, 0);
}

/* Memory with and without swap have an order that depends on whether there is more or less of it
 * than before: what was refused first is taken the second time. */
bool sandbox_limit(const struct sandbox *sandbox, const char *id,
		   const struct resources_plan *limits, struct buf *warnings, struct error *err)
{
	auto_cgroup child = NULL;
	auto_buf first = BUF_INIT;

	if (!sandbox->cgroup)
		return error_set(err, ERROR_NOT_FOUND, "the pod's cgroup is not known");
	if (*id != '\0' && !container_id_validate(id, err))
		return false;
	child = *id ? cgroup_name_child(sandbox->cgroup, id) : NULL;
	cgroup_limit(child ? child : sandbox->cgroup, limits, &first);
	if (first.len > 0)
		cgroup_limit(child ? child : sandbox->cgroup, limits, warnings);
	return true;
}

bool sandbox_usage(const struct sandbox *sandbox, const char *id, struct usage *out,
		   struct error *err)
{
	auto_cgroup child = NULL;

	if (!sandbox->cgroup)
		return error_set(err, ERROR_NOT_FOUND, "the pod's cgroup is not known");
	if (*id == '\0')
		return cgroup_usage(sandbox->cgroup, out, err);
	if (!container_id_validate(id, err))
		return false;
	child = cgroup_name_child(sandbox->cgroup, id);
	return cgroup_usage(child, out, err);
}
