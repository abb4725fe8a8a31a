/*
 * seccomp.c - the default rules, made into a filter program by libseccomp.
 *
 * libseccomp is asked once for each set of capabilities that matters to the rules (nearly always
 * one set), in the agent; the program travels as a memory file, so that monitors hold no copy.
 */
#include "runtime/seccomp.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

#ifndef AF_VSOCK
#define AF_VSOCK 40
#endif

/* Flags of clone that make namespaces; CLONE_NEWTIME is for clone3 and unshare only. */
#define NEW_NAMESPACES                                                                             \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | \
	 CLONE_NEWCGROUP)

static const char allowed[] =
	"accept accept4 access adjtimex alarm arch_prctl arm_fadvise64_64 arm_sync_file_range bind "
	"breakpoint brk cachestat cacheflush capget capset chdir chmod chown chown32 clock_adjtime "
	"clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 "
	"clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range creat "
	"dup "
	"dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 "
	"epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat "
	"faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat "
	"fchmodat2 "
	"fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork "
	"fremovexattr "
	"fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex "
	"futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat getcpu getcwd "
	"getdents "
	"getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 "
	"getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid "
	"getresgid32 getresuid getresuid32 getrlimit get_robust_list getrusage getsid getsockname "
	"getsockopt get_thread_area gettid gettimeofday get_tls getuid getuid32 getxattr "
	"getxattrat "
	"inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy "
	"io_getevents io_pgetevents io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit "
	"ipc "
	"kill landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lchown32 "
	"lgetxattr link linkat listen listmount listxattr listxattrat llistxattr _llseek "
	"lremovexattr "
	"lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier memfd_create "
	"memfd_secret "
	"mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 modify_ldt mprotect "
	"mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend "
	"mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock "
	"munlockall munmap name_to_handle_at nanosleep newfstatat _newselect open openat openat2 "
	"pause "
	"pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll "
	"ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease process_vm_readv "
	"process_vm_writev pselect6 pselect6_time64 ptrace pwrite64 pwritev pwritev2 read "
	"readahead "
	"readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages "
	"removexattr removexattrat rename renameat renameat2 restart_syscall riscv_flush_icache "
	"riscv_hwprobe rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo "
	"rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo "
	"sched_getaffinity sched_getattr sched_getparam sched_get_priority_max "
	"sched_get_priority_min "
	"sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity "
	"sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget "
	"semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto "
	"setfsgid "
	"setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid "
	"setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid "
	"setreuid32 setrlimit set_robust_list setsid setsockopt set_thread_area set_tid_address "
	"set_tls "
	"setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack "
	"signalfd "
	"signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 "
	"statmount statx symlink symlinkat sync sync_file_range sync_file_range2 syncfs sysinfo "
	"tee "
	"tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 "
	"timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 "
	"timerfd_settime "
	"timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat "
	"uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid "
	"write "
	"writev";

/* Known and refused: EPERM rather than ENOSYS, as programs expect. */
static const char refused[] =
	"acct add_key bpf chroot clock_settime clock_settime64 create_module delete_module "
	"fanotify_init "
	"finit_module fsconfig fsmount fsopen fspick get_kernel_syms get_mempolicy init_module "
	"io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load "
	"kexec_load "
	"keyctl lookup_dcookie mbind migrate_pages mount mount_setattr move_mount move_pages "
	"nfsservctl "
	"open_by_handle_at open_tree perf_event_open pidfd_getfd pivot_root process_madvise "
	"query_module quotactl quotactl_fd reboot request_key set_mempolicy "
	"set_mempolicy_home_node "
	"setdomainname sethostname setns settimeofday stime swapoff swapon _sysctl sysfs syslog "
	"umount "
	"umount2 unshare uselib userfaultfd ustat vhangup vm86 vm86old vserver";

/* Allowed with a capability. */
static const struct {
	unsigned capability;
	const char *calls;
} by_capability[] = {
	{ CAP_DAC_READ_SEARCH, "open_by_handle_at" },
	{ CAP_SYS_ADMIN,
	  "bpf clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount "
	  "mount_setattr move_mount open_tree perf_event_open pivot_root quotactl "
	  "quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare" },
	{ CAP_SYS_BOOT, "reboot" },
	{ CAP_SYS_CHROOT, "chroot" },
	{ CAP_SYS_MODULE, "delete_module init_module finit_module" },
	{ CAP_SYS_PACCT, "acct" },
	{ CAP_SYS_PTRACE, "kcmp pidfd_getfd process_madvise" },
	{ CAP_SYS_RAWIO, "iopl ioperm" },
	{ CAP_SYS_TIME, "clock_settime clock_settime64 settimeofday stime" },
	{ CAP_SYS_TTY_CONFIG, "vhangup" },
	{ CAP_SYS_NICE, "get_mempolicy mbind migrate_pages move_pages set_mempolicy "
			"set_mempolicy_home_node" },
	{ CAP_SYSLOG, "syslog" },
	{ CAP_BPF, "bpf" },
	{ CAP_PERFMON, "perf_event_open" },
};

static bool has(uint64_t capabilities, unsigned capability)
{
	return capabilities >> capability & 1;
}

static bool is_in(const char *list, struct str name)
{
	struct str rest = str_of(list);

	while (rest.len > 0)
		if (str_equal(str_cut(&rest, ' '), name))
			return true;
	return false;
}

static bool is_granted(uint64_t capabilities, struct str name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(by_capability); i++)
		if (has(capabilities, by_capability[i].capability) &&
		    is_in(by_capability[i].calls, name))
			return true;
	return false;
}

