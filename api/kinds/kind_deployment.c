/*
 * kind_deployment.c - Deployment: so many pods of a template, changed step by step.
 */
#include <inttypes.h>

#include "api/kinds/cells.h"
#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/validate.h"
#include "api/validate_workload.h"

static void fill(const struct kind_work *work)
{
	struct json_doc *doc = work->doc;
	struct json *spec = json_sub_object(doc, work->object, "spec"), *strategy, *rolling;

	fill_pod_spec(work, json_path(spec, "template", "spec", NULL), false);
	strategy = json_sub_object(doc, spec, "strategy");
	if (json_str(json_get(strategy, "type")).len == 0)
		json_put(doc, strategy, "type", json_new_text(doc, "RollingUpdate"));
	if (!str_is(json_str(json_get(strategy, "type")), "RollingUpdate"))
		return;
	rolling = json_sub_object(doc, strategy, "rollingUpdate");
	if (!json_get(rolling, "maxUnavailable"))
		json_put(doc, rolling, "maxUnavailable", json_new_text(doc, "25%"));
	if (!json_get(rolling, "maxSurge"))
		json_put(doc, rolling, "maxSurge", json_new_text(doc, "25%"));
}

static void on_create(const struct kind_work *work)
{
	json_put(work->doc, work->object, "status", json_new_object(work->doc));
}

/* --- validation --- */

static void check_rolling(const struct kind_work *work, const struct json *rolling)
{
	const char *path = "spec.strategy.rollingUpdate.maxUnavailable";
	const struct json *missing = json_get(rolling, "maxUnavailable"),
			  *surge = json_get(rolling, "maxSurge");

	workload_percent(work, missing, path);
	workload_percent(work, surge, "spec.strategy.rollingUpdate.maxSurge");
	if (workload_percent_value(missing) == 0 && workload_percent_value(surge) == 0)
		workload_percent_invalid(work, missing, path, "may not be 0 when `maxSurge` is 0");
	workload_percent_below_100(work, missing, path);
}

static void check_strategy(const struct kind_work *work, const struct json *strategy)
{
	const struct json *type = json_get(strategy, "type"),
			  *rolling = json_get(strategy, "rollingUpdate");

	if (str_is(json_str(type), "Recreate")) {
		if (rolling)
			field_errors_add(work->errors, FIELD_FORBIDDEN,
					 "spec.strategy.rollingUpdate", NULL,
					 "may not be specified when strategy `type` is 'Recreate'");
	} else if (str_is(json_str(type), "RollingUpdate")) {
		check_rolling(work, rolling);
	} else {
		field_errors_add(work->errors, FIELD_NOT_SUPPORTED, "spec.strategy",
				 workload_go_strategy(work, strategy, "DeploymentStrategy",
						      "RollingUpdateDeployment"),
				 "supported values: \"Recreate\", \"RollingUpdate\"");
	}
}

static void check_deadline(const struct kind_work *work, const struct json *spec)
{
	const struct json *deadline = json_get(spec, "progressDeadlineSeconds");
	const char *path = "spec.progressDeadlineSeconds";

	if (!deadline)
		return;
	validate_not_negative(work, deadline, path);
	if (json_int(deadline) <= json_int(json_get(spec, "minReadySeconds")))
		validate_invalid(work, path, deadline, "must be greater than minReadySeconds");
}

static void validate_status(const struct kind_work *work)
{
	static const char *const counts[] = { "observedGeneration", "replicas",
					      "updatedReplicas",    "readyReplicas",
					      "availableReplicas",  "unavailableReplicas",
					      "collisionCount",     NULL };
	const char *words = "cannot be greater than status.replicas";

	workload_counts(work, json_get(work->object, "status"), "status", counts);
	workload_at_most(work, "updatedReplicas", "replicas", words);
	workload_at_most(work, "readyReplicas", "replicas", words);
	workload_at_most(work, "availableReplicas", "replicas", words);
	workload_at_most(work, "availableReplicas", "readyReplicas",
			 "cannot be greater than readyReplicas");
	workload_collisions(work);
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec");

	if (strcmp(work->subresource, "status") == 0) {
		validate_status(work);
		return;
	}
	validate_not_negative(work, json_get(spec, "replicas"), "spec.replicas");
	workload_replica_template(work, spec);
	check_strategy(work, json_get(spec, "strategy"));
	validate_not_negative(work, json_get(spec, "minReadySeconds"), "spec.minReadySeconds");
	validate_not_negative(work, json_get(spec, "revisionHistoryLimit"),
			      "spec.revisionHistoryLimit");
	check_deadline(work, spec);
	if (work->old)
		workload_immutable_selector(work, json_get(spec, "selector"),
					    json_path(work->old, "spec", "selector", NULL));
}

/* --- the row --- */

static void print_ready(const struct json *object, struct buf *out)
{
	buf_add_print(out, "%" PRId64 "/%" PRId64,
		      json_int(json_path(object, "status", "readyReplicas", NULL)),
		      json_int(json_path(object, "spec", "replicas", NULL)));
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Ready", .print = print_ready },
	{ .name = "Up-to-date", .path = ".status.updatedReplicas" },
	{ .name = "Available", .path = ".status.availableReplicas" },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "Containers", .priority = 1, .print = cells_container_names },
	{ .name = "Images", .priority = 1, .print = cells_container_images },
	{ .name = "Selector", .priority = 1, .print = cells_selector },
	{ 0 },
};
static const char *const short_names[] = { "deploy", NULL };

const struct kind kind_deployment = {
	.group = "apps",
	.version = "v1",
	.name = "Deployment",
	.plural = "deployments",
	.short_names = short_names,
	.categories = categories_all,
	.type_name = "io.k8s.api.apps.v1.Deployment",
	.namespaced = true,
	.has_generation = true,
	.own_enums = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.on_create = on_create,
	.validate = validate,
	.warn = workload_warn,
	.subresources = subresources_scale_status,
	.columns = columns,
};
