/*
 * kind_hpa.c - HorizontalPodAutoscaler (autoscaling/v2): changes the number of pods by what is
 * measured.  This form is the one that is kept.
 */
#include <inttypes.h>

#include "api/kinds/cells.h"
#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/validate.h"
#include "api/validate_scaling.h"
#include "api/validate_workload.h"

#define METRICS_SHOWN 2

/* --- defaults --- */

static void put_absent(const struct kind_work *work, struct json *object, const char *key,
		       struct json *value)
{
	if (!json_get(object, key))
		json_put(work->doc, object, key, value);
}

static void add_policy(struct json_doc *doc, struct json *policies, const char *type, int64_t value)
{
	struct json *policy = json_new_object(doc);

	json_put(doc, policy, "type", json_new_text(doc, type));
	json_put(doc, policy, "value", json_new_int(doc, value));
	json_put(doc, policy, "periodSeconds", json_new_int(doc, 15));
	json_append(policies, policy);
}

/* Growing: at once, by four pods or twice as many in 15 s.  Shrinking: all at once, after the
 * window that the controller has. */
static void fill_rules(const struct kind_work *work, struct json *rules, bool up)
{
	struct json *policies;

	if (up)
		put_absent(work, rules, "stabilizationWindowSeconds", json_new_int(work->doc, 0));
	put_absent(work, rules, "selectPolicy", json_new_text(work->doc, "Max"));
	if (json_get(rules, "policies"))
		return;
	policies = json_sub_array(work->doc, rules, "policies");
	if (up)
		add_policy(work->doc, policies, "Pods", 4);
	add_policy(work->doc, policies, "Percent", 100);
}

/* What autoscaling/v1 says in annotations has fields here. */
static void drop_annotations(struct json *object)
{
	static const char *const keys[] = { "metrics", "current-metrics", "conditions",
					    "behavior" };
	struct json *annotations = json_get(meta_of(object), "annotations");

	for (size_t i = 0; annotations && i < ARRAY_LENGTH(keys); i++) {
		auto_free char *key = memory_print("autoscaling.alpha.kubernetes.io/%s", keys[i]);

		json_remove(annotations, str_of(key));
	}
	if (annotations && json_count(annotations) == 0)
		json_remove(meta_of(object), STR("annotations"));
}

static void fill(const struct kind_work *work)
{
	struct json_doc *doc = work->doc;
	struct json *spec = json_sub_object(doc, work->object, "spec");
	struct json *behavior = json_get(spec, "behavior"), *metric, *target;

	drop_annotations(work->object);
	if (json_count(json_get(spec, "metrics")) == 0) {
		metric = json_new_object(doc);
		json_put(doc, metric, "type", json_new_text(doc, "Resource"));
		json_put(doc, json_sub_object(doc, metric, "resource"), "name",
			 json_new_text(doc, "cpu"));
		target = json_sub_object(doc, json_get(metric, "resource"), "target");
		json_put(doc, target, "type", json_new_text(doc, "Utilization"));
		json_put(doc, target, "averageUtilization", json_new_int(doc, 80));
		json_put(doc, spec, "metrics", json_new_array(doc));
		json_append(json_get(spec, "metrics"), metric);
	}
	if (!behavior)
		return;
	fill_rules(work, json_sub_object(doc, behavior, "scaleUp"), true);
	fill_rules(work, json_sub_object(doc, behavior, "scaleDown"), false);
}

static void on_create(const struct kind_work *work)
{
	struct json *status = json_new_object(work->doc);

	json_put(work->doc, status, "desiredReplicas", json_new_int(work->doc, 0));
	json_put(work->doc, work->object, "status", status);
}

/* --- validation --- */

/* One that has come down to no pods may stay so. */
static int64_t fewest(const struct kind_work *work)
{
	const struct json *old = json_path(work->old, "spec", "minReplicas", NULL);

	return old && json_int(old) == 0 ? 0 : 1;
}

static bool scales_to_none(const struct json *spec)
{
	const struct json *least = json_get(spec, "minReplicas");

	return least && json_int(least) == 0;
}

static bool has_outside_metric(const struct json *metrics)
{
	for (struct json_iter it = json_iter(metrics); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "type")), "Object") ||
		    str_is(json_str(json_get(it.value, "type")), "External"))
			return true;
	return false;
}

static void check_counts(const struct kind_work *work, const struct json *spec)
{
	const struct json *least = json_get(spec, "minReplicas"),
			  *most = json_get(spec, "maxReplicas");
	const char *shown = field_path(work->errors, "%" PRId64, json_int(most));

	if (least && json_int(least) < fewest(work))
		validate_invalid(work, "spec.minReplicas", least,
				 field_path(work->errors,
					    "must be greater than or equal to %" PRId64,
					    fewest(work)));
	if (json_int(most) < 1)
		field_errors_add(work->errors, FIELD_INVALID, "spec.maxReplicas", shown,
				 "must be greater than 0");
	if (least && json_int(most) < json_int(least))
		field_errors_add(work->errors, FIELD_INVALID, "spec.maxReplicas", shown,
				 "must be greater than or equal to `minReplicas`");
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec"),
			  *status = json_get(work->object, "status");

	if (strcmp(work->subresource, "status") == 0) {
		validate_not_negative(work, json_get(status, "currentReplicas"),
				      "status.currentReplicas");
		validate_not_negative(work, json_get(status, "desiredReplicas"),
				      "status.desiredReplicas");
		return;
	}
	check_counts(work, spec);
	scaling_validate_reference(work, json_get(spec, "scaleTargetRef"), "spec.scaleTargetRef");
	scaling_validate_metrics(work, json_get(spec, "metrics"), "spec.metrics");
	if (scales_to_none(spec) && !has_outside_metric(json_get(spec, "metrics")))
		field_errors_add(work->errors, FIELD_FORBIDDEN, "spec.metrics", NULL,
				 "must specify at least one Object or External metric to support "
				 "scaling to zero replicas");
	scaling_validate_behavior(work, json_get(spec, "behavior"), "spec.behavior");
}

