/*
 * monitor_setup.c - the namespaces a pod's containers share, made and pinned by living in them.
 *
 * The monitor stays in the host's mount namespace, so that containers see volumes that are mounted
 * later. /dev/shm, which a pod's containers share, is the root of a mount namespace that nobody
 * lives in: a descriptor keeps it.  So nothing has to be mounted on the host.
 */
#include "runtime/monitor_inside.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/container_plan.h"
#include "runtime/loopback.h"
#include "runtime/mountfd.h"
#include "runtime/pathfd.h"
#include "runtime/user_namespace.h"

#define PLAN_BYTES_MAX (1024 * 1024)
#define DETACH         2 /* MNT_DETACH */

bool monitor_read_plan(struct monitor *monitor, struct error *err)
{
	auto_free char *path = memory_print("%s/plan.json", monitor->folder);
	AUTO(json_doc_free) struct json_doc *doc = NULL;
	auto_buf text = BUF_INIT;
	const struct json *root;
	struct str hostname;

	if (!file_read(path, PLAN_BYTES_MAX, &text, err) ||
	    !json_parse(buf_str(&text), &doc, NULL, err))
		return error_context(err, "read the pod's plan");
	root = json_root(doc);
	hostname = json_str(json_get(root, "hostname"));
	monitor->hostname = str_copy_arena(hostname.at ? hostname : STR(""), monitor->arena);
	monitor->host_network = json_bool(json_get(root, "hostNetwork"));
	monitor->host_pid = json_bool(json_get(root, "hostPid"));
	monitor->host_ipc = json_bool(json_get(root, "hostIpc"));
	monitor->user_base = (uint32_t)json_int(json_get(root, "userBase"));
	monitor->share_process_namespace = json_bool(json_get(root, "shareProcessNamespace"));
	monitor->sysctls = container_plan_parse_list(json_get(root, "sysctls"), monitor->arena);
	return cgroup_parse(json_get(root, "cgroup"), &monitor->cgroup, err) &&
	       cgroup_parse(json_get(root, "home"), &monitor->home, err);
}

/* Out of the agent's cgroup, which may be stopped as a whole; and out of the pod's, which has
 * limits. */
static bool move_home(const struct monitor *monitor, struct error *err)
{
	int doors[CGROUP_PARTS];
	bool fine;

	if (!cgroup_open_doors(monitor->home, doors, err))
		return false;
	fine = cgroup_enter(doors, err);
	for (size_t i = 0; i < CGROUP_PARTS; i++)
		if (doors[i] >= 0)
			close(doors[i]);
	return fine;
}

/* --- sysctls --- */

/* Only those that are the pod's own: anything else would change the host. */
static bool is_ours(const struct monitor *monitor, const char *name)
{
	static const char *const ipc[] = { "kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue." };

	if (strncmp(name, "net.", 4) == 0)
		return !monitor->host_network;
	for (size_t i = 0; i < ARRAY_LENGTH(ipc); i++)
		if (strncmp(name, ipc[i], strlen(ipc[i])) == 0)
			return !monitor->host_ipc;
	return false;
}

static bool write_sysctl(const char *name, const char *value, struct error *err)
{
	char path[256];
	auto_fd fd = -1;

	if (snprintf(path, sizeof(path), "/proc/sys/%s", name) >= (int)sizeof(path))
		return error_set(err, ERROR_INVALID, "sysctl %s is too long", name);
	/* Dots part the names unless slashes do. */
	if (!strchr(name, '/'))
		for (char *at = path + sizeof("/proc/sys/") - 1; *at; at++)
			if (*at == '.')
				*at = '/';
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		return error_os(err, "set sysctl %s", name);
	return true;
}

static bool set_sysctl(const struct monitor *monitor, const char *text, struct error *err)
{
	struct str value = str_of(text);
	struct str key = str_cut(&value, '=');
	auto_free char *name = str_copy(key);
	auto_free char *dotted = str_copy(key);

	for (char *at = dotted; *at; at++) {
		if (!isalnum((unsigned char)*at) && !strchr("-_./", *at))
			return error_set(err, ERROR_INVALID, "sysctl \"%s\" has a wrong name",
					 name);
		if (*at == '/')
			*at = '.';
	}
	if (!is_ours(monitor, dotted) || strstr(dotted, "..") || value.len == 0)
		return error_set(err, ERROR_INVALID,
				 "sysctl \"%s\" is not one that a pod has of its own", name);
	return write_sysctl(name, value.at, err);
}

