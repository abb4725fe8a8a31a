/*
 * test_service_notify.c - the test is the supervisor: a datagram socket that it reads.
 */
#include "net/service_notify.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "tests/unit/harness.h"

#define WATCHDOG_MS 200

static struct error err;

/* A supervisor's socket; `text` is what NOTIFY_SOCKET says of it. */
static int listen_at(const char *text)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = 5 };
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text));
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	CHECK(strlen(text) < sizeof(at.sun_path));
	memcpy(at.sun_path, text, strlen(text));
	if (text[0] == '@')
		at.sun_path[0] = '\0';
	CHECK(fd >= 0);
	CHECK(bind(fd, (struct sockaddr *)&at, len) == 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
	CHECK(setenv("NOTIFY_SOCKET", text, 1) == 0);
	return fd;
}

/* The next datagram; "" when there is none (`flags` MSG_DONTWAIT). */
static const char *next(int fd, int flags)
{
	static char text[512];
	ssize_t got = recv(fd, text, sizeof(text) - 1, flags);

	text[got > 0 ? got : 0] = '\0';
	return text;
}

static struct loop *open_loop(void)
{
	struct loop *loop;

	CHECK_OK(loop_open(&loop, &err), &err);
	return loop;
}

static void say_all(const char *address)
{
	int fd = listen_at(address);
	struct loop *loop = open_loop();
	struct service_notify notify;

	CHECK_OK(service_notify_open(&notify, loop, &err), &err);
	CHECK(!getenv("NOTIFY_SOCKET"));
	service_notify_ready(&notify, "the API answers");
	CHECK_STR(next(fd, 0), "READY=1\nSTATUS=the API answers\n");
	service_notify_stopping(&notify);
	CHECK_STR(next(fd, 0), "STOPPING=1\nSTATUS=stopping\n");
	CHECK_STR(next(fd, MSG_DONTWAIT), "");
	service_notify_close(&notify);
	service_notify_close(&notify);
	loop_close(loop);
	close(fd);
}

/* Goal: a socket with a path. */
static void path(void)
{
	auto_free char *address = memory_print("%s/notify", harness_folder());

	say_all(address);
}

/* Goal: a socket without a file. */
static void abstract(void)
{
	auto_free char *address = memory_print("@mote-test-%d", (int)getpid());

	say_all(address);
}

/* Goal: without a supervisor nothing is said, and nothing breaks. */
static void nobody(void)
{
	struct loop *loop = open_loop();
	struct service_notify notify;

	unsetenv("NOTIFY_SOCKET");
	setenv("WATCHDOG_USEC", "200000", 1);
	CHECK_OK(service_notify_open(&notify, loop, &err), &err);
	service_notify_ready(&notify, "x");
	service_notify_stopping(&notify);
	service_notify_hand_over(&notify);
	CHECK(!getenv("NOTIFY_SOCKET"));
	service_notify_close(&notify);
	loop_close(loop);
}

/* Goal: an address nobody can use is refused with a sentence, and all calls are harmless. */
static void wrong(void)
{
	static const char *const addresses[] = { "vsock:2:1", "x", "/", "@" };
	struct loop *loop = open_loop();
	struct service_notify notify;

	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
		setenv("NOTIFY_SOCKET", addresses[i], 1);
		CHECK(!service_notify_open(&notify, loop, &err));
		CHECK(str_search(str_of(err.text), STR("NOTIFY_SOCKET")) >= 0);
		service_notify_ready(&notify, "x");
		service_notify_close(&notify);
	}
	setenv("NOTIFY_SOCKET", "/tmp/x", 1);
	setenv("WATCHDOG_USEC", "soon", 1);
	CHECK(!service_notify_open(&notify, loop, &err));
	CHECK_STR(err.text, "WATCHDOG_USEC \"soon\" is no number of microseconds");
	service_notify_close(&notify);
	loop_close(loop);
}

