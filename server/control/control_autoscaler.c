/*
 * control_autoscaler.c - HorizontalPodAutoscalers: every 15 s each looks at its figures and changes
 * the scale of its target.
 *
 *   pass -> GET scale -> GET the figures of each metric -> arithmetic -> PUT scale -> PUT status
 *
 * A look is under way until its status is written; the next one comes 15 s after that, or at once
 * when the wish changes.  Without autoscalers nothing happens here at all.
 */
#include <inttypes.h>
#include <stdio.h>

#include "api/selector.h"
#include "base/clock.h"
#include "base/map.h"
#include "server/control/autoscale_figures.h"
#include "server/control/autoscale_pods.h"
#include "server/control/controller.h"

#define COMPONENT "horizontal-pod-autoscaler"
#define PERIOD_MS 15000
#define TEXT_MAX  1200

struct self {
	struct control *control;
	struct queue *queue;   /* "namespace/name" */
	struct map *histories; /* key -> struct autoscale_history */
	struct autoscale_rivals *rivals;
	struct map *told; /* key and reason -> last text */
};

/* One look of one autoscaler. */
struct look {
	struct self *self;
	char *key;
	const struct object *hpa;
	const struct kind *target;
	struct json_doc *scale, *doc; /* doc: the new status is its root */
	struct json *status;
	struct autoscale_target facts;
	struct autoscale_figures figures;
	int64_t wished;
	char reason[TEXT_MAX]; /* of the change */
	bool rescaled;
};

/* --- telling --- */

/* The same text about the same thing is told once. */
static void tell(struct look *look, const char *type, const char *reason, const char *text)
{
	auto_free char *about = memory_print("%s %s", look->key, reason);

	if (control_is_news(look->self->told, str_of(about), reason, text))
		control_event(look->self->control, look->hpa, COMPONENT, type, reason, text);
}

static void forget_told(struct self *self, struct str key)
{
	struct str about;
	void *text;

	for (size_t i = 0; map_next(self->told, &i, &about, &text);)
		if (str_starts(about, key) && about.at[key.len] == ' ')
			free(map_remove(self->told, about));
}

static struct json *condition_of(struct look *look, const char *type)
{
	struct json *list = json_sub_array(look->doc, look->status, "conditions"), *made;

	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "type")), type))
			return it.value;
	made = json_new_object(look->doc);
	json_put(look->doc, made, "type", json_new_text(look->doc, type));
	json_append(list, made);
	return made;
}

static void say(struct look *look, const char *type, bool status, const char *reason,
		const char *message)
{
	struct json *condition = condition_of(look, type);
	const char *word = status ? "True" : "False";
	char now[CLOCK_TEXT];

	if (!str_is(json_str(json_get(condition, "status")), word)) {
		clock_print(clock_wall_s(), now);
		json_put(look->doc, condition, "lastTransitionTime", json_new_text(look->doc, now));
	}
	json_put(look->doc, condition, "status", json_new_text(look->doc, word));
	json_put(look->doc, condition, "reason", json_new_text(look->doc, reason));
	json_put(look->doc, condition, "message", json_new_text(look->doc, message));
}

/* --- the end --- */

static void look_end(struct look *look)
{
	struct self *self = look->self;
	struct str key = str_of(look->key);

	if (!self->control->stopping)
		queue_add_after(self->queue, key, PERIOD_MS);
	queue_done(self->queue, key, true);
	autoscale_figures_clear(&look->figures);
	autoscale_pods_clear(&look->facts);
	json_doc_free(look->scale);
	json_doc_free(look->doc);
	object_unref(look->hpa);
	free(look->key);
	free(look);
}

static void on_status(void *of, const struct json *result, const struct error *err)
{
	(void)result;
	(void)err; /* the next look says it again */
	look_end(of);
}

