/*
 * oci_verb_life.c - mote oci create, start, run, kill, delete.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/oci_front.h"
#include "cli/oci_signal.h"
#include "cli/oci_verb.h"

#define CREATE_ROWS                                                                                \
	{ .flag = "bundle",                                                                        \
	  .letter = 'b',                                                                           \
	  .type = OPTION_TEXT,                                                                     \
	  .at = OCI_AT(bundle),                                                                    \
	  .value_name = "DIR",                                                                     \
	  .fallback = ".",                                                                         \
	  .group = "Options",                                                                      \
	  .help = "folder with config.json" },                                                     \
		OCI_ROW_TEXT("console-socket", console_socket, "PATH",                             \
			     "socket that gets the terminal's descriptor"),                        \
		OCI_ROW_TEXT("pid-file", pid_file, "FILE", "write the process id there"),          \
		OCI_ROW_TEXT("pidfd-socket", pidfd_socket, "PATH",                                 \
			     "socket that gets a pidfd of the first process"),                     \
		OCI_ROW_SWITCH("no-pivot", no_pivot, "cover the root instead of pivot_root"),      \
		OCI_ROW_SWITCH("no-new-keyring", no_new_keyring, "keep the session's keys"),       \
	{                                                                                          \
		.flag = "preserve-fds", .type = OPTION_INT, .at = OCI_AT(preserve_fds),            \
		.value_name = "N", .fallback = "0", .max = 1024, .group = "Options",               \
		.help = "descriptors from 3 on that the program gets"                              \
	}

static struct oci_create_options options_of(const struct oci *oci)
{
	const char *listen = getenv("LISTEN_FDS");
	int64_t listening = 0;

	if (listen)
		(void)!str_to_i64(str_of(listen), 0, 1024, &listening);
	return (struct oci_create_options){
		.root = oci->root,
		.bundle = oci->options.bundle,
		.console_socket = oci->options.console_socket,
		.pid_file = oci->options.pid_file,
		.pidfd_socket = oci->options.pidfd_socket,
		.listener = oci->listener,
		.plain_lines = !isatty(1),
		.no_pivot = oci->options.no_pivot,
		.no_new_keyring = oci->options.no_new_keyring,
		.systemd_cgroup = oci->options.systemd_cgroup,
		.preserve_fds = (int)(oci->options.preserve_fds + listening),
	};
}

static bool run_create(struct oci *oci, struct error *err)
{
	struct oci_create_options options = options_of(oci);
	auto_oci_state state = NULL;

	return oci_create(oci->args[0], &options, &state, err);
}

static const struct option_row create_rows[] = { CREATE_ROWS, { 0 } };

const struct oci_verb oci_verb_create = { .name = "create",
					  .arguments = "ID",
					  .help = "make a container; it waits for start",
					  .rows = create_rows,
					  .args_min = 1,
					  .args_max = 1,
					  .sealed = true,
					  .run = run_create };

static bool run_start(struct oci *oci, struct error *err)
{
	auto_oci_state state = NULL;

	return oci_state_open(oci->root, oci->args[0], true, &state, err) && oci_start(state, err);
}

const struct oci_verb oci_verb_start = { .name = "start",
					 .arguments = "ID",
					 .help = "let a container that was made begin",
					 .args_min = 1,
					 .args_max = 1,
					 .run = run_start };

/* --- run --- */

static bool wait_and_delete(struct oci *oci, struct oci_state *state, int tty, struct error *err)
{
	if (!oci_front_wait(state->pid, tty, &oci->status, err))
		return false;
	return oci->options.keep || oci_delete(state, true, err);
}

static bool run_run(struct oci *oci, struct error *err)
{
	struct oci_create_options options = options_of(oci);
	auto_oci_state state = NULL;
	int tty = -1;

	options.is_run = true;
	if (oci->options.detach)
		return oci_create(oci->args[0], &options, &state, err);
	if (!options.console_socket || !*options.console_socket)
		options.out_tty = &tty;
	oci_front_begin();
	if (!oci_create(oci->args[0], &options, &state, err))
		return false;
	/* Others may look at it, stop it, ask it things meanwhile. */
	close(take_fd(&state->lock));
	return wait_and_delete(oci, state, tty, err);
}

static const struct option_row run_rows[] = {
	CREATE_ROWS,
	{ .flag = "detach",
	  .letter = 'd',
	  .type = OPTION_BOOL,
	  .at = OCI_AT(detach),
	  .group = "Options",
	  .help = "do not wait for its end" },
	OCI_ROW_SWITCH("keep", keep, "do not delete it after its end"),
	OCI_ROW_SWITCH("no-subreaper", no_subreaper, "taken, and the same as without"),
	{ 0 },
};

const struct oci_verb oci_verb_run = { .name = "run",
				       .arguments = "ID",
				       .help = "make a container, start it and wait for its end",
				       .rows = run_rows,
				       .args_min = 1,
				       .args_max = 1,
				       .sealed = true,
				       .run = run_run };

/* --- kill, delete --- */

static bool run_kill(struct oci *oci, struct error *err)
{
	auto_oci_state state = NULL;
	int signal = SIGTERM;

	return (oci->arg_count < 2 || oci_signal_parse(oci->args[1], &signal, err)) &&
	       oci_state_open(oci->root, oci->args[0], false, &state, err) &&
	       oci_kill(state, signal, oci->options.all, err);
}

static const struct option_row kill_rows[] = {
	{ .flag = "all",
	  .letter = 'a',
	  .type = OPTION_BOOL,
	  .at = OCI_AT(all),
	  .group = "Options",
	  .help = "to all its processes" },
	{ 0 },
};

const struct oci_verb oci_verb_kill = { .name = "kill",
					.arguments = "ID [SIGNAL]",
					.help = "send a signal to a container's first process",
					.rows = kill_rows,
					.args_min = 1,
					.args_max = 2,
					.run = run_kill };

static bool run_delete(struct oci *oci, struct error *err)
{
	auto_oci_state state = NULL;

	if (oci_state_open(oci->root, oci->args[0], true, &state, err))
		return oci_delete(state, oci->options.force, err);
	return oci->options.force && err->kind == ERROR_NOT_FOUND;
}

static const struct option_row delete_rows[] = {
	{ .flag = "force",
	  .letter = 'f',
	  .type = OPTION_BOOL,
	  .at = OCI_AT(force),
	  .group = "Options",
	  .help = "kill it first when it runs; fine when there is none" },
	{ 0 },
};

const struct oci_verb oci_verb_delete = { .name = "delete",
					  .arguments = "ID",
					  .help = "remove all that is left of a container",
					  .rows = delete_rows,
					  .args_min = 1,
					  .args_max = 1,
					  .run = run_delete };