/* --- columns --- */

static void print_reference(const struct json *object, struct buf *out)
{
	const struct json *target = json_path(object, "spec", "scaleTargetRef", NULL);

	buf_add_print(out, STR_FMT "/" STR_FMT, STR_ARG(json_str(json_get(target, "kind"))),
		      STR_ARG(json_str(json_get(target, "name"))));
}

static void print_quantity(const struct json *value, struct buf *out)
{
	buf_add_str(out, value ? json_str(value) : STR("<unknown>"));
}

/* "now/wished", of the averages when the wish is one. */
static void print_plain(const struct json *source, const struct json *current, struct buf *out)
{
	const struct json *target = json_get(source, "target");
	bool average = json_get(target, "averageValue") != NULL;
	const char *field = average ? "averageValue" : "value";

	print_quantity(json_get(current, field), out);
	buf_add_byte(out, '/');
	buf_add_str(out, json_str(json_get(target, field)));
	if (average)
		buf_add_text(out, " (avg)");
}

static void print_pods(const struct json *source, const struct json *current, struct buf *out)
{
	print_quantity(json_get(current, "averageValue"), out);
	buf_add_byte(out, '/');
	buf_add_str(out, json_str(json_path(source, "target", "averageValue", NULL)));
}

static void print_percent(const struct json *value, const char *absent, struct buf *out)
{
	if (value)
		buf_add_print(out, "%" PRId64 "%%", json_int(value));
	else
		buf_add_text(out, absent);
}

static void print_resource(const struct json *source, const struct json *current, struct buf *out)
{
	const struct json *target = json_get(source, "target");

	buf_add_print(out, STR_FMT ": ", STR_ARG(json_str(json_get(source, "name"))));
	if (json_get(target, "averageValue")) {
		print_pods(source, current, out);
		return;
	}
	print_percent(json_get(current, "averageUtilization"), "<unknown>", out);
	buf_add_byte(out, '/');
	print_percent(json_get(target, "averageUtilization"), "<auto>", out);
}

static void print_metric(const struct json *metric, const struct json *status, struct buf *out)
{
	static const struct {
		const char *type, *field;
		void (*print)(const struct json *source, const struct json *current,
			      struct buf *out);
	} rows[] = {
		{ "External", "external", print_plain },
		{ "Pods", "pods", print_pods },
		{ "Object", "object", print_plain },
		{ "Resource", "resource", print_resource },
		{ "ContainerResource", "containerResource", print_resource },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		if (!str_is(json_str(json_get(metric, "type")), rows[i].type))
			continue;
		rows[i].print(json_get(metric, rows[i].field),
			      json_path(status, rows[i].field, "current", NULL), out);
		return;
	}
	buf_add_text(out, "<unknown type>");
}

static void print_targets(const struct json *object, struct buf *out)
{
	const struct json *metrics = json_path(object, "spec", "metrics", NULL);
	struct json_iter status = json_iter(json_path(object, "status", "currentMetrics", NULL));

	if (json_count(metrics) == 0)
		buf_add_text(out, "<none>");
	for (struct json_iter it = json_iter(metrics);
	     json_next(&it) && it.index < METRICS_SHOWN;) {
		const struct json *current = json_next(&status) ? status.value : NULL;

		buf_add_text(out, it.index ? ", " : "");
		print_metric(it.value, current, out);
	}
	if (json_count(metrics) > METRICS_SHOWN)
		buf_add_print(out, " + %zu more...", json_count(metrics) - METRICS_SHOWN);
}

static void print_least(const struct json *object, struct buf *out)
{
	const struct json *least = json_path(object, "spec", "minReplicas", NULL);

	if (least)
		buf_add_print(out, "%" PRId64, json_int(least));
	else
		buf_add_text(out, "<unset>");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Reference", .print = print_reference },
	{ .name = "Targets", .print = print_targets },
	{ .name = "MinPods", .print = print_least },
	{ .name = "MaxPods", .path = ".spec.maxReplicas" },
	{ .name = "Replicas", .path = ".status.currentReplicas" },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};
static const char *const short_names[] = { "hpa", NULL };

const struct kind kind_hpa = {
	.group = "autoscaling",
	.version = "v2",
	.name = "HorizontalPodAutoscaler",
	.plural = "horizontalpodautoscalers",
	.short_names = short_names,
	.categories = categories_all,
	.type_name = "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
	.namespaced = true,
	.own_enums = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.on_create = on_create,
	.validate = validate,
	.subresources = subresources_status,
	.columns = columns,
};
