/*
 * test_tls.c - TLS ends against each other, over sockets and over a pipe in memory, and against
 * openssl.
 */
#include "base/clock.h"
#include "net/tls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "net/hash.h"
#include "net/pki.h"
#include "net/socket.h"
#include "tests/unit/harness.h"
#include "tests/unit/net/certs.h"
#include "tests/unit/net/sink.h"

static struct error err;

struct pair {
	struct certs certs;
	struct loop *loop;
	struct tls_config *server_config, *client_config;
	struct sink server, client;
};

static void pair_open(struct pair *pair, bool with_client_cert, const char *server_name)
{
	struct certs *certs = &pair->certs;
	struct stream *a, *b;

	*pair = (struct pair){ 0 };
	certs_make(certs);
	pair->loop = sink_loop();
	CHECK_OK(tls_server_config(buf_str(&certs->server), buf_str(&certs->server_key),
				   buf_str(&certs->ca), &pair->server_config, &err),
		 &err);
	CHECK_OK(tls_client_config(buf_str(&certs->ca),
				   with_client_cert ? buf_str(&certs->client) : STR_NONE,
				   buf_str(&certs->client_key), false, &pair->client_config, &err),
		 &err);
	sink_tcp_pair(pair->loop, &a, &b);
	sink_own(&pair->server, tls_accept(a, pair->server_config));
	sink_own(&pair->client, tls_connect(b, pair->client_config, server_name));
}

static void pair_close(struct pair *pair)
{
	sink_clear(&pair->server);
	sink_clear(&pair->client);
	tls_config_unref(pair->server_config);
	tls_config_unref(pair->client_config);
	sink_rounds(pair->loop, 5);
	loop_close(pair->loop);
	certs_clear(&pair->certs);
}

static void until_ready(struct pair *pair)
{
	for (int i = 0; i < 500; i++) {
		if (tls_is_ready(pair->server.stream) && tls_is_ready(pair->client.stream))
			return;
		loop_once(pair->loop, 10);
	}
	CHECK(!"the handshake ended");
}

/* Megabytes both ways, written before the handshake even began; half-close; clean ends. */
static void carries(void)
{
	struct pair pair;
	auto_buf there = BUF_INIT, back = BUF_INIT;

	sink_pattern(&there, 3000000, 1);
	sink_pattern(&back, 1000000, 2);
	pair_open(&pair, false, "localhost");
	stream_write(pair.client.stream, buf_str(&there));
	stream_finish(pair.client.stream);
	sink_until(pair.loop, &pair.server.ended);
	CHECK_INT(pair.server.got.len, there.len);
	CHECK_BYTES(pair.server.got.at, there.at, there.len);
	for (size_t at = 0; at < back.len; at += 1000) /* small ones are gathered */
		stream_write(pair.server.stream, str_from(back.at + at, 1000));
	stream_finish(pair.server.stream);
	sink_until(pair.loop, &pair.client.ended);
	CHECK_INT(pair.client.got.len, back.len);
	CHECK_BYTES(pair.client.got.at, back.at, back.len);
	sink_until_count(pair.loop, &pair.client.closed, 1);
	sink_until_count(pair.loop, &pair.server.closed, 1);
	CHECK(!pair.client.broken);
	CHECK(!pair.server.broken);
	CHECK(tls_peer(pair.server.stream) == NULL);
	CHECK(!tls_peer_refused(pair.server.stream));
	CHECK(!tls_peer_hash(pair.server.stream, (unsigned char[32]){ 0 }));
	pair_close(&pair);
}

/* A stalled reader: the writer's bytes stay with the writer. */
static void pushes_back(void)
{
	struct pair pair;
	auto_buf bytes = BUF_INIT;

	sink_pattern(&bytes, 8000000, 3);
	pair_open(&pair, false, "localhost");
	pair.server.take_max = 1000;
	pair.server.take = 500;
	stream_write(pair.client.stream, buf_str(&bytes));
	until_ready(&pair);
	sink_rounds(pair.loop, 200);
	CHECK_INT(pair.server.got.len, 1000);
	CHECK(pair.server.readable < 20);
	CHECK(stream_pending(pair.client.stream) > STREAM_HIGH);
	pair.server.take_max = 0;
	pair.server.take = 0;
	sink_read(&pair.server);
	sink_until_bytes(pair.loop, &pair.server, bytes.len);
	CHECK_BYTES(pair.server.got.at, bytes.at, bytes.len);
	sink_until_count(pair.loop, &pair.client.writable, 1);
	pair_close(&pair);
}

