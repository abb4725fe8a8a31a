/*
 * route.c - URL paths of the API into kinds, namespaces, names and subresources.  Wire
 * contract 2.1.
 */
#include "server/front/route.h"

#include <assert.h>

#include "server/front/review.h"

#define SEGMENTS_MAX 64
#define SEGMENT_MAX  512

struct path {
	struct str segments[SEGMENTS_MAX]; /* decoded */
	struct str rests[SEGMENTS_MAX];    /* raw text behind each segment */
	size_t count;
};

static bool refuse_path(struct error *err)
{
	return error_set(err, ERROR_BAD_REQUEST, "the path of the URL is malformed");
}

/* /api/v1/nodes/N/proxy and /api/v1/namespaces/N/pods/N/proxy, where the path ends for us */
static bool is_proxy(const struct path *path)
{
	size_t at = path->count > 0 ? path->count - 1 : 0;

	return at > 0 && str_is(path->segments[at], "proxy") && str_is(path->segments[0], "api") &&
	       ((at == 4 && str_is(path->segments[2], "nodes")) ||
		(at == 6 && str_is(path->segments[2], "namespaces")));
}

/* Split and decode.  What could be read in two ways is refused: empty and dot segments, encoded
 * slashes, NULs. */
static bool split(struct request *req, struct path *out, struct error *err)
{
	struct str rest = req->http->path;

	if (rest.len == 0 || rest.at[0] != '/')
		return refuse_path(err);
	str_cut(&rest, '/');
	while (rest.len > 0) {
		auto_buf plain = BUF_INIT;
		struct str raw = str_cut(&rest, '/');

		if (out->count == SEGMENTS_MAX || raw.len == 0 || raw.len > SEGMENT_MAX ||
		    !buf_add_percent_decoded(&plain, raw, false))
			return refuse_path(err);
		if (str_is(buf_str(&plain), ".") || str_is(buf_str(&plain), "..") ||
		    str_find(buf_str(&plain), '/') >= 0 || str_find(buf_str(&plain), '\0') >= 0)
			return refuse_path(err);
		out->segments[out->count] =
			str_from(arena_string(req->arena, plain.at, plain.len), plain.len);
		out->rests[out->count] = rest;
		out->count++;
		if (is_proxy(out))
			return true; /* what follows is the other side's */
	}
	return true;
}

static bool not_found(struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "the server could not find the requested resource");
}

static bool not_allowed(struct error *err)
{
	return error_set(err, ERROR_METHOD,
			 "the server does not allow this method on the requested resource");
}

/* --- verbs --- */

static const struct {
	const char *method;
	enum request_verb one, many; /* with and without a name */
} methods[] = {
	{ "GET", REQUEST_GET, REQUEST_LIST },
	{ "HEAD", REQUEST_GET, REQUEST_LIST },
	{ "POST", REQUEST_NONE, REQUEST_CREATE },
	{ "PUT", REQUEST_UPDATE, REQUEST_NONE },
	{ "PATCH", REQUEST_PATCH, REQUEST_NONE },
	{ "DELETE", REQUEST_DELETE, REQUEST_DELETE_COLLECTION },
};

static unsigned verb_bit(enum request_verb verb)
{
	switch (verb) {
	case REQUEST_GET: return VERB_GET;
	case REQUEST_LIST: return VERB_LIST;
	case REQUEST_WATCH: return VERB_WATCH;
	case REQUEST_CREATE: return VERB_CREATE;
	case REQUEST_UPDATE: return VERB_UPDATE;
	case REQUEST_PATCH: return VERB_PATCH;
	case REQUEST_DELETE: return VERB_DELETE;
	case REQUEST_DELETE_COLLECTION: return VERB_DELETE_COLLECTION;
	case REQUEST_NONE:
	case REQUEST_CONNECT: break;
	}
	return 0;
}

static enum request_verb verb_of(struct request *req)
{
	for (size_t i = 0; i < ARRAY_LENGTH(methods); i++) {
		if (!str_is(req->http->head.method, methods[i].method))
			continue;
		if (req->sub && str_is(req->http->head.method, "POST"))
			return REQUEST_CREATE;
		if (req->name.len > 0)
			return methods[i].one;
		if (methods[i].many == REQUEST_LIST && req->params.watch)
			return REQUEST_WATCH;
		return methods[i].many;
	}
	return REQUEST_NONE;
}

static bool is_stream(struct str subresource)
{
	static const char *const names[] = { "log", "exec", "attach", "portforward", "proxy" };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (str_is(subresource, names[i]))
			return true;
	return false;
}

static bool take_subresource(struct request *req, struct error *err)
{
	for (const struct subresource *sub = req->kind->subresources; sub && sub->name; sub++)
		if (str_is(req->subresource, sub->name)) {
			req->sub = sub;
			return true;
		}
	return not_found(err);
}

