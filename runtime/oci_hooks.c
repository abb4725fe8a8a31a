/*
 * oci_hooks.c - programs of others that are run at moments of a container's life, with its state as
 * their input.
 */
#include "runtime/oci_inside.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"

static bool make_input(struct str text, int *out_fd, struct error *err)
{
	auto_fd fd = memfd_create("state", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text.at, text.len) != (ssize_t)text.len ||
	    lseek(fd, 0, SEEK_SET) != 0)
		return error_os(err, "keep the state for hooks");
	*out_fd = take_fd(&fd);
	return true;
}

_Noreturn static void be_hook(const char *path, const char **argv, const char **env, int input)
{
	process_reset_signals();
	if (dup2(input, 0) < 0)
		_exit(127);
	syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
	execve(path, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
	_exit(errno == ENOENT ? 127 : 126);
}

/* In the words that callers know: "signal: bad system call". */
static bool tell_signal(const char *path, int signal, struct error *err)
{
	auto_free char *word = memory_string(strsignal(signal));

	word[0] = (char)tolower((unsigned char)word[0]);
	return error_set(err, ERROR_BROKEN, "error running hook: signal: %s: %s", word, path);
}

/* 0 = for ever. */
static bool await(pid_t pid, const char *path, int64_t timeout_s, struct error *err)
{
	int status;

	if (!process_wait(pid, timeout_s > 0 ? timeout_s * 1000 : -1, &status, err))
		return error_context(err, "hook %s", path);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (WIFSIGNALED(status))
		return tell_signal(path, WTERMSIG(status), err);
	return error_set(err, ERROR_BROKEN, "error running hook: exit status %d: %s",
			 WEXITSTATUS(status), path);
}

static bool run_one(const struct oci_config *config, const struct json *hook, struct str state,
		    struct error *err)
{
	const char *path = oci_config_text(config, json_get(hook, "path"));
	const char **argv = oci_config_list(config, json_get(hook, "args"));
	const char **env = oci_config_list(config, json_get(hook, "env"));
	const char *alone[] = { path, NULL };
	const struct json *timeout = json_get(hook, "timeout");
	auto_fd input = -1;
	pid_t pid;

	if (!path || path[0] != '/')
		return error_set(err, ERROR_INVALID, "hook path \"%s\" is not absolute",
				 path ? path : "");
	if (timeout && json_int(timeout) <= 0)
		return error_set(err, ERROR_INVALID, "hook %s: timeout must be above zero", path);
	if (!make_input(state, &input, err))
		return false;
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		be_hook(path, argv[0] ? argv : alone, env, input);
	if (pid < 0)
		return error_os(err, "start hook %s", path);
	return await(pid, path, json_int(timeout), err);
}

static void print_state(const struct oci_config *config, const struct oci_state *state,
			const char *status, struct buf *out)
{
	auto_json_doc doc = json_doc_new();

	json_print(oci_state_print(state, config, status, doc), out);
}

bool oci_hooks_run(const struct oci_config *config, const char *kind, const struct oci_state *state,
		   const char *status, struct error *err)
{
	const struct json *list = json_path(config->root, "hooks", kind, NULL);
	auto_buf text = BUF_INIT;

	if (json_count(list) == 0)
		return true;
	print_state(config, state, status, &text);
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (!run_one(config, it.value, buf_str(&text), err))
			return error_context(err, "error running %s hook #%zu", kind, it.index);
	return true;
}

void oci_hooks_run_all(const struct oci_config *config, const char *kind,
		       const struct oci_state *state, const char *status)
{
	const struct json *list = json_path(config->root, "hooks", kind, NULL);
	auto_buf text = BUF_INIT;
	struct error err;

	if (json_count(list) == 0)
		return;
	print_state(config, state, status, &text);
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (!run_one(config, it.value, buf_str(&text), &err))
			fprintf(stderr, "mote oci: warning: %s hook #%zu: %s\n", kind, it.index,
				err.text);
}
