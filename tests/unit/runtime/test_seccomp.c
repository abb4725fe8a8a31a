/*
 * test_seccomp.c - what the kernel says to calls under the default filter, in every ABI of this
 * machine.
 */
#include "runtime/seccomp.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "runtime/capability.h"
#include "tests/unit/harness.h"

static struct sock_fprog load(uint64_t capabilities)
{
	struct sock_fprog program;
	struct error err;
	struct stat facts;
	int fd;

	CHECK_OK(seccomp_open_filter(capabilities, &fd, &err), &err);
	CHECK(fstat(fd, &facts) == 0);
	CHECK((size_t)facts.st_size <= SECCOMP_BYTES_MAX);
	program.len = (unsigned short)((size_t)facts.st_size / sizeof(struct sock_filter));
	program.filter = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(program.filter != MAP_FAILED);
	CHECK(write(fd, "x", 1) < 0); /* sealed */
	close(fd);
	return program;
}

/* errno of the call under the filter, 0 when it went well. */
static int under(const struct sock_fprog *program, long (*call)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct error err;
		long got;

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (!seccomp_enforce(program, &err))
			_exit(255);
		got = call();
		_exit(got < 0 ? errno : 0);
	}
	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status));
	CHECK(WEXITSTATUS(status) != 255);
	return WEXITSTATUS(status);
}

static long call_getpid(void)
{
	return syscall(SYS_getpid);
}
static long call_unknown(void)
{
	return syscall(5000);
}
static long call_clone3(void)
{
	return syscall(SYS_clone3, NULL, 0);
}
static long call_uring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL);
}
static long call_unshare(void)
{
	return syscall(SYS_unshare, CLONE_NEWNS);
}
static long call_clone_user(void)
{
	return syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
}
static long call_clone(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid;
}
static long call_mount(void)
{
	return syscall(SYS_mount, "x", "/nowhere", "tmpfs", 0, NULL);
}
static long call_open_tree(void)
{
	return syscall(SYS_open_tree, -1, "/nowhere", 0);
}
static long call_keyctl(void)
{
	return syscall(SYS_keyctl, 0, 0, 0, 0, 0);
}
static long call_ptrace(void)
{
	return syscall(SYS_ptrace, 0, 0, 0, 0);
}
static long call_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0);
}
static long call_personality(void)
{
	return syscall(SYS_personality, 0xffffffff);
}
static long call_personality_bad(void)
{
	return syscall(SYS_personality, 0x0400000);
}
static long call_vsock(void)
{
	return syscall(SYS_socket, 40, SOCK_STREAM, 0);
}
static long call_unix(void)
{
	return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
}

static void confines(void)
{
	struct sock_fprog program = load(capability_default);

	CHECK_INT(under(&program, call_getpid), 0);
	CHECK_INT(under(&program, call_clone), 0);
	CHECK_INT(under(&program, call_personality), 0);
	CHECK_INT(under(&program, call_unix), 0);
	CHECK_INT(under(&program, call_ptrace), 0);
	CHECK_INT(under(&program, call_unknown), ENOSYS);
	CHECK_INT(under(&program, call_clone3), ENOSYS);
	CHECK_INT(under(&program, call_personality_bad), ENOSYS);
	CHECK_INT(under(&program, call_uring), EPERM);
	CHECK_INT(under(&program, call_unshare), EPERM);
	CHECK_INT(under(&program, call_clone_user), EPERM);
	CHECK_INT(under(&program, call_mount), EPERM);
	CHECK_INT(under(&program, call_open_tree), EPERM);
	CHECK_INT(under(&program, call_keyctl), EPERM);
	CHECK_INT(under(&program, call_bpf), EPERM);
	CHECK_INT(under(&program, call_vsock), EPERM);
}

static void widens_with_rights(void)
{
	struct sock_fprog program = load(capability_default | UINT64_C(1) << CAP_SYS_ADMIN);

	CHECK_INT(under(&program, call_mount), geteuid() == 0 ? ENOENT : EPERM);
	CHECK(under(&program, call_clone3) != ENOSYS);
	CHECK_INT(under(&program, call_uring), EPERM);
	CHECK_INT(under(&program, call_keyctl), EPERM);
}

#if defined(__x86_64__) && !defined(__ILP32__)
/* Not errno but its negative comes back. */
static long call_32(long number)
{
	long got;

	__asm__ volatile("int $0x80"
			 : "=a"(got)
			 : "a"(number), "b"(0L), "c"(0L), "d"(0L)
			 : "memory", "r8", "r9", "r10", "r11");
	if (got < 0) {
		errno = (int)-got;
		return -1;
	}
	return got;
}
static long call_32_getpid(void)
{
	return call_32(20);
}
static long call_32_mount(void)
{
	return call_32(21);
}
static long call_32_clone3(void)
{
	return call_32(435);
}
static long call_32_unknown(void)
{
	return call_32(5000);
}
static long call_x32_getpid(void)
{
	return syscall(0x40000000 | SYS_getpid);
}
static long call_x32_mount(void)
{
	return syscall(0x40000000 | SYS_mount, 0, 0, 0, 0, 0);
}

static void covers_other_abis(void)
{
	struct sock_fprog program = load(capability_default);

	errno = 0;
	if (call_32_getpid() < 0)
		harness_skip("this kernel runs no 32-bit programs");
	CHECK_INT(under(&program, call_32_getpid), 0);
	CHECK_INT(under(&program, call_32_mount), EPERM);
	CHECK_INT(under(&program, call_32_clone3), ENOSYS);
	CHECK_INT(under(&program, call_32_unknown), ENOSYS);
	CHECK_INT(under(&program, call_x32_getpid), ENOSYS);
	CHECK_INT(under(&program, call_x32_mount), ENOSYS);
}
#else
static void covers_other_abis(void)
{
	harness_skip("written for x86_64");
}
#endif

static void keeps_filters(void)
{
	struct sock_fprog first = load(capability_default);
	struct error err;
	int fd;

	/* Capabilities that the rules do not name change nothing; many sets do not grow without
	 * end. */
	CHECK_INT(load(capability_default & ~(UINT64_C(1) << CAP_CHOWN)).len, first.len);
	for (unsigned i = 0; i < 40; i++) {
		CHECK_OK(seccomp_open_filter(UINT64_C(1) << i, &fd, &err), &err);
		close(fd);
	}
	CHECK_INT(load(capability_default).len, first.len);
}

static const struct test tests[] = {
	{ "confines", confines },
	{ "widens with rights", widens_with_rights },
	{ "covers other ABIs", covers_other_abis },
	{ "keeps filters", keeps_filters, .time_limit_s = 30 },
};
TEST_MAIN(tests)
