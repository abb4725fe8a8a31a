/*
 * impersonate.h - becoming somebody else by the Impersonate-* headers, where the rules allow it.
 *
 * Each thing that is taken on (user or service account, group, uid, value of an extra) must be
 * allowed by the verb impersonate.  Without groups of their own, accounts have theirs.
 */
#ifndef SERVER_GATE_IMPERSONATE_H
#define SERVER_GATE_IMPERSONATE_H

#include "server/road.h"

/* req->user becomes whom the headers name; unchanged when there are none. */
MUST_CHECK bool impersonate(struct request *req, struct error *err);

#endif
