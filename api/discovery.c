/*
 * discovery.c - discovery documents from the kinds' rows.
 */
#include "api/discovery.h"

#include <assert.h>

#include "api/kind.h"

/* Groups in order of priority; a group's kinds are those of kind_list.  `virtual`: resources that
 * only answer. */
static const struct {
	const char *group, *version;
	const char *virtual[5][2]; /* plural, kind */
} groups[] = {
	{ "", "v1", { { NULL, NULL } } },
	{ "apiregistration.k8s.io", "v1", { { NULL, NULL } } },
	{ "apps", "v1", { { NULL, NULL } } },
	{ "authentication.k8s.io",
	  "v1",
	  { { "selfsubjectreviews", "SelfSubjectReview" },
	    { "tokenreviews", "TokenReview" },
	    { NULL, NULL } } },
	{ "authorization.k8s.io",
	  "v1",
	  { { "selfsubjectaccessreviews", "SelfSubjectAccessReview" },
	    { "selfsubjectrulesreviews", "SelfSubjectRulesReview" },
	    { "subjectaccessreviews", "SubjectAccessReview" },
	    { NULL, NULL } } },
	{ "certificates.k8s.io", "v1", { { NULL, NULL } } },
	{ "networking.k8s.io", "v1", { { NULL, NULL } } },
	{ "rbac.authorization.k8s.io", "v1", { { NULL, NULL } } },
	{ "storage.k8s.io", "v1", { { NULL, NULL } } },
	{ "admissionregistration.k8s.io", "v1", { { NULL, NULL } } },
	{ "apiextensions.k8s.io", "v1", { { NULL, NULL } } },
	{ "coordination.k8s.io", "v1", { { NULL, NULL } } },
	{ "discovery.k8s.io", "v1", { { NULL, NULL } } },
	{ "flowcontrol.apiserver.k8s.io", "v1", { { NULL, NULL } } },
	{ "events.k8s.io", "v1", { { NULL, NULL } } },
};

static const struct {
	unsigned bit;
	const char *name;
} verb_rows[] = {
	{ VERB_CREATE, "create" },
	{ VERB_DELETE, "delete" },
	{ VERB_DELETE_COLLECTION, "deletecollection" },
	{ VERB_GET, "get" },
	{ VERB_LIST, "list" },
	{ VERB_PATCH, "patch" },
	{ VERB_UPDATE, "update" },
	{ VERB_WATCH, "watch" },
};

bool discovery_group_version(size_t i, struct str *out_group, struct str *out_version)
{
	if (i >= ARRAY_LENGTH(groups))
		return false;
	*out_group = str_of(groups[i].group);
	*out_version = str_of(groups[i].version);
	return true;
}

static struct json *verbs_of(struct json_doc *doc, unsigned verbs)
{
	struct json *list = json_new_array(doc);

	for (size_t i = 0; i < ARRAY_LENGTH(verb_rows); i++)
		if (verbs & verb_rows[i].bit)
			json_append(list, json_new_text(doc, verb_rows[i].name));
	return list;
}

static struct json *texts_of(struct json_doc *doc, const char *const *texts)
{
	struct json *list = json_new_array(doc);

	for (; texts && *texts; texts++)
		json_append(list, json_new_text(doc, *texts));
	return list;
}

static void put_text(struct json_doc *doc, struct json *to, const char *key, const char *text)
{
	json_put(doc, to, key, json_new_text(doc, text));
}

static void put_singular(struct json_doc *doc, struct json *to, const char *key, const char *name)
{
	auto_buf lower = BUF_INIT;

	for (; *name; name++)
		buf_add_byte(&lower, *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name);
	json_put(doc, to, key, json_new_str(doc, buf_str(&lower)));
}

static bool is_of(const struct kind *kind, size_t group)
{
	return strcmp(kind->group, groups[group].group) == 0 &&
	       strcmp(kind->version, groups[group].version) == 0;
}

/* --- aggregated --- */

static struct json *response_kind(struct json_doc *doc, const char *group, const char *version,
				  const char *kind)
{
	struct json *response = json_new_object(doc);

	put_text(doc, response, "group", group);
	put_text(doc, response, "version", version);
	put_text(doc, response, "kind", kind);
	return response;
}

