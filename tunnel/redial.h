/*
 * redial.h - keeps one session to the server: dials, and dials again with back-off and jitter.
 *
 * Waits 0.1 s after the first loss, doubling to 15 s, each with +-25 % jitter; a session that
 * lived for 30 s resets it. The plan function is asked before each dial, so a renewed certificate
 * or moved server is picked up.
 */
#ifndef TUNNEL_REDIAL_H
#define TUNNEL_REDIAL_H

#include "tunnel/tunnel.h"

struct redial;
struct redial_events {
	bool (*plan)(void *owner, struct link_plan *out, struct error *err);
	void (*on_open)(void *owner, struct tunnel_open *open, struct str service);
	void (*on_up)(void *owner, struct tunnel *tunnel);
	void (*on_down)(void *owner, const struct error *why, int64_t again_ms);
};
struct redial *redial_start(struct loop *loop, const struct redial_events *events, void *owner);
struct tunnel *redial_tunnel(struct redial *redial); /* NULL while down */
void redial_stop(struct redial *redial);

#endif
