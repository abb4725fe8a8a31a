/*
 * oci_become.c - the last steps: terminal, descriptors, working folder, user, rights, filter; wait
 * to be let go; program.
 *
 * The order is forced: descriptors go before the working folder is entered, so that it cannot be
 * named through one of them; everything that may fail comes before the wait, so that `create` tells
 * it; the filter goes in as late as the rights to install it allow.
 */
#include "runtime/oci_inside.h"

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
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/capability.h"
#include "runtime/oci_process.h"
#include "runtime/pathfd.h"
#include "runtime/rootfs.h"
#include "runtime/seccomp.h"
#include "runtime/user_lookup.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* --- terminal --- */

static bool wants_terminal(const struct oci_launch *launch)
{
	return json_bool(json_get(launch->process, "terminal"));
}

static void set_size(const struct oci_launch *launch, int slave)
{
	const struct json *said = json_get(launch->process, "consoleSize");
	struct winsize size = { .ws_row = (unsigned short)json_int(json_get(said, "height")),
				.ws_col = (unsigned short)json_int(json_get(said, "width")) };

	if (size.ws_row > 0 && size.ws_col > 0)
		ioctl(slave, TIOCSWINSZ, &size);
}

/* Of the container's own terminals; it may have prepared the place: only the right kind of device
 * is taken. */
bool oci_terminal_open(struct oci_launch *launch, struct error *err)
{
	auto_fd root = launch->root >= 0 ? fcntl(launch->root, F_DUPFD_CLOEXEC, 3)
					 : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_fd pts = -1;
	auto_fd master = -1;

	if (!wants_terminal(launch))
		return true;
	if (root < 0)
		return error_os(err, "open the root");
	if (!pathfd_open(root, "dev/pts", PATHFD_NO_LINKS, O_PATH | O_DIRECTORY, &pts, err))
		return error_context(err, "terminal");
	if (!mountfd_is_kind(pts, DEVPTS_SUPER_MAGIC))
		return error_set(err, ERROR_INVALID, "/dev/pts holds no terminals");
	if (!rootfs_open_tty(pts, &master, &launch->tty_slave, err))
		return false;
	set_size(launch, launch->tty_slave);
	return oci_say(launch, OCI_STEP_TERMINAL, 0, master, err);
}

/* --- descriptors --- */

static bool keep(int *fd, int at, struct error *err)
{
	int high;

	if (*fd < 0)
		return true;
	high = fcntl(*fd, F_DUPFD_CLOEXEC, at + 8);
	if (high < 0)
		return error_os(err, "keep a descriptor");
	*fd = high;
	return true;
}

static bool place(int *fd, int at, struct error *err)
{
	if (*fd < 0)
		return true;
	if (dup3(*fd, at, O_CLOEXEC) < 0)
		return error_os(err, "place a descriptor");
	*fd = at;
	return true;
}

/* 0 to 2, what the program is to get, and behind it the report and the pipe: all else is closed. */
static bool place_descriptors(struct oci_launch *launch, struct error *err)
{
	int next = 3 + launch->preserved;
	int last;

	if (!keep(&launch->report, next, err) || !keep(&launch->start, next, err))
		return false;
	if (launch->tty_slave >= 0) {
		for (int i = 0; i < 3; i++)
			if (dup2(launch->tty_slave, i) < 0)
				return error_os(err, "place the terminal");
		if (ioctl(0, TIOCSCTTY, 0) != 0)
			return error_os(err, "take the terminal");
	}
	/* Gaps among those that are kept stay gaps. */
	if (!place(&launch->report, next, err) || !place(&launch->start, next + 1, err))
		return false;
	last = launch->start >= 0 ? next + 1 : next;
	if (syscall(SYS_close_range, last + 1, UINT_MAX, 0) != 0)
		return error_os(err, "close descriptors");
	for (int i = 3; i < next; i++)
		fcntl(i, F_SETFD, 0);
	return true;
}

