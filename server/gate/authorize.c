/*
 * authorize.c - the authorization gate: an ordered table of rules; the first that says yes decides.
 *
 * Administrators do everything, nodes do what a node must, everybody else what roles and bindings
 * give (rbac.h).  See docs/decisions/0015-rbac.md.
 */
#include "server/gate/authorize.h"

#include <ctype.h>

#include "api/names.h"
#include "api/selector.h"
#include "server/front/review.h"
#include "server/gate/authenticate.h"
#include "server/gate/authorize_node.h"
#include "server/gate/rbac.h"
#include "server/registry/registry.h"
#include "server/server.h"

struct rule {
	const char *name;
	bool (*allows)(struct server *server, const struct attributes *asked, struct buf *why);
};

static bool by_masters(struct server *server, const struct attributes *asked, struct buf *why)
{
	(void)server;
	(void)why;
	return user_in_group(asked->user, "system:masters");
}

/* "/livez" and what is below it */
static bool is_below(struct str path, const char *top)
{
	struct str rest = path;

	return str_starts(path, str_of(top)) &&
	       (path.len == strlen(top) || rest.at[strlen(top)] == '/');
}

/* What nobody needs a role for, so that it works whatever has become of them: is it alive, and
 * joining (guarded by its own token). */
static bool by_public(struct server *server, const struct attributes *asked, struct buf *why)
{
	static const struct {
		const char *path;
		bool below; /* and what is below it */
	} open[] = { { "/healthz", true },
		     { "/livez", true },
		     { "/readyz", true },
		     { "/cacerts", false },
		     { "/v1-mote/node", false } };

	(void)server;
	(void)why;
	for (size_t i = 0; asked->path.at && i < ARRAY_LENGTH(open); i++)
		if (open[i].below ? is_below(asked->path, open[i].path)
				  : str_is(asked->path, open[i].path))
			return true;
	return false;
}

static bool by_roles(struct server *server, const struct attributes *asked, struct buf *why)
{
	return rbac_allows(server_rbac(server), asked, why);
}

static const struct rule rules[] = {
	{ "masters", by_masters },
	{ "public", by_public },
	{ "node", authorize_node },
	{ "roles", by_roles },
};

bool authorize_explain(struct server *server, const struct attributes *asked, struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rules); i++)
		if (rules[i].allows(server, asked, why))
			return true;
	return false;
}

bool authorize_check(struct server *server, const struct attributes *asked)
{
	return authorize_explain(server, asked, NULL);
}

/* --- the gate --- */

static const char *proxy_verb(struct str method)
{
	static const char *const rows[][2] = { { "GET", "get" },
					       { "HEAD", "get" },
					       { "PUT", "update" },
					       { "PATCH", "patch" },
					       { "DELETE", "delete" } };

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (str_is(method, rows[i][0]))
			return rows[i][1];
	return "create";
}

const char *authorize_verb(const struct request *req)
{
	static const char *const words[] = {
		[REQUEST_NONE] = "",
		[REQUEST_GET] = "get",
		[REQUEST_LIST] = "list",
		[REQUEST_WATCH] = "watch",
		[REQUEST_CREATE] = "create",
		[REQUEST_UPDATE] = "update",
		[REQUEST_PATCH] = "patch",
		[REQUEST_DELETE] = "delete",
		[REQUEST_DELETE_COLLECTION] = "deletecollection",
		[REQUEST_CONNECT] = "create",
	};

	/* Reading a log is reading; running a command is making something, whatever the method was;
	 * behind a proxy the method says it. */
	if (req->verb == REQUEST_CONNECT && str_is(req->subresource, "proxy"))
		return proxy_verb(req->http->head.method);
	if (req->verb == REQUEST_CONNECT && str_is(req->subresource, "log"))
		return "get";
	return words[req->verb];
}

/* As the real server does it: what the caller sent is shown to browsers, too. */
static void add_escaped(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c == '&')
			buf_add_text(out, "&amp;");
		else if (c == '<')
			buf_add_text(out, "&lt;");
		else if (c == '>')
			buf_add_text(out, "&gt;");
		else
			buf_add_byte(out, c);
	}
}

