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
#include "server/gate/rbac.h"
#include "server/registry/registry.h"
#include "server/server.h"

#define NODE_PREFIX "system:node:"

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
	static const char *const open[] = { "/healthz", "/livez", "/readyz", "/cacerts",
					    "/v1-mote/node" };

	(void)server;
	(void)why;
	for (size_t i = 0; asked->path.at && i < ARRAY_LENGTH(open); i++)
		if (is_below(asked->path, open[i]))
			return true;
	return false;
}

static bool by_roles(struct server *server, const struct attributes *asked, struct buf *why)
{
	return rbac_allows(server_rbac(server), asked, why);
}

/* --- nodes: the node authorizer and its restriction --- */

struct needs {
	struct str node, what, name; /* what: "configMap" or "secret" or "serviceAccount" */
	bool found;
};

static bool volume_needs(const struct json *volume, const struct needs *needs)
{
	bool map = str_is(needs->what, "configMap");
	struct str direct = map ? json_str(json_path(volume, "configMap", "name", NULL))
				: json_str(json_path(volume, "secret", "secretName", NULL));

	if (str_equal(direct, needs->name))
		return true;
	for (struct json_iter it = json_iter(json_path(volume, "projected", "sources", NULL));
	     json_next(&it);)
		if (str_equal(json_str(json_path(it.value, map ? "configMap" : "secret", "name",
						 NULL)),
			      needs->name))
			return true;
	return false;
}

static bool container_needs(const struct json *container, const struct needs *needs)
{
	bool map = str_is(needs->what, "configMap");

	for (struct json_iter it = json_iter(json_get(container, "envFrom")); json_next(&it);)
		if (str_equal(json_str(json_path(it.value, map ? "configMapRef" : "secretRef",
						 "name", NULL)),
			      needs->name))
			return true;
	for (struct json_iter it = json_iter(json_get(container, "env")); json_next(&it);)
		if (str_equal(json_str(json_path(it.value, "valueFrom",
						 map ? "configMapKeyRef" : "secretKeyRef", "name",
						 NULL)),
			      needs->name))
			return true;
	return false;
}

static bool pod_needs(const struct json *spec, const struct needs *needs)
{
	static const char *const lists[] = { "containers", "initContainers" };

	if (str_is(needs->what, "serviceAccount"))
		return str_equal(json_str(json_get(spec, "serviceAccountName")), needs->name);
	for (struct json_iter it = json_iter(json_get(spec, "volumes")); json_next(&it);)
		if (volume_needs(it.value, needs))
			return true;
	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(spec, lists[i])); json_next(&it);)
			if (container_needs(it.value, needs))
				return true;
	for (struct json_iter it = json_iter(json_get(spec, "imagePullSecrets")); json_next(&it);)
		if (str_is(needs->what, "secret") &&
		    str_equal(json_str(json_get(it.value, "name")), needs->name))
			return true;
	return false;
}

static bool visit_pod(void *of, const struct object *object)
{
	struct needs *needs = of;
	const struct json *spec = json_get(object_json(object), "spec");

	if (str_equal(json_str(json_get(spec, "nodeName")), needs->node))
		needs->found = pod_needs(spec, needs);
	object_trim(object);
	return !needs->found;
}

/* Does a pod on this node need that thing? */
static bool node_needs(struct server *server, const struct attributes *asked, struct str node,
		       const char *what)
{
	struct needs needs = { .node = node, .what = str_of(what), .name = asked->name };

	if (asked->name.len == 0)
		return false;
	registry_each(server_registry(server), kind_find_name(STR("v1"), STR("Pod")),
		      asked->namespace, visit_pod, &needs);
	return needs.found;
}

static bool is_read(struct str verb)
{
	return str_is(verb, "get") || str_is(verb, "list") || str_is(verb, "watch");
}

/* A pod of this node?  Lists and watches are narrowed by the road to spec.nodeName. */
static bool own_pod(struct server *server, const struct attributes *asked, struct str node)
{
	const struct object *pod =
		registry_find(server_registry(server), kind_find_name(STR("v1"), STR("Pod")),
			      asked->namespace, asked->name);

	return pod &&
	       str_equal(json_str(json_path(object_json(pod), "spec", "nodeName", NULL)), node);
}

static bool node_on_pods(struct server *server, const struct attributes *asked, struct str node)
{
	if (str_is(asked->verb, "list") || str_is(asked->verb, "watch"))
		return true;
	if (asked->name.len == 0)
		return false;
	if (asked->subresource.len > 0 && !str_is(asked->subresource, "status"))
		return false;
	if (str_is(asked->verb, "get"))
		return true;
	return own_pod(server, asked, node) &&
	       (str_is(asked->verb, "delete") || str_is(asked->subresource, "status"));
}

static bool node_on_nodes(const struct attributes *asked, struct str node)
{
	if (is_read(asked->verb))
		return true;
	if (str_is(asked->verb, "create"))
		return asked->name.len == 0 || str_equal(asked->name, node);
	return str_equal(asked->name, node) &&
	       (str_is(asked->verb, "update") || str_is(asked->verb, "patch"));
}

static bool by_node(struct server *server, const struct attributes *asked, struct buf *why)
{
	struct str name = str_of(asked->user->name), node;

	(void)why;
	if (!user_in_group(asked->user, "system:nodes") || !str_starts(name, STR(NODE_PREFIX)))
		return false;
	node = str_from(name.at + strlen(NODE_PREFIX), name.len - strlen(NODE_PREFIX));
	if (asked->path.at)
		return str_is(asked->path, "/v1-mote/connect");
	if (str_is(asked->resource, "pods"))
		return node_on_pods(server, asked, node);
	if (str_is(asked->resource, "nodes"))
		return node_on_nodes(asked, node);
	if (str_is(asked->resource, "leases"))
		return str_is(asked->namespace, "kube-node-lease") &&
		       (asked->name.len == 0 ? str_is(asked->verb, "create")
					     : str_equal(asked->name, node));
	if (str_is(asked->resource, "services") || str_is(asked->resource, "endpointslices"))
		return is_read(asked->verb);
	if (str_is(asked->resource, "events"))
		return str_is(asked->verb, "create") || str_is(asked->verb, "patch") ||
		       str_is(asked->verb, "update");
	if (str_is(asked->resource, "configmaps"))
		return str_is(asked->verb, "get") && node_needs(server, asked, node, "configMap");
	if (str_is(asked->resource, "secrets"))
		return str_is(asked->verb, "get") && node_needs(server, asked, node, "secret");
	if (str_is(asked->resource, "serviceaccounts"))
		return str_is(asked->subresource, "token") &&
		       node_needs(server, asked, node, "serviceAccount");
	return false;
}

static const struct rule rules[] = {
	{ "masters", by_masters },
	{ "public", by_public },
	{ "node", by_node },
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

/* A list or watch of the one object that its field selector names is a question about that. */
static struct str selected_name(const struct request *req)
{
	struct selector *selector = NULL;
	struct str name = STR_NONE;
	struct error unused;

	if ((req->verb != REQUEST_LIST && req->verb != REQUEST_WATCH) ||
	    req->params.field_selector.len == 0 ||
	    !selector_parse_fields(req->params.field_selector, req->kind, &selector, &unused))
		return STR_NONE;
	name = selector_wanted(selector, "metadata.name");
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
		asked.name = req->name.len > 0 ? req->name : selected_name(req);
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
