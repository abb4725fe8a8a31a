/*
 * kind_pod.c - Pod: containers that live and die together on one node.
 */
#include <inttypes.h>

#include "api/decode.h"
#include "api/kinds/cells.h"
#include "api/kinds/pod_row.h"
#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/pod_quality.h"
#include "api/pod_warnings.h"
#include "api/validate.h"
#include "api/validate_container.h"
#include "api/validate_pod_update.h"
#include "api/validate_security.h"
#include "api/validate_words.h"
#include "base/map.h"

/* --- server-set fields --- */

static void put_absent(const struct kind_work *work, struct json *object, const char *key,
		       struct json *value)
{
	if (!json_get(object, key))
		json_put(work->doc, object, key, value);
}

static void add_toleration(const struct kind_work *work, struct json *list, const char *key)
{
	struct json *item = json_new_object(work->doc);

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct str has = json_str(json_get(it.value, "key")),
			   effect = json_str(json_get(it.value, "effect"));

		if ((has.len == 0 || str_is(has, key)) &&
		    (effect.len == 0 || str_is(effect, "NoExecute")))
			return;
	}
	json_put(work->doc, item, "key", json_new_text(work->doc, key));
	json_put(work->doc, item, "operator", json_new_text(work->doc, "Exists"));
	json_put(work->doc, item, "effect", json_new_text(work->doc, "NoExecute"));
	json_put(work->doc, item, "tolerationSeconds", json_new_int(work->doc, 300));
	json_append(list, item);
}

/* What an update does not say stays as it was. */
static struct json *old_or(const struct kind_work *work, const char *field, struct json *fallback)
{
	const struct json *old = json_path(work->old, "spec", field, NULL);

	return old ? json_clone(work->doc, old) : fallback;
}

static void fill(const struct kind_work *work)
{
	bool said = json_get(work->object, "spec") != NULL;
	struct json *spec = json_sub_object(work->doc, work->object, "spec");

	if (!said)
		decode_default(type_find(STR("io.k8s.api.core.v1.PodSpec")), work->doc, spec);
	fill_pod_spec(work, spec, true);
	put_absent(work, spec, "enableServiceLinks", json_new_bool(work->doc, true));
	put_absent(
		work, spec, "preemptionPolicy",
		old_or(work, "preemptionPolicy", json_new_text(work->doc, "PreemptLowerPriority")));
	put_absent(work, spec, "priority", old_or(work, "priority", json_new_int(work->doc, 0)));
	add_toleration(work, json_sub_array(work->doc, spec, "tolerations"),
		       "node.kubernetes.io/not-ready");
	add_toleration(work, json_sub_array(work->doc, spec, "tolerations"),
		       "node.kubernetes.io/unreachable");
}

static void put_gated(const struct kind_work *work, struct json *status)
{
	struct json *condition = json_new_object(work->doc);

	json_put(work->doc, condition, "type", json_new_text(work->doc, "PodScheduled"));
	json_put(work->doc, condition, "status", json_new_text(work->doc, "False"));
	json_put(work->doc, condition, "reason", json_new_text(work->doc, "SchedulingGated"));
	json_put(work->doc, condition, "message",
		 json_new_text(work->doc,
			       "Scheduling is blocked due to non-empty scheduling gates"));
	json_append(json_sub_array(work->doc, status, "conditions"), condition);
}

static void on_create(const struct kind_work *work)
{
	struct json *status = json_new_object(work->doc);

	json_put(work->doc, status, "phase", json_new_text(work->doc, "Pending"));
	json_put(work->doc, status, "qosClass",
		 json_new_text(work->doc, pod_quality(json_get(work->object, "spec"))));
	if (json_count(json_path(work->object, "spec", "schedulingGates", NULL)) > 0)
		put_gated(work, status);
	json_put(work->doc, work->object, "status", status);
}

/* --- checks --- */

/* What pods are told beyond what templates of them are. */
static void check_pod_only(const struct kind_work *work, const struct json *spec)
{
	for (struct json_iter it = json_iter(json_get(spec, "volumes"));
	     json_str(json_get(spec, "serviceAccountName")).len == 0 && json_next(&it);)
		for (struct json_iter from =
			     json_iter(json_path(it.value, "projected", "sources", NULL));
		     json_next(&from);)
			if (json_get(from.value, "serviceAccountToken"))
				words_forbidden(
					work,
					field_path(work->errors,
						   "spec.volumes[%zu].projected.sources[%zu]."
						   "serviceAccountToken",
						   it.index, from.index),
					"must not be specified when serviceAccountName is not set");
	container_image_spaces(work, json_get(spec, "containers"), "spec.containers");
	container_image_spaces(work, json_get(spec, "initContainers"), "spec.initContainers");
}

static void check_create(const struct kind_work *work, const struct json *spec)
{
	if (json_count(json_get(spec, "ephemeralContainers")) > 0)
		words_forbidden(work, "spec.ephemeralContainers", "cannot be set on create");
	if (json_str(json_get(spec, "nodeName")).len > 0 &&
	    json_count(json_get(spec, "schedulingGates")) > 0)
		words_forbidden(work, "spec.nodeName",
				"cannot be set until all schedulingGates have been cleared");
	security_annotations_match(work, json_get(meta_of(work->object), "annotations"), spec,
				   "spec");
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec");

	if (strcmp(work->subresource, "status") == 0) {
		pod_update_status(work);
		return;
	}
	security_annotations(work, json_get(meta_of(work->object), "annotations"), spec,
			     "metadata.annotations");
	validate_pod_spec(work, spec, "spec");
	check_pod_only(work, spec);
	if (!work->old)
		check_create(work, spec);
	else if (strcmp(work->subresource, "ephemeralcontainers") == 0)
		pod_update_ephemeral(work);
	else if (strcmp(work->subresource, "resize") == 0)
		pod_update_resize(work);
	else if (!work->subresource[0])
		pod_update_spec(work);
}