static struct json *aggregated_sub(struct json_doc *doc, const struct kind *kind,
				   const struct subresource *sub)
{
	struct json *item = json_new_object(doc);

	put_text(doc, item, "subresource", sub->name);
	json_put(doc, item, "responseKind",
		 response_kind(doc, sub->group ? sub->group : kind->group,
			       sub->version ? sub->version : kind->version,
			       sub->kind ? sub->kind : kind->name));
	json_put(doc, item, "verbs", verbs_of(doc, sub->verbs));
	return item;
}

static struct json *aggregated_kind(struct json_doc *doc, const struct kind *kind)
{
	struct json *item = json_new_object(doc);

	put_text(doc, item, "resource", kind->plural);
	json_put(doc, item, "responseKind",
		 response_kind(doc, kind->group, kind->version, kind->name));
	put_text(doc, item, "scope", kind->namespaced ? "Namespaced" : "Cluster");
	put_singular(doc, item, "singularResource", kind->singular ? kind->singular : kind->name);
	json_put(doc, item, "verbs", verbs_of(doc, kind->verbs));
	if (kind->short_names)
		json_put(doc, item, "shortNames", texts_of(doc, kind->short_names));
	if (kind->categories)
		json_put(doc, item, "categories", texts_of(doc, kind->categories));
	for (const struct subresource *sub = kind->subresources; sub && sub->name; sub++)
		json_append(json_sub_array(doc, item, "subresources"),
			    aggregated_sub(doc, kind, sub));
	return item;
}

static struct json *aggregated_virtual(struct json_doc *doc, size_t group, size_t i)
{
	struct json *item = json_new_object(doc);

	put_text(doc, item, "resource", groups[group].virtual[i][0]);
	json_put(doc, item, "responseKind",
		 response_kind(doc, groups[group].group, groups[group].version,
			       groups[group].virtual[i][1]));
	put_text(doc, item, "scope", "Cluster");
	put_singular(doc, item, "singularResource", groups[group].virtual[i][1]);
	json_put(doc, item, "verbs", verbs_of(doc, VERB_CREATE));
	return item;
}

static struct json *aggregated_group(struct json_doc *doc, size_t group)
{
	struct json *item = json_new_object(doc), *version = json_new_object(doc), *resources;

	put_text(doc, json_sub_object(doc, item, "metadata"), "name", groups[group].group);
	json_append(json_sub_array(doc, item, "versions"), version);
	put_text(doc, version, "version", groups[group].version);
	put_text(doc, version, "freshness", "Current");
	resources = json_sub_array(doc, version, "resources");
	for (const struct kind *const *at = kind_list; *at; at++)
		if (is_of(*at, group))
			json_append(resources, aggregated_kind(doc, *at));
	for (size_t i = 0; groups[group].virtual[i][0]; i++)
		json_append(resources, aggregated_virtual(doc, group, i));
	return item;
}

void discovery_print_aggregated(bool core, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *list = json_new_object(doc), *items;

	put_text(doc, list, "kind", "APIGroupDiscoveryList");
	put_text(doc, list, "apiVersion", "apidiscovery.k8s.io/v2");
	json_sub_object(doc, list, "metadata");
	items = json_sub_array(doc, list, "items");
	for (size_t i = 0; i < ARRAY_LENGTH(groups); i++)
		if (core == (groups[i].group[0] == '\0'))
			json_append(items, aggregated_group(doc, i));
	json_print(list, out);
}

/* --- legacy --- */

void discovery_print_versions(struct buf *out)
{
	buf_add_text(
		out,
		"{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":"
		"[{\"clientCIDR\":\"0.0.0.0/0\",\"serverAddress\":\"\"}]}");
}

static struct json *legacy_group(struct json_doc *doc, size_t group)
{
	struct json *item = json_new_object(doc), *version = json_new_object(doc);

