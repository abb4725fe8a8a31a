/*
 * kind_hpa_v1.c - HorizontalPodAutoscaler as autoscaling/v1 shows it: one target for the use of
 * processors; everything else that the kept form (autoscaling/v2) has is text in annotations.
 */
#include "api/decode.h"
#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/quantity.h"
#include "api/validate.h"

extern const struct kind kind_hpa;

#define ANNOTATION(name) "autoscaling.alpha.kubernetes.io/" name
#define METRICS          ANNOTATION("metrics")
#define CURRENT          ANNOTATION("current-metrics")
#define CONDITIONS       ANNOTATION("conditions")
#define BEHAVIOR         ANNOTATION("behavior")

#define V2(type) "io.k8s.api.autoscaling.v2." type

/* --- metrics in the old form: flat --- */

struct rename {
	const char *part, *field; /* part NULL: at the top */
	const char *old;
};
struct source {
	const char *field;
	struct rename wish[6], seen[6]; /* of spec and of status; end with old == NULL */
};

/* The order is that of the old form's fields. */
static const struct source sources[] = {
	{ "object",
	  { { NULL, "describedObject", "target" },
	    { "metric", "name", "metricName" },
	    { "target", "value", "targetValue" },
	    { "metric", "selector", "selector" },
	    { "target", "averageValue", "averageValue" } },
	  { { NULL, "describedObject", "target" },
	    { "metric", "name", "metricName" },
	    { "current", "value", "currentValue" },
	    { "metric", "selector", "selector" },
	    { "current", "averageValue", "averageValue" } } },
	{ "pods",
	  { { "metric", "name", "metricName" },
	    { "target", "averageValue", "targetAverageValue" },
	    { "metric", "selector", "selector" } },
	  { { "metric", "name", "metricName" },
	    { "current", "averageValue", "currentAverageValue" },
	    { "metric", "selector", "selector" } } },
	{ "resource",
	  { { NULL, "name", "name" },
	    { "target", "averageUtilization", "targetAverageUtilization" },
	    { "target", "averageValue", "targetAverageValue" } },
	  { { NULL, "name", "name" },
	    { "current", "averageUtilization", "currentAverageUtilization" },
	    { "current", "averageValue", "currentAverageValue" } } },
	{ "containerResource",
	  { { NULL, "name", "name" },
	    { "target", "averageUtilization", "targetAverageUtilization" },
	    { "target", "averageValue", "targetAverageValue" },
	    { NULL, "container", "container" } },
	  { { NULL, "name", "name" },
	    { "current", "averageUtilization", "currentAverageUtilization" },
	    { "current", "averageValue", "currentAverageValue" },
	    { NULL, "container", "container" } } },
	{ "external",
	  { { "metric", "name", "metricName" },
	    { "metric", "selector", "metricSelector" },
	    { "target", "value", "targetValue" },
	    { "target", "averageValue", "targetAverageValue" } },
	  { { "metric", "name", "metricName" },
	    { "metric", "selector", "metricSelector" },
	    { "current", "value", "currentValue" },
	    { "current", "averageValue", "currentAverageValue" } } },
};

static struct json *flatten(struct json_doc *doc, const struct json *metric, bool seen)
{
	struct json *flat = json_new_object(doc);

	json_put(doc, flat, "type", json_clone(doc, json_get(metric, "type")));
	for (size_t i = 0; i < ARRAY_LENGTH(sources); i++) {
		const struct json *from = json_get(metric, sources[i].field);
		struct json *to = from ? json_sub_object(doc, flat, sources[i].field) : NULL;

		for (const struct rename *row = seen ? sources[i].seen : sources[i].wish;
		     from && row->old; row++)
			json_put(doc, to, row->old,
				 json_clone(doc,
					    json_get(row->part ? json_get(from, row->part) : from,
						     row->field)));
	}
	return flat;
}

static const char *target_type(const struct json *target, const char *source)
{
	if (json_get(target, "averageUtilization"))
		return "Utilization";
	/* An object's average goes before its value, elsewhere there is one of them only. */
	if (json_get(target, "averageValue") &&
	    (strcmp(source, "object") == 0 || !json_get(target, "value")))
		return "AverageValue";
	return json_get(target, "value") ? "Value" : "AverageValue";
}

/* The old form cannot leave an object's value out: none is 0 there. */
static void drop_zero(struct json *target)
{
	struct str value = json_str(json_get(target, "value"));

	if (value.len > 0 && quantity_sign(value) == 0)
		json_remove(target, STR("value"));
}

static struct json *unflatten(struct json_doc *doc, const struct json *flat, bool seen)
{
	struct json *metric = json_new_object(doc), *target;

