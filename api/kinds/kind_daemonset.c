/*
 * kind_daemonset.c - DaemonSet: one pod of a template on each node.
 */
#include <inttypes.h>

#include "api/kinds/cells.h"
#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/validate.h"
#include "api/validate_workload.h"

/* Counts changes of the template; clients of before 1.9 read it. */
#define TEMPLATE_GENERATION "deprecated.daemonset.template.generation"

static void fill(const struct kind_work *work)
{
	struct json_doc *doc = work->doc;
	struct json *spec = json_sub_object(doc, work->object, "spec"), *strategy, *rolling;

	fill_pod_spec(work, json_path(spec, "template", "spec", NULL), false);
	strategy = json_sub_object(doc, spec, "updateStrategy");
	if (json_str(json_get(strategy, "type")).len == 0)
		json_put(doc, strategy, "type", json_new_text(doc, "RollingUpdate"));
	if (!str_is(json_str(json_get(strategy, "type")), "RollingUpdate"))
		return;
	rolling = json_sub_object(doc, strategy, "rollingUpdate");
	if (!json_get(rolling, "maxUnavailable"))
		json_put(doc, rolling, "maxUnavailable", json_new_int(doc, 1));
	if (!json_get(rolling, "maxSurge"))
		json_put(doc, rolling, "maxSurge", json_new_int(doc, 0));
}

static int64_t template_generation(const struct json *object)
{
	int64_t number;

	return str_to_i64(meta_annotation(object, TEMPLATE_GENERATION), 1, INT64_MAX - 1, &number)
		       ? number
		       : 1;
}

static void put_template_generation(const struct kind_work *work, int64_t number)
{
	struct json *metadata = json_sub_object(work->doc, work->object, "metadata");

	json_put(work->doc, json_sub_object(work->doc, metadata, "annotations"),
		 TEMPLATE_GENERATION, json_new_print(work->doc, "%" PRId64, number));
}

static void on_create(const struct kind_work *work)
{
	static const char *const counts[] = { "currentNumberScheduled", "numberMisscheduled",
					      "desiredNumberScheduled", "numberReady" };
	struct json *status = json_new_object(work->doc);

	for (size_t i = 0; i < ARRAY_LENGTH(counts); i++)
		json_put(work->doc, status, counts[i], json_new_int(work->doc, 0));
	json_put(work->doc, work->object, "status", status);
	put_template_generation(work, template_generation(work->object));
}

static void on_update(const struct kind_work *work)
{
	bool same = json_equal(json_path(work->object, "spec", "template", NULL),
			       json_path(work->old, "spec", "template", NULL));

	put_template_generation(work, template_generation(work->old) + !same);
}

/* --- validation --- */

static void check_rolling(const struct kind_work *work, const struct json *rolling)
{
	const char *path = "spec.updateStrategy.rollingUpdate.maxUnavailable",
		   *surge_path = "spec.updateStrategy.rollingUpdate.maxSurge";
	const struct json *missing = json_get(rolling, "maxUnavailable"),
			  *surge = json_get(rolling, "maxSurge");
	bool goes_below = workload_percent_value(missing) != 0,
	     goes_above = workload_percent_value(surge) != 0;

	workload_percent(work, missing, path);
	workload_percent(work, surge, surge_path);
	workload_percent_below_100(work, missing, path);
	workload_percent_below_100(work, surge, surge_path);
	if (goes_below && goes_above)
		workload_percent_invalid(work, surge, surge_path,
					 "may not be set when maxUnavailable is non-zero");
	if (!goes_below && !goes_above)
		validate_required(work, path, "cannot be 0 when maxSurge is 0");
}

static void check_strategy(const struct kind_work *work, const struct json *strategy)
{
	const struct json *type = json_get(strategy, "type");

	if (str_is(json_str(type), "OnDelete"))
		return;
	if (str_is(json_str(type), "RollingUpdate"))
		check_rolling(work, json_get(strategy, "rollingUpdate"));
	else
		field_errors_add(work->errors, FIELD_NOT_SUPPORTED, "spec.updateStrategy",
				 workload_go_strategy(work, strategy, "DaemonSetUpdateStrategy",
						      "RollingUpdateDaemonSet"),
				 "supported values: \"RollingUpdate\", \"OnDelete\"");
}

static void check_spec(const struct kind_work *work, const struct json *spec)
{
	const struct json *selector = json_get(spec, "selector");

	if (selector)
		validate_label_selector(work, selector, "spec.selector");
	workload_mismatch(work, spec);
	if (selector && json_count(json_get(selector, "matchLabels")) +
					json_count(json_get(selector, "matchExpressions")) ==
				0)
		field_errors_add(work->errors, FIELD_INVALID, "spec.selector",
				 workload_go_selector(work, selector),
				 "empty selector is invalid for daemonset");
	workload_pod_template(work, json_get(spec, "template"), "spec.template");
	workload_shared_disks(work, spec);
	workload_runs_always(work, spec, "DaemonSet");
	validate_not_negative(work, json_get(spec, "minReadySeconds"), "spec.minReadySeconds");
	check_strategy(work, json_get(spec, "updateStrategy"));
	validate_not_negative(work, json_get(spec, "revisionHistoryLimit"),
			      "spec.revisionHistoryLimit");
}

static void validate(const struct kind_work *work)
{
	static const char *const counts[] = { "currentNumberScheduled", "numberMisscheduled",
					      "desiredNumberScheduled", "numberReady",
					      "observedGeneration",     "updatedNumberScheduled",
					      "numberAvailable",        "numberUnavailable",
					      "collisionCount",         NULL };
	const struct json *spec = json_get(work->object, "spec");

	if (strcmp(work->subresource, "status") == 0) {
		workload_counts(work, json_get(work->object, "status"), "status", counts);
		workload_collisions(work);
		return;
	}
	check_spec(work, spec);
	if (work->old)
		workload_immutable_selector(work, json_get(spec, "selector"),
					    json_path(work->old, "spec", "selector", NULL));
}

/* --- the row --- */

static void print_node_selector(const struct json *object, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *map = json_clone(
		doc, json_path(object, "spec", "template", "spec", "nodeSelector", NULL));

	if (map)
		json_sort_keys(map);
	cells_map(map, out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Desired", .type = "integer", .path = ".status.desiredNumberScheduled" },
	{ .name = "Current", .type = "integer", .path = ".status.currentNumberScheduled" },
	{ .name = "Ready", .type = "integer", .path = ".status.numberReady" },
	{ .name = "Up-to-date", .type = "integer", .path = ".status.updatedNumberScheduled" },
	{ .name = "Available", .type = "integer", .path = ".status.numberAvailable" },
	{ .name = "Node Selector", .print = print_node_selector },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "Containers", .priority = 1, .print = cells_container_names },
	{ .name = "Images", .priority = 1, .print = cells_container_images },
	{ .name = "Selector", .priority = 1, .print = cells_selector },
	{ 0 },
};
static const char *const short_names[] = { "ds", NULL };

const struct kind kind_daemonset = {
	.group = "apps",
	.version = "v1",
	.name = "DaemonSet",
	.plural = "daemonsets",
	.short_names = short_names,
	.categories = categories_all,
	.type_name = "io.k8s.api.apps.v1.DaemonSet",
	.namespaced = true,
	.has_generation = true,
	.own_enums = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.on_create = on_create,
	.on_update = on_update,
	.validate = validate,
	.subresources = subresources_status,
	.columns = columns,
};
