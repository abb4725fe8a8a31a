/*
 * autoscale_metrics.c - a row a type of metric: the path that is asked, and the reading of the
 * answer.
 */
#include "server/control/autoscale_metrics.h"

#include <inttypes.h>
#include <math.h>

#include "api/quantity.h"
#include "api/selector.h"
#include "base/clock.h"
#include "base/map.h"

/* For so long after its start a pod's cpu figures are believed only when it is ready. */
#define CPU_START_S 300
/* Who became unready this soon after its start was never ready. */
#define READY_DELAY_S 30
#define CUSTOM        "/apis/custom.metrics.k8s.io/%s/namespaces/" STR_FMT

struct reading {
	const struct json *source; /* metric.resource and so on */
	const struct autoscale_target *target;
	const struct json *answer;
	const struct error *why;
	struct json_doc *doc;
	struct json *status;  /* the entry's part for this type */
	struct json *current; /* its "current" */
	struct buf *name;
	int64_t replicas;
};

/* --- amounts --- */

static int64_t milli_of(const struct json *amount)
{
	struct error ignored;
	int64_t milli;

	return quantity_milli(json_str(amount), &milli, &ignored) ? milli : 0;
}

static void put_amount(struct reading *it, const char *key, int64_t milli)
{
	auto_free char *text = memory_print("%" PRId64 "m", milli);
	auto_buf canonical = BUF_INIT;
	struct error ignored;

	if (quantity_canonical(str_of(text), &canonical, &ignored))
		json_put(it->doc, it->current, key, json_new_str(it->doc, buf_str(&canonical)));
}

static const struct json *goal(const struct reading *it, const char *field)
{
	return json_path(it->source, "target", field, NULL);
}

/* --- pods and their figures --- */

struct figure {
	int64_t used, at_s, window_s;
};

static void free_figures(struct map *figures)
{
	map_free_all(figures);
}

static void add_figure(struct map *figures, struct str pod, const struct json *item, int64_t used)
{
	struct figure *figure = memory_new(struct figure);
	int64_t window_ms = 60000;

	figure->used = used;
	if (!clock_parse(json_str(json_get(item, "timestamp")), &figure->at_s, NULL))
		figure->at_s = clock_wall_s();
	if (json_get(item, "windowSeconds"))
		window_ms = 1000 * json_int(json_get(item, "windowSeconds"));
	else
		clock_parse_duration(json_str(json_get(item, "window")), &window_ms);
	figure->window_s = window_ms / 1000;
	free(map_put(figures, pod, figure));
}

/* All containers, or the one named; a pod of which one is unknown has no figure. */
static bool sum_containers(const struct json *item, struct str resource, struct str container,
			   int64_t *out, bool *out_known)
{
	bool found = container.len == 0;

	*out = 0;
	*out_known = json_count(json_get(item, "containers")) > 0;
	for (struct json_iter it = json_iter(json_get(item, "containers")); json_next(&it);) {
		const struct json *used = json_get_str(json_get(it.value, "usage"), resource);

		if (container.len > 0 &&
		    !str_equal(json_str(json_get(it.value, "name")), container))
			continue;
		found = true;
		*out_known = *out_known && used;
		*out += milli_of(used);
	}
	return found;
}

static bool read_usage(const struct reading *it, struct str resource, struct str container,
		       struct map *figures, struct error *err)
{
	const struct json *items = json_get(it->answer, "items");

	if (json_count(items) == 0)
		return error_set(err, ERROR_INVALID,
				 "no metrics returned from resource metrics API");
	for (struct json_iter each = json_iter(items); json_next(&each);) {
		struct str pod = meta_str(each.value, "name");
		int64_t used;
		bool known;

		if (!sum_containers(each.value, resource, container, &used, &known))
			return error_set(err, ERROR_INVALID,
					 "container " STR_FMT
					 " not present in metrics for pod " STR_FMT "/" STR_FMT,
					 STR_ARG(container), STR_ARG(it->target->namespace),
					 STR_ARG(pod));
		if (known)
			add_figure(figures, pod, each.value, used);
	}
	return true;
}

