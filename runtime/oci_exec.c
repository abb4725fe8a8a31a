/*
 * oci_exec.c - a further process of a container: into its namespaces and its cgroup, then as the
 * first one.
 */
#include "runtime/oci_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/container_state.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* Those of its namespaces that are not ours: to join one's own user namespace is an error. */
static bool differing(const struct oci_launch *launch, pid_t pid, unsigned *out, struct error *err)
{
	*out = 0;
	for (size_t i = 0; i < OCI_NAMESPACES; i++) {
		struct stat theirs;
		struct stat ours;
		char path[64];

		snprintf(path, sizeof(path), "%d/ns/%s", (int)pid, oci_namespace_rows[i].file);
		if (fstatat(launch->host_proc, path, &theirs, 0) != 0) {
			if (errno == ENOENT && i == OCI_TIME)
				continue; /* a kernel without */
			return error_os(err, "look at the container's %s namespace",
					oci_namespace_rows[i].name);
		}
		snprintf(path, sizeof(path), "self/ns/%s", oci_namespace_rows[i].file);
		if (fstatat(launch->host_proc, path, &ours, 0) == 0 && ours.st_ino != theirs.st_ino)
			*out |= oci_namespace_rows[i].flag;
	}
	return true;
}

static bool open_target(struct oci_launch *launch, const struct oci_state *state, struct error *err)
{
	uint64_t ticks;

	launch->target = (int)syscall(SYS_pidfd_open, state->pid, 0);
	if (launch->target < 0 || !oci_process_started(state->pid, &ticks) ||
	    ticks != state->started)
		return error_set(err, ERROR_CONFLICT, "cannot exec in a stopped container");
	return differing(launch, state->pid, &launch->made, err);
}

static bool write_pid(const char *path, pid_t pid, struct error *err)
{
	auto_free char *text = memory_print("%d", (int)pid);

	return !path || !*path || container_state_replace(path, str_of(text), err);
}

static bool run_child(struct oci_launch *launch, const struct oci_exec_options *options,
		      struct oci_launched *launched, struct error *err)
{
	if (!oci_prepare_process(launch, err) || !open_target(launch, launch->state, err))
		return false;
	if (!oci_launch(launch, launched, err) || !oci_launch_serve(launch, launched, err) ||
	    !write_pid(options->pid_file, launched->pid, err))
		return false;
	if (options->out_tty)
		*options->out_tty = take_fd(&launched->tty);
	return true;
}

static bool check(const struct oci_state *state, const struct json *process,
		  const struct oci_exec_options *options, struct error *err)
{
	enum oci_phase phase = oci_state_phase(state);
	bool socket = options->console_socket && *options->console_socket;

	if (!oci_config_validate_process(process, err))
		return false;
	if (phase == OCI_STOPPED)
		return error_set(err, ERROR_CONFLICT, "cannot exec in a stopped container");
	if (phase == OCI_PAUSED && !options->ignore_paused)
		return error_set(err, ERROR_CONFLICT,
				 "cannot exec in a paused container (use --ignore-paused to "
				 "override)");
	return !json_bool(json_get(process, "terminal")) || socket || options->out_tty ||
	       error_set(err, ERROR_INVALID,
			 "cannot allocate tty if runc will detach without setting console socket");
}

bool oci_exec(const struct oci_state *state, const struct json *process,
	      const struct oci_exec_options *options, pid_t *out_pid, struct error *err)
{
	struct oci_create_options same = { .console_socket = options->console_socket,
					   .pidfd_socket = options->pidfd_socket,
					   .listener = options->listener,
					   .plain_lines = options->plain_lines,
					   .no_new_keyring = options->no_new_keyring };
	struct oci_launched launched = { .pidfd = -1, .report = -1, .tty = -1 };
	struct oci_launch launch;
	auto_oci_config config = NULL;
	auto_cgroup below = NULL;
	struct oci_state shadow = *state;
	bool fine;

	if (!check(state, process, options, err) || !oci_state_load_config(state, &config, err) ||
	    !oci_sub_cgroup(state, options, &below, err))
		return false;
	if (below)
		shadow.cgroup = below;
	oci_launch_init(&launch, config, &shadow, &same);
	launch.process = process;
	launch.is_exec = true;
	launch.preserved = options->preserve_fds;
	fine = run_child(&launch, options, &launched, err);
	oci_launch_clear(&launch);
	if (!fine) {
		oci_launched_kill(&launched);
		return false;
	}
	if (launched.tty >= 0)
		close(launched.tty);
	close(launched.report);
	close(launched.pidfd);
	*out_pid = launched.pid;
	return true;
}
