/*
 * connect_exec.h - exec and attach: a client's WebSocket channels joined to the node's frames.
 */
#ifndef SERVER_FRONT_CONNECT_EXEC_H
#define SERVER_FRONT_CONNECT_EXEC_H

#include "server/road.h"
#include "tunnel/tunnel.h"

enum step exec_start(struct request *req, struct tunnel *tunnel, struct str container,
		     struct error *err);

#endif
