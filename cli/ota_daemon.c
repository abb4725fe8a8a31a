/*
 * ota_daemon.c - a socket of one word, the child that runs the gates, and the way back into the
 * launcher.
 */
#include "cli/ota_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "cli/ota_place.h"
#include "cli/ota_switch.h"
#include "net/service_notify.h"
#include "net/socket.h"
#include "net/unix_socket.h"

#define ASK_MS         5000
#define ASK_BYTES      16
#define ARGUMENTS_MAX  (256u * 1024)
#define STDERR_UNKNOWN (-1)

struct ota_daemon {
	struct loop *loop;
	char *part, *root, *data_dir, *api_url, *socket_path;
	int stderr_fd; /* the true one while a watcher has ours */
	bool listening, gating, restart;
	struct socket_listener listener;
	struct loop_child gate;
};

/* --- the launcher's variables --- */

static void take_stderr(struct ota_daemon *daemon)
{
	const char *text = getenv("MOTE_OTA_STDERR");
	int64_t fd;

	if (text && str_to_i64(str_of(text), 3, INT_MAX, &fd) &&
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0)
		daemon->stderr_fd = (int)fd;
	unsetenv("MOTE_OTA_STDERR");
}

/* No watcher listens any more. */
static void give_stderr_back(struct ota_daemon *daemon)
{
	if (daemon->stderr_fd < 0)
		return;
	dup3(daemon->stderr_fd, STDERR_FILENO, 0);
	close(daemon->stderr_fd);
	daemon->stderr_fd = STDERR_UNKNOWN;
}

/* --- the socket --- */

static void on_accept(struct socket_listener *listener, int fd, struct str peer)
{
	struct ota_daemon *daemon = CONTAINER_OF(listener, struct ota_daemon, listener);
	char word[ASK_BYTES] = "";
	auto_fd conn = fd;

	(void)peer;
	socket_release(listener);
	/* The word is sent at once after connecting; nobody is waited for. */
	fcntl(conn, F_SETFL, fcntl(conn, F_GETFL) & ~O_NONBLOCK);
	setsockopt(conn, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_usec = 200000 },
		   sizeof(struct timeval));
	if (recv(conn, word, sizeof(word) - 1, 0) <= 0 || strcmp(word, "restart\n") != 0)
		return;
	if (send(conn, "ok\n", 3, MSG_NOSIGNAL) != 3)
		return;
	log_info("ota", "restarting through the launcher, as asked", "part=%s", daemon->part);
	daemon->restart = true;
	loop_stop(daemon->loop);
}

static bool listen_for_words(struct ota_daemon *daemon, struct error *err)
{
	int fd;

	daemon->listener.on_accept = on_accept;
	daemon->listener.accepted_max = 4;
	if (!unix_socket_listen(daemon->socket_path, &fd, err))
		return false;
	daemon->listening = socket_listener_start(daemon->loop, &daemon->listener, fd, err);
	return daemon->listening;
}

bool ota_daemon_ask(const char *ota_root, const char *part, struct error *err)
{
	auto_free char *path = memory_print("%s/%s.sock", ota_root, part);
	struct timeval limit = { .tv_sec = ASK_MS / 1000 };
	char answer[ASK_BYTES] = "";
	auto_fd fd = -1;

	if (!unix_socket_connect(path, &fd, err))
		return false;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (send(fd, "restart\n", 8, MSG_NOSIGNAL) != 8 ||
	    recv(fd, answer, sizeof(answer) - 1, 0) <= 0 || strcmp(answer, "ok\n") != 0)
		return error_set(err, ERROR_UNAVAILABLE, "the %s does not answer at %s", part,
				 path);
	return true;
}

/* --- gates --- */

static void on_gate_exit(struct loop_child *child, int wait_status)
{
	struct ota_daemon *daemon = CONTAINER_OF(child, struct ota_daemon, gate);

	daemon->gating = false;
	if (wait_status != 0) {
		log_warn("ota", "the gates did not pass", "status=%d", wait_status);
		return;
	}
	log_info("ota", "the gates have passed; this version stays", "part=%s", daemon->part);
	give_stderr_back(daemon);
}

static void start_gates(struct ota_daemon *daemon)
{
	const char *argv[] = { "mote",   "ota",        "gate",  "--data-dir",    daemon->data_dir,
			       "--part", daemon->part, "--api", daemon->api_url, NULL };
	struct process_plan plan = { .path = "/proc/self/exe",
				     .argv = argv,
				     .stdio = { -1, -1, STDERR_FILENO },
				     .die_with_parent = SIGKILL };
	struct error err;

	daemon->gate.on_exit = on_gate_exit;
	daemon->gating = process_start(&plan, &daemon->gate.pid, &err) &&
			 loop_child_start(daemon->loop, &daemon->gate, &err);
	if (!daemon->gating)
		log_error("ota", "the gates of this version cannot be asked", "why=\"%s\"",
			  err.text);
}

