/*
 * kind_deployment.c - Deployment: so many pods of a template, changed step by step.
 */
#include <inttypes.h>

#include "api/kinds/cells.h"
#include "api/object.h"
#include "api/validate.h"

static void fill(const struct kind_work *work)
{
	struct json_doc *doc = work->doc;
	struct json *spec = json_sub_object(doc, work->object, "spec"), *strategy, *rolling;

	fill_pod_spec(work, json_path(spec, "template", "spec", NULL), false);
	strategy = json_sub_object(doc, spec, "strategy");
	if (!json_get(strategy, "type"))
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

static void validate(const struct kind_work *work)
{
	const struct json *strategy = json_path(work->object, "spec", "strategy", NULL);
	const struct json *rolling = json_get(strategy, "rollingUpdate");

	validate_template(work);
	validate_not_negative(work, json_path(work->object, "spec", "minReadySeconds", NULL),
			      "spec.minReadySeconds");
	validate_not_negative(work, json_path(work->object, "spec", "revisionHistoryLimit", NULL),
			      "spec.revisionHistoryLimit");
	if (str_is(json_str(json_get(strategy, "type")), "Recreate") && rolling)
		field_errors_add(work->errors, FIELD_FORBIDDEN, "spec.strategy.rollingUpdate", NULL,
				 "may not be specified when strategy `type` is 'Recreate'");
	if (rolling && json_type(json_get(rolling, "maxSurge")) == JSON_NUMBER &&
	    json_int(json_get(rolling, "maxSurge")) == 0 &&
	    json_type(json_get(rolling, "maxUnavailable")) == JSON_NUMBER &&
	    json_int(json_get(rolling, "maxUnavailable")) == 0)
		validate_invalid(work, "spec.strategy.rollingUpdate.maxUnavailable",
				 json_get(rolling, "maxUnavailable"),
				 "may not be 0 when `maxSurge` is 0");
}

static void print_ready(const struct json *object, struct buf *out)
{
	buf_add_print(out, "%" PRId64 "/%" PRId64,
		      json_int(json_path(object, "status", "readyReplicas", NULL)),
		      json_int(json_path(object, "spec", "replicas", NULL)));
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Ready", .print = print_ready },
	{ .name = "Up-to-date", .type = "integer", .path = ".status.updatedReplicas" },
	{ .name = "Available", .type = "integer", .path = ".status.availableReplicas" },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "Containers", .priority = 1, .print = cells_container_names },
	{ .name = "Images", .priority = 1, .print = cells_container_images },
	{ .name = "Selector", .priority = 1, .print = cells_selector },
	{ 0 },
};
static const char *const short_names[] = { "deploy", NULL };
static const char *const categories[] = { "all", NULL };
static const struct subresource subresources[] = {
	{ "scale", "Scale", "autoscaling", "v1", VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ .name = "status", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ 0 },
};

const struct kind kind_deployment = {
	.group = "apps",
	.version = "v1",
	.name = "Deployment",
	.plural = "deployments",
	.short_names = short_names,
	.categories = categories,
	.type_name = "io.k8s.api.apps.v1.Deployment",
	.namespaced = true,
	.has_generation = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.on_create = on_create,
	.validate = validate,
	.subresources = subresources,
	.columns = columns,
};
