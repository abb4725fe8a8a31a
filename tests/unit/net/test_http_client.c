/*
 * test_http_client.c - calls that end before their dial does, and clients that end before their
 * calls.
 */
#include "net/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/harness.h"

#define DIALS_MAX   4
#define BACKLOG_MAX 8

static struct loop *loop;

/* A dialler that does what the test says, when it says so. */
static struct {
	void (*on_done)(void *call, struct stream *stream, const struct error *err);
	void *calls[DIALS_MAX];
	size_t count;
	bool fails_now;
} dials;

static void dial(void *of,
		 void (*on_done)(void *call, struct stream *stream, const struct error *err),
		 void *call)
{
	struct error err;

	(void)of;
	if (dials.fails_now) {
		error_set(&err, ERROR_UNAVAILABLE, "nobody is there");
		on_done(call, NULL, &err);
		return;
	}
	CHECK(dials.count < DIALS_MAX);
	dials.on_done = on_done;
	dials.calls[dials.count++] = call;
}

/* The dial ends well; gives the other end of its stream. */
static struct stream *dial_succeeds(size_t at)
{
	struct stream *ours, *theirs;

	stream_pair(loop, &ours, &theirs);
	dials.on_done(dials.calls[at], ours, NULL);
	return theirs;
}

static void dial_fails(size_t at)
{
	struct error err;

	error_set(&err, ERROR_TIMEOUT, "the dial took too long");
	dials.on_done(dials.calls[at], NULL, &err);
}

static bool is_closed(struct stream *stream)
{
	char byte;

	return stream_read(stream, &byte, 1) < 0;
}

struct outcome {
	int told;
	enum error_kind kind;
	struct http_client *client; /* begin one more call inside the callback */
	struct http_call *victim;   /* cancel this one inside the callback */
};

static void on_reply(void *of, const struct http_head *head, struct str body,
		     const struct error *err);

static struct http_call *call(struct http_client *client, struct outcome *out, int timeout_ms)
{
	struct http_ask ask = { .method = "GET",
				.target = "/",
				.timeout_ms = timeout_ms,
				.on_reply = on_reply,
				.of = out };

	return http_call(client, &ask);
}

static struct outcome begun_late;

static void on_reply(void *of, const struct http_head *head, struct str body,
		     const struct error *err)
{
	struct outcome *out = of;

	(void)head;
	(void)body;
	out->told++;
	out->kind = err ? err->kind : ERROR_NONE;
	if (out->victim)
		http_call_cancel(out->victim);
	if (out->client)
		call(out->client, &begun_late, 1000);
}

static struct http_client *open_client(void)
{
	struct error err;

	CHECK_OK(loop_open(&loop, &err), &err);
	return http_client_new(loop, dial, NULL, "test");
}

static void go_round(int ms)
{
	for (int i = 0; i < ms; i += 5)
		loop_once(loop, 5);
}

/* Goal: a call whose time is over while it is dialled is told so once; the dial that ends later
 * closes its stream and touches nothing. */
static void time_is_over_while_dialling(void)
{
	struct http_client *client = open_client();
	struct outcome first = { 0 }, second = { 0 };
	struct stream *theirs;

	call(client, &first, 20);
	call(client, &second, 20);
	go_round(60);
	CHECK_INT(first.told, 1);
	CHECK_INT(first.kind, ERROR_TIMEOUT);
	CHECK_INT(second.told, 1);
	theirs = dial_succeeds(0);
	dial_fails(1);
	go_round(10);
	CHECK(is_closed(theirs));
	stream_close(theirs);
	CHECK_INT(first.told, 1);
	CHECK_INT(second.told, 1);
	http_client_free(client);
	loop_close(loop);
}

/* Goal: after a cancel nothing is told: not by the clock, not by the dial. */
static void cancelled_while_dialling(void)
{
	struct http_client *client = open_client();
	struct outcome first = { 0 }, second = { 0 };
	struct stream *theirs;

	http_call_cancel(call(client, &first, 20));
	http_call_cancel(call(client, &second, 20));
	go_round(60);
	theirs = dial_succeeds(0);
	dial_fails(1);
	go_round(10);
	CHECK(is_closed(theirs));
	stream_close(theirs);
	CHECK_INT(first.told + second.told, 0);
	http_client_free(client);
	loop_close(loop);
}

/* Goal: a client that goes tells the calls it is dialling for; their dials may outlive it. */
static void freed_while_dialling(void)
{
	struct http_client *client = open_client();
	struct outcome first = { 0 }, second = { 0 }, cancelled = { 0 };
	struct stream *theirs;

	call(client, &first, 20);
	call(client, &second, 0);
	http_call_cancel(call(client, &cancelled, 20));
	http_client_free(client);
	CHECK_INT(first.told, 1);
	CHECK_INT(first.kind, ERROR_UNAVAILABLE);
	CHECK_INT(second.told, 1);
	go_round(60);
	theirs = dial_succeeds(0);
	dial_fails(1);
	dial_fails(2);
	go_round(10);
	CHECK(is_closed(theirs));
	stream_close(theirs);
	CHECK_INT(first.told, 1);
	CHECK_INT(second.told, 1);
	CHECK_INT(cancelled.told, 0);
	loop_close(loop);
}

/* Goal: a callback of a client that goes may cancel another call and begin one; that one is told as
 * well. */
