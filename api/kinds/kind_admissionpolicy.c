/*
 * kind_admissionpolicy.c - ValidatingAdmissionPolicy: expressions that may refuse what is written.
 */
#include "api/kinds/cells.h"
#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_webhook.h"
#include "api/validate_words.h"
#include "base/map.h"

#define ANNOTATIONS_MAX      20
#define VALUE_EXPRESSION_MAX (5 * 1024)

static void fill(const struct kind_work *work)
{
	webhook_fill_match(work, json_path(work->object, "spec", "matchConstraints", NULL));
}

static void check_param_kind(const struct kind_work *work, const struct json *kind)
{
	struct str version = json_str(json_get(kind, "apiVersion")), group = STR("");

	if (values_required(work, "spec.paramKind.apiVersion", json_get(kind, "apiVersion"))) {
		if (str_find(version, '/') >= 0)
			group = str_cut(&version, '/');
		if (group.len > 0)
			values_key(work, "spec.paramKind.apiVersion", group, name_subdomain);
		values_key(work, "spec.paramKind.apiVersion", version, name_label_1035);
	}
	values_required(work, "spec.paramKind.kind", json_get(kind, "kind"));
}

static bool is_identifier(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c != '_' && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(i > 0 && c >= '0' && c <= '9'))
			return false;
	}
	return text.len > 0;
}

static void check_variable(const struct kind_work *work, const struct json *variable,
			   const char *path)
{
	const struct json *name = json_get(variable, "name");
	const char *at = field_path(work->errors, "%s.name", path);

	if (webhook_is_blank(name))
		validate_required(work, at, "name is not specified");
	else if (!is_identifier(json_str(name)))
		validate_invalid(work, at, name, "name is not a valid CEL identifier");
	if (webhook_is_blank(json_get(variable, "expression")))
		validate_required(work, field_path(work->errors, "%s.expression", path),
				  "expression is not specified");
}

static void check_validation(const struct kind_work *work, const struct json *item,
			     const char *path)
{
	static const char *const reasons[] = { "Forbidden", "Invalid", "RequestEntityTooLarge",
					       NULL };
	const struct json *message = json_get(item, "message"),
			  *made = json_get(item, "messageExpression");
	const char *at = field_path(work->errors, "%s.message", path);

	if (webhook_is_blank(json_get(item, "expression")))
		validate_required(work, field_path(work->errors, "%s.expression", path),
				  "expression is not specified");
	if (json_str(made).len > 0 && webhook_is_blank(made))
		validate_invalid(work, field_path(work->errors, "%s.messageExpression", path), made,
				 "must be non-empty if specified");
	if (json_str(message).len > 0 && webhook_is_blank(message))
		validate_invalid(work, at, message, "message must be non-empty if specified");
	else if (str_find(str_trim(json_str(message)), '\n') >= 0)
		validate_invalid(work, at, message, "message must not contain line breaks");
	if (json_get(item, "reason"))
		words_check(work, field_path(work->errors, "%s.reason", path),
			    json_get(item, "reason"), reasons);
}

static void check_annotation(const struct kind_work *work, const struct json *item,
			     struct map *keys, const char *path)
{
	struct str key = json_str(json_get(item, "key"));
	const char *at = field_path(work->errors, "%s.key", path);
	auto_buf whole = BUF_INIT;

	buf_add_print(&whole, STR_FMT "/" STR_FMT, STR_ARG(meta_str(work->object, "name")),
		      STR_ARG(key));
	values_key(work, at, buf_str(&whole), name_qualified);
	if (webhook_is_blank(json_get(item, "valueExpression")))
		validate_required(work, field_path(work->errors, "%s.valueExpression", path),
				  "valueExpression is not specified");
	else if (json_str(json_get(item, "valueExpression")).len > VALUE_EXPRESSION_MAX)
		validate_required(work, field_path(work->errors, "%s.valueExpression", path),
				  "must not exceed 5120 bytes in length");
	if (map_put(keys, key, keys))
		validate_duplicate(work, at, json_get(item, "key"));
}

static void check_annotations(const struct kind_work *work, const struct json *list)
{
	auto_map keys = map_new();

	if (json_count(list) > ANNOTATIONS_MAX)
		validate_invalid(work, "spec.auditAnnotations", list,
				 "must not have more than 20 auditAnnotations");
	for (struct json_iter it = json_iter(list); json_next(&it);)
		check_annotation(work, it.value, keys,
				 field_path(work->errors, "spec.auditAnnotations[%zu]", it.index));
}

static void check_match(const struct kind_work *work, const struct json *match)
{
	if (!match) {
		validate_required(work, "spec.matchConstraints", "");
		return;
	}
	webhook_check_match(work, match, "spec.matchConstraints");
	if (json_count(json_get(match, "resourceRules")) == 0)
		validate_required(work, "spec.matchConstraints.resourceRules", "");
}

static void validate(const struct kind_work *work)
{
	static const char words[] =
		"validations or auditAnnotations must contain at least one item";
	const struct json *spec = json_get(work->object, "spec");

	if (json_get(spec, "paramKind"))
		check_param_kind(work, json_get(spec, "paramKind"));
	check_match(work, json_get(spec, "matchConstraints"));
	webhook_check_conditions(work, json_get(spec, "matchConditions"), "spec.matchConditions");
	for (struct json_iter it = json_iter(json_get(spec, "variables")); json_next(&it);)
		check_variable(work, it.value,
			       field_path(work->errors, "spec.variables[%zu]", it.index));
	if (json_count(json_get(spec, "validations")) +
		    json_count(json_get(spec, "auditAnnotations")) ==
	    0) {
		validate_required(work, "spec.validations", words);
		validate_required(work, "spec.auditAnnotations", words);
	}
	for (struct json_iter it = json_iter(json_get(spec, "validations")); json_next(&it);)
		check_validation(work, it.value,
				 field_path(work->errors, "spec.validations[%zu]", it.index));
	check_annotations(work, json_get(spec, "auditAnnotations"));
}

static void on_create(const struct kind_work *work)
{
	json_put(work->doc, work->object, "status", json_new_object(work->doc));
}

static void warn(const struct kind_work *work)
{
	kind_warn(work, "admission policies are kept, but not evaluated by this server yet");
}

static void print_validations(const struct json *object, struct buf *out)
{
	cells_count(json_count(json_path(object, "spec", "validations", NULL)), out);
}

static void print_param_kind(const struct json *object, struct buf *out)
{
	const struct json *kind = json_path(object, "spec", "paramKind", NULL);

	if (kind)
		buf_add_print(out, STR_FMT "/" STR_FMT,
			      STR_ARG(json_str(json_get(kind, "apiVersion"))),
			      STR_ARG(json_str(json_get(kind, "kind"))));
	else
		buf_add_text(out, "<unset>");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Validations", .type = "integer", .print = print_validations },
	{ .name = "ParamKind", .print = print_param_kind },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

const struct kind kind_admissionpolicy = {
	.group = WEBHOOK_GROUP,
	.version = "v1",
	.name = "ValidatingAdmissionPolicy",
	.plural = "validatingadmissionpolicies",
	.categories = webhook_categories,
	.type_name = "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy",
	.has_generation = true,
	.needs_revision = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.on_create = on_create,
	.validate = validate,
	.warn = warn,
	.subresources = subresources_status,
	.columns = columns,
};
