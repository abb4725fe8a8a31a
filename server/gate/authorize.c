/*
 * authorize.c - the authorization gate: an ordered table of rules; the first that says yes decides.
 *
 * Kinds of RBAC are not served yet, so the rules are built in: administrators do everything, nodes
 * do what a node must, the system's own service accounts do everything, everyone may look at what
 * the API offers.  See docs/decisions. Wordings:
 */
#include "server/gate/authorize.h"

#include "server/front/review.h"
#include "server/gate/authenticate.h"
#include "server/registry/registry.h"
#include "server/server.h"

#define NODE_PREFIX "system:node:"

struct rule {
	const char *name;
	bool (*allows)(struct server *server, const struct attributes *asked);
};

static bool by_masters(struct server *server, const struct attributes *asked)
{
	(void)server;
	return user_in_group(asked->user, "system:masters");
}

static bool by_system_accounts(struct server *server, const struct attributes *asked)
{
	(void)server;
	return user_in_group(asked->user, "system:serviceaccounts:kube-system");
}

static bool starts_with_any(struct str path, const char *const *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_starts(path, str_of(prefixes[i])))
			return true;
	return false;
}

/* What nobody needs a name for: is it alive, which version, and joining (guarded by its own token).
 */
static bool by_public(struct server *server, const struct attributes *asked)
{
	static const char *const open[] = { "/healthz", "/livez",   "/readyz",
					    "/version", "/cacerts", "/v1-mote/node" };

	(void)server;
	return asked->path.at && starts_with_any(asked->path, open, ARRAY_LENGTH(open));
}

/* system:discovery and system:basic-user: what is there, and questions about oneself. */
static bool by_authenticated(struct server *server, const struct attributes *asked)
{
	static const char *const open[] = { "/api",     "/apis",        "/openapi",
					    "/version", "/.well-known", "/openid" };

	(void)server;
	if (!user_in_group(asked->user, "system:authenticated"))
		return false;
	if (asked->path.at)
		return str_is(asked->verb, "get") &&
		       starts_with_any(asked->path, open, ARRAY_LENGTH(open));
	return str_is(asked->verb, "create") &&
	       (str_is(asked->resource, "selfsubjectaccessreviews") ||
		str_is(asked->resource, "selfsubjectrulesreviews") ||
		str_is(asked->resource, "selfsubjectreviews"));
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
	if (asked->name.len == 0)
		return str_is(asked->verb, "list") || str_is(asked->verb, "watch");
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

static bool by_node(struct server *server, const struct attributes *asked)
{
	struct str name = str_of(asked->user->name), node;

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
	{ "authenticated", by_authenticated },
	{ "node", by_node },
	{ "system accounts", by_system_accounts },
};

bool authorize_check(struct server *server, const struct attributes *asked)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rules); i++)
		if (rules[i].allows(server, asked))
			return true;
	return false;
}

/* --- the gate --- */

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

	/* Reading a log is reading; running a command is making something, whatever the method was.
	 */
	if (req->verb == REQUEST_CONNECT && str_is(req->subresource, "log"))
		return "get";
	return words[req->verb];
}

static bool refuse_path(struct request *req, struct str verb, struct error *err)
{
	return error_set(err, ERROR_FORBIDDEN,
			 "forbidden: User \"%s\" cannot " STR_FMT " path \"" STR_FMT "\"",
			 req->user.name, STR_ARG(verb), STR_ARG(req->http->path));
}

static bool refuse_resource(struct request *req, const struct attributes *asked, struct error *err)
{
	auto_buf scope = BUF_INIT;
	auto_buf what = BUF_INIT;

	if (asked->namespace.len > 0)
		buf_add_print(&scope, "in the namespace \"" STR_FMT "\"",
			      STR_ARG(asked->namespace));
	else
		buf_add_text(&scope, "at the cluster scope");
	buf_add_str(&what, asked->resource);
	if (asked->group.len > 0)
		buf_add_print(&what, "." STR_FMT, STR_ARG(asked->group));
	if (asked->name.len > 0)
		buf_add_print(&what, " \"" STR_FMT "\"", STR_ARG(asked->name));
	return error_set(err, ERROR_FORBIDDEN,
			 "%s is forbidden: User \"%s\" cannot " STR_FMT " resource \"" STR_FMT
			 "%s" STR_FMT "\" in API group \"" STR_FMT "\" %s",
			 buf_text(&what), req->user.name, STR_ARG(asked->verb),
			 STR_ARG(asked->resource), asked->subresource.len ? "/" : "",
			 STR_ARG(asked->subresource), STR_ARG(asked->group), buf_text(&scope));
}

static struct attributes attributes_of(struct request *req)
{
	struct attributes asked = { .user = &req->user, .verb = str_of(authorize_verb(req)) };

	if (req->review) {
		asked.verb = STR("create");
		asked.resource = str_of(review_plural(req->review));
		asked.namespace = req->namespace;
	} else if (req->kind) {
		asked.group = str_of(req->kind->group);
		asked.resource = str_of(req->kind->plural);
		asked.subresource = req->subresource;
		asked.namespace = req->kind->namespaced                  ? req->namespace
				  : str_is(asked.resource, "namespaces") ? req->name
									 : STR_NONE;
		asked.name = req->name;
	} else {
		asked.verb = str_is(req->http->head.method, "GET") ||
					     str_is(req->http->head.method, "HEAD")
				     ? STR("get")
				     : STR("post");
		asked.path = req->http->path;
	}
	return asked;
}

enum step authorize_pass(struct request *req, struct error *err)
{
	struct attributes asked = attributes_of(req);

	if (authorize_check(req->server, &asked))
		return STEP_NEXT;
	if (asked.path.at)
		refuse_path(req, asked.verb, err);
	else
		refuse_resource(req, &asked, err);
	return STEP_FAIL;
}
