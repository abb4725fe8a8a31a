/*
 * kind_flowschema.c - FlowSchema: which requests belong to which priority level.
 */
#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/validate_flow.h"

#define PRECEDENCE_MAX 10000

static const char *const verbs[] = { "create", "delete", "deletecollection", "get",   "list",
				     "patch",  "proxy",  "update",           "watch", NULL };

/* --- rules --- */

static void check_account(const struct kind_work *work, const struct json *account,
			  const char *path)
{
	const struct json *name = json_get(account, "name"),
			  *namespace = json_get(account, "namespace");

	if (!account) {
		validate_required(work, path,
				  "serviceAccount is required when subject kind is "
				  "'ServiceAccount'");
		return;
	}
	if (values_required(work, field_path(work->errors, "%s.name", path), name) &&
	    !str_is(json_str(name), "*"))
		values_name(work, field_path(work->errors, "%s.name", path), name, name_subdomain);
	path = field_path(work->errors, "%s.namespace", path);
	if (json_str(namespace).len == 0)
		validate_required(work, path, "must specify namespace for service account");
	else
		values_name(work, path, namespace, name_label);
}

static void check_named(const struct kind_work *work, const struct json *named, const char *path,
			const char *missing)
{
	if (!named)
		validate_required(work, path, missing);
	else
		values_required(work, field_path(work->errors, "%s.name", path),
				json_get(named, "name"));
}

static void check_subject(const struct kind_work *work, const struct json *subject,
			  const char *path)
{
	static const char *const kinds[] = { "Group", "ServiceAccount", "User", NULL };
	/* In the order in which the others are forbidden. */
	static const char *const fields[][2] = { { "serviceAccount", "ServiceAccount" },
						 { "user", "User" },
						 { "group", "Group" } };
	struct str kind = json_str(json_get(subject, "kind"));

	if (!words_have(kinds, kind)) {
		words_not_supported(work, field_path(work->errors, "%s.kind", path),
				    json_get(subject, "kind"), kinds);
		return;
	}
	if (str_is(kind, "ServiceAccount"))
		check_account(work, json_get(subject, "serviceAccount"),
			      field_path(work->errors, "%s.serviceAccount", path));
	else if (str_is(kind, "User"))
		check_named(work, json_get(subject, "user"),
			    field_path(work->errors, "%s.user", path),
			    "user is required when subject kind is 'User'");
	else
		check_named(work, json_get(subject, "group"),
			    field_path(work->errors, "%s.group", path),
			    "group is required when subject kind is 'Group'");
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		if (!str_is(kind, fields[i][1]) && json_get(subject, fields[i][0]))
			words_forbidden(work, field_path(work->errors, "%s.%s", path, fields[i][0]),
					field_path(work->errors,
						   "%s is forbidden when subject kind is not '%s'",
						   fields[i][0], fields[i][1]));
}

static void check_verbs(const struct kind_work *work, const struct json *list, const char *path)
{
	bool known = true;

	for (struct json_iter it = json_iter(list); json_next(&it);)
		known = known && words_have(verbs, json_str(it.value));
	if (json_count(list) == 0) {
		validate_required(work, path, "verbs must contain at least one value");
	} else if (words_list_has(list, "*")) {
		if (json_count(list) > 1)
			words_invalid_list(work, path, list,
					   "if '*' is present, must not specify other verbs");
	} else if (!known) {
		auto_buf detail = BUF_INIT;

		for (size_t i = 0; verbs[i]; i++)
			buf_add_print(&detail, "%s\"%s\"",
				      i ? ", " : "supported values: ", verbs[i]);
		field_errors_add(work->errors, FIELD_NOT_SUPPORTED, path, words_list(work, list),
				 buf_text(&detail));
	}
}

static const char *check_url(struct str url)
{
	ptrdiff_t star = str_find(url, '*');

	if (url.len == 0)
		return "must not be empty";
	if (str_is(url, "/"))
		return NULL;
	if (url.at[0] != '/')
		return "must start with slash";
	if (str_find(url, ' ') >= 0)
		return "must not contain white-space";
	if (str_search(url, STR("//")) >= 0)
		return "must not contain double slash";
	return star >= 0 && (!str_ends(url, STR("/*")) || (size_t)star != url.len - 1)
		       ? "wildcard can only do suffix matching"
		       : NULL;
}

static void check_paths(const struct kind_work *work, const struct json *rule, const char *path)
{
	const struct json *urls = json_get(rule, "nonResourceURLs");
	const char *at = field_path(work->errors, "%s.nonResourceURLs", path);

	check_verbs(work, json_get(rule, "verbs"), field_path(work->errors, "%s.verbs", path));
	if (json_count(urls) == 0) {
		validate_required(work, at, "nonResourceURLs must contain at least one value");
	} else if (words_list_has(urls, "*")) {
		if (json_count(urls) > 1)
			words_invalid_list(
				work, at, urls,
				"if '*' is present, must not specify other non-resource URLs");
	} else {
		for (struct json_iter it = json_iter(urls); json_next(&it);)
			words_name(work, field_path(work->errors, "%s[%zu]", at, it.index),
				   it.value, check_url(json_str(it.value)));
	}
}

static void check_list(const struct kind_work *work, const struct json *list, const char *path,
		       const char *missing, const char *star)
{
	if (json_count(list) == 0)
		validate_required(work, path, missing);
	else if (json_count(list) > 1 && words_list_has(list, "*"))
		words_invalid_list(work, path, list, star);
}