static void write_status(struct look *look)
{
	auto_json_doc doc = NULL;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_UPDATE,
				  .kind = look->self->control->kinds[CONTROL_AUTOSCALERS],
				  .namespace = object_namespace(look->hpa),
				  .name = object_name(look->hpa),
				  .subresource = "status",
				  .on_done = on_status,
				  .of = look };

	if (look->self->control->stopping ||
	    json_equal(look->status, json_get(object_json(look->hpa), "status"))) {
		look_end(look);
		return;
	}
	doc = object_thaw(look->hpa);
	json_put(doc, json_root(doc), "status", json_clone(doc, look->status));
	json_print(json_root(doc), &body);
	ask.body = buf_str(&body);
	client_call(look->self->control->client, &ask);
}

static void set_counts(struct look *look, int64_t current, int64_t desired)
{
	char now[CLOCK_TEXT];

	json_put(look->doc, look->status, "currentReplicas", json_new_int(look->doc, current));
	json_put(look->doc, look->status, "desiredReplicas", json_new_int(look->doc, desired));
	if (!look->rescaled)
		return;
	clock_print(clock_wall_s(), now);
	json_put(look->doc, look->status, "lastScaleTime", json_new_text(look->doc, now));
}

/* --- the change --- */

static struct autoscale_history *history_of(struct look *look)
{
	struct autoscale_history *history = map_find(look->self->histories, str_of(look->key));

	if (!history) {
		history = autoscale_history_new();
		map_put(look->self->histories, str_of(look->key), history);
	}
	return history;
}

static const struct json *spec_of(const struct look *look)
{
	return json_get(object_json(look->hpa), "spec");
}

static void on_rescaled(void *of, const struct json *result, const struct error *err)
{
	struct look *look = of;
	int64_t current = look->facts.spec_replicas;
	auto_free char *text = NULL;

	(void)result;
	if (err) {
		text = memory_print("New size: %" PRId64 "; reason: %s; error: %s", look->wished,
				    look->reason, err->text);
		if (!look->self->control->stopping)
			tell(look, "Warning", "FailedRescale", text);
		free(text);
		text = memory_print("the HPA controller was unable to update the target scale: %s",
				    err->text);
		say(look, "AbleToScale", false, "FailedUpdateScale", text);
		set_counts(look, current,
			   json_int(json_path(object_json(look->hpa), "status", "desiredReplicas",
					      NULL)));
		write_status(look);
		return;
	}
	text = memory_print("the HPA controller was able to update the target scale to %" PRId64,
			    look->wished);
	say(look, "AbleToScale", true, "SucceededRescale", text);
	free(text);
	text = memory_print("New size: %" PRId64 "; reason: %s", look->wished, look->reason);
	control_event(look->self->control, look->hpa, COMPONENT, "Normal", "SuccessfulRescale",
		      text);
	autoscale_history_note(history_of(look), json_get(spec_of(look), "behavior"), current,
			       look->wished, clock_now_ms());
	look->rescaled = true;
	set_counts(look, current, look->wished);
	write_status(look);
}

/* Of the revision that the arithmetic saw. */
static void rescale(struct look *look)
{
	struct json *scale = json_root(look->scale);
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_UPDATE,
				  .kind = look->target,
				  .namespace = object_namespace(look->hpa),
				  .name = meta_str(scale, "name"),
				  .subresource = "scale",
				  .on_done = on_rescaled,
				  .of = look };

	json_put(look->scale, json_sub_object(look->scale, scale, "spec"), "replicas",
		 json_new_int(look->scale, look->wished));
	json_print(scale, &body);
	ask.body = buf_str(&body);
	client_call(look->self->control->client, &ask);
}

/* --- the arithmetic --- */

struct sum {
	int64_t replicas;
	char name[TEXT_MAX]; /* of the metric that wants the most */
	size_t failed;
	const char *reason; /* of the first failure */
	struct error first;
};

