/*
 * discovery.c - discovery documents from the kinds' rows.
 */
#include "api/discovery.h"

#include <assert.h>
#include <stdlib.h>

#include "api/kind.h"

#define KINDS_MAX 128 /* of one group-version */

#define PRIORITY_FIRST 18000
#define PRIORITY_STEP  50

static const struct discovery_posted authentication[] = {
	{ "selfsubjectreviews", "SelfSubjectReview", false },
	{ "tokenreviews", "TokenReview", false },
	{ NULL, NULL, false },
};
static const struct discovery_posted authorization[] = {
	{ "localsubjectaccessreviews", "LocalSubjectAccessReview", true },
	{ "selfsubjectaccessreviews", "SelfSubjectAccessReview", false },
	{ "selfsubjectrulesreviews", "SelfSubjectRulesReview", false },
	{ "subjectaccessreviews", "SubjectAccessReview", false },
	{ NULL, NULL, false },
};

/* All groups in order of priority: where a short name is that of two, the first one is meant.  Of
 * several versions the first is preferred.  A row without kinds is not told. */
static const struct discovery_group rows[] = {
	{ "", "v1", NULL },
	{ "apiregistration.k8s.io", "v1", NULL },
	{ "apps", "v1", NULL },
	{ "events.k8s.io", "v1", NULL },
	{ "authentication.k8s.io", "v1", authentication },
	{ "authorization.k8s.io", "v1", authorization },
	{ "autoscaling", "v2", NULL },
	{ "autoscaling", "v1", NULL },
	{ "batch", "v1", NULL },
	{ "certificates.k8s.io", "v1", NULL },
	{ "networking.k8s.io", "v1", NULL },
	{ "policy", "v1", NULL },
	{ "rbac.authorization.k8s.io", "v1", NULL },
	{ "storage.k8s.io", "v1", NULL },
	{ "admissionregistration.k8s.io", "v1", NULL },
	{ "apiextensions.k8s.io", "v1", NULL },
	{ "scheduling.k8s.io", "v1", NULL },
	{ "coordination.k8s.io", "v1", NULL },
	{ "node.k8s.io", "v1", NULL },
	{ "discovery.k8s.io", "v1", NULL },
	{ "flowcontrol.apiserver.k8s.io", "v1", NULL },
	{ "metrics.k8s.io", "v1beta1", NULL },
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

static bool is_of(const struct kind *kind, const struct discovery_group *group)
{
	return strcmp(kind->group, group->group) == 0 && strcmp(kind->version, group->version) == 0;
}

static const char *left_out; /* set before there are other threads */

void discovery_leave_out(const char *group)
{
	left_out = group;
}

static bool has_any(const struct discovery_group *group)
{
	if (left_out && strcmp(left_out, group->group) == 0)
		return false;
	for (const struct kind *const *at = kind_list; *at; at++)
		if (is_of(*at, group))
			return true;
	return group->posted != NULL;
}

const struct discovery_group *discovery_group(size_t i)
{
	for (size_t at = 0; at < ARRAY_LENGTH(rows); at++)
		if (has_any(&rows[at]) && i-- == 0)
			return &rows[at];
	return NULL;
}

int64_t discovery_priority(size_t i)
{
	return PRIORITY_FIRST - PRIORITY_STEP * (int64_t)i;
}

bool discovery_serves(struct str group, struct str version)
{
	for (size_t at = 0; at < ARRAY_LENGTH(rows); at++)
		if (str_is(group, rows[at].group) && str_is(version, rows[at].version))
			return has_any(&rows[at]);
	return false;
}

static bool is_of_group(const struct discovery_group *row, const char *group)
{
	return row && strcmp(row->group, group) == 0;
}

/* --- all groups, ours and those of other servers --- */

/* One group: its first row here, its first one there; one of them may be missing. */
struct merged {
	const struct discovery_remotes *remotes; /* NULL: none */
	const char *group;
	size_t own, remote; /* indexes */
	bool has_own, has_remote;
	size_t next_own, next_remote; /* that have not been looked at */
};

static const struct discovery_remote *remote_at(const struct discovery_remotes *remotes, size_t i)
{
	return remotes && i < remotes->count ? &remotes->items[i] : NULL;
}

static bool is_remote_of(const struct discovery_remotes *remotes, size_t i, const char *group)
{
	const struct discovery_remote *remote = remote_at(remotes, i);

	return remote && strcmp(remote->group, group) == 0;
}

static bool has_group(const char *group)
{
	for (size_t at = 0; at < ARRAY_LENGTH(rows); at++)
		if (strcmp(rows[at].group, group) == 0 && has_any(&rows[at]))
			return true;
	return false;
}

static void skip_group(struct merged *it)
{
	const char *group = remote_at(it->remotes, it->next_remote)->group;

	while (is_remote_of(it->remotes, it->next_remote, group))
		it->next_remote++;
}

static void take_remote(struct merged *it)
{
	it->has_remote = true;
	it->remote = it->next_remote;
	it->group = remote_at(it->remotes, it->remote)->group;
	skip_group(it);
}

static void take_own(struct merged *it)
{
	it->has_own = true;
	it->own = it->next_own;
	it->group = discovery_group(it->own)->group;
	while (is_of_group(discovery_group(it->next_own), it->group))
		it->next_own++;
	for (size_t i = 0; !it->has_remote && remote_at(it->remotes, i); i++)
		if (is_remote_of(it->remotes, i, it->group)) {
			it->has_remote = true;
			it->remote = i;
		}
}

/* The core and who registers the others come before everything. */
static bool next_group(struct merged *it)
{
	const struct discovery_group *own = discovery_group(it->next_own);
	const struct discovery_remote *remote;

	it->has_own = it->has_remote = false;
	while ((remote = remote_at(it->remotes, it->next_remote)) && has_group(remote->group))
		skip_group(it); /* comes with ours */
	if (!own && !remote)
		return false;
	if (own && (!remote || it->next_own < 2 ||
		    discovery_priority(it->next_own) >= remote->group_priority))
		take_own(it);
	else
		take_remote(it);
	return true;
}

/* --- parts --- */

static struct json *verbs_of(struct json_doc *doc, unsigned verbs)
{
	struct json *list = json_new_array(doc);

	for (size_t i = 0; i < ARRAY_LENGTH(verb_rows); i++)
		if (verbs & verb_rows[i].bit)
			json_append(list, json_new_text(doc, verb_rows[i].name));
	return list;
}

static void put_texts(struct json_doc *doc, struct json *to, const char *key,
		      const char *const *texts)
{
	for (; texts && *texts; texts++)
		json_append(json_sub_array(doc, to, key), json_new_text(doc, *texts));
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

static const char *singular_of(const struct kind *kind)
{
	return kind->singular ? kind->singular : kind->name;
}

static int by_plural(const void *a, const void *b)
{
	return strcmp((*(const struct kind *const *)a)->plural,
		      (*(const struct kind *const *)b)->plural);
}

/* The kinds of a group-version by plural. */
static size_t kinds_of(const struct discovery_group *group, const struct kind *out[KINDS_MAX])
{
	size_t count = 0;

	for (const struct kind *const *at = kind_list; *at; at++) {
		assert(count < KINDS_MAX);
		if (is_of(*at, group))
			out[count++] = *at;
	}
	qsort(out, count, sizeof(*out), by_plural);
	return count;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct subresource *const *)a)->name,
		      (*(const struct subresource *const *)b)->name);
}

