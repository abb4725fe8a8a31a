/*
 * test_link.c - both ends of the link in one process, over TLS on loopback.
 */
#include "net/link.h"

#include <fcntl.h>

#include "base/clock.h"
#include "tests/unit/harness.h"
#include "tests/unit/net/web_front.h"
#include "tests/unit/net/sink.h"

static struct error err;

struct end {
	struct link *link;
	bool open;
	unsigned closed, got;
	uint64_t bytes;
	struct error why;
	unsigned to_send; /* messages still to give */
	size_t size;
	unsigned sent;
	bool is_right; /* contents so far were as expected */
	bool echo;
	struct buf echoes[64];
	unsigned echo_first, echo_count;
};

struct rig {
	struct front front; /* first */
	struct certs certs;
	struct loop *loop;
	struct end server, client;
	char authorization[64];
};

static void pattern(unsigned number, size_t size, struct buf *out)
{
	buf_reset(out);
	sink_pattern(out, size, number);
}

static void on_open(void *owner)
{
	struct end *end = owner;

	CHECK(!end->open);
	end->open = true;
}

static void on_message(void *owner, struct str message)
{
	struct end *end = owner;
	auto_buf want = BUF_INIT;

	pattern(end->got, message.len, &want);
	if (end->got == 0)
		end->is_right = true;
	end->is_right = end->is_right && str_equal(message, buf_str(&want));
	end->got++;
	end->bytes += message.len;
	if (end->echo) {
		CHECK(end->echo_count < ARRAY_LENGTH(end->echoes));
		buf_add_str(&end->echoes[(end->echo_first + end->echo_count++) %
					 ARRAY_LENGTH(end->echoes)],
			    message);
		link_want_send(end->link);
		if (end->echo_count > 32)
			link_pause(end->link, true);
	}
}

static void on_sendable(void *owner)
{
	struct end *end = owner;
	auto_buf bytes = BUF_INIT;

	if (end->echo && end->echo_count > 0) {
		struct buf *front = &end->echoes[end->echo_first % ARRAY_LENGTH(end->echoes)];

		link_send(end->link, buf_str(front));
		buf_clear(front);
		end->echo_first++;
		if (--end->echo_count > 0)
			link_want_send(end->link);
		else
			link_pause(end->link, false);
		return;
	}
	if (end->to_send == 0)
		return;
	pattern(end->sent, end->size, &bytes);
	link_send(end->link, buf_str(&bytes));
	end->sent++;
	if (--end->to_send > 0)
		link_want_send(end->link);
}

static void on_closed(void *owner, const struct error *why)
{
	struct end *end = owner;

	end->closed++;
	CHECK_INT(end->closed, 1);
	CHECK(why != NULL);
	CHECK(why->kind != ERROR_NONE);
	end->why = *why;
	link_close(end->link);
	end->link = NULL;
}

static const struct link_events events = {
	.on_open = on_open,
	.on_message = on_message,
	.on_sendable = on_sendable,
	.on_closed = on_closed,
};

static void on_request(struct front *front, struct http_request *req)
{
	struct rig *rig = (struct rig *)front;
	struct str authorization = http_header(&req->head, "Authorization");
	struct error why;

	if (!str_is(req->path, "/v1-mote/connect")) {
		http_reply(req, 404, "text/plain", STR("no"));
		return;
	}
	memcpy(rig->authorization, authorization.at, authorization.len);
	if (!link_accept(req, &events, &rig->server, &rig->server.link, &why))
		http_reply(req, 400, "text/plain", str_of(why.text));
}

static void rig_open(struct rig *rig)
{
	*rig = (struct rig){ .front.on_request = on_request };
	certs_make(&rig->certs);
	rig->loop = sink_loop();
	front_open(&rig->front, rig->loop, &rig->certs);
}