static void pauses(void)
{
	struct pair pair;

	pair_open(&pair, false, "localhost");
	stream_pause(pair.server.stream, true); /* the handshake goes on */
	until_ready(&pair);
	stream_write(pair.client.stream, STR("hello"));
	sink_rounds(pair.loop, 20);
	CHECK_INT(pair.server.got.len, 0);
	stream_pause(pair.server.stream, false);
	sink_until_bytes(pair.loop, &pair.server, 5);
	pair_close(&pair);
}

static void knows_the_peer(void)
{
	struct pair pair;
	const struct tls_peer *peer;
	unsigned char hash[32];
	char hex[65];
	auto_buf text = BUF_INIT;

	pair_open(&pair, true, "127.0.0.1");
	until_ready(&pair);
	peer = tls_peer(pair.server.stream);
	CHECK(peer != NULL);
	CHECK_STR(peer->name, "admin");
	CHECK_INT(peer->organization_count, 2);
	CHECK_STR(peer->organizations[0], "system:masters");
	CHECK_STR(peer->organizations[1], "devs");
	CHECK(tls_peer_hash(pair.server.stream, hash));
	CHECK_OK(pki_fingerprint(buf_str(&pair.certs.client), hex, &err), &err);
	buf_add_hex(&text, str_from(hash, sizeof(hash)));
	CHECK_STR(buf_text(&text), hex);
	CHECK_STR(tls_peer(pair.client.stream)->name, "server");
	pair_close(&pair);
}

/* A client certificate of another CA: the connection stands, nameless and marked. */
static void refuses_foreign_client(void)
{
	struct pair pair;
	struct certs other;
	struct tls_config *config;
	struct stream *a, *b;

	pair_open(&pair, false, "::1");
	until_ready(&pair);
	certs_make(&other);
	CHECK_OK(tls_client_config(buf_str(&pair.certs.ca), buf_str(&other.client),
				   buf_str(&other.client_key), false, &config, &err),
		 &err);
	sink_clear(&pair.server);
	sink_clear(&pair.client);
	pair.server = pair.client = (struct sink){ 0 };
	sink_tcp_pair(pair.loop, &a, &b);
	sink_own(&pair.server, tls_accept(a, pair.server_config));
	sink_own(&pair.client, tls_connect(b, config, "localhost"));
	until_ready(&pair);
	stream_write(pair.client.stream, STR("hello"));
	sink_until_bytes(pair.loop, &pair.server, 5);
	CHECK(tls_peer(pair.server.stream) == NULL);
	CHECK(tls_peer_refused(pair.server.stream));
	CHECK(tls_peer_hash(pair.server.stream, (unsigned char[32]){ 0 }));
	tls_config_unref(config);
	certs_clear(&other);
	pair_close(&pair);
}

static void expect_refusal(const char *server_name, const char *word)
{
	struct pair pair;

	pair_open(&pair, false, server_name);
	sink_until_count(pair.loop, &pair.client.closed, 1);
	CHECK(pair.client.broken);
	CHECK(!tls_is_ready(pair.client.stream));
	if (!strstr(pair.client.why.text, word))
		harness_fail(__FILE__, __LINE__, "the reason is: %s", pair.client.why.text);
	CHECK_INT(stream_read(pair.client.stream, (char[1]){ 0 }, 1), -1);
	sink_until_count(pair.loop, &pair.server.closed, 1);
	CHECK(pair.server.broken);
	pair_close(&pair);
}

static void refuses_other_names(void)
{
	expect_refusal("elsewhere", "does not match");
	expect_refusal("127.0.0.2", "does not match");
	expect_refusal("fd00::1", "does not match");
}

