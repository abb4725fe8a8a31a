/*
 * apparmor.c - the default profile: all that a container does to itself is allowed, and nothing
 * that changes the machine.
 *
 * What it forbids is mostly out of reach already (masked and read-only paths, no CAP_SYS_ADMIN):
 * it is the second wall for containers to which a right was added, and for volumes of the host.
 */
#include "agent/apparmor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"

#define SECURITYFS   "/sys/kernel/security/apparmor"
#define PROFILES_MAX (1024 * 1024)
#define PARSER_MS    30000

/* A loaded profile stays as it is until the machine is off: the number grows with the text. */
#define DEFAULT_NAME "mote-default.1"

static const char default_text[] =
	"profile " DEFAULT_NAME " flags=(attach_disconnected,mediate_deleted) {\n"
	"  file,\n"
	"  network,\n"
	"  capability,\n"
	"  umount,\n"
	/* The agent, the monitor and other containers of the pod. */
	"  signal (receive) peer=unconfined,\n"
	"  signal (send,receive) peer=" DEFAULT_NAME ",\n"
	"  ptrace (trace,read,tracedby,readby) peer=" DEFAULT_NAME ",\n"
	"  deny mount,\n"
	"  deny /proc/{kcore,kmem,mem,sysrq-trigger} rwklx,\n"
	"  deny /proc/{acpi,bus,driver,fs,irq,scsi,tty}/** wkl,\n"
	"  deny /proc/sys/{abi,debug,dev,fs,sunrpc,user,vm}/** wkl,\n"
	/* But shm*, msg* and sem, which a container has of its own. */
	"  deny /proc/sys/kernel/[^sm]** wkl,\n"
	"  deny /proc/sys/kernel/{modprobe,modules_disabled,max_*,s[^he]**} wkl,\n"
	"  deny /sys/{firmware,kernel/security,devices/virtual/powercap}/** rwklx,\n"
	"  deny /sys/{block,bus,class,dev,devices,hypervisor,kernel,module,power}/** wklx,\n"
	"  deny /sys/fs/[^c]** wklx,\n"
	"}\n";

bool apparmor_enabled(void)
{
	auto_buf text = BUF_INIT;
	struct error ignored;

	return file_read("/sys/module/apparmor/parameters/enabled", 64, &text, &ignored) &&
	       text.len > 0 && text.at[0] == 'Y' && access(SECURITYFS, F_OK) == 0;
}

/* The names are one a line, "NAME (MODE)". */
bool apparmor_is_loaded(struct str profile)
{
	auto_buf text = BUF_INIT;
	struct error ignored;
	struct str rest;

	if (!file_read(SECURITYFS "/profiles", PROFILES_MAX, &text, &ignored))
		return false;
	rest = buf_str(&text);
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');
		ptrdiff_t mode = str_search(line, STR(" ("));

		if (mode > 0 && str_equal(str_from(line.at, (size_t)mode), profile))
			return true;
	}
	return false;
}

const char *apparmor_default(void)
{
	static const char *const usual[] = { DEFAULT_NAME, "cri-containerd.apparmor.d",
					     "crio-default" };

	for (size_t i = 0; i < ARRAY_LENGTH(usual); i++)
		if (apparmor_is_loaded(str_of(usual[i])))
			return usual[i];
	return NULL;
}

/* Services are often started without the folders of administrators in their PATH. */
static const char *find_parser(void)
{
	static const char *const paths[] = { "/usr/sbin/apparmor_parser", "/sbin/apparmor_parser" };

	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++)
		if (access(paths[i], X_OK) == 0)
			return paths[i];
	return NULL;
}

static bool load(const char *parser, struct error *err)
{
	const char *argv[] = { parser, "--replace", "--skip-cache", "--quiet", NULL };
	auto_fd text = memfd_create(DEFAULT_NAME, MFD_CLOEXEC);
	struct process_plan plan = {
		.path = parser, .argv = argv, .stdio = { text, -1, 2 }, .die_with_parent = SIGKILL
	};
	int status;
	pid_t pid;

	if (text < 0 || pwrite(text, default_text, sizeof(default_text) - 1, 0) !=
				(ssize_t)sizeof(default_text) - 1)
		return error_os(err, "write down the profile");
	if (!process_start(&plan, &pid, err) || !process_wait(pid, PARSER_MS, &status, err))
		return false;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && apparmor_is_loaded(STR(DEFAULT_NAME)))
		return true;
	return error_set(err, ERROR_BROKEN, "%s ended with %s %d", parser,
			 WIFEXITED(status) ? "status" : "signal",
			 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

void apparmor_load_default(void)
{
	const char *parser = find_parser();
	struct error err;

	if (!parser || !apparmor_enabled() || apparmor_is_loaded(STR(DEFAULT_NAME)))
		return;
	if (!load(parser, &err))
		log_warn("agent", "the default AppArmor profile cannot be loaded", "why=\"%s\"",
			 err.text);
}
