/*
 * test_control_node_evict.c - who has to leave a tainted node, and when; which pods are collected.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "server/control/finished_pods.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define PODS "/api/v1/namespaces/default/pods"
#define OUT_OF_SERVICE(value)                                                                      \
	"{\"key\":\"node.kubernetes.io/out-of-service\",\"value\":\"" value                        \
	"\",\"effect\":\"NoExecute\"}"
#define TAINT "{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoExecute\"}"

static void say_ready(const char *node)
{
	auto_free char *path = memory_print("/api/v1/nodes/%s/status", node);
	auto_free char *body = NULL;
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	body = memory_print("{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\","
			    "\"lastHeartbeatTime\":\"%s\"}]}}",
			    now);
	cluster_patch(path, body);
}

static void join(const char *node)
{
	auto_free char *body = memory_print("{\"metadata\":{\"name\":\"%s\"}}", node);

	cluster_create("/api/v1/nodes", body);
	say_ready(node);
}

/* tolerations: further ones beside the default two, or NULL */
static void run_pod(const char *pod, const char *node, const char *tolerations)
{
	auto_free char *body =
		memory_print("{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"nodeName\":\"%s\","
			     "\"tolerations\":[%s],"
			     "\"containers\":[{\"name\":\"a\",\"image\":\"b\"}]}}",
			     pod, node, tolerations ? tolerations : "");

	cluster_create(PODS, body);
}

static void taint(const char *node, const char *taints)
{
	auto_free char *path = memory_print("/api/v1/nodes/%s", node);
	auto_free char *body = memory_print("{\"spec\":{\"taints\":[%s]}}", taints);

	cluster_patch(path, body);
	cluster_settle(100);
}

/* Ends the wait for silent nodes: passes time while `alive` says it is ready. */
static void pass_time_with(const char *alive, int seconds)
{
	for (; seconds > 0; seconds -= 10) {
		say_ready(alive);
		cluster_pass_time(seconds < 10 ? seconds : 10);
	}
}

enum fate { STAYS, LEAVES, GONE };

static enum fate fate_of(const char *pod)
{
	auto_free char *path = memory_print(PODS "/%s", pod);
	auto_json_doc doc = NULL;

	if (cluster_call("GET", path, NULL, &doc) == 404)
		return GONE;
	return json_path(json_root(doc), "metadata", "deletionTimestamp", NULL) ? LEAVES : STAYS;
}

/* Goal: the default tolerations let pods stay for 300 s on a silent node; own ones count; one for
 * ever stays for ever; those of other nodes are left alone. */
static void silent_node(void)
{
	cluster_start(NULL);
	join("dead");
	join("alive");
	run_pod("usual", "dead", NULL);
	run_pod("brief", "dead",
		"{\"key\":\"node.kubernetes.io/unreachable\",\"operator\":\"Exists\","
		"\"effect\":\"NoExecute\",\"tolerationSeconds\":20}");
	run_pod("forever", "dead", "{\"operator\":\"Exists\"}");
	run_pod("other", "alive", NULL);
	pass_time_with("alive", 50);
	CHECK_INT(fate_of("brief"), STAYS);
	pass_time_with("alive", 20);
	CHECK_INT(fate_of("brief"), LEAVES);
	pass_time_with("alive", 260);
	CHECK_INT(fate_of("usual"), STAYS);
	pass_time_with("alive", 30);
	CHECK_INT(fate_of("usual"), LEAVES);
	CHECK_INT(fate_of("forever"), STAYS);
	CHECK_INT(fate_of("other"), STAYS);
	cluster_stop();
}

/* Goal: a node that is back in time keeps its pods, and the next silence counts from its own start.
 */
static void back_in_time(void)
{
	cluster_start(NULL);
	join("n");
	join("alive");
	run_pod("p", "n", NULL);
	pass_time_with("alive", 250);
	say_ready("n");
	cluster_settle(200);
	pass_time_with("alive", 250);
	CHECK_INT(fate_of("p"), STAYS);
	cluster_stop();
}

/* Goal: while no node is ready nobody is evicted for it; the time counts from when one is again. */
static void all_are_silent(void)
{
	cluster_start(NULL);
	join("a");
	join("b");
	run_pod("p", "a", NULL);
	cluster_pass_time(600);
	CHECK_INT(fate_of("p"), STAYS);
	pass_time_with("b", 200);
	CHECK_INT(fate_of("p"), STAYS);
	pass_time_with("b", 120);
	CHECK_INT(fate_of("p"), LEAVES);
	cluster_stop();
}

