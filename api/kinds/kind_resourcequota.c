/*
 * kind_resourcequota.c - ResourceQuota: how much all objects of a namespace may ask for together.
 */
#include "api/kinds/cells.h"
#include "api/kinds/rows.h"
#include "api/validate.h"
#include "api/validate_amounts.h"
#include "api/validate_values.h"
#include "api/validate_words.h"
#include "base/map.h"

#define AT(...) field_path(work->errors, __VA_ARGS__)

static const char *const scopes[] = { "Terminating",
				      "NotTerminating",
				      "BestEffort",
				      "NotBestEffort",
				      "PriorityClass",
				      "CrossNamespacePodAffinity",
				      NULL };

static void on_create(const struct kind_work *work)
{
	json_put(work->doc, work->object, "status", json_new_object(work->doc));
}

static void check_amounts(const struct kind_work *work, const struct json *amounts,
			  const char *path)
{
	for (struct json_iter it = json_iter(amounts); json_next(&it);) {
		const char *here = AT("%s[" STR_FMT "]", path, STR_ARG(it.key));

		amounts_quota_name(work, here, it.key);
		amounts_check(work, here, it.key, it.value);
	}
}

/* Pods of BestEffort are only counted; the other scopes tell pods apart by what they ask for. */
static bool is_scope_of(struct str scope, struct str resource)
{
	static const char *const counts[] = { "pods", NULL };
	static const char *const asks[] = {
		"pods",       "cpu",           "memory", "requests.cpu", "requests.memory",
		"limits.cpu", "limits.memory", NULL
	};

	if (str_is(scope, "BestEffort"))
		return words_have(counts, resource);
	if (words_have(scopes, scope))
		return words_have(asks, resource);
	return true;
}

/* How many of the hard ones a scope has no say in: BestEffort, and the others. */
struct strangers {
	size_t best, other;
};

static struct strangers strangers_of(const struct json *hard)
{
	struct strangers count = { 0 };

	for (struct json_iter it = json_iter(hard); json_next(&it);) {
		bool known = amounts_is_quota(it.key);

		count.best += known && !is_scope_of(STR("BestEffort"), it.key);
		count.other += known && !is_scope_of(STR("Terminating"), it.key);
	}
	return count;
}

/* An error for each. */
static void tell_strangers(const struct kind_work *work, const struct strangers *strangers,
			   struct str scope, const char *path, const char *shown)
{
	size_t left = str_is(scope, "BestEffort") ? strangers->best : strangers->other;

	if (!words_have(scopes, scope))
		return;
	for (; left > 0 && work->errors->count < FIELD_ERRORS_MAX; left--)
		field_errors_add(work->errors, FIELD_INVALID, path, shown,
				 "unsupported scope applied to resource");
}

/* []core.ResourceQuotaScope{"a"} */
static const char *go_scopes(const struct kind_work *work, const struct json *list)
{
	const char *text = words_list(work, list);

	return AT("[]core.ResourceQuotaScope%s", text + strlen("[]string"));
}

static void tell_conflict(const struct kind_work *work, const struct json *spec, bool conflict,
			  const char *path)
{
	if (conflict)
		field_errors_add(work->errors, FIELD_INVALID, path,
				 go_scopes(work, json_get(spec, "scopes")), "conflicting scopes");
}

static void check_scopes(const struct kind_work *work, const struct json *spec)
{
	const struct strangers strangers = strangers_of(json_get(spec, "hard"));
	const struct json *list = json_get(spec, "scopes");
	const char *shown;

	if (json_count(list) == 0)
		return;
	shown = go_scopes(work, list);
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct str scope = json_str(it.value);

		if (!words_have(scopes, scope))
			field_errors_add(work->errors, FIELD_INVALID, "spec.scopes", shown,
					 "unsupported scope");
		tell_strangers(work, &strangers, scope, "spec.scopes", shown);
	}
	tell_conflict(work, spec,
		      words_list_has(list, "BestEffort") && words_list_has(list, "NotBestEffort"),
		      "spec.scopes");
	tell_conflict(work, spec,
		      words_list_has(list, "Terminating") && words_list_has(list, "NotTerminating"),
		      "spec.scopes");
}

