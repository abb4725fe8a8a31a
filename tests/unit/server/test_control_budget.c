/*
 * test_control_budget.c - disruption budgets: what is counted, who may be evicted, and what becomes
 * of notes and conditions that grow old.
 */
#include <stdio.h>

#include "base/clock.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define PODS    "/api/v1/namespaces/default/pods"
#define BUDGETS "/apis/policy/v1/namespaces/default/poddisruptionbudgets"

static void make_pod(const char *name, const char *metadata)
{
	auto_free char *body = memory_print(
		"{\"metadata\":{\"name\":\"%s\",\"labels\":{\"app\":\"a\"}%s},\"spec\":{"
		"\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}",
		name, metadata);
	auto_free char *path = memory_print(PODS "/%s/status", name);

	cluster_create(PODS, body);
	cluster_patch(path,
		      "{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\","
		      "\"status\":\"True\"}]}}");
}

static void make_budget(const char *spec)
{
	auto_free char *body = memory_print(
		"{\"apiVersion\":\"policy/v1\",\"kind\":\"PodDisruptionBudget\",\"metadata\":{"
		"\"name\":\"b\"},\"spec\":{%s,\"selector\":{\"matchLabels\":{\"app\":\"a\"}}}}",
		spec);

	cluster_create(BUDGETS, body);
}

/* "expected/healthy/desired/allowed reason" */
static void print_budget(struct buf *out)
{
	static const char *const fields[] = { "expectedPods", "currentHealthy", "desiredHealthy",
					      "disruptionsAllowed" };
	auto_json_doc doc = cluster_get(BUDGETS "/b");
	const struct json *status = json_get(json_root(doc), "status");
	const struct json *condition = json_at(json_get(status, "conditions"), 0);

	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		buf_add_print(out, "%s%d", i ? "/" : "",
			      (int)json_int(json_get(status, fields[i])));
	buf_add_print(out, " " STR_FMT, STR_ARG(json_str(json_get(condition, "reason"))));
}

static bool budget_is(const void *of)
{
	auto_buf text = BUF_INIT;

	print_budget(&text);
	return strcmp(buf_text(&text), of) == 0;
}

static void expect(const char *wanted)
{
	auto_buf text = BUF_INIT;

	if (cluster_await(budget_is, wanted))
		return;
	print_budget(&text);
	harness_fail(__FILE__, __LINE__, "\"%s\" instead of \"%s\"", buf_text(&text), wanted);
}

static int evict(const char *name, char *out_cause, size_t room)
{
	auto_free char *path = memory_print(PODS "/%s/eviction", name);
	auto_free char *body =
		memory_print("{\"apiVersion\":\"policy/"
			     "v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"%s\"}}",
			     name);
	auto_json_doc doc = NULL;
	int status = cluster_call("POST", path, body, &doc);
	const struct json *cause = json_at(json_path(json_root(doc), "details", "causes", NULL), 0);

	snprintf(out_cause, room, STR_FMT ": " STR_FMT,
		 STR_ARG(json_str(json_get(cause, "reason"))),
		 STR_ARG(json_str(json_get(cause, "message"))));
	return status;
}

/* Goal: evictions go as far as the budget, and say in its words why not further. */
static void guards(void)
{
	char cause[256];

	cluster_start(NULL);
	make_pod("p1", "");
	make_pod("p2", "");
	make_pod("p3", "");
	make_budget("\"minAvailable\":2");
	expect("3/3/2/1 SufficientPods");
	CHECK_INT(evict("p1", cause, sizeof(cause)), 201);
	expect("2/2/2/0 InsufficientPods");
	CHECK_INT(evict("p2", cause, sizeof(cause)), 429);
	CHECK_STR(cause, "DisruptionBudget: The disruption budget b needs 2 healthy pods and has 2 "
			 "currently");
	/* One that is not ready does not hold the others up. */
	cluster_patch(BUDGETS "/b", "{\"spec\":{\"minAvailable\":1}}");
	expect("2/2/1/1 SufficientPods");
	cluster_patch(PODS "/p2/status",
		      "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"}]}}");
	expect("2/1/1/0 InsufficientPods");
	CHECK_INT(evict("p2", cause, sizeof(cause)), 201);
	expect("1/1/1/0 InsufficientPods");
	cluster_stop();
}