static void refuses_other_ca(void)
{
	struct pair pair;
	struct certs other;
	struct tls_config *config;
	struct sink a = { 0 }, b = { 0 };
	struct stream *end_a, *end_b;

	pair_open(&pair, false, "localhost");
	certs_make(&other);
	CHECK_OK(tls_client_config(buf_str(&other.ca), STR_NONE, STR_NONE, false, &config, &err),
		 &err);
	stream_pair(pair.loop, &end_a, &end_b);
	sink_own(&a, tls_accept(end_a, pair.server_config));
	sink_own(&b, tls_connect(end_b, config, "localhost"));
	sink_until_count(pair.loop, &b.closed, 1);
	CHECK(strstr(b.why.text, "not correctly signed by the trusted CA"));
	sink_until_count(pair.loop, &a.closed, 1);
	sink_clear(&a);
	sink_clear(&b);
	tls_config_unref(config);
	/* Without verification it works. */
	CHECK_OK(tls_client_config(STR_NONE, STR_NONE, STR_NONE, true, &config, &err), &err);
	a = b = (struct sink){ 0 };
	stream_pair(pair.loop, &end_a, &end_b);
	sink_own(&a, tls_accept(end_a, pair.server_config));
	sink_own(&b, tls_connect(end_b, config, "localhost"));
	stream_write(b.stream, STR("hello"));
	sink_until_bytes(pair.loop, &a, 5);
	sink_clear(&a);
	sink_clear(&b);
	tls_config_unref(config);
	certs_clear(&other);
	pair_close(&pair);
}

/* Goal: what is valid is told by our clock with its floor, on both sides; at 1970 all is valid that
 * will not be over. */
static void times_are_those_of_our_clock(void)
{
	static const int64_t day_ms = 86400000;
	struct pair pair;

	pair_open(&pair, true, "127.0.0.1");
	clock_shift_wall(day_ms - clock_machine_s() * 1000);
	until_ready(&pair);
	CHECK(tls_peer(pair.server.stream) != NULL);
	pair_close(&pair);
	pair_open(&pair, true, "127.0.0.1");
	clock_set_floor(clock_machine_s() + 86400ll * 365 * 60);
	sink_until_count(pair.loop, &pair.client.closed, 1);
	CHECK(strstr(pair.client.why.text, "expired"));
	pair_close(&pair);
}

/* Closing the stream says goodbye in TLS: the peer reads an end. */
static void closing_is_an_end(void)
{
	struct pair pair;

	pair_open(&pair, false, "localhost");
	until_ready(&pair);
	stream_write(pair.client.stream, STR("last words"));
	sink_clear(&pair.client);
	sink_until(pair.loop, &pair.server.ended);
	CHECK_STR(buf_text(&pair.server.got), "last words");
	CHECK(!pair.server.broken);
	pair_close(&pair);
}

/* Plain text to a TLS port: a break with a reason, soon. */
static void not_tls(void)
{
	struct pair pair;
	struct sink a = { 0 }, b = { 0 };
	struct stream *end_a, *end_b;

	pair_open(&pair, false, "localhost");
	stream_pair(pair.loop, &end_a, &end_b);
	sink_own(&a, tls_accept(end_a, pair.server_config));
	sink_own(&b, end_b);
	stream_write(end_b, STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
	sink_until_count(pair.loop, &a.closed, 1);
	CHECK(a.broken);
	CHECK(strstr(a.why.text, "TLS handshake"));
	sink_clear(&a);
	sink_clear(&b);
	pair_close(&pair);
}

/* The connection is cut without TLS saying so: a break, not an end, after the handshake and inside
 * it. */
static void truncation(void)
{
	struct pair pair;
	struct sink a = { 0 }, b = { 0 };
	struct stream *end_a, *end_b, *fd_a, *fd_b;
	int raw[2];

	pair_open(&pair, false, "localhost");
	stream_pair(pair.loop, &end_a, &end_b);
	sink_own(&a, tls_accept(end_a, pair.server_config));
	stream_close(end_b);
	sink_until_count(pair.loop, &a.closed, 1);
	CHECK(a.broken);
	CHECK(!a.ended);
	sink_clear(&a);
	/* Ready, then the descriptor below is shut down. */
	a = (struct sink){ 0 };
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, raw) == 0);
	fd_a = stream_of_fd(pair.loop, raw[0]);
	fd_b = stream_of_fd(pair.loop, raw[1]);
	sink_own(&a, tls_accept(fd_a, pair.server_config));
	sink_own(&b, tls_connect(fd_b, pair.client_config, "localhost"));
	stream_write(b.stream, STR("hello"));
	sink_until_bytes(pair.loop, &a, 5);
	shutdown(raw[1], SHUT_RDWR);
	sink_until_count(pair.loop, &a.closed, 1);
	CHECK(a.broken);
	CHECK(!a.ended);
	sink_clear(&a);
	sink_clear(&b);
	pair_close(&pair);
}