static void set_watchdog(int pid)
{
	auto_free char *wait_us = memory_print("%d", WATCHDOG_MS * 1000);
	auto_free char *text = memory_print("%d", pid);

	setenv("WATCHDOG_USEC", wait_us, 1);
	setenv("WATCHDOG_PID", text, 1);
}

/* Goal: a loop that turns gives a sign of life in time, always; one that hangs gives none. */
static void watchdog(void)
{
	auto_free char *address = memory_print("%s/notify", harness_folder());
	int fd = listen_at(address);
	struct loop *loop = open_loop();
	struct service_notify notify;
	int64_t last, begin;

	set_watchdog(getpid());
	CHECK_OK(service_notify_open(&notify, loop, &err), &err);
	CHECK(!getenv("WATCHDOG_USEC"));
	CHECK(!getenv("WATCHDOG_PID"));
	CHECK_STR(next(fd, MSG_DONTWAIT), "WATCHDOG=1\n");
	begin = last = clock_now_ms();
	while (clock_now_ms() - begin < 4 * WATCHDOG_MS) {
		loop_once(loop, WATCHDOG_MS);
		if (*next(fd, MSG_DONTWAIT))
			last = clock_now_ms();
		CHECK(clock_now_ms() - last < WATCHDOG_MS);
	}
	/* Hangs: a callback that does not return. */
	usleep(2 * WATCHDOG_MS * 1000);
	CHECK_STR(next(fd, MSG_DONTWAIT), "");
	service_notify_close(&notify);
	loop_close(loop);
	close(fd);
}

/* Goal: WATCHDOG_PID of another process means that we are not the one who is watched. */
static void watched_is_another(void)
{
	auto_free char *address = memory_print("%s/notify", harness_folder());
	int fd = listen_at(address);
	struct loop *loop = open_loop();
	struct service_notify notify;

	set_watchdog(getpid() + 1);
	CHECK_OK(service_notify_open(&notify, loop, &err), &err);
	CHECK_STR(next(fd, MSG_DONTWAIT), "");
	CHECK_INT(notify.period_ms, 0);
	service_notify_close(&notify);
	loop_close(loop);
	close(fd);
}

/* Goal: readiness is not lost on a supervisor that comes late or whose queue is full. */
static void late(void)
{
	auto_free char *address = memory_print("%s/notify", harness_folder());
	struct loop *loop = open_loop();
	struct service_notify notify;
	int fd;

	setenv("NOTIFY_SOCKET", address, 1);
	CHECK_OK(service_notify_open(&notify, loop, &err), &err);
	service_notify_ready(&notify, "ready");
	loop_once(loop, 0);
	fd = listen_at(address);
	loop_once(loop, 1000);
	CHECK_STR(next(fd, MSG_DONTWAIT), "READY=1\nSTATUS=ready\n");
	service_notify_close(&notify);
	loop_close(loop);
	close(fd);
}

/* Goal: a program executed in this process finds the variables as we found them. */
static void hand_over(void)
{
	auto_free char *pid = memory_print("%d", (int)getpid());
	struct loop *loop = open_loop();
	struct service_notify notify;

	setenv("NOTIFY_SOCKET", "@nobody", 1);
	set_watchdog(getpid());
	CHECK_OK(service_notify_open(&notify, loop, &err), &err);
	CHECK(!getenv("NOTIFY_SOCKET"));
	service_notify_hand_over(&notify);
	CHECK_STR(getenv("NOTIFY_SOCKET"), "@nobody");
	CHECK_STR(getenv("WATCHDOG_USEC"), "200000");
	CHECK_STR(getenv("WATCHDOG_PID"), pid);
	service_notify_close(&notify);
	loop_close(loop);
}

static const struct test tests[] = {
	{ "a socket with a path", path }, { "an abstract socket", abstract },
	{ "no supervisor", nobody },      { "wrong addresses", wrong },
	{ "the watchdog", watchdog },     { "another process is watched", watched_is_another },
	{ "a late supervisor", late },    { "handed over", hand_over },
};

TEST_MAIN(tests)
