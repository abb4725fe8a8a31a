/*
 * validate_scaling.c - metrics and behaviour of a HorizontalPodAutoscaler.
 */
#include "api/validate_scaling.h"

#include <inttypes.h>

#include "api/names.h"
#include "api/quantity.h"
#include "api/validate.h"

#define AT(...) field_path(work->errors, __VA_ARGS__)

#define PERIOD_MAX_S 1800
#define WINDOW_MAX_S 3600

#define SOURCE_TYPES                                                                               \
	"supported values: \"ContainerResource\", \"External\", \"Object\", \"Pods\", "            \
	"\"Resource\""

/* --- parts --- */

/* A text that is there and can be a part of a path. */
static void check_segment(const struct kind_work *work, const struct json *value, const char *path,
			  const char *absent)
{
	const char *why = name_check(NAME_PATH_SEGMENT, json_str(value));

	if (json_str(value).len == 0)
		validate_required(work, path, absent);
	else if (why)
		validate_invalid(work, path, value, why);
}

void scaling_validate_reference(const struct kind_work *work, const struct json *reference,
				const char *path)
{
	check_segment(work, json_get(reference, "kind"), AT("%s.kind", path), "");
	check_segment(work, json_get(reference, "name"), AT("%s.name", path), "");
}

static void check_positive(const struct kind_work *work, const struct json *value, const char *path)
{
	if (value && quantity_sign(json_str(value)) <= 0)
		validate_invalid(work, path, value, "must be positive");
}

static void check_target(const struct kind_work *work, const struct json *target, const char *path)
{
	const struct json *type = json_get(target, "type"),
			  *percent = json_get(target, "averageUtilization");
	struct str text = json_str(type);

	if (text.len == 0)
		validate_required(work, AT("%s.type", path), "must specify a metric target type");
	if (!str_is(text, "Utilization") && !str_is(text, "Value") && !str_is(text, "AverageValue"))
		field_errors_add(work->errors, FIELD_INVALID, AT("%s.type", path),
				 type ? field_value(work->errors, type) : "\"\"",
				 "must be either Utilization, Value, or AverageValue");
	check_positive(work, json_get(target, "value"), AT("%s.value", path));
	check_positive(work, json_get(target, "averageValue"), AT("%s.averageValue", path));
	if (percent && json_int(percent) < 1)
		validate_invalid(work, AT("%s.averageUtilization", path), percent,
				 "must be greater than 0");
}

static void check_metric(const struct kind_work *work, const struct json *source, const char *path)
{
	check_segment(work, json_path(source, "metric", "name", NULL), AT("%s.metric.name", path),
		      "must specify a metric name");
}

/* --- sources --- */

static void check_object(const struct kind_work *work, const struct json *source, const char *path)
{
	const struct json *target = json_get(source, "target");

	scaling_validate_reference(work, json_get(source, "describedObject"),
				   AT("%s.describedObject", path));
	check_metric(work, source, path);
	check_target(work, target, AT("%s.target", path));
	if (!json_get(target, "value") && !json_get(target, "averageValue"))
		validate_required(work, AT("%s.target.averageValue", path),
				  "must set either a target value or averageValue");
}

static void check_external(const struct kind_work *work, const struct json *source,
			   const char *path)
{
	const struct json *target = json_get(source, "target"), *value = json_get(target, "value"),
			  *average = json_get(target, "averageValue");

	check_metric(work, source, path);
	check_target(work, target, AT("%s.target", path));
	if (!value && !average)
		validate_required(work, AT("%s.target.averageValue", path),
				  "must set either a target value for metric or a per-pod target");
	if (value && average)
		field_errors_add(work->errors, FIELD_FORBIDDEN, AT("%s.target.value", path), NULL,
				 "may not set both a target value for metric and a per-pod target");
}

static void check_pods(const struct kind_work *work, const struct json *source, const char *path)
{
	const struct json *target = json_get(source, "target");

	check_metric(work, source, path);
	check_target(work, target, AT("%s.target", path));
	if (!json_get(target, "averageValue"))
		validate_required(work, AT("%s.target.averageValue", path),
				  "must specify a positive target averageValue");
}

static void check_resource_target(const struct kind_work *work, const struct json *target,
				  const char *path)
{
	bool percent = json_get(target, "averageUtilization"),
	     raw = json_get(target, "averageValue");

	check_target(work, target, path);
	if (!percent && !raw)
		validate_required(work, AT("%s.averageUtilization", path),
				  "must set either a target raw value or a target utilization");
	if (percent && raw)
		field_errors_add(work->errors, FIELD_FORBIDDEN, AT("%s.averageValue", path), NULL,
				 "may not set both a target raw value and a target utilization");
}

static void check_resource(const struct kind_work *work, const struct json *source,
			   const char *path)
{
	if (json_str(json_get(source, "name")).len == 0)
		validate_required(work, AT("%s.name", path), "must specify a resource name");
	check_resource_target(work, json_get(source, "target"), AT("%s.target", path));
}