/* Are we what is on trial?  If not, what came before may have been cut at its very end. */
static bool begin_on_trial(const struct ota_daemon *daemon)
{
	struct slots slots;
	struct slot_state state;
	char own[SLOT_NAME];
	struct error err;
	bool trial;

	if (!slots_open(daemon->data_dir, false, &slots, &err))
		return false;
	slot_state_read(slots.folder, &state);
	ota_place_own_slot(&slots, own);
	trial = state.phase == SLOT_PHASE_TRIAL && strcmp(state.slot, own) == 0;
	if (!trial && !ota_switch_finish(&slots, daemon->data_dir, &err))
		log_warn("ota", "what this version brings is not all in its place", "why=\"%s\"",
			 err.text);
	slots_close(&slots);
	return trial;
}

/* --- begin and end --- */

static bool is_same_folder(const char *root, const char *data_dir)
{
	auto_free char *ours = memory_print("%s/ota", data_dir);
	char a[PATH_MAX], b[PATH_MAX];

	return realpath(root, a) && realpath(ours, b) && strcmp(a, b) == 0;
}

struct ota_daemon *ota_daemon_open(struct loop *loop, const struct ota_daemon_plan *plan)
{
	const char *root = getenv("MOTE_OTA_DIR");
	struct ota_daemon *daemon;
	struct error err;

	if (!root)
		return NULL;
	daemon = memory_new(struct ota_daemon);
	*daemon = (struct ota_daemon){ .loop = loop, .stderr_fd = STDERR_UNKNOWN };
	daemon->part = memory_string(plan->part);
	daemon->root = memory_string(root);
	daemon->data_dir = memory_string(plan->data_dir);
	daemon->api_url = memory_string(plan->api_url ? plan->api_url : "");
	daemon->socket_path = memory_print("%s/%s.sock", root, plan->part);
	take_stderr(daemon);
	/* Our children are not started by the launcher. */
	unsetenv("MOTE_OTA_DIR");
	if (!is_same_folder(daemon->root, plan->data_dir)) {
		log_warn("ota", "this launcher is not that of the data folder; no updates here",
			 "launcher=%s data_dir=%s", daemon->root, plan->data_dir);
		return daemon;
	}
	if (!listen_for_words(daemon, &err))
		log_warn("ota", "updates cannot restart this process", "why=\"%s\"", err.text);
	if (begin_on_trial(daemon))
		start_gates(daemon);
	return daemon;
}

void ota_daemon_close(struct ota_daemon *daemon)
{
	if (!daemon)
		return;
	if (daemon->listening) {
		socket_listener_stop(&daemon->listener);
		unlink(daemon->socket_path);
	}
	daemon->listening = false;
	if (daemon->gating) {
		kill(daemon->gate.pid, SIGKILL);
		loop_child_stop(&daemon->gate);
	}
	daemon->gating = false;
}

bool ota_daemon_wants_restart(const struct ota_daemon *daemon)
{
	return daemon && daemon->restart;
}

/* The arguments of this process, as they were given; in *text. */
static bool read_arguments(struct buf *text, char ***out, struct error *err)
{
	size_t count = 0;
	char **argv;

	if (!file_read("/proc/self/cmdline", ARGUMENTS_MAX, text, err))
		return false;
	for (size_t i = 0; i < text->len; i++)
		count += text->at[i] == '\0';
	argv = memory_zero((count + 1) * sizeof(*argv));
	for (size_t i = 0, at = 0; i < count; i++) {
		argv[i] = text->at + at;
		at += strlen(text->at + at) + 1;
	}
	*out = argv;
	return true;
}

void ota_daemon_restart(struct ota_daemon *daemon, const struct service_notify *notify)
{
	auto_free char *launcher = memory_print("%s/launcher", daemon->root);
	auto_buf text = BUF_INIT;
	auto_free char **argv = NULL;
	struct error err;
	sigset_t none;

	give_stderr_back(daemon);
	service_notify_hand_over(notify);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (!read_arguments(&text, &argv, &err)) {
		log_error("ota", "cannot restart", "why=\"%s\"", err.text);
		return;
	}
	execv(launcher, argv);
	log_error("ota", "cannot restart", "launcher=%s why=\"%s\"", launcher, strerror(errno));
}

void ota_daemon_free(struct ota_daemon *daemon)
{
	if (!daemon)
		return;
	ota_daemon_close(daemon);
	if (daemon->stderr_fd >= 0)
		close(daemon->stderr_fd);
	free(daemon->part);
	free(daemon->root);
	free(daemon->data_dir);
	free(daemon->api_url);
	free(daemon->socket_path);
	free(daemon);
}