static void weigh_metric(struct look *look, const struct json *metric,
			 const struct autoscale_figure *figure, struct json *statuses,
			 struct sum *sum)
{
	struct json *entry = NULL;
	auto_buf name = BUF_INIT;
	int64_t replicas = 0;
	struct error err;

	if (!autoscale_metric_read(metric, &look->facts,
				   figure->answer ? json_root(figure->answer) : NULL,
				   figure->answer ? NULL : &figure->why, look->doc, &replicas,
				   &entry, &name, &err)) {
		if (sum->failed++ == 0) {
			sum->first = err;
			sum->reason = autoscale_metric_reason(metric);
		}
		tell(look, "Warning", autoscale_metric_reason(metric), err.text);
		entry = json_new_object(look->doc);
		json_put(look->doc, entry, "type", json_new_text(look->doc, ""));
		json_append(statuses, entry);
		return;
	}
	json_append(statuses, entry);
	if (sum->name[0] && replicas <= sum->replicas)
		return;
	sum->replicas = replicas;
	snprintf(sum->name, sizeof(sum->name), "%s", buf_text(&name));
}

/* False: there is no saying how many there should be. */
static bool weigh_all(struct look *look, struct sum *sum)
{
	const struct json *metrics = json_get(spec_of(look), "metrics");
	struct json *statuses = json_new_array(look->doc);
	auto_free char *text = NULL;

	for (struct json_iter it = json_iter(metrics); json_next(&it);)
		weigh_metric(look, it.value, &look->figures.list[it.index], statuses, sum);
	if (sum->failed >= look->figures.count ||
	    (sum->failed > 0 && sum->replicas < look->facts.spec_replicas)) {
		text = memory_print("the HPA was unable to compute the replica count: %s",
				    sum->first.text);
		say(look, "ScalingActive", false, sum->reason, text);
		free(text);
		text = memory_print("invalid metrics (%zu invalid out of %zu), first error is: %s",
				    sum->failed, look->figures.count, sum->first.text);
		tell(look, "Warning", "FailedComputeMetricsReplicas", text);
		return false;
	}
	text = memory_print("the HPA was able to successfully calculate a replica count from %s",
			    sum->name);
	say(look, "ScalingActive", true, "ValidMetricFound", text);
	json_put(look->doc, look->status, "currentMetrics", statuses);
	forget_told(look->self, str_of(look->key));
	return true;
}

static int64_t least_of(const struct look *look)
{
	const struct json *least = json_get(spec_of(look), "minReplicas");

	return least ? json_int(least) : 1;
}

static void decide(struct look *look)
{
	int64_t current = look->facts.spec_replicas;
	struct autoscale_limits limits = { .behavior = json_get(spec_of(look), "behavior"),
					   .least = least_of(look),
					   .most = json_int(json_get(spec_of(look), "maxReplicas")),
					   .current = current };
	struct sum sum = { 0 };
	struct autoscale_step step;

	if (!weigh_all(look, &sum)) {
		set_counts(look, current,
			   json_int(json_path(object_json(look->hpa), "status", "desiredReplicas",
					      NULL)));
		write_status(look);
		return;
	}
	if (sum.replicas > current)
		snprintf(look->reason, sizeof(look->reason), "%.1100s above target", sum.name);
	else if (sum.replicas < current)
		snprintf(look->reason, sizeof(look->reason), "All metrics below target");
	step = autoscale_next(history_of(look), &limits, sum.replicas, clock_now_ms());
	say(look, "AbleToScale", true, step.able.reason, step.able.message);
	say(look, "ScalingLimited", step.is_limited, step.limited.reason, step.limited.message);
	look->wished = step.replicas;
	if (step.replicas != current) {
		rescale(look);
		return;
	}
	set_counts(look, current, current);
	write_status(look);
}

static void on_figures(void *of)
{
	struct look *look = of;

	if (look->self->control->stopping)
		look_end(look);
	else
		decide(look);
}