#define SUBRESOURCES_MAX 32

static size_t subresources_of(const struct kind *kind,
			      const struct subresource *out[SUBRESOURCES_MAX])
{
	size_t count = 0;

	for (const struct subresource *sub = kind->subresources; sub && sub->name; sub++) {
		assert(count < SUBRESOURCES_MAX);
		out[count++] = sub;
	}
	qsort(out, count, sizeof(*out), by_name);
	return count;
}

/* --- aggregated --- */

/* Group and version are said only where they are not those of the list. */
static struct json *response_kind(struct json_doc *doc, const struct kind *kind,
				  const struct subresource *sub, const char *name)
{
	struct json *response = json_new_object(doc);
	const char *group = sub && sub->group ? sub->group : "";
	const char *version = sub && sub->version ? sub->version : "";
	bool same =
		!kind || (strcmp(group, kind->group) == 0 && strcmp(version, kind->version) == 0);

	put_text(doc, response, "group", same ? "" : group);
	put_text(doc, response, "version", same ? "" : version);
	put_text(doc, response, "kind", name);
	return response;
}

static struct json *aggregated_sub(struct json_doc *doc, const struct kind *kind,
				   const struct subresource *sub)
{
	struct json *item = json_new_object(doc);

	put_text(doc, item, "subresource", sub->name);
	json_put(doc, item, "responseKind",
		 response_kind(doc, kind, sub, sub->kind ? sub->kind : kind->name));
	json_put(doc, item, "verbs", verbs_of(doc, sub->verbs));
	return item;
}

