/*
 * nodes.h - the sessions of the nodes: who has dialled in, and the way to them.
 *
 * The newest session of a node wins.  comes from: the upgrade of /v1-mote/connect.  goes to:
 * streams for exec and logs; the node's own API calls come in as streams and enter the road with
 * the node's identity.
 */
#ifndef SERVER_NODES_H
#define SERVER_NODES_H

#include "server/road.h"
#include "server/server.h"
#include "tunnel/tunnel.h"

struct nodes;
struct nodes *nodes_new(struct server *server);
void nodes_free(struct nodes *nodes); /* ends all sessions; NULL is fine */
struct tunnel *nodes_tunnel(struct nodes *nodes, struct str node);
/* That of some node, any; NULL when none is connected. */
struct tunnel *nodes_any_tunnel(struct nodes *nodes);
size_t nodes_count(const struct nodes *nodes);
/* The tunnel upgrade of an authenticated node. */
enum step nodes_connect_pass(struct request *req, struct error *err);
/* POST /v1-mote/node: a machine with a token becomes a node (its certificate is signed). */
enum step nodes_join_pass(struct request *req, struct error *err);

#endif
