/*
 * sandbox_start.c - a pod's beginning: its folder, its cgroup, its monitor; and finding it again.
 *
 * The agent listens at the pod's socket itself and hands that on: it can connect and ask at once,
 * while the monitor is still making its namespaces.
 */
#include "runtime/sandbox_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "runtime/container_plan.h"
#include "runtime/container_state.h"
#include "runtime/own_program.h"

#define PLAN_BYTES_MAX (1024 * 1024)
#define HOSTNAME_MAX   64
/* Half a second at most; a try again later is possible. */
#define OLD_CGROUP_ROUNDS  100
#define OLD_CGROUP_WAIT_US 5000
/* The monitor's descriptors, in this order from 3 on: see monitor.c. */
#define PROGRAM_PATH "/proc/self/fd/4"

static bool plan_validate(const struct sandbox_plan *plan, struct error *err)
{
	if (!container_id_validate(plan->id, err))
		return error_context(err, "the pod's id");
	if (!plan->folder || plan->folder[0] != '/')
		return error_set(err, ERROR_INVALID, "the pod's folder is not absolute");
	if (plan->hostname && strlen(plan->hostname) > HOSTNAME_MAX)
		return error_set(err, ERROR_INVALID, "host name %s is longer than %d characters",
				 plan->hostname, HOSTNAME_MAX);
	return true;
}

/* --- the plan's file --- */

static bool save_plan(const struct sandbox *sandbox, const struct sandbox_plan *plan,
		      const struct cgroup *home, struct error *err)
{
	auto_free char *path = memory_print("%s/plan.json", sandbox->folder);
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	auto_buf text = BUF_INIT;

	json_put(doc, root, "id", json_new_text(doc, plan->id));
	json_put(doc, root, "hostname", json_new_text(doc, plan->hostname ? plan->hostname : ""));
	json_put(doc, root, "hostNetwork", json_new_bool(doc, plan->host_network));
	json_put(doc, root, "hostPid", json_new_bool(doc, plan->host_pid));
	json_put(doc, root, "hostIpc", json_new_bool(doc, plan->host_ipc));
	json_put(doc, root, "shareProcessNamespace",
		 json_new_bool(doc, plan->share_process_namespace));
	json_put(doc, root, "userBase", json_new_int(doc, plan->user_base));
	json_put(doc, root, "sysctls", container_plan_print_list(plan->sysctls, doc));
	json_put(doc, root, "cgroup", cgroup_print(sandbox->cgroup, doc));
	json_put(doc, root, "home", cgroup_print(home, doc));
	json_print(root, &text);
	return container_state_replace(path, buf_str(&text), err);
}

/* The pod's cgroup, as an earlier agent wrote it down.  None: ERROR_NOT_FOUND. */
static bool load_cgroup(const char *folder, struct cgroup **out, struct error *err)
{
	auto_free char *path = memory_print("%s/plan.json", folder);
	AUTO(json_doc_free) struct json_doc *doc = NULL;
	auto_buf text = BUF_INIT;

	if (!file_read(path, PLAN_BYTES_MAX, &text, err))
		return false;
	if (text.len == 0)
		return error_set(err, ERROR_NOT_FOUND, "%s is empty", path);
	return json_parse(buf_str(&text), &doc, NULL, err) &&
	       cgroup_parse(json_get(json_root(doc), "cgroup"), out, err);
}

/* --- the folder --- */

/*
 * A cgroup is not used a second time: some kernels (6.1 and later ones before 6.15) kill whatever
 * is born into one that was killed before.
 */
static bool remove_old_cgroup(const char *folder, struct error *err)
{
	auto_cgroup old = NULL;
	struct error why;

	if (!load_cgroup(folder, &old, &why))
		return true; /* none is known */
	cgroup_kill(old);
	for (int i = 0; i < OLD_CGROUP_ROUNDS; i++) {
		if (cgroup_remove(old, err))
			return true;
		usleep(OLD_CGROUP_WAIT_US); /* the killed need a moment to die */
		cgroup_kill(old);
	}
	return false;
}

/* What a dead monitor left would only mislead the new one. */
static bool make_folder(const struct sandbox *sandbox, struct error *err)
{
	struct error why;
	auto_fd fd = -1;

	if (file_exists(sandbox->folder)) {
		if (wire_connect(sandbox->folder, SANDBOX_SOCKET, &fd, &why))
			return error_set(err, ERROR_EXISTS, "the monitor of %s is alive",
					 sandbox->folder);
		if (!remove_old_cgroup(sandbox->folder, err) ||
		    !file_remove_tree(sandbox->folder, err))
			return false;
	}
	return file_make_dirs(sandbox->folder, 0700, err);
}

static bool make_cgroups(struct sandbox *sandbox, const struct sandbox_plan *plan,
			 struct cgroup **out_home, struct error *err)
{
	auto_cgroup base = NULL;
	auto_buf warnings = BUF_INIT;
	struct str rest;