	json_put(doc, metric, "type", json_clone(doc, json_get(flat, "type")));
	for (size_t i = 0; i < ARRAY_LENGTH(sources); i++) {
		const struct json *from = json_get(flat, sources[i].field);
		struct json *to = from ? json_sub_object(doc, metric, sources[i].field) : NULL;

		for (const struct rename *row = seen ? sources[i].seen : sources[i].wish;
		     from && row->old; row++)
			if (json_get(from, row->old))
				json_put(doc, row->part ? json_sub_object(doc, to, row->part) : to,
					 row->field, json_clone(doc, json_get(from, row->old)));
		if (!from || seen)
			continue;
		target = json_sub_object(doc, to, "target");
		drop_zero(target);
		json_put(doc, target, "type",
			 json_new_text(doc, target_type(target, sources[i].field)));
	}
	return metric;
}

/* --- annotations --- */

static void put_annotation(struct json_doc *doc, struct json *object, const char *key,
			   const struct json *value)
{
	struct json *metadata = json_sub_object(doc, object, "metadata");
	auto_buf text = BUF_INIT;

	json_print(value, &text);
	json_put(doc, json_sub_object(doc, metadata, "annotations"), key,
		 json_new_str(doc, buf_str(&text)));
}

/* A value from a text that anybody may have written: of the type, or it is as if it was not there.
 */
static bool is_of(const char *type, struct json_doc *doc, struct json *value)
{
	auto_arena arena = arena_new();
	struct decode_notes notes = { .arena = arena };
	struct error unused;

	return json_type(value) == JSON_OBJECT &&
	       decode_check(type_find(str_of(type)), doc, value, &notes, &unused);
}

/* The value of an annotation in a doc of its own; NULL when it is no JSON. */
static struct json_doc *annotation(const struct json *object, const char *key)
{
	struct str text = meta_annotation(object, key);
	struct json_doc *parsed;
	struct error unused;

	return text.len > 0 && json_parse(text, &parsed, NULL, &unused) ? parsed : NULL;
}

/* The list in an annotation, each entry in the kept form; NULL when it is not wholly understood. */
static struct json *list_of(struct json_doc *doc, const struct json *object, const char *key,
			    const char *type)
{
	auto_json_doc parsed = annotation(object, key);
	struct json *list = json_new_array(doc);
	bool plain = strcmp(key, CONDITIONS) == 0;

	if (!parsed || json_type(json_root(parsed)) != JSON_ARRAY)
		return NULL;
	for (struct json_iter it = json_iter(json_root(parsed)); json_next(&it);) {
		struct json *item = plain ? json_clone(doc, it.value)
					  : unflatten(doc, it.value, strcmp(key, CURRENT) == 0);

		if (!is_of(type, doc, item))
			return NULL;
		json_append(list, item);
	}
	return list;
}

/* --- behaviour: the same, with other letters --- */

static const char *const behavior_names[][2] = {
	{ "scaleUp", "ScaleUp" },
	{ "scaleDown", "ScaleDown" },
	{ "stabilizationWindowSeconds", "StabilizationWindowSeconds" },
	{ "selectPolicy", "SelectPolicy" },
	{ "policies", "Policies" },
	{ "type", "Type" },
	{ "value", "Value" },
	{ "periodSeconds", "PeriodSeconds" },
};

static struct str rename_key(struct str key, bool old)
{
	for (size_t i = 0; i < ARRAY_LENGTH(behavior_names); i++)
		if (str_equal_case(key, str_of(behavior_names[i][0])))
			return str_of(behavior_names[i][old]);
	return key;
}

/* A copy with the keys of the other form, three levels deep. */
static struct json *rename_keys(struct json_doc *doc, const struct json *value, bool old, int depth)
{
	struct json *copy;

	if (depth == 0 || (json_type(value) != JSON_OBJECT && json_type(value) != JSON_ARRAY))
		return json_clone(doc, value);
	copy = json_type(value) == JSON_OBJECT ? json_new_object(doc) : json_new_array(doc);
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		struct json *item = rename_keys(doc, it.value, old, depth - 1);

		if (json_type(value) == JSON_ARRAY)
			json_append(copy, item);
		else
			json_add_str(doc, copy, rename_key(it.key, old), item);
	}
	if (json_type(copy) == JSON_OBJECT)
		json_drop_duplicates(copy);
	return copy;
}

/* behavior, rules, policies, the fields of one */
#define BEHAVIOR_DEPTH 4

static struct json *behavior_of(struct json_doc *doc, const struct json *object)
{
	auto_json_doc parsed = annotation(object, BEHAVIOR);
	struct json *behavior;

	if (!parsed)
		return NULL;
	behavior = rename_keys(doc, json_root(parsed), false, BEHAVIOR_DEPTH);
	return is_of(V2("HorizontalPodAutoscalerBehavior"), doc, behavior) &&
			       json_count(behavior) > 0
		       ? behavior
		       : NULL;
}

/* --- v1 -> v2 --- */

/* The use of processors as a metric. */
static struct json *cpu_metric(struct json_doc *doc, const struct json *percent, bool seen)
{
	struct json *metric = json_new_object(doc), *resource, *value;

