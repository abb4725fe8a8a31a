/*
 * test_control_cronjob.c - cron jobs by a clock that the test moves, also by years.
 */
#include <stdio.h>

#include "base/clock.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define CRONS "/apis/batch/v1/namespaces/default/cronjobs"
#define JOBS  "/apis/batch/v1/namespaces/default/jobs"
#define YEAR  (365 * 86400)

static void create(const char *schedule, const char *more)
{
	auto_free char *body = memory_print(
		"{\"apiVersion\":\"batch/"
		"v1\",\"kind\":\"CronJob\",\"metadata\":{\"name\":\"tick\"},"
		"\"spec\":{\"schedule\":\"%s\"%s,\"jobTemplate\":{\"metadata\":{\"labels\":{\"a\":"
		"\"b\"}},\"spec\":{\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"containers"
		"\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}}}",
		schedule, more);

	cluster_create(CRONS, body);
}

static size_t count(const char *path)
{
	auto_json_doc doc = cluster_get(path);

	return json_count(json_get(json_root(doc), "items"));
}

static bool has_event(const void *of)
{
	auto_json_doc doc = cluster_get("/api/v1/namespaces/default/events");

	for (struct json_iter it = json_iter(json_get(json_root(doc), "items")); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "reason")), of))
			return true;
	return false;
}

static size_t count_events(const char *reason)
{
	auto_json_doc doc = cluster_get("/api/v1/namespaces/default/events");
	size_t found = 0;

	for (struct json_iter it = json_iter(json_get(json_root(doc), "items")); json_next(&it);)
		found += str_is(json_str(json_get(it.value, "reason")), reason);
	return found;
}

static bool jobs_are(const void *of)
{
	return count(JOBS) == *(const size_t *)of;
}

static void expect_jobs(size_t wanted)
{
	if (!cluster_await(jobs_are, &wanted))
		harness_fail(__FILE__, __LINE__, "%zu jobs instead of %zu", count(JOBS), wanted);
}

/* Whatever runs has succeeded. */
static void end_pods(void)
{
	auto_json_doc doc = cluster_get("/api/v1/namespaces/default/pods");

	for (struct json_iter it = json_iter(json_get(json_root(doc), "items")); json_next(&it);) {
		struct str name = json_str(json_path(it.value, "metadata", "name", NULL));
		auto_free char *path = memory_print(
			"/api/v1/namespaces/default/pods/" STR_FMT "/status", STR_ARG(name));

		cluster_patch(path, "{\"status\":{\"phase\":\"Succeeded\"}}");
	}
}

static struct json *first_job(struct json_doc **doc)
{
	*doc = cluster_get(JOBS);
	return json_at(json_get(json_root(*doc), "items"), 0);
}

/* Moves the clock until the job of the next minute is there: a busy machine lets time pass, too. */
static void pass_until_jobs(size_t wanted)
{
	for (int i = 0; i < 62 && count(JOBS) < wanted; i++) {
		clock_shift(1000);
		cluster_settle(4);
	}
	expect_jobs(wanted);
}

/* Goal: a job a minute, named by it, with what the template says; the status follows. */
static void makes_jobs(void)
{
	auto_json_doc jobs = NULL;
	auto_json_doc cron = NULL;
	struct json *job;
	char scheduled[CLOCK_TEXT], name[64];
	int64_t at;

	cluster_start(NULL);
	create("* * * * *", "");
	pass_until_jobs(1);
	cluster_settle(100);
	job = first_job(&jobs);
	cron = cluster_get(CRONS "/tick");
	CHECK(clock_parse(json_str(json_path(json_root(cron), "status", "lastScheduleTime", NULL)),
			  &at, NULL));
	snprintf(name, sizeof(name), "tick-%" PRId64, at / 60);
	clock_print(at, scheduled);
	CHECK(str_is(json_str(json_path(job, "metadata", "name", NULL)), name));
	CHECK(str_is(json_str(json_path(job, "metadata", "labels", "a", NULL)), "b"));
	CHECK(str_is(json_str(json_path(job, "metadata", "annotations",
					"batch.kubernetes.io/cronjob-scheduled-timestamp", NULL)),
		     scheduled));
	CHECK(str_is(json_str(json_path(json_root(cron), "status", "active", NULL)
				      ? json_get(json_at(json_path(json_root(cron), "status",
								   "active", NULL),
							 0),
						 "name")
				      : NULL),
		     name));
	pass_until_jobs(2);
	CHECK_INT(count_events("SuccessfulCreate") >= 2, true);
	CHECK_INT(count_events("UnexpectedJob"), 0);
	cluster_stop();
}

