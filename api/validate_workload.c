/*
 * validate_workload.c - counts, percents, selectors and templates of the kinds that make pods.
 */
#include "api/validate_workload.h"

#include <inttypes.h>

#include "api/names.h"
#include "api/object.h"
#include "api/pod_warnings.h"
#include "api/policy_warnings.h"
#include "api/selector.h"
#include "api/validate.h"
#include "api/validate_security.h"

#define AT(...) field_path(work->errors, __VA_ARGS__)

/* --- values as Go prints them --- */

static const char *keep(const struct kind_work *work, const struct buf *text)
{
	return arena_string(work->errors->arena, buf_str(text).at, text->len);
}

static void print_map(const struct json *map, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *sorted = json_clone(doc, map);
	auto_json_doc texts = json_doc_new();

	buf_add_text(out, "map[string]string");
	if (!map) {
		buf_add_text(out, "(nil)");
		return;
	}
	json_sort_keys(sorted);
	buf_add_byte(out, '{');
	for (struct json_iter it = json_iter(sorted); json_next(&it);) {
		if (it.index > 0)
			buf_add_text(out, ", ");
		json_print(json_new_str(texts, it.key), out);
		buf_add_byte(out, ':');
		json_print(it.value, out);
	}
	buf_add_byte(out, '}');
}

const char *workload_go_map(const struct kind_work *work, const struct json *map)
{
	auto_buf text = BUF_INIT;

	print_map(map, &text);
	return keep(work, &text);
}

static void print_texts(const struct json *list, struct buf *out)
{
	buf_add_text(out, list ? "[]string{" : "[]string(nil)");
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		buf_add_text(out, it.index ? ", " : "");
		json_print(it.value, out);
	}
	if (list)
		buf_add_byte(out, '}');
}

static void print_expressions(const struct json *list, struct buf *out)
{
	buf_add_text(out, "[]v1.LabelSelectorRequirement");
	buf_add_text(out, list ? "{" : "(nil)");
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		buf_add_print(out,
			      "%sv1.LabelSelectorRequirement{Key:\"" STR_FMT
			      "\", Operator:\"" STR_FMT "\", Values:",
			      it.index ? ", " : "", STR_ARG(json_str(json_get(it.value, "key"))),
			      STR_ARG(json_str(json_get(it.value, "operator"))));
		print_texts(json_get(it.value, "values"), out);
		buf_add_byte(out, '}');
	}
	if (list)
		buf_add_byte(out, '}');
}

const char *workload_go_selector(const struct kind_work *work, const struct json *selector)
{
	auto_buf text = BUF_INIT;

	buf_add_text(&text, "v1.LabelSelector{MatchLabels:");
	print_map(json_get(selector, "matchLabels"), &text);
	buf_add_text(&text, ", MatchExpressions:");
	print_expressions(json_get(selector, "matchExpressions"), &text);
	buf_add_byte(&text, '}');
	return keep(work, &text);
}

const char *workload_go_strategy(const struct kind_work *work, const struct json *strategy,
				 const char *name, const char *rolling)
{
	if (json_get(strategy, "rollingUpdate"))
		return field_value(work->errors, strategy);
	return AT("apps.%s{Type:\"" STR_FMT "\", RollingUpdate:(*apps.%s)(nil)}", name,
		  STR_ARG(json_str(json_get(strategy, "type"))), rolling);
}

static void add_immutable(const struct kind_work *work, const char *path, const char *value)
{
	field_errors_add(work->errors, FIELD_INVALID, path, value, "field is immutable");
}

void workload_immutable(const struct kind_work *work, const char *path, const struct json *now,
			const struct json *old)
{
	if (!json_equal(now, old))
		add_immutable(work, path, now ? field_value(work->errors, now) : "\"null\"");
}

void workload_immutable_selector(const struct kind_work *work, const struct json *now,
				 const struct json *old)
{
	if (!json_equal(now, old))
		add_immutable(work, "spec.selector",
			      now ? workload_go_selector(work, now) : "\"null\"");
}

/* --- numbers --- */

void workload_counts(const struct kind_work *work, const struct json *object, const char *path,
		     const char *const *fields)
{
	for (; *fields; fields++)
		validate_not_negative(work, json_get(object, *fields), AT("%s.%s", path, *fields));
}

