/*
 * validate_rbac.c - shared rules of roles and bindings.
 */
#include "api/validate_rbac.h"

#include "api/names.h"
#include "api/validate.h"
#include "api/validate_words.h"

static const char *const groups[] = { RBAC_GROUP, NULL };

/* --- rules --- */

static void check_paths(const struct kind_work *work, const struct json *rule, const char *path)
{
	const struct json *urls = json_get(rule, "nonResourceURLs");
	const char *at = field_path(work->errors, "%s.nonResourceURLs", path);

	if (work->kind->namespaced)
		words_invalid_list(work, at, urls,
				   "namespaced rules cannot apply to non-resource URLs");
	if (json_count(json_get(rule, "apiGroups")) + json_count(json_get(rule, "resources")) +
		    json_count(json_get(rule, "resourceNames")) >
	    0)
		words_invalid_list(
			work, at, urls,
			"rules cannot apply to both regular resources and non-resource URLs");
}

static void check_rule(const struct kind_work *work, const struct json *rule, const char *path)
{
	if (json_count(json_get(rule, "verbs")) == 0)
		validate_required(work, field_path(work->errors, "%s.verbs", path),
				  "verbs must contain at least one value");
	if (json_count(json_get(rule, "nonResourceURLs")) > 0) {
		check_paths(work, rule, path);
		return;
	}
	if (json_count(json_get(rule, "apiGroups")) == 0)
		validate_required(work, field_path(work->errors, "%s.apiGroups", path),
				  "resource rules must supply at least one api group");
	if (json_count(json_get(rule, "resources")) == 0)
		validate_required(work, field_path(work->errors, "%s.resources", path),
				  "resource rules must supply at least one resource");
}

void rbac_validate_rules(const struct kind_work *work)
{
	for (struct json_iter it = json_iter(json_get(work->object, "rules")); json_next(&it);)
		check_rule(work, it.value, field_path(work->errors, "rules[%zu]", it.index));
}

/* --- bindings --- */

/* rbac.RoleRef{APIGroup:"...", Kind:"Role", Name:"x"} */
static const char *print_ref(const struct kind_work *work, const struct json *ref)
{
	struct str group = json_str(json_get(ref, "apiGroup")),
		   kind = json_str(json_get(ref, "kind")), name = json_str(json_get(ref, "name"));

	return field_path(work->errors,
			  "rbac.RoleRef{APIGroup:\"" STR_FMT "\", Kind:\"" STR_FMT
			  "\", Name:\"" STR_FMT "\"}",
			  STR_ARG(group), STR_ARG(kind), STR_ARG(name));
}

static void check_ref(const struct kind_work *work, const struct json *ref)
{
	static const char *const any[] = { "Role", "ClusterRole", NULL };
	const struct json *name = json_get(ref, "name");

	words_check(work, "roleRef.apiGroup", json_get(ref, "apiGroup"), groups);
	words_check(work, "roleRef.kind", json_get(ref, "kind"),
		    work->kind->namespaced ? any : any + 1);
	if (json_str(name).len == 0)
		validate_required(work, "roleRef.name", "");
	else
		words_name(work, "roleRef.name", name,
			   name_check(NAME_PATH_SEGMENT, json_str(name)));
}

static void check_account(const struct kind_work *work, const struct json *subject,
			  const char *path)
{
	static const char *const core[] = { "", NULL };
	const struct json *name = json_get(subject, "name");

	if (json_str(name).len > 0)
		words_name(work, field_path(work->errors, "%s.name", path), name,
			   name_check(NAME_SUBDOMAIN, json_str(name)));
	words_check(work, field_path(work->errors, "%s.apiGroup", path),
		    json_get(subject, "apiGroup"), core);
	if (!work->kind->namespaced && json_str(json_get(subject, "namespace")).len == 0)
		validate_required(work, field_path(work->errors, "%s.namespace", path), "");
}

static void check_person(const struct kind_work *work, const struct json *subject, const char *path,
			 const char *empty)
{
	if (json_str(json_get(subject, "name")).len == 0)
		field_errors_add(work->errors, FIELD_INVALID,
				 field_path(work->errors, "%s.name", path), "\"\"", empty);
	words_check(work, field_path(work->errors, "%s.apiGroup", path),
		    json_get(subject, "apiGroup"), groups);
}

static void check_subject(const struct kind_work *work, const struct json *subject,
			  const char *path)
{
	static const char *const kinds[] = { "ServiceAccount", "User", "Group", NULL };
	struct str kind = json_str(json_get(subject, "kind"));

	if (json_str(json_get(subject, "name")).len == 0)
		validate_required(work, field_path(work->errors, "%s.name", path), "");
	if (str_is(kind, "ServiceAccount"))
		check_account(work, subject, path);
	else if (str_is(kind, "User"))
		check_person(work, subject, path, "user name cannot be empty");
	else if (str_is(kind, "Group"))
		check_person(work, subject, path, "group name cannot be empty");
	else
		words_not_supported(work, field_path(work->errors, "%s.kind", path),
				    json_get(subject, "kind"), kinds);
}

void rbac_validate_binding(const struct kind_work *work)
{
	const struct json *ref = json_get(work->object, "roleRef");

	check_ref(work, ref);
	for (struct json_iter it = json_iter(json_get(work->object, "subjects")); json_next(&it);)
		check_subject(work, it.value, field_path(work->errors, "subjects[%zu]", it.index));
	if (work->old && !json_equal(ref, json_get(work->old, "roleRef")))
		field_errors_add(work->errors, FIELD_INVALID, "roleRef", print_ref(work, ref),
				 "cannot change roleRef");
}

void rbac_fill_binding(const struct kind_work *work)
{
	struct json *ref = json_get(work->object, "roleRef");

	if (ref && json_str(json_get(ref, "apiGroup")).len == 0)
		json_put(work->doc, ref, "apiGroup", json_new_text(work->doc, RBAC_GROUP));
	for (struct json_iter it = json_iter(json_get(work->object, "subjects")); json_next(&it);) {
		struct str kind = json_str(json_get(it.value, "kind"));

		if ((str_is(kind, "User") || str_is(kind, "Group")) &&
		    json_str(json_get(it.value, "apiGroup")).len == 0)
			json_put(work->doc, it.value, "apiGroup",
				 json_new_text(work->doc, RBAC_GROUP));
	}
}

/* --- cells --- */

void rbac_print_role(const struct json *object, struct buf *out)
{
	const struct json *ref = json_get(object, "roleRef");

	buf_add_print(out, STR_FMT "/" STR_FMT, STR_ARG(json_str(json_get(ref, "kind"))),
		      STR_ARG(json_str(json_get(ref, "name"))));
}

static void print_subjects(const struct json *object, const char *kind, struct buf *out)
{
	for (struct json_iter it = json_iter(json_get(object, "subjects")); json_next(&it);) {
		if (!str_is(json_str(json_get(it.value, "kind")), kind))
			continue;
		if (out->len > 0)
			buf_add_text(out, ", ");
		if (strcmp(kind, "ServiceAccount") == 0)
			buf_add_print(out, STR_FMT "/",
				      STR_ARG(json_str(json_get(it.value, "namespace"))));
		buf_add_str(out, json_str(json_get(it.value, "name")));
	}
}

void rbac_print_users(const struct json *object, struct buf *out)
{
	print_subjects(object, "User", out);
}

void rbac_print_groups(const struct json *object, struct buf *out)
{
	print_subjects(object, "Group", out);
}

void rbac_print_accounts(const struct json *object, struct buf *out)
{
	print_subjects(object, "ServiceAccount", out);
}
