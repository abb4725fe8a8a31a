/*
 * test_pod_warnings.c - what writers of good objects are told beside the answer.
 */
#include "api/pod_warnings.h"

#include "tests/unit/harness.h"

/* A pod's lines, each with its end. */
static void check_warnings(const char *text, const char *lines)
{
	auto_json_doc doc = NULL;
	auto_buf warnings = BUF_INIT;
	struct error err;
	struct kind_work work = { .subresource = "", .warnings = &warnings };

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	work.doc = doc;
	work.object = json_root(doc);
	pod_warnings(&work, json_root(doc), "");
	CHECK_STR(buf_text(&warnings), lines);
}

/* Goal: old names of labels and annotations have newer ones. */
static void tells_of_old_names(void)
{
	check_warnings(
		"{\"metadata\":{\"annotations\":{\"scheduler.alpha.kubernetes.io/critical-pod\":"
		"\"\",\"container.apparmor.security.beta.kubernetes.io/c\":\"unconfined\"}},"
		"\"spec\":{\"nodeSelector\":{\"beta.kubernetes.io/arch\":\"arm\"}}}",
		"spec.nodeSelector[beta.kubernetes.io/arch]: deprecated since v1.14; use "
		"\"kubernetes.io/arch\" instead\n"
		"metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: "
		"non-functional in v1.16+; use the \"priorityClassName\" field instead\n"
		"metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: "
		"deprecated since v1.30; use the \"appArmorProfile\" field instead");
	check_warnings("{\"spec\":{\"topologySpreadConstraints\":[{\"topologyKey\":"
		       "\"failure-domain.beta.kubernetes.io/zone\"}]}}",
		       "spec.topologySpreadConstraints[0].topologyKey: "
		       "failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "
		       "\"topology.kubernetes.io/zone\" instead\n"
		       "spec.topologySpreadConstraints[0].labelSelector: a null labelSelector "
		       "results in matching no pod");
}

/* Goal: a policy for lost pods that would be ignored is told. */
static void tells_of_policies(void)
{
	check_warnings("{\"metadata\":{\"annotations\":{\"mote.dev/lost-after\":\"some day\","
		       "\"mote.dev/stop-after\":\"never\",\"mote.dev/replace\":\"yes\","
		       "\"mote.dev/reconcile\":\"keep\"}}}",
		       "metadata.annotations[mote.dev/lost-after]: is ignored, it must be a "
		       "duration such as 10m, or never\n"
		       "metadata.annotations[mote.dev/stop-after]: is ignored, it must be a "
		       "duration such as 10m\n"
		       "metadata.annotations[mote.dev/replace]: is ignored, it must be true or "
		       "false\n"
		       "metadata.annotations[mote.dev/reconcile]: is ignored, it must be "
		       "keepOriginal, keepReplacement or longestRunning");
	check_warnings("{\"metadata\":{\"annotations\":{\"mote.dev/lost-after\":\"never\","
		       "\"mote.dev/stop-after\":\"1h30m\",\"mote.dev/replace\":\"true\","
		       "\"mote.dev/reconcile\":\"longestRunning\"}}}",
		       "");
}

/* Goal: what is hidden, doubled or cut is told. */
static void tells_of_containers(void)
{
	check_warnings(
		"{\"spec\":{\"terminationGracePeriodSeconds\":-1,\"volumes\":[{\"name\":\"v\","
		"\"gitRepo\":{}}],\"imagePullSecrets\":[{}],\"containers\":[{\"env\":[{\"name\":"
		"\"A\"},{\"name\":\"B\"},{\"name\":\"A\"}],\"ports\":[{\"containerPort\":1},"
		"{\"containerPort\":1}],\"resources\":{\"limits\":{\"memory\":\"100m\"}}}]}}",
		"spec.imagePullSecrets[0].name: invalid empty name \"\"\n"
		"spec.volumes[0].gitRepo: deprecated in v1.11\n"
		"spec.containers[0].resources.limits[memory]: fractional byte value \"100m\" "
		"is invalid, must be an integer\n"
		"spec.containers[0].env[2]: hides previous definition of \"A\", which may be "
		"dropped when using apply\n"
		"spec.containers[0].ports[1]: duplicate port definition with "
		"spec.containers[0].ports[0]\n"
		"spec.terminationGracePeriodSeconds: must be >= 0; negative values are "
		"invalid and will be treated as 1");
	check_warnings("{\"spec\":{\"containers\":[{\"env\":[{\"name\":\"A\"}]}]}}", "");
}

static const struct test tests[] = {
	{ "tells of old names", tells_of_old_names },
	{ "tells of policies", tells_of_policies },
	{ "tells of containers", tells_of_containers },
};
TEST_MAIN(tests)