static void rig_dial(struct rig *rig, const char *path, const char *server_name, struct str ca)
{
	struct link_plan plan = {
		.host = "127.0.0.1",
		.port = rig->front.port,
		.path = path,
		.server_name = server_name,
		.ca_pem = ca,
		.authorization = "Bearer secret",
	};

	CHECK_OK(link_dial(rig->loop, &plan, &events, &rig->client, &rig->client.link, &err), &err);
}

static void rig_close(struct rig *rig)
{
	link_close(rig->client.link);
	link_close(rig->server.link);
	front_close(&rig->front);
	sink_rounds(rig->loop, 300);
	loop_close(rig->loop);
	certs_clear(&rig->certs);
}

static void opens(void)
{
	struct rig rig;

	rig_open(&rig);
	rig_dial(&rig, "/v1-mote/connect", "127.0.0.1", buf_str(&rig.certs.ca));
	sink_until(rig.loop, &rig.client.open);
	CHECK_STR(rig.authorization, "Bearer secret");
	rig.client.to_send = 1;
	rig.client.size = 5;
	link_want_send(rig.client.link);
	sink_until_count(rig.loop, &rig.server.got, 1);
	CHECK(rig.server.is_right);
	/* The server end speaks too. */
	rig.server.to_send = 3;
	rig.server.size = LINK_MESSAGE_MAX;
	link_want_send(rig.server.link);
	sink_until_count(rig.loop, &rig.client.got, 3);
	CHECK(rig.client.is_right);
	CHECK_INT(rig.client.bytes, 3 * LINK_MESSAGE_MAX);
	rig_close(&rig);
}

/* Echo of many messages of all sizes: whole, in order, with back-pressure by pausing. */
static void echoes(void)
{
	static const size_t sizes[] = { 1, 125, 126, 4000, 4096, 4097, 65535, 65536 };

	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		struct rig rig;

		rig_open(&rig);
		rig.server.echo = true;
		rig_dial(&rig, "/v1-mote/connect", "localhost", buf_str(&rig.certs.ca));
		rig.client.to_send = 60;
		rig.client.size = sizes[i];
		link_want_send(rig.client.link); /* before it is open */
		sink_until_count(rig.loop, &rig.client.got, 60);
		CHECK(rig.client.is_right);
		CHECK_INT(rig.client.bytes, 60 * sizes[i]);
		rig_close(&rig);
	}
}

static void expect_failure(struct rig *rig, const char *word)
{
	sink_until_count(rig->loop, &rig->client.closed, 1);
	CHECK(!rig->client.open);
	CHECK_INT(rig->client.why.kind, ERROR_UNAVAILABLE);
	if (!strstr(rig->client.why.text, word))
		harness_fail(__FILE__, __LINE__, "the reason is: %s", rig->client.why.text);
	CHECK_INT(rig->server.got, 0);
}

static void refuses(void)
{
	struct rig rig;
	struct certs other;

	rig_open(&rig);
	rig_dial(&rig, "/elsewhere", "localhost", buf_str(&rig.certs.ca));
	expect_failure(&rig, "refused");
	rig_close(&rig);

	rig_open(&rig);
	certs_make(&other);
	rig_dial(&rig, "/v1-mote/connect", "localhost", buf_str(&other.ca));
	expect_failure(&rig, "certificate is refused");
	certs_clear(&other);
	rig_close(&rig);

	rig_open(&rig);
	rig_dial(&rig, "/v1-mote/connect", "other.example", buf_str(&rig.certs.ca));
	expect_failure(&rig, "certificate is refused");
	rig_close(&rig);

	rig_open(&rig);
	front_close(&rig.front);
	rig_dial(&rig, "/v1-mote/connect", "localhost", buf_str(&rig.certs.ca));
	expect_failure(&rig, "refused");
	loop_close(rig.loop);
	certs_clear(&rig.certs);
}

