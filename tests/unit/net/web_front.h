/*
 * web_front.h - for tests that need a server: TCP, TLS and HTTP on a loopback port, requests given
 * to the test.
 */
#ifndef TESTS_UNIT_NET_FRONT_H
#define TESTS_UNIT_NET_FRONT_H

#include "net/http_server.h"
#include "net/socket.h"
#include "tests/unit/net/certs.h"

struct front {
	struct http_service service; /* first */
	struct socket_listener listener;
	struct loop *loop;
	struct tls_config *config;
	unsigned port;
	unsigned accepted;
	/* The test's: answers the request. */
	void (*on_request)(struct front *front, struct http_request *req);
	void *of;
};

/* Fill on_request (and port, to listen there again) first. */
void front_open(struct front *front, struct loop *loop, const struct certs *certs);
void front_close(struct front *front); /* no new connections; those taken over by an upgrade stay */

#endif
