/*
 * rope.h - for tests of tunnels: an agent's and a server's end in one process, joined over TLS on
 * loopback.
 */
#ifndef TESTS_UNIT_TUNNEL_ROPE_H
#define TESTS_UNIT_TUNNEL_ROPE_H

#include "tests/unit/net/web_front.h"
#include "tests/unit/net/sink.h"
#include "tunnel/tunnel.h"

#define ROPE_SINKS 600

struct rope_end {
	struct rope *rope;
	struct tunnel *tunnel;
	bool up;
	unsigned down;
	struct error why;
	struct sink accepted[ROPE_SINKS];
	unsigned accepted_count;
	struct tunnel_open *kept; /* by the service "later" */
	char service[300];        /* the last one asked for */
};

/* Services of both ends: "echo", "sink" (reads all), "stall" (reads nothing), "refuse", "later"
 * (kept). */
struct rope {
	struct front front; /* first */
	struct certs certs;
	struct loop *loop;
	struct rope_end agent, server;
};

void rope_open(struct rope *rope); /* the front listens */
void rope_dial(struct rope *rope); /* and waits until both are up */
void rope_close(struct rope *rope);
/* Only the memory; loops, fronts and tunnels are gone already or go here. */
extern const struct tunnel_events rope_events;

struct rope_ask {
	struct tunnel_ask *ask;
	struct sink sink;
	unsigned done;
	bool opened;
	struct error why;
};
void rope_ask(struct rope_ask *ask, struct tunnel *tunnel, const char *service,
	      enum tunnel_priority priority);
/* Ask and wait until it is open. */
void rope_ask_open(struct rope *rope, struct rope_ask *ask, struct tunnel *tunnel,
		   const char *service, enum tunnel_priority priority);

#endif
