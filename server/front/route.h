/*
 * route.h - what a URL, method and headers ask for: parsed exactly once, before any gate.
 *
 * The gates and the handlers see only the parsed request, so that what is authorized is what is
 * done.
 */
#ifndef SERVER_FRONT_ROUTE_H
#define SERVER_FRONT_ROUTE_H

#include "server/request.h"

/* Fill kind, verb, namespace, name, subresource, params, forms.  kind, review and remote stay NULL
 * for other paths. */
MUST_CHECK bool route_parse(struct request *req, struct error *err);
/* For its decoded segments: is it an API of another server?  If so, its resource, verb and names
 * (route_remote.c). */
MUST_CHECK bool route_remote(struct request *req, const struct str *segments, size_t count,
			     bool *out_is, struct error *err);
/* The answer's form from Accept and the body's from Content-Type (negotiate.c). */
MUST_CHECK bool negotiate_answer(struct request *req, struct error *err);
MUST_CHECK bool negotiate_body(struct request *req, struct error *err);
/* A parameter of one media type in a list, "g" of "application/json;g=x"; STR_NONE when absent. */
struct str negotiate_parameter(struct str clause, const char *name);
/* Query parameters into req->params (params.c). */
MUST_CHECK bool params_parse(struct request *req, struct error *err);
/* Options that a write cannot have, when verb and body are known. */
MUST_CHECK bool params_check(struct request *req, struct error *err);
/* The last value of a query parameter, STR_NONE when absent. */
struct str params_find(const struct request *req, const char *name);
bool params_true(struct str value); /* anything but "", "0" and "false" */

#endif
