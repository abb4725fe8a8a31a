/*
 * service_notify.c - what is due is a set of bits; one datagram says all of it, or it stays due.
 */
#include "net/service_notify.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"

#define AGAIN_MS  100 /* until the supervisor may have read its queue */
#define SHARE     2   /* signs of life in the time that a supervisor waits for one */
#define US_PER_MS 1000

enum { DUE_READY = 1, DUE_STOPPING = 2, DUE_ALIVE = 4 };

/* The variable's value, which is ours to free, or NULL; it is gone from the environment. */
static char *take_variable(const char *name)
{
	const char *value = getenv(name);
	char *copy = value && *value ? memory_string(value) : NULL;

	unsetenv(name);
	return copy;
}

static void give_variable(const char *name, const char *value)
{
	if (value)
		setenv(name, value, 1);
}

static bool make_address(const char *text, struct sockaddr_un *out, socklen_t *out_len,
			 struct error *err)
{
	size_t len = strlen(text);

	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if ((text[0] != '/' && text[0] != '@') || len < 2)
		return error_set(err, ERROR_INVALID,
				 "NOTIFY_SOCKET \"%s\" is neither a path nor an abstract name",
				 text);
	if (len >= sizeof(out->sun_path))
		return error_set(err, ERROR_INVALID, "NOTIFY_SOCKET is too long for a socket: %s",
				 text);
	memcpy(out->sun_path, text, len + 1);
	*out_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (text[0] == '@')
		out->sun_path[0] = '\0';
	else
		(*out_len)++; /* the NUL at its end */
	return true;
}

/* True: it was told. */
static bool send_text(const struct service_notify *notify, struct str text)
{
	struct sockaddr_un to;
	socklen_t to_len;
	struct error err;

	return make_address(notify->address, &to, &to_len, &err) &&
	       sendto(notify->fd, text.at, text.len, MSG_DONTWAIT | MSG_NOSIGNAL,
		      (const struct sockaddr *)&to, to_len) == (ssize_t)text.len;
}

static void say(struct service_notify *notify, unsigned more)
{
	auto_buf text = BUF_INIT;

	if (notify->fd < 0)
		return;
	notify->due |= more;
	if (notify->due & DUE_READY)
		buf_add_text(&text, "READY=1\n");
	if (notify->due & DUE_STOPPING)
		buf_add_text(&text, "STOPPING=1\n");
	if (notify->status && (notify->due & (DUE_READY | DUE_STOPPING)))
		buf_add_print(&text, "STATUS=%s\n", notify->status);
	if (notify->due & DUE_ALIVE)
		buf_add_text(&text, "WATCHDOG=1\n");
	if (text.len > 0 && !send_text(notify, buf_str(&text))) {
		loop_timer_set(notify->loop, &notify->timer, AGAIN_MS);
		return;
	}
	notify->due = 0;
	if (notify->period_ms > 0)
		loop_timer_set(notify->loop, &notify->timer, notify->period_ms);
}

static void on_timer(struct loop_timer *timer)
{
	struct service_notify *notify = CONTAINER_OF(timer, struct service_notify, timer);

	say(notify, notify->period_ms > 0 ? DUE_ALIVE : 0);
}

/* WATCHDOG_PID names the process that is watched; an exec keeps it, a fork does not. */
static bool read_watchdog(struct service_notify *notify, struct error *err)
{
	int64_t pid, wait_us;

	if (!notify->watchdog)
		return true;
	if (notify->pid &&
	    (!str_to_i64(str_of(notify->pid), 0, INT32_MAX, &pid) || pid != getpid()))
		return true;
	if (!str_to_i64(str_of(notify->watchdog), 1, INT64_MAX, &wait_us))
		return error_set(err, ERROR_INVALID,
				 "WATCHDOG_USEC \"%s\" is no number of microseconds",
				 notify->watchdog);
	notify->period_ms = wait_us / (US_PER_MS * SHARE);
	if (notify->period_ms == 0)
		notify->period_ms = 1;
	return true;
}

bool service_notify_open(struct service_notify *notify, struct loop *loop, struct error *err)
{
	struct sockaddr_un to;
	socklen_t to_len;

	*notify = (struct service_notify){ .loop = loop,
					   .fd = -1,
					   .timer = { .on_timer = on_timer },
					   .address = take_variable("NOTIFY_SOCKET"),
					   .watchdog = take_variable("WATCHDOG_USEC"),
					   .pid = take_variable("WATCHDOG_PID") };
	if (!notify->address)
		return true;
	if (!make_address(notify->address, &to, &to_len, err) || !read_watchdog(notify, err))
		return false;
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (notify->fd < 0)
		return error_os(err, "cannot make a socket for the supervisor");
	if (notify->period_ms > 0)
		say(notify, DUE_ALIVE);
	return true;
}

static void set_status(struct service_notify *notify, const char *status)
{
	assert(!strchr(status, '\n'));
	free(notify->status);
	notify->status = memory_string(status);
}

void service_notify_ready(struct service_notify *notify, const char *status)
{
	set_status(notify, status);
	say(notify, DUE_READY);
}

void service_notify_stopping(struct service_notify *notify)
{
	set_status(notify, "stopping");
	say(notify, DUE_STOPPING);
}

void service_notify_hand_over(const struct service_notify *notify)
{
	give_variable("NOTIFY_SOCKET", notify->address);
	give_variable("WATCHDOG_USEC", notify->watchdog);
	give_variable("WATCHDOG_PID", notify->pid);
}

void service_notify_close(struct service_notify *notify)
{
	loop_timer_stop(&notify->timer);
	if (notify->fd >= 0)
		close(notify->fd);
	free(notify->address);
	free(notify->watchdog);
	free(notify->pid);
	free(notify->status);
	*notify = (struct service_notify){ .fd = -1 };
}
