/*
 * container_become.c - the last steps: working folder, descriptors, user, rights, filter, program.
 *
 * The order is forced: the folder is made while we are root; the filter goes in as late as the
 * rights to install it allow; the signal of the parent's death is forgotten by each change of user.
 */
#include "runtime/container_launch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/capability.h"
#include "runtime/mountfd.h"
#include "runtime/pathfd.h"
#include "runtime/seccomp.h"
#include "runtime/user_namespace.h"

#include "base/memory.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define REPORT_FD    3
#define USERS_FD     4 /* only in a pod with users of its own; no way into any folder */

static const char *cwd_of(const struct launch *launch)
{
	const char *cwd = launch->plan->cwd;

	return cwd && *cwd ? cwd : "/";
}

static bool make_cwd(const struct launch *launch, struct error *err)
{
	const char *cwd = cwd_of(launch);
	auto_fd root = -1;
	auto_fd fd = -1;

	if (launch->is_exec)
		return true;
	if (cwd[0] != '/')
		return error_set(err, ERROR_INVALID, "working folder \"%s\" is not absolute", cwd);
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return error_os(err, "open the root");
	return pathfd_make(root, cwd, PATHFD_IN_ROOT, PATHFD_FOLDER, &fd, err) ||
	       error_context(err, "working folder");
}

/* All descriptors but 0, 1, 2 and the report are gone before the working folder is entered. */
static bool place_descriptors(struct launch *launch, struct error *err)
{
	int from[3];
	int report = fcntl(launch->report, F_DUPFD_CLOEXEC, 10);
	int users = launch->own_users ? fcntl(launch->users, F_DUPFD_CLOEXEC, 10) : -1;

	if (report < 0 || (launch->own_users && users < 0))
		return error_os(err, "keep the report");
	launch->report = report;
	for (int i = 0; i < 3; i++) {
		from[i] = fcntl(launch->tty ? launch->tty_slave : launch->stdio[i], F_DUPFD_CLOEXEC,
				10);
		if (from[i] < 0)
			return error_os(err, "keep descriptor %d", i);
	}
	for (int i = 0; i < 3; i++)
		if (dup2(from[i], i) < 0)
			return error_os(err, "place descriptor %d", i);
	if (dup3(report, REPORT_FD, O_CLOEXEC) < 0)
		return error_os(err, "place the report");
	launch->report = REPORT_FD;
	if (launch->own_users && dup3(users, USERS_FD, O_CLOEXEC) < 0)
		return error_os(err, "place the pod's users");
	if (syscall(SYS_close_range, launch->own_users ? USERS_FD + 1 : USERS_FD, UINT_MAX, 0) != 0)
		return error_os(err, "close descriptors");
	return !launch->tty || ioctl(0, TIOCSCTTY, 0) == 0 || error_os(err, "take the terminal");
}

/* So that /dev/stdout can be opened again by a user that is not root. */
static void own_stdio(const struct launch *launch)
{
	struct stat facts;

	for (int i = 0; i < 3; i++)
		if (launch->tty || (fstat(i, &facts) == 0 && S_ISFIFO(facts.st_mode)))
			(void)!fchown(i, launch->user_base + launch->user->uid, (gid_t)-1);
}

/* A folder that cannot be named from our root lies outside of it. */
static bool enter_cwd(const struct launch *launch, struct error *err)
{
	const char *cwd = cwd_of(launch);
	char room[PATH_MAX];

	if (chdir(cwd) != 0)
		return error_os(err, "enter working folder %s", cwd);
	if (syscall(SYS_getcwd, room, sizeof(room)) <= 0 || room[0] != '/')
		return error_set(err, ERROR_INVALID,
				 "working folder %s lies outside of the container", cwd);
	return true;
}

/* Every id must be one of the pod's. */
static bool check_ids(const struct user_found *user, struct error *err)
{
	bool fine = user->uid < USER_NAMESPACE_IDS && user->gid < USER_NAMESPACE_IDS;

	for (size_t i = 0; i < user->group_count; i++)
		fine = fine && user->groups[i] < USER_NAMESPACE_IDS;
	return fine || error_set(err, ERROR_INVALID,
				 "with hostUsers: false users and groups have ids up to %u",
				 USER_NAMESPACE_IDS - 1);
}

/* The mounts become the pod's users' too; what is hidden there cannot be uncovered. */
static bool enter_users(const struct launch *launch, struct error *err)
{
	if (!launch->own_users)
		return true;
	if (!check_ids(launch->user, err) || !user_namespace_enter(USERS_FD, err))
		return false;
	close(USERS_FD);
	return launch->is_exec || unshare(CLONE_NEWNS | CLONE_NEWCGROUP) == 0 ||
	       error_os(err, "make namespaces of the pod's users");
}

static bool change_user(const struct user_found *user, struct error *err)
{
	if (setgroups(user->group_count, user->groups) != 0)
		return error_os(err, "set groups");
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return error_os(err, "keep capabilities");
	if (setresgid(user->gid, user->gid, user->gid) != 0)
		return error_os(err, "become group %u", user->gid);
	if (setresuid(user->uid, user->uid, user->uid) != 0)
		return error_os(err, "become user %u", user->uid);
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0)
		return error_os(err, "keep no capabilities");
	return true;
}

