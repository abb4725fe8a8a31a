/*
 * registry_front.h - servers for tests of a client that blocks: each runs on a thread of its own.
 *
 * A registry_front speaks HTTP (net/http_server.h) and notes what arrives, one line a request:
 * "GET /v2/a/manifests/x auth=[Bearer t] range=[]".  A raw_front writes whatever bytes the test
 * likes.
 */
#ifndef TESTS_UNIT_RUNTIME_REGISTRY_FRONT_H
#define TESTS_UNIT_RUNTIME_REGISTRY_FRONT_H

#include <pthread.h>

#include "net/http_server.h"
#include "net/socket.h"
#include "net/tls.h"

struct registry_front {
	struct http_service service; /* first */
	/* Fill: called on the front's thread; must answer. */
	void (*on_request)(struct registry_front *front, struct http_request *req);
	struct tls_config *config; /* NULL: plain */
	const char *address;       /* where it listens; NULL: 127.0.0.1 */
	char host[32];             /* "127.0.0.1:4242" */
	struct socket_listener listener;
	struct loop *loop;
	struct loop_post stop;
	pthread_t thread;
	pthread_mutex_t lock;
	struct buf log;
};
void registry_front_open(struct registry_front *front);
void registry_front_close(struct registry_front *front);
/* How many noted lines hold the text. */
size_t registry_front_count(struct registry_front *front, const char *text);

struct raw_front {
	/* Fill: answer connection number `nth` (from 0) after its head has come; fd is closed
	 * then. */
	void (*serve)(struct raw_front *front, int fd, unsigned nth, const char *head);
	void *of;
	char host[32];
	int fd;
	unsigned served;
	pthread_t thread;
};
void raw_front_open(struct raw_front *front);
void raw_front_close(struct raw_front *front);
void raw_front_say(int fd, const char *text); /* a peer that has gone is fine */

#endif