/* --- the target's pods --- */

static void refuse_selector(struct look *look, const char *event, const char *reason,
			    const char *text)
{
	tell(look, "Warning", event, text);
	say(look, "ScalingActive", false, reason, text);
	set_counts(look, look->facts.spec_replicas,
		   json_int(json_path(object_json(look->hpa), "status", "desiredReplicas", NULL)));
	write_status(look);
}

static bool find_pods(struct look *look)
{
	AUTO(selector_free) struct selector *selector = NULL;
	auto_free char *text = NULL;
	const char *rival;
	struct error err;

	if (look->facts.selector.len == 0) {
		refuse_selector(look, "SelectorRequired", "InvalidSelector",
				"the HPA target's scale is missing a selector");
		return false;
	}
	if (!selector_parse_labels(look->facts.selector, &selector, &err)) {
		text = memory_print("couldn't convert selector into a corresponding internal "
				    "selector object: %s",
				    err.text);
		refuse_selector(look, "InvalidSelector", "InvalidSelector", text);
		return false;
	}
	autoscale_pods_gather(&look->facts, look->self->control->caches[CONTROL_PODS], selector);
	rival = autoscale_rivals_find(look->self->rivals, str_of(look->key), &look->facts);
	if (!rival)
		return true;
	text = memory_print("pods by selector " STR_FMT " are controlled by multiple HPAs: "
			    "[%s " STR_FMT "/%s]",
			    STR_ARG(look->facts.selector), look->key,
			    STR_ARG(look->facts.namespace), rival);
	refuse_selector(look, "AmbiguousSelector", "AmbiguousSelector", text);
	return false;
}

/* --- the scale --- */

static void go_to(struct look *look, int64_t replicas, const char *reason)
{
	look->wished = replicas;
	snprintf(look->reason, sizeof(look->reason), "%s", reason);
	rescale(look);
}

static void weigh_scale(struct look *look)
{
	int64_t current = look->facts.spec_replicas, least = least_of(look);
	int64_t most = json_int(json_get(spec_of(look), "maxReplicas"));

	say(look, "AbleToScale", true, "SucceededGetScale",
	    "the HPA controller was able to get the target's current scale");
	autoscale_history_begin(history_of(look), current, clock_now_ms());
	if (current == 0 && least != 0) {
		say(look, "ScalingActive", false, "ScalingDisabled",
		    "scaling is disabled since the replica count of the target is zero");
		json_remove(look->status, STR("currentMetrics"));
		set_counts(look, 0, 0);
		write_status(look);
	} else if (current > most) {
		go_to(look, most, "Current number of replicas above Spec.MaxReplicas");
	} else if (current < least) {
		go_to(look, least, "Current number of replicas below Spec.MinReplicas");
	} else if (find_pods(look)) {
		autoscale_figures_ask(&look->figures, look->self->control->client,
				      json_get(spec_of(look), "metrics"), &look->facts);
	}
}

static void fail_scale(struct look *look, const char *why)
{
	auto_free char *text = memory_print(
		"the HPA controller was unable to get the target's current scale: %s", why);

	tell(look, "Warning", "FailedGetScale", why);
	say(look, "AbleToScale", false, "FailedGetScale", text);
	write_status(look);
}

/* The version that discovery would name first, of those whose answers are understood. */
static const char *custom_version(const struct control *control)
{
	static const char *const versions[] = { "v1beta2", "v1beta1" };
	const char *best = versions[1];
	int64_t most = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(versions); i++) {
		auto_free char *name = memory_print("%s.custom.metrics.k8s.io", versions[i]);
		const struct object *service =
			cache_find(control->caches[CONTROL_APISERVICES], STR_NONE, str_of(name));
		int64_t priority = service ? json_int(json_path(object_json(service), "spec",
								"versionPriority", NULL))
					   : 0;

		if (priority <= most)
			continue;
		best = versions[i];
		most = priority;
	}
	return best;
}

