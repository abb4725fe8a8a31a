/*
 * test_lost_policy.c - pods of silent nodes: when they are given up, who stands in, who is kept.
 *
 * Method: a whole control plane whose time the test passes; "dead" falls silent, "alive" says that
 * it is ready all the time.
 */
#include <stdio.h>

#include "api/object.h"
#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define SPACE "/api/v1/namespaces/default"

static void say_ready(const char *node)
{
	auto_free char *path = memory_print("/api/v1/nodes/%s/status", node);
	auto_free char *body = NULL;
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	body = memory_print("{\"status\":{\"allocatable\":{\"cpu\":\"4\",\"memory\":\"4Gi\","
			    "\"pods\":\"20\"},\"conditions\":[{\"type\":\"Ready\",\"status\":"
			    "\"True\",\"lastHeartbeatTime\":\"%s\",\"lastTransitionTime\":\"%s\"}]"
			    "}}",
			    now, now);
	cluster_patch(path, body);
}

static void join(const char *node, const char *labels)
{
	auto_free char *body =
		memory_print("{\"metadata\":{\"name\":\"%s\",\"labels\":{%s}}}", node, labels);

	cluster_create("/api/v1/nodes", body);
	say_ready(node);
}

static void run_pod(const char *name, const char *annotations)
{
	auto_free char *body = memory_print(
		"{\"metadata\":{\"name\":\"%s\",\"annotations\":{%s}},\"spec\":{\"nodeName\":"
		"\"dead\",\"containers\":[{\"name\":\"a\",\"image\":\"b\"}]}}",
		name, annotations);

	cluster_create(SPACE "/pods", body);
}

static void pass_silence(int seconds)
{
	for (; seconds > 0; seconds -= 10) {
		say_ready("alive");
		cluster_pass_time(seconds < 10 ? seconds : 10);
	}
}

static bool leaves(const char *pod)
{
	auto_free char *path = memory_print(SPACE "/pods/%s", pod);
	auto_json_doc doc = NULL;

	return cluster_call("GET", path, NULL, &doc) == 404 ||
	       json_path(json_root(doc), "metadata", "deletionTimestamp", NULL);
}

/* Goal: the workload's own time counts, "never" is never, nonsense is as if nothing was said. */
static void given_up_in_time(void)
{
	auto_json_doc doc = NULL;

	cluster_start(NULL);
	join("dead", "");
	join("alive", "");
	run_pod("soon", "\"mote.dev/lost-after\":\"20s\"");
	run_pod("never", "\"mote.dev/lost-after\":\"never\"");
	run_pod("usual", "\"mote.dev/lost-after\":\"some day\"");
	pass_silence(50);
	CHECK(!leaves("soon"));
	pass_silence(30);
	CHECK(leaves("soon"));
	doc = cluster_get(SPACE "/pods/soon");
	CHECK(str_is(json_str(json_get(meta_condition(json_root(doc), STR("DisruptionTarget")),
				       "reason")),
		     "DeletionByTaintManager"));
	pass_silence(300);
	CHECK(leaves("usual"));
	CHECK(!leaves("never"));
	cluster_stop();
}

/* Goal: on the edge silence is no reason, but what the workload says is, and other taints are. */
static void edge_nodes(void)
{
	cluster_start(NULL);
	join("dead", "\"mote.dev/edge\":\"true\"");
	join("alive", "");
	run_pod("usual", "");
	run_pod("soon", "\"mote.dev/lost-after\":\"20s\"");
	pass_silence(400);
	CHECK(!leaves("usual"));
	CHECK(leaves("soon"));
	cluster_patch("/api/v1/nodes/dead",
		      "{\"spec\":{\"taints\":[{\"key\":\"node.kubernetes.io/out-of-service\","
		      "\"value\":\"nodeshutdown\",\"effect\":\"NoExecute\"}]}}");
	cluster_settle(100);
	CHECK(leaves("usual"));
	cluster_stop();
}

/* --- stand-ins --- */

struct pair {
	char original[64], stand_in[64]; /* names, "" */
	size_t count;
};