static bool take_verb(struct request *req, struct error *err)
{
	req->verb = verb_of(req);
	if (req->sub && is_stream(req->subresource)) {
		/* Behind a proxy every method may mean something. */
		bool allowed = str_is(req->subresource, "proxy") ||
			       (verb_bit(req->verb) & req->sub->verbs);

		req->verb = REQUEST_CONNECT;
		return allowed || not_allowed(err);
	}
	if (req->verb == REQUEST_NONE ||
	    !(verb_bit(req->verb) & (req->sub ? req->sub->verbs : req->kind->verbs)))
		return not_allowed(err);
	return true;
}

/* --- resources --- */

static bool is_namespaced_path(const struct path *path, size_t at)
{
	if (!str_is(path->segments[at], "namespaces") || path->count < at + 3)
		return false;
	/* /namespaces/x/status and /finalize are of the namespace itself */
	return path->count > at + 3 || !(str_is(path->segments[at + 2], "status") ||
					 str_is(path->segments[at + 2], "finalize"));
}

static bool take_resource(struct request *req, const struct path *path, size_t at, struct str group,
			  struct str version, struct error *err)
{
	bool namespaced = is_namespaced_path(path, at);

	if (namespaced) {
		req->namespace = path->segments[at + 1];
		at += 2;
	}
	req->review = review_find(group, version, path->segments[at]);
	/* A right in a namespace is none to what is of the whole cluster. */
	if (req->review && namespaced != review_is_local(req->review))
		return not_found(err);
	if (req->review) {
		req->verb = REQUEST_CREATE;
		return str_is(req->http->head.method, "POST") && path->count == at + 1
			       ? true
			       : not_allowed(err);
	}
	if (namespaced && group.len == 0 && path->count == at + 1 &&
	    str_is(path->segments[at], "bindings")) { /* the older form of pods/binding */
		req->kind = kind_find(group, version, STR("pods"));
		req->subresource = STR("binding");
		return take_subresource(req, err) && take_verb(req, err);
	}
	req->kind = kind_find(group, version, path->segments[at]);
	if (!req->kind || (namespaced && !req->kind->namespaced))
		return not_found(err);
	if (path->count > at + 1)
		req->name = path->segments[at + 1];
	if (req->name.len > 0 && req->kind->namespaced && !namespaced)
		return not_found(err);
	if (path->count > at + 2) {
		req->subresource = path->segments[at + 2];
		req->rest = path->rests[at + 2];
		if (!take_subresource(req, err))
			return false;
		if (path->count > at + 3 && !str_is(req->subresource, "proxy"))
			return not_found(err);
	}
	return take_verb(req, err);
}

/* The deprecated form of ?watch=true; with a name it watches this one object. */
static bool take_watch(struct request *req, const struct path *path, size_t at, struct str group,
		       struct str version, struct error *err)
{
	req->params.watch = true;
	if (at == path->count)
		return not_found(err);
	if (!take_resource(req, path, at, group, version, err))
		return false;
	if (req->sub || !req->kind || (req->verb != REQUEST_GET && req->verb != REQUEST_WATCH) ||
	    !(req->kind->verbs & VERB_WATCH))
		return not_allowed(err);
	req->verb = REQUEST_WATCH;
	return true;
}

static bool take_path(struct request *req, const struct path *path, struct error *err)
{
	bool core = path->count > 0 && str_is(path->segments[0], "api");
	size_t at = core ? 2 : 3;
	struct str group = core ? STR("") : path->segments[1];
	struct str version = core ? path->segments[1] : path->segments[2];

	if (!core && (path->count == 0 || !str_is(path->segments[0], "apis")))
		return true;
	if (path->count <= at)
		return true; /* discovery */
	if (str_is(path->segments[at], "watch"))
		return take_watch(req, path, at + 1, group, version, err);
	return take_resource(req, path, at, group, version, err);
}

static bool has_body(const struct request *req)
{
	return req->verb == REQUEST_CREATE || req->verb == REQUEST_UPDATE ||
	       req->verb == REQUEST_PATCH || req->verb == REQUEST_DELETE ||
	       req->verb == REQUEST_DELETE_COLLECTION;
}

bool route_parse(struct request *req, struct error *err)
{
	struct path path = { 0 }; /* not in the arena: a watch keeps that for long */
	bool remote;

	if (!split(req, &path, err) || (!params_parse(req, err) && !is_proxy(&path)) ||
	    !route_remote(req, path.segments, path.count, &remote, err) ||
	    (!remote && !take_path(req, &path, err)))
		return false;
	if (!req->kind && !req->review)
		return true;
	if (!negotiate_answer(req, err))
		return req->verb == REQUEST_CONNECT; /* who answers it is not us */
	return !has_body(req) || (negotiate_body(req, err) && params_check(req, err));
}