	json_put(doc, version, "groupVersion",
		 json_new_print(doc, "%s/%s", groups[group].group, groups[group].version));
	put_text(doc, version, "version", groups[group].version);
	put_text(doc, item, "name", groups[group].group);
	json_append(json_sub_array(doc, item, "versions"), version);
	json_put(doc, item, "preferredVersion", json_clone(doc, version));
	return item;
}

void discovery_print_groups(struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *list = json_new_object(doc), *items;

	put_text(doc, list, "kind", "APIGroupList");
	put_text(doc, list, "apiVersion", "v1");
	items = json_sub_array(doc, list, "groups");
	for (size_t i = 0; i < ARRAY_LENGTH(groups); i++)
		if (groups[i].group[0])
			json_append(items, legacy_group(doc, i));
	json_print(list, out);
}

bool discovery_print_group(struct str group, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LENGTH(groups); i++) {
		auto_json_doc doc = NULL;
		struct json *item;

		if (!groups[i].group[0] || !str_is(group, groups[i].group))
			continue;
		doc = json_doc_new();
		item = legacy_group(doc, i);
		put_text(doc, item, "kind", "APIGroup");
		put_text(doc, item, "apiVersion", "v1");
		json_print(item, out);
		return true;
	}
	return false;
}

static struct json *legacy_resource(struct json_doc *doc, const struct kind *kind, const char *name)
{
	struct json *item = json_new_object(doc);

	put_text(doc, item, "name", name);
	put_singular(doc, item, "singularName",
		     strchr(name, '/') ? ""
		     : kind->singular  ? kind->singular
				       : kind->name);
	json_put(doc, item, "namespaced", json_new_bool(doc, kind->namespaced));
	put_text(doc, item, "kind", kind->name);
	return item;
}

static void add_legacy_kind(struct json_doc *doc, struct json *list, const struct kind *kind)
{
	struct json *item = legacy_resource(doc, kind, kind->plural);

	json_put(doc, item, "verbs", verbs_of(doc, kind->verbs));
	if (kind->short_names)
		json_put(doc, item, "shortNames", texts_of(doc, kind->short_names));
	if (kind->categories)
		json_put(doc, item, "categories", texts_of(doc, kind->categories));
	json_append(list, item);
	for (const struct subresource *sub = kind->subresources; sub && sub->name; sub++) {
		auto_free char *name = memory_print("%s/%s", kind->plural, sub->name);

		item = legacy_resource(doc, kind, name);
		if (sub->kind)
			put_text(doc, item, "kind", sub->kind);
		if (sub->group && sub->group[0]) {
			put_text(doc, item, "group", sub->group);
			put_text(doc, item, "version", sub->version);
		}
		json_put(doc, item, "verbs", verbs_of(doc, sub->verbs));
		json_append(list, item);
	}
}

bool discovery_print_resources(struct str group, struct str version, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LENGTH(groups); i++) {
		auto_json_doc doc = NULL;
		struct json *root, *list;

		if (!str_is(group, groups[i].group) || !str_is(version, groups[i].version))
			continue;
		doc = json_doc_new();
		root = json_new_object(doc);
		put_text(doc, root, "kind", "APIResourceList");
		put_text(doc, root, "apiVersion", "v1");
		json_put(doc, root, "groupVersion",
			 json_new_print(doc, "%s%s%s", groups[i].group,
					groups[i].group[0] ? "/" : "", groups[i].version));
		list = json_sub_array(doc, root, "resources");
		for (const struct kind *const *at = kind_list; *at; at++)
			if (is_of(*at, i))
				add_legacy_kind(doc, list, *at);
		for (size_t k = 0; groups[i].virtual[k][0]; k++) {
			struct json *item = json_new_object(doc);

			put_text(doc, item, "name", groups[i].virtual[k][0]);
			put_singular(doc, item, "singularName", groups[i].virtual[k][1]);
			json_put(doc, item, "namespaced", json_new_bool(doc, false));
			put_text(doc, item, "kind", groups[i].virtual[k][1]);
			json_put(doc, item, "verbs", verbs_of(doc, VERB_CREATE));
			json_append(list, item);
		}
		json_print(root, out);
		return true;
	}
	return false;
}