static void callbacks_of_the_end(void)
{
	struct http_client *client = open_client();
	struct outcome first = { .client = client }, second = { 0 };

	call(client, &first, 0);
	first.victim = call(client, &second, 0);
	http_client_free(client);
	CHECK_INT(first.told, 1);
	CHECK_INT(second.told, 0);
	CHECK_INT(begun_late.told, 1);
	CHECK_INT(begun_late.kind, ERROR_UNAVAILABLE);
	dial_fails(0);
	dial_fails(1);
	CHECK_INT(dials.count, 2);
	loop_close(loop);
}

/* Goal: a dial that fails inside http_call is told from the loop, so that the caller has the call
 * first and may cancel it. */
static void dial_that_fails_now(void)
{
	struct http_client *client = open_client();
	struct outcome first = { 0 }, second = { 0 }, third = { 0 };

	dials.fails_now = true;
	call(client, &first, 1000);
	CHECK_INT(first.told, 0);
	http_call_cancel(call(client, &second, 1000));
	go_round(10);
	CHECK_INT(first.told, 1);
	CHECK_INT(first.kind, ERROR_UNAVAILABLE);
	CHECK_INT(second.told, 0);
	call(client, &third, 1000);
	http_client_free(client);
	CHECK_INT(third.told, 1);
	go_round(10);
	CHECK_INT(third.told, 1);
	loop_close(loop);
}

/* A port of the loopback that lets nobody in: its backlog is full. */
static unsigned silent_port(int *out_fd)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	CHECK(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	CHECK(listen(fd, 0) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	for (int i = 0; i < BACKLOG_MAX; i++) {
		int one = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		CHECK(one >= 0);
		(void)!connect(one, (struct sockaddr *)&at, sizeof(at));
	}
	*out_fd = fd;
	return ntohs(at.sin_port);
}

/* Goal: the same with real dials to a URL: by the clock, by cancel and by the client's end. */
static void url_that_is_silent(void)
{
	struct outcome late = { 0 }, cancelled = { 0 }, live = { 0 };
	struct http_client *client;
	struct http_call *second;
	struct error err;
	char url[40];
	int fd;

	CHECK_OK(loop_open(&loop, &err), &err);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", silent_port(&fd));
	client = http_client_to(loop, str_of(url), NULL, &err);
	CHECK_OK(client != NULL, &err);
	call(client, &late, 50);
	second = call(client, &cancelled, 50);
	call(client, &live, 0);
	go_round(20);
	http_call_cancel(second);
	go_round(100);
	CHECK_INT(late.told, 1);
	CHECK_INT(late.kind, ERROR_TIMEOUT);
	CHECK_INT(live.told, 0);
	http_client_free(client);
	CHECK_INT(live.told, 1);
	CHECK_INT(live.kind, ERROR_UNAVAILABLE);
	go_round(50);
	CHECK_INT(late.told, 1);
	CHECK_INT(cancelled.told, 0);
	close(fd);
	loop_close(loop);
}

/* Goal: texts that hold line ends, as from an object's status, are not sent; they fail the call. */
static void no_line_ends_are_sent(void)
{
	static const struct http_header evil[] = { { STR("X"), STR("a\r\nHost: b") } };
	struct http_client *client = open_client();
	struct outcome out = { 0 };
	struct http_ask ask = { .method = "GET", .on_reply = on_reply, .of = &out };
	static const char *const targets[] = { "/dial/1.2.3.4/80 HTTP/1.1\r\n\r\nGET /", "/a\tb",
					       "/a b" };

	for (size_t i = 0; i < ARRAY_LENGTH(targets); i++) {
		out = (struct outcome){ 0 };
		ask.target = targets[i];
		http_call(client, &ask);
		go_round(10);
		CHECK_INT(out.told, 1);
		CHECK_INT(out.kind, ERROR_BAD_REQUEST);
	}
	out = (struct outcome){ 0 };
	ask.target = "/";
	ask.headers = evil;
	ask.header_count = 1;
	http_call_cancel(http_call(client, &ask));
	http_call(client, &ask);
	go_round(10);
	CHECK_INT(out.told, 1);
	CHECK_INT(out.kind, ERROR_BAD_REQUEST);
	CHECK_INT(dials.count, 0);
	http_client_free(client);
	loop_close(loop);
}

/* Goal: a few heads of 1xx may come before the answer; who sends them without end has failed. */
static void interim_replies_have_an_end(void)
{
	struct http_client *client = open_client();
	struct outcome good = { 0 }, endless = { 0 };
	struct stream *theirs;

	call(client, &good, 0);
	theirs = dial_succeeds(0);
	for (int i = 0; i < 8; i++)
		stream_write(theirs, STR("HTTP/1.1 100 Continue\r\n\r\n"));
	stream_write(theirs, STR("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
	go_round(10);
	CHECK_INT(good.told, 1);
	CHECK_INT(good.kind, ERROR_NONE);
	call(client, &endless, 0);
	for (int i = 0; i < 9; i++)
		stream_write(theirs, STR("HTTP/1.1 103 Early\r\nA: b\r\n\r\n"));
	go_round(10);
	CHECK_INT(endless.told, 1);
	CHECK_INT(endless.kind, ERROR_BROKEN);
	stream_close(theirs);
	http_client_free(client);
	loop_close(loop);
}

static const struct test tests[] = {
	{ "time is over while dialling", time_is_over_while_dialling },
	{ "cancelled while dialling", cancelled_while_dialling },
	{ "freed while dialling", freed_while_dialling },
	{ "callbacks of the end", callbacks_of_the_end },
	{ "dial that fails now", dial_that_fails_now },
	{ "url that is silent", url_that_is_silent },
	{ "no line ends are sent", no_line_ends_are_sent },
	{ "interim replies have an end", interim_replies_have_an_end },
};
TEST_MAIN(tests)
