/*
 * port_forward.h - a request of the server that becomes a connection: to a port of a pod as the
 * pod itself sees it, or to an address that this node reaches.
 *
 * Both answer 101 "mote-forward" once the other side has accepted, and then carry bytes with
 * half-close and back-pressure until both directions have ended; or a Status that says why not.
 * At most PORT_FORWARDS_MAX are dialled or open; each holds STREAM_HIGH and a piece in either
 * direction at most.
 *
 * Loop thread only.
 */
#ifndef AGENT_PORT_FORWARD_H
#define AGENT_PORT_FORWARD_H

#include "net/http_server.h"

#define PORT_FORWARDS_MAX 4096

struct port_forwards; /* all of a node, so that they can be counted and ended */
struct port_forwards *port_forwards_new(struct loop *loop);
void port_forwards_free(struct port_forwards *forwards); /* drops dials; NULL is fine */

/* localhost:port in the network namespace at `netns` (a path below /proc), NULL = this machine's.
 * Tries 127.0.0.1, then ::1.  Answers the request. */
void port_forward_local(struct port_forwards *forwards, struct http_request *req, const char *netns,
			unsigned port);
/* address:port from this machine.  Addresses that mean this machine itself, a link or a group are
 * refused. */
void port_forward_address(struct port_forwards *forwards, struct http_request *req,
			  struct str address, unsigned port);

#endif
