/*
 * test_socket.c - addresses, listening with a limit, dialling: what answers, what refuses, what is
 * silent.
 */
#include "net/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "tests/unit/harness.h"
#include "tests/unit/net/sink.h"

static struct error err;

static void splits(void)
{
	static const struct {
		const char *text, *host;
		unsigned port; /* 7 = fallback */
		bool bad;
	} rows[] = {
		{ "1.2.3.4:80", "1.2.3.4", 80, false },
		{ "host", "host", 7, false },
		{ ":443", "", 443, false },
		{ "[::1]:6443", "::1", 6443, false },
		{ "[fd00::2]", "fd00::2", 7, false },
		{ "host:", NULL, 0, true },
		{ "host:65536", NULL, 0, true },
		{ "host:-1", NULL, 0, true },
		{ "host:8x", NULL, 0, true },
		{ "[::1", NULL, 0, true },
		{ "[::1]x", NULL, 0, true },
		{ "::1", NULL, 0, true },
		{ "[::1]:", NULL, 0, true },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct str host = STR_NONE;
		unsigned port = 0;
		bool ok = socket_split(str_of(rows[i].text), 7, &host, &port);

		CHECK_INT(ok, !rows[i].bad);
		if (!ok)
			continue;
		CHECK(str_is(host, rows[i].host));
		CHECK_INT(port, rows[i].port);
	}
}

static unsigned port_of(int fd)
{
	struct sockaddr_storage at;
	struct sockaddr_in v4;
	socklen_t len = sizeof(at);

	CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	memcpy(&v4, &at, sizeof(v4));
	return ntohs(v4.sin_port);
}

struct house {
	struct socket_listener listener; /* first */
	struct loop *loop;
	struct stream *streams[8];
	unsigned count;
	char peer[80];
};

static void on_accept(struct socket_listener *listener, int fd, struct str peer)
{
	struct house *house = (struct house *)listener;

	house->streams[house->count++] = stream_of_fd(house->loop, fd);
	memcpy(house->peer, peer.at, peer.len);
	house->peer[peer.len] = '\0';
}

struct caller {
	struct stream *stream;
	struct error why;
	unsigned done;
};

static void on_done(void *of, struct stream *stream, const struct error *why)
{
	struct caller *caller = of;

	caller->done++;
	CHECK((stream != NULL) != (why != NULL));
	caller->stream = stream;
	if (why)
		caller->why = *why;
}

static void dials_and_accepts(void)
{
	struct house house = { .listener = { .on_accept = on_accept } };
	struct loop *loop = house.loop = sink_loop();
	struct caller caller = { 0 };
	struct sink a = { 0 }, b = { .echo = true };
	int fd;

	CHECK_OK(socket_listen(STR(":0"), &fd, &err), &err);
	CHECK_OK(socket_listener_start(loop, &house.listener, fd, &err), &err);
	socket_dial(loop, STR("127.0.0.1"), port_of(fd), 2000, on_done, &caller);
	CHECK_INT(caller.done, 0);
	sink_until_count(loop, &caller.done, 1);
	CHECK(caller.stream != NULL);
	sink_until_count(loop, &house.count, 1);
	CHECK(str_starts(str_of(house.peer), STR("127.0.0.1:")));
	sink_own(&a, caller.stream);
	sink_own(&b, house.streams[0]);
	stream_write(a.stream, STR("hello"));
	sink_until_bytes(loop, &a, 5);
	sink_clear(&a);
	sink_clear(&b);
	socket_listener_stop(&house.listener);
	socket_listener_stop(&house.listener);
	loop_close(loop);
}

/* More than accepted_max wait in the backlog until one is released. */
static void limits_connections(void)
{
	struct house house = { .listener = { .on_accept = on_accept, .accepted_max = 2 } };
	struct loop *loop = house.loop = sink_loop();
	struct caller callers[3] = { 0 };
	int fd;

	CHECK_OK(socket_listen(STR("127.0.0.1:0"), &fd, &err), &err);
	CHECK_OK(socket_listener_start(loop, &house.listener, fd, &err), &err);
	for (int i = 0; i < 3; i++)
		socket_dial(loop, STR("127.0.0.1"), port_of(fd), 2000, on_done, &callers[i]);
	for (int i = 0; i < 3; i++)
		sink_until_count(loop, &callers[i].done, 1);
	sink_rounds(loop, 20);
	CHECK_INT(house.count, 2);
	stream_close(house.streams[0]);
	socket_release(&house.listener);
	sink_until_count(loop, &house.count, 3);
	stream_close(house.streams[1]);
	stream_close(house.streams[2]);
	for (int i = 0; i < 3; i++)
		stream_close(callers[i].stream);
	socket_listener_stop(&house.listener);
	loop_close(loop);
}