static void check_operator(const struct kind_work *work, const struct json *item, const char *path)
{
	static const char *const with_values[] = { "In", "NotIn", NULL };
	static const char *const alone[] = { "Exists", "DoesNotExist", NULL };
	const struct json *op = json_get(item, "operator"), *values = json_get(item, "values");
	struct str scope = json_str(json_get(item, "scopeName"));

	if (words_have(scopes, scope) && !str_is(scope, "PriorityClass") &&
	    !str_is(json_str(op), "Exists"))
		validate_invalid(work, AT("%s.operator", path), words_text(work, op),
				 "must be 'Exists' when scope is any of "
				 "ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
				 "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
				 "ResourceQuotaScopeCrossNamespacePodAffinity");
	if (words_have(with_values, json_str(op))) {
		if (json_count(values) == 0)
			validate_required(work, AT("%s.values", path),
					  "must be at least one value when `operator` is 'In' or "
					  "'NotIn' for scope selector");
	} else if (words_have(alone, json_str(op))) {
		if (json_count(values) > 0)
			words_invalid_list(work, AT("%s.values", path), values,
					   "must be no value when `operator` is 'Exist' or "
					   "'DoesNotExist' for scope selector");
	} else {
		validate_invalid(work, AT("%s.operator", path), words_text(work, op),
				 "not a valid selector operator");
	}
}

static bool selects(const struct json *expressions, const char *scope)
{
	for (struct json_iter it = json_iter(expressions); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "scopeName")), scope))
			return true;
	return false;
}

static void check_selector(const struct kind_work *work, const struct json *spec)
{
	static const char path[] = "spec.scopeSelector.matchExpressions";
	const struct strangers strangers = strangers_of(json_get(spec, "hard"));
	const struct json *selector = json_get(spec, "scopeSelector"),
			  *list = json_get(selector, "matchExpressions");

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		const struct json *scope = json_get(it.value, "scopeName");

		if (!words_have(scopes, json_str(scope)))
			validate_invalid(work, AT("%s.scopeName", path), words_text(work, scope),
					 "unsupported scope");
		tell_strangers(work, &strangers, json_str(scope), path,
			       field_value(work->errors, selector));
		check_operator(work, it.value, path);
	}
	tell_conflict(work, spec, selects(list, "BestEffort") && selects(list, "NotBestEffort"),
		      path);
	tell_conflict(work, spec, selects(list, "Terminating") && selects(list, "NotTerminating"),
		      path);
}

/* The same scopes, in whatever order. */
static bool same_scopes(const struct json *now, const struct json *old)
{
	for (size_t i = 0; scopes[i]; i++)
		if (words_list_has(now, scopes[i]) != words_list_has(old, scopes[i]))
			return false;
	return true;
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec"),
			  *status = json_get(work->object, "status"),
			  *now = json_get(spec, "scopes");

	if (strcmp(work->subresource, "status") != 0) {
		check_amounts(work, json_get(spec, "hard"), "spec.hard");
		check_scopes(work, spec);
		check_selector(work, spec);
		if (work->old && !same_scopes(now, json_path(work->old, "spec", "scopes", NULL)))
			field_errors_add(work->errors, FIELD_INVALID, "spec.scopes",
					 go_scopes(work, now), "field is immutable");
		return;
	}
	check_amounts(work, json_get(status, "hard"), "status.hard");
	check_amounts(work, json_get(status, "used"), "status.used");
}

/* --- columns --- */

static void print_used(const struct json *object, bool limits, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *hard = json_clone(doc, json_path(object, "status", "hard", NULL));
	auto_map used = values_entries(json_path(object, "status", "used", NULL));
	size_t before = out->len;

	if (hard)
		json_sort_keys(hard);
	for (struct json_iter it = json_iter(hard); json_next(&it);) {
		const struct json *amount = map_find(used, it.key);

		if (str_starts(it.key, STR("limits.")) != limits)
			continue;
		buf_add_print(out, "%s" STR_FMT ": " STR_FMT "/" STR_FMT,
			      out->len > before ? ", " : "", STR_ARG(it.key),
			      STR_ARG(amount ? json_str(amount) : STR("0")),
			      STR_ARG(json_str(it.value)));
	}
}

static void print_requests(const struct json *object, struct buf *out)
{
	print_used(object, false, out);
}

static void print_limits(const struct json *object, struct buf *out)
{
	print_used(object, true, out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "Request", .print = print_requests },
	{ .name = "Limit", .print = print_limits },
	{ 0 },
};
static const char *const short_names[] = { "quota", NULL };

const struct kind kind_resourcequota = {
	.group = "",
	.version = "v1",
	.name = "ResourceQuota",
	.plural = "resourcequotas",
	.short_names = short_names,
	.type_name = "io.k8s.api.core.v1.ResourceQuota",
	.namespaced = true,
	.returns_object = true,
	.own_enums = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.on_create = on_create,
	.validate = validate,
	.subresources = subresources_status,
	.columns = columns,
};