/* So that /dev/stdout can be opened again by a user that is not root. */
static void own_stdio(const struct oci_launch *launch, uid_t uid)
{
	struct stat facts;

	for (int i = 0; i < 3; i++)
		if (fstat(i, &facts) == 0 && facts.st_uid != uid &&
		    (launch->tty_slave >= 0 || S_ISFIFO(facts.st_mode) || S_ISSOCK(facts.st_mode)))
			(void)!fchown(i, uid, (gid_t)-1);
}

/* --- working folder --- */

static bool make_cwd(const char *cwd, struct error *err)
{
	auto_fd root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_fd fd = -1;

	if (root < 0)
		return error_os(err, "open the root");
	return pathfd_make(root, cwd, PATHFD_IN_ROOT, PATHFD_FOLDER, &fd, err) ||
	       error_context(err, "cwd");
}

/* A folder that cannot be named from our root lies outside of it. */
static bool enter_cwd(const char *cwd, struct error *err)
{
	char room[PATH_MAX];

	if (chdir(cwd) != 0)
		return error_os(err, "chdir to cwd (\"%s\") set in config.json failed", cwd);
	if (syscall(SYS_getcwd, room, sizeof(room)) <= 0 || room[0] != '/')
		return error_set(err, ERROR_INVALID,
				 "current working directory \"%s\" is outside of container "
				 "mount namespace root",
				 cwd);
	return true;
}

/* --- who it is --- */

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[USER_GROUPS_MAX];
	size_t group_count;
	bool may_set_groups;
};

static bool read_identity(struct oci_launch *launch, struct identity *out, struct error *err)
{
	const struct json *user = json_get(launch->process, "user");
	const struct json *groups = json_get(user, "additionalGids");
	int64_t uid = json_int(json_get(user, "uid"));
	int64_t gid = json_int(json_get(user, "gid"));

	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return error_set(err, ERROR_INVALID, "config: user or group is out of range");
	if (json_count(groups) > USER_GROUPS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "config: more than %d additionalGids",
				 USER_GROUPS_MAX);
	*out = (struct identity){ .uid = (uid_t)uid, .gid = (gid_t)gid };
	for (struct json_iter it = json_iter(groups); json_next(&it);) {
		if (json_int(it.value) < 0 || json_int(it.value) >= UINT32_MAX)
			return error_set(err, ERROR_INVALID, "config: a group is out of range");
		out->groups[out->group_count++] = (gid_t)json_int(it.value);
	}
	return true;
}

/* A user namespace made without root has no say over groups. */
static bool may_set_groups(const struct oci_launch *launch)
{
	char text[8] = "";
	auto_fd fd = openat(launch->host_proc, "self/setgroups", O_RDONLY | O_CLOEXEC);

	return fd < 0 || read(fd, text, sizeof(text) - 1) < 4 || strncmp(text, "deny", 4) != 0;
}

static bool change_user(const struct identity *who, struct error *err)
{
	if (who->may_set_groups ? setgroups(who->group_count, who->groups) != 0
				: who->group_count > 0)
		return error_os(err, "set additional groups");
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return error_os(err, "keep capabilities");
	if (setresgid(who->gid, who->gid, who->gid) != 0)
		return error_os(err, "become group %u", who->gid);
	if (setresuid(who->uid, who->uid, who->uid) != 0)
		return error_os(err, "become user %u", who->uid);
	return prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == 0 || error_os(err, "keep no capabilities");
}

/* --- rights --- */

static uint64_t read_set(const struct json *list, uint64_t ours)
{
	uint64_t set = 0;
	uint64_t bit;

	/* What does not exist or is not ours is passed over, as the specification wants. */
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (capability_find(json_str(it.value), &bit))
			set |= bit;
	return set & ours;
}

static void read_sets(const struct oci_launch *launch, struct capability_sets *out)
{
	const struct json *said = json_get(launch->process, "capabilities");
	uint64_t ours = capability_ours();

	*out = (struct capability_sets){
		.bounding = read_set(json_get(said, "bounding"), ours),
		.effective = read_set(json_get(said, "effective"), ours),
		.inheritable = read_set(json_get(said, "inheritable"), ours),
		.permitted = read_set(json_get(said, "permitted"), ours),
		.ambient = read_set(json_get(said, "ambient"), ours),
	};
	out->effective &= out->permitted;
	out->ambient &= out->permitted & out->inheritable;
}

