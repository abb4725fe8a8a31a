/*
 * route_remote.c - requests for APIs that other servers answer for.
 *
 * Nothing is known of their resources: the path alone says what is asked for, by the rules that
 * every API of Kubernetes keeps.
 */
#include "api/names.h"
#include "server/aggregate/remote_api.h"
#include "server/front/route.h"

#define HEAD 3 /* segments before the resource: apis, group, version */

static enum request_verb verb_of(const struct request *req, bool named)
{
	static const struct {
		const char *method;
		enum request_verb one, many; /* with and without a name */
	} rows[] = {
		{ "GET", REQUEST_GET, REQUEST_LIST },
		{ "HEAD", REQUEST_GET, REQUEST_LIST },
		{ "POST", REQUEST_CREATE, REQUEST_CREATE },
		{ "PUT", REQUEST_UPDATE, REQUEST_UPDATE },
		{ "PATCH", REQUEST_PATCH, REQUEST_PATCH },
		{ "DELETE", REQUEST_DELETE, REQUEST_DELETE_COLLECTION },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (str_is(req->http->head.method, rows[i].method))
			return named                                               ? rows[i].one
			       : rows[i].many == REQUEST_LIST && req->params.watch ? REQUEST_WATCH
										   : rows[i].many;
	return REQUEST_NONE;
}

/* Of several values some servers take the first, some the last: none may be judged and another one
 * be done. */
static bool check_once(const struct request *req, const char *name, struct error *err)
{
	size_t count = 0;

	for (size_t i = 0; i < req->query_count; i++)
		count += str_is(req->query[i].name, name);
	return count <= 1 ||
	       error_set(err, ERROR_BAD_REQUEST, "%s may not be said more than once", name);
}

/* A list or watch of one name is a question about that one object. */
static struct str selected_name(const struct request *req)
{
	struct str rest = req->params.field_selector, name = STR_NONE;

	if (req->verb != REQUEST_LIST && req->verb != REQUEST_WATCH)
		return STR_NONE;
	while (rest.len > 0) {
		struct str term = str_cut(&rest, ','), field = str_cut(&term, '=');

		if (str_starts(term, STR("=")))
			str_cut(&term, '=');
		if (str_is(field, "metadata.name"))
			name = term;
	}
	return name.len > 0 && !name_check(NAME_PATH_SEGMENT, name) ? name : STR_NONE;
}

static void take_parts(struct request *req, struct remote_ask *remote, const struct str *segments,
		       size_t count)
{
	size_t at = HEAD;
	bool watch = str_is(segments[at], "watch") && count > at + 1;

	at += watch;
	if (str_is(segments[at], "namespaces") && count > at + 1) {
		req->namespace = segments[at + 1];
		if (count > at + 2 && !str_is(segments[at + 2], "status") &&
		    !str_is(segments[at + 2], "finalize"))
			at += 2;
	}
	remote->resource = segments[at];
	if (count > at + 1)
		req->name = segments[at + 1];
	if (count > at + 2)
		req->subresource = segments[at + 2];
	req->verb = watch ? REQUEST_WATCH : verb_of(req, req->name.len > 0);
	if (req->name.len == 0)
		req->name = selected_name(req);
}

bool route_remote(struct request *req, const struct str *segments, size_t count, bool *out_is,
		  struct error *err)
{
	struct remote_ask *remote;

	*out_is = count >= HEAD && str_is(segments[0], "apis") &&
		  remote_api_find(req->server, segments[1], segments[2]);
	if (!*out_is)
		return true;
	remote = arena_zero(req->arena, sizeof(*remote));
	remote->group = segments[1];
	remote->version = segments[2];
	if (!check_once(req, "watch", err) || !check_once(req, "fieldSelector", err))
		return false;
	if (count > HEAD)
		take_parts(req, remote, segments, count);
	req->remote = remote;
	return true;
}
