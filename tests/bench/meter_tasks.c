/*
 * meter_tasks.c - node ready, pods one by one, pods together, a Deployment: each made by a call and
 * followed by a watch, so that no polling is in a figure.
 */
#include "tests/bench/meter.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

#define LABEL "bench-meter"

static bool is_true(const struct json *object, const char *condition)
{
	const struct json *list = json_path(object, "status", "conditions", NULL);

	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "type")), condition))
			return str_is(json_str(json_get(it.value, "status")), "True");
	return false;
}

static void follow(struct meter *meter, const struct kind *kind, const struct cache_events *events,
		   void *owner, struct cache **out)
{
	*out = cache_start(meter->client, kind, NULL, events, owner);
	while (!cache_is_synced(*out)) {
		if (clock_now_ms() > meter->deadline_ms)
			meter_fail("%s cannot be listed", kind->plural);
		loop_once(meter->loop, 20);
	}
}

/* --- node ready --- */

static void on_node(void *owner, const struct object *before, const struct object *after)
{
	size_t *ready = owner;

	(void)before;
	if (after && is_true(object_json(after), "Ready"))
		*ready = 1;
}

/* word: when the server was started, in milliseconds since 1970. */
static void ready_run(struct meter *meter, size_t count, const char *word)
{
	static const struct cache_events events = { .on_change = on_node };
	struct cache *cache;
	size_t ready = 0;
	int64_t begin;

	if (!str_to_i64(str_of(word), 0, INT64_MAX / 1000, &begin))
		meter_fail("ready 1 BEGIN: BEGIN is in milliseconds since 1970");
	follow(meter, meter_kind("", "nodes"), &events, &ready, &cache);
	meter_until(meter, &ready, count, "nodes ready");
	printf("node.ready %" PRId64 " ms\n", clock_wall_us() / 1000 - begin);
	cache_stop(cache);
}

/* --- pods --- */

enum moment { MADE, RUNNING, READY, REMOVED, GONE, MOMENTS };

struct pod_times {
	int64_t at[MOMENTS]; /* microseconds; 0 = not yet */
};

struct pods {
	struct meter *meter;
	struct cache *cache;
	struct pod_times *list;
	size_t count, running, ready, gone, answered;
};

static void see(struct pod_times *times, enum moment moment, size_t *counter)
{
	if (times->at[moment])
		return;
	times->at[moment] = clock_now_us();
	++*counter;
}

static void on_pod(void *owner, const struct object *before, const struct object *after)
{
	struct pods *pods = owner;
	const struct object *object = after ? after : before;
	const struct json *json = object_json(object);
	struct str name = object_name(object);
	struct str rest = str_from(name.at + strlen(LABEL "-"), name.len - strlen(LABEL "-"));
	uint64_t index;

	if (!str_starts(name, STR(LABEL "-")) || !str_to_u64(rest, pods->count - 1, &index))
		return;
	if (!after) {
		see(&pods->list[index], GONE, &pods->gone);
		return;
	}
	if (str_is(json_str(json_path(json, "status", "phase", NULL)), "Running"))
		see(&pods->list[index], RUNNING, &pods->running);
	if (is_true(json, "Ready"))
		see(&pods->list[index], READY, &pods->ready);
}

static void pods_open(struct pods *pods, struct meter *meter, size_t count)
{
	static const struct cache_events events = { .on_change = on_pod };

	*pods = (struct pods){ .meter = meter, .count = count };
	pods->list = memory_zero(count * sizeof(*pods->list));
	follow(meter, meter_kind("", "pods"), &events, pods, &pods->cache);
	/* A connection is left for the first create: a handshake is not a pod's time. */
	meter_call(meter, (struct client_ask){ .verb = CLIENT_GET,
					       .kind = meter_kind("", "namespaces"),
					       .name = METER_NAMESPACE });
}

static void pods_close(struct pods *pods)
{
	cache_stop(pods->cache);
	free(pods->list);
}

static void add_pod_spec(const struct meter *meter, struct buf *out)
{
	buf_add_print(out,
		      "{\"terminationGracePeriodSeconds\":0,\"containers\":[{\"name\":\"c\","
		      "\"image\":\"%s\",\"imagePullPolicy\":\"IfNotPresent\","
		      "\"command\":[\"sleep\",\"3600\"]}]}",
		      meter->image);
}

static void on_answered(void *of, const struct json *result, const struct error *err)
{
	struct pods *pods = of;

	(void)result;
	if (err)
		meter_fail("%s", err->text);
	pods->answered++;
}

