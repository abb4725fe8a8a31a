/*
 * kind_statefulset.c - StatefulSet: pods with names and volumes of their own, in order.
 */
#include <inttypes.h>

#include "api/kinds/cells.h"
#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/validate.h"
#include "api/validate_workload.h"

#define RETENTION "persistentVolumeClaimRetentionPolicy"

/* --- defaults --- */

static void put_absent(const struct kind_work *work, struct json *object, const char *key,
		       const char *text)
{
	if (json_str(json_get(object, key)).len == 0)
		json_put(work->doc, object, key, json_new_text(work->doc, text));
}

/* Claims are shown as objects of their own. */
static void fill_claims(const struct kind_work *work, struct json *claims)
{
	for (struct json_iter it = json_iter(claims); json_next(&it);) {
		struct json *spec = json_sub_object(work->doc, it.value, "spec");

		put_absent(work, it.value, "kind", "PersistentVolumeClaim");
		put_absent(work, it.value, "apiVersion", "v1");
		put_absent(work, spec, "volumeMode", "Filesystem");
		put_absent(work, json_sub_object(work->doc, it.value, "status"), "phase",
			   "Pending");
	}
}

static void fill_strategy(const struct kind_work *work, struct json *strategy)
{
	struct json *rolling;

	put_absent(work, strategy, "type", "RollingUpdate");
	if (!str_is(json_str(json_get(strategy, "type")), "RollingUpdate"))
		return;
	rolling = json_sub_object(work->doc, strategy, "rollingUpdate");
	/* Nothing here changes several pods at once. */
	json_remove(rolling, STR("maxUnavailable"));
	if (!json_get(rolling, "partition"))
		json_put(work->doc, rolling, "partition", json_new_int(work->doc, 0));
}

/* Labels that are not said are those of the pods. */
static void fill_labels(const struct kind_work *work, const struct json *spec)
{
	const struct json *labels = json_path(spec, "template", "metadata", "labels", NULL);

	if (json_count(labels) > 0 && json_count(json_get(meta_of(work->object), "labels")) == 0)
		json_put(work->doc, json_sub_object(work->doc, work->object, "metadata"), "labels",
			 json_clone(work->doc, labels));
}

static void fill(const struct kind_work *work)
{
	struct json *spec = json_sub_object(work->doc, work->object, "spec"), *retention;

	fill_pod_spec(work, json_path(spec, "template", "spec", NULL), false);
	put_absent(work, spec, "podManagementPolicy", "OrderedReady");
	fill_strategy(work, json_sub_object(work->doc, spec, "updateStrategy"));
	retention = json_sub_object(work->doc, spec, RETENTION);
	put_absent(work, retention, "whenDeleted", "Retain");
	put_absent(work, retention, "whenScaled", "Retain");
	fill_claims(work, json_get(spec, "volumeClaimTemplates"));
	if (!work->old)
		fill_labels(work, spec);
}

static void on_create(const struct kind_work *work)
{
	struct json *status = json_new_object(work->doc);

	json_put(work->doc, status, "replicas", json_new_int(work->doc, 0));
	json_put(work->doc, status, "availableReplicas", json_new_int(work->doc, 0));
	json_put(work->doc, work->object, "status", status);
}

/* --- validation --- */

static void check_order(const struct kind_work *work, const struct json *policy)
{
	if (!str_is(json_str(policy), "OrderedReady") && !str_is(json_str(policy), "Parallel"))
		validate_invalid(work, "spec.podManagementPolicy", policy,
				 "must be 'OrderedReady' or 'Parallel'");
}

static void check_strategy(const struct kind_work *work, const struct json *strategy)
{
	struct str type = json_str(json_get(strategy, "type"));
	const struct json *rolling = json_get(strategy, "rollingUpdate");

	if (str_is(type, "OnDelete")) {
		if (rolling)
			validate_invalid(work, "spec.updateStrategy.rollingUpdate", rolling,
					 "only allowed for updateStrategy 'RollingUpdate'");
	} else if (str_is(type, "RollingUpdate")) {
		validate_not_negative(work, json_get(rolling, "partition"),
				      "spec.updateStrategy.rollingUpdate.partition");
	} else {
		field_errors_add(work->errors, FIELD_INVALID, "spec.updateStrategy",
				 workload_go_strategy(work, strategy, "StatefulSetUpdateStrategy",
						      "RollingUpdateStatefulSetStrategy"),
				 "must be 'RollingUpdate' or 'OnDelete'");
	}
}