static bool is_sidecar(const struct json *container)
{
	return str_is(json_str(json_get(container, "restartPolicy")), "Always");
}

static bool add_requests(const struct object *pod, const char *list, struct str resource,
			 struct str container, int64_t *sum, struct error *err)
{
	bool init = strcmp(list, "initContainers") == 0;

	for (struct json_iter it = json_iter(json_path(object_json(pod), "spec", list, NULL));
	     json_next(&it);) {
		struct str name = json_str(json_get(it.value, "name"));
		const struct json *amount =
			json_get_str(json_path(it.value, "resources", "requests", NULL), resource);

		if ((container.len > 0 && !str_equal(name, container)) ||
		    (init && !is_sidecar(it.value)))
			continue;
		if (!amount)
			return error_set(err, ERROR_INVALID,
					 "missing request for " STR_FMT " in container " STR_FMT
					 " of Pod " STR_FMT,
					 STR_ARG(resource), STR_ARG(name),
					 STR_ARG(object_name(pod)));
		*sum += milli_of(amount);
	}
	return true;
}

/* cpu: are figures of this pod believed? */
static bool is_unready(const struct json *status, const struct figure *figure)
{
	const struct json *ready = NULL;
	int64_t started, since = 0;

	for (struct json_iter it = json_iter(json_get(status, "conditions")); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "type")), "Ready"))
			ready = it.value;
	if (!ready || !clock_parse(json_str(json_get(status, "startTime")), &started, NULL))
		return true;
	clock_parse(json_str(json_get(ready, "lastTransitionTime")), &since, NULL);
	if (started + CPU_START_S > clock_wall_s())
		return str_is(json_str(json_get(ready, "status")), "False") ||
		       figure->at_s < since + figure->window_s;
	return str_is(json_str(json_get(ready, "status")), "False") &&
	       started + READY_DELAY_S > since;
}

static enum autoscale_state state_of(const struct object *pod, const struct figure *figure,
				     bool is_cpu)
{
	const struct json *status = json_get(object_json(pod), "status");
	struct str phase = json_str(json_get(status, "phase"));

	if (object_is_deleting(pod) || str_is(phase, "Failed"))
		return AUTOSCALE_IGNORED;
	if (str_is(phase, "Pending"))
		return AUTOSCALE_UNREADY;
	if (!figure)
		return AUTOSCALE_MISSING;
	return is_cpu && is_unready(status, figure) ? AUTOSCALE_UNREADY : AUTOSCALE_READY;
}

/* The pods with what is known of them, given to the arithmetic. */
static bool weigh(struct reading *it, const struct map *figures, struct str resource,
		  struct str container, const struct autoscale_ask *ask,
		  struct autoscale_found *out, struct error *err)
{
	const struct autoscale_target *target = it->target;
	auto_free struct autoscale_pod *pods = memory_zero((target->pod_count + 1) * sizeof(*pods));

	if (target->pod_count == 0)
		return error_set(err, ERROR_INVALID,
				 "no pods returned by selector while calculating replica count");
	for (size_t i = 0; i < target->pod_count; i++) {
		const struct figure *figure = map_find(figures, object_name(target->pods[i]));

		pods[i].state = state_of(target->pods[i], figure, str_is(resource, "cpu"));
		pods[i].used = figure ? figure->used : 0;
		if (!ask->percent)
			continue;
		if (!add_requests(target->pods[i], "containers", resource, container,
				  &pods[i].requested, err) ||
		    !add_requests(target->pods[i], "initContainers", resource, container,
				  &pods[i].requested, err))
			return false;
	}
	return autoscale_from_pods(pods, target->pod_count, ask, out, err);
}

/* --- Resource, ContainerResource --- */

static bool print_usage_path(const struct json *source, const struct autoscale_target *target,
			     struct buf *out, struct error *err)
{
	(void)source;
	(void)err;
	buf_add_print(out,
		      "/apis/metrics.k8s.io/v1beta1/namespaces/" STR_FMT "/pods?labelSelector=",
		      STR_ARG(target->namespace));
	buf_add_percent_encoded(out, target->selector);
	return true;
}

