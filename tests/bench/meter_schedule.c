/*
 * meter_schedule.c - how fast pods get nodes: many nodes that only exist as objects, then many pods
 * as fast as the API takes them; the time is over when the last one has its node.
 */
#include "tests/bench/meter.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

#define NODES    500
#define TOGETHER 64 /* calls under way */

struct flood {
	struct meter *meter;
	size_t count, asked, answered, bound;
	int64_t last_answer_us;
};

static void ask_pod(struct flood *flood);

static void on_made(void *of, const struct json *result, const struct error *err)
{
	struct flood *flood = of;

	(void)result;
	if (err)
		meter_fail("a pod is refused: %s", err->text);
	flood->answered++;
	flood->last_answer_us = clock_now_us();
	if (flood->asked < flood->count)
		ask_pod(flood);
}

static void ask_pod(struct flood *flood)
{
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = meter_kind("", "pods"),
				  .namespace = METER_NAMESPACE,
				  .on_done = on_made,
				  .of = flood };

	buf_add_print(
		&body,
		"{\"metadata\":{\"name\":\"flood-%zu\",\"labels\":{\"flood\":\"1\"}},"
		"\"spec\":{\"nodeSelector\":{\"flood\":\"1\"},\"containers\":[{\"name\":\"c\","
		"\"image\":\"%s\",\"resources\":{\"requests\":{\"cpu\":\"100m\","
		"\"memory\":\"100Mi\"}}}]}}",
		flood->asked++, flood->meter->image);
	ask.body = buf_str(&body);
	client_call(flood->meter->client, &ask);
}

static void on_pod(void *owner, const struct object *before, const struct object *after)
{
	struct flood *flood = owner;

	flood->bound +=
		after &&
		json_str(json_path(object_json(after), "spec", "nodeName", NULL)).len > 0 &&
		!(before &&
		  json_str(json_path(object_json(before), "spec", "nodeName", NULL)).len > 0);
}

static void make_nodes(struct meter *meter)
{
	static const char status[] =
		"{\"status\":{\"allocatable\":{\"cpu\":\"4\",\"memory\":\"8Gi\",\"pods\":\"110\"},"
		"\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}";

	for (size_t i = 0; i < NODES; i++) {
		auto_free char *name = memory_print("flood-%zu", i);
		auto_free char *body =
			memory_print("{\"metadata\":{\"name\":\"%s\",\"labels\":{\"flood\":\"1\","
				     "\"kubernetes.io/hostname\":\"%s\","
				     "\"topology.kubernetes.io/zone\":\"z%zu\"}}}",
				     name, name, i % 3);

		meter_call(meter, (struct client_ask){ .verb = CLIENT_CREATE,
						       .kind = meter_kind("", "nodes"),
						       .body = str_of(body) });
		meter_call(meter, (struct client_ask){ .verb = CLIENT_PATCH_MERGE,
						       .kind = meter_kind("", "nodes"),
						       .name = str_of(name),
						       .subresource = "status",
						       .body = str_of(status) });
	}
}

static void unmake(struct meter *meter)
{
	meter_call(meter, (struct client_ask){ .verb = CLIENT_DELETE_COLLECTION,
					       .kind = meter_kind("", "pods"),
					       .namespace = METER_NAMESPACE,
					       .query = "labelSelector=flood%3D1&"
							"gracePeriodSeconds=0" });
	meter_call(meter, (struct client_ask){ .verb = CLIENT_DELETE_COLLECTION,
					       .kind = meter_kind("", "nodes"),
					       .query = "labelSelector=flood%3D1" });
}

static void schedule_run(struct meter *meter, size_t count, const char *word)
{
	static const struct cache_events events = { .on_change = on_pod };
	struct flood flood = { .meter = meter, .count = count };
	struct cache *cache;
	int64_t begin;

	if (!word || !str_is(str_of(word), "pods"))
		make_nodes(meter);
	cache = cache_start(meter->client, meter_kind("", "pods"), NULL, &events, &flood);
	while (!cache_is_synced(cache))
		loop_once(meter->loop, 20);
	flood.bound = 0;
	begin = clock_now_us();
	for (size_t i = 0; i < TOGETHER && i < count; i++)
		ask_pod(&flood);
	meter_until(meter, &flood.bound, count, "pods with a node");
	printf("schedule.made %" PRId64 " ms\n", (flood.last_answer_us - begin) / 1000);
	printf("schedule.bound %" PRId64 " ms\n", (clock_now_us() - begin) / 1000);
	cache_stop(cache);
	if (!word)
		unmake(meter);
}

const struct task task_schedule = {
	"schedule", schedule_run,
	"N pods onto 500 nodes that are only objects; pods: the nodes are there"
};
