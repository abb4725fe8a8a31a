/*
 * test_stateful.c - names and ordinals of stateful pods, and whole sets where their pods are ready
 * when the test says so.
 */
#include "server/control/stateful.h"

#include <stdio.h>

#include "base/clock.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define PODS   "/api/v1/namespaces/default/pods"
#define CLAIMS "/api/v1/namespaces/default/persistentvolumeclaims"
#define SETS   "/apis/apps/v1/namespaces/default/statefulsets"
#define WEB    SETS "/web"

static void names(void)
{
	static const struct {
		const char *name, *set;
		int64_t ordinal;
	} rows[] = {
		{ "web-0", "web", 0 }, { "a-b-12", "a-b", 12 }, { "web-007", "web", 7 },
		{ "web", NULL, 0 },    { "web-", NULL, 0 },     { "-1", NULL, 0 },
		{ "web-x1", NULL, 0 }, { "1", NULL, 0 },        { "web-9999999999", NULL, 0 },
		{ "", NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct str set = STR_NONE;
		int64_t ordinal = 0;

		CHECK_INT(stateful_parse_name(str_of(rows[i].name), &set, &ordinal),
			  rows[i].set != NULL);
		if (!rows[i].set)
			continue;
		CHECK(str_is(set, rows[i].set));
		CHECK_INT(ordinal, rows[i].ordinal);
	}
}

/* further: fields of the spec, each with a comma behind */
static void create(int replicas, const char *further)
{
	auto_free char *body = memory_print(
		"{\"metadata\":{\"name\":\"web\"},\"spec\":{\"replicas\":%d,%s\"serviceName\":"
		"\"web\",\"selector\":{\"matchLabels\":{\"app\":\"web\"}},\"template\":{"
		"\"metadata\":{\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\":[{\"name\":"
		"\"a\",\"image\":\"one\"}]}}}}",
		replicas, further);

	cluster_create(SETS, body);
	cluster_settle(300);
}

static void patch(const char *spec)
{
	auto_free char *body = memory_print("{\"spec\":%s}", spec);

	cluster_patch(WEB, body);
	cluster_settle(300);
}

static void ready(const char *pod)
{
	auto_free char *path = memory_print(PODS "/%s/status", pod), *body = NULL;
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	body = memory_print("{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":"
			    "\"Ready\",\"status\":\"True\",\"lastTransitionTime\":\"%s\"}]}}",
			    now);
	cluster_patch(path, body);
	cluster_settle(300);
}

static bool has(const char *pod)
{
	auto_free char *path = memory_print(PODS "/%s", pod);

	return cluster_has(path);
}

static const char *image_of(const char *pod)
{
	static char text[32];
	auto_free char *path = memory_print(PODS "/%s", pod);
	auto_json_doc doc = cluster_get(path);
	const struct json *first =
		json_at(json_path(json_root(doc), "spec", "containers", NULL), 0);

	snprintf(text, sizeof(text), STR_FMT, STR_ARG(json_str(json_get(first, "image"))));
	return text;
}

static int64_t status(const char *field)
{
	auto_json_doc doc = cluster_get(WEB);

	return json_int(json_path(json_root(doc), "status", field, NULL));
}

/* Goal: one after the other, each only when the one before has been ready for long enough; down
 * from the last; a failed pod comes again under its name. */
static void in_order(void)
{
	cluster_start(NULL);
	create(3, "\"minReadySeconds\":10,");
	CHECK(has("web-0") && !has("web-1"));
	ready("web-0");
	CHECK(!has("web-1"));
	CHECK_INT(status("readyReplicas"), 1);
	CHECK_INT(status("availableReplicas"), 0);
	cluster_pass_time(12);
	CHECK(has("web-1") && !has("web-2"));
	CHECK_INT(status("availableReplicas"), 1);
	patch("{\"minReadySeconds\":0}");
	ready("web-1");
	ready("web-2");
	CHECK_INT(status("availableReplicas"), 3);
	cluster_patch(PODS "/web-1/status", "{\"status\":{\"phase\":\"Failed\"}}");
	cluster_settle(300);
	CHECK(has("web-1"));
	CHECK_INT(status("readyReplicas"), 2);
	patch("{\"replicas\":1}");
	CHECK(has("web-0") && !has("web-1") && !has("web-2"));
	cluster_stop();
}

/* Goal: all at once, whatever the others are. */
static void parallel(void)
{
	cluster_start(NULL);
	create(20, "\"podManagementPolicy\":\"Parallel\",\"ordinals\":{\"start\":3},");
	CHECK(!has("web-2") && has("web-3") && has("web-22") && !has("web-23"));
	CHECK_INT(status("replicas"), 20);
	patch("{\"replicas\":2}");
	CHECK(has("web-4") && !has("web-5") && !has("web-22"));
	cluster_stop();
}

/* Goal: from the last down to the partition; a pod below it that comes again is an old one; undo
 * goes back to the revision that was. */
static void partition(void)
{
	auto_json_doc doc = NULL;

	cluster_start(NULL);
	create(3, "");
	ready("web-0");
	ready("web-1");
	ready("web-2");
	patch("{\"updateStrategy\":{\"rollingUpdate\":{\"partition\":1}},\"template\":{\"spec\":{"
	      "\"containers\":[{\"name\":\"a\",\"image\":\"two\"}]}}}");
	CHECK_STR(image_of("web-2"), "two");
	CHECK_STR(image_of("web-1"), "one");
	ready("web-2");
	CHECK_STR(image_of("web-1"), "two");
	ready("web-1");
	CHECK_STR(image_of("web-0"), "one");
	cluster_delete(PODS "/web-0?gracePeriodSeconds=0");
	cluster_settle(300);
	CHECK_STR(image_of("web-0"), "one");
	ready("web-0");
	CHECK_INT(status("updatedReplicas"), 2);
	CHECK_INT(status("currentReplicas"), 1);
	patch("{\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"one\"}]}}}");
	doc = cluster_get("/apis/apps/v1/namespaces/default/controllerrevisions");
	CHECK_INT(json_count(json_get(json_root(doc), "items")), 2);
	ready("web-2");
	ready("web-1");
	CHECK_INT(status("updatedReplicas"), 3);
	CHECK_INT(status("currentReplicas"), 3);
	cluster_stop();
}

/* Goal: OnDelete leaves pods to their user. */
static void on_delete(void)
{
	cluster_start(NULL);
	create(1, "\"updateStrategy\":{\"type\":\"OnDelete\"},");
	ready("web-0");
	patch("{\"template\":{\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"two\"}]}}}");
	CHECK_STR(image_of("web-0"), "one");
	cluster_delete(PODS "/web-0?gracePeriodSeconds=0");
	cluster_settle(300);
	CHECK_STR(image_of("web-0"), "two");
	cluster_stop();
}

static const char *owner_of(const char *claim)
{
	static char kinds[64];
	auto_free char *path = memory_print(CLAIMS "/%s", claim);
	auto_json_doc doc = cluster_get(path);

	kinds[0] = '\0';
	for (struct json_iter it = json_iter(json_get(meta_of(json_root(doc)), "ownerReferences"));
	     json_next(&it);)
		snprintf(kinds + strlen(kinds), sizeof(kinds) - strlen(kinds), STR_FMT " ",
			 STR_ARG(json_str(json_get(it.value, "kind"))));
	return kinds;
}

/* Goal: claims are there before their pod, owned as the policy says, and it may be changed. */
static void claims(void)
{
	cluster_start(NULL);
	create(2, "\"podManagementPolicy\":\"Parallel\",\"volumeClaimTemplates\":[{\"metadata\":{"
		  "\"name\":\"d\"},\"spec\":{\"storageClassName\":\"none\",\"accessModes\":["
		  "\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":\"1Mi\"}}}}],");
	CHECK(has("web-0") && cluster_has(CLAIMS "/d-web-0") && cluster_has(CLAIMS "/d-web-1"));
	CHECK_STR(owner_of("d-web-0"), "");
	patch("{\"persistentVolumeClaimRetentionPolicy\":{\"whenDeleted\":\"Delete\"}}");
	CHECK_STR(owner_of("d-web-0"), "StatefulSet ");
	patch("{\"persistentVolumeClaimRetentionPolicy\":{\"whenDeleted\":\"Delete\","
	      "\"whenScaled\":\"Delete\"}}");
	patch("{\"replicas\":1}");
	cluster_settle(1000);
	CHECK(!has("web-1"));
	CHECK(!cluster_has(CLAIMS "/d-web-1"));
	cluster_stop();
}

static const struct test tests[] = {
	{ "names", names },
	{ "in order", in_order, .time_limit_s = 30 },
	{ "parallel", parallel, .time_limit_s = 30 },
	{ "partition", partition, .time_limit_s = 30 },
	{ "on delete", on_delete, .time_limit_s = 30 },
	{ "claims", claims, .time_limit_s = 30 },
};

TEST_MAIN(tests)