static bool weigh_usage(struct reading *it, struct str resource, struct str container,
			const struct autoscale_ask *ask, struct autoscale_found *out,
			struct error *err)
{
	struct map *figures = map_new();
	bool done;

	if (!it->answer)
		done = error_set(err, ERROR_INVALID,
				 "unable to fetch metrics from resource metrics API: %s",
				 it->why->text);
	else
		done = read_usage(it, resource, container, figures, err);
	if (!done)
		error_context(err, "unable to get metrics for resource " STR_FMT,
			      STR_ARG(resource));
	done = done && weigh(it, figures, resource, container, ask, out, err);
	free_figures(figures);
	return done;
}

static bool read_resource(struct reading *it, struct error *err)
{
	struct str resource = json_str(json_get(it->source, "name"));
	struct str container = json_str(json_get(it->source, "container"));
	const struct json *percent = goal(it, "averageUtilization");
	struct autoscale_ask ask = { .current = it->target->spec_replicas,
				     .percent = !goal(it, "averageValue") };
	struct autoscale_found found;

	if (ask.percent && !percent)
		return error_set(err, ERROR_INVALID,
				 "invalid resource metric source: neither an average utilization "
				 "target nor an average value (usage) target was set");
	ask.target = ask.percent ? json_int(percent) : milli_of(goal(it, "averageValue"));
	json_put(it->doc, it->status, "name", json_new_str(it->doc, resource));
	if (container.len > 0)
		json_put(it->doc, it->status, "container", json_new_str(it->doc, container));
	buf_add_print(it->name, STR_FMT " %s%s", STR_ARG(resource),
		      ask.percent && container.len > 0 ? "container " : "",
		      ask.percent ? "resource utilization (percentage of request)" : "resource");
	if (!weigh_usage(it, resource, container, &ask, &found, err))
		return error_context(err, "failed to get " STR_FMT " %s", STR_ARG(resource),
				     ask.percent ? "utilization" : "usage");
	if (ask.percent)
		json_put(it->doc, it->current, "averageUtilization",
			 json_new_int(it->doc, found.utilization));
	put_amount(it, "averageValue", found.average);
	it->replicas = found.replicas;
	return true;
}

/* --- Pods, Object --- */

static void print_selector(const struct json *selector, struct buf *out)
{
	AUTO(selector_free) struct selector *parsed = NULL;
	auto_buf text = BUF_INIT;
	struct error ignored;

	if (!selector || !selector_from_json(selector, &parsed, &ignored))
		return;
	selector_print(parsed, &text);
	buf_add_percent_encoded(out, buf_str(&text));
}

static const struct json *metric_of(const struct json *source)
{
	return json_get(source, "metric");
}

static bool print_pods_path(const struct json *source, const struct autoscale_target *target,
			    struct buf *out, struct error *err)
{
	(void)err;
	buf_add_print(out, CUSTOM "/pods/*/", target->custom_version, STR_ARG(target->namespace));
	buf_add_percent_encoded(out, json_str(json_get(metric_of(source), "name")));
	buf_add_text(out, "?labelSelector=");
	buf_add_percent_encoded(out, target->selector);
	buf_add_text(out, "&metricLabelSelector=");
	print_selector(json_get(metric_of(source), "selector"), out);
	return true;
}

static void put_metric(struct reading *it)
{
	json_put(it->doc, it->status, "metric", json_clone(it->doc, metric_of(it->source)));
}

static bool read_pods(struct reading *it, struct error *err)
{
	struct str name = json_str(json_get(metric_of(it->source), "name"));
	struct autoscale_ask ask = { .current = it->target->spec_replicas,
				     .target = milli_of(goal(it, "averageValue")) };
	struct map *figures;
	struct autoscale_found found;
	bool done;

	put_metric(it);
	buf_add_print(it->name, "pods metric " STR_FMT, STR_ARG(name));
	if (!it->answer)
		return error_set(err, ERROR_INVALID,
				 "unable to get metric " STR_FMT ": unable to fetch metrics from "
				 "custom metrics API: %s",
				 STR_ARG(name), it->why->text);
	figures = map_new();
	for (struct json_iter each = json_iter(json_get(it->answer, "items")); json_next(&each);)
		add_figure(figures,
			   json_str(json_path(each.value, "describedObject", "name", NULL)),
			   each.value, milli_of(json_get(each.value, "value")));
	done = weigh(it, figures, STR(""), STR(""), &ask, &found, err);
	free_figures(figures);
	if (!done)
		return false;
	put_amount(it, "averageValue", found.average);
	it->replicas = found.replicas;
	return true;
}