static struct pair look(void)
{
	auto_json_doc doc = cluster_get(SPACE "/pods");
	struct pair pair = { .count = 0 };

	for (struct json_iter it = json_iter(json_get(json_root(doc), "items")); json_next(&it);) {
		bool dead = str_is(json_str(json_path(it.value, "spec", "nodeName", NULL)), "dead");
		struct str name = meta_str(it.value, "name");

		if (json_path(it.value, "metadata", "deletionTimestamp", NULL))
			continue;
		pair.count++;
		snprintf(dead ? pair.original : pair.stand_in, 64, STR_FMT, STR_ARG(name));
	}
	return pair;
}

static void be_ready(const char *pod, const char *started)
{
	auto_free char *path = memory_print(SPACE "/pods/%s/status", pod);
	auto_free char *body = memory_print(
		"{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\","
		"\"status\":\"True\"}],\"containerStatuses\":[{\"name\":\"a\",\"ready\":true,"
		"\"image\":\"b\",\"imageID\":\"\",\"restartCount\":0,\"state\":{\"running\":{"
		"\"startedAt\":\"%s\"}}}]}}",
		started);

	cluster_patch(path, body);
}

/* A set of one pod, on "dead"; its stand-in can be on "alive" only. */
static void start_set(const char *annotations)
{
	auto_free char *body = memory_print(
		"{\"metadata\":{\"name\":\"s\",\"annotations\":{\"mote.dev/replace\":\"true\"%s}},"
		"\"spec\":{\"replicas\":1,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
		"\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{"
		"\"name\":\"a\",\"image\":\"b\"}]}}}}",
		annotations);

	cluster_start(NULL);
	join("dead", "\"mote.dev/edge\":\"true\"");
	cluster_settle(100);
	cluster_create("/apis/apps/v1/namespaces/default/replicasets", body);
	cluster_settle(300);
	join("alive", "");
	be_ready(look().original, "2026-01-01T00:00:00Z");
}

static void forget_all(void)
{
	auto_free char *path = memory_print("%s/data", harness_folder());
	struct error err;

	CHECK_OK(file_remove_tree(path, &err), &err);
}

/* Goal: one stand-in while the node is silent, one pod when it is back: the right one. */
static void one_of_two(void)
{
	static const struct {
		const char *annotations, *restarted; /* when the original's container began */
		bool keeps_original;
	} rows[] = {
		{ "", "2026-01-01T00:00:00Z", true },
		{ ",\"mote.dev/reconcile\":\"keepOriginal\"", "2027-01-01T00:00:00Z", true },
		{ ",\"mote.dev/reconcile\":\"keepReplacement\"", "2026-01-01T00:00:00Z", false },
		{ ",\"mote.dev/reconcile\":\"longestRunning\"", "2026-01-01T00:00:00Z", true },
		{ ",\"mote.dev/reconcile\":\"longestRunning\"", "2027-01-01T00:00:00Z", false },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct pair pair;

		start_set(rows[i].annotations);
		CHECK(look().original[0]);
		pass_silence(70);
		pair = look();
		CHECK_INT(pair.count, 2);
		CHECK(pair.original[0] && pair.stand_in[0]);
		be_ready(pair.stand_in, "2026-06-01T00:00:00Z");
		pass_silence(20);
		CHECK_INT(look().count, 2);
		say_ready("dead");
		cluster_settle(100);
		be_ready(pair.original, rows[i].restarted);
		for (int second = 0; second < 5; second++)
			cluster_pass_time(1);
		pair = look();
		CHECK_INT(pair.count, 1);
		CHECK_INT(pair.original[0] != '\0', rows[i].keeps_original);
		cluster_stop();
		forget_all();
	}
}

static const struct test tests[] = {
	{ "given up in time", given_up_in_time, .time_limit_s = 120 },
	{ "edge nodes", edge_nodes, .time_limit_s = 120 },
	{ "one of two", one_of_two, .time_limit_s = 240 },
};
TEST_MAIN(tests)