static void check_retention(const struct kind_work *work, const struct json *policy)
{
	static const char *const fields[] = { "whenDeleted", "whenScaled" };

	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
		const struct json *value = json_get(policy, fields[i]);

		if (!str_is(json_str(value), "Retain") && !str_is(json_str(value), "Delete"))
			field_errors_add(
				work->errors, FIELD_NOT_SUPPORTED,
				field_path(work->errors, "spec." RETENTION ".%s", fields[i]),
				field_value(work->errors, value),
				"supported values: \"Retain\", \"Delete\"");
	}
}

/* The pods' spec is looked at when they are made: its volumes may come from the claims. */
static void check_template(const struct kind_work *work, const struct json *spec)
{
	const struct json *selector = json_get(spec, "selector");

	if (!workload_selector(work, spec, "statefulset"))
		field_errors_add(work->errors, FIELD_INVALID, "spec.selector",
				 workload_go_selector(work, selector), "");
	else if (!selector || json_count(json_get(selector, "matchLabels")) +
					      json_count(json_get(selector, "matchExpressions")) >
				      0)
		workload_mismatch(work, spec);
	validate_labels(work, json_path(spec, "template", "metadata", "labels", NULL),
			"spec.template.labels");
	workload_runs_always(work, spec, "StatefulSet");
}

static void check_spec(const struct kind_work *work, const struct json *spec)
{
	check_order(work, json_get(spec, "podManagementPolicy"));
	check_strategy(work, json_get(spec, "updateStrategy"));
	check_retention(work, json_get(spec, RETENTION));
	validate_not_negative(work, json_get(spec, "replicas"), "spec.replicas");
	validate_not_negative(work, json_get(spec, "minReadySeconds"), "spec.minReadySeconds");
	validate_not_negative(work, json_path(spec, "ordinals", "start", NULL),
			      "spec.ordinals.start");
	check_template(work, spec);
}

/* Is everything as before, but for what may change? */
static void check_frozen(const struct kind_work *work, const struct json *now,
			 const struct json *old)
{
	static const char *const free_fields[] = { "replicas",       "ordinals",        "template",
						   "updateStrategy", "minReadySeconds", RETENTION };
	auto_json_doc doc = json_doc_new();
	struct json *spec = json_clone(doc, now);

	for (size_t i = 0; i < ARRAY_LENGTH(free_fields); i++)
		json_put(doc, spec, free_fields[i], json_clone(doc, json_get(old, free_fields[i])));
	if (!json_equal(spec, old))
		field_errors_add(work->errors, FIELD_FORBIDDEN, "spec", NULL,
				 "updates to statefulset spec for fields other than 'replicas', "
				 "'ordinals', 'template', 'updateStrategy', "
				 "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
				 "forbidden");
}

static void validate_status(const struct kind_work *work)
{
	static const char *const counts[] = { "replicas",          "readyReplicas",
					      "currentReplicas",   "updatedReplicas",
					      "availableReplicas", "observedGeneration",
					      "collisionCount",    NULL };
	const char *words = "cannot be greater than status.replicas";

	workload_counts(work, json_get(work->object, "status"), "status", counts);
	workload_at_most(work, "readyReplicas", "replicas", words);
	workload_at_most(work, "currentReplicas", "replicas", words);
	workload_at_most(work, "updatedReplicas", "replicas", words);
	workload_at_most(work, "availableReplicas", "replicas", words);
	workload_at_most(work, "availableReplicas", "readyReplicas",
			 "cannot be greater than status.readyReplicas");
	workload_collisions(work);
}

static void validate(const struct kind_work *work)
{
	if (strcmp(work->subresource, "status") == 0) {
		validate_status(work);
		return;
	}
	check_spec(work, json_get(work->object, "spec"));
	if (work->old)
		check_frozen(work, json_get(work->object, "spec"), json_get(work->old, "spec"));
}

static void warn(const struct kind_work *work)
{
	if (json_int(json_path(work->object, "spec", "revisionHistoryLimit", NULL)) < 0)
		kind_warn(work, "spec.revisionHistoryLimit: a negative value retains all "
				"historical revisions; a value >= 0 is recommended");
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
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "Containers", .priority = 1, .print = cells_container_names },
	{ .name = "Images", .priority = 1, .print = cells_container_images },
	{ 0 },
};
static const char *const short_names[] = { "sts", NULL };

const struct kind kind_statefulset = {
	.group = "apps",
	.version = "v1",
	.name = "StatefulSet",
	.plural = "statefulsets",
	.short_names = short_names,
	.categories = categories_all,
	.type_name = "io.k8s.api.apps.v1.StatefulSet",
	.namespaced = true,
	.has_generation = true,
	.own_enums = true,
	.name_rule = NAME_LABEL,
	.verbs = VERB_ALL,
	.fill = fill,
	.on_create = on_create,
	.validate = validate,
	.warn = warn,
	.subresources = subresources_scale_status,
	.columns = columns,
};
