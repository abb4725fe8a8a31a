/*
 * test_redial.c - the session comes back after losses; waits grow and shrink; a wrong CA never
 * comes up.
 */
#include "tunnel/redial.h"

#include "base/clock.h"
#include "tests/unit/harness.h"
#include "tests/unit/tunnel/rope.h"

static struct rope rope;

struct house {
	struct redial *redial;
	unsigned ups, downs, plans;
	int64_t again_ms[16];
	struct error why;
	struct certs *certs; /* whose CA is trusted */
	bool no_plan;
};

static bool plan(void *owner, struct link_plan *out, struct error *err)
{
	struct house *house = owner;

	house->plans++;
	if (house->no_plan)
		return error_set(err, ERROR_UNAVAILABLE, "the server's address is not known yet");
	*out = (struct link_plan){
		.host = "127.0.0.1",
		.port = rope.front.port,
		.path = "/v1-mote/connect",
		.server_name = "127.0.0.1",
		.ca_pem = buf_str(&house->certs->ca),
		.authorization = "Bearer agent",
	};
	return true;
}

static void on_open(void *owner, struct tunnel_open *open, struct str service)
{
	(void)owner;
	(void)service;
	stream_close(tunnel_accept(open));
}

static void on_up(void *owner, struct tunnel *tunnel)
{
	struct house *house = owner;

	house->ups++;
	CHECK(tunnel == redial_tunnel(house->redial));
}

static void on_down(void *owner, const struct error *why, int64_t again_ms)
{
	struct house *house = owner;

	CHECK(house->downs < ARRAY_LENGTH(house->again_ms));
	house->again_ms[house->downs++] = again_ms;
	house->why = *why;
	CHECK(house->redial == NULL || redial_tunnel(house->redial) == NULL);
}

static const struct redial_events events = {
	.plan = plan,
	.on_open = on_open,
	.on_up = on_up,
	.on_down = on_down,
};

static void lose(void)
{
	tunnel_close(rope.server.tunnel);
	rope.server.tunnel = NULL;
	rope.server.up = false;
}

static void heals(void)
{
	struct house house = { .certs = &rope.certs };

	rope_open(&rope);
	house.redial = redial_start(rope.loop, &events, &house);
	CHECK(redial_tunnel(house.redial) == NULL);
	for (unsigned i = 1; i <= 3; i++) {
		sink_until_count(rope.loop, &house.ups, i);
		sink_until(rope.loop, &rope.server.up);
		lose();
		sink_until_count(rope.loop, &house.downs, i);
	}
	/* 100, 200, 400 ms, each give or take a quarter. */
	for (unsigned i = 0; i < 3; i++) {
		CHECK(house.again_ms[i] >= (100 << i) * 3 / 4);
		CHECK(house.again_ms[i] <= (100 << i) * 5 / 4);
	}
	/* A good session resets the wait. */
	sink_until_count(rope.loop, &house.ups, 4);
	sink_until(rope.loop, &rope.server.up);
	for (int i = 0; i < 4; i++) {
		clock_shift(10000);
		sink_rounds(rope.loop, 20);
	}
	lose();
	sink_until_count(rope.loop, &house.downs, 4);
	CHECK(house.again_ms[3] <= 125);
	redial_stop(house.redial);
	redial_stop(NULL);
	rope_close(&rope);
}

/* The server goes away and comes back at the same address. */
static void server_restarts(void)
{
	struct house house = { .certs = &rope.certs };

	rope_open(&rope);
	house.redial = redial_start(rope.loop, &events, &house);
	sink_until_count(rope.loop, &house.ups, 1);
	sink_until(rope.loop, &rope.server.up);
	front_close(&rope.front);
	lose();
	sink_until_count(rope.loop, &house.downs, 2);
	CHECK(strstr(house.why.text, "refused"));
	front_open(&rope.front, rope.loop, &rope.certs);
	sink_until_count(rope.loop, &house.ups, 2);
	redial_stop(house.redial);
	rope_close(&rope);
}

static void wrong_ca(void)
{
	struct certs other;
	struct house house = { .certs = &other };

	rope_open(&rope);
	certs_make(&other);
	house.redial = redial_start(rope.loop, &events, &house);
	sink_until_count(rope.loop, &house.downs, 2);
	CHECK_INT(house.ups, 0);
	CHECK(strstr(house.why.text, "certificate is refused"));
	redial_stop(house.redial);
	certs_clear(&other);
	rope_close(&rope);
}

/* The plan is asked before every dial, and may say no; waits are at most 15 s and a quarter. */
static void no_plan_yet(void)
{
	struct house house = { .certs = &rope.certs, .no_plan = true };

	rope_open(&rope);
	house.redial = redial_start(rope.loop, &events, &house);
	for (unsigned i = 1; i <= 10; i++) {
		sink_until_count(rope.loop, &house.downs, i);
		clock_shift(house.again_ms[i - 1]);
	}
	CHECK(house.plans >= 10);
	CHECK(strstr(house.why.text, "not known yet"));
	CHECK(house.again_ms[9] >= 15000 * 3 / 4);
	CHECK(house.again_ms[9] <= 15000 * 5 / 4);
	house.no_plan = false;
	clock_shift(20000);
	sink_until_count(rope.loop, &house.ups, 1);
	redial_stop(house.redial);
	rope_close(&rope);
}

static const struct test tests[] = {
	{ "heals", heals },
	{ "server restarts", server_restarts },
	{ "wrong CA", wrong_ca },
	{ "no plan yet", no_plan_yet },
};
TEST_MAIN(tests)
