/*
 * neighbour.h - is another machine on this node's network?  What the server asks about a node that
 * has fallen silent (server/control/peer_vote.h).
 *
 * Answers {"neighbour": WORD}:
 *   there    it accepts or refuses a TCP connection, or its hardware address was found (ARP)
 *   gone     it is on a network of this machine, and nobody has its address
 *   unknown  all else: nothing came back in time, or it is behind a router
 *
 * Loop thread only.
 */
#ifndef AGENT_NEIGHBOUR_H
#define AGENT_NEIGHBOUR_H

#include "net/http_server.h"

#define NEIGHBOURS_MAX 64 /* looks at once; further ones are refused */

struct neighbours; /* the looks under way */
struct neighbours *neighbours_new(struct loop *loop);
void neighbours_free(struct neighbours *neighbours); /* drops them; NULL is fine */

/* Answers the request, within 6 s.  An address that is none of IPv4 is refused. */
void neighbour_look(struct neighbours *neighbours, struct http_request *req, struct str address);

/* The word for what a dial came to; `table` is /proc/net/arp.  Pure. */
const char *neighbour_judge(const struct error *err, struct str address, struct str table);

#endif
