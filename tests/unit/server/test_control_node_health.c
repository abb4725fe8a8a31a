/*
 * test_control_node_health.c - silent nodes, taints, readiness of pods: on a server of the product,
 * with the clock in our hands.
 */
#include <stdio.h>

#include "base/clock.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define LEASES "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"

/* --- what a node does --- */

static void say_ready(const char *node, const char *status)
{
	auto_free char *path = memory_print("/api/v1/nodes/%s/status", node);
	auto_free char *body = NULL;
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	body = memory_print("{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\","
			    "\"lastHeartbeatTime\":\"%s\",\"lastTransitionTime\":\"%s\","
			    "\"reason\":\"KubeletReady\",\"message\":\"said\"}]}}",
			    status, now, now);
	cluster_patch(path, body);
}

static void join(const char *node)
{
	auto_free char *body = memory_print("{\"metadata\":{\"name\":\"%s\"}}", node);

	cluster_create("/api/v1/nodes", body);
	say_ready(node, "True");
}

static void renew(const char *node)
{
	auto_free char *path = memory_print(LEASES "/%s", node);
	auto_free char *body = NULL;
	char now[CLOCK_TEXT];

	clock_print_micro(clock_wall_us(), now);
	if (cluster_has(path)) {
		body = memory_print("{\"spec\":{\"renewTime\":\"%s\"}}", now);
		cluster_patch(path, body);
		return;
	}
	body = memory_print("{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"holderIdentity\":\"%s\","
			    "\"leaseDurationSeconds\":40,\"renewTime\":\"%s\"}}",
			    node, node, now);
	cluster_create(LEASES, body);
}

static void run_pod(const char *pod, const char *node)
{
	auto_free char *body =
		memory_print("{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"nodeName\":\"%s\","
			     "\"containers\":[{\"name\":\"a\",\"image\":\"b\"}]}}",
			     pod, node);

	cluster_create("/api/v1/namespaces/default/pods", body);
}

static void say_pod_ready(const char *pod)
{
	auto_free char *path = memory_print("/api/v1/namespaces/default/pods/%s/status", pod);

	cluster_patch(path, "{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":"
			    "\"Ready\",\"status\":\"True\"}]}}");
}

/* --- what is seen --- */

static const struct json *condition_of(const struct json *object, const char *type)
{
	for (struct json_iter it = json_iter(json_path(object, "status", "conditions", NULL));
	     json_next(&it);)
		if (str_is(json_str(json_get(it.value, "type")), type))
			return it.value;
	return NULL;
}

static void check_condition(const char *node, const char *type, const char *field, const char *want)
{
	auto_free char *path = memory_print("/api/v1/nodes/%s", node);
	auto_json_doc doc = cluster_get(path);
	auto_free char *have =
		str_copy(json_str(json_get(condition_of(json_root(doc), type), field)));

	CHECK_STR(have, want);
}

/* "key:effect key:effect", as they stand */
static void check_taints(const char *node, const char *want)
{
	auto_free char *path = memory_print("/api/v1/nodes/%s", node);
	auto_json_doc doc = cluster_get(path);
	auto_buf have = BUF_INIT;

	for (struct json_iter it = json_iter(json_path(json_root(doc), "spec", "taints", NULL));
	     json_next(&it);) {
		struct str key = json_str(json_get(it.value, "key"));

		str_cut(&key, '/');
		buf_add_print(&have, "%s" STR_FMT ":" STR_FMT, have.len ? " " : "", STR_ARG(key),
			      STR_ARG(json_str(json_get(it.value, "effect"))));
	}
	CHECK_STR(buf_text(&have), want);
}

static void check_pod_ready(const char *pod, const char *want)
{
	auto_free char *path = memory_print("/api/v1/namespaces/default/pods/%s", pod);
	auto_json_doc doc = cluster_get(path);
	auto_free char *have =
		str_copy(json_str(json_get(condition_of(json_root(doc), "Ready"), "status")));

	CHECK_STR(have, want);
}

#define UNREACHABLE "unreachable:NoSchedule unreachable:NoExecute"

/* --- tests --- */

/* Goal: a node that renews its lease stays ready; 40 s without make it Unknown with taints, its
 * pods not ready; its own word makes all good again. */
static void silence_and_return(void)
{
	cluster_start(NULL);
	join("n");
	run_pod("p", "n");
	say_pod_ready("p");
	for (int i = 0; i < 12; i++) {
		renew("n");
		cluster_pass_time(10);
		check_condition("n", "Ready", "status", "True");
	}
	cluster_pass_time(20); /* 30 s since the last renewal */
	check_condition("n", "Ready", "status", "True");
	check_taints("n", "");
	check_pod_ready("p", "True");
	cluster_pass_time(17);
	check_condition("n", "Ready", "status", "Unknown");
	check_condition("n", "Ready", "reason", "NodeStatusUnknown");
	check_condition("n", "Ready", "message", "Kubelet stopped posting node status.");
	check_condition("n", "MemoryPressure", "status", "Unknown");
	check_condition("n", "DiskPressure", "reason", "NodeStatusNeverUpdated");
	check_taints("n", UNREACHABLE);
	check_pod_ready("p", "False");
	say_pod_ready("p"); /* late word of a silent node */
	cluster_settle(200);
	check_pod_ready("p", "False");
	renew("n");
	say_ready("n", "True");
	cluster_settle(200);
	check_condition("n", "Ready", "status", "True");
	check_taints("n", "");
	say_pod_ready("p");
	cluster_settle(200);
	check_pod_ready("p", "True");
	cluster_stop();
}