static struct json *aggregated_kind(struct json_doc *doc, const struct kind *kind)
{
	const struct subresource *subs[SUBRESOURCES_MAX];
	size_t count = subresources_of(kind, subs);
	struct json *item = json_new_object(doc);

	put_text(doc, item, "resource", kind->plural);
	json_put(doc, item, "responseKind", response_kind(doc, kind, NULL, kind->name));
	put_text(doc, item, "scope", kind->namespaced ? "Namespaced" : "Cluster");
	put_singular(doc, item, "singularResource", singular_of(kind));
	json_put(doc, item, "verbs", verbs_of(doc, kind->verbs));
	put_texts(doc, item, "shortNames", kind->short_names);
	put_texts(doc, item, "categories", kind->categories);
	for (size_t i = 0; i < count; i++)
		json_append(json_sub_array(doc, item, "subresources"),
			    aggregated_sub(doc, kind, subs[i]));
	return item;
}

static struct json *aggregated_posted(struct json_doc *doc, const struct discovery_posted *posted)
{
	struct json *item = json_new_object(doc);

	put_text(doc, item, "resource", posted->plural);
	json_put(doc, item, "responseKind", response_kind(doc, NULL, NULL, posted->kind));
	put_text(doc, item, "scope", posted->namespaced ? "Namespaced" : "Cluster");
	put_singular(doc, item, "singularResource", posted->kind);
	json_put(doc, item, "verbs", verbs_of(doc, VERB_CREATE));
	return item;
}

static struct json *aggregated_version(struct json_doc *doc, const struct discovery_group *group)
{
	const struct kind *kinds[KINDS_MAX];
	size_t count = kinds_of(group, kinds);
	struct json *version = json_new_object(doc), *resources;

	put_text(doc, version, "version", group->version);
	resources = json_sub_array(doc, version, "resources");
	for (size_t i = 0; i < count; i++)
		json_append(resources, aggregated_kind(doc, kinds[i]));
	for (const struct discovery_posted *at = group->posted; at && at->plural; at++)
		json_append(resources, aggregated_posted(doc, at));
	put_text(doc, version, "freshness", "Current");
	return version;
}

static struct json *remote_version(struct json_doc *doc, const struct discovery_remote *remote)
{
	struct json *version = json_new_object(doc);

	put_text(doc, version, "version", remote->version);
	if (remote->resources)
		json_put(doc, version, "resources", json_clone(doc, remote->resources));
	put_text(doc, version, "freshness", remote->resources ? "Current" : "Stale");
	return version;
}

static struct json *aggregated_group(struct json_doc *doc, const struct merged *it)
{
	struct json *item = json_new_object(doc), *meta = json_sub_object(doc, item, "metadata");
	struct json *versions;