static void check_namespaces(const struct kind_work *work, const struct json *list,
			     const char *path)
{
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		const char *why = name_check(NAME_LABEL, json_str(it.value));

		if (why)
			validate_invalid(work, field_path(work->errors, "%s[%zu]", path, it.index),
					 it.value,
					 field_path(work->errors,
						    "each member of this list must be '*' or a "
						    "DNS-1123 label; %s",
						    why));
	}
}

static void check_resources(const struct kind_work *work, const struct json *rule, const char *path)
{
	const struct json *namespaces = json_get(rule, "namespaces");
	const char *at = field_path(work->errors, "%s.namespaces", path);

	check_verbs(work, json_get(rule, "verbs"), field_path(work->errors, "%s.verbs", path));
	check_list(work, json_get(rule, "apiGroups"),
		   field_path(work->errors, "%s.apiGroups", path),
		   "resource rules must supply at least one api group",
		   "if '*' is present, must not specify other api groups");
	check_list(work, json_get(rule, "resources"),
		   field_path(work->errors, "%s.resources", path),
		   "resource rules must supply at least one resource",
		   "if '*' is present, must not specify other resources");
	if (json_count(namespaces) == 0 && !json_bool(json_get(rule, "clusterScope"))) {
		validate_required(work, at,
				  "resource rules that are not cluster scoped must supply at "
				  "least one namespace");
	} else if (words_list_has(namespaces, "*")) {
		if (json_count(namespaces) > 1)
			words_invalid_list(work, at, namespaces,
					   "if '*' is present, must not specify other namespaces");
	} else {
		check_namespaces(work, namespaces, at);
	}
}

static void check_rule(const struct kind_work *work, const struct json *rule, const char *path)
{
	const struct json *subjects = json_get(rule, "subjects"),
			  *resources = json_get(rule, "resourceRules"),
			  *paths = json_get(rule, "nonResourceRules");

	if (json_count(subjects) == 0)
		validate_required(work, field_path(work->errors, "%s.subjects", path),
				  "subjects must contain at least one value");
	for (struct json_iter it = json_iter(subjects); json_next(&it);)
		check_subject(work, it.value,
			      field_path(work->errors, "%s.subjects[%zu]", path, it.index));
	if (json_count(resources) + json_count(paths) == 0)
		validate_required(
			work, path,
			"at least one of resourceRules and nonResourceRules has to be non-empty");
	for (struct json_iter it = json_iter(resources); json_next(&it);)
		check_resources(work, it.value,
				field_path(work->errors, "%s.resourceRules[%zu]", path, it.index));
	for (struct json_iter it = json_iter(paths); json_next(&it);)
		check_paths(work, it.value,
			    field_path(work->errors, "%s.nonResourceRules[%zu]", path, it.index));
}

static void check_precedence(const struct kind_work *work, const struct json *value)
{
	static const char path[] = "spec.matchingPrecedence";

	if (json_int(value) <= 0)
		validate_invalid(work, path, value, "must be a positive value");
	if (json_int(value) > PRECEDENCE_MAX)
		validate_invalid(work, path, value, "must not be greater than 10000");
	if (json_int(value) == 1 && !str_is(meta_str(work->object, "name"), "exempt"))
		validate_invalid(work, path, value,
				 "only the schema named 'exempt' may have matchingPrecedence 1");
}

static void validate(const struct kind_work *work)
{
	static const char *const methods[] = { "ByNamespace", "ByUser", NULL };
	const struct json *spec = json_get(work->object, "spec"),
			  *method = json_get(spec, "distinguisherMethod"),
			  *level = json_path(spec, "priorityLevelConfiguration", "name", NULL);

	check_precedence(work, json_get(spec, "matchingPrecedence"));
	if (method)
		words_check(work, "spec.distinguisherMethod.type", json_get(method, "type"),
			    methods);
	if (json_str(level).len == 0)
		validate_required(work, "spec.priorityLevelConfiguration.name",
				  "must reference a priority level");
	else
		values_name(work, "spec.priorityLevelConfiguration.name", level, name_subdomain);
	for (struct json_iter it = json_iter(json_get(spec, "rules")); json_next(&it);)
		check_rule(work, it.value, field_path(work->errors, "spec.rules[%zu]", it.index));
	flow_check_conditions(work);
}

/* --- cells --- */

static void print_method(const struct json *object, struct buf *out)
{
	struct str type = json_str(json_path(object, "spec", "distinguisherMethod", "type", NULL));

	buf_add_str(out, type.at ? type : STR("<none>"));
}

static void print_missing(const struct json *object, struct buf *out)
{
	const struct json *dangling = meta_condition(object, STR("Dangling"));

	buf_add_str(out, dangling ? json_str(json_get(dangling, "status")) : STR("?"));
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "PriorityLevel", .path = ".spec.priorityLevelConfiguration.name" },
	{ .name = "MatchingPrecedence", .path = ".spec.matchingPrecedence" },
	{ .name = "DistinguisherMethod", .print = print_method },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "MissingPL", .print = print_missing },
	{ 0 },
};

const struct kind kind_flowschema = {
	.group = FLOW_GROUP,
	.version = "v1",
	.name = "FlowSchema",
	.plural = "flowschemas",
	.type_name = "io.k8s.api.flowcontrol.v1.FlowSchema",
	.has_generation = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.on_create = flow_on_create,
	.validate = validate,
	.warn = flow_warn,
	.subresources = subresources_status,
	.columns = columns,
};