/* Either end closes: the other hears it once. */
static void closes(void)
{
	for (int i = 0; i < 2; i++) {
		struct rig rig;
		struct end *gone, *left;

		rig_open(&rig);
		rig_dial(&rig, "/v1-mote/connect", "localhost", buf_str(&rig.certs.ca));
		sink_until(rig.loop, &rig.client.open);
		gone = i ? &rig.server : &rig.client;
		left = i ? &rig.client : &rig.server;
		sink_rounds(rig.loop, 5);
		link_close(gone->link);
		gone->link = NULL;
		sink_until_count(rig.loop, &left->closed, 1);
		sink_rounds(rig.loop, 20);
		CHECK_INT(gone->closed, 0);
		rig_close(&rig);
	}
}

static int open_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Every link that has ended gives back all its descriptors, libwebsockets' own ones, too. */
static void leaves_no_descriptor(void)
{
	int before = open_descriptors();

	for (int i = 0; i < 3; i++) {
		struct rig rig;

		rig_open(&rig);
		rig_dial(&rig, "/v1-mote/connect", "127.0.0.1", buf_str(&rig.certs.ca));
		sink_until(rig.loop, &rig.client.open);
		rig_close(&rig);
	}
	CHECK_INT(open_descriptors(), before);
}

/* Closing while it is still dialling, shaking hands, upgrading. */
static void closes_early(void)
{
	for (int rounds = 0; rounds < 30; rounds++) {
		struct rig rig;

		rig_open(&rig);
		rig_dial(&rig, "/v1-mote/connect", "localhost", buf_str(&rig.certs.ca));
		for (int i = 0; i < rounds; i++)
			loop_once(rig.loop, 0);
		link_close(rig.client.link);
		rig.client.link = NULL;
		for (int i = 0; i < 100 && rig.server.link; i++)
			loop_once(rig.loop, 5);
		CHECK_INT(rig.client.closed, 0);
		rig_close(&rig);
	}
}

/* Idle for longer than the dead time, with the clock pushed on: pings keep it alive. */
static void lives_by_pings(void)
{
	struct rig rig;

	rig_open(&rig);
	rig_dial(&rig, "/v1-mote/connect", "localhost", buf_str(&rig.certs.ca));
	sink_until(rig.loop, &rig.client.open);
	for (int i = 0; i < 8; i++) {
		clock_shift(LINK_PING_MS + 1);
		sink_rounds(rig.loop, 30);
	}
	if (rig.client.closed + rig.server.closed > 0)
		harness_fail(__FILE__, __LINE__, "client: %s; server: %s", rig.client.why.text,
			     rig.server.why.text);
	rig.client.to_send = 1;
	rig.client.size = 10;
	link_want_send(rig.client.link);
	sink_until_count(rig.loop, &rig.server.got, 1);
	rig_close(&rig);
}

/* A peer that reads nothing any more, not even pings, is given up. */
static void gives_up_the_dead(void)
{
	struct rig rig;

	rig_open(&rig);
	rig_dial(&rig, "/v1-mote/connect", "localhost", buf_str(&rig.certs.ca));
	sink_until(rig.loop, &rig.client.open);
	sink_rounds(rig.loop, 5);
	link_pause(rig.server.link, true); /* it will not see the pings */
	for (int i = 0; i < 10 && rig.client.closed == 0; i++) {
		clock_shift(LINK_PING_MS / 2);
		sink_rounds(rig.loop, 10);
	}
	CHECK_INT(rig.client.closed, 1);
	CHECK_INT(rig.client.why.kind, ERROR_TIMEOUT);
	rig_close(&rig);
}

static const struct test tests[] = {
	{ "opens", opens },
	{ "echoes", echoes, .time_limit_s = 60 },
	{ "refuses", refuses },
	{ "closes", closes },
	{ "leaves no descriptor", leaves_no_descriptor },
	{ "closes early", closes_early, .time_limit_s = 60 },
	{ "lives by pings", lives_by_pings },
	{ "gives up the dead", gives_up_the_dead },
};
TEST_MAIN(tests)
