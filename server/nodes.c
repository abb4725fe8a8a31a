/*
 * nodes.c - node sessions over the tunnel.
 */
#include "server/nodes.h"

#include <assert.h>

#include "base/log.h"
#include "base/map.h"
#include "server/front/front.h"
#include "server/gate/authenticate.h"

#define NODE_PREFIX "system:node:"

struct session {
	struct nodes *nodes;
	struct tunnel *tunnel;
	char *node;
	struct loop_task end; /* a session is freed outside its own callbacks */
};

struct nodes {
	struct server *server;
	struct map *sessions; /* node name -> struct session */
};

struct nodes *nodes_new(struct server *server)
{
	struct nodes *nodes = memory_new(struct nodes);

	nodes->server = server;
	nodes->sessions = map_new();
	return nodes;
}

static void session_free(struct session *session)
{
	loop_task_cancel(&session->end);
	tunnel_close(session->tunnel);
	free(session->node);
	free(session);
}

void nodes_free(struct nodes *nodes)
{
	struct str key;
	void *value;

	if (!nodes)
		return;
	for (size_t i = 0; map_next(nodes->sessions, &i, &key, &value);)
		session_free(value);
	map_free(nodes->sessions);
	free(nodes);
}

struct tunnel *nodes_tunnel(struct nodes *nodes, struct str node)
{
	struct session *session = map_find(nodes->sessions, node);

	return session ? session->tunnel : NULL;
}

struct tunnel *nodes_any_tunnel(struct nodes *nodes)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_next(nodes->sessions, &i, &key, &value);)
		if (tunnel_is_up(((struct session *)value)->tunnel))
			return ((struct session *)value)->tunnel;
	return NULL;
}

size_t nodes_count(const struct nodes *nodes)
{
	return map_count(nodes->sessions);
}

/* --- what a node may open --- */

static void on_open(void *owner, struct tunnel_open *open, struct str service)
{
	struct session *session = owner;
	struct error why;

	if (str_is(service, "api")) {
		front_serve_as(session->nodes->server, tunnel_accept(open), session->node);
	} else if (str_is(service, "api-tls")) {
		front_serve_tls(session->nodes->server, tunnel_accept(open), str_of(session->node));
	} else {
		error_set(&why, ERROR_NOT_FOUND,
			  "the server offers no service \"" STR_FMT "\" to nodes",
			  STR_ARG(service));
		tunnel_refuse(open, &why);
	}
}

static void on_end(struct loop_task *task)
{
	session_free(CONTAINER_OF(task, struct session, end));
}

static void on_down(void *owner, const struct error *why)
{
	struct session *session = owner;
	struct nodes *nodes = session->nodes;

	log_info("server.nodes", "node session ended", "node=%s why=\"%s\"", session->node,
		 why ? why->text : "closed");
	if (map_find(nodes->sessions, str_of(session->node)) == session)
		map_remove(nodes->sessions, str_of(session->node));
	loop_defer(server_loop(nodes->server), &session->end);
}

static void on_up(void *owner)
{
	struct session *session = owner;

	log_info("server.nodes", "node session up", "node=%s", session->node);
}

static const struct tunnel_events events = { .on_open = on_open,
					     .on_up = on_up,
					     .on_down = on_down };

enum step nodes_connect_pass(struct request *req, struct error *err)
{
	struct nodes *nodes = server_nodes(req->server);
	struct str name = str_of(req->user.name);
	struct session *session, *old;

	if (!str_starts(name, STR(NODE_PREFIX)) || !user_in_group(&req->user, "system:nodes")) {
		error_set(err, ERROR_FORBIDDEN, "only nodes may open the tunnel; %s is none",
			  req->user.name);
		return STEP_FAIL;
	}
	session = memory_new(struct session);
	session->nodes = nodes;
	session->end.on_task = on_end;
	session->node =
		str_copy(str_from(name.at + strlen(NODE_PREFIX), name.len - strlen(NODE_PREFIX)));
	if (!tunnel_serve(req->http, &events, session, &session->tunnel, err)) {
		free(session->node);
		free(session);
		return STEP_FAIL;
	}
	old = map_put(nodes->sessions, str_of(session->node), session);
	if (old)
		loop_defer(server_loop(nodes->server), &old->end);
	return STEP_DONE;
}
