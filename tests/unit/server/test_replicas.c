/*
 * test_replicas.c - which pods go first; adopting, letting go, and what refusals cost.
 */
#include "server/control/replicas.h"

#include <stdio.h>

#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define NOW  1000000
#define PODS "/api/v1/namespaces/default/pods"
#define SETS "/apis/apps/v1/namespaces/default/replicasets"

static const struct object *of_uid(const char *uid)
{
	auto_free char *text = memory_print("{\"metadata\":{\"name\":\"p\",\"uid\":\"%s\"}}", uid);
	struct object *object;
	struct error err;

	CHECK_OK(object_from_bytes(str_of(text), &object, &err), &err);
	return object;
}

/* Goal: each rule decides when all before it are equal.  The left one of each row goes first. */
static void order_of_deletion(void)
{
	static char node[] = "n";
#define RUNS         .node = node, .phase = MEMBER_RUNNING
#define READY(since) RUNS, .ready = true, .ready_since_s = NOW - (since), .created_s = NOW - 900
	static const struct {
		const char *why;
		struct member first, second;
		size_t crowd[2];
	} rows[] = {
		{ "without a node", { .phase = MEMBER_PENDING }, { .node = node }, { 0 } },
		{ "pending", { .node = node, .phase = MEMBER_PENDING }, { RUNS }, { 0 } },
		{ "unknown", { .node = node, .phase = MEMBER_LOST }, { RUNS }, { 0 } },
		{ "not ready", { RUNS }, { READY(9) }, { 0 } },
		{ "cost", { READY(900), .deletion_cost = -1 }, { READY(1) }, { 0 } },
		{ "crowd", { READY(900) }, { READY(1) }, { 3, 2 } },
		{ "ready for less", { READY(3) }, { READY(800) }, { 0 } },
		{ "restarts", { READY(9), .restarts = 4 }, { READY(9), .restarts = 3 }, { 0 } },
		{ "younger",
		  { RUNS, .created_s = NOW - 2 },
		  { RUNS, .created_s = NOW - 600 },
		  { 0 } },
	};
	auto_object a = of_uid("a"), *b = of_uid("b");

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct member first = rows[i].first, second = rows[i].second;
		struct replica left = { &first, rows[i].crowd[0] };
		struct replica right = { &second, rows[i].crowd[1] };

		first.object = b; /* against the uid, which decides last */
		second.object = a;
		if (replicas_compare(&left, &right, NOW) >= 0 ||
		    replicas_compare(&right, &left, NOW) <= 0)
			harness_fail(__FILE__, __LINE__, "wrong order: %s", rows[i].why);
	}
}

/* Goal: ages of one magnitude are equal, so that not always the youngest go. */
static void ages_by_magnitude(void)
{
	static char node[] = "n";
	auto_object a = of_uid("a"), *b = of_uid("b");
	struct member older = { READY(600), .object = a }, younger = { READY(590), .object = b };
	struct replica left = { &older, 1 }, right = { &younger, 1 };

	CHECK(replicas_compare(&left, &right, NOW) < 0); /* uid a */
	younger.ready_since_s = NOW - 10;
	CHECK(replicas_compare(&left, &right, NOW) > 0);
}

/* --- in a cluster --- */

static void create_set(const char *name, int replicas, const char *further)
{
	auto_free char *body = memory_print(
		"{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"replicas\":%d,\"selector\":"
		"{\"matchLabels\":{\"app\":\"%s\"}},\"template\":{\"metadata\":{\"labels\":"
		"{\"app\":\"%s\"}},\"spec\":{%s\"containers\":[{\"name\":\"a\",\"image\":\"b\"}]}}}"
		"}",
		name, replicas, name, name, further);

	cluster_create(SETS, body);
	cluster_settle(200);
}

static size_t count(const char *path)
{
	auto_json_doc doc = cluster_get(path);

	return json_count(json_get(json_root(doc), "items"));
}

static bool has_event(const char *about, const char *reason, const char *message)
{
	auto_free char *path = memory_print(
		"/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%%3D%s", about);
	auto_json_doc doc = cluster_get(path);

	for (struct json_iter it = json_iter(json_get(json_root(doc), "items")); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "reason")), reason) &&
		    str_search(json_str(json_get(it.value, "message")), str_of(message)) >= 0)
			return true;
	return false;
}

/* How often anything was told of it: events are counted. */
static int64_t told(const char *about)
{
	auto_free char *path = memory_print(
		"/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%%3D%s", about);
	auto_json_doc doc = cluster_get(path);
	int64_t sum = 0;

	for (struct json_iter it = json_iter(json_get(json_root(doc), "items")); json_next(&it);)
		sum += json_int(json_get(it.value, "count"));
	return sum;
}

