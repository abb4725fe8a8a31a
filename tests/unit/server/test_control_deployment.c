/*
 * test_control_deployment.c - what a deployment's sets do and what its conditions say, with the
 * clock of the test and pods that are ready when it says so.
 */
#include <stdio.h>

#include "base/clock.h"
#include "server/control/deployment_sets.h"
#include "server/control/fresh_set.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define PODS        "/api/v1/namespaces/default/pods"
#define SETS        "/apis/apps/v1/namespaces/default/replicasets"
#define DEPLOYMENTS "/apis/apps/v1/namespaces/default/deployments"
#define WEB         DEPLOYMENTS "/web"

/* further: fields of the spec, each with a comma behind */
static void create(int replicas, const char *further)
{
	auto_free char *body = memory_print(
		"{\"metadata\":{\"name\":\"web\"},\"spec\":{\"replicas\":%d,%s\"selector\":"
		"{\"matchLabels\":{\"app\":\"web\"}},\"template\":{\"metadata\":{\"labels\":"
		"{\"app\":\"web\"}},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"one\"}]}}"
		"}}",
		replicas, further);

	cluster_create(DEPLOYMENTS, body);
	cluster_settle(200);
}

static void patch(const char *spec)
{
	auto_free char *body = memory_print("{\"spec\":%s}", spec);

	cluster_patch(WEB, body);
	cluster_settle(200);
}

static void set_image(const char *image)
{
	auto_free char *spec = memory_print("{\"template\":{\"spec\":{\"containers\":[{\"name\":"
					    "\"a\",\"image\":\"%s\"}]}}}",
					    image);

	patch(spec);
}

/* All pods with this image (NULL: all) become ready. */
static void make_ready(const char *image)
{
	auto_json_doc list = cluster_get(PODS);
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	for (struct json_iter it = json_iter(json_get(json_root(list), "items")); json_next(&it);) {
		const struct json *first =
			json_at(json_path(it.value, "spec", "containers", NULL), 0);
		auto_free char *path = memory_print(PODS "/" STR_FMT "/status",
						    STR_ARG(meta_str(it.value, "name")));
		auto_free char *body = memory_print(
			"{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\","
			"\"status\":\"True\",\"lastTransitionTime\":\"%s\"}]}}",
			now);

		if ((image && !str_is(json_str(json_get(first, "image")), image)) ||
		    meta_condition_is_true(it.value, STR("Ready")))
			continue;
		cluster_patch(path, body);
	}
	cluster_settle(300);
}

static int64_t status(const char *field)
{
	auto_json_doc doc = cluster_get(WEB);

	return json_int(json_path(json_root(doc), "status", field, NULL));
}

/* "True NewReplicaSetAvailable" */
static const char *condition(const char *type)
{
	static char text[128];
	auto_json_doc doc = cluster_get(WEB);
	const struct json *found = meta_condition(json_root(doc), str_of(type));

	snprintf(text, sizeof(text), STR_FMT " " STR_FMT,
		 STR_ARG(json_str(json_get(found, "status"))),
		 STR_ARG(json_str(json_get(found, "reason"))));
	return text;
}

/* What the set of this image wants, or -1. */
static int64_t size_of(const char *image)
{
	auto_json_doc list = cluster_get(SETS);

	for (struct json_iter it = json_iter(json_get(json_root(list), "items")); json_next(&it);) {
		const struct json *first = json_at(
			json_path(it.value, "spec", "template", "spec", "containers", NULL), 0);

		if (str_is(json_str(json_get(first, "image")), image))
			return json_int(json_path(it.value, "spec", "replicas", NULL));
	}
	return -1;
}

static bool has_event(const char *reason, const char *message)
{
	auto_json_doc doc = cluster_get("/api/v1/namespaces/default/events?fieldSelector="
					"involvedObject.kind%3DDeployment");

	for (struct json_iter it = json_iter(json_get(json_root(doc), "items")); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "reason")), reason) &&
		    str_search(json_str(json_get(it.value, "message")), str_of(message)) >= 0)
			return true;
	return false;
}

/* Goal: the conditions walk as they do in Kubernetes, from the first pod to a rollout that is over.
 */