/* Goal: of pods whose controller has no scale a part cannot be reckoned: nobody is evicted. */
static void needs_a_scale(void)
{
	auto_json_doc doc = NULL;

	cluster_start(NULL);
	cluster_create(
		"/apis/batch/v1/namespaces/default/jobs",
		"{\"metadata\":{\"name\":\"j\"},\"spec\":{\"template\":{\"metadata\":{\"labels\":{"
		"\"app\":\"a\"}},\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":"
		"\"c\",\"image\":\"i\"}]}}}}");
	make_budget("\"maxUnavailable\":\"50%\"");
	expect("0/0/0/0 SyncFailed");
	doc = cluster_get(BUDGETS "/b");
	CHECK(str_is(json_str(json_get(
			     json_at(json_path(json_root(doc), "status", "conditions", NULL), 0),
			     "message")),
		     "jobs.batch does not implement the scale subresource"));
	cluster_stop();
}

static bool has_event(const void *of)
{
	auto_json_doc doc = cluster_get("/api/v1/namespaces/default/events");

	for (struct json_iter it = json_iter(json_get(json_root(doc), "items")); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "reason")), of))
			return true;
	return false;
}

/* Goal: a pod that was to be evicted and is still there after two minutes counts again. */
static void forgets_notes(void)
{
	auto_free char *patch = NULL;
	char now[CLOCK_TEXT];

	cluster_start(NULL);
	make_pod("p1", "");
	make_budget("\"minAvailable\":0");
	expect("1/1/0/1 SufficientPods");
	clock_print(clock_wall_s(), now);
	patch = memory_print("{\"status\":{\"disruptedPods\":{\"p1\":\"%s\"}}}", now);
	cluster_patch(BUDGETS "/b/status", patch);
	expect("1/0/0/0 InsufficientPods");
	cluster_pass_time(123);
	expect("1/1/0/1 SufficientPods");
	CHECK(cluster_await(has_event, "NotDeleted"));
	cluster_stop();
}

static bool is_reset(const void *of)
{
	auto_json_doc doc = cluster_get(PODS "/p1");

	(void)of;
	for (struct json_iter it =
		     json_iter(json_path(json_root(doc), "status", "conditions", NULL));
	     json_next(&it);)
		if (str_is(json_str(json_get(it.value, "type")), "DisruptionTarget"))
			return str_is(json_str(json_get(it.value, "status")), "False");
	return false;
}

/* Goal: the condition of a pod that was to go and did not is taken back. */
static void resets_the_condition(void)
{
	auto_free char *patch = NULL;
	char now[CLOCK_TEXT];

	cluster_start(NULL);
	make_pod("p1", "");
	clock_print(clock_wall_s(), now);
	patch = memory_print("{\"status\":{\"conditions\":[{\"type\":\"DisruptionTarget\","
			     "\"status\":\"True\",\"reason\":\"PreemptionByScheduler\","
			     "\"lastTransitionTime\":\"%s\"}]}}",
			     now);
	cluster_patch(PODS "/p1/status", patch);
	cluster_pass_time(100);
	CHECK(!is_reset(NULL));
	cluster_pass_time(25);
	CHECK(cluster_await(is_reset, NULL));
	cluster_stop();
}

static const struct test tests[] = {
	{ "guards", guards, .time_limit_s = 30 },
	{ "needs a scale", needs_a_scale, .time_limit_s = 30 },
	{ "forgets notes", forgets_notes, .time_limit_s = 60 },
	{ "resets the condition", resets_the_condition, .time_limit_s = 60 },
};
TEST_MAIN(tests)