static void warn(const struct kind_work *work)
{
	pod_warnings(work, work->object, "");
}

/* --- columns --- */

static void print_ready(const struct json *object, struct buf *out)
{
	struct pod_row row;

	pod_row_init(&row, object);
	buf_add_print(out, "%zu/%zu", row.ready, row.total);
	pod_row_clear(&row);
}

static void print_restarts(const struct json *object, struct buf *out)
{
	struct pod_row row;

	pod_row_init(&row, object);
	buf_add_print(out, "%" PRId64, row.restarts);
	if (row.restarts > 0 && row.last_restart.len > 0) {
		buf_add_text(out, " (");
		cells_age(row.last_restart, out);
		buf_add_text(out, " ago)");
	}
	pod_row_clear(&row);
}

static void print_status(const struct json *object, struct buf *out)
{
	struct pod_row row;

	pod_row_init(&row, object);
	buf_add_str(out, buf_str(&row.status));
	pod_row_clear(&row);
}

static void print_or_none(struct str text, struct buf *out)
{
	buf_add_str(out, text.len ? text : STR("<none>"));
}

static void print_ip(const struct json *object, struct buf *out)
{
	print_or_none(json_str(json_path(object, "status", "podIP", NULL)), out);
}

static void print_node(const struct json *object, struct buf *out)
{
	print_or_none(json_str(json_path(object, "spec", "nodeName", NULL)), out);
}

static void print_nominated(const struct json *object, struct buf *out)
{
	print_or_none(json_str(json_path(object, "status", "nominatedNodeName", NULL)), out);
}

static void print_gates(const struct json *object, struct buf *out)
{
	const struct json *gates = json_path(object, "spec", "readinessGates", NULL);
	auto_map true_ones = map_new();
	size_t met = 0;

	for (struct json_iter it = json_iter(json_path(object, "status", "conditions", NULL));
	     json_next(&it);)
		if (str_is(json_str(json_get(it.value, "status")), "True"))
			map_put(true_ones, json_str(json_get(it.value, "type")), it.value);
	for (struct json_iter gate = json_iter(gates); json_next(&gate);)
		met += map_find(true_ones, json_str(json_get(gate.value, "conditionType"))) != NULL;
	if (json_count(gates) == 0)
		buf_add_text(out, "<none>");
	else
		buf_add_print(out, "%zu/%zu", met, json_count(gates));
}

static void row_conditions(const struct json *object, struct json_doc *doc, struct json *conditions)
{
	struct str phase = json_str(json_path(object, "status", "phase", NULL));
	struct json *condition;

	if (!str_is(phase, "Succeeded") && !str_is(phase, "Failed"))
		return;
	condition = json_new_object(doc);
	json_put(doc, condition, "type", json_new_text(doc, "Completed"));
	json_put(doc, condition, "status", json_new_text(doc, "True"));
	json_put(doc, condition, "reason", json_new_str(doc, phase));
	json_put(doc, condition, "message",
		 json_new_text(doc, str_is(phase, "Failed")
					    ? "The pod failed."
					    : "The pod has completed successfully."));
	json_append(conditions, condition);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Ready", .print = print_ready },
	{ .name = "Status", .print = print_status },
	{ .name = "Restarts", .print = print_restarts },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "IP", .priority = 1, .print = print_ip },
	{ .name = "Node", .priority = 1, .print = print_node },
	{ .name = "Nominated Node", .priority = 1, .print = print_nominated },
	{ .name = "Readiness Gates", .priority = 1, .print = print_gates },
	{ 0 },
};
static const char *const short_names[] = { "po", NULL };
static const struct field_label field_labels[] = {
	{ "spec.nodeName", NULL },
	{ "spec.host", "spec.nodeName" },
	{ "spec.restartPolicy", NULL },
	{ "spec.schedulerName", NULL },
	{ "spec.serviceAccountName", NULL },
	{ "spec.hostNetwork", NULL },
	{ "status.phase", NULL },
	{ "status.podIP", NULL },
	{ "status.podIPs", NULL }, /* known, but it reads as nothing */
	{ "status.nominatedNodeName", NULL },
	{ 0 },
};
static const struct subresource subresources[] = {
	{ "attach", "PodAttachOptions", "", "v1", VERB_GET | VERB_CREATE },
	{ "binding", "Binding", "", "v1", VERB_CREATE },
	{ .name = "ephemeralcontainers", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ "eviction", "Eviction", "policy", "v1", VERB_CREATE },
	{ "exec", "PodExecOptions", "", "v1", VERB_GET | VERB_CREATE },
	{ .name = "log", .verbs = VERB_GET },
	{ "portforward", "PodPortForwardOptions", "", "v1", VERB_GET | VERB_CREATE },
	{ "proxy", "PodProxyOptions", "", "v1",
	  VERB_GET | VERB_CREATE | VERB_UPDATE | VERB_PATCH | VERB_DELETE },
	{ .name = "resize", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ .name = "status", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ 0 },
};

const struct kind kind_pod = {
	.group = "",
	.version = "v1",
	.name = "Pod",
	.plural = "pods",
	.short_names = short_names,
	.categories = categories_all,
	.type_name = "io.k8s.api.core.v1.Pod",
	.namespaced = true,
	.own_enums = true,
	.graceful = true,
	.returns_object = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.on_create = on_create,
	.validate = validate,
	.warn = warn,
	.subresources = subresources,
	.columns = columns,
	.field_labels = field_labels,
	.row_conditions = row_conditions,
};