	if (it->group[0])
		put_text(doc, meta, "name", it->group);
	json_put(doc, meta, "creationTimestamp", json_new_null(doc));
	versions = json_sub_array(doc, item, "versions");
	for (size_t i = it->own; it->has_own && is_of_group(discovery_group(i), it->group); i++)
		json_append(versions, aggregated_version(doc, discovery_group(i)));
	for (size_t i = it->remote; it->has_remote && is_remote_of(it->remotes, i, it->group); i++)
		json_append(versions, remote_version(doc, remote_at(it->remotes, i)));
	return item;
}

void discovery_print_aggregated(bool core, const char *version,
				const struct discovery_remotes *remotes, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *list = json_new_object(doc), *items;
	struct merged it = { .remotes = remotes };

	put_text(doc, list, "kind", "APIGroupDiscoveryList");
	json_put(doc, list, "apiVersion", json_new_print(doc, "apidiscovery.k8s.io/%s", version));
	json_sub_object(doc, list, "metadata");
	items = json_sub_array(doc, list, "items");
	while (next_group(&it))
		if (core == (it.group[0] == '\0'))
			json_append(items, aggregated_group(doc, &it));
	json_print(list, out);
}

/* --- legacy --- */

void discovery_print_versions(const char *address, struct buf *out)
{
	buf_add_print(out,
		      "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],"
		      "\"serverAddressByClientCIDRs\":"
		      "[{\"clientCIDR\":\"0.0.0.0/0\",\"serverAddress\":\"%s\"}]}\n",
		      address);
}

static void add_legacy_version(struct json_doc *doc, struct json *item, const char *group,
			       const char *text)
{
	struct json *version = json_new_object(doc);

	json_put(doc, version, "groupVersion", json_new_print(doc, "%s/%s", group, text));
	put_text(doc, version, "version", text);
	json_append(json_sub_array(doc, item, "versions"), version);
}

static struct json *legacy_group(struct json_doc *doc, const struct merged *it)
{
	struct json *item = json_new_object(doc);

	put_text(doc, item, "name", it->group);
	for (size_t i = it->own; it->has_own && is_of_group(discovery_group(i), it->group); i++)
		add_legacy_version(doc, item, it->group, discovery_group(i)->version);
	for (size_t i = it->remote; it->has_remote && is_remote_of(it->remotes, i, it->group); i++)
		add_legacy_version(doc, item, it->group, remote_at(it->remotes, i)->version);
	json_put(doc, item, "preferredVersion",
		 json_clone(doc, json_at(json_get(item, "versions"), 0)));
	return item;
}

void discovery_print_groups(const struct discovery_remotes *remotes, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *list = json_new_object(doc), *items;
	struct merged it = { .remotes = remotes };

	put_text(doc, list, "kind", "APIGroupList");
	put_text(doc, list, "apiVersion", "v1");
	items = json_sub_array(doc, list, "groups");
	while (next_group(&it))
		if (it.group[0])
			json_append(items, legacy_group(doc, &it));
	json_print(list, out);
}

bool discovery_print_group(struct str group, const struct discovery_remotes *remotes,
			   struct buf *out)
{
	struct merged it = { .remotes = remotes };

	while (group.len > 0 && next_group(&it)) {
		auto_json_doc doc = NULL;
		struct json *root;

		if (!str_is(group, it.group))
			continue;
		doc = json_doc_new();
		root = json_new_object(doc);
		put_text(doc, root, "kind", "APIGroup");
		put_text(doc, root, "apiVersion", "v1");
		for (struct json_iter each = json_iter(legacy_group(doc, &it)); json_next(&each);)
			json_put_str(doc, root, each.key, json_clone(doc, each.value));
		json_print(root, out);
		return true;
	}
	return false;
}

static struct json *legacy_resource(struct json_doc *doc, const char *name, const char *singular,
				    bool namespaced, const char *kind)
{
	struct json *item = json_new_object(doc);

	put_text(doc, item, "name", name);
	put_singular(doc, item, "singularName", singular);
	json_put(doc, item, "namespaced", json_new_bool(doc, namespaced));
	put_text(doc, item, "kind", kind);
	return item;
}

