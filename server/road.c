/*
 * road.c - the list of stops, and the small engine that walks it.
 *
 *   front -> authenticate -> share -> authorize -> answer (registry, connect, reviews, paths)
 *
 * A stop that fails jumps to the reply: every refusal is answered by the same code.
 */
#include "server/road.h"

#include "server/front/answer.h"
#include "server/front/reply.h"
#include "server/gate/authenticate.h"
#include "server/gate/authorize.h"
#include "server/gate/share.h"

static const struct stop road[] = {
	{ "authenticate", authenticate_pass },
	{ "share", share_pass },
	{ "authorize", authorize_pass },
	{ "answer", answer_pass },
};

void road_walk(struct request *req)
{
	struct error err;

	while (req->stop < ARRAY_LENGTH(road)) {
		switch (road[req->stop].pass(req, &err)) {
		case STEP_NEXT: req->stop++; break;
		case STEP_WAIT:
		case STEP_DONE: /* the request may be gone already */ return;
		case STEP_FAIL: reply_error(req, &err, NULL); return;
		}
	}
}
