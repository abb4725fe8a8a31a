/*
 * road.h - the ordered stops of a request: authenticate, share, authorize, then the handler that
 * answers.
 *
 * Each stop says next, wait or done; no stop calls another.  Waiting is returning STEP_WAIT;
 * whoever ends the wait calls road_walk again on the same request.  A stop that fails fills err;
 * the road then answers with a Status.
 */
#ifndef SERVER_ROAD_H
#define SERVER_ROAD_H

#include "server/request.h"

enum step { STEP_NEXT, STEP_WAIT, STEP_DONE, STEP_FAIL };

struct stop {
	const char *name;
	enum step (*pass)(struct request *req, struct error *err);
};

void road_walk(struct request *req);

#endif
