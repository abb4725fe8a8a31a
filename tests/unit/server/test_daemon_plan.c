/*
 * test_daemon_plan.c - where daemons belong, and how they are replaced, on nodes that are objects
 * only and with pods that are ready when the test says so.
 */
#include "server/control/daemon_plan.h"

#include <stdio.h>

#include "base/clock.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define PODS  "/api/v1/namespaces/default/pods"
#define NODES "/api/v1/nodes"
#define SETS  "/apis/apps/v1/namespaces/default/daemonsets"

/* --- rules --- */

static struct json_doc *parse(const char *text)
{
	struct json_doc *doc;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return doc;
}

#define TAINT(key, effect) "{\"key\":\"" key "\",\"effect\":\"" effect "\"}"
#define TERM(node)                                                                                 \
	"{\"affinity\":{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{"    \
	"\"nodeSelectorTerms\":[{\"matchFields\":[{\"key\":\"metadata.name\",\"operator\":"        \
	"\"In\",\"values\":[\"" node "\"]}]}]}}}}"

/* Goal: selector, affinity and name decide both; taints let stay what they only keep away. */
static void places(void)
{
	static const struct {
		const char *spec, *taints;
		bool run, stay;
	} rows[] = {
		{ "{}", "", true, true },
		{ "{\"nodeSelector\":{\"disk\":\"ssd\"}}", "", true, true },
		{ "{\"nodeSelector\":{\"disk\":\"hdd\"}}", "", false, false },
		{ "{\"nodeName\":\"n\"}", "", true, true },
		{ "{\"nodeName\":\"other\"}", "", false, false },
		{ TERM("n"), "", true, true },
		{ TERM("other"), "", false, false },
		{ "{}", TAINT("k", "NoSchedule"), false, true },
		{ "{}", TAINT("k", "NoExecute"), false, false },
		{ "{}", TAINT("k", "PreferNoSchedule"), true, true },
		{ "{\"tolerations\":[{\"operator\":\"Exists\"}]}", TAINT("k", "NoExecute"), true,
		  true },
		{ "{}", TAINT("node.kubernetes.io/unschedulable", "NoSchedule"), true, true },
		{ "{}", TAINT("node.kubernetes.io/not-ready", "NoExecute"), true, true },
		{ "{}", TAINT("node.kubernetes.io/not-ready", "NoSchedule"), false, true },
		{ "{}", TAINT("node.kubernetes.io/network-unavailable", "NoSchedule"), false,
		  true },
		{ "{\"hostNetwork\":true}",
		  TAINT("node.kubernetes.io/network-unavailable", "NoSchedule"), true, true },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct daemon_nodes *nodes = daemon_nodes_new();
		auto_free char *text = memory_print(
			"{\"metadata\":{\"name\":\"n\",\"labels\":{\"disk\":\"ssd\"}},\"spec\":{"
			"\"taints\":[%s]}}",
			rows[i].taints);
		auto_json_doc spec = parse(rows[i].spec);
		auto_object node = object_new(parse(text));
		struct daemon_rules *rules = daemon_rules_new(json_root(spec));
		size_t at = 0;
		bool run, stay;

		CHECK(daemon_nodes_note(nodes, NULL, node));
		CHECK(!daemon_nodes_note(nodes, node, node));
		daemon_rules_check(rules, daemon_nodes_next(nodes, &at), &run, &stay);
		if (run != rows[i].run || stay != rows[i].stay)
			harness_fail(__FILE__, __LINE__, "row %zu: run %d, stay %d", i, run, stay);
		daemon_rules_free(rules);
		daemon_nodes_free(nodes);
	}
}

/* Goal: a pod that was made for a node says so until it is there. */
static void targets(void)
{
	auto_json_doc doc = parse("{\"affinity\":{\"podAffinity\":{}}}");
	struct json *spec = json_root(doc);

	CHECK(daemon_target(spec).len == 0);
	daemon_affinity_set(doc, spec, STR("n7"));
	CHECK(str_is(daemon_target(spec), "n7"));
	CHECK(json_path(spec, "affinity", "podAffinity", NULL));
	json_put(doc, spec, "nodeName", json_new_text(doc, "n8"));
	CHECK(str_is(daemon_target(spec), "n8"));
}

/* --- in a cluster --- */

static void join(const char *node)
{
	auto_free char *body = memory_print("{\"metadata\":{\"name\":\"%s\"}}", node);
	auto_free char *path = memory_print(NODES "/%s/status", node);

	cluster_create(NODES, body);
	cluster_patch(path, "{\"status\":{\"allocatable\":{\"cpu\":\"9\",\"memory\":\"9Gi\","
			    "\"pods\":\"99\"},\"conditions\":[{\"type\":\"Ready\",\"status\":"
			    "\"True\"}]}}");
}

static void start(const char *update)
{
	auto_free char *body = memory_print(
		"{\"metadata\":{\"name\":\"d\"},\"spec\":{\"updateStrategy\":{%s},\"selector\":{"
		"\"matchLabels\":{\"app\":\"d\"}},\"template\":{\"metadata\":{\"labels\":{"
		"\"app\":\"d\"}},\"spec\":{\"terminationGracePeriodSeconds\":0,\"containers\":[{"
		"\"name\":\"a\",\"image\":\"one\"}]}}}}",
		update);

	cluster_start(NULL);
	join("n1");
	join("n2");
	join("n3");
	join("n4");
	cluster_settle(100);
	cluster_create(SETS, body);
	cluster_settle(600);
}

