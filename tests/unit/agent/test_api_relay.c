/*
 * test_api_relay.c - connections of pods become streams of the tunnel.
 *
 * The file under test is included, with the tunnel in the test's hands; the pods are sockets on
 * loopback.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/api_relay.h"
#include "base/clock.h"
#include "net/socket.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"
#include "tunnel/redial.h"

struct tunnel_ask {
	void (*on_open)(void *of, struct stream *stream, const struct error *err);
	void *of;
};

static bool connected;
static struct tunnel_ask asks[8];
static size_t ask_count, cancelled;

static struct tunnel *fake_tunnel(struct redial *redial)
{
	CHECK(redial == NULL);
	return connected ? (struct tunnel *)asks : NULL;
}

static struct tunnel_ask *
fake_open(struct tunnel *tunnel, struct str service, enum tunnel_priority priority, int timeout_ms,
	  void (*on_open)(void *of, struct stream *stream, const struct error *err), void *of)
{
	CHECK(tunnel == (struct tunnel *)asks);
	CHECK(str_is(service, "api-tls"));
	CHECK(priority == TUNNEL_BULK && timeout_ms > 0);
	CHECK(ask_count < ARRAY_LENGTH(asks));
	asks[ask_count] = (struct tunnel_ask){ on_open, of };
	return &asks[ask_count++];
}

static void fake_open_cancel(struct tunnel_ask *ask)
{
	CHECK(ask->on_open);
	ask->on_open = NULL;
	cancelled++;
}

#define redial_tunnel      fake_tunnel
#define tunnel_open(...)   fake_open(__VA_ARGS__)
#define tunnel_open_cancel fake_open_cancel
#include "agent/api_relay.c"
#undef redial_tunnel
#undef tunnel_open
#undef tunnel_open_cancel

static struct loop *loop;
static struct api_relay *relay;

static void relay_start(void)
{
	struct error err;

	connected = true;
	CHECK_OK(loop_open(&loop, &err), &err);
	CHECK_OK(api_relay_open(loop, "127.0.0.1", NULL, &relay, &err), &err);
	CHECK_INT(api_relay_endpoint(relay).address, 0x7f000001);
	CHECK(api_relay_endpoint(relay).port > 0);
}

static void relay_end(void)
{
	api_relay_close(relay);
	relay = NULL;
	fixture_turn(loop, 10);
	loop_close(loop);
}

static int dial(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				  .sin_port = htons(api_relay_endpoint(relay).port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval patience = { .tv_sec = 5 };

	CHECK(fd >= 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
	CHECK(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	for (int i = 0; i < 5; i++)
		loop_once(loop, 20);
	return fd;
}

/* The tunnel's answer to the first ask: our end of the stream. */
static struct stream *open_stream(void)
{
	struct tunnel_ask ask = asks[0];
	struct stream *ours, *theirs;

	CHECK(ask_count > 0);
	memmove(&asks[0], &asks[1], (--ask_count) * sizeof(asks[0]));
	stream_pair(loop, &ours, &theirs);
	ask.on_open(ask.of, theirs, NULL);
	return ours;
}

/* Turn until the stream has said `want`. */
static void check_stream(struct stream *stream, const char *want)
{
	int64_t late = clock_now_ms() + 8000;
	auto_buf got = BUF_INIT;
	char piece[64];

	while (got.len < strlen(want)) {
		ptrdiff_t len = stream_read(stream, piece, sizeof(piece));

		CHECK(clock_now_ms() < late);
		if (len > 0)
			buf_add(&got, piece, (size_t)len);
		else
			loop_once(loop, 20);
	}
	CHECK_STR(buf_text(&got), want);
}

static void check_closed(int fd)
{
	char c;
	ssize_t got;

	fixture_turn(loop, 10);
	got = read(fd, &c, 1);
	CHECK(got == 0 || (got < 0 && errno == ECONNRESET));
	close(fd);
}

static void bytes_flow_both_ways(void)
{
	struct stream *far;
	char text[8] = "";
	int pod;

	relay_start();
	pod = dial();
	CHECK_INT(write(pod, "early", 5), 5); /* before the stream is there */
	far = open_stream();
	check_stream(far, "early");
	stream_write(far, STR("answer"));
	fixture_turn(loop, 10);
	CHECK_INT(read(pod, text, sizeof(text)), 6);
	CHECK_BYTES(text, "answer", 6);
	stream_close(far);
	check_closed(pod);
	CHECK_INT(relay->listener.accepted, 0);
	relay_end();
}

static void without_a_tunnel_pods_are_sent_away(void)
{
	relay_start();
	connected = false;
	check_closed(dial());
	CHECK_INT(relay->listener.accepted, 0);
	CHECK_INT(ask_count, 0);
	relay_end();
}

static void a_refused_stream_closes(void)
{
	struct error why;
	int pod;

	relay_start();
	pod = dial();
	error_set(&why, ERROR_UNAVAILABLE, "no");
	asks[0].on_open(asks[0].of, NULL, &why);
	check_closed(pod);
	CHECK_INT(relay->listener.accepted, 0);
	relay_end();
}

static void a_pod_may_leave_while_it_waits(void)
{
	struct stream *far;

	relay_start();
	close(dial());
	fixture_turn(loop, 10);
	far = open_stream();
	fixture_turn(loop, 10);
	stream_close(far);
	fixture_turn(loop, 10);
	CHECK_INT(relay->listener.accepted, 0);
	relay_end();
}

/* Some wait for their stream, one has it. */
static void closed_with_connections(void)
{
	struct stream *far;
	int pods[3];

	relay_start();
	for (int i = 0; i < 3; i++)
		pods[i] = dial();
	far = open_stream();
	api_relay_close(relay);
	relay = NULL;
	CHECK_INT(cancelled, 2);
	check_closed(pods[1]);
	check_closed(pods[2]);
	CHECK_INT(write(pods[0], "lives on", 8), 8);
	check_stream(far, "lives on");
	stream_close(far);
	check_closed(pods[0]);
	relay_end();
}

static void a_bad_address_is_an_error(void)
{
	struct error err;

	CHECK_OK(loop_open(&loop, &err), &err);
	CHECK(!api_relay_open(loop, "192.0.2.1", NULL, &relay, &err));
	CHECK(!api_relay_open(loop, "nonsense", NULL, &relay, &err));
	loop_close(loop);
	api_relay_close(NULL);
}

static const struct test tests[] = {
	{ "bytes flow both ways", bytes_flow_both_ways },
	{ "without a tunnel pods are sent away", without_a_tunnel_pods_are_sent_away },
	{ "a refused stream closes", a_refused_stream_closes },
	{ "a pod may leave while it waits", a_pod_may_leave_while_it_waits },
	{ "closed with connections", closed_with_connections },
	{ "a bad address is an error", a_bad_address_is_an_error },
};

TEST_MAIN(tests)