	json_put(doc, metric, "type", json_new_text(doc, "Resource"));
	resource = json_sub_object(doc, metric, "resource");
	json_put(doc, resource, "name", json_new_text(doc, "cpu"));
	value = json_sub_object(doc, resource, seen ? "current" : "target");
	if (!seen)
		json_put(doc, value, "type", json_new_text(doc, "Utilization"));
	json_put(doc, value, "averageUtilization", json_clone(doc, percent));
	return metric;
}

/* What annotation and field say together. */
static void take_metrics(struct json_doc *doc, struct json *part, struct json *list,
			 const char *field, const char *percent_field, bool seen)
{
	const struct json *percent = json_get(part, percent_field);

	if (!list && percent)
		list = json_new_array(doc);
	if (percent && !(seen && json_count(list) > 0))
		json_append(list, cpu_metric(doc, percent, seen));
	json_remove(part, str_of(percent_field));
	json_put(doc, part, field, list);
}

static void to_stored(struct json_doc *doc, struct json *object)
{
	struct json *spec = json_sub_object(doc, object, "spec"),
		    *status = json_sub_object(doc, object, "status");

	take_metrics(doc, spec, list_of(doc, object, METRICS, V2("MetricSpec")), "metrics",
		     "targetCPUUtilizationPercentage", false);
	json_put(doc, spec, "behavior", behavior_of(doc, object));
	take_metrics(doc, status, list_of(doc, object, CURRENT, V2("MetricStatus")),
		     "currentMetrics", "currentCPUUtilizationPercentage", true);
	json_put(doc, status, "conditions",
		 list_of(doc, object, CONDITIONS, V2("HorizontalPodAutoscalerCondition")));
}

/* --- v2 -> v1 --- */

/* The percentage when the metric is the use of processors in percent. */
static struct json *cpu_percent(const struct json *metric, const char *value)
{
	const struct json *resource = json_get(metric, "resource");

	if (!str_is(json_str(json_get(metric, "type")), "Resource") ||
	    !str_is(json_str(json_get(resource, "name")), "cpu"))
		return NULL;
	return json_path(resource, value, "averageUtilization", NULL);
}

static struct json *first_percent(const struct json *list, const char *value)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (cpu_percent(it.value, value))
			return cpu_percent(it.value, value);
	return NULL;
}

/* All metrics in the old form; of the wished ones those only that have no field. */
static struct json *flat_list(struct json_doc *doc, const struct json *list, bool seen)
{
	struct json *flat = json_new_array(doc);

	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (seen || !cpu_percent(it.value, "target"))
			json_append(flat, flatten(doc, it.value, seen));
	return flat;
}

static void give_list(struct json_doc *doc, struct json *object, const char *key,
		      const struct json *list)
{
	if (json_count(list) > 0)
		put_annotation(doc, object, key, list);
}

static void from_stored(struct json_doc *doc, struct json *object)
{
	struct json *spec = json_sub_object(doc, object, "spec"),
		    *status = json_sub_object(doc, object, "status");
	const struct json *metrics = json_get(spec, "metrics"),
			  *seen = json_get(status, "currentMetrics");

	json_put(doc, spec, "targetCPUUtilizationPercentage",
		 json_clone(doc, first_percent(metrics, "target")));
	json_put(doc, status, "currentCPUUtilizationPercentage",
		 json_clone(doc, first_percent(seen, "current")));
	give_list(doc, object, METRICS, flat_list(doc, metrics, false));
	give_list(doc, object, CURRENT, flat_list(doc, seen, true));
	give_list(doc, object, CONDITIONS, json_get(status, "conditions"));
	if (json_get(spec, "behavior"))
		put_annotation(doc, object, BEHAVIOR,
			       rename_keys(doc, json_get(spec, "behavior"), true, BEHAVIOR_DEPTH));
	json_remove(spec, STR("metrics"));
	json_remove(spec, STR("behavior"));
	json_remove(status, STR("currentMetrics"));
	json_remove(status, STR("conditions"));
	if (!json_get(status, "currentReplicas"))
		json_put(doc, status, "currentReplicas", json_new_int(doc, 0));
	if (!json_get(status, "desiredReplicas"))
		json_put(doc, status, "desiredReplicas", json_new_int(doc, 0));
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ 0 }, /* tables are made of the kept form */
};
static const char *const short_names[] = { "hpa", NULL };

const struct kind kind_hpa_v1 = {
	.group = "autoscaling",
	.version = "v1",
	.name = "HorizontalPodAutoscaler",
	.plural = "horizontalpodautoscalers",
	.short_names = short_names,
	.categories = categories_all,
	.type_name = "io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler",
	.namespaced = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.stored_as = &kind_hpa,
	.to_stored = to_stored,
	.from_stored = from_stored,
	.subresources = subresources_status,
	.columns = columns,
};
