/*
 * container.h - what a container is asked to be and what became of it: plans, limits, states,
 * usage.
 *
 * Plain values, drawn by the owner of a pod and read by the sandbox; nothing here owns memory
 * except where said.  A plan must live only during the call that takes it.
 */
#ifndef RUNTIME_CONTAINER_H
#define RUNTIME_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HUGEPAGE_SIZES_MAX 4

/* Limits; 0 = none. */
struct resources_plan {
	uint64_t cpu_shares; /* cgroup v1 words; translated for v2 */
	int64_t cpu_quota_us, cpu_period_us;
	uint64_t memory_bytes; /* memory and swap together */
	uint64_t pids;
	bool oom_alone; /* for want of memory one process is killed, not the whole group */
	/* Bytes of huge pages by their size, for those whose size_bytes is not 0. */
	struct hugepage_limit {
		uint64_t size_bytes, bytes;
	} hugepages[HUGEPAGE_SIZES_MAX];
	bool hugepages_limited; /* sizes that are not listed: none of them may be used */
};

#define CONTAINER_DEVICE_PATH_MAX 256

/* A device node made in the container's /dev, and the right to use it. */
struct container_device {
	const char *path; /* below /dev/; folders are made   */
	const char *link; /* a further name for it below /dev/, or NULL */
	bool block;       /* else a character device          */
	unsigned major, minor;
	unsigned mode; /* permission bits; it is owned by the container's user and group */
};

struct container_mount {
	const char *source;   /* host path, or NULL with type "tmpfs"                  */
	const char *target;   /* absolute in the container; never leaves its root      */
	const char *type;     /* "bind" or "tmpfs"                                     */
	const char *options;  /* tmpfs data such as "size=64m", or NULL                */
	unsigned source_kind; /* S_IFREG, S_IFDIR, ...: the source is one, or no start; 0 = any */
	const char *sub_path; /* below source, resolved safely, made when missing; or NULL */
	bool read_only;       /* the mount itself                                      */
	bool read_only_below; /* and all that is mounted below it, too                 */
	int propagation;      /* 0 private, 1 host-to-container, 2 both                */
	bool own_ids;         /* in a pod with users of its own: the files are theirs, not mapped */
};

struct container_plan {
	const char *id;            /* unique in the sandbox: "<name>.<attempt>"    */
	const char *const *layers; /* image layer folders, lowest first            */
	const char *const *argv;   /* NULL-terminated, at least one                */
	const char *const *env;    /* "A=b", NULL-terminated; HOME is added when absent */
	const char *cwd;           /* "" = "/"; made when missing                  */
	const char *user;          /* image USER text or "uid[:gid]"; "" = root    */
	int64_t uid, gid;          /* -1 = from `user`; else they win              */
	const uint32_t *groups;    /* supplementary, beside those of /etc/group    */
	size_t group_count;
	bool strict_groups; /* only those: what /etc/group says of the user does not count */
	const struct container_mount *mounts; /* mounted by depth of their targets        */
	size_t mount_count;
	const struct resources_plan *resources;
	const char *const *caps_add; /* "NET_ADMIN", "ALL"; NULL-terminated or NULL  */
	const char *const *caps_drop;
	bool privileged, read_only_root, no_new_privs, run_as_non_root;
	bool stdin_open, stdin_once, tty;
	bool seccomp_unconfined;
	/* The text of rules of its own (seccomp_profile.h), or NULL: the default ones.  Read by
	 * sandbox_run only; the monitor gets the program made of it. */
	const char *seccomp_profile;
	unsigned seccomp_flags; /* private: of that program */
	bool proc_unmasked;     /* nothing of /proc and /sys is hidden or read-only */
	const char *apparmor;   /* name of a loaded profile; NULL or "" = as it comes */
	const struct container_device *devices;
	size_t device_count;
	int oom_score_adj;
	const char *log_path;         /* CRI log file; folder exists; "" = no log     */
	uint64_t log_size_max;        /* rotate at; 0 = 10 MiB                        */
	unsigned log_files_max;       /* 0 = 5                                        */
	const char *termination_path; /* file in the container whose end is told; ""  */
	int stop_signal;              /* 0 = SIGTERM                                  */
};

enum container_phase { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED };

#define CONTAINER_ID_MAX      128
#define CONTAINER_MESSAGE_MAX 4096

struct container_state {
	char id[CONTAINER_ID_MAX];
	enum container_phase phase;
	int pid;       /* on the host, while running */
	int exit_code; /* 128+signal when killed     */
	int signal;
	bool oom_killed;
	int64_t started_us, finished_us;     /* wall clock */
	char message[CONTAINER_MESSAGE_MAX]; /* termination message, or why the start failed */
	/* "Completed", "Error", "OOMKilled", "StartError" (never ran: exit code 128), or
	 * "MonitorLost" (its monitor was killed and it with it: exit code 137). */
	char reason[64];
};

/* CPU and memory, from the cgroup; what the machine does not count is 0. */
struct usage {
	uint64_t cpu_ns, memory_bytes, memory_working_set, pids;
};

#endif