/* A name that this processor or this libseccomp does not know is passed over. */
static bool add(scmp_filter_ctx filter, struct str name, uint32_t action)
{
	char text[64];
	int number;

	assert(name.len < sizeof(text));
	memcpy(text, name.at, name.len);
	text[name.len] = '\0';
	number = seccomp_syscall_resolve_name(text);
	return number == __NR_SCMP_ERROR || seccomp_rule_add(filter, action, number, 0) == 0;
}

static bool add_list(scmp_filter_ctx filter, const char *list, uint64_t capabilities)
{
	struct str rest = str_of(list);
	bool is_refused = list == refused;

	while (rest.len > 0) {
		struct str name = str_cut(&rest, ' ');

		if (is_refused && is_granted(capabilities, name))
			continue; /* added with its capability */
		if (!add(filter, name, is_refused ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW))
			return false;
	}
	return true;
}

/* Several capabilities may allow the same call: only the first one's row adds it. */
static bool add_granted(scmp_filter_ctx filter, uint64_t capabilities)
{
	uint64_t before = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(by_capability); i++) {
		struct str rest = str_of(by_capability[i].calls);

		if (!has(capabilities, by_capability[i].capability))
			continue;
		while (rest.len > 0) {
			struct str name = str_cut(&rest, ' ');

			if (!is_granted(before, name) && !add(filter, name, SCMP_ACT_ALLOW))
				return false;
		}
		before |= UINT64_C(1) << by_capability[i].capability;
	}
	return true;
}

static bool add_clone(scmp_filter_ctx filter, uint64_t capabilities)
{
	int number = SCMP_SYS(clone);

	if (has(capabilities, CAP_SYS_ADMIN))
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0) == 0;
	if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1,
			     SCMP_A0(SCMP_CMP_MASKED_EQ, NEW_NAMESPACES, 0)) != 0)
		return false;
	for (uint64_t bit = 1; bit <= NEW_NAMESPACES; bit <<= 1)
		if ((NEW_NAMESPACES & bit) &&
		    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit)) != 0)
			return false;
	return true;
}

/* Execution domains that change no protection. */
static bool add_personality(scmp_filter_ctx filter)
{
	static const uint32_t fine[] = { 0x0, 0x8, 0x20000, 0x20008, 0xffffffff };

	for (size_t i = 0; i < ARRAY_LENGTH(fine); i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(personality), 1,
				     SCMP_A0(SCMP_CMP_EQ, fine[i])) != 0)
			return false;
	return true;
}

static bool add_architectures(scmp_filter_ctx filter)
{
	uint32_t native = seccomp_arch_native();

	if (native == SCMP_ARCH_X86_64)
		return seccomp_arch_add(filter, SCMP_ARCH_X86) == 0;
	if (native == SCMP_ARCH_AARCH64)
		return seccomp_arch_add(filter, SCMP_ARCH_ARM) == 0;
	return true;
}

static bool fill(scmp_filter_ctx filter, uint64_t capabilities)
{
	return seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) == 0 &&
	       seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 &&
	       add_architectures(filter) && add_list(filter, allowed, capabilities) &&
	       add_list(filter, refused, capabilities) && add_granted(filter, capabilities) &&
	       add_clone(filter, capabilities) && add_personality(filter) &&
	       seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				SCMP_A0(SCMP_CMP_NE, AF_VSOCK)) == 0 &&
	       seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
				SCMP_A0(SCMP_CMP_EQ, AF_VSOCK)) == 0;
}

static bool make(uint64_t capabilities, int *out_fd, struct error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	auto_fd fd = memfd_create("mote-seccomp", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	bool fine = filter && fd >= 0 && fill(filter, capabilities) &&
		    seccomp_export_bpf(filter, fd) == 0 &&
		    fcntl(fd, F_ADD_SEALS,
			  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0;

	if (filter)
		seccomp_release(filter);
	if (!fine)
		return error_set(err, ERROR_BROKEN, "cannot make the filter of system calls");
	*out_fd = take_fd(&fd);
	return true;
}

/* Capabilities that no rule names make no difference. */
static uint64_t that_matter(uint64_t capabilities)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(by_capability); i++)
		mask |= UINT64_C(1) << by_capability[i].capability;
	return capabilities & mask;
}

bool seccomp_open_filter(uint64_t capabilities, int *out_fd, struct error *err)
{
	/* Kept for the life of the process: making one takes longer than starting a container. */
	static struct {
		uint64_t capabilities;
		int fd;
	} kept[8];
	static size_t count;
	uint64_t set = that_matter(capabilities);
	size_t at = 0;
	int fd = -1;

	while (at < count && kept[at].capabilities != set)
		at++;
	if (at == ARRAY_LENGTH(kept)) {
		close(kept[--at].fd);
		count--;
	}
	if (at == count) {
		if (!make(set, &fd, err))
			return false;
		kept[at].capabilities = set;
		kept[at].fd = fd;
		count++;
	}
	fd = fcntl(kept[at].fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return error_os(err, "duplicate descriptor");
	*out_fd = fd;
	return true;
}

bool seccomp_enforce_with(const struct sock_fprog *program, unsigned flags, int *out_listener,
			  struct error *err)
{
	unsigned all = flags | (out_listener ? (unsigned)SECCOMP_FILTER_FLAG_NEW_LISTENER : 0);
	int got = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, all, program);

	if (got < 0)
		return error_os(err, "enforce the filter of system calls");
	if (out_listener)
		*out_listener = got;
	return true;
}

bool seccomp_enforce(const struct sock_fprog *program, struct error *err)
{
	return seccomp_enforce_with(program, 0, NULL, err);
}
