/*
 * share.h - fairness: each user has so many requests at work at once, and all together a few more.
 *
 * Watches and streams give their place back when they have begun.  Beyond the share: 429 with
 * Retry-After.
 */
#ifndef SERVER_GATE_SHARE_H
#define SERVER_GATE_SHARE_H

#include "server/road.h"

struct shares;
struct shares *shares_new(void);
void shares_free(struct shares *shares);
struct shares *server_shares(struct server *server);
/* The most at work at once within the running second, of those that change something (writing) and
 * of others. */
void share_figures(const struct shares *shares, size_t *out_reading, size_t *out_writing);

enum step share_pass(struct request *req, struct error *err);
/* Give the place back; harmless when it holds none. */
void share_release(struct request *req);

#endif