static struct json *legacy_sub(struct json_doc *doc, const struct kind *kind,
			       const struct subresource *sub)
{
	auto_free char *name = memory_print("%s/%s", kind->plural, sub->name);
	struct json *item = legacy_resource(doc, name, "", kind->namespaced,
					    sub->kind ? sub->kind : kind->name);

	if (sub->group && sub->group[0] &&
	    (strcmp(sub->group, kind->group) != 0 || strcmp(sub->version, kind->version) != 0)) {
		put_text(doc, item, "group", sub->group);
		put_text(doc, item, "version", sub->version);
	}
	json_put(doc, item, "verbs", verbs_of(doc, sub->verbs));
	return item;
}

/* A mark of the form in which objects are kept; clients see by it that this has changed. */
static void put_storage_hash(struct json_doc *doc, struct json *item, const struct kind *kind,
			     void (*sha256)(struct str bytes, unsigned char out[32]))
{
	const struct kind *kept = kind->stored_as ? kind->stored_as : kind;
	auto_free char *text = memory_print("%s/%s/%s", kept->group, kept->version, kept->name);
	unsigned char digest[32];
	auto_buf coded = BUF_INIT;

	if (!(kind->verbs & VERB_UPDATE))
		return; /* nothing is kept */
	sha256(str_of(text), digest);
	buf_add_base64(&coded, str_from(digest, 8));
	put_text(doc, item, "storageVersionHash", buf_text(&coded));
}

static void add_legacy_kind(struct json_doc *doc, struct json *list, const struct kind *kind,
			    void (*sha256)(struct str bytes, unsigned char out[32]))
{
	const struct subresource *subs[SUBRESOURCES_MAX];
	size_t count = subresources_of(kind, subs);
	struct json *item =
		legacy_resource(doc, kind->plural, singular_of(kind), kind->namespaced, kind->name);

	json_put(doc, item, "verbs", verbs_of(doc, kind->verbs));
	put_texts(doc, item, "shortNames", kind->short_names);
	put_texts(doc, item, "categories", kind->categories);
	put_storage_hash(doc, item, kind, sha256);
	json_append(list, item);
	for (size_t i = 0; i < count; i++)
		json_append(list, legacy_sub(doc, kind, subs[i]));
}

static void print_resources(const struct discovery_group *group,
			    void (*sha256)(struct str bytes, unsigned char out[32]),
			    struct buf *out)
{
	const struct kind *kinds[KINDS_MAX];
	size_t count = kinds_of(group, kinds);
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc), *list;

	put_text(doc, root, "kind", "APIResourceList");
	if (group->group[0])
		put_text(doc, root, "apiVersion", "v1");
	json_put(doc, root, "groupVersion",
		 json_new_print(doc, "%s%s%s", group->group, group->group[0] ? "/" : "",
				group->version));
	list = json_sub_array(doc, root, "resources");
	for (size_t i = 0; i < count; i++)
		add_legacy_kind(doc, list, kinds[i], sha256);
	for (const struct discovery_posted *at = group->posted; at && at->plural; at++) {
		struct json *item =
			legacy_resource(doc, at->plural, at->kind, at->namespaced, at->kind);

		json_put(doc, item, "verbs", verbs_of(doc, VERB_CREATE));
		json_append(list, item);
	}
	json_print(root, out);
}

bool discovery_print_resources(struct str group, struct str version,
			       void (*sha256)(struct str bytes, unsigned char out[32]),
			       struct buf *out)
{
	for (size_t i = 0; discovery_group(i); i++) {
		if (!str_is(group, discovery_group(i)->group) ||
		    !str_is(version, discovery_group(i)->version))
			continue;
		print_resources(discovery_group(i), sha256, out);
		return true;
	}
	return false;
}
