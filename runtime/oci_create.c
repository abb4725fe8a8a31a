/*
 * oci_create.c - create, start, kill, delete: what is done in which order.
 *
 *	create: state folder, cgroup, prepare, clone, serve the child, hooks of the host in between
 *	start:	the pipe, hooks poststart
 *	delete: kill, cgroup, folder, hooks poststop
 *
 * What a create that failed has made is unmade, and hooks poststop run when hooks had been run.
 */
#include "runtime/oci_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/cgroup_spec.h"
#include "runtime/container_state.h"
#include "runtime/own_program.h"

#define END_ROUNDS  20000
#define END_WAIT_US 500

/* --- this program itself --- */

bool oci_seal(char **argv, struct error *err)
{
	auto_fd fd = -1;

	/* The mark alone proves nothing: whoever sets it lies to himself. */
	if (getenv(OWN_PROGRAM_MARK)) {
		unsetenv(OWN_PROGRAM_MARK);
		return true;
	}
	if (!own_program_open(&fd, err))
		return false;
	setenv(OWN_PROGRAM_MARK, "1", 1);
	syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	return error_os(err, "execute the sealed program");
}

/* --- create --- */

static bool write_pid(const char *path, pid_t pid, struct error *err)
{
	auto_free char *text = memory_print("%d", (int)pid);

	return !path || !*path || container_state_replace(path, str_of(text), err);
}

/* Whoever froze it keeps it; what was made beside it, for other controllers, goes. */
static bool refuse_frozen(struct oci_state *state, struct error *err)
{
	enum cgroup_part part =
		state->cgroup->folders[CGROUP_UNIFIED] ? CGROUP_UNIFIED : CGROUP_FREEZER;
	struct error ignored;

	for (size_t i = CGROUP_PARTS; i-- > 0;)
		if (i != part && state->cgroup->folders[i] &&
		    strcmp(state->cgroup->folders[i], state->cgroup->folders[part]) == 0)
			free(take_ptr(&state->cgroup->folders[i]));
	free(take_ptr(&state->cgroup->folders[part]));
	(void)!cgroup_remove(state->cgroup, &ignored);
	cgroup_close(take_ptr(&state->cgroup));
	return error_set(err, ERROR_CONFLICT, "container's cgroup unexpectedly frozen");
}

static bool make_cgroup(struct oci_state *state, const struct oci_config *config,
			const struct oci_create_options *options, struct error *err)
{
	const char *path = oci_config_text(config, json_get(config->system, "cgroupsPath"));
	const struct json *resources = json_get(config->system, "resources");

	/* Without root, and without limits to keep, there may be no group. */
	if (!cgroup_spec_open(path, state->id, options->systemd_cgroup, &state->cgroup, err))
		return geteuid() != 0 && json_count(resources) == 0;
	if (!cgroup_is_empty(state->cgroup)) {
		cgroup_close(take_ptr(&state->cgroup));
		return error_set(err, ERROR_CONFLICT, "container's cgroup is not empty");
	}
	/* Who goes in would stop there, and we would wait for ever. */
	if (cgroup_spec_is_frozen(state->cgroup))
		return refuse_frozen(state, err);
	if (!cgroup_spec_limit(state->cgroup, resources, err))
		return false;
	/* Another user than root can set no rules, and could make no devices either. */
	return geteuid() != 0 ||
	       cgroup_spec_devices(state->cgroup, json_get(resources, "devices"), err);
}

static bool check_terminal(const struct oci_config *config,
			   const struct oci_create_options *options, struct error *err)
{
	bool socket = options->console_socket && *options->console_socket;

	if (config->terminal && !socket && !options->out_tty)
		return error_set(err, ERROR_INVALID,
				 "cannot allocate tty if runc will detach without setting console "
				 "socket");
	return config->terminal || !socket ||
	       error_set(err, ERROR_INVALID,
			 "cannot use console socket if runc will not detach or allocate tty");
}

static bool lay_aside(struct oci_state *state, pid_t pid, struct error *err)
{
	state->pid = pid;
	if (!oci_process_started(pid, &state->started))
		return error_set(err, ERROR_BROKEN,
				 "the container's first process has ended too early");
	return oci_state_lay_aside(state, err);
}

