/*
 * admit_node.c - what a node may write into the objects that it may write: nothing that makes it
 * another node, or gets it pods that are not meant for it.
 */
#include "server/gate/authorize_node.h"
#include "server/registry/admit.h"
#include "server/registry/registry_inside.h"

/* Labels that only administrators give. */
#define RESTRICTED "node-restriction.kubernetes.io"

static bool refuse(const struct admit_work *work, struct str node, const char *what,
		   struct error *err)
{
	return error_set(
		err, ERROR_FORBIDDEN, "%s \"" STR_FMT "\" is forbidden: node \"" STR_FMT "\" %s",
		work->kind->plural, STR_ARG(meta_str(work->object, "name")), STR_ARG(node), what);
}

/* "node-restriction.kubernetes.io/x" and "y.node-restriction.kubernetes.io/x" */
static bool is_restricted(struct str key)
{
	struct str domain = str_cut(&key, '/');

	return str_is(domain, RESTRICTED) || str_ends(domain, STR("." RESTRICTED));
}

/* Every restricted label of one is the same in the other. */
static bool same_restricted(const struct json *one, const struct json *other)
{
	const struct json *there = json_get(meta_of(other), "labels");

	for (struct json_iter it = json_iter(json_get(meta_of(one), "labels")); json_next(&it);)
		if (is_restricted(it.key) && !json_equal(it.value, json_get_str(there, it.key)))
			return false;
	return true;
}

static bool same(const struct json *one, const struct json *other)
{
	return json_count(one) == 0 ? json_count(other) == 0 : json_equal(one, other);
}

static bool same_meta(const struct admit_work *work, const char *field)
{
	return same(json_get(meta_of(work->object), field), json_get(meta_of(work->old), field));
}

static bool check_node(const struct admit_work *work, struct str node, struct error *err)
{
	if (!str_equal(meta_str(work->object, "name"), node))
		return refuse(work, node, "is not allowed to modify another node", err);
	if (!same_restricted(work->object, work->old) || !same_restricted(work->old, work->object))
		return refuse(work, node,
			      "is not allowed to modify labels of node-restriction.kubernetes.io",
			      err);
	if (!same_meta(work, "ownerReferences"))
		return refuse(work, node, "is not allowed to modify ownerReferences", err);
	if (work->old && !same(json_path(work->object, "spec", "taints", NULL),
			       json_path(work->old, "spec", "taints", NULL)))
		return refuse(work, node, "is not allowed to modify taints", err);
	return true;
}

/* --- mirrors of static pods: all that a node may make --- */

static bool env_refers(const struct json *container)
{
	for (struct json_iter it = json_iter(json_get(container, "envFrom")); json_next(&it);)
		if (json_get(it.value, "configMapRef") || json_get(it.value, "secretRef"))
			return true;
	for (struct json_iter it = json_iter(json_get(container, "env")); json_next(&it);) {
		const struct json *from = json_get(it.value, "valueFrom");

		if (json_get(from, "configMapKeyRef") || json_get(from, "secretKeyRef"))
			return true;
	}
	return false;
}

static bool volume_refers(const struct json *volume)
{
	static const char *const fields[] = { "secret", "configMap", "persistentVolumeClaim",
					      "ephemeral", "csi" };

	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		if (json_get(volume, fields[i]))
			return true;
	for (struct json_iter it = json_iter(json_path(volume, "projected", "sources", NULL));
	     json_next(&it);)
		if (!json_get(it.value, "downwardAPI"))
			return true;
	return false;
}

/* Would the node get to read anything by it? */
static bool refers(const struct json *spec)
{
	static const char *const lists[] = { "initContainers", "containers",
					     "ephemeralContainers" };

	if (json_str(json_get(spec, "serviceAccountName")).len > 0 ||
	    json_count(json_get(spec, "imagePullSecrets")) > 0 ||
	    json_count(json_get(spec, "resourceClaims")) > 0)
		return true;
	for (struct json_iter it = json_iter(json_get(spec, "volumes")); json_next(&it);)
		if (volume_refers(it.value))
			return true;
	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(spec, lists[i])); json_next(&it);)
			if (env_refers(it.value))
				return true;
	return false;
}

static bool is_owned_by_node(const struct admit_work *work, struct str node)
{
	const struct json *list = json_get(meta_of(work->object), "ownerReferences");
	const struct json *owner = json_at(list, 0);
	const struct object *known = registry_find(
		work->registry, kind_find_name(STR("v1"), STR("Node")), STR(""), node);

	return json_count(list) == 1 && known &&
	       str_is(json_str(json_get(owner, "kind")), "Node") &&
	       str_is(json_str(json_get(owner, "apiVersion")), "v1") &&
	       str_equal(json_str(json_get(owner, "name")), node) &&
	       str_equal(json_str(json_get(owner, "uid")), object_uid(known)) &&
	       json_bool(json_get(owner, "controller")) &&
	       !json_bool(json_get(owner, "blockOwnerDeletion"));
}

static bool check_mirror(const struct admit_work *work, struct str node, struct error *err)
{
	const struct json *spec = json_get(work->object, "spec");

	if (!meta_annotation(work->object, "kubernetes.io/config.mirror").at)
		return refuse(work, node, "can only create mirror pods", err);
	if (!str_equal(json_str(json_get(spec, "nodeName")), node))
		return refuse(work, node, "can only create pods with spec.nodeName set to itself",
			      err);
	if (!is_owned_by_node(work, node))
		return refuse(work, node,
			      "can only create pods with an owner reference set to itself", err);
	return !refers(spec) ||
	       refuse(work, node,
		      "can not create pods that reference secrets, configmaps, claims or "
		      "serviceaccounts",
		      err);
}

static bool check_pod(const struct admit_work *work, struct str node, struct error *err)
{
	if (!work->old && !*work->subresource)
		return check_mirror(work, node, err);
	if (strcmp(work->subresource, "status") != 0)
		return true;
	return same_meta(work, "labels") ||
	       refuse(work, node, "cannot update labels through pod status", err);
}

static bool check_lease(const struct admit_work *work, struct str node, struct error *err)
{
	return str_equal(meta_str(work->object, "name"), node) ||
	       refuse(work, node, "can only access the lease with its own name", err);
}

static bool admit(const struct admit_work *work, struct error *err)
{
	static const struct {
		const char *kind;
		bool (*check)(const struct admit_work *work, struct str node, struct error *err);
	} rows[] = { { "Node", check_node }, { "Pod", check_pod }, { "Lease", check_lease } };
	struct str node = work->user ? authorize_node_name(work->user) : STR_NONE;

	if (node.len == 0 || strcmp(work->subresource, "delete") == 0)
		return true;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (strcmp(work->kind->name, rows[i].kind) == 0)
			return rows[i].check(work, node, err);
	return true;
}

const struct admit_row admit_node = { .name = "NodeRestriction", .admit = admit };
