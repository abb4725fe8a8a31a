/*
 * exec_bridge.h - exec and attach: a process's descriptors on one side, the server's stream on the
 * other.
 *
 * Frames on the stream, both ways: channel (1 byte), length (4 bytes, big endian), payload.
 * Channels: 0 stdin, 1 stdout, 2 stderr, 3 status (JSON, once, the last), 4 resize
 * ({"Width":80,"Height":24}), 255 end of a channel's input (payload: the channel).
 *
 * Loop thread only.
 */
#ifndef AGENT_EXEC_BRIDGE_H
#define AGENT_EXEC_BRIDGE_H

#include "net/http_server.h"
#include "runtime/sandbox.h"

struct exec_bridge_plan {
	struct loop *loop;
	struct sandbox *sandbox;
	const char *container_id;
	const char *const *argv; /* NULL: attach */
	bool tty, stdin_wanted;
};

struct exec_bridges; /* all of a node, so that they can be ended together */
struct exec_bridges *exec_bridges_new(void);
void exec_bridges_free(struct exec_bridges *bridges); /* NULL is fine */
/* The sandbox is about to be closed: end what runs in it. */
void exec_bridges_end(struct exec_bridges *bridges, const struct sandbox *sandbox);

/* Begin; upgrades the request to "mote-exec" once the process runs or cannot be started: then the
 * status is all that comes. */
void exec_bridge_start(struct exec_bridges *bridges, struct http_request *req,
		       const struct exec_bridge_plan *plan);

#endif