/* Goal: of ended jobs the newest stay, and the last success is told. */
static void keeps_history(void)
{
	auto_json_doc cron = NULL;

	cluster_start(NULL);
	create("* * * * *", ",\"successfulJobsHistoryLimit\":1");
	for (int i = 0; i < 3; i++) {
		cluster_pass_time(61);
		end_pods();
		cluster_settle(100);
	}
	expect_jobs(1);
	CHECK(cluster_await(has_event, "SawCompletedJob"));
	cron = cluster_get(CRONS "/tick");
	CHECK(json_path(json_root(cron), "status", "lastSuccessfulTime", NULL));
	CHECK(!json_path(json_root(cron), "status", "active", NULL));
	cluster_stop();
}

/* Goal: what still runs is waited for, or replaced. */
static void respects_the_policy(void)
{
	cluster_start(NULL);
	create("* * * * *", ",\"concurrencyPolicy\":\"Forbid\"");
	cluster_pass_time(185);
	expect_jobs(1);
	CHECK(cluster_await(has_event, "JobAlreadyActive"));
	CHECK(count_events("JobAlreadyActive") <= 3);
	cluster_patch(CRONS "/tick", "{\"spec\":{\"concurrencyPolicy\":\"Replace\"}}");
	cluster_pass_time(61);
	expect_jobs(1);
	CHECK(cluster_await(has_event, "SuccessfulDelete"));
	cluster_stop();
}

/* Goal: a clock that goes on by years brings one job, not millions; one that goes back none. */
static void survives_clocks(void)
{
	cluster_start(NULL);
	create("* * * * *", "");
	cluster_settle(100);
	clock_shift_wall(3 * YEAR * 1000ll);
	cluster_pass_time(61);
	CHECK(cluster_await(has_event, "TooManyMissedTimes"));
	cluster_settle(200);
	CHECK(count(JOBS) >= 1);
	CHECK(count(JOBS) <= 2);
	clock_shift_wall(-2 * YEAR * 1000ll);
	cluster_pass_time(62);
	CHECK(count(JOBS) <= 3);
	cluster_pass_time(62);
	CHECK(count(JOBS) >= 2);
	cluster_stop();
}

/* Goal: suspended there is nothing; resumed only what the deadline allows. */
static void suspends(void)
{
	cluster_start(NULL);
	create("* * * * *", ",\"suspend\":true,\"startingDeadlineSeconds\":5");
	cluster_pass_time(130);
	expect_jobs(0);
	cluster_patch(CRONS "/tick", "{\"spec\":{\"suspend\":false}}");
	cluster_pass_time(61);
	CHECK(count(JOBS) >= 1);
	CHECK(count(JOBS) <= 2);
	cluster_stop();
}

/* Goal: a zone that this machine has no file of is told by an event; with the file it goes on. */
static void needs_its_zone(void)
{
	setenv("ZONEINFO", harness_folder(), 1);
	cluster_start(NULL);
	create("* * * * *", ",\"timeZone\":\"Europe/Berlin\"");
	CHECK(cluster_await(has_event, "UnknownTimeZone"));
	cluster_pass_time(61);
	expect_jobs(0);
	cluster_stop();
}

/* Goal: a restart makes no job twice, and what was due meanwhile once. */
static void survives_restarts(void)
{
	cluster_start(NULL);
	create("* * * * *", "");
	cluster_pass_time(61);
	expect_jobs(1);
	cluster_stop();
	clock_shift(59000);
	cluster_start(NULL);
	cluster_settle(300);
	expect_jobs(2);
	cluster_stop();
}

static const struct test tests[] = {
	{ "makes jobs", makes_jobs, .time_limit_s = 60 },
	{ "keeps history", keeps_history, .time_limit_s = 60 },
	{ "respects the policy", respects_the_policy, .time_limit_s = 60 },
	{ "survives clocks", survives_clocks, .time_limit_s = 60 },
	{ "suspends", suspends, .time_limit_s = 60 },
	{ "needs its zone", needs_its_zone, .time_limit_s = 30 },
	{ "survives restarts", survives_restarts, .time_limit_s = 60 },
};
TEST_MAIN(tests)
