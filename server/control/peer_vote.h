/*
 * peer_vote.h - nodes of one site say whether one of them is still on their network.
 *
 * comes from: control_node_proof, about a node that has fallen silent.  goes to: agent/neighbour.h
 * of the nodes that carry the same label LABEL_SITE and are ready.
 *
 * Loop thread only.
 */
#ifndef SERVER_CONTROL_PEER_VOTE_H
#define SERVER_CONTROL_PEER_VOTE_H

#include "server/control/controller.h"

/* The same value: one and the same network, so that each finds the others by ARP. */
#define LABEL_SITE "mote.dev/site"

#define PEER_VOTERS_MAX 16 /* asked in one round */
#define PEER_VOTES_MIN  2  /* one alone may have lost its own line */
#define PEER_VOTES_MAX  8  /* more are not needed, however many there are */

struct peer_tally {
	unsigned others; /* nodes of the site besides this one, ready or not */
	unsigned asked;
	unsigned there, gone; /* the rest does not know */
};
/* Nobody finds it, and those who looked in vain are more than half of the others (within MIN and
 * MAX). */
bool peer_tally_proves(const struct peer_tally *tally);

/* Is there anybody to ask: has the node a site, and an IPv4 address? */
bool peer_vote_is_possible(const struct object *node);

struct peer_vote;
/* One round.  on_done comes once, later; the handle is valid until then. */
struct peer_vote *peer_vote_start(struct control *control, const struct object *node,
				  void (*on_done)(void *of, const struct peer_tally *tally),
				  void *of);
void peer_vote_cancel(struct peer_vote *vote); /* no callback comes after it; NULL is fine */

#endif
