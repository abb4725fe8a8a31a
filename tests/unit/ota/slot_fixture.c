/*
 * slot_fixture.c - see slot_fixture.h.
 */
#include "tests/unit/ota/slot_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/harness.h"

void fixture_slot(const struct slots *slots, const char *version, const char *content,
		  uint32_t epoch, char out[SLOT_NAME])
{
	struct launch_mark mark = { .epoch = epoch };
	struct digest digest;
	struct error err;
	int bin;

	digest_init(&digest);
	digest_add(&digest, content, strlen(content));
	digest_end(&digest, mark.sha256);
	CHECK_OK(slots_name(version, mark.sha256, out, &err), &err);
	CHECK_OK(slots_begin(slots, out, &bin, &err), &err);
	CHECK_INT(write(bin, content, strlen(content)), (ssize_t)strlen(content));
	close(bin);
	CHECK_OK(slots_finish(slots, out, STR("made by a test\n"), &mark, &err), &err);
}

void fixture_damage(const struct slots *slots, const char *name)
{
	char path[SLOT_NAME + 16];
	int fd;

	snprintf(path, sizeof(path), "slots/%s/bin", name);
	fd = openat(slots->folder, path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_INT(pwrite(fd, "!", 1, 0), 1);
	close(fd);
}

static bool changes_a_disk(uint64_t number)
{
	static const long calls[] = {
#ifdef SYS_rename
		SYS_rename,    SYS_symlink,  SYS_unlink,    SYS_mkdir,     SYS_rmdir,
		SYS_link,
#endif
#ifdef SYS_renameat
		SYS_renameat,
#endif
#ifdef SYS_renameat2
		SYS_renameat2,
#endif
		SYS_write,     SYS_pwrite64, SYS_fsync,     SYS_fdatasync, SYS_symlinkat,
		SYS_unlinkat,  SYS_mkdirat,  SYS_ftruncate, SYS_linkat,
	};

	for (size_t i = 0; i < ARRAY_LENGTH(calls); i++)
		if ((uint64_t)calls[i] == number)
			return true;
	return false;
}

/* The child has stopped at a call: does it count? */
static bool counts(pid_t pid)
{
	struct __ptrace_syscall_info facts;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(facts), &facts) <= 0)
		harness_skip("this kernel does not tell which call a traced process makes");
	return facts.op == PTRACE_SYSCALL_INFO_ENTRY && changes_a_disk(facts.entry.nr);
}

bool fixture_cut(void (*work)(void *of), void *of, unsigned n)
{
	unsigned seen = 0;
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(77);
		raise(SIGSTOP);
		work(of);
		_exit(0);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	if (!WIFSTOPPED(status))
		harness_skip("processes may not be traced here");
	CHECK_INT(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL),
		  0);
	for (;;) {
		CHECK_INT(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		CHECK_INT(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			CHECK_INT(WEXITSTATUS(status), 0);
			return true;
		}
		CHECK(WIFSTOPPED(status));
		if (WSTOPSIG(status) == (SIGTRAP | 0x80) && counts(pid) && seen++ == n)
			break;
	}
	kill(pid, SIGKILL);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	return false;
}