static bool print_object_path(const struct json *source, const struct autoscale_target *target,
			      struct buf *out, struct error *err)
{
	const struct json *object = json_get(source, "describedObject");
	struct str version = json_str(json_get(object, "apiVersion"));
	struct str word = json_str(json_get(object, "kind"));
	const struct kind *kind = kind_find_name(version.len > 0 ? version : STR("v1"), word);
	bool namespace = str_is(word, "Namespace");

	if (!kind)
		return error_set(err, ERROR_INVALID, "no matches for kind \"" STR_FMT "\"",
				 STR_ARG(word));
	buf_add_print(out, CUSTOM "/", target->custom_version,
		      STR_ARG(namespace ? json_str(json_get(object, "name")) : target->namespace));
	if (namespace) {
		buf_add_text(out, "metrics/");
	} else {
		kind_resource(kind, out);
		buf_add_byte(out, '/');
		buf_add_percent_encoded(out, json_str(json_get(object, "name")));
		buf_add_byte(out, '/');
	}
	buf_add_percent_encoded(out, json_str(json_get(metric_of(source), "name")));
	buf_add_text(out, "?metricLabelSelector=");
	print_selector(json_get(metric_of(source), "selector"), out);
	return true;
}

static int64_t count_ready(const struct autoscale_target *target)
{
	int64_t ready = 0;

	for (size_t i = 0; i < target->pod_count; i++)
		ready += control_pod_is_ready(target->pods[i]) &&
			 str_is(json_str(json_path(object_json(target->pods[i]), "status", "phase",
						   NULL)),
				"Running");
	return ready;
}

/* One amount against a value for all, or against one for each pod. */
static bool take_amount(struct reading *it, int64_t milli, struct error *err)
{
	const struct autoscale_target *target = it->target;
	int64_t pods = target->status_replicas;

	if (goal(it, "value")) {
		if (target->spec_replicas > 0 && target->pod_count == 0)
			return error_set(err, ERROR_INVALID,
					 "unable to calculate ready pods: no pods returned by "
					 "selector while calculating replica count");
		it->replicas = autoscale_from_value(milli, milli_of(goal(it, "value")),
						    target->spec_replicas, count_ready(target));
		put_amount(it, "value", milli);
		return true;
	}
	it->replicas = autoscale_from_average(milli, milli_of(goal(it, "averageValue")), pods);
	put_amount(it, "averageValue",
		   pods > 0 ? (int64_t)ceil((double)milli / (double)pods) : milli);
	return true;
}

static bool read_object(struct reading *it, struct error *err)
{
	const struct json *object = json_get(it->source, "describedObject");
	struct str name = json_str(json_get(metric_of(it->source), "name"));
	struct str kind = json_str(json_get(object, "kind"));

	put_metric(it);
	json_put(it->doc, it->status, "describedObject", json_clone(it->doc, object));
	buf_add_print(it->name, STR_FMT " metric " STR_FMT, STR_ARG(kind), STR_ARG(name));
	if (!it->answer || json_count(json_get(it->answer, "items")) == 0)
		return error_set(err, ERROR_INVALID,
				 "unable to get metric " STR_FMT ": " STR_FMT " on " STR_FMT
				 " " STR_FMT "/unable to fetch metrics from custom metrics API: %s",
				 STR_ARG(name), STR_ARG(kind), STR_ARG(it->target->namespace),
				 STR_ARG(json_str(json_get(object, "name"))),
				 it->why ? it->why->text : "no metrics returned");
	return take_amount(
		it, milli_of(json_get(json_at(json_get(it->answer, "items"), 0), "value")), err);
}

/* --- External --- */

