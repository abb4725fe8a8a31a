/*
 * connect_log.h - a container's log: as an answer that grows, or as messages of a WebSocket
 * (binary.k8s.io, base64.binary.k8s.io, or none).
 */
#ifndef SERVER_FRONT_CONNECT_LOG_H
#define SERVER_FRONT_CONNECT_LOG_H

#include "server/road.h"
#include "tunnel/tunnel.h"

/* The question alone, before the container is looked for; STEP_NEXT: it is a good one. */
enum step log_check(struct request *req, struct error *err);
enum step log_start(struct request *req, struct tunnel *tunnel, struct str container,
		    struct error *err);

#endif