static bool set_sysctls(const struct monitor *monitor, struct error *err)
{
	/* Docker's and containerd's defaults: neither ping nor port 80 needs root in a network
	 * of its own. */
	static const char *const usual[][2] = {
		{ "net.ipv4.ping_group_range", "0 2147483647" },
		{ "net.ipv4.ip_unprivileged_port_start", "0" },
	};
	struct error ignored;

	for (size_t i = 0; i < ARRAY_LENGTH(usual) && !monitor->host_network; i++)
		(void)!write_sysctl(usual[i][0], usual[i][1], &ignored);
	for (const char *const *at = monitor->sysctls; *at; at++)
		if (!set_sysctl(monitor, *at, err))
			return false;
	return true;
}

/* --- /dev/shm --- */

/* Its root becomes the file system in memory, and the copies of the host's mounts go. */
static bool shrink_namespace(const char *place, struct error *err)
{
	if (chdir(place) != 0)
		return error_os(err, "enter %s", place);
	if (syscall(SYS_pivot_root, ".", ".") == 0) {
		if (syscall(SYS_umount2, ".", DETACH) != 0)
			return error_os(err, "let go of the host's mounts");
		return true;
	}
	/* A machine whose root is its first file system (initramfs) cannot pivot. */
	if (errno != EINVAL || mountfd_classic(".", "/", NULL, MS_MOVE, NULL) != 0)
		return error_os(err, "make the namespace of /dev/shm");
	return true;
}

static bool fill_shm(struct monitor *monitor, struct error *err)
{
	auto_free char *place = memory_print("%s/shm", monitor->folder);
	char options[80];

	if (mkdir(place, 0700) != 0 && errno != EEXIST)
		return error_os(err, "make %s", place);
	monitor->shm_mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (monitor->shm_mounts < 0)
		return error_os(err, "open our mount namespace");
	snprintf(options, sizeof(options), "size=65536k,mode=1777,uid=%u,gid=%u",
		 monitor->user_base, monitor->user_base);
	if (mountfd_classic(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mountfd_classic("shm", place, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) != 0)
		return error_os(err, "mount /dev/shm");
	return shrink_namespace(place, err);
}

static bool make_shm(struct monitor *monitor, struct error *err)
{
	bool fine;

	if (unshare(CLONE_NEWNS) != 0)
		return error_os(err, "make a mount namespace");
	fine = fill_shm(monitor, err);
	if (setns(monitor->host_mounts, CLONE_NEWNS) != 0)
		return error_os(err, "come back to the host's mounts");
	return fine;
}

/* --- the pod's first process, when its containers share a PID namespace --- */

_Noreturn static void run_init(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_NAME, "mote-init", 0, 0, 0);
	syscall(SYS_close_range, 0, ~0u, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	sigaction(SIGCHLD, &ignore, NULL); /* orphans are reaped by the kernel then */
	for (;;)
		pause();
}

static bool start_init(struct monitor *monitor, struct error *err)
{
	/* Like fork(), which has no flags; nobody else runs in this process. */
	monitor->init =
		(pid_t)syscall(SYS_clone, (unsigned long)(CLONE_NEWPID | SIGCHLD), 0, 0, 0, 0);
	if (monitor->init == 0)
		run_init();
	if (monitor->init > 0)
		return true;
	monitor->init = 0;
	return error_os(err, "start the pod's first process");
}

/* What belongs to the pod's namespaces, done by who is root of them. */
static bool fill_namespaces(const void *of, struct error *err)
{
	const struct monitor *monitor = of;

	if (!monitor->host_network) {
		if (!loopback_bring_up(err))
			return false;
		if (*monitor->hostname &&
		    sethostname(monitor->hostname, strlen(monitor->hostname)) != 0)
			return error_os(err, "set host name %s", monitor->hostname);
	}
	return set_sysctls(monitor, err);
}

static bool make_namespaces(struct monitor *monitor, int flags, struct error *err)
{
	monitor->users = -1;
	if (monitor->user_base > 0)
		return user_namespace_make(monitor->user_base, flags, fill_namespaces, monitor,
					   &monitor->users, err);
	if (flags && unshare(flags) != 0)
		return error_os(err, "make the pod's namespaces");
	return fill_namespaces(monitor, err);
}

bool monitor_enter_namespaces(struct monitor *monitor, struct error *err)
{
	int flags = (monitor->host_network ? 0 : CLONE_NEWNET | CLONE_NEWUTS) |
		    (monitor->host_ipc ? 0 : CLONE_NEWIPC);

	assert(monitor->hostname);
	if (!move_home(monitor, err))
		return false;
	monitor->host_mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (monitor->host_mounts < 0)
		return error_os(err, "open our mount namespace");
	if (!make_namespaces(monitor, flags, err) ||
	    (!monitor->host_ipc && !make_shm(monitor, err)))
		return false;
	return !monitor->share_process_namespace || monitor->host_pid || start_init(monitor, err);
}