/* The pipe for one that is started at once needs no name. */
static bool make_pipe(struct oci_launch *launch, const struct oci_state *state, int *out_start,
		      struct error *err)
{
	int ends[2];

	*out_start = -1;
	if (!launch->options->is_run)
		return oci_state_make_pipe(state, &launch->start, err);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_os(err, "make a pipe");
	launch->start = ends[0];
	*out_start = ends[1];
	return true;
}

static bool run_child(struct oci_launch *launch, struct oci_state *state,
		      struct oci_launched *launched, struct error *err)
{
	const struct oci_create_options *options = launch->options;
	struct error ignored;
	bool early;

	if (!oci_prepare(launch, err) || !oci_launch(launch, launched, err))
		return false;
	/* What needs no answer of the child is done while it works; if it has ended, it says why.
	 */
	early = lay_aside(state, launched->pid, &ignored);
	if (!oci_state_save_config(state, launch->config, err) ||
	    !oci_launch_serve(launch, launched, err))
		return false;
	if ((!early || state->pid != launched->pid) && !lay_aside(state, launched->pid, err))
		return false;
	if (!oci_state_take(state, err) || !write_pid(options->pid_file, state->pid, err))
		return false;
	if (options->out_tty)
		*options->out_tty = take_fd(&launched->tty);
	return true;
}

static void unmake(struct oci_state *state, const struct oci_config *config,
		   struct oci_launched *launched)
{
	struct error ignored;
	bool began = launched->pid > 0;

	oci_launched_kill(launched);
	if (state->cgroup) {
		cgroup_kill(state->cgroup);
		for (int i = 0; i < END_ROUNDS && !cgroup_remove(state->cgroup, &ignored); i++)
			usleep(END_WAIT_US);
	}
	state->pid = 0;
	if (began)
		oci_hooks_run_all(config, "poststop", state, "stopped");
	(void)!oci_state_remove(state, &ignored);
}

static bool tell_plan(const struct oci_state *state, const struct oci_config *config,
		      const struct oci_create_options *options)
{
	const struct oci_listener *listener = &options->listener;

	oci_tell(listener, "%s/config.json: root %s, %zu mounts", config->bundle, config->rootfs,
		 json_count(json_get(config->root, "mounts")));
	for (size_t i = 0; state->cgroup && i < CGROUP_PARTS; i++)
		if (state->cgroup->folders[i])
			oci_tell(listener, "cgroup %s", state->cgroup->folders[i]);
	return true;
}

static bool build(struct oci_state *state, struct oci_config *config,
		  const struct oci_create_options *options, struct oci_net *net, struct error *err)
{
	struct oci_launched launched = { .pidfd = -1, .report = -1, .tty = -1 };
	struct oci_launch launch;
	auto_fd start = -1;
	bool fine = true;

	oci_launch_init(&launch, config, state, options);
	launch.preserved = options->preserve_fds;
	launch.net = net;
	/* Hooks may ask about it before it is ready. */
	if (json_count(json_get(config->root, "hooks")) > 0 &&
	    (!oci_state_lay_aside(state, err) || !oci_state_take(state, err)))
		fine = false;
	fine = fine && make_cgroup(state, config, options, err) &&
	       tell_plan(state, config, options) && make_pipe(&launch, state, &start, err) &&
	       run_child(&launch, state, &launched, err);
	if (fine && start >= 0 && write(start, "s", 1) != 1)
		fine = error_os(err, "start the container");
	oci_launch_clear(&launch);
	if (!fine) {
		unmake(state, config, &launched);
		return false;
	}
	if (launched.tty >= 0)
		close(launched.tty);
	close(launched.report);
	close(launched.pidfd);
	if (options->is_run)
		oci_hooks_run_all(config, "poststart", state, "running");
	return true;
}

bool oci_create(const char *id, const struct oci_create_options *options, struct oci_state **out,
		struct error *err)
{
	auto_oci_config config = NULL;
	auto_oci_state state = NULL;
	struct oci_net net = { .fd = -1 };
	bool fine;