static void pods_make(struct pods *pods, size_t index)
{
	auto_buf body = BUF_INIT;

	buf_add_print(&body,
		      "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"" LABEL
		      "-%zu\"},\"spec\":",
		      index);
	add_pod_spec(pods->meter, &body);
	buf_add_text(&body, "}");
	pods->list[index].at[MADE] = clock_now_us();
	client_call(pods->meter->client, &(struct client_ask){ .verb = CLIENT_CREATE,
							       .kind = meter_kind("", "pods"),
							       .namespace = METER_NAMESPACE,
							       .body = buf_str(&body),
							       .on_done = on_answered,
							       .of = pods });
}

static void pods_remove(struct pods *pods, size_t index)
{
	auto_buf name = BUF_INIT;

	buf_add_print(&name, LABEL "-%zu", index);
	pods->list[index].at[REMOVED] = clock_now_us();
	client_call(pods->meter->client, &(struct client_ask){ .verb = CLIENT_DELETE,
							       .kind = meter_kind("", "pods"),
							       .namespace = METER_NAMESPACE,
							       .name = buf_str(&name),
							       .query = "gracePeriodSeconds=0",
							       .on_done = on_answered,
							       .of = pods });
}

static void pods_print(const struct pods *pods, const char *name, enum moment from, enum moment to)
{
	struct samples samples = { 0 };

	for (size_t i = 0; i < pods->count; i++)
		samples_add(&samples, pods->list[i].at[to] - pods->list[i].at[from]);
	samples_print(&samples, name);
}

static void pods_run(struct meter *meter, size_t count, size_t at_once, const char *prefix)
{
	struct pods pods;
	char name[64];

	pods_open(&pods, meter, count);
	for (size_t begin = 0; begin < count; begin += at_once) {
		size_t end = begin + at_once < count ? begin + at_once : count;

		for (size_t i = begin; i < end; i++)
			pods_make(&pods, i);
		meter_until(meter, &pods.running, end, "pods running");
		meter_until(meter, &pods.ready, end, "pods ready");
		for (size_t i = begin; i < end; i++)
			pods_remove(&pods, i);
		meter_until(meter, &pods.gone, end, "pods gone");
		meter_until(meter, &pods.answered, 2 * end, "replies");
	}
	snprintf(name, sizeof(name), "%s.running", prefix);
	pods_print(&pods, name, MADE, RUNNING);
	snprintf(name, sizeof(name), "%s.ready", prefix);
	pods_print(&pods, name, MADE, READY);
	snprintf(name, sizeof(name), "%s.gone", prefix);
	pods_print(&pods, name, REMOVED, GONE);
	pods_close(&pods);
}

static void one_by_one_run(struct meter *meter, size_t count, const char *word)
{
	(void)word;
	pods_run(meter, count, 1, "pod");
}

static void together_run(struct meter *meter, size_t count, const char *word)
{
	(void)word;
	pods_run(meter, count, count, "together");
}

/* --- pods that come and go --- */

#define CHURN_AT_ONCE 64 /* more that have not gone: the node does not keep up */

struct churn {
	struct pods pods;
	size_t made, removed; /* pods before these */
	bool *asked;          /* to go */
};

/* Whoever runs is asked to go; what is gone already stays behind `removed`. */
static void churn_remove(struct churn *churn)
{
	for (size_t i = churn->removed; i < churn->made; i++) {
		if (churn->asked[i] || !churn->pods.list[i].at[RUNNING])
			continue;
		pods_remove(&churn->pods, i);
		churn->asked[i] = true;
	}
	while (churn->removed < churn->made && churn->asked[churn->removed])
		churn->removed++;
}

/* word: milliseconds from one to the next. */
static void churn_run(struct meter *meter, size_t count, const char *word)
{
	struct churn churn = { .asked = memory_zero(count * sizeof(*churn.asked)) };
	int64_t every_ms, begin;

	if (!str_to_i64(str_of(word), 1, 60000, &every_ms))
		meter_fail("churn COUNT MS: MS is from one pod to the next");
	pods_open(&churn.pods, meter, count);
	begin = clock_now_ms();
	meter->deadline_ms += (int64_t)count * every_ms;
	while (churn.pods.gone < count) {
		if (clock_now_ms() > meter->deadline_ms)
			meter_fail("%zu of %zu pods are gone", churn.pods.gone, count);
		if (churn.made - churn.pods.gone > CHURN_AT_ONCE)
			meter_fail("after %zu pods %zu have not gone", churn.made,
				   churn.made - churn.pods.gone);
		if (churn.made < count && clock_now_ms() >= begin + (int64_t)churn.made * every_ms)
			pods_make(&churn.pods, churn.made++);
		churn_remove(&churn);
		loop_once(meter->loop, 10);
	}
	meter_until(meter, &churn.pods.answered, 2 * count, "replies");
	pods_print(&churn.pods, "churn.running", MADE, RUNNING);
	pods_print(&churn.pods, "churn.gone", REMOVED, GONE);
	pods_close(&churn.pods);
	free(churn.asked);
}