static void on_scale(void *of, const struct json *result, const struct error *err)
{
	struct look *look = of;
	struct json *scale;

	if (look->self->control->stopping) {
		look_end(look);
		return;
	}
	if (err) {
		fail_scale(look, err->text);
		return;
	}
	look->scale = json_doc_new();
	scale = json_clone(look->scale, result);
	json_set_root(look->scale, scale);
	look->facts.namespace = object_namespace(look->hpa);
	look->facts.custom_version = custom_version(look->self->control);
	look->facts.selector = json_str(json_path(scale, "status", "selector", NULL));
	look->facts.spec_replicas = json_int(json_path(scale, "spec", "replicas", NULL));
	look->facts.status_replicas = json_int(json_path(scale, "status", "replicas", NULL));
	weigh_scale(look);
}

static bool has_scale(const struct kind *kind)
{
	for (const struct subresource *at = kind->subresources; at && at->name; at++)
		if (strcmp(at->name, "scale") == 0)
			return true;
	return false;
}

static void ask_scale(struct look *look)
{
	const struct json *reference = json_get(spec_of(look), "scaleTargetRef");
	struct str version = json_str(json_get(reference, "apiVersion")),
		   word = json_str(json_get(reference, "kind"));
	auto_free char *text = NULL;
	struct client_ask ask = { .verb = CLIENT_GET,
				  .namespace = object_namespace(look->hpa),
				  .name = json_str(json_get(reference, "name")),
				  .subresource = "scale",
				  .on_done = on_scale,
				  .of = look };

	look->target = kind_find_name(version.len > 0 ? version : STR("v1"), word);
	if (look->target && has_scale(look->target)) {
		ask.kind = look->target;
		client_call(look->self->control->client, &ask);
		return;
	}
	text = look->target ? memory_print("the server could not find the requested resource")
			    : memory_print("no matches for kind \"" STR_FMT "\" in group \"" STR_FMT
					   "\"",
					   STR_ARG(word), STR_ARG(str_cut(&version, '/')));
	fail_scale(look, text);
}

/* --- passes --- */

static void forget(struct self *self, struct str key)
{
	autoscale_history_free(map_remove(self->histories, key));
	autoscale_rivals_forget(self->rivals, key);
	forget_told(self, key);
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	const struct object *hpa = control_find(self->control, CONTROL_AUTOSCALERS, key);
	const struct json *status;
	struct look *look;

	if (!hpa || object_is_deleting(hpa)) {
		forget(self, key);
		queue_done(self->queue, key, true);
		return;
	}
	look = memory_new(struct look);
	look->self = self;
	look->key = str_copy(key);
	look->hpa = object_ref(hpa);
	look->doc = json_doc_new();
	status = json_get(object_json(hpa), "status");
	look->figures.on_done = on_figures;
	look->figures.of = look;
	look->status = status ? json_clone(look->doc, status) : json_new_object(look->doc);
	json_set_root(look->doc, look->status);
	ask_scale(look);
}

/* --- the row --- */

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->histories = map_new();
	self->rivals = autoscale_rivals_new();
	self->told = map_new();
	return self;
}

static void stop(void *own)
{
	struct self *self = own;
	struct str key;
	void *history;

	queue_free(self->queue);
	for (size_t i = 0; map_next(self->histories, &i, &key, &history);)
		autoscale_history_free(history);
	map_free(self->histories);
	autoscale_rivals_free(self->rivals);
	map_free_all(self->told);
	free(self);
}

/* Our own word about it is no reason to look again. */
static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;

	if (kind != CONTROL_AUTOSCALERS || (before && after &&
					    json_equal(json_get(object_json(before), "spec"),
						       json_get(object_json(after), "spec"))))
		return;
	control_queue(self->queue, after ? after : before);
}

const struct control_row control_autoscaler = { "autoscaler", start, stop, on_change };
