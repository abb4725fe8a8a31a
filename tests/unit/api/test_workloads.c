/*
 * test_workloads.c - kinds that make pods, and those that bound them: defaults, what the server
 * sets, what a status may say, the old face of autoscalers, schedules, lists of indexes.
 *
 * Bad specs are in tests/objects/ *.bad, rows in *.cells.
 */
#include "api/cron.h"
#include "api/face.h"
#include "api/time_zones.h"
#include "api/validate_job.h"
#include "tests/unit/api/rules.h"
#include "tests/unit/harness.h"

#define POD(more)  "\"spec\":{" more "\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}"
#define META(name) "\"metadata\":{\"name\":\"" name "\",\"namespace\":\"default\",\"uid\":\"u1\"}"
#define TEMPLATE                                                                                   \
	"\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{"    \
	"\"a\":\"b\"}}," POD("") "}"

static const char deployment[] =
	"{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\"," META("web") ",\"spec\":{" TEMPLATE
									   "}}";
static const char daemonset[] =
	"{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\"," META("log") ",\"spec\":{" TEMPLATE
									  "}}";
static const char statefulset[] = "{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\"," META(
	"db") ",\"spec\":{" TEMPLATE
	      ",\"volumeClaimTemplates\":[{\"metadata\":{\"name\":\"disk\"},\"spec\":{}}]}}";
#define JOB(spec, more)                                                                            \
	"{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\"," META(                                     \
		"pi") ",\"spec\":{" spec                                                           \
		      "\"template\":{" POD("\"restartPolicy\":\"Never\",") "}}" more "}"

/* --- defaults --- */

static void fills_sets(void)
{
	rules_check_value(deployment, NULL, "spec.replicas", "1");
	rules_check_value(deployment, NULL, "spec.strategy",
			  "{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxUnavailable\":"
			  "\"25%\",\"maxSurge\":\"25%\"}}");
	rules_check_value(deployment, NULL, "spec.revisionHistoryLimit", "10");
	rules_check_value(deployment, NULL, "spec.progressDeadlineSeconds", "600");
	rules_check_value(deployment, NULL, "status", "{}");
	rules_check_value(daemonset, NULL, "spec.updateStrategy",
			  "{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxUnavailable\":1,"
			  "\"maxSurge\":0}}");
	rules_check_value(daemonset, NULL, "metadata.annotations",
			  "{\"deprecated.daemonset.template.generation\":\"1\"}");
	rules_check_value(statefulset, NULL, "spec.podManagementPolicy", "\"OrderedReady\"");
	rules_check_value(statefulset, NULL, "spec.updateStrategy",
			  "{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"partition\":0}}");
	rules_check_value(statefulset, NULL, "spec.persistentVolumeClaimRetentionPolicy",
			  "{\"whenDeleted\":\"Retain\",\"whenScaled\":\"Retain\"}");
	rules_check_value(statefulset, NULL, "metadata.labels", "{\"a\":\"b\"}");
	rules_check_value(statefulset, NULL, "spec.volumeClaimTemplates.0",
			  "{\"metadata\":{\"name\":\"disk\"},\"spec\":{\"volumeMode\":"
			  "\"Filesystem\"},\"kind\":\"PersistentVolumeClaim\",\"apiVersion\":"
			  "\"v1\",\"status\":{\"phase\":\"Pending\"}}");
}

/* A changed template is counted, whatever the writer says. */
static void counts_templates(void)
{
	auto_buf kept = BUF_INIT;
	auto_buf errors = BUF_INIT;
	auto_buf changed = BUF_INIT;
	struct str rest;

	rules_run(daemonset, NULL, &kept, &errors);
	CHECK_STR(buf_text(&errors), "");
	rest = buf_str(&kept);
	buf_add_str(&changed, str_from(rest.at, (size_t)str_search(rest, STR("\"image\":\"i\""))));
	buf_add_text(&changed, "\"image\":\"j\"");
	rest = str_from(rest.at + changed.len, rest.len - changed.len);
	buf_add_str(&changed, rest);
	rules_check_value(buf_text(&changed), buf_text(&kept), "metadata.annotations",
			  "{\"deprecated.daemonset.template.generation\":"
			  "\"2\"}");
	rules_check_value(buf_text(&kept), buf_text(&kept), "metadata.annotations",
			  "{\"deprecated.daemonset.template.generation\":"
			  "\"1\"}");
}

#define LABELS                                                                                     \
	"{\"batch.kubernetes.io/controller-uid\":\"u1\",\"batch.kubernetes.io/job-name\":\"pi\","  \
	"\"controller-uid\":\"u1\",\"job-name\":\"pi\"}"