/* From the next exec on.  /proc may be the container's work: only the real one is written to. */
static bool confine(const char *profile, struct error *err)
{
	auto_fd root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_fd fd = -1;
	char text[256];
	int len;

	if (!profile || *profile == '\0')
		return true;
	if (root < 0)
		return error_os(err, "open the root");
	if (!pathfd_open(root, "proc/thread-self/attr/apparmor/exec", PATHFD_IN_ROOT, O_WRONLY, &fd,
			 err) &&
	    !pathfd_open(root, "proc/thread-self/attr/exec", PATHFD_IN_ROOT, O_WRONLY, &fd, err))
		return error_context(err, "apply apparmor profile %s", profile);
	if (!mountfd_is_kind(fd, PROC_SUPER_MAGIC))
		return error_set(err, ERROR_INVALID, "/proc is not what it should be");
	len = snprintf(text, sizeof(text), "exec %s", profile);
	if (len >= (int)sizeof(text) || write(fd, text, (size_t)len) != len)
		return error_os(err, "apply apparmor profile %s", profile);
	return true;
}

static bool enforce(const struct launch *launch, struct error *err)
{
	return seccomp_enforce_with(&launch->filter, launch->plan->seccomp_flags, NULL, err);
}

static bool restrict_self(const struct launch *launch, struct error *err)
{
	bool late = launch->plan->no_new_privs;
	bool filtered = launch->filter.len > 0;

	if (!confine(launch->plan->apparmor, err))
		return false;
	if (filtered && !late && !enforce(launch, err))
		return false;
	if (!capability_bound(launch->capabilities, err) || !change_user(launch->user, err) ||
	    !capability_apply(launch->capabilities, err))
		return false;
	if (late && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_os(err, "set no_new_privs");
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	return !filtered || !late || enforce(launch, err);
}

/* Keys of the host's session are not the container's; no keys at all is fine too. */
static void forget_keys(void)
{
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "mote");
}

static const char *find_env(const struct launch *launch, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = launch->env_count; i-- > 0;)
		if (strncmp(launch->env[i], name, len) == 0 && launch->env[i][len] == '=')
			return launch->env[i] + len + 1;
	return NULL;
}

static void add_home(struct launch *launch)
{
	static char home[sizeof("HOME=") + USER_HOME_MAX];

	if (find_env(launch, "HOME"))
		return;
	snprintf(home, sizeof(home), "HOME=%s", launch->user->home);
	launch->env[launch->env_count++] = home;
	launch->env[launch->env_count] = NULL;
}

static bool exec_failed(const char *name, int code, struct error *err)
{
	if (code == ENOENT && !strchr(name, '/'))
		return error_raise(err, ERROR_NOT_FOUND, code, ERROR_FROM,
				   "exec: \"%s\": executable file not found in $PATH", name);
	if (code == ENOENT)
		return error_raise(err, ERROR_NOT_FOUND, code, ERROR_FROM,
				   "exec: \"%s\": stat %s: no such file or directory", name, name);
	if (code == EACCES || code == EPERM || code == EISDIR)
		return error_raise(err, ERROR_FORBIDDEN, code, ERROR_FROM,
				   "exec: \"%s\": permission denied", name);
	if (code == ENOEXEC)
		return error_raise(err, ERROR_INVALID, code, ERROR_FROM,
				   "exec %s: exec format error", name);
	errno = code;
	return error_os(err, "exec: \"%s\"", name);
}

static bool run_program(const struct launch *launch, struct error *err)
{
	const char *name = launch->argv[0];
	const char *path = find_env(launch, "PATH");
	char room[PATH_MAX];
	int code = ENOENT;

	if (strchr(name, '/')) {
		execve(name, (char *const *)(uintptr_t)launch->argv,
		       (char *const *)(uintptr_t)launch->env);
		return exec_failed(name, errno, err);
	}
	for (const char *at = path ? path : PATH_DEFAULT; at;
	     at = strchr(at, ':') ? strchr(at, ':') + 1 : NULL) {
		int len = (int)strcspn(at, ":");

		if (len == 0 ||
		    snprintf(room, sizeof(room), "%.*s/%s", len, at, name) >= (int)sizeof(room))
			continue;
		execve(room, (char *const *)(uintptr_t)launch->argv,
		       (char *const *)(uintptr_t)launch->env);
		if (errno != ENOENT && errno != ENOTDIR)
			code = errno;
	}
	return exec_failed(name, code, err);
}

bool container_become(struct launch *launch, struct error *err)
{
	assert(launch->user);
	if (!make_cwd(launch, err) || !place_descriptors(launch, err) || !enter_cwd(launch, err))
		return false;
	own_stdio(launch);
	if (!enter_users(launch, err))
		return false;
	add_home(launch);
	forget_keys();
	umask(022);
	return restrict_self(launch, err) && run_program(launch, err);
}