	if (!cgroup_open_base(&base, err) || !cgroup_open_child(base, "monitors", out_home, err) ||
	    !cgroup_open_child(base, plan->cgroup, &sandbox->cgroup, err))
		return false;
	if (plan->resources)
		cgroup_limit(sandbox->cgroup, plan->resources, &warnings);
	rest = buf_str(&warnings);
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');

		log_warn("runtime.sandbox", "a limit of a pod is not in force",
			 "pod=%s why=\"" STR_FMT "\"", plan->id, STR_ARG(line));
	}
	return true;
}

/* --- the process --- */

static bool start_monitor(const struct sandbox *sandbox, const char *pod_folder, int listener,
			  pid_t *out_pid, struct error *err)
{
	auto_free char *log_path = memory_print("%s/monitor.log", sandbox->folder);
	auto_fd log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	const char *argv[] = { "mote", "monitor", pod_folder, NULL };
	char floor[CLOCK_FLOOR_WORD];
	const char *envp[] = { clock_floor_word(floor), NULL };
	auto_fd program = -1;
	int extra[2];
	struct process_plan plan = { .path = PROGRAM_PATH,
				     .argv = argv,
				     .envp = envp,
				     .cwd = "/",
				     .extra_fds = extra,
				     .extra_count = 2,
				     .new_session = true };

	if (log < 0)
		return error_os(err, "open %s", log_path);
	if (!own_program_open(&program, err))
		return false;
	plan.stdio[0] = plan.stdio[1] = -1;
	plan.stdio[2] = log;
	extra[0] = listener;
	extra[1] = program;
	return process_start(&plan, out_pid, err);
}

static bool start_all(struct sandbox *sandbox, const struct sandbox_plan *plan, struct error *err)
{
	auto_cgroup home = NULL;
	auto_fd listener = -1;
	pid_t pid;
	int fd;

	if (!make_folder(sandbox, err) || !make_cgroups(sandbox, plan, &home, err) ||
	    !save_plan(sandbox, plan, home, err) ||
	    !wire_listen(sandbox->folder, SANDBOX_SOCKET, &listener, err) ||
	    !start_monitor(sandbox, plan->folder, listener, &pid, err))
		return false;
	return sandbox_watch(sandbox, pid, err) &&
	       wire_connect(sandbox->folder, SANDBOX_SOCKET, &fd, err) &&
	       sandbox_wire(sandbox, fd, err);
}

bool sandbox_start(struct loop *loop, const struct sandbox_plan *plan,
		   const struct sandbox_events *events, void *owner, struct sandbox **out,
		   struct error *err)
{
	struct sandbox *sandbox;
	struct error ignored;

	if (!plan_validate(plan, err))
		return false;
	sandbox = sandbox_new(loop, plan->folder, events, owner);
	if (!start_all(sandbox, plan, err)) {
		if (sandbox->cgroup) {
			if (sandbox->watching)
				kill(sandbox->monitor.pid, SIGKILL);
			(void)!cgroup_remove(sandbox->cgroup, &ignored);
			(void)!file_remove_tree(sandbox->folder, &ignored);
		}
		sandbox_close(sandbox);
		return error_context(err, "start sandbox %s", plan->id);
	}
	*out = sandbox;
	return true;
}

/* --- found again --- */

static void take_states(struct sandbox *sandbox)
{
	auto_free struct container_state *states = NULL;
	struct error err;
	size_t count;

	if (!container_state_load(sandbox->folder, &states, &count, &err)) {
		log_warn("runtime.sandbox", "a pod's state cannot be read", "why=\"%s\"", err.text);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		size_t at = sandbox_place(sandbox, states[i].id);

		sandbox->states[at] = states[i];
	}
}

/* Nothing is written: at a boot that would be two syncs a pod before the first of them runs. */
static void take_dead(struct sandbox *sandbox)
{
	take_states(sandbox);
	sandbox_lose(sandbox);
	error_set(&sandbox->ready_error, ERROR_NOT_FOUND, "the pod in %s has no living monitor",
		  sandbox->folder);
	sandbox->ready_untold = true;
	sandbox_tell_soon(sandbox);
}

bool sandbox_adopt(struct loop *loop, const char *folder, const struct sandbox_events *events,
		   void *owner, struct sandbox **out, struct error *err)
{
	struct sandbox *sandbox = sandbox_new(loop, folder, events, owner);
	struct error why;
	bool fine = true;
	int fd = -1;

	if (!load_cgroup(sandbox->folder, &sandbox->cgroup, &why))
		log_debug("runtime.sandbox", "a pod's plan cannot be read", "why=\"%s\"", why.text);
	if (file_exists(sandbox->folder) &&
	    wire_connect(sandbox->folder, SANDBOX_SOCKET, &fd, &why))
		fine = sandbox_wire(sandbox, fd, err);
	else
		take_dead(sandbox);
	if (!fine) {
		sandbox_close(sandbox);
		return error_context(err, "adopt the pod in %s", folder);
	}
	*out = sandbox;
	return true;
}
