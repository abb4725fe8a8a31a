/*
 * test_control_job.c - jobs whose pods end as the test says, by a clock that it moves.
 */
#include <stdio.h>

#include "base/clock.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define JOBS "/apis/batch/v1/namespaces/default/jobs"
#define PODS "/api/v1/namespaces/default/pods"

static void create(const char *spec)
{
	auto_free char *body = memory_print(
		"{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\"j\"},\"spec"
		"\":{%s%s\"template\":{\"spec\":{%s\"containers\":[{\"name\":\"c\",\"image\":\"i\"}"
		"]"
		"}}}}",
		spec, spec[0] ? "," : "",
		strstr(spec, "onFailure") ? "\"restartPolicy\":\"OnFailure\","
					  : "\"restartPolicy\":\"Never\",");

	cluster_create(JOBS, body);
}

/* Pods of the phase ("" = any) that are not being deleted. */
static size_t count_pods(const char *phase)
{
	auto_json_doc doc = cluster_get(PODS);
	size_t count = 0;

	for (struct json_iter it = json_iter(json_get(json_root(doc), "items")); json_next(&it);)
		count += !json_path(it.value, "metadata", "deletionTimestamp", NULL) &&
			 (!phase[0] ||
			  str_is(json_str(json_path(it.value, "status", "phase", NULL)), phase));
	return count;
}

static void end_pod(const struct json *pod, const char *phase, int code)
{
	char now[CLOCK_TEXT];
	auto_free char *path =
		memory_print(PODS "/" STR_FMT "/status",
			     STR_ARG(json_str(json_path(pod, "metadata", "name", NULL))));
	auto_free char *patch = NULL;

	clock_print(clock_wall_s(), now);
	patch = memory_print(
		"{\"status\":{\"phase\":\"%s\",\"containerStatuses\":[{\"name\":\"c\","
		"\"image\":\"i\",\"imageID\":\"i\",\"ready\":false,\"restartCount\":0,"
		"\"state\":{\"terminated\":{\"exitCode\":%d,\"finishedAt\":\"%s\"}}}]}}",
		phase, code, now);
	cluster_patch(path, patch);
}

/* The first pending pod, of this index when it is not NULL, ends so. */
static void end_one(const char *index, const char *phase, int code)
{
	auto_json_doc doc = cluster_get(PODS);

	for (struct json_iter it = json_iter(json_get(json_root(doc), "items")); json_next(&it);) {
		struct str its =
			json_str(json_path(it.value, "metadata", "labels",
					   "batch.kubernetes.io/job-completion-index", NULL));

		if (!str_is(json_str(json_path(it.value, "status", "phase", NULL)), "Pending") ||
		    json_path(it.value, "metadata", "deletionTimestamp", NULL) ||
		    (index && !str_is(its, index)))
			continue;
		end_pod(it.value, phase, code);
		return;
	}
	harness_fail(__FILE__, __LINE__, "no pod of index %s is there", index ? index : "any");
}

/* "succeeded/failed/active completedIndexes/failedIndexes condition:reason..." */
static void print_job(struct buf *out)
{
	auto_json_doc doc = cluster_get(JOBS "/j");
	const struct json *status = json_get(json_root(doc), "status");

	buf_add_print(out, "%d/%d/%d", (int)json_int(json_get(status, "succeeded")),
		      (int)json_int(json_get(status, "failed")),
		      (int)json_int(json_get(status, "active")));
	if (json_get(status, "completedIndexes") || json_get(status, "failedIndexes"))
		buf_add_print(out, " " STR_FMT "/" STR_FMT,
			      STR_ARG(json_str(json_get(status, "completedIndexes"))),
			      STR_ARG(json_str(json_get(status, "failedIndexes"))));
	for (struct json_iter it = json_iter(json_get(status, "conditions")); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "status")), "True"))
			buf_add_print(out, " " STR_FMT ":" STR_FMT,
				      STR_ARG(json_str(json_get(it.value, "type"))),
				      STR_ARG(json_str(json_get(it.value, "reason"))));
}

static bool job_is(const void *of)
{
	auto_buf text = BUF_INIT;

	print_job(&text);
	return strcmp(buf_text(&text), of) == 0;
}

static void expect(const char *wanted)
{
	auto_buf text = BUF_INIT;

	if (cluster_await(job_is, wanted))
		return;
	print_job(&text);
	harness_fail(__FILE__, __LINE__, "\"%s\" instead of \"%s\"", buf_text(&text), wanted);
}

static bool pods_are(const void *of)
{
	return count_pods("Pending") == *(const size_t *)of;
}

static void expect_pods(size_t wanted)
{
	if (!cluster_await(pods_are, &wanted))
		harness_fail(__FILE__, __LINE__, "%zu pods instead of %zu", count_pods("Pending"),
			     wanted);
}

/* Goal: failed pods come again after 10, then 20 seconds; after too many it is over. */
static void backs_off(void)
{
	cluster_start(NULL);
	create("\"backoffLimit\":2");
	expect_pods(1);
	end_one(NULL, "Failed", 1);
	expect("0/1/0");
	cluster_pass_time(7);
	CHECK_INT(count_pods("Pending"), 0);
	cluster_pass_time(5);
	expect_pods(1);
	end_one(NULL, "Failed", 1);
	expect("0/2/0");
	cluster_pass_time(15);
	CHECK_INT(count_pods("Pending"), 0);
	cluster_pass_time(8);
	expect_pods(1);
	end_one(NULL, "Failed", 1);
	expect("0/3/0 FailureTarget:BackoffLimitExceeded Failed:BackoffLimitExceeded");
	cluster_stop();
}