static void conditions(void)
{
	cluster_start(NULL);
	create(2, "");
	CHECK_STR(condition("Available"), "False MinimumReplicasUnavailable");
	CHECK_STR(condition("Progressing"), "True ReplicaSetUpdated");
	CHECK(has_event("ScalingReplicaSet", "Scaled up replica set web-"));
	CHECK(has_event("ScalingReplicaSet", " from 0 to 2"));
	CHECK_INT(status("unavailableReplicas"), 2);
	make_ready(NULL);
	CHECK_STR(condition("Available"), "True MinimumReplicasAvailable");
	CHECK_STR(condition("Progressing"), "True NewReplicaSetAvailable");
	CHECK_INT(status("availableReplicas"), 2);
	CHECK_INT(status("unavailableReplicas"), 0);
	set_image("two");
	CHECK_STR(condition("Progressing"), "True ReplicaSetUpdated");
	make_ready(NULL);
	make_ready(NULL);
	make_ready(NULL);
	CHECK_INT(size_of("one"), 0);
	CHECK_INT(size_of("two"), 2);
	CHECK_STR(condition("Progressing"), "True NewReplicaSetAvailable");
	cluster_stop();
}

/* Goal: nothing comes for so long: the deadline has passed, to the second, and a late pod ends it.
 */
static void deadline(void)
{
	cluster_start(NULL);
	create(1, "\"progressDeadlineSeconds\":60,");
	cluster_pass_time(50);
	CHECK_STR(condition("Progressing"), "True ReplicaSetUpdated");
	cluster_pass_time(15);
	CHECK_STR(condition("Progressing"), "False ProgressDeadlineExceeded");
	patch("{\"paused\":true}");
	CHECK_STR(condition("Progressing"), "False ProgressDeadlineExceeded");
	patch("{\"paused\":false}");
	make_ready(NULL);
	CHECK_STR(condition("Progressing"), "True NewReplicaSetAvailable");
	cluster_stop();
}

/* Goal: a pause holds the rollout but not the size, and says so. */
static void pauses(void)
{
	cluster_start(NULL);
	create(2, "");
	make_ready(NULL);
	patch("{\"paused\":true}");
	CHECK_STR(condition("Progressing"), "Unknown DeploymentPaused");
	set_image("two");
	CHECK_INT(size_of("two"), -1);
	patch("{\"replicas\":5}");
	CHECK_INT(size_of("one"), 5);
	patch("{\"paused\":false}");
	CHECK(size_of("two") > 0);
	cluster_stop();
}

/* Goal: in the middle of a rollout a new size is shared out by proportion (the example of the
 * Kubernetes manual: 10 with surge 3 and 2 missing, then 15). */
static void proportion(void)
{
	cluster_start(NULL);
	create(10, "\"strategy\":{\"rollingUpdate\":{\"maxSurge\":3,\"maxUnavailable\":2}},");
	make_ready(NULL);
	set_image("two");
	CHECK_INT(size_of("one"), 8);
	CHECK_INT(size_of("two"), 5);
	patch("{\"replicas\":15}");
	CHECK_INT(size_of("one"), 11);
	CHECK_INT(size_of("two"), 7);
	cluster_stop();
}

static void force_away(void)
{
	auto_json_doc list = cluster_get(PODS);

	for (struct json_iter it = json_iter(json_get(json_root(list), "items")); json_next(&it);) {
		auto_free char *path = memory_print(PODS "/" STR_FMT "?gracePeriodSeconds=0",
						    STR_ARG(meta_str(it.value, "name")));

		if (json_get(meta_of(it.value), "deletionTimestamp"))
			cluster_delete(path);
	}
	cluster_settle(300);
}

/* Goal: with Recreate nothing new comes as long as an old pod is there, even one that is going. */
static void recreate(void)
{
	cluster_start(NULL);
	cluster_create("/api/v1/nodes", "{\"metadata\":{\"name\":\"n\"}}");
	cluster_patch("/api/v1/nodes/n/status",
		      "{\"status\":{\"allocatable\":{\"cpu\":\"9\",\"memory\":\"9Gi\",\"pods\":"
		      "\"99\"},\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}");
	create(2, "\"strategy\":{\"type\":\"Recreate\"},");
	cluster_settle(500);
	make_ready(NULL);
	set_image("two");
	CHECK_INT(size_of("one"), 0);
	CHECK_INT(size_of("two"), -1);
	force_away();
	CHECK_INT(size_of("two"), 2);
	cluster_stop();
}

/* Goal: what is wished again is the newest revision, remembers its old one, and history beyond the
 * limit goes, the oldest first. */
