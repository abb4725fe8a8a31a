/*
 * oci_verb.h - one row a verb of `mote oci`.  A verb is a row in a file cli/oci_verb_<what>.c and
 * one line in command_oci.c.
 *
 * Verbs, options and words of errors are those that callers of OCI runtimes (podman, conmon,
 * containerd) know.
 */
#ifndef CLI_OCI_VERB_H
#define CLI_OCI_VERB_H

#include "base/options.h"
#include "runtime/oci_runtime.h"

/* What all verbs together know of options; each has rows for some of it. */
struct oci_options {
	/* before the verb */
	const char *root, *log, *log_format, *rootless_said;
	bool debug, systemd_cgroup;
	/* behind it */
	const char *bundle, *console_socket, *pid_file, *pidfd_socket;
	bool no_pivot, no_new_keyring, detach, keep, no_subreaper;
	int64_t preserve_fds;
	bool force, all, quiet, rootless;
	const char *format;
	/* exec */
	const char *process, *cwd, *user, *apparmor, *label;
	struct option_list env, caps, groups, cgroups;
	bool tty, no_new_privs, ignore_paused;
	/* events, update */
	bool stats;
	const char *interval, *resources;
	const char *memory, *memory_swap, *memory_reservation, *cpu_period, *cpu_quota, *cpu_burst,
		*cpu_share, *cpu_rt_period, *cpu_rt_runtime, *cpus, *mems, *pids_limit, *cpu_idle,
		*blkio_weight, *kernel_memory, *kernel_memory_tcp, *schema;
};

struct oci {
	struct oci_options options;
	char *root; /* where states are */
	const char **args;
	size_t arg_count;
	struct arena *arena;
	int status;                   /* what the command exits with */
	struct oci_listener listener; /* nobody, unless --debug is said */
};

struct oci_verb {
	const char *name;
	const char *arguments; /* for the usage line */
	const char *help;
	const struct option_row *rows; /* ends with flag == NULL; or NULL */
	size_t args_min, args_max;
	int failure;   /* exit status of a failure; 0 = 1 */
	bool own_args; /* what stands behind the first argument is not ours to read */
	bool sealed;   /* starts processes: it runs from a sealed file */
	bool (*run)(struct oci *oci, struct error *err);
};

#define OCI_AT(field) offsetof(struct oci_options, field)
#define OCI_ROW_TEXT(name, field, what, text)                                                      \
	{                                                                                          \
		.flag = name, .type = OPTION_TEXT, .at = OCI_AT(field), .value_name = what,        \
		.group = "Options", .help = text                                                   \
	}
#define OCI_ROW_SWITCH(name, field, text)                                                          \
	{                                                                                          \
		.flag = name, .type = OPTION_BOOL, .at = OCI_AT(field), .group = "Options",        \
		.help = text                                                                       \
	}

#endif
