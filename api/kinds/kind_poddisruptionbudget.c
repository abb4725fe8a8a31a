/*
 * kind_poddisruptionbudget.c - PodDisruptionBudget: how many pods may be evicted at once.
 */
#include <inttypes.h>

#include "api/kinds/rows.h"
#include "api/validate.h"
#include "api/validate_conditions.h"
#include "api/validate_workload.h"

static void on_create(const struct kind_work *work)
{
	static const char *const counts[] = { "disruptionsAllowed", "currentHealthy",
					      "desiredHealthy", "expectedPods" };
	struct json *status = json_new_object(work->doc);

	for (size_t i = 0; i < ARRAY_LENGTH(counts); i++)
		json_put(work->doc, status, counts[i], json_new_int(work->doc, 0));
	json_put(work->doc, work->object, "status", status);
}

/* --- validation --- */

static void check_bound(const struct kind_work *work, const struct json *value, const char *path)
{
	workload_percent(work, value, path);
	workload_percent_below_100(work, value, path);
}

static void check_spec(const struct kind_work *work, const struct json *spec)
{
	const struct json *policy = json_get(spec, "unhealthyPodEvictionPolicy");

	if (json_get(spec, "minAvailable") && json_get(spec, "maxUnavailable"))
		validate_invalid(work, "spec", spec,
				 "minAvailable and maxUnavailable cannot be both set");
	check_bound(work, json_get(spec, "minAvailable"), "spec.minAvailable");
	check_bound(work, json_get(spec, "maxUnavailable"), "spec.maxUnavailable");
	validate_label_selector(work, json_get(spec, "selector"), "spec.selector");
	if (policy && !str_is(json_str(policy), "IfHealthyBudget") &&
	    !str_is(json_str(policy), "AlwaysAllow"))
		field_errors_add(work->errors, FIELD_NOT_SUPPORTED,
				 "spec.unhealthyPodEvictionPolicy",
				 field_value(work->errors, policy),
				 "supported values: \"AlwaysAllow\", \"IfHealthyBudget\"");
}

static void validate(const struct kind_work *work)
{
	static const char *const counts[] = { "disruptionsAllowed", "currentHealthy",
					      "desiredHealthy", "expectedPods", NULL };

	if (strcmp(work->subresource, "status") != 0) {
		check_spec(work, json_get(work->object, "spec"));
		return;
	}
	conditions_validate(work, json_path(work->object, "status", "conditions", NULL),
			    "status.conditions");
	workload_counts(work, json_get(work->object, "status"), "status", counts);
}

/* --- the row --- */

static void print_bound(const struct json *value, struct buf *out)
{
	if (json_type(value) == JSON_STRING)
		buf_add_str(out, json_str(value));
	else if (value)
		buf_add_print(out, "%" PRId64, json_int(value));
	else
		buf_add_text(out, "N/A");
}

static void print_least(const struct json *object, struct buf *out)
{
	print_bound(json_path(object, "spec", "minAvailable", NULL), out);
}

static void print_most(const struct json *object, struct buf *out)
{
	print_bound(json_path(object, "spec", "maxUnavailable", NULL), out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Min Available", .print = print_least },
	{ .name = "Max Unavailable", .print = print_most },
	{ .name = "Allowed Disruptions", .type = "integer", .path = ".status.disruptionsAllowed" },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};
static const char *const short_names[] = { "pdb", NULL };

const struct kind kind_poddisruptionbudget = {
	.group = "policy",
	.version = "v1",
	.name = "PodDisruptionBudget",
	.plural = "poddisruptionbudgets",
	.short_names = short_names,
	.type_name = "io.k8s.api.policy.v1.PodDisruptionBudget",
	.namespaced = true,
	.has_generation = true,
	.needs_revision = true,
	.own_enums = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.on_create = on_create,
	.validate = validate,
	.subresources = subresources_status,
	.columns = columns,
};
