/*
 * answer.c - resource requests go to the registry, streams to connect, reviews to review, what
 * other servers answer for to them, the rest to paths.
 */
#include "server/front/answer.h"

#include "server/aggregate/aggregate_pass.h"
#include "server/front/connect.h"
#include "server/front/paths.h"
#include "server/front/review.h"
#include "server/metrics/metrics_pass.h"
#include "server/registry/registry.h"

enum step answer_pass(struct request *req, struct error *err)
{
	if (req->review)
		return review_pass(req, err);
	if (req->remote)
		return aggregate_pass(req, err);
	if (!req->kind)
		return paths_pass(req, err);
	if (req->verb == REQUEST_CONNECT)
		return connect_pass(req, err);
	if (metrics_is_asked(req))
		return metrics_pass(req, err);
	return registry_pass(req, err);
}