/* A pod of the set that is over keeps its owner, whatever its labels become. */
static void stays_when_over(void)
{
	auto_json_doc list = cluster_get(PODS "?labelSelector=app%3Drs");
	auto_json_doc pod = NULL;
	auto_free char *path = NULL, *status = NULL;

	for (struct json_iter it = json_iter(json_get(json_root(list), "items")); json_next(&it);)
		if (meta_controller(it.value) && !path)
			path = memory_print(PODS "/" STR_FMT, STR_ARG(meta_str(it.value, "name")));
	status = memory_print("%s/status", path);
	cluster_patch(status, "{\"status\":{\"phase\":\"Failed\"}}");
	cluster_settle(200);
	cluster_patch(path, "{\"metadata\":{\"labels\":{\"app\":\"other\"}}}");
	cluster_settle(200);
	pod = cluster_get(path);
	CHECK(meta_controller(json_root(pod)));
}

/* Goal: a pod that matches is taken in instead of making one; one that does not any more is let go
 * and replaced; a finished one is neither. */
static void claims(void)
{
	auto_json_doc doc = NULL;
	const struct json *owner;

	cluster_start(NULL);
	cluster_create(PODS,
		       "{\"metadata\":{\"name\":\"lone\",\"labels\":{\"app\":\"rs\"}},\"spec\":"
		       "{\"containers\":[{\"name\":\"a\",\"image\":\"b\"}]}}");
	cluster_create(PODS,
		       "{\"metadata\":{\"name\":\"over\",\"labels\":{\"app\":\"rs\"}},\"spec\":"
		       "{\"containers\":[{\"name\":\"a\",\"image\":\"b\"}]}}");
	cluster_patch(PODS "/over/status", "{\"status\":{\"phase\":\"Succeeded\"}}");
	create_set("rs", 2, "");
	CHECK_INT(count(PODS "?labelSelector=app%3Drs"), 3);
	doc = cluster_get(PODS "/lone");
	owner = meta_controller(json_root(doc));
	CHECK(str_is(json_str(json_get(owner, "name")), "rs"));
	CHECK(json_bool(json_get(owner, "blockOwnerDeletion")));
	cluster_patch(PODS "/lone", "{\"metadata\":{\"labels\":{\"app\":\"free\"}}}");
	cluster_settle(200);
	CHECK_INT(count(PODS "?labelSelector=app%3Drs"), 3);
	json_doc_free(doc);
	doc = cluster_get(PODS "/lone");
	CHECK(!meta_controller(json_root(doc)));
	json_doc_free(doc);
	doc = cluster_get(PODS "/over");
	CHECK(!meta_controller(json_root(doc)));
	CHECK(has_event("rs", "SuccessfulCreate", "Created pod: rs-"));
	stays_when_over();
	cluster_patch(SETS "/rs", "{\"spec\":{\"replicas\":0}}");
	cluster_settle(200);
	CHECK(has_event("rs", "SuccessfulDelete", "Deleted pod: rs-"));
	cluster_stop();
}

/* Goal: what is refused is tried once a pass, not for each pod; the condition says why, and goes
 * when it is over. */
static void refusals(void)
{
	auto_json_doc doc = NULL;
	const struct json *failure;

	cluster_start(NULL);
	create_set("no", 50, "\"priorityClassName\":\"absent\",");
	CHECK(has_event("no", "FailedCreate", "Error creating: "));
	CHECK(told("no") < 15);
	doc = cluster_get(SETS "/no");
	failure = meta_condition(json_root(doc), STR("ReplicaFailure"));
	CHECK(str_is(json_str(json_get(failure, "reason")), "FailedCreate"));
	CHECK(str_search(json_str(json_get(failure, "message")), STR("absent")) >= 0);
	json_doc_free(doc);
	cluster_create("/apis/scheduling.k8s.io/v1/priorityclasses",
		       "{\"metadata\":{\"name\":\"absent\"},\"value\":5}");
	cluster_pass_time(60);
	CHECK_INT(count(PODS), 50);
	doc = cluster_get(SETS "/no");
	CHECK(!meta_condition(json_root(doc), STR("ReplicaFailure")));
	CHECK_INT(json_int(json_path(json_root(doc), "status", "replicas", NULL)), 50);
	CHECK_INT(json_int(json_path(json_root(doc), "status", "fullyLabeledReplicas", NULL)), 50);
	cluster_stop();
}

static const struct test tests[] = {
	{ "order of deletion", order_of_deletion },
	{ "ages by magnitude", ages_by_magnitude },
	{ "claims", claims },
	{ "refusals", refusals, .time_limit_s = 30 },
};

TEST_MAIN(tests)
