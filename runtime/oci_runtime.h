/*
 * oci_runtime.h - containers as the OCI runtime specification has them: one process tree from a
 * folder with config.json and a root file system.
 *
 * Nothing stays resident: each call does its work and what it leaves is a process, a cgroup and a
 * folder of state (oci_state.h).  For programs with one thread; they should be run from a read-only
 * mount or a copy of their file (oci_seal), as the container's first process is them for a moment.
 */
#ifndef RUNTIME_OCI_RUNTIME_H
#define RUNTIME_OCI_RUNTIME_H

#include "runtime/oci_state.h"
#include "runtime/oci_tell.h"

struct oci_create_options {
	const char *root, *bundle, *console_socket, *pid_file;
	const char *pidfd_socket; /* gets a pidfd of the first process; NULL or "" */
	struct oci_listener listener;
	bool no_pivot, no_new_keyring, systemd_cgroup;
	int preserve_fds;
	/* The terminal's master for who runs the container in the foreground; NULL: to the socket.
	 */
	int *out_tty;
	bool plain_lines; /* what comes out of it goes to no terminal: lines end with \n alone */
	bool is_run;      /* started at once */
};

struct oci_exec_options {
	const char *console_socket, *pid_file, *pidfd_socket;
	struct oci_listener listener;
	int preserve_fds;
	bool no_new_keyring, ignore_paused;
	/* Paths below the container's cgroup: one for all controllers, or "cpu,cpuacct:PATH". */
	const char *const *sub_cgroups;
	size_t sub_cgroup_count;
	int *out_tty;
	bool plain_lines;
};

/* Execute this program again from a read-only mount or a sealed copy of its file, unless it is. */
MUST_CHECK bool oci_seal(char **argv, struct error *err);

/* Make it: it waits for oci_start.  With is_run it has been started as well. */
MUST_CHECK bool oci_create(const char *id, const struct oci_create_options *options,
			   struct oci_state **out, struct error *err);
MUST_CHECK bool oci_start(struct oci_state *state, struct error *err);
/* ERROR_CONFLICT: it runs and `force` was not said.  Kills all that is left in it. */
MUST_CHECK bool oci_delete(struct oci_state *state, bool force, struct error *err);
MUST_CHECK bool oci_kill(const struct oci_state *state, int signal, bool all, struct error *err);

/* A further process by `process`, an object as in config.json. */
MUST_CHECK bool oci_exec(const struct oci_state *state, const struct json *process,
			 const struct oci_exec_options *options, pid_t *out_pid, struct error *err);

#endif
