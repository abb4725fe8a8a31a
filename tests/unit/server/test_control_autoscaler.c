/*
 * test_control_autoscaler.c - an autoscaler in a whole control plane: limits and conditions.
 */
#include "api/object.h"
#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

#define SETS "/apis/apps/v1/namespaces/default/replicasets"
#define HPAS "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
#define PODS "/api/v1/namespaces/default/pods"
#define TARGET                                                                                     \
	"\"scaleTargetRef\":{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"s\"}"

static void start_set(int replicas)
{
	auto_free char *body = memory_print(
		"{\"metadata\":{\"name\":\"s\"},\"spec\":{\"replicas\":%d,\"selector\":{"
		"\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{\"a\":"
		"\"b\"}},"
		"\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"b\",\"resources\":{"
		"\"requests\":"
		"{\"cpu\":\"1\"}}}]}}}}",
		replicas);

	cluster_start(NULL);
	cluster_create(SETS, body);
	cluster_settle(200);
}

static int64_t replicas(void)
{
	auto_json_doc doc = cluster_get(SETS "/s");

	return json_int(json_path(json_root(doc), "spec", "replicas", NULL));
}

static void check_condition(const char *type, const char *status, const char *reason)
{
	auto_json_doc doc = cluster_get(HPAS "/h");
	const struct json *condition = meta_condition(json_root(doc), str_of(type));
	auto_free char *have = str_copy(json_str(json_get(condition, "reason")));

	CHECK(str_is(json_str(json_get(condition, "status")), status));
	CHECK_STR(have, reason);
}

/* Goal: the limits of the spec need no figures; a target that is switched off stays so. */
static void limits(void)
{
	start_set(1);
	cluster_create(HPAS, "{\"metadata\":{\"name\":\"h\"},\"spec\":{" TARGET
			     ",\"minReplicas\":2,\"maxReplicas\":3}}");
	cluster_settle(300);
	CHECK_INT(replicas(), 2);
	check_condition("AbleToScale", "True", "SucceededRescale");
	cluster_patch(HPAS "/h", "{\"spec\":{\"minReplicas\":1,\"maxReplicas\":1}}");
	cluster_settle(300);
	CHECK_INT(replicas(), 1);
	cluster_patch(SETS "/s", "{\"spec\":{\"replicas\":0}}");
	cluster_pass_time(20);
	CHECK_INT(replicas(), 0);
	check_condition("ScalingActive", "False", "ScalingDisabled");
	cluster_stop();
}

/* Goal: without figures nothing changes, and the reason is told. */
static void no_figures(void)
{
	start_set(4);
	cluster_create(HPAS,
		       "{\"metadata\":{\"name\":\"h\"},\"spec\":{" TARGET ",\"maxReplicas\":30}}");
	cluster_settle(300);
	check_condition("AbleToScale", "True", "SucceededGetScale");
	check_condition("ScalingActive", "False", "FailedGetResourceMetric");
	cluster_pass_time(40);
	CHECK_INT(replicas(), 4);
	cluster_stop();
}

static const struct test tests[] = {
	{ "limits", limits, .time_limit_s = 60 },
	{ "no figures", no_figures, .time_limit_s = 60 },
};
TEST_MAIN(tests)
