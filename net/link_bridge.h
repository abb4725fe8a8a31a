/*
 * link_bridge.h - carries bytes between a stream and a local socket whose other end libwebsockets
 * has.
 *
 * libwebsockets wants a descriptor; our connections are streams (TLS is ours). The bridge ends
 * with the first end of either side: a WebSocket has no half-close. It owns both and frees itself.
 */
#ifndef NET_LINK_BRIDGE_H
#define NET_LINK_BRIDGE_H

#include "net/stream.h"

/* Takes both. skip_head: what comes from the descriptor up to the first empty line is thrown away
 * (the answer to a handshake that has been answered already). */
void link_bridge(struct stream *outer, int fd, bool skip_head);

#endif