static void fills_jobs(void)
{
	static const char indexed[] = JOB("\"completionMode\":\"Indexed\",\"completions\":3,"
					  "\"backoffLimitPerIndex\":1,",
					  "");
	static const char policy[] = JOB("\"podFailurePolicy\":{\"rules\":[{\"action\":\"Ignore\","
					 "\"onPodConditions\":[{\"type\":\"A\"}]}]},",
					 "");
	static const char many[] = JOB("\"parallelism\":4,", "");

	rules_check_value(JOB("", ""), NULL, "spec.completions", "1");
	rules_check_value(JOB("", ""), NULL, "spec.parallelism", "1");
	rules_check_value(JOB("", ""), NULL, "spec.backoffLimit", "6");
	rules_check_value(JOB("", ""), NULL, "spec.suspend", "false");
	rules_check_value(JOB("", ""), NULL, "spec.podReplacementPolicy",
			  "\"TerminatingOrFailed\"");
	rules_check_value(many, NULL, "spec.completions", "");
	rules_check_value(indexed, NULL, "spec.parallelism", "1");
	rules_check_value(indexed, NULL, "spec.backoffLimit", "2147483647");
	rules_check_value(policy, NULL, "spec.podReplacementPolicy", "\"Failed\"");
	rules_check_value(policy, NULL, "spec.podFailurePolicy.rules.0.onPodConditions.0.status",
			  "\"True\"");
}

static void makes_selectors(void)
{
	static const char manual[] = "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\"," META(
		"pi") ",\"spec\":{\"manualSelector\":true,\"selector\":{\"matchLabels\":{"
		      "\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}}"
		      "," POD("\"restartPolicy\":\"Never\",") "}}}";

	rules_check(JOB("", ""), NULL, "");
	rules_check_value(JOB("", ""), NULL, "spec.selector.matchLabels",
			  "{\"batch.kubernetes.io/controller-uid\":\"u1\"}");
	rules_check_value(JOB("", ""), NULL, "spec.template.metadata.labels", LABELS);
	rules_check_value(JOB("", ""), NULL, "metadata.labels", LABELS);
	rules_check_value(manual, NULL, "spec.selector.matchLabels", "{\"a\":\"b\"}");
	rules_check_value(manual, NULL, "spec.template.metadata.labels", "{\"a\":\"b\"}");
}

static void fills_cronjobs(void)
{
	static const char text[] = "{\"apiVersion\":\"batch/v1\",\"kind\":\"CronJob\"," META(
		"tick") ",\"spec\":{\"schedule\":\"@daily\",\"jobTemplate\":{\"spec\":{"
			"\"template\":{" POD("\"restartPolicy\":\"Never\",") "}}}}}";

	rules_check_value(text, NULL, "spec.concurrencyPolicy", "\"Allow\"");
	rules_check_value(text, NULL, "spec.successfulJobsHistoryLimit", "3");
	rules_check_value(text, NULL, "spec.failedJobsHistoryLimit", "1");
	rules_check_value(text, NULL, "spec.suspend", "false");
	/* A template is no job yet. */
	rules_check_value(text, NULL, "spec.jobTemplate.spec.backoffLimit", "");
	rules_check_value(text, NULL, "spec.jobTemplate.spec.completionMode", "");
	rules_check_value(text, NULL,
			  "spec.jobTemplate.spec.template.spec.containers.0.imagePullPolicy",
			  "\"Always\"");
}

#define HPA(version, annotations, spec)                                                            \
	"{\"apiVersion\":\"autoscaling/" version "\",\"kind\":\"HorizontalPodAutoscaler\","        \
	"\"metadata\":{\"name\":\"web\",\"namespace\":\"default\"" annotations                     \
	"},\"spec\":{\"scaleTargetRef\":{\"kind\":\"Deployment\",\"name\":\"web\"},"               \
	"\"maxReplicas\":5" spec "}}"

static void fills_autoscalers(void)
{
	rules_check_value(HPA("v2", "", ""), NULL, "spec.minReplicas", "1");
	rules_check_value(HPA("v2", "", ""), NULL, "spec.metrics",
			  "[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"target\":{"
			  "\"type\":\"Utilization\",\"averageUtilization\":80}}}]");
	rules_check_value(HPA("v2", "", ""), NULL, "spec.behavior", "");
	rules_check_value(
		HPA("v2", "", ",\"behavior\":{}"), NULL, "spec.behavior",
		"{\"scaleUp\":{\"stabilizationWindowSeconds\":0,\"selectPolicy\":\"Max\","
		"\"policies\":[{\"type\":\"Pods\",\"value\":4,\"periodSeconds\":15},{\"type\":"
		"\"Percent\",\"value\":100,\"periodSeconds\":15}]},\"scaleDown\":{\"selectPolicy\":"
		"\"Max\",\"policies\":[{\"type\":\"Percent\",\"value\":100,\"periodSeconds\":15}]"
		"}}");
}

