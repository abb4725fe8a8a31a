/*
 * kind_admissionpolicybinding.c - ValidatingAdmissionPolicyBinding: where a policy counts, and with
 * which parameters.
 */
#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_webhook.h"
#include "api/validate_words.h"
#include "base/map.h"

static void fill(const struct kind_work *work)
{
	webhook_fill_match(work, json_path(work->object, "spec", "matchResources", NULL));
}

static void check_param(const struct kind_work *work, const struct json *param)
{
	static const char *const actions[] = { "Deny", "Allow", NULL };
	static const char both[] = "name and selector are mutually exclusive";
	const struct json *name = json_get(param, "name"), *selector = json_get(param, "selector");
	bool named = json_str(name).len > 0;

	if (named)
		values_name(work, "spec.paramRef.name", name, name_segment);
	if (named && selector)
		words_forbidden(work, "spec.paramRef.name", both);
	if (selector)
		validate_label_selector(work, selector, "spec.paramRef.selector");
	if (named && selector)
		words_forbidden(work, "spec.paramRef.selector", both);
	if (!named && !selector)
		validate_required(work, "spec.paramRef",
				  "one of name or selector must be specified");
	values_choice(work, "spec.paramRef.parameterNotFoundAction",
		      json_get(param, "parameterNotFoundAction"), actions);
}

static void check_actions(const struct kind_work *work, const struct json *actions)
{
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(actions); json_next(&it);)
		if (map_put(seen, json_str(it.value), it.value))
			validate_duplicate(
				work,
				field_path(work->errors, "spec.validationActions[%zu]", it.index),
				it.value);
	if (map_find(seen, STR("Deny")) && map_find(seen, STR("Warn")))
		validate_invalid(work, "spec.validationActions", actions,
				 "must not contain both Deny and Warn (repeating the same "
				 "validation failure information in the API response and headers "
				 "serves no purpose)");
	if (json_count(actions) == 0)
		validate_required(work, "spec.validationActions",
				  "at least one validation action is required");
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec");

	values_required_name(work, "spec.policyName", json_get(spec, "policyName"), name_subdomain);
	if (json_get(spec, "paramRef"))
		check_param(work, json_get(spec, "paramRef"));
	if (json_get(spec, "matchResources")) /* spelled so by the real server */
		webhook_check_match(work, json_get(spec, "matchResources"), "spec.matchResouces");
	check_actions(work, json_get(spec, "validationActions"));
}

static void print_param(const struct json *object, struct buf *out)
{
	const struct json *param = json_path(object, "spec", "paramRef", NULL);

	struct str name = json_str(json_get(param, "name")),
		   namespace = json_str(json_get(param, "namespace"));

	if (name.len > 0)
		buf_add_print(out, STR_FMT "/" STR_FMT,
			      STR_ARG(namespace.len > 0 ? namespace : STR("*")), STR_ARG(name));
	else if (json_get(param, "selector"))
		json_print(json_get(param, "selector"), out);
	else
		buf_add_text(out, "<unset>");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "PolicyName", .path = ".spec.policyName" },
	{ .name = "ParamRef", .print = print_param },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

const struct kind kind_admissionpolicybinding = {
	.group = WEBHOOK_GROUP,
	.version = "v1",
	.name = "ValidatingAdmissionPolicyBinding",
	.plural = "validatingadmissionpolicybindings",
	.categories = webhook_categories,
	.type_name = "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding",
	.has_generation = true,
	.needs_revision = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.validate = validate,
	.columns = columns,
};