/* Goal: a taint of somebody else evicts at once whom it does not concern, with one node too. */
static void taint_by_hand(void)
{
	cluster_start(NULL);
	join("n");
	run_pod("none", "n", NULL);
	run_pod("equal", "n", "{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoExecute\"}");
	run_pod("value", "n", "{\"key\":\"k\",\"value\":\"w\",\"effect\":\"NoExecute\"}");
	run_pod("exists", "n", "{\"key\":\"k\",\"operator\":\"Exists\"}");
	run_pod("effect", "n", "{\"key\":\"k\",\"operator\":\"Exists\",\"effect\":\"NoSchedule\"}");
	run_pod("short", "n",
		"{\"key\":\"k\",\"operator\":\"Exists\",\"effect\":\"NoExecute\","
		"\"tolerationSeconds\":5}");
	taint("n", "{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoSchedule\"}");
	CHECK_INT(fate_of("none"), STAYS);
	taint("n", TAINT);
	CHECK_INT(fate_of("none"), LEAVES);
	CHECK_INT(fate_of("value"), LEAVES);
	CHECK_INT(fate_of("effect"), LEAVES);
	CHECK_INT(fate_of("equal"), STAYS);
	CHECK_INT(fate_of("exists"), STAYS);
	CHECK_INT(fate_of("short"), STAYS);
	cluster_pass_time(7);
	CHECK_INT(fate_of("short"), LEAVES);
	run_pod("late", "n", NULL);
	cluster_settle(200);
	CHECK_INT(fate_of("late"), LEAVES);
	cluster_stop();
}

/* Goal: pods of a node that is deleted go after 40 s, those bound to one that never was too; a node
 * that comes back keeps its own. */
static void lost_nodes(void)
{
	cluster_start(NULL);
	join("gone");
	join("back");
	run_pod("a", "gone", NULL);
	run_pod("b", "back", NULL);
	run_pod("c", "never", NULL);
	run_pod("d", "gone", NULL);
	cluster_delete(PODS "/d");
	CHECK_INT(fate_of("d"), LEAVES);
	cluster_delete("/api/v1/nodes/gone");
	cluster_delete("/api/v1/nodes/back");
	cluster_settle(100);
	cluster_pass_time(34);
	CHECK_INT(fate_of("a"), STAYS);
	CHECK_INT(fate_of("c"), STAYS);
	join("back");
	cluster_pass_time(14);
	CHECK_INT(fate_of("a"), GONE);
	CHECK_INT(fate_of("c"), GONE);
	CHECK_INT(fate_of("d"), GONE);
	CHECK_INT(fate_of("b"), STAYS);
	cluster_stop();
}

/* With a finalizer: what is said of it before its end can be read. */
static void run_held_pod(const char *pod, const char *node)
{
	auto_free char *body =
		memory_print("{\"metadata\":{\"name\":\"%s\",\"finalizers\":[\"a.example/b\"]},"
			     "\"spec\":{\"nodeName\":\"%s\",\"containers\":[{\"name\":\"a\","
			     "\"image\":\"b\"}]}}",
			     pod, node);

	cluster_create(PODS, body);
}

static bool pod_says(const char *pod, const char *text)
{
	auto_free char *path = memory_print(PODS "/%s", pod);
	auto_json_doc doc = cluster_get(path);
	auto_buf out = BUF_INIT;

	json_print(json_root(doc), &out);
	return strstr(buf_text(&out), text) != NULL;
}

/* Goal: of a silent node that somebody calls out of service all pods are gone at once, also those
 * whose end it was to confirm; they have Failed.  A node that speaks ends its pods itself. */
static void out_of_service(void)
{
	cluster_start(NULL);
	join("dead");
	join("alive");
	run_pod("ending", "dead", NULL);
	run_pod("running", "dead", NULL);
	run_held_pod("held", "dead");
	run_pod("elsewhere", "alive", NULL);
	pass_time_with("alive", 50);
	cluster_delete(PODS "/ending");
	cluster_settle(100);
	CHECK_INT(fate_of("ending"), LEAVES);
	taint("dead", OUT_OF_SERVICE("nodeshutdown"));
	taint("alive", OUT_OF_SERVICE("nodeshutdown"));
	CHECK_INT(fate_of("ending"), GONE);
	CHECK_INT(fate_of("running"), GONE);
	CHECK_INT(fate_of("held"), LEAVES);
	CHECK(pod_says("held", "\"phase\":\"Failed\""));
	CHECK(pod_says("held", "DeletionByTaintManager"));
	CHECK_INT(fate_of("elsewhere"), LEAVES);
	CHECK(!pod_says("elsewhere", "\"phase\":\"Failed\""));
	cluster_stop();
}

/* Goal: a pod whose node is no more has Failed, and says why. */
static void orphans_have_failed(void)
{
	cluster_start(NULL);
	run_held_pod("held", "never");
	cluster_pass_time(48);
	CHECK_INT(fate_of("held"), LEAVES);
	CHECK(pod_says("held", "\"phase\":\"Failed\""));
	CHECK(pod_says("held", "\"DeletionByPodGC\""));
	CHECK(pod_says("held", "PodGC: node no longer exists"));
	cluster_stop();
}

static bool is_tainted(const char *node)
{
	auto_free char *path = memory_print("/api/v1/nodes/%s", node);
	auto_json_doc doc = cluster_get(path);
	const struct json *taints = json_path(json_root(doc), "spec", "taints", NULL);

	for (struct json_iter it = json_iter(taints); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "key")),
			   "node.kubernetes.io/out-of-service"))
			return true;
	return false;
}