/* --- the old face --- */

static void check_kept(const char *text, const char *path, const char *value)
{
	const struct kind *face =
		kind_find_name(STR("autoscaling/v1"), STR("HorizontalPodAutoscaler"));
	auto_json_doc doc = NULL;
	auto_buf kept = BUF_INIT;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	face_to_kept(face, doc);
	json_print(json_root(doc), &kept);
	rules_check(buf_text(&kept), NULL, "");
	rules_check_value(buf_text(&kept), NULL, path, value);
}

static void keeps_old_face(void)
{
	static const char rich[] =
		HPA("v1",
		    ",\"annotations\":{\"a\":\"b\",\"autoscaling.alpha.kubernetes.io/metrics\":\"[{"
		    "\\\"type\\\":\\\"Pods\\\",\\\"pods\\\":{\\\"metricName\\\":\\\"hits\\\","
		    "\\\"targetAverageValue\\\":\\\"1000m\\\"}}]\","
		    "\"autoscaling.alpha.kubernetes.io/behavior\":\"{\\\"ScaleDown\\\":{"
		    "\\\"StabilizationWindowSeconds\\\":9}}\"}",
		    ",\"targetCPUUtilizationPercentage\":50");
	static const char wrong[] = HPA(
		"v1",
		",\"annotations\":{\"autoscaling.alpha.kubernetes.io/metrics\":\"[{\\\"type\\\":"
		"7}]\",\"autoscaling.alpha.kubernetes.io/behavior\":\"no\"}",
		"");

	check_kept(HPA("v1", "", ",\"targetCPUUtilizationPercentage\":50"), "spec.metrics",
		   "[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"target\":{\"type\":"
		   "\"Utilization\",\"averageUtilization\":50}}}]");
	check_kept(rich, "spec.metrics",
		   "[{\"type\":\"Pods\",\"pods\":{\"metric\":{\"name\":\"hits\"},\"target\":{"
		   "\"averageValue\":\"1\",\"type\":\"AverageValue\"}}},{\"type\":\"Resource\","
		   "\"resource\":{\"name\":\"cpu\",\"target\":{\"type\":\"Utilization\","
		   "\"averageUtilization\":50}}}]");
	check_kept(rich, "spec.behavior.scaleDown.stabilizationWindowSeconds", "9");
	check_kept(rich, "metadata.annotations", "{\"a\":\"b\"}");
	/* What is not understood is as if it was not there. */
	check_kept(wrong, "spec.metrics.0.resource.target.averageUtilization", "80");
	check_kept(wrong, "spec.behavior", "");
}

/* Every sort of metric comes back as it went. */
static void gives_old_face(void)
{
	static const char kept[] = HPA(
		"v2", "",
		",\"metrics\":[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"target\":{"
		"\"type\":\"Utilization\",\"averageUtilization\":50}}},{\"type\":\"External\","
		"\"external\":{\"metric\":{\"name\":\"q\",\"selector\":{\"matchLabels\":{\"a\":"
		"\"b\"}}},\"target\":{\"type\":\"AverageValue\",\"averageValue\":\"7\"}}},{"
		"\"type\":\"Object\",\"object\":{\"describedObject\":{\"kind\":\"S\",\"name\":"
		"\"s\"},\"metric\":{\"name\":\"m\"},\"target\":{\"type\":\"Value\",\"value\":\"3\"}"
		"}},{\"type\":\"ContainerResource\",\"containerResource\":{\"name\":\"memory\","
		"\"container\":\"c\",\"target\":{\"type\":\"Utilization\",\"averageUtilization\":"
		"5}}}]");
	const struct kind *face =
		kind_find_name(STR("autoscaling/v1"), STR("HorizontalPodAutoscaler"));
	auto_json_doc doc = NULL;
	auto_buf metrics = BUF_INIT;
	const struct json *spec;
	struct error err;

	CHECK_OK(json_parse(str_of(kept), &doc, NULL, &err), &err);
	face_from_kept(face, doc);
	spec = json_get(json_root(doc), "spec");
	CHECK_INT(json_int(json_get(spec, "targetCPUUtilizationPercentage")), 50);
	CHECK(json_get(spec, "metrics") == NULL);
	face_to_kept(face, doc);
	/* The use of processors is last: the others came from the annotation. */
	json_print(json_path(json_root(doc), "spec", "metrics", NULL), &metrics);
	CHECK_STR(
		buf_text(&metrics),
		"[{\"type\":\"External\",\"external\":{\"metric\":{\"name\":\"q\",\"selector\":{"
		"\"matchLabels\":{\"a\":\"b\"}}},\"target\":{\"averageValue\":\"7\",\"type\":"
		"\"AverageValue\"}}},{\"type\":\"Object\",\"object\":{\"describedObject\":{"
		"\"kind\":\"S\",\"name\":\"s\"},\"metric\":{\"name\":\"m\"},\"target\":{\"value\":"
		"\"3\",\"type\":\"Value\"}}},{\"type\":\"ContainerResource\","
		"\"containerResource\":{\"name\":\"memory\",\"target\":{\"averageUtilization\":5,"
		"\"type\":\"Utilization\"},\"container\":\"c\"}},{\"type\":\"Resource\","
		"\"resource\":{\"name\":\"cpu\",\"target\":{\"type\":\"Utilization\","
		"\"averageUtilization\":50}}}]");
}