static void update(void)
{
	cluster_patch(SETS "/d", "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":"
				 "\"a\",\"image\":\"two\"}]}}}}");
	cluster_settle(600);
}

static bool has_image(const struct json *pod, const char *image)
{
	const struct json *first = json_at(json_path(pod, "spec", "containers", NULL), 0);

	return str_is(json_str(json_get(first, "image")), image);
}

static void make_ready(const char *image)
{
	auto_json_doc list = cluster_get(PODS);

	for (struct json_iter it = json_iter(json_get(json_root(list), "items")); json_next(&it);) {
		auto_free char *path = memory_print(PODS "/" STR_FMT "/status",
						    STR_ARG(meta_str(it.value, "name")));

		if (has_image(it.value, image))
			cluster_patch(path, "{\"status\":{\"phase\":\"Running\",\"conditions\":[{"
					    "\"type\":\"Ready\",\"status\":\"True\"}]}}");
	}
	cluster_settle(600);
}

static size_t count(const char *image)
{
	auto_json_doc list = cluster_get(PODS);
	size_t found = 0;

	for (struct json_iter it = json_iter(json_get(json_root(list), "items")); json_next(&it);)
		found += has_image(it.value, image) &&
			 !json_get(meta_of(it.value), "deletionTimestamp");
	return found;
}

static int64_t status(const char *field)
{
	auto_json_doc doc = cluster_get(SETS "/d");

	return json_int(json_path(json_root(doc), "status", field, NULL));
}

/* Goal: no more than maxUnavailable are missing at once; percents count nodes, rounded up. */
static void replaces(void)
{
	start("\"rollingUpdate\":{\"maxUnavailable\":\"30%\"}");
	CHECK_INT(count("one"), 4);
	CHECK_INT(status("desiredNumberScheduled"), 4);
	make_ready("one");
	CHECK_INT(status("numberAvailable"), 4);
	update();
	CHECK_INT(count("one"), 2);
	CHECK_INT(count("two"), 2);
	CHECK_INT(status("updatedNumberScheduled"), 2);
	make_ready("two");
	CHECK_INT(count("one"), 0);
	CHECK_INT(count("two"), 4);
	make_ready("two");
	CHECK_INT(status("numberAvailable"), 4);
	cluster_stop();
}

/* Goal: with a surge new ones come beside old ones, which go when the new ones are available. */
static void surges(void)
{
	start("\"rollingUpdate\":{\"maxUnavailable\":0,\"maxSurge\":1}");
	make_ready("one");
	update();
	CHECK_INT(count("one"), 4);
	CHECK_INT(count("two"), 1);
	make_ready("two");
	CHECK_INT(count("one"), 3);
	CHECK_INT(count("two"), 2);
	for (int i = 0; i < 3; i++)
		make_ready("two");
	CHECK_INT(count("one"), 0);
	CHECK_INT(count("two"), 4);
	cluster_stop();
}

static const char *name_on(const char *node)
{
	static char name[128];
	auto_free char *path = memory_print(PODS "?fieldSelector=spec.nodeName%%3D%s", node);
	auto_json_doc list = cluster_get(path);

	snprintf(name, sizeof(name), STR_FMT,
		 STR_ARG(meta_str(json_at(json_get(json_root(list), "items"), 0), "name")));
	return name;
}

/* The pod on n1 fails; its name, the caller's. */
static char *fail_one(void)
{
	char *name = memory_string(name_on("n1"));
	auto_free char *path = memory_print(PODS "/%s/status", name);

	cluster_patch(path, "{\"status\":{\"phase\":\"Failed\"}}");
	return name;
}

/* Goal: a failed pod goes and another comes, each next one twice as late; a node that goes takes
 * none. */
static void failures(void)
{
	auto_free char *first = NULL;

	start("");
	make_ready("one");
	first = fail_one();
	cluster_settle(500);
	CHECK(strcmp(name_on("n1"), first) != 0);
	CHECK_INT(count("one"), 4);
	/* After 1, 2, 4, 8 and 16 s, so that the wait is longer than any machine is slow. */
	for (int wait_s = 1; wait_s <= 16; wait_s *= 2) {
		free(first);
		first = fail_one();
		cluster_pass_time(wait_s + 2);
		CHECK(strcmp(name_on("n1"), first) != 0);
	}
	free(first);
	first = fail_one();
	cluster_settle(100);
	CHECK_STR(name_on("n1"), first); /* not at once again */
	cluster_pass_time(34);
	CHECK(strcmp(name_on("n1"), first) != 0);
	cluster_stop();
}

static const struct test tests[] = {
	{ "places", places },
	{ "targets", targets },
	{ "replaces", replaces, .time_limit_s = 30 },
	{ "surges", surges, .time_limit_s = 30 },
	{ "failures", failures, .time_limit_s = 30 },
};

TEST_MAIN(tests)