/* Goal: an index fails for itself, its failures are handed on, and the others go on. */
static void fails_by_index(void)
{
	cluster_start(NULL);
	create("\"completionMode\":\"Indexed\",\"completions\":2,\"parallelism\":2,"
	       "\"backoffLimitPerIndex\":1");
	expect_pods(2);
	end_one("0", "Failed", 1);
	cluster_settle(200);
	CHECK_INT(count_pods("Pending"), 1);
	cluster_pass_time(12);
	expect_pods(2);
	end_one("0", "Failed", 1);
	expect("0/2/1 /0");
	end_one("1", "Succeeded", 0);
	expect("1/2/0 1/0 FailureTarget:FailedIndexes Failed:FailedIndexes");
	cluster_stop();
}

/* Goal: an ignored failure does not count, a fatal one ends the job and all its pods. */
static void follows_the_policy(void)
{
	cluster_start(NULL);
	create("\"parallelism\":2,\"completions\":2,\"backoffLimit\":0,\"podFailurePolicy\":{"
	       "\"rules\":[{\"action\":\"Ignore\",\"onExitCodes\":{\"operator\":\"In\",\"values\":["
	       "7]}},{\"action\":\"FailJob\",\"onExitCodes\":{\"operator\":\"In\",\"values\":[42]}}"
	       "]}");
	expect_pods(2);
	end_one(NULL, "Failed", 7);
	expect("0/0/1");
	cluster_pass_time(12);
	expect_pods(2);
	end_one(NULL, "Failed", 42);
	expect("0/2/0 FailureTarget:PodFailurePolicy Failed:PodFailurePolicy");
	cluster_stop();
}

/* Goal: with fewer completions indexes beyond them go; with more there are new ones. */
static void is_elastic(void)
{
	cluster_start(NULL);
	create("\"completionMode\":\"Indexed\",\"completions\":3,\"parallelism\":3");
	expect_pods(3);
	end_one("0", "Succeeded", 0);
	expect("1/0/2 0/");
	cluster_patch(JOBS "/j", "{\"spec\":{\"completions\":2,\"parallelism\":2}}");
	expect("1/0/1 0/");
	cluster_patch(JOBS "/j", "{\"spec\":{\"completions\":4,\"parallelism\":4}}");
	expect("1/0/3 0/");
	for (int i = 1; i < 4; i++) {
		char index[2] = { (char)('0' + i), '\0' };

		end_one(index, "Succeeded", 0);
	}
	expect("4/0/0 0-3/ SuccessCriteriaMet:CompletionsReached Complete:CompletionsReached");
	cluster_stop();
}

/* Goal: without a number of completions the first success decides, once all have ended. */
static void works_a_queue(void)
{
	cluster_start(NULL);
	create("\"parallelism\":3");
	expect_pods(3);
	end_one(NULL, "Succeeded", 0);
	expect("1/0/2");
	end_one(NULL, "Succeeded", 0);
	end_one(NULL, "Succeeded", 0);
	expect("3/0/0 SuccessCriteriaMet:CompletionsReached Complete:CompletionsReached");
	cluster_stop();
}

/* Goal: every pod is counted once, wherever the server is stopped on the way. */
static void survives_restarts(void)
{
	cluster_start(NULL);
	create("\"completions\":6,\"parallelism\":6");
	expect_pods(6);
	for (int i = 0; i < 6; i++) {
		end_one(NULL, "Succeeded", 0);
		cluster_settle(i * 2);
		cluster_stop();
		cluster_start(NULL);
	}
	expect("6/0/0 SuccessCriteriaMet:CompletionsReached Complete:CompletionsReached");
	CHECK_INT(count_pods("Succeeded"), 6);
	cluster_stop();
}

static bool no_finalizers(const void *of)
{
	auto_json_doc doc = cluster_get(PODS);

	(void)of;
	for (struct json_iter it = json_iter(json_get(json_root(doc), "items")); json_next(&it);)
		if (json_count(json_path(it.value, "metadata", "finalizers", NULL)) > 0)
			return false;
	return true;
}

/* Goal: pods of a job that goes are let go, finished or not. */
static void lets_pods_go(void)
{
	cluster_start(NULL);
	create("\"parallelism\":2,\"completions\":2");
	expect_pods(2);
	end_one(NULL, "Succeeded", 0);
	expect("1/0/1");
	CHECK(!no_finalizers(NULL));
	cluster_call("DELETE", JOBS "/j", "{\"propagationPolicy\":\"Orphan\"}", NULL);
	CHECK(cluster_await(no_finalizers, NULL));
	cluster_stop();
}

static bool is_gone(const void *of)
{
	(void)of;
	return !cluster_has(JOBS "/j");
}

/* Goal: it goes when its time after the end is over, and not before. */
static void goes_in_time(void)
{
	cluster_start(NULL);
	create("\"ttlSecondsAfterFinished\":60");
	expect_pods(1);
	end_one(NULL, "Succeeded", 0);
	expect("1/0/0 SuccessCriteriaMet:CompletionsReached Complete:CompletionsReached");
	cluster_pass_time(50);
	CHECK(cluster_has(JOBS "/j"));
	cluster_pass_time(12);
	CHECK(cluster_await(is_gone, NULL));
	cluster_stop();
}

static const struct test tests[] = {
	{ "backs off", backs_off, .time_limit_s = 60 },
	{ "fails by index", fails_by_index, .time_limit_s = 60 },
	{ "follows the policy", follows_the_policy, .time_limit_s = 60 },
	{ "is elastic", is_elastic, .time_limit_s = 30 },
	{ "works a queue", works_a_queue, .time_limit_s = 30 },
	{ "survives restarts", survives_restarts, .time_limit_s = 60 },
	{ "lets pods go", lets_pods_go, .time_limit_s = 30 },
	{ "goes in time", goes_in_time, .time_limit_s = 60 },
};
TEST_MAIN(tests)