/* Goal: a verdict of the node's peers ends with its own word, that of people does not; a node whose
 * peers cannot be asked is never taken for dead. */
static void verdicts(void)
{
	cluster_start(NULL);
	join("alive");
	join("silent");
	cluster_patch("/api/v1/nodes/silent",
		      "{\"metadata\":{\"labels\":{\"mote.dev/edge\":\"true\",\"mote.dev/site\":"
		      "\"hill\"}}}");
	cluster_patch("/api/v1/nodes/alive",
		      "{\"metadata\":{\"labels\":{\"mote.dev/site\":\"hill\"}}}");
	cluster_patch("/api/v1/nodes/silent/status",
		      "{\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":"
		      "\"192.0.2.7\"}]}}");
	pass_time_with("alive", 120);
	CHECK(!is_tainted("silent"));
	taint("silent", OUT_OF_SERVICE("peer-vote"));
	taint("alive", OUT_OF_SERVICE("nodeshutdown"));
	CHECK(is_tainted("silent"));
	say_ready("silent");
	cluster_settle(200);
	CHECK(!is_tainted("silent"));
	CHECK(is_tainted("alive"));
	cluster_stop();
}

/* Goal: a pod that was never bound goes with its DELETE. */
static void never_bound(void)
{
	cluster_start(NULL);
	cluster_create(PODS, "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{"
			     "\"name\":\"a\",\"image\":\"b\"}]}}");
	cluster_delete(PODS "/p");
	CHECK_INT(fate_of("p"), GONE);
	cluster_stop();
}

/* Goal: a pod in a namespace that has just been made is never refused. */
static void pod_in_a_new_namespace(void)
{
	cluster_start(NULL);
	for (int i = 0; i < 10; i++) {
		auto_free char *space = memory_print("{\"metadata\":{\"name\":\"x%d\"}}", i);
		auto_free char *pods = memory_print("/api/v1/namespaces/x%d/pods", i);
		auto_free char *path = NULL;
		auto_json_doc doc = NULL;
		const struct json *spec;

		cluster_create("/api/v1/namespaces", space);
		cluster_create(pods, "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{"
				     "\"name\":\"a\",\"image\":\"b\"}]}}");
		if (i > 0)
			continue;
		/* It has got the account and its token all the same. */
		path = memory_print("%s/p", pods);
		doc = cluster_get(path);
		spec = json_get(json_root(doc), "spec");
		CHECK(str_is(json_str(json_get(spec, "serviceAccountName")), "default"));
		CHECK_INT(json_count(json_get(spec, "volumes")), 1);
	}
	CHECK_INT(cluster_call("POST", PODS,
			       "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"serviceAccountName\":"
			       "\"nobody\",\"containers\":[{\"name\":\"a\",\"image\":\"b\"}]}}",
			       NULL),
		  403);
	cluster_stop();
}

/* Goal: the oldest beyond the limit, in order, not more than asked for. */
static void oldest_first(void)
{
	struct finished_pods *pods = finished_pods_new();
	struct str *keys;

	finished_pods_put(pods, STR("d/c"), 30);
	finished_pods_put(pods, STR("d/a"), 10);
	finished_pods_put(pods, STR("d/z"), 5);
	finished_pods_put(pods, STR("d/b"), 10);
	finished_pods_put(pods, STR("d/e"), 40);
	finished_pods_put(pods, STR("d/z"), 50);
	finished_pods_remove(pods, STR("d/e"));
	finished_pods_remove(pods, STR("d/nobody"));
	CHECK_INT(finished_pods_count(pods), 4);
	CHECK_INT(finished_pods_surplus(pods, 4, 9, &keys), 0);
	CHECK(!keys);
	CHECK_INT(finished_pods_surplus(pods, 1, 9, &keys), 3);
	CHECK(str_is(keys[0], "d/a") && str_is(keys[1], "d/b") && str_is(keys[2], "d/c"));
	free(keys);
	CHECK_INT(finished_pods_surplus(pods, 0, 2, &keys), 2);
	CHECK(str_is(keys[0], "d/a") && str_is(keys[1], "d/b"));
	free(keys);
	finished_pods_free(pods);
}

static const struct test tests[] = {
	{ "silent node", silent_node, .time_limit_s = 120 },
	{ "back in time", back_in_time, .time_limit_s = 120 },
	{ "all are silent", all_are_silent, .time_limit_s = 120 },
	{ "taint by hand", taint_by_hand, .time_limit_s = 60 },
	{ "lost nodes", lost_nodes, .time_limit_s = 60 },
	{ "out of service", out_of_service, .time_limit_s = 60 },
	{ "orphans have failed", orphans_have_failed, .time_limit_s = 60 },
	{ "verdicts", verdicts, .time_limit_s = 120 },
	{ "never bound", never_bound, .time_limit_s = 30 },
	{ "pod in a new namespace", pod_in_a_new_namespace, .time_limit_s = 30 },
	{ "oldest first", oldest_first },
};
TEST_MAIN(tests)