/* --- a Deployment --- */

struct deployment {
	size_t ready, pods;
	int64_t pods_ready_us; /* when the last pod was ready */
};

static void on_deployment(void *owner, const struct object *before, const struct object *after)
{
	struct deployment *deployment = owner;

	(void)before;
	if (!after || !str_is(object_name(after), LABEL))
		return;
	deployment->ready =
		(size_t)json_int(json_path(object_json(after), "status", "readyReplicas", NULL));
}

/* Called with every pod there is: only those of the Deployment have the label. */
static void on_own_pod(void *owner, const struct object *before, const struct object *after)
{
	struct deployment *deployment = owner;
	bool was = before && object_label(before, STR(LABEL)).at &&
		   is_true(object_json(before), "Ready");
	bool is =
		after && object_label(after, STR(LABEL)).at && is_true(object_json(after), "Ready");

	if (is && !was)
		deployment->pods_ready_us = clock_now_us();
	deployment->pods = deployment->pods + is - was;
}

static void on_own_pod_there(void *owner, const struct object *before, const struct object *after)
{
	size_t *gone = owner;

	if (!after && object_label(before, STR(LABEL)).at)
		++*gone;
}

static void deployment_run(struct meter *meter, size_t count, const char *word)
{
	static const struct cache_events events = { .on_change = on_deployment };
	static const struct cache_events pod_events = { .on_change = on_own_pod };
	const struct kind *kind = meter_kind("apps", "deployments");
	struct deployment deployment = { 0 };
	struct cache *cache, *pods;
	auto_buf body = BUF_INIT;
	int64_t begin;

	(void)word;
	follow(meter, kind, &events, &deployment, &cache);
	follow(meter, meter_kind("", "pods"), &pod_events, &deployment, &pods);
	buf_add_print(&body,
		      "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":"
		      "\"" LABEL "\"},\"spec\":{\"replicas\":%zu,\"selector\":{\"matchLabels\":{"
		      "\"" LABEL "\":\"1\"}},\"template\":{\"metadata\":{\"labels\":{"
		      "\"" LABEL "\":\"1\"}},\"spec\":",
		      count);
	add_pod_spec(meter, &body);
	buf_add_text(&body, "}}}");
	begin = clock_now_us();
	meter_call(meter, (struct client_ask){ .verb = CLIENT_CREATE,
					       .kind = kind,
					       .namespace = METER_NAMESPACE,
					       .body = buf_str(&body) });
	meter_until(meter, &deployment.ready, count, "ready replicas");
	printf("deployment.ready %" PRId64 " ms\n", (clock_now_us() - begin) / 1000);
	meter_until(meter, &deployment.pods, count, "ready pods");
	printf("deployment.pods_ready %" PRId64 " ms\n", (deployment.pods_ready_us - begin) / 1000);
	cache_stop(cache);
	cache_stop(pods);
}

static void deployment_end_run(struct meter *meter, size_t count, const char *word)
{
	static const struct cache_events events = { .on_change = on_own_pod_there };
	struct cache *cache;
	size_t gone = 0;
	int64_t begin;

	(void)word;
	follow(meter, meter_kind("", "pods"), &events, &gone, &cache);
	begin = clock_now_us();
	meter_call(meter, (struct client_ask){ .verb = CLIENT_DELETE,
					       .kind = meter_kind("apps", "deployments"),
					       .namespace = METER_NAMESPACE,
					       .name = STR(LABEL),
					       .query = "propagationPolicy=Background" });
	meter_until(meter, &gone, count, "pods gone");
	printf("deployment.gone %" PRId64 " ms\n", (clock_now_us() - begin) / 1000);
	cache_stop(cache);
}

const struct task task_ready = { "ready", ready_run, "1 BEGIN: a node is ready" };
const struct task task_one_by_one = { "one-by-one", one_by_one_run, "N pods, one after the other" };
const struct task task_together = { "together", together_run, "N pods at once" };
const struct task task_deployment = { "deployment", deployment_run, "N replicas; they stay" };
const struct task task_deployment_end = { "deployment-end", deployment_end_run,
					  "deletes it; its N pods are gone" };
const struct task task_churn = { "churn", churn_run,
				 "N MS: N pods, one each MS, each goes once it runs" };
