/*
 * connect_proxy.c - from the words of a request to the one that is sent on.
 */
#include "server/front/connect_proxy.h"

#include "net/tls.h"
#include "server/front/proxy_call.h"
#include "server/front/reply.h"

/* .../proxy is where relative links would go wrong. */
static bool redirect(struct request *req)
{
	struct str path = req->http->path, method = req->http->head.method;
	const char *where;

	if (!str_ends(path, STR("/proxy")) || req->rest.len > 0 || req->http->head.upgrade ||
	    (!str_is(method, "GET") && !str_is(method, "HEAD")))
		return false;
	where = arena_print(req->arena, STR_FMT "/%s" STR_FMT, STR_ARG(path),
			    req->http->query.len ? "?" : "", STR_ARG(req->http->query));
	http_reply_header(req->http, "Location", where);
	reply_text(req, 301, "text/plain", STR(""));
	return true;
}

/* What is before the other side's own path: ".../proxy". */
static const char *prefix_of(struct request *req)
{
	struct str path = req->http->path;

	path.len -= req->rest.len;
	while (path.len > 0 && path.at[path.len - 1] == '/')
		path.len--;
	return str_copy_arena(path, req->arena);
}

enum step proxy_pass(struct request *req, struct error *err)
{
	struct proxy_plan plan = { .as = NULL };
	struct status_about *about;

	if (redirect(req))
		return STEP_DONE;
	/* Clients try again by themselves what says when; nobody knows when a service comes back.
	 */
	about = arena_zero(req->arena, sizeof(*about));
	*about = (struct status_about){ .kind = req->kind, .name = req->name, .retry_after_s = -1 };
	req->about = about;
	if (!proxy_target_find(req, &plan.target, err))
		return STEP_FAIL;
	/* Its streams are made by exec, attach and port-forward, with their own rights. */
	if (plan.target.of_node && req->http->head.upgrade) {
		error_set(err, ERROR_FORBIDDEN, "upgrades are not passed on to nodes themselves");
		return STEP_FAIL;
	}
	if (plan.target.tls &&
	    !tls_client_config(STR_NONE, STR_NONE, STR_NONE, true, &plan.tls, err))
		return STEP_FAIL;
	plan.path = arena_print(req->arena, "/" STR_FMT "%s" STR_FMT, STR_ARG(req->rest),
				req->http->query.len ? "?" : "", STR_ARG(req->http->query));
	plan.prefix = prefix_of(req);
	proxy_call_start(req, &plan);
	return STEP_DONE;
}