/* Names without a prefix are those that containers know. */
static void check_resource_name(const struct kind_work *work, const struct json *name,
				const char *path)
{
	static const char *const known[] = { "cpu", "memory", "ephemeral-storage" };
	struct str text = json_str(name);
	const char *why = name_check_qualified(text);

	if (text.len == 0) {
		validate_required(work, path, "must specify a resource name");
		return;
	}
	if (why) {
		validate_invalid(work, path, name, why);
		return;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
		if (str_is(text, known[i]))
			return;
	if (str_find(text, '/') < 0 && !str_starts(text, STR("hugepages-")))
		validate_invalid(work, path, name, "must be a standard resource for containers");
}

static void check_container(const struct kind_work *work, const struct json *source,
			    const char *path)
{
	const struct json *container = json_get(source, "container");
	const char *why = name_check(NAME_LABEL, json_str(container));

	check_resource_name(work, json_get(source, "name"), AT("%s.name", path));
	if (json_str(container).len == 0)
		validate_required(work, AT("%s.container", path), "must specify a container");
	else if (why)
		validate_invalid(work, AT("%s.container", path), container, why);
	check_resource_target(work, json_get(source, "target"), AT("%s.target", path));
}

/* --- metrics --- */

static const struct {
	const char *type, *field;
	void (*check)(const struct kind_work *work, const struct json *source, const char *path);
} sources[] = {
	{ "Object", "object", check_object },
	{ "External", "external", check_external },
	{ "Pods", "pods", check_pods },
	{ "Resource", "resource", check_resource },
	{ "ContainerResource", "containerResource", check_container },
};

static void unsupported(const struct kind_work *work, const struct json *value, const char *path,
			const char *words)
{
	field_errors_add(work->errors, FIELD_NOT_SUPPORTED, path,
			 value ? field_value(work->errors, value) : "\"\"", words);
}

/* The source that the type names must be there, and no other. */
static void check_sources(const struct kind_work *work, const struct json *metric, const char *path)
{
	const struct json *type = json_get(metric, "type");
	const char *expected = "";
	size_t present = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(sources); i++) {
		const struct json *source = json_get(metric, sources[i].field);

		present += source != NULL;
		if (source && present == 1)
			sources[i].check(work, source, AT("%s.%s", path, sources[i].field));
	}
	for (size_t i = 0; i < ARRAY_LENGTH(sources); i++) {
		if (!str_is(json_str(type), sources[i].type))
			continue;
		expected = sources[i].field;
		if (!json_get(metric, expected))
			validate_required(work, AT("%s.%s", path, expected),
					  "must populate information for the given metric source");
	}
	if (!*expected)
		unsupported(work, type, AT("%s.type", path), SOURCE_TYPES);
	if (present == 1)
		return;
	for (size_t i = 0; i < ARRAY_LENGTH(sources); i++)
		if (json_get(metric, sources[i].field) && strcmp(sources[i].field, expected) != 0)
			field_errors_add(work->errors, FIELD_FORBIDDEN,
					 AT("%s.%s", path, sources[i].field), NULL,
					 "must populate the given metric source only");
}

void scaling_validate_metrics(const struct kind_work *work, const struct json *metrics,
			      const char *path)
{
	/* More is not told anyway. */
	for (struct json_iter it = json_iter(metrics);
	     work->errors->count < FIELD_ERRORS_MAX && json_next(&it);) {
		const struct json *type = json_get(it.value, "type");
		const char *here = AT("%s[%zu]", path, it.index);
		bool known = false;

		for (size_t i = 0; i < ARRAY_LENGTH(sources); i++)
			known = known || str_is(json_str(type), sources[i].type);
		if (json_str(type).len == 0)
			validate_required(work, AT("%s.type", here),
					  "must specify a metric source type");
		if (!known)
			unsupported(work, type, AT("%s.type", here), SOURCE_TYPES);
		check_sources(work, it.value, here);
	}
}

/* --- behaviour --- */

static void check_policy(const struct kind_work *work, const struct json *policy, const char *path)
{
	const struct json *type = json_get(policy, "type"), *value = json_get(policy, "value"),
			  *period = json_get(policy, "periodSeconds");

	if (!str_is(json_str(type), "Pods") && !str_is(json_str(type), "Percent"))
		unsupported(work, type, AT("%s.type", path),
			    "supported values: \"Percent\", \"Pods\"");
	if (json_int(value) <= 0)
		field_errors_add(work->errors, FIELD_INVALID, AT("%s.value", path),
				 AT("%" PRId64, json_int(value)), "must be greater than zero");
	if (json_int(period) <= 0)
		field_errors_add(work->errors, FIELD_INVALID, AT("%s.periodSeconds", path),
				 AT("%" PRId64, json_int(period)), "must be greater than zero");
	if (json_int(period) > PERIOD_MAX_S)
		validate_invalid(work, AT("%s.periodSeconds", path), period,
				 AT("must be less than or equal to %d", PERIOD_MAX_S));
}

static void check_rules(const struct kind_work *work, const struct json *rules, const char *path)
{
	const struct json *window = json_get(rules, "stabilizationWindowSeconds"),
			  *select = json_get(rules, "selectPolicy"),
			  *policies = json_get(rules, "policies");
	struct str text = json_str(select);

	if (!rules)
		return;
	if (window && json_int(window) < 0)
		validate_invalid(work, AT("%s.stabilizationWindowSeconds", path), window,
				 "must be greater than or equal to zero");
	if (window && json_int(window) > WINDOW_MAX_S)
		validate_invalid(work, AT("%s.stabilizationWindowSeconds", path), window,
				 AT("must be less than or equal to %d", WINDOW_MAX_S));
	if (select && !str_is(text, "Max") && !str_is(text, "Min") && !str_is(text, "Disabled"))
		unsupported(work, select, AT("%s.selectPolicy", path),
			    "supported values: \"Disabled\", \"Max\", \"Min\"");
	if (json_count(policies) == 0)
		validate_required(work, AT("%s.policies", path),
				  "must specify at least one Policy");
	for (struct json_iter it = json_iter(policies); json_next(&it);)
		check_policy(work, it.value, AT("%s.policies[%zu]", path, it.index));
}

void scaling_validate_behavior(const struct kind_work *work, const struct json *behavior,
			       const char *path)
{
	check_rules(work, json_get(behavior, "scaleUp"), AT("%s.scaleUp", path));
	check_rules(work, json_get(behavior, "scaleDown"), AT("%s.scaleDown", path));
}