/* --- texts --- */

static void checks_schedules(void)
{
	static const char *const good[] = {
		"* * * * *",        "0 0 29 feb *", "1,2,3-5 */2 ? JAN sun",
		" 0\t0 1 1 0 ",     "@yearly",      "@annually",
		"@monthly",         "@weekly",      "@daily",
		"@midnight",        "@hourly",      "@every 90s",
		"TZ=UTC 0 0 * * *", "+5 * * * *"
	};
	auto_arena arena = arena_new();

	for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
		CHECK(cron_check(str_of(good[i]), arena) == NULL);
	CHECK_STR(cron_check(STR(""), arena), "empty spec string");
	CHECK_STR(cron_check(STR("   "), arena), "expected exactly 5 fields, found 0: []");
	CHECK(cron_check(STR("TZ=UTC"), arena) != NULL);
}

static void knows_zones(void)
{
	static const char *const zones[] = { "Africa/Abidjan", "UTC", "Zulu", "Europe/Berlin" };

	for (size_t i = 0; i < ARRAY_LENGTH(zones); i++)
		CHECK(time_zone_known(str_of(zones[i])));
	CHECK(!time_zone_known(STR("Europe")));
	CHECK(!time_zone_known(STR("Europe/berlin")));
	CHECK(!time_zone_known(STR("")));
	CHECK(!time_zone_known(STR("zzz")));
}

static void counts_indexes(void)
{
	auto_arena arena = arena_new();
	const char *why = "";

	CHECK_INT(job_count_indexes(STR(""), 5, arena, &why), 0);
	CHECK_INT(job_count_indexes(STR("0,2-4"), 5, arena, &why), 4);
	CHECK_INT(job_count_indexes(STR("0-0"), 5, arena, &why), -1);
	CHECK_INT(job_count_indexes(STR(","), 5, arena, &why), -1);
	CHECK_STR(why, "cannot convert string to integer for index: \"\"");
	CHECK_INT(job_count_indexes(STR("1,1"), 5, arena, &why), -1);
	CHECK_STR(why, "non-increasing order, previous: 1, current: 1");
	CHECK_INT(job_shared_index(STR("0-3,7"), STR("4-6,8"), 10), -1);
	CHECK_INT(job_shared_index(STR("0-3,7"), STR("4,6-8"), 10), 7);
	CHECK_INT(job_shared_index(STR("x,2"), STR("2"), 10), 2);
	CHECK_INT(job_shared_index(STR(""), STR("2"), 10), -1);
}

/* Goal: a patch may take the whole template away; that is told, and nothing falls. */
static void job_without_template(void)
{
	const char *job =
		"{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\"j\","
		"\"namespace\":\"n\",\"uid\":\"u\"},\"spec\":{\"suspend\":true,\"template\":{"
		"\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"c\","
		"\"image\":\"i\"}]}}}}";
	const char *bare =
		"{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\"j\","
		"\"namespace\":\"n\",\"uid\":\"u\"},\"spec\":{\"suspend\":true}}";
	auto_buf object = BUF_INIT, errors = BUF_INIT;

	rules_run(bare, job, &object, &errors);
	CHECK(strstr(buf_text(&errors), "spec.template: "));
}

static const struct test tests[] = {
	{ "sets have their defaults", fills_sets },
	{ "a daemon set counts its templates", counts_templates },
	{ "jobs have their defaults", fills_jobs },
	{ "a job's selector is its own", makes_selectors },
	{ "cron jobs have their defaults, their template has none", fills_cronjobs },
	{ "autoscalers have their defaults", fills_autoscalers },
	{ "job without template", job_without_template },
	{ "autoscaling/v1 is kept as v2", keeps_old_face },
	{ "autoscaling/v1 is shown from v2, and back", gives_old_face },
	{ "schedules", checks_schedules },
	{ "time zones", knows_zones },
	{ "lists of indexes", counts_indexes },
};
TEST_MAIN(tests)