static void bad_texts(void)
{
	struct certs certs;
	struct tls_config *config;

	certs_make(&certs);
	CHECK(!tls_server_config(buf_str(&certs.server), buf_str(&certs.client_key), STR_NONE,
				 &config, &err));
	CHECK(strstr(err.text, "does not belong"));
	CHECK(!tls_server_config(STR("x"), buf_str(&certs.server_key), STR_NONE, &config, &err));
	CHECK(!tls_client_config(STR("x"), STR_NONE, STR_NONE, false, &config, &err));
	certs_clear(&certs);
}

/* --- against another implementation --- */

struct house {
	struct socket_listener listener; /* first */
	struct loop *loop;
	struct tls_config *config;
	struct sink sink;
	unsigned accepted;
};

static void on_accept(struct socket_listener *listener, int fd, struct str peer)
{
	struct house *house = (struct house *)listener;

	(void)peer;
	house->sink.echo = true;
	sink_own(&house->sink, tls_accept(stream_of_fd(house->loop, fd), house->config));
	house->accepted++;
}

static void openssl_client(const char *flags, const char *word)
{
	struct certs certs;
	struct house house = { .listener = { .on_accept = on_accept } };
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	char command[1024], path[256], out[32768];
	FILE *file, *pipe;
	size_t got;
	int fd;

	if (access("/usr/bin/openssl", X_OK) != 0)
		harness_skip("openssl is not installed");
	certs_make(&certs);
	house.loop = sink_loop();
	CHECK_OK(tls_server_config(buf_str(&certs.server), buf_str(&certs.server_key),
				   buf_str(&certs.ca), &house.config, &err),
		 &err);
	CHECK_OK(socket_listen(STR("127.0.0.1:0"), &fd, &err), &err);
	CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	CHECK_OK(socket_listener_start(house.loop, &house.listener, fd, &err), &err);
	snprintf(path, sizeof(path), "%s/ca.pem", harness_folder());
	file = fopen(path, "w");
	fwrite(certs.ca.at, 1, certs.ca.len, file);
	fclose(file);
	snprintf(command, sizeof(command),
		 "(echo hello; sleep 0.3) | openssl s_client -connect 127.0.0.1:%u -CAfile %s "
		 "-verify_return_error -alpn h2,http/1.1 %s 2>&1",
		 ntohs(at.sin_port), path, flags);
	pipe = popen(command, "r");
	sink_until_count(house.loop, &house.accepted, 1);
	sink_until_bytes(house.loop, &house.sink, 6);
	sink_until_count(house.loop, &house.sink.closed, 1);
	got = fread(out, 1, sizeof(out) - 1, pipe);
	out[got] = '\0';
	pclose(pipe);
	if (!strstr(out, word) || !strstr(out, "Verification: OK") ||
	    !strstr(out, "ALPN protocol: http/1.1"))
		harness_fail(__FILE__, __LINE__, "%s", out);
	sink_clear(&house.sink);
	socket_listener_stop(&house.listener);
	tls_config_unref(house.config);
	sink_rounds(house.loop, 3);
	loop_close(house.loop);
	certs_clear(&certs);
}

static void openssl_13(void)
{
	openssl_client("-tls1_3", "TLSv1.3");
}

static void openssl_12(void)
{
	openssl_client("-tls1_2", "TLSv1.2");
}

static const struct test tests[] = {
	{ "carries", carries, .time_limit_s = 30 },
	{ "pushes back", pushes_back, .time_limit_s = 30 },
	{ "pauses", pauses },
	{ "knows the peer", knows_the_peer },
	{ "refuses a foreign client", refuses_foreign_client },
	{ "refuses other names", refuses_other_names },
	{ "refuses other CA", refuses_other_ca },
	{ "times are those of our clock", times_are_those_of_our_clock },
	{ "closing is an end", closing_is_an_end },
	{ "not TLS", not_tls },
	{ "truncation", truncation },
	{ "bad texts", bad_texts },
	{ "openssl with TLS 1.3", openssl_13 },
	{ "openssl with TLS 1.2", openssl_12 },
};
TEST_MAIN(tests)