static void describe_resource(const struct attributes *asked, struct buf *out)
{
	buf_add_print(out,
		      "cannot " STR_FMT " resource \"" STR_FMT "%s" STR_FMT
		      "\" in API group \"" STR_FMT "\"",
		      STR_ARG(asked->verb), STR_ARG(asked->resource),
		      asked->subresource.len ? "/" : "", STR_ARG(asked->subresource),
		      STR_ARG(asked->group));
	if (asked->namespace.len > 0)
		buf_add_print(out, " in the namespace \"" STR_FMT "\"", STR_ARG(asked->namespace));
	else
		buf_add_text(out, " at the cluster scope");
}

bool authorize_refuse(const struct attributes *asked, struct str why, struct error *err)
{
	auto_buf text = BUF_INIT;
	auto_buf what = BUF_INIT;
	auto_buf said = BUF_INIT;

	buf_add_print(&said, "User \"%s\" ", asked->user->name);
	if (asked->path.at) {
		buf_add_print(&said, "cannot " STR_FMT " path \"" STR_FMT "\"",
			      STR_ARG(asked->verb), STR_ARG(asked->path));
	} else {
		describe_resource(asked, &said);
		buf_add_str(&what, asked->resource);
		if (asked->group.len > 0)
			buf_add_print(&what, "." STR_FMT, STR_ARG(asked->group));
		if (asked->name.len > 0)
			buf_add_print(&what, " \"" STR_FMT "\"", STR_ARG(asked->name));
		buf_add_text(&what, " is ");
	}
	add_escaped(&text, buf_str(&said));
	return error_set(err, ERROR_FORBIDDEN, "%sforbidden: %s%s" STR_FMT, buf_text(&what),
			 buf_text(&text), why.len ? ": " : "", STR_ARG(why));
}

/* A list or watch of what its field selector names is a question about that: one object, or the
 * pods of one node. */
static struct str selected(const struct request *req, const char *field)
{
	struct selector *selector = NULL;
	struct str name = STR_NONE;
	struct error unused;

	if ((req->verb != REQUEST_LIST && req->verb != REQUEST_WATCH) ||
	    req->params.field_selector.len == 0 ||
	    !selector_parse_fields(req->params.field_selector, req->kind, &selector, &unused))
		return STR_NONE;
	name = selector_wanted(selector, field);
	if (name.len > 0)
		name = str_of(str_copy_arena(name, req->arena));
	selector_free(selector);
	return name.len > 0 && !name_check(NAME_PATH_SEGMENT, name) ? name : STR_NONE;
}

static struct str path_verb(struct request *req)
{
	char *method = str_copy_arena(req->http->head.method, req->arena);

	for (char *at = method; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return str_of(method);
}

static struct attributes attributes_of(struct request *req)
{
	struct attributes asked = { .user = &req->user, .verb = str_of(authorize_verb(req)) };

	if (req->review) {
		asked.verb = STR("create");
		asked.group = str_of(review_group(req->review));
		asked.resource = str_of(review_plural(req->review));
		asked.namespace = req->namespace;
	} else if (req->kind) {
		asked.group = str_of(req->kind->group);
		asked.resource = str_of(req->kind->plural);
		asked.subresource = req->subresource;
		asked.namespace = req->kind->namespaced                  ? req->namespace
				  : str_is(asked.resource, "namespaces") ? req->name
									 : STR_NONE;
		asked.name = req->name.len > 0 ? req->name : selected(req, "metadata.name");
		asked.node = selected(req, "spec.nodeName");
	} else if (req->remote && req->remote->resource.len > 0) {
		asked.group = req->remote->group;
		asked.resource = req->remote->resource;
		asked.subresource = req->subresource;
		asked.namespace = req->namespace;
		asked.name = req->name;
	} else {
		asked.verb = path_verb(req);
		asked.path = req->http->path;
	}
	return asked;
}

enum step authorize_pass(struct request *req, struct error *err)
{
	struct attributes asked = attributes_of(req);
	auto_buf why = BUF_INIT;

	if (authorize_explain(req->server, &asked, &why))
		return STEP_NEXT;
	authorize_refuse(&asked, buf_str(&why), err);
	http_reply_header(req->http, "X-Content-Type-Options", "nosniff");
	return STEP_FAIL;
}