static void refused(void)
{
	struct loop *loop = sink_loop();
	struct caller caller = { 0 };
	int fd;
	unsigned port;

	CHECK_OK(socket_listen(STR("127.0.0.1:0"), &fd, &err), &err);
	port = port_of(fd);
	close(fd);
	socket_dial(loop, STR("127.0.0.1"), port, 2000, on_done, &caller);
	sink_until_count(loop, &caller.done, 1);
	CHECK(caller.stream == NULL);
	CHECK_INT(caller.why.kind, ERROR_UNAVAILABLE);
	CHECK(strstr(caller.why.text, "dial 127.0.0.1 port"));
	CHECK(strstr(caller.why.text, "refused"));
	loop_close(loop);
}

/* A full backlog swallows the connection request: the dial must end by its time limit. */
static void silent_peer(void)
{
	struct loop *loop = sink_loop();
	struct caller caller = { 0 };
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), filler[3];
	int64_t began;

	CHECK(bind(listener, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(listener, 0) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&at, &len) == 0);
	for (int i = 0; i < 3; i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(filler[i], (struct sockaddr *)&at, sizeof(at));
	}
	began = clock_now_ms();
	socket_dial(loop, STR("127.0.0.1"), ntohs(at.sin_port), 300, on_done, &caller);
	sink_until_count(loop, &caller.done, 1);
	CHECK(caller.stream == NULL);
	CHECK_INT(caller.why.kind, ERROR_TIMEOUT);
	CHECK(clock_now_ms() - began >= 290);
	for (int i = 0; i < 3; i++)
		close(filler[i]);
	close(listener);
	loop_close(loop);
}

/* Names go through the resolver; unknown ones and empty hosts fail with a sentence; cancelling is
 * silent. */
static void names_and_cancel(void)
{
	struct loop *loop = sink_loop();
	struct caller caller = { 0 }, bad = { 0 }, empty = { 0 }, gone = { 0 };
	struct socket_dial *dial;
	int fd;

	CHECK_OK(socket_listen(STR("127.0.0.1:0"), &fd, &err), &err);
	socket_dial(loop, STR("localhost"), port_of(fd), 4000, on_done, &caller);
	socket_dial(loop, STR("no such name"), 1, 4000, on_done, &bad);
	socket_dial(loop, STR_NONE, 1, 4000, on_done, &empty);
	dial = socket_dial(loop, STR("localhost"), port_of(fd), 4000, on_done, &gone);
	sink_rounds(loop, 2);
	socket_dial_cancel(dial);
	dial = socket_dial(loop, STR("127.0.0.1"), port_of(fd), 4000, on_done, &gone);
	socket_dial_cancel(dial);
	sink_until_count(loop, &caller.done, 1);
	sink_until_count(loop, &bad.done, 1);
	sink_until_count(loop, &empty.done, 1);
	CHECK(caller.stream != NULL);
	CHECK(strstr(bad.why.text, "cannot be resolved"));
	CHECK_INT(empty.why.kind, ERROR_INVALID);
	sink_rounds(loop, 50);
	CHECK_INT(gone.done, 0);
	stream_close(caller.stream);
	close(fd);
	loop_close(loop);
}

static void bad_addresses(void)
{
	int fd, again;
	char text[40];

	CHECK(!socket_listen(STR("nonsense"), &fd, &err));
	CHECK_INT(err.kind, ERROR_INVALID);
	CHECK(!socket_listen(STR("localhost:80"), &fd, &err));
	CHECK(!socket_listen(STR("1.2.3.4"), &fd, &err));
	CHECK_OK(socket_listen(STR("127.0.0.1:0"), &fd, &err), &err);
	snprintf(text, sizeof(text), "127.0.0.1:%u", port_of(fd));
	CHECK(!socket_listen(str_of(text), &again, &err));
	CHECK(strstr(err.text, "in use"));
	CHECK(strstr(err.text, text));
	close(fd);
}

static const struct test tests[] = {
	{ "splits", splits },
	{ "dials and accepts", dials_and_accepts },
	{ "limits connections", limits_connections },
	{ "refused", refused },
	{ "silent peer", silent_peer },
	{ "names and cancel", names_and_cancel },
	{ "bad addresses", bad_addresses },
};
TEST_MAIN(tests)