/* Goal: Ready False taints at once; the node's pods lose readiness once, and the node may say it
 * again. */
static void not_ready(void)
{
	cluster_start(NULL);
	join("n");
	run_pod("p", "n");
	say_pod_ready("p");
	say_ready("n", "False");
	cluster_settle(200);
	check_taints("n", "not-ready:NoSchedule not-ready:NoExecute");
	check_pod_ready("p", "False");
	say_pod_ready("p");
	cluster_settle(200);
	check_pod_ready("p", "True");
	cluster_pass_time(47);
	check_taints("n", UNREACHABLE);
	check_pod_ready("p", "False");
	cluster_stop();
}

/* Goal: only our own taints come and go; other conditions and cordon have theirs. */
static void taints_of_others_stay(void)
{
	cluster_start(NULL);
	join("n");
	cluster_patch("/api/v1/nodes/n",
		      "{\"spec\":{\"unschedulable\":true,\"taints\":[{\"key\":\"x/mine\","
		      "\"effect\":\"NoSchedule\"},{\"key\":\"node.kubernetes.io/disk-pressure\","
		      "\"effect\":\"NoSchedule\"}]}}");
	cluster_settle(200);
	check_taints("n", "mine:NoSchedule unschedulable:NoSchedule");
	cluster_patch("/api/v1/nodes/n/status",
		      "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"},"
		      "{\"type\":\"MemoryPressure\",\"status\":\"True\"}]}}");
	cluster_settle(200);
	check_taints("n", "mine:NoSchedule unschedulable:NoSchedule memory-pressure:NoSchedule");
	cluster_patch("/api/v1/nodes/n", "{\"spec\":{\"unschedulable\":null}}");
	say_ready("n", "True");
	cluster_settle(200);
	check_taints("n", "mine:NoSchedule");
	cluster_stop();
}

/* Goal: a node that has never posted anything gets a minute. */
static void never_posted(void)
{
	cluster_start(NULL);
	cluster_create("/api/v1/nodes", "{\"metadata\":{\"name\":\"n\"}}");
	cluster_pass_time(55);
	check_condition("n", "Ready", "status", "");
	cluster_pass_time(11);
	check_condition("n", "Ready", "status", "Unknown");
	check_condition("n", "Ready", "reason", "NodeStatusNeverUpdated");
	check_condition("n", "Ready", "message", "Kubelet never posted node status.");
	check_taints("n", UNREACHABLE);
	cluster_stop();
}

/* Goal: neither a restart nor standing still blames nodes for the server's own absence; and the
 * wall clock of a lease counts for nothing. */
static void absence_of_the_server(void)
{
	cluster_start(NULL);
	join("n");
	renew("n");
	cluster_pass_time(30);
	cluster_stop();
	clock_shift(3600 * 1000);
	cluster_start(NULL);
	cluster_pass_time(34);
	check_condition("n", "Ready", "status", "True");
	cluster_be_away(600);
	cluster_settle(200);
	check_condition("n", "Ready", "status", "True");
	cluster_patch("/api/v1/nodes/n", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}");
	cluster_patch(LEASES "/n", "{\"spec\":{\"renewTime\":\"2001-01-01T00:00:00.000000Z\"}}");
	cluster_pass_time(35);
	check_condition("n", "Ready", "status", "True");
	cluster_pass_time(12);
	check_condition("n", "Ready", "status", "Unknown");
	cluster_stop();
}

/* Goal: each node has its own clock. */
static void one_of_two(void)
{
	cluster_start(NULL);
	join("dead");
	join("alive");
	for (int i = 0; i < 5; i++) {
		renew("alive");
		cluster_pass_time(10);
	}
	check_condition("alive", "Ready", "status", "True");
	check_taints("alive", "");
	check_condition("dead", "Ready", "status", "Unknown");
	check_taints("dead", UNREACHABLE);
	cluster_delete("/api/v1/nodes/dead");
	cluster_settle(200);
	join("dead");
	cluster_settle(200);
	check_taints("dead", "");
	cluster_stop();
}

static const struct test tests[] = {
	{ "silence and return", silence_and_return, .time_limit_s = 60 },
	{ "not ready", not_ready, .time_limit_s = 60 },
	{ "taints of others stay", taints_of_others_stay, .time_limit_s = 60 },
	{ "never posted", never_posted, .time_limit_s = 60 },
	{ "absence of the server", absence_of_the_server, .time_limit_s = 60 },
	{ "one of two", one_of_two, .time_limit_s = 60 },
};
TEST_MAIN(tests)
