/*
 * front.c - the listener and the HTTP service of the API.
 */
#include "server/front/front.h"

#include <assert.h>
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/http_client.h"
#include "net/socket.h"
#include "net/tls.h"
#include "server/bootstrap.h"
#include "server/front/reply.h"
#include "server/front/packed.h"
#include "server/front/route.h"
#include "server/gate/authenticate.h"
#include "server/gate/share.h"

#define IDLE_MS 300000 /* clients keep connections for reuse; a watch is not idle */
#define BODY_MS 60000

struct front {
	struct server *server;
	struct http_service service;
	struct socket_listener listener;
	struct tls_config *tls;
	struct packing *packing;
	bool listening;
	struct front_figures figures;
};

/* --- requests --- */

static void on_gone(struct http_request *http)
{
	struct request *req = http->user;

	req->gone = true; /* whoever works on it ends it by answering into the void */
}

/* Who asks, as long as the request lives: it may outlive its connection and the certificate. */
static struct identity *asker_of(const struct http_request *http)
{
	const struct identity *own = http->identity;
	const struct tls_peer *peer = own->tls && !own->name ? tls_peer(own->tls) : NULL;
	struct identity *asker = arena_zero(http->arena, sizeof(*asker));
	char *const *groups = peer ? peer->organizations : own->groups;
	const char *name = peer ? peer->name : own->name;
	size_t count = peer ? peer->organization_count : 0;

	while (!peer && groups[count])
		count++;
	if (name)
		asker->name = arena_string(http->arena, name, strlen(name));
	asker->groups = arena_zero(http->arena, (count + 1) * sizeof(char *));
	for (size_t i = 0; i < count; i++)
		asker->groups[i] = arena_string(http->arena, groups[i], strlen(groups[i]));
	return asker;
}

static void on_request(struct http_service *service, struct http_request *http)
{
	struct front *front = CONTAINER_OF(service, struct front, service);
	struct request *req = arena_zero(http->arena, sizeof(*req));
	struct error err;

	front->figures.requests++;
	req->http = http;
	req->arena = http->arena;
	req->server = front->server;
	req->started_us = clock_now_us();
	req->user.name = "";
	http->identity = asker_of(http);
	http->user = req;
	http->on_gone = on_gone;
	if (route_parse(req, &err))
		road_walk(req);
	else
		reply_error(req, &err, NULL);
}

static void on_conn_closed(struct http_service *service, void *identity)
{
	struct front *front = CONTAINER_OF(service, struct front, service);
	struct identity *own = identity;

	front->figures.connections_now--;
	if (own && own->from_listener)
		socket_release(&front->listener);
	identity_free(own);
}

static void serve(struct front *front, struct stream *stream, struct str peer,
		  struct identity *identity)
{
	front->figures.connections_now++;
	http_serve(&front->service, stream, peer, identity);
}

/* --- ways in --- */

static void on_accept(struct socket_listener *listener, int fd, struct str peer)
{
	struct front *front = CONTAINER_OF(listener, struct front, listener);
	struct stream *lower = stream_of_fd(server_loop(front->server), fd);
	struct identity *identity = identity_new(NULL, NULL, 0);

	identity->tls = tls_accept(lower, front->tls);
	identity->from_listener = true;
	serve(front, identity->tls, peer, identity);
}

void front_serve_as(struct server *server, struct stream *stream, const char *node)
{
	static const char *const groups[] = { "system:nodes" };
	auto_free char *name = memory_print("system:node:%s", node);

	serve(server_front(server), stream, str_of(node), identity_new(name, groups, 1));
}

void front_serve_tls(struct server *server, struct stream *stream, struct str peer)
{
	struct front *front = server_front(server);
	struct identity *identity = identity_new(NULL, NULL, 0);

	identity->tls = tls_accept(stream, front->tls);
	serve(front, identity->tls, peer, identity);
}

struct local {
	struct server *server;
	char *user;
};

static void dial_local(void *of,
		       void (*on_done)(void *call, struct stream *stream, const struct error *err),
		       void *call)
{
	static const char *const groups[] = { "system:masters" };
	struct local *local = of;
	struct stream *ours, *theirs;
	struct error err;

	if (!server_front(local->server)) {
		error_set(&err, ERROR_UNAVAILABLE, "the server is stopping");
		on_done(call, NULL, &err);
		return;
	}
	stream_pair(server_loop(local->server), &ours, &theirs);
	serve(server_front(local->server), theirs, STR("local"),
	      identity_new(local->user, groups, 1));
	on_done(call, ours, NULL);
}

struct http_client *front_local_client(struct server *server, const char *user)
{
	/* Lives as long as the server: there are few of them, one a controller. */
	static struct local locals[64];
	static size_t count;
	struct local *local = NULL;

	for (size_t i = 0; i < count && !local; i++)
		if (locals[i].server == server && strcmp(locals[i].user, user) == 0)
			local = &locals[i];
	if (!local) {
		assert(count < ARRAY_LENGTH(locals));
		local = &locals[count++];
		local->server = server;
		local->user = memory_string(user);
	}
	return http_client_new(server_loop(server), dial_local, local, "localhost");
}

/* --- opening --- */

static bool make_tls(struct front *front, const struct secrets *secrets, struct error *err)
{
	return tls_server_config(buf_str(&secrets->serving), buf_str(&secrets->serving_key),
				 buf_str(&secrets->client_ca), &front->tls, err);
}

bool front_renew(struct front *front, const struct secrets *secrets, struct error *err)
{
	struct tls_config *old = front->tls;

	if (!make_tls(front, secrets, err)) {
		front->tls = old;
		return false;
	}
	tls_config_unref(old);
	return true;
}

bool front_open(struct server *server, const struct secrets *secrets, struct front **out,
		struct error *err)
{
	struct front *front = memory_new(struct front);
	const struct server_plan *plan = server_plan_of(server);
	auto_free char *address =
		memory_print("%s:%" PRId64, plan->bind_address, plan->https_listen_port);
	int fd;

	front->server = server;
	front->packing = packing_new(server_loop(server));
	front->service.on_request = on_request;
	front->service.on_conn_closed = on_conn_closed;
	front->service.body_max = LIMIT_BODY;
	front->service.idle_ms = IDLE_MS;
	front->service.body_ms = BODY_MS;
	front->listener.on_accept = on_accept;
	front->listener.accepted_max = LIMIT_CONNECTIONS;
	if (!make_tls(front, secrets, err) || !socket_listen(str_of(address), &fd, err)) {
		front_close(front);
		return error_context(err, "open the API port");
	}
	if (!socket_listener_start(server_loop(server), &front->listener, fd, err)) {
		front_close(front);
		return false;
	}
	front->listening = true;
	*out = front;
	return true;
}

void front_close(struct front *front)
{
	if (!front)
		return;
	if (front->listening)
		socket_listener_stop(&front->listener);
	packing_free(front->packing);
	http_service_close(&front->service);
	tls_config_unref(front->tls);
	free(front);
}

struct packing *server_packing(struct server *server)
{
	struct front *front = server_front(server);

	return front ? front->packing : NULL; /* while the server stops there is none */
}

void front_figures(const struct front *front, struct front_figures *out)
{
	*out = front->figures;
}
