/*
 * test_seccomp_profile.c - profiles as people write them: what the kernel then says to calls, and
 * which profiles are refused with which words.
 */
#include "runtime/seccomp_profile.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/seccomp.h"
#include "tests/unit/harness.h"

static struct json_doc *parse(const char *text)
{
	struct json_doc *doc;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return doc;
}

static struct sock_fprog load(const char *text, unsigned *out_flags)
{
	auto_json_doc doc = parse(text);
	struct seccomp_program made;
	struct sock_fprog program;
	struct error err;
	struct stat facts;

	CHECK_OK(seccomp_profile_make(json_root(doc), &made, &err), &err);
	CHECK(fstat(made.fd, &facts) == 0);
	program.len = (unsigned short)((size_t)facts.st_size / sizeof(struct sock_filter));
	program.filter = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, made.fd, 0);
	CHECK(program.filter != MAP_FAILED);
	CHECK(write(made.fd, "x", 1) < 0); /* sealed */
	close(made.fd);
	*out_flags = made.flags;
	return program;
}

/* errno of the call under the profile, 0 when it went well, -signal when it killed. */
static int under(const char *profile, long (*call)(void))
{
	unsigned flags;
	struct sock_fprog program = load(profile, &flags);
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct error err;

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (!seccomp_enforce_with(&program, flags, NULL, &err))
			_exit(255);
		/* Not _exit: a sanitizer's needs many calls. */
		syscall(SYS_exit_group, call() < 0 ? errno : 0);
	}
	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status))
		return -WTERMSIG(status);
	CHECK(WEXITSTATUS(status) != 255);
	return WEXITSTATUS(status);
}

static long call_getppid(void)
{
	return syscall(SYS_getppid);
}
static long call_getcwd(void)
{
	char room[4096];

	return syscall(SYS_getcwd, room, sizeof(room));
}
static long call_young(void)
{
	return syscall(4999);
}
static long call_personality_0(void)
{
	return syscall(SYS_personality, 0);
}
static long call_personality_8(void)
{
	return syscall(SYS_personality, 8);
}
static long call_personality_16(void)
{
	return syscall(SYS_personality, 16);
}

#define ALLOW "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":["

static void acts(void)
{
	static const struct {
		const char *profile;
		long (*call)(void);
		int wanted;
	} rows[] = {
		{ ALLOW "]}", call_getcwd, 0 },
		{ ALLOW "{\"names\":[\"getcwd\"],\"action\":\"SCMP_ACT_ERRNO\"}]}", call_getcwd,
		  EPERM },
		{ ALLOW "{\"names\":[\"getcwd\"],\"action\":\"SCMP_ACT_ERRNO\"}]}", call_getppid,
		  0 },
		{ ALLOW "{\"names\":[\"no_such_call\",\"getcwd\"],\"action\":\"SCMP_ACT_ERRNO\","
			"\"errnoRet\":38}]}",
		  call_getcwd, ENOSYS },
		{ ALLOW "{\"names\":[\"getcwd\"],\"action\":\"SCMP_ACT_KILL_PROCESS\"}]}",
		  call_getcwd, -SIGSYS },
		{ ALLOW "{\"names\":[\"getcwd\"],\"action\":\"SCMP_ACT_TRAP\"}]}", call_getcwd,
		  -SIGSYS },
		{ ALLOW "{\"names\":[\"getcwd\"],\"action\":\"SCMP_ACT_LOG\"}],"
			"\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\",\"SECCOMP_FILTER_FLAG_TSYNC\"]}",
		  call_getcwd, 0 },
		/* getcwd has a lower number than exit_group everywhere: it is no younger call. */
		{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":13,\"architectures\":["
		  "\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_AARCH64\",\"SCMP_ARCH_ARM\"],"
		  "\"syscalls\":[{\"names\":[\"exit_group\",\"exit\"],\"action\":"
		  "\"SCMP_ACT_ALLOW\"}]}",
		  call_getcwd, EACCES },
		/* Younger than all that is named. */
		{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"exit_group\"],"
		  "\"action\":\"SCMP_ACT_ALLOW\"}]}",
		  call_young, ENOSYS },
		{ "{\"defaultAction\":\"SCMP_ACT_KILL_PROCESS\",\"syscalls\":[{\"names\":["
		  "\"exit_group\",\"getppid\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
		  call_young, ENOSYS },
		{ ALLOW "]}", call_young, ENOSYS },
		/* Two conditions on one argument: either of them. */
		{ ALLOW "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":["
			"{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"},"
			"{\"index\":0,\"value\":16,\"op\":\"SCMP_CMP_EQ\"}]}]}",
		  call_personality_16, EPERM },
		{ ALLOW "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":["
			"{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"}]}]}",
		  call_personality_0, 0 },
		{ ALLOW
		  "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":["
		  "{\"index\":0,\"value\":8,\"valueTwo\":8,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]}",
		  call_personality_8, EPERM },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (under(rows[i].profile, rows[i].call) != rows[i].wanted)
			harness_fail(__FILE__, __LINE__, "%s: %d, not %d", rows[i].profile,
				     under(rows[i].profile, rows[i].call), rows[i].wanted);
}

static void refuses(void)
{
	static const struct {
		const char *profile, *words;
	} rows[] = {
		{ "[]", "is an object" },
		{ "{}", "\"\" is no action" },
		{ "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "cannot be the default" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALOW\"}", "\"SCMP_ACT_ALOW\" is no action" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}",
		  "goes with SCMP_ACT_ERRNO" },
		{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":70000}",
		  "out of range" },
		{ ALLOW "{\"names\":[],\"action\":\"SCMP_ACT_ERRNO\"}]}", "names no call" },
		{ ALLOW "{\"names\":[\"\"],\"action\":\"SCMP_ACT_ERRNO\"}]}", "is empty" },
		{ ALLOW "{\"names\":[\"write\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}", "write" },
		{ ALLOW "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":["
			"{\"index\":6,\"op\":\"SCMP_CMP_EQ\"}]}]}",
		  "no argument 6" },
		{ ALLOW "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":["
			"{\"index\":0,\"op\":\"==\"}]}]}",
		  "\"==\" is no operator" },
		{ ALLOW "],\"flags\":[\"X\"]}", "\"X\" is no flag" },
		{ ALLOW "],\"architectures\":[\"VAX\"]}", "\"VAX\" is no architecture" },
		{ ALLOW "],\"flags\":[\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]}",
		  "needs a rule" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_json_doc doc = parse(rows[i].profile);
		struct seccomp_program made;
		struct error err;
		struct error looked;

		CHECK(!seccomp_profile_make(json_root(doc), &made, &err));
		CHECK_INT(err.kind, ERROR_INVALID);
		if (!strstr(err.text, rows[i].words))
			harness_fail(__FILE__, __LINE__, "%s: %s", rows[i].profile, err.text);
		CHECK(!seccomp_profile_look(json_root(doc), &made, &looked));
		CHECK_STR(looked.text, err.text);
	}
}

/* A listener is given what the process asks for, and its answer counts. */
static void notifies(void)
{
	auto_json_doc doc =
		parse(ALLOW "{\"names\":[\"getcwd\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}");
	struct seccomp_program made;
	struct error err;

	CHECK_OK(seccomp_profile_look(json_root(doc), &made, &err), &err);
	CHECK(made.notifies);
	CHECK_INT(made.fd, -1);
}

static const struct test tests[] = {
	{ "acts", acts, .time_limit_s = 30 },
	{ "refuses", refuses },
	{ "notifies", notifies },
};
TEST_MAIN(tests)