	/* Our maps are written to our child's /proc, which without root must be ours. */
	if (geteuid() != 0)
		prctl(PR_SET_DUMPABLE, 1);
	if (!oci_id_validate(id, err) || !oci_config_load(options->bundle, &config, err) ||
	    !oci_config_find_rootfs(config, err) || !check_terminal(config, options, err))
		return false;
	oci_net_begin(&net, config);
	fine = oci_state_make(options->root, id, &state, err);
	if (fine) {
		state->bundle = memory_string(config->bundle);
		state->rootfs = memory_string(config->rootfs);
		fine = build(state, config, options, &net, err);
	}
	oci_net_close(&net);
	if (fine)
		*out = take_ptr(&state);
	return fine;
}

bool oci_start(struct oci_state *state, struct error *err)
{
	auto_oci_config config = NULL;
	enum oci_phase phase = oci_state_phase(state);

	if (phase == OCI_STOPPED)
		return error_set(err, ERROR_CONFLICT, "cannot start a container that has stopped");
	if (phase != OCI_CREATED)
		return error_set(err, ERROR_CONFLICT, "cannot start an already running container");
	/* The config is for the hooks alone, which come after. */
	if (!oci_state_let_go(state, err) || !oci_state_load_config(state, &config, err))
		return false;
	oci_hooks_run_all(config, "poststart", state, "running");
	return true;
}

/* --- the end --- */

bool oci_kill(const struct oci_state *state, int signal, bool all, struct error *err)
{
	enum oci_phase phase = oci_state_phase(state);
	auto_json_doc doc = json_doc_new();
	struct json *list = NULL;
	auto_fd pidfd = -1;
	uint64_t ticks;
	struct error ignored;

	if (all && state->cgroup) {
		if (!cgroup_spec_processes(state->cgroup, doc, &list, err))
			return false;
		for (struct json_iter it = json_iter(list); json_next(&it);)
			kill((pid_t)json_int(it.value), signal);
		return true;
	}
	if (phase == OCI_STOPPED)
		return error_set(err, ERROR_CONFLICT, "container not running");
	pidfd = (int)syscall(SYS_pidfd_open, state->pid, 0);
	/* By descriptor, and looked at once more: another process may have its number by now. */
	if (pidfd < 0 || !oci_process_started(state->pid, &ticks) || ticks != state->started)
		return error_set(err, ERROR_CONFLICT, "container not running");
	if (syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) != 0)
		return error_os(err, "send signal %d to container %s", signal, state->id);
	/* What is stopped dies when it is let go. */
	if (signal == SIGKILL && phase == OCI_PAUSED)
		(void)!cgroup_spec_freeze(state->cgroup, false, &ignored);
	return true;
}

static bool await_end(const struct oci_state *state, struct error *err)
{
	uint64_t ticks;

	for (int i = 0; i < END_ROUNDS; i++) {
		if (!oci_process_started(state->pid, &ticks) || ticks != state->started)
			return true;
		usleep(END_WAIT_US);
	}
	return error_set(err, ERROR_TIMEOUT, "container %s does not end", state->id);
}

/* Without a PID namespace of its own more may live on than the first process. */
static bool remove_cgroup(const struct oci_state *state, struct error *err)
{
	struct error ignored;

	if (!state->cgroup)
		return true;
	(void)!cgroup_spec_freeze(state->cgroup, false, &ignored);
	cgroup_kill(state->cgroup);
	for (int i = 0; i < END_ROUNDS; i++) {
		if (cgroup_remove(state->cgroup, err))
			return true;
		usleep(END_WAIT_US);
	}
	return false;
}

bool oci_delete(struct oci_state *state, bool force, struct error *err)
{
	auto_oci_config config = NULL;
	enum oci_phase phase = oci_state_phase(state);
	struct error why;

	if (phase != OCI_STOPPED && phase != OCI_CREATED && !force)
		return error_set(err, ERROR_CONFLICT,
				 "cannot delete container %s that is not stopped: %s", state->id,
				 oci_phase_name(phase));
	if (phase != OCI_STOPPED &&
	    (!oci_kill(state, SIGKILL, false, &why) || !await_end(state, err)) &&
	    oci_state_phase(state) != OCI_STOPPED)
		return false;
	if (!remove_cgroup(state, err))
		return false;
	if (oci_state_load_config(state, &config, &why)) {
		state->pid = 0;
		oci_hooks_run_all(config, "poststop", state, "stopped");
	}
	return oci_state_remove(state, err);
}