void workload_at_most(const struct kind_work *work, const char *field, const char *most,
		      const char *words)
{
	const struct json *status = json_get(work->object, "status");
	int64_t value = json_int(json_get(status, field));

	if (value > json_int(json_get(status, most)))
		field_errors_add(work->errors, FIELD_INVALID, AT("status.%s", field),
				 AT("%" PRId64, value), words);
}

void workload_collisions(const struct kind_work *work)
{
	const struct json *now = json_path(work->object, "status", "collisionCount", NULL),
			  *old = json_path(work->old, "status", "collisionCount", NULL);

	if (old && json_int(now) < json_int(old))
		field_errors_add(work->errors, FIELD_INVALID, "status.collisionCount",
				 now ? field_value(work->errors, now) : "0",
				 "cannot be decremented");
}

static bool is_percent(struct str text)
{
	if (!str_ends(text, STR("%")) || text.len < 2)
		return false;
	for (size_t i = 0; i + 1 < text.len; i++)
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
	return true;
}

int64_t workload_percent_value(const struct json *value)
{
	struct str text = json_str(value);
	int64_t number = 0;

	if (json_type(value) != JSON_STRING)
		return json_int(value);
	if (is_percent(text))
		text.len--;
	return str_to_i64(text, INT32_MIN, INT32_MAX, &number) ? number : 0;
}

void workload_percent_invalid(const struct kind_work *work, const struct json *value,
			      const char *path, const char *detail)
{
	bool text = json_type(value) == JSON_STRING;

	field_errors_add(work->errors, FIELD_INVALID, path,
			 text ? AT("intstr.IntOrString{Type:1, IntVal:0, StrVal:%s}",
				   field_value(work->errors, value))
			      : AT("intstr.IntOrString{Type:0, IntVal:%" PRId64 ", StrVal:\"\"}",
				   json_int(value)),
			 detail);
}

void workload_percent(const struct kind_work *work, const struct json *value, const char *path)
{
	if (json_type(value) != JSON_STRING)
		validate_not_negative(work, value, path);
	else if (!is_percent(json_str(value)))
		workload_percent_invalid(work, value, path,
					 "a valid percent string must be a numeric string followed "
					 "by an ending '%' (e.g. '1%',  or '93%', regex used for "
					 "validation is '[0-9]+%')");
}

void workload_percent_below_100(const struct kind_work *work, const struct json *value,
				const char *path)
{
	if (is_percent(json_str(value)) && workload_percent_value(value) > 100)
		workload_percent_invalid(work, value, path, "must not be greater than 100%");
}

/* --- pods --- */

#define auto_selector AUTO(selector_free) struct selector *

static bool is_usable_expression(const struct json *item)
{
	for (struct json_iter it = json_iter(json_get(item, "values")); json_next(&it);)
		if (name_check_label_value(json_str(it.value)))
			return false;
	return !name_check_label_key(json_str(json_get(item, "key")));
}

/* The selector of a spec to compare labels with; NULL when something is wrong in it. */
static struct selector *usable_selector(const struct json *selector)
{
	struct selector *parsed;
	struct error unused;

	for (struct json_iter it = json_iter(json_get(selector, "matchLabels")); json_next(&it);)
		if (name_check_label_key(it.key) || name_check_label_value(json_str(it.value)))
			return NULL;
	for (struct json_iter it = json_iter(json_get(selector, "matchExpressions"));
	     json_next(&it);)
		if (!is_usable_expression(it.value))
			return NULL;
	return selector_from_json(selector, &parsed, &unused) ? parsed : NULL;
}

bool workload_matches(const struct json *spec, const struct json *labels)
{
	auto_selector selector = NULL;

	if (!json_get(spec, "selector"))
		return false;
	selector = usable_selector(json_get(spec, "selector"));
	return !selector || selector_match_labels(selector, labels);
}

void workload_mismatch(const struct kind_work *work, const struct json *spec)
{
	const struct json *labels = json_path(spec, "template", "metadata", "labels", NULL);

	if (!workload_matches(spec, labels))
		field_errors_add(work->errors, FIELD_INVALID, "spec.template.metadata.labels",
				 workload_go_map(work, labels),
				 "`selector` does not match template `labels`");
}

bool workload_selector(const struct kind_work *work, const struct json *spec, const char *what)
{
	const struct json *selector = json_get(spec, "selector");
	auto_selector parsed = NULL;

	if (!selector) {
		validate_required(work, "spec.selector", "");
		return true;
	}
	validate_label_selector(work, selector, "spec.selector");
	if (json_count(json_get(selector, "matchLabels")) +
		    json_count(json_get(selector, "matchExpressions")) ==
	    0)
		field_errors_add(work->errors, FIELD_INVALID, "spec.selector",
				 workload_go_selector(work, selector),
				 AT("empty selector is invalid for %s", what));
	parsed = usable_selector(selector);
	return parsed != NULL;
}