static bool print_external_path(const struct json *source, const struct autoscale_target *target,
				struct buf *out, struct error *err)
{
	(void)err;
	buf_add_print(out, "/apis/external.metrics.k8s.io/v1beta1/namespaces/" STR_FMT "/",
		      STR_ARG(target->namespace));
	buf_add_percent_encoded(out, json_str(json_get(metric_of(source), "name")));
	buf_add_text(out, "?labelSelector=");
	print_selector(json_get(metric_of(source), "selector"), out);
	return true;
}

static bool read_external(struct reading *it, struct error *err)
{
	struct str name = json_str(json_get(metric_of(it->source), "name"));
	auto_buf selector = BUF_INIT;
	int64_t sum = 0;

	put_metric(it);
	if (json_get(metric_of(it->source), "selector"))
		json_print(json_get(metric_of(it->source), "selector"), &selector);
	else
		buf_add_text(&selector, "nil");
	buf_add_print(it->name, "external metric " STR_FMT "(%s)", STR_ARG(name),
		      buf_text(&selector));
	if (!it->answer || json_count(json_get(it->answer, "items")) == 0)
		return error_set(err, ERROR_INVALID,
				 "unable to get external metric " STR_FMT "/" STR_FMT
				 "/%s: unable to fetch metrics from external metrics API: %s",
				 STR_ARG(it->target->namespace), STR_ARG(name), buf_text(&selector),
				 it->why ? it->why->text
					 : "no metrics returned from external metrics API");
	for (struct json_iter each = json_iter(json_get(it->answer, "items")); json_next(&each);)
		sum += milli_of(json_get(each.value, "value"));
	return take_amount(it, sum, err);
}

/* --- the table --- */

static const struct metric_row {
	const char *type, *field, *reason;
	bool (*path)(const struct json *source, const struct autoscale_target *target,
		     struct buf *out, struct error *err);
	bool (*read)(struct reading *it, struct error *err);
} metric_rows[] = {
	{ "Resource", "resource", "FailedGetResourceMetric", print_usage_path, read_resource },
	{ "ContainerResource", "containerResource", "FailedGetContainerResourceMetric",
	  print_usage_path, read_resource },
	{ "Pods", "pods", "FailedGetPodsMetric", print_pods_path, read_pods },
	{ "Object", "object", "FailedGetObjectMetric", print_object_path, read_object },
	{ "External", "external", "FailedGetExternalMetric", print_external_path, read_external },
};

static const struct metric_row *row_of(const struct json *metric)
{
	for (size_t i = 0; i < ARRAY_LENGTH(metric_rows); i++)
		if (str_is(json_str(json_get(metric, "type")), metric_rows[i].type))
			return &metric_rows[i];
	return NULL;
}

const char *autoscale_metric_reason(const struct json *metric)
{
	const struct metric_row *row = row_of(metric);

	return row ? row->reason : "InvalidMetricSourceType";
}

bool autoscale_metric_path(const struct json *metric, const struct autoscale_target *target,
			   struct buf *out, struct error *err)
{
	const struct metric_row *row = row_of(metric);

	return row ? row->path(json_get(metric, row->field), target, out, err)
		   : error_set(err, ERROR_INVALID, "unknown metric source type \"" STR_FMT "\"",
			       STR_ARG(json_str(json_get(metric, "type"))));
}

bool autoscale_metric_read(const struct json *metric, const struct autoscale_target *target,
			   const struct json *answer, const struct error *why, struct json_doc *doc,
			   int64_t *out_replicas, struct json **out_status, struct buf *name,
			   struct error *err)
{
	const struct metric_row *row = row_of(metric);
	struct json *entry = json_new_object(doc);
	struct reading it = {
		.target = target, .answer = answer, .why = why, .doc = doc, .name = name
	};

	if (!row) {
		*err = *why;
		return false;
	}
	it.source = json_get(metric, row->field);
	json_put(doc, entry, "type", json_new_text(doc, row->type));
	it.status = json_sub_object(doc, entry, row->field);
	it.current = json_sub_object(doc, it.status, "current");
	if (!row->read(&it, err))
		return false;
	*out_replicas = it.replicas;
	*out_status = entry;
	return true;
}