static bool enforce(struct oci_launch *launch, struct error *err)
{
	int listener = -1;

	if (launch->filter.len == 0)
		return true;
	if (!seccomp_enforce_with(&launch->filter, launch->filter_flags,
				  launch->notifies ? &listener : NULL, err))
		return false;
	if (!launch->notifies)
		return true;
	if (!oci_say(launch, OCI_STEP_LISTENER, listener, -1, err))
		return false;
	close(listener);
	return true;
}

static bool restrict_self(struct oci_launch *launch, const struct identity *who, struct error *err)
{
	bool late = json_bool(json_get(launch->process, "noNewPrivileges"));
	struct capability_sets sets;

	read_sets(launch, &sets);
	if (!late && !enforce(launch, err))
		return false;
	if (!capability_bound(sets.bounding, err) || !change_user(who, err) ||
	    !capability_apply_sets(&sets, err))
		return false;
	if (late && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_os(err, "set no_new_privs");
	return true;
}

static bool set_personality(const struct oci_launch *launch, struct error *err)
{
	struct str domain =
		json_str(json_path(launch->config->system, "personality", "domain", NULL));
	unsigned long value = str_is(domain, "LINUX32") ? PER_LINUX32 : PER_LINUX;

	if (domain.len == 0)
		return true;
	if (!str_is(domain, "LINUX") && !str_is(domain, "LINUX32"))
		return error_set(err, ERROR_INVALID,
				 "config: there is no personality \"" STR_FMT "\"",
				 STR_ARG(domain));
	return syscall(SYS_personality, value) >= 0 || error_os(err, "set personality");
}

/* --- environment --- */

static const char *find_env(const char *const *env, const char *name)
{
	const char *found = NULL;
	size_t len = strlen(name);

	for (; *env; env++)
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			found = *env + len + 1;
	return found;
}

static bool finish_env(struct oci_launch *launch, const struct identity *who, struct error *err)
{
	struct arena *arena = launch->config->arena;
	size_t count = 0;
	const char **env;
	auto_fd root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	static struct user_found found;
	struct user_wish wish = { .text = "", .uid = who->uid, .gid = who->gid };
	struct error ignored;

	while (launch->env[count])
		if (!strchr(launch->env[count++], '='))
			return error_set(err, ERROR_INVALID, "invalid environment variable: %s",
					 launch->env[count - 1]);
	env = arena_zero(arena, (count + 4) * sizeof(char *));
	memcpy(env, launch->env, count * sizeof(char *));
	if (!find_env(launch->env, "HOME"))
		env[count++] = root >= 0 && user_lookup(root, &wish, &found, &ignored)
				       ? arena_print(arena, "HOME=%s", found.home)
				       : "HOME=/";
	if (getenv("LISTEN_FDS") && !launch->is_exec) {
		env[count++] = arena_print(arena, "LISTEN_FDS=%s", getenv("LISTEN_FDS"));
		env[count++] = "LISTEN_PID=1";
	}
	launch->env = env;
	return true;
}

/* --- program --- */

static bool is_program(const char *path, int *code)
{
	struct stat facts;

	if (stat(path, &facts) != 0)
		*code = errno;
	else if (S_ISDIR(facts.st_mode))
		*code = EISDIR;
	else if (!(facts.st_mode & 0111)) /* whether we may is said by the kernel */
		*code = EACCES;
	else
		return true;
	return false;
}

static bool refuse_program(const char *name, int code, struct error *err)
{
	if (code == ENOENT && !strchr(name, '/'))
		return error_raise(err, ERROR_NOT_FOUND, code, ERROR_FROM,
				   "exec: \"%s\": executable file not found in $PATH", name);
	if (code == ENOENT)
		return error_raise(err, ERROR_NOT_FOUND, code, ERROR_FROM,
				   "exec: \"%s\": stat %s: no such file or directory", name, name);
	if (code == EISDIR)
		return error_raise(err, ERROR_INVALID, code, ERROR_FROM,
				   "exec: \"%s\": is a directory", name);
	if (code == EACCES || code == EPERM)
		return error_raise(err, ERROR_FORBIDDEN, code, ERROR_FROM,
				   "exec: \"%s\": permission denied", name);
	errno = code;
	return error_os(err, "exec: \"%s\"", name);
}

/* As execvp will find it, told before the wait. */
static bool find_program(struct oci_launch *launch, const char **out, struct error *err)
{
	struct arena *arena = launch->config->arena;
	const char *name = launch->argv[0];
	const char *path = find_env(launch->env, "PATH");
	struct str rest = str_of(path ? path : PATH_DEFAULT);
	int code = ENOENT;
	int worst = ENOENT;

	*out = name;
	if (strchr(name, '/'))
		return is_program(name, &code) || refuse_program(name, code, err);
	while (rest.len > 0 && *name) {
		struct str folder = str_cut(&rest, ':');

		*out = arena_print(arena, STR_FMT "/%s", STR_ARG(folder), name);
		if (folder.len > 0 && is_program(*out, &code))
			return true;
		if (code == EACCES)
			worst = code;
	}
	return refuse_program(name, worst, err);
}

static bool wait_to_start(struct oci_launch *launch, struct error *err)
{
	char byte;
	ssize_t got;

	if (launch->start < 0)
		return true;
	do
		got = read(launch->start, &byte, 1);
	while (got < 0 && errno == EINTR);
	return got == 1 || error_os(err, "wait for the start");
}

static bool settle(struct oci_launch *launch, struct identity *who, struct error *err)
{
	const struct json *umask_said = json_path(launch->process, "user", "umask", NULL);
	const char *cwd = oci_config_text(launch->config, json_get(launch->process, "cwd"));

	who->may_set_groups = may_set_groups(launch);
	if ((!launch->is_exec && !make_cwd(cwd, err)) || !place_descriptors(launch, err) ||
	    !enter_cwd(cwd, err) || !finish_env(launch, who, err))
		return false;
	own_stdio(launch, who->uid);
	umask(umask_said ? (mode_t)json_int(umask_said) & 0777 : 022);
	return set_personality(launch, err);
}

/* With the rights of the host's root we do it ourselves; only its /proc is out of reach by now. */
static bool set_limits(struct oci_launch *launch, struct error *err)
{
	bool is_root = geteuid() == 0 && (launch->made & CLONE_NEWUSER) == 0 &&
		       launch->joined[OCI_USER] < 0;

	if (is_root && !json_get(launch->process, "oomScoreAdj"))
		return oci_process_limit(0, launch->process, launch->is_exec, err);
	return oci_say(launch, OCI_STEP_PLACED, 0, -1, err);
}

bool oci_become(struct oci_launch *launch, struct error *err)
{
	struct identity who;
	const char *program;
	bool late = json_bool(json_get(launch->process, "noNewPrivileges"));

	if (!launch->options->no_new_keyring) {
		auto_free char *name = memory_print("_ses.%s", launch->state->id);

		syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);
	}
	if (!read_identity(launch, &who, err) || !settle(launch, &who, err) ||
	    !set_limits(launch, err) || !restrict_self(launch, &who, err) ||
	    !find_program(launch, &program, err))
		return false;
	/* From here on we may live on alone; what reports is told by the parent's silence. */
	prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	if ((late && !enforce(launch, err)) || !oci_say(launch, OCI_STEP_READY, 0, -1, err))
		return false;
	if (!wait_to_start(launch, err))
		return false;
	if (!launch->is_exec &&
	    !oci_hooks_run(launch->config, "startContainer", launch->state, "created", err)) {
		fprintf(stderr, "mote oci: %s\n", err->text);
		return false;
	}
	execve(program, (char *const *)(uintptr_t)launch->argv,
	       (char *const *)(uintptr_t)launch->env);
	fprintf(stderr, "mote oci: exec %s: %s\n", program,
		errno == ENOEXEC ? "exec format error" : strerror(errno));
	return refuse_program(launch->argv[0], errno, err);
}
