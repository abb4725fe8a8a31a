/*
 * test_registry_fetch.c - servers that do not keep the rules, seen through a session: hostile
 * heads, bodies without an end, wrong parts, silence.
 */
#include "runtime/registry_fetch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/registry_front.h"
#include "tests/unit/runtime/registry_pull.h"

static void serve_text(struct raw_front *front, int fd, unsigned nth, const char *head)
{
	(void)nth;
	(void)head;
	raw_front_say(fd, front->of);
}

static void hostile(const char *reply, enum error_kind kind, const char *says)
{
	struct raw_front front = { .serve = serve_text, .of = memory_string(reply) };
	struct registry_session *session;

	pull_content();
	raw_front_open(&front);
	session = pull_open(front.host, NULL);
	pull_check_manifest_fails(session, "v1", kind, says);
	registry_session_close(session);
	raw_front_close(&front);
	free(front.of);
}

static void survives_hostile_heads(void)
{
	auto_buf large = BUF_INIT;

	hostile("", ERROR_UNAVAILABLE, "closed");
	hostile("SSH-2.0-x\r\n\r\n", ERROR_BROKEN, "");
	hostile("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", ERROR_BROKEN,
		"");
	hostile("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", ERROR_BROKEN, "");
	hostile("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ERROR_BROKEN, "");
	hostile("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", ERROR_TOO_LARGE,
		"larger than 4194304 bytes");
	hostile("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", ERROR_BROKEN, "nowhere");
	hostile("HTTP/1.1 302 Found\r\nLocation: http://a@b/\r\n\r\n", ERROR_BROKEN, "nowhere");
	hostile("HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm=\"http://x\r\n"
		"Content-Length: 0\r\n\r\n",
		ERROR_UNAUTHORIZED, "wants a login (401)");
	hostile("HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm=\"ftp://x\"\r\n"
		"Content-Length: 0\r\n\r\n",
		ERROR_BROKEN, "no usable token service");
	hostile("HTTP/1.1 204 No\r\n\r\n", ERROR_BROKEN, "(204)");
	buf_add_text(&large, "HTTP/1.1 200 OK\r\nX: ");
	while (large.len < 100000)
		buf_add_text(&large, "yyyyyyyyyyyyyyyyyyyy");
	hostile(buf_text(&large), ERROR_BROKEN, "too large");
	buf_reset(&large);
	buf_add_text(&large, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 1000; i++)
		buf_add_print(&large, "X%d: y\r\n", i);
	buf_add_text(&large, "\r\n");
	hostile(buf_text(&large), ERROR_BROKEN, "");
}

/* A manifest and a blob without an end stop at their limits. */
static void serve_endless(struct raw_front *front, int fd, unsigned nth, const char *head)
{
	static const char piece[4096] = { 'x' };

	(void)front;
	(void)nth;
	(void)head;
	raw_front_say(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n");
	for (unsigned i = 0; i < 100000; i++)
		if (send(fd, piece, sizeof(piece), MSG_NOSIGNAL) <= 0)
			return;
}

static void stops_endless_bodies(void)
{
	struct raw_front front = { .serve = serve_endless };
	struct registry_session *session;
	struct error err;
	auto_buf got = BUF_INIT;

	pull_content();
	raw_front_open(&front);
	session = pull_open(front.host, NULL);
	pull_check_manifest_fails(session, "v1", ERROR_TOO_LARGE, "larger than 4194304 bytes");
	CHECK(!pull_try_blob(session, &got, &err));
	pull_check_says(&err, ERROR_TOO_LARGE, "larger than 300000 bytes");
	CHECK(got.len <= sizeof(pull_blob_bytes));
	CHECK_INT(front.served, 2);
	registry_session_close(session);
	raw_front_close(&front);
}

/* The first answer breaks off behind 1000 bytes; what comes next is the test's. */
static void serve_half(struct raw_front *front, int fd, unsigned nth, const char *head)
{
	(void)head;
	if (nth == 0) {
		raw_front_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n");
		if (send(fd, pull_blob_bytes, 1000, MSG_NOSIGNAL) != 1000)
			return;
	} else {
		raw_front_say(fd, front->of);
	}
}

static void hostile_rest(const char *reply, enum error_kind kind, const char *says, unsigned served)
{
	struct raw_front front = { .serve = serve_half, .of = memory_string(reply) };
	struct registry_session *session;

	pull_content();
	raw_front_open(&front);
	session = pull_open(front.host, NULL);
	pull_check_blob_fails(session, kind, says);
	registry_session_close(session);
	raw_front_close(&front);
	CHECK_INT(front.served, served);
	free(front.of);
}

static void checks_resumed_parts(void)
{
	hostile_rest("HTTP/1.1 206 Part\r\nContent-Range: bytes 5-9/300000\r\n"
		     "Content-Length: 5\r\n\r\nabcde",
		     ERROR_BROKEN, "another part", 2);
	hostile_rest("HTTP/1.1 206 Part\r\nContent-Length: 5\r\n\r\nabcde", ERROR_BROKEN,
		     "without saying which", 2);
	hostile_rest("HTTP/1.1 206 Part\r\nContent-Range: bytes 1000-9/*\r\n"
		     "Content-Length: 299001\r\n\r\n",
		     ERROR_TOO_LARGE, "larger than 300000", 2);
	hostile_rest("HTTP/1.1 206 Part\r\nContent-Range: bytes 1000-9/*\r\n"
		     "Content-Length: 9223372036854775807\r\n\r\n",
		     ERROR_TOO_LARGE, "larger than 300000", 2);
	hostile_rest("HTTP/1.1 206 Part\r\nContent-Range: bytes 1000-1001/*\r\n"
		     "Content-Length: 1\r\n\r\nx",
		     ERROR_BROKEN, "have not that digest", 2);
	hostile_rest("HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n", ERROR_BROKEN,
		     "have not that digest", 2);
	hostile_rest("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", ERROR_NOT_FOUND, "(404)", 2);
	hostile_rest("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", ERROR_UNAVAILABLE, "(500)", 4);
}

/* All bytes, but the end of the body is missing: the rest is empty, and the digest decides. */
static void serve_all_but_end(struct raw_front *front, int fd, unsigned nth, const char *head)
{
	(void)front;
	if (nth == 0) {
		raw_front_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n493e0\r\n");
		for (size_t at = 0; at < sizeof(pull_blob_bytes);) {
			ssize_t did = send(fd, pull_blob_bytes + at, sizeof(pull_blob_bytes) - at,
					   MSG_NOSIGNAL);

			if (did <= 0)
				return;
			at += (size_t)did;
		}
	} else if (strstr(head, "Range: bytes=300000-\r\n")) {
		raw_front_say(fd, "HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n");
	}
}

static void needs_no_end_with_all_bytes(void)
{
	struct raw_front front = { .serve = serve_all_but_end };
	struct registry_session *session;

	pull_content();
	raw_front_open(&front);
	session = pull_open(front.host, NULL);
	pull_check_blob(session);
	registry_session_close(session);
	raw_front_close(&front);
	CHECK_INT(front.served, 2);
}

/* Takes the question and says nothing, or nothing more. */
static void serve_silence(struct raw_front *front, int fd, unsigned nth, const char *head)
{
	char byte;

	(void)nth;
	(void)head;
	raw_front_say(fd, front->of);
	while (recv(fd, &byte, 1, 0) > 0)
		;
}

static void waits_not_for_ever(void)
{
	struct registry_session_plan brief = { .timeout_ms = 200 };
	struct registry_session_plan total = { .timeout_ms = 60000, .total_ms = 300 };
	struct raw_front front = { .serve = serve_silence, .of = memory_string("") };
	struct registry_session *session;
	int64_t from_ms = clock_now_ms();

	pull_content();
	raw_front_open(&front);
	session = pull_open(front.host, &brief);
	pull_check_manifest_fails(session, "v1", ERROR_TIMEOUT, "sent nothing for 200 ms");
	registry_session_close(session);
	session = pull_open(front.host, &total);
	pull_check_manifest_fails(session, "v1", ERROR_TIMEOUT, "whole pull is over");
	pull_check_manifest_fails(session, "v1", ERROR_TIMEOUT, "whole pull is over");
	registry_session_close(session);
	raw_front_close(&front);
	free(front.of);
	front.of = memory_string("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nabc");
	raw_front_open(&front);
	session = pull_open(front.host, &brief);
	pull_check_blob_fails(session, ERROR_TIMEOUT, "sent nothing for 200 ms");
	registry_session_close(session);
	raw_front_close(&front);
	CHECK_INT(front.served, 4);
	free(front.of);
	CHECK(clock_now_ms() - from_ms < 8000);
}

/* Nobody listens, or the port swallows what comes: an error, no waiting dial is left behind. */
static void survives_dead_hosts(void)
{
	struct registry_session_plan brief = { .timeout_ms = 200 };
	struct registry_session *session = pull_open("127.0.0.1:1", NULL);

	pull_content();
	pull_check_manifest_fails(session, "v1", ERROR_UNAVAILABLE, "refused");
	pull_check_manifest_fails(session, "v1", ERROR_UNAVAILABLE, "refused");
	pull_check_blob_fails(session, ERROR_UNAVAILABLE, "refused");
	registry_session_close(session);
	/* No name server is asked about a label over 63 letters. */
	session = pull_open("name-of-a-host-that-is-far-too-long-for-any-name-server-to-know.test",
			    &brief);
	pull_check_manifest_fails(session, "v1", ERROR_UNAVAILABLE, "cannot be resolved");
	registry_session_close(session);
	registry_session_close(NULL);
}

/* A listener whose queue is full takes no connection: the dial itself runs out of time. */
static void gives_up_dialling(void)
{
	struct registry_session_plan brief = { .timeout_ms = 200 };
	struct registry_session *session;
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	char host[32];
	int fds[8];
	auto_fd fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	CHECK(listen(fd, 0) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)!connect(fds[i], (struct sockaddr *)&at, sizeof(at));
	}
	pull_content();
	snprintf(host, sizeof(host), "127.0.0.1:%u", ntohs(at.sin_port));
	session = pull_open(host, &brief);
	pull_check_manifest_fails(session, "v1", ERROR_TIMEOUT, "");
	pull_check_blob_fails(session, ERROR_TIMEOUT, "");
	registry_session_close(session);
	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
		close(fds[i]);
}

static const struct test tests[] = {
	{ "survives hostile heads", survives_hostile_heads },
	{ "stops endless bodies", stops_endless_bodies, .time_limit_s = 60 },
	{ "checks resumed parts", checks_resumed_parts, .time_limit_s = 30 },
	{ "needs no end with all bytes", needs_no_end_with_all_bytes },
	{ "gives up dialling", gives_up_dialling },
	{ "waits not for ever", waits_not_for_ever },
	{ "survives dead hosts", survives_dead_hosts, .time_limit_s = 30 },
};
TEST_MAIN(tests)