static void history(void)
{
	auto_json_doc list = NULL;
	bool found = false;

	cluster_start(NULL);
	create(1, "\"revisionHistoryLimit\":1,");
	make_ready(NULL);
	for (int i = 0; i < 2; i++) {
		set_image(i ? "one" : "two");
		make_ready(NULL);
		make_ready(NULL);
	}
	list = cluster_get(SETS);
	CHECK_INT(json_count(json_get(json_root(list), "items")), 2);
	for (struct json_iter it = json_iter(json_get(json_root(list), "items")); json_next(&it);)
		if (str_is(meta_annotation(it.value, DEPLOYMENT_REVISION), "3")) {
			CHECK(str_is(meta_annotation(it.value, DEPLOYMENT_HISTORY), "1"));
			found = true;
		}
	CHECK(found);
	set_image("three");
	make_ready(NULL);
	make_ready(NULL);
	CHECK_INT(size_of("two"), -1);
	CHECK_INT(size_of("one"), 0);
	CHECK_INT(size_of("three"), 1);
	cluster_stop();
}

/* Goal: a set of the name that the new one would have belongs to somebody else: another name. */
static void collision(void)
{
	auto_json_doc doc = NULL, *set = NULL;
	auto_free char *name = NULL, *body = NULL, *path = NULL;
	const struct json *list;

	cluster_start(NULL);
	create(0, "");
	doc = cluster_get(SETS);
	list = json_get(json_root(doc), "items");
	name = str_copy(meta_str(json_at(list, 0), "name"));
	cluster_delete(WEB);
	cluster_settle(300);
	body = memory_print("{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"replicas\":0,\"selector\":"
			    "{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{"
			    "\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"a\","
			    "\"image\":\"x\"}]}}}}",
			    name);
	cluster_create(SETS, body);
	create(1, "");
	cluster_settle(300);
	CHECK_INT(status("collisionCount"), 1);
	CHECK_INT(size_of("one"), 1);
	path = memory_print(SETS "/%s", name);
	set = cluster_get(path);
	CHECK(!meta_controller(json_root(set)));
	cluster_stop();
}

/* Goal: sets that were left by a deployment are taken in by the next of its kind. */
static void adoption(void)
{
	cluster_start(NULL);
	create(2, "");
	cluster_delete(WEB "?propagationPolicy=Orphan");
	cluster_settle(500);
	CHECK(!cluster_has(WEB));
	CHECK_INT(size_of("one"), 2);
	create(3, "");
	cluster_settle(300);
	CHECK_INT(size_of("one"), 3);
	{
		auto_json_doc list = cluster_get(SETS);

		CHECK_INT(json_count(json_get(json_root(list), "items")), 1);
	}
	cluster_stop();
}

/* Goal: what its sets cannot do the deployment says, and why; it is over when they can. */
static void failure(void)
{
	cluster_start(NULL);
	create(1, "");
	make_ready(NULL);
	patch("{\"template\":{\"spec\":{\"priorityClassName\":\"absent\"}}}");
	CHECK_STR(condition("ReplicaFailure"), "True FailedCreate");
	CHECK_STR(condition("Available"), "True MinimumReplicasAvailable");
	cluster_create("/apis/scheduling.k8s.io/v1/priorityclasses",
		       "{\"metadata\":{\"name\":\"absent\"},\"value\":5}");
	cluster_pass_time(30);
	make_ready(NULL);
	CHECK_STR(condition("ReplicaFailure"), " ");
	CHECK_STR(condition("Progressing"), "True NewReplicaSetAvailable");
	cluster_stop();
}

/* Goal: the text of old revisions grows to its limit, then the oldest give way. */
static void history_text(void)
{
	static const struct {
		const char *history, *revision;
		size_t max;
		const char *wanted;
	} rows[] = {
		{ "", "1", 10, "1" },         { "1", "3", 10, "1,3" },
		{ "1,3", "12", 6, "1,3,12" }, { "1,3", "12", 5, "3,12" },
		{ "100,200", "9", 3, "9" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_buf out = BUF_INIT;

		fresh_set_print_history(str_of(rows[i].history), str_of(rows[i].revision),
					rows[i].max, &out);
		CHECK_STR(buf_text(&out), rows[i].wanted);
	}
}

static const struct test tests[] = {
	{ "conditions", conditions, .time_limit_s = 30 },
	{ "deadline", deadline, .time_limit_s = 30 },
	{ "pauses", pauses, .time_limit_s = 30 },
	{ "proportion", proportion, .time_limit_s = 30 },
	{ "recreate", recreate, .time_limit_s = 30 },
	{ "history", history, .time_limit_s = 30 },
	{ "collision", collision, .time_limit_s = 30 },
	{ "adoption", adoption, .time_limit_s = 30 },
	{ "failure", failure, .time_limit_s = 30 },
	{ "history text", history_text },
};

TEST_MAIN(tests)