void workload_pod_template(const struct kind_work *work, const struct json *pod_template,
			   const char *path)
{
	const struct json *metadata = json_get(pod_template, "metadata"),
			  *annotations = json_get(metadata, "annotations"),
			  *spec = json_get(pod_template, "spec");

	validate_labels(work, json_get(metadata, "labels"), AT("%s.labels", path));
	validate_annotations(work, annotations, AT("%s.annotations", path));
	security_annotations(work, annotations, spec, AT("%s.annotations", path));
	validate_pod_spec(work, spec, AT("%s.spec", path));
	security_annotations_match(work, annotations, spec, AT("%s.spec", path));
	if (json_count(json_path(pod_template, "spec", "ephemeralContainers", NULL)) > 0)
		field_errors_add(work->errors, FIELD_FORBIDDEN,
				 AT("%s.spec.ephemeralContainers", path), NULL,
				 "ephemeral containers not allowed in pod template");
}

void workload_runs_always(const struct kind_work *work, const struct json *spec, const char *kind)
{
	const struct json *pod = json_path(spec, "template", "spec", NULL),
			  *policy = json_get(pod, "restartPolicy");

	if (!str_is(json_str(policy), "Always"))
		field_errors_add(work->errors, FIELD_NOT_SUPPORTED,
				 "spec.template.spec.restartPolicy",
				 policy ? field_value(work->errors, policy) : "\"\"",
				 "supported values: \"Always\"");
	if (json_get(pod, "activeDeadlineSeconds"))
		field_errors_add(work->errors, FIELD_FORBIDDEN,
				 "spec.template.spec.activeDeadlineSeconds", NULL,
				 AT("activeDeadlineSeconds in %s is not Supported", kind));
}

void workload_shared_disks(const struct kind_work *work, const struct json *spec)
{
	const struct json *volumes = json_path(spec, "template", "spec", "volumes", NULL);

	for (struct json_iter it = json_iter(volumes); json_next(&it);) {
		const struct json *disk = json_get(it.value, "gcePersistentDisk");

		if (disk && !json_bool(json_get(disk, "readOnly")))
			field_errors_add(work->errors, FIELD_INVALID,
					 AT("spec.template.spec.volumes[%zu].gcePersistentDisk."
					    "readOnly",
					    it.index),
					 "false",
					 "must be true for replicated pods > 1; GCE PD can only "
					 "be mounted on multiple machines if it is read-only");
	}
}

void workload_replica_template(const struct kind_work *work, const struct json *spec)
{
	const struct json *selector = json_get(spec, "selector");
	bool empty =
		selector && json_count(json_get(selector, "matchLabels")) +
					    json_count(json_get(selector, "matchExpressions")) ==
				    0;

	if (!workload_selector(work, spec, "deployment")) {
		field_errors_add(work->errors, FIELD_INVALID, "spec.selector",
				 workload_go_selector(work, selector), "invalid label selector");
		return;
	}
	if (!empty)
		workload_mismatch(work, spec);
	workload_pod_template(work, json_get(spec, "template"), "spec.template");
	if (json_int(json_get(spec, "replicas")) > 1)
		workload_shared_disks(work, spec);
	workload_runs_always(work, spec, "ReplicaSet");
}

static void warn_name(const struct kind_work *work)
{
	struct str name = meta_str(work->object, "name");
	const char *why = work->old ? NULL : name_check(NAME_LABEL, name);
	auto_free char *text = NULL;

	if (!why)
		return;
	text = memory_print("metadata.name: this is used in Pod names and hostnames, which can "
			    "result in surprising behavior; a DNS label is recommended: [%s]",
			    why);
	kind_warn(work, text);
}

void workload_warn(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec"), *pod = json_get(spec, "template"),
			  *jobs_pod = json_path(spec, "jobTemplate", "spec", "template", NULL);

	warn_name(work);
	policy_warnings(work, json_get(work->object, "metadata"), "");
	if (pod)
		pod_warnings(work, pod, "spec.template");
	if (jobs_pod)
		pod_warnings(work, jobs_pod, "spec.jobTemplate.spec.template");
}
