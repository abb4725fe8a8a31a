/*
 * authorize_node.c - the node authorizer: one row for each resource that a node has to do with.
 *
 * What a node writes into its objects is looked at by admission (server/registry/admit_node.c).
 */
#include "server/gate/authorize_node.h"

#include "server/gate/authenticate.h"
#include "server/registry/registry.h"
#include "server/server.h"

#define NODE_PREFIX "system:node:"

struct str authorize_node_name(const struct user *user)
{
	struct str name = str_of(user->name);

	if (!user_in_group(user, "system:nodes") || !str_starts(name, STR(NODE_PREFIX)))
		return STR_NONE;
	return str_from(name.at + strlen(NODE_PREFIX), name.len - strlen(NODE_PREFIX));
}

/* --- what pods need --- */

struct needs {
	/* what: "configMap", "secret", "serviceAccount", "claim" or "volume" */
	struct str node, what, name;
	struct registry *registry;
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

/* A claim of the pod, or the volume that such a claim is bound to. */
static bool claim_needs(const struct object *pod, const struct json *volume,
			const struct needs *needs)
{
	struct str direct = json_str(json_path(volume, "persistentVolumeClaim", "claimName", NULL));
	auto_buf name = BUF_INIT;
	const struct object *claim;

	if (direct.len > 0)
		buf_add_str(&name, direct);
	else if (json_get(volume, "ephemeral"))
		buf_add_print(&name, STR_FMT "-" STR_FMT, STR_ARG(object_name(pod)),
			      STR_ARG(json_str(json_get(volume, "name"))));
	if (name.len == 0 || str_is(needs->what, "claim"))
		return name.len > 0 && str_equal(buf_str(&name), needs->name);
	claim = registry_find(needs->registry,
			      kind_find_name(STR("v1"), STR("PersistentVolumeClaim")),
			      object_namespace(pod), buf_str(&name));
	return claim &&
	       str_equal(json_str(json_path(object_json(claim), "spec", "volumeName", NULL)),
			 needs->name);
}

static bool pod_needs_claim(const struct object *pod, const struct needs *needs)
{
	for (struct json_iter it = json_iter(json_path(object_json(pod), "spec", "volumes", NULL));
	     json_next(&it);)
		if (claim_needs(pod, it.value, needs))
			return true;
	return false;
}

static bool pod_needs(const struct json *spec, const struct needs *needs)
{
	static const char *const lists[] = { "containers", "initContainers",
					     "ephemeralContainers" };

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
		needs->found = str_is(needs->what, "claim") || str_is(needs->what, "volume")
				       ? pod_needs_claim(object, needs)
				       : pod_needs(spec, needs);
	object_trim(object);
	return !needs->found;
}

/* Does a pod on this node need that thing? */
static bool node_needs(struct server *server, const struct attributes *asked, struct str node,
		       const char *what)
{
	struct needs needs = { .node = node,
			       .what = str_of(what),
			       .name = asked->name,
			       .registry = server_registry(server) };

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

/* --- resources --- */

/* A pod of this node?  Of one that is gone the registry says so. */
static bool own_pod(struct server *server, const struct attributes *asked, struct str node)
{
	const struct object *pod =
		registry_find(server_registry(server), kind_find_name(STR("v1"), STR("Pod")),
			      asked->namespace, asked->name);

	return !pod ||
	       str_equal(json_str(json_path(object_json(pod), "spec", "nodeName", NULL)), node);
}

static bool is_object_or_status(const struct attributes *asked)
{
	return asked->subresource.len == 0 || str_is(asked->subresource, "status");
}

static bool on_pods(struct server *server, const struct attributes *asked, struct str node)
{
	if (!is_object_or_status(asked))
		return false;
	if (str_is(asked->verb, "list") || str_is(asked->verb, "watch"))
		return str_equal(asked->node, node);
	if (str_is(asked->verb, "create")) /* mirrors of its static pods: admission looks at them */
		return asked->subresource.len == 0 && asked->name.len == 0;
	if (asked->name.len == 0 || !own_pod(server, asked, node))
		return false;
	if (asked->subresource.len == 0)
		return str_is(asked->verb, "get") || str_is(asked->verb, "delete");
	return str_is(asked->verb, "get") || str_is(asked->verb, "update") ||
	       str_is(asked->verb, "patch");
}

/* All of them are read: the network between pods is made of them. */
static bool on_nodes(struct server *server, const struct attributes *asked, struct str node)
{
	(void)server;
	if (!is_object_or_status(asked))
		return false;
	if (is_read(asked->verb))
		return true;
	if (str_is(asked->verb, "create"))
		return asked->subresource.len == 0 &&
		       (asked->name.len == 0 || str_equal(asked->name, node));
	return str_equal(asked->name, node) &&
	       (str_is(asked->verb, "update") || str_is(asked->verb, "patch"));
}

static bool on_leases(struct server *server, const struct attributes *asked, struct str node)
{
	(void)server;
	return asked->subresource.len == 0 && str_is(asked->namespace, "kube-node-lease") &&
	       (asked->name.len == 0 ? str_is(asked->verb, "create")
				     : str_equal(asked->name, node));
}

static bool on_read(struct server *server, const struct attributes *asked, struct str node)
{
	(void)server;
	(void)node;
	return asked->subresource.len == 0 && is_read(asked->verb);
}

static bool on_events(struct server *server, const struct attributes *asked, struct str node)
{
	(void)server;
	(void)node;
	return asked->subresource.len == 0 &&
	       (str_is(asked->verb, "create") || str_is(asked->verb, "patch") ||
		str_is(asked->verb, "update"));
}

static bool on_configmaps(struct server *server, const struct attributes *asked, struct str node)
{
	return asked->subresource.len == 0 && str_is(asked->verb, "get") &&
	       node_needs(server, asked, node, "configMap");
}

static bool on_secrets(struct server *server, const struct attributes *asked, struct str node)
{
	return asked->subresource.len == 0 && str_is(asked->verb, "get") &&
	       node_needs(server, asked, node, "secret");
}

static bool on_accounts(struct server *server, const struct attributes *asked, struct str node)
{
	return str_is(asked->subresource, "token") && str_is(asked->verb, "create") &&
	       node_needs(server, asked, node, "serviceAccount");
}

static bool on_claims(struct server *server, const struct attributes *asked, struct str node)
{
	return asked->subresource.len == 0 && str_is(asked->verb, "get") &&
	       node_needs(server, asked, node, "claim");
}

static bool on_volumes(struct server *server, const struct attributes *asked, struct str node)
{
	return asked->subresource.len == 0 && str_is(asked->verb, "get") &&
	       node_needs(server, asked, node, "volume");
}

static const struct {
	const char *group, *resource;
	bool (*allows)(struct server *server, const struct attributes *asked, struct str node);
} rows[] = {
	{ "", "pods", on_pods },
	{ "", "nodes", on_nodes },
	{ "coordination.k8s.io", "leases", on_leases },
	{ "", "services", on_read },
	{ "discovery.k8s.io", "endpointslices", on_read },
	{ "node.k8s.io", "runtimeclasses", on_read },
	{ "", "events", on_events },
	{ "events.k8s.io", "events", on_events },
	{ "", "configmaps", on_configmaps },
	{ "", "secrets", on_secrets },
	{ "", "serviceaccounts", on_accounts },
	{ "", "persistentvolumeclaims", on_claims },
	{ "", "persistentvolumes", on_volumes },
};

bool authorize_node(struct server *server, const struct attributes *asked, struct buf *why)
{
	struct str node = authorize_node_name(asked->user);

	(void)why;
	if (node.len == 0)
		return false;
	if (asked->path.at)
		return str_is(asked->path, "/v1-mote/connect");
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (str_is(asked->group, rows[i].group) &&
		    str_is(asked->resource, rows[i].resource))
			return rows[i].allows(server, asked, node);
	return false;
}
