/*
 * test_validate.c - the rules of kinds: what is refused, with the real server's words, and what is
 * filled in.
 */
#include "api/validate.h"

#include "tests/unit/api/rules.h"
#include "tests/unit/harness.h"

/* A pod with these fields in its spec and in its only container; kept until the test ends. */
static const char *pod(const char *spec, const char *container)
{
	static struct arena *arena;

	if (!arena)
		arena = arena_new();
	return arena_print(arena,
			   "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},"
			   "\"spec\":{%s%s\"containers\":[{\"name\":\"c\",\"image\":\"i\"%s%s}]}}",
			   spec, *spec ? "," : "", *container ? "," : "", container);
}

/* Goal: a plain pod is fine, and what it must have is asked for. */
static void pods_needs(void)
{
	rules_check(pod("", ""), NULL, "");
	rules_check("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"P\"}}", NULL,
		    "metadata.name: Invalid: \"P\": a lowercase RFC 1123 subdomain must consist of "
		    "lower case alphanumeric characters, '-' or '.', and must start and end with "
		    "an alphanumeric character (e.g. 'example.com', regex used for validation is "
		    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')\n"
		    "spec.containers: Required\n");
	rules_check(pod("\"ephemeralContainers\":[{\"name\":\"e\",\"image\":\"i\"}]", ""), NULL,
		    "spec.ephemeralContainers: Forbidden: cannot be set on create\n");
}

/* Goal: names of ports, containers, volumes and places of mounts come once. */
static void pods_duplicates(void)
{
	rules_check(pod("", "\"ports\":[{\"name\":\"web\",\"containerPort\":1},{\"name\":\"web\","
			    "\"containerPort\":2}]"),
		    NULL, "spec.containers[0].ports[1].name: Duplicate: \"web\"\n");
	rules_check(pod("\"initContainers\":[{\"name\":\"c\",\"image\":\"i\"}]", ""), NULL,
		    "spec.initContainers[0].name: Duplicate: \"c\"\n");
	rules_check(
		pod("\"volumes\":[{\"name\":\"v\"},{\"name\":\"v\"}]",
		    "\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/a\"},{\"name\":\"v\","
		    "\"mountPath\":\"/a\"},{\"name\":\"w\",\"mountPath\":\"/b\"}]"),
		NULL,
		"spec.volumes[1].name: Duplicate: \"v\"\n"
		"spec.containers[0].volumeMounts[1].mountPath: Invalid: \"/a\": must be unique\n"
		"spec.containers[0].volumeMounts[2].name: NotFound: \"w\"\n");
}

/* Goal: no path of a pod leads out of the folder it is taken from. */
static void pods_paths(void)
{
	rules_check(pod("\"securityContext\":{\"seccompProfile\":{\"type\":\"Localhost\","
			"\"localhostProfile\":\"../../etc/x\"}}",
			"\"securityContext\":{\"seccompProfile\":{\"type\":\"Localhost\","
			"\"localhostProfile\":\"/etc/x\"}}"),
		    NULL,
		    "spec.containers[0].securityContext.seccompProfile.localhostProfile: Invalid: "
		    "\"/etc/x\": must be a relative path\n"
		    "spec.securityContext.seccompProfile.localhostProfile: Invalid: "
		    "\"../../etc/x\": must not contain '..'\n");
	rules_check(
		pod("\"volumes\":[{\"name\":\"a\",\"secret\":{\"secretName\":\"s\",\"items\":[{"
		    "\"key\":\"k\",\"path\":\"../x\"},{\"key\":\"k\",\"path\":\"/x\"},{\"key\":"
		    "\"k\",\"path\":\"..x\"},{\"path\":\"ok\",\"mode\":512}]}}]",
		    ""),
		NULL,
		"spec.volumes[0].secret.items[0].path: Invalid: \"../x\": must not contain '..'\n"
		"spec.volumes[0].secret.items[1].path: Invalid: \"/x\": must be a relative path\n"
		"spec.volumes[0].secret.items[2].path: Invalid: \"..x\": must not start with "
		"'..'\n"
		"spec.volumes[0].secret.items[3].key: Required\n"
		"spec.volumes[0].secret.items[3].mode: Invalid: 512: must be a number between 0 "
		"and 0777 (octal), both inclusive\n");
	rules_check(
		pod("\"volumes\":[{\"name\":\"b\",\"configMap\":{\"name\":\"m\",\"items\":[{"
		    "\"key\":\"k\",\"path\":\"a/../b\"}]}},{\"name\":\"c\",\"downwardAPI\":{"
		    "\"items\":[{\"path\":\"/d\",\"fieldRef\":{\"fieldPath\":\"metadata.name\"}},{"
		    "\"path\":\"e\"}]}},{\"name\":\"d\",\"hostPath\":{\"path\":\"/a/../b\"}}]",
		    ""),
		NULL,
		"spec.volumes[0].configMap.items[0].path: Invalid: \"a/../b\": must not contain "
		"'..'\n"
		"spec.volumes[1].downwardAPI.path: Invalid: \"/d\": must be a relative "
		"path\n"
		"spec.volumes[1].downwardAPI: Required: one of fieldRef and "
		"resourceFieldRef is required\n"
		"spec.volumes[2].hostPath.path: Invalid: \"/a/../b\": must not contain '..'\n");
	rules_check(
		pod("\"volumes\":[{\"name\":\"v\",\"projected\":{\"sources\":[{\"secret\":{"
		    "\"name\":\"s\",\"items\":[{\"key\":\"k\",\"path\":\"..\"}]}},{"
		    "\"serviceAccountToken\":{\"path\":\"../t\",\"expirationSeconds\":5}}]}}]",
		    "\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\",\"subPath\":\"../"
		    "x\"}]"),
		NULL,
		"spec.volumes[0].projected.sources[0].secret.items[0].path: Invalid: \"..\": must "
		"not contain '..'\n"
		"spec.volumes[0].projected.sources[0].secret.items[0].path: Invalid: \"..\": must "
		"not start with '..'\n"
		"spec.volumes[0].projected.sources[1].serviceAccountToken.expirationSeconds: "
		"Invalid: 5: may not specify a duration less than 10 minutes\n"
		"spec.volumes[0].projected.path: Invalid: \"../t\": must not contain '..'\n"
		"spec.containers[0].volumeMounts[0].name: NotFound: \"v\"\n"
		"spec.containers[0].volumeMounts.subPath: Invalid: \"../x\": must not contain "
		"'..'\n"
		"spec.volumes[0].projected.sources[1].serviceAccountToken: Forbidden: must not be "
		"specified when serviceAccountName is not set\n");
}

/* Goal: a profile's file goes with type Localhost only. */
static void pods_profiles(void)
{
	rules_check(
		pod("\"securityContext\":{\"seccompProfile\":{\"type\":\"Localhost\"},"
		    "\"appArmorProfile\":{\"type\":\"Unconfined\",\"localhostProfile\":\"x\"}}",
		    ""),
		NULL,
		"spec.securityContext.seccompProfile.localhostProfile: Required: must be set "
		"when seccomp type is Localhost\n"
		"spec.securityContext.appArmorProfile.localhostProfile: Invalid: \"x\": can only "
		"be set when AppArmor type is Localhost\n");
	rules_check(pod("\"securityContext\":{\"seccompProfile\":{\"type\":\"Localhost\","
			"\"localhostProfile\":\"a/b.json\"}}",
			""),
		    NULL, "");
}

/* Goal: tolerations that cannot mean anything are refused. */
static void pods_tolerations(void)
{
	rules_check(
		pod("\"tolerations\":[{\"operator\":\"Exists\"},{\"key\":\"k\",\"value\":\"v\"},{"
		    "\"value\":\"v\"},{\"key\":\"k\",\"operator\":\"Exists\",\"value\":\"v\","
		    "\"effect\":\"NoSchedule\",\"tolerationSeconds\":1},{\"key\":\"k\","
		    "\"operator\":\"Like\",\"effect\":\"Maybe\"}]",
		    ""),
		NULL,
		"spec.tolerations[2].operator: Invalid: \"\": operator must be Exists when `key` "
		"is empty, which means \"match all values and all keys\"\n"
		"spec.tolerations[3].effect: Invalid: \"NoSchedule\": effect must be 'NoExecute' "
		"when `tolerationSeconds` is set\n"
		"spec.tolerations[3].operator: Invalid: \"v\": value must be empty when `operator` "
		"is 'Exists'\n"
		"spec.tolerations[4].operator: Unsupported: \"Like\": supported values: "
		"\"Equal\", \"Exists\"\n"
		"spec.tolerations[4].effect: Unsupported: \"Maybe\": supported values: "
		"\"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"\n");
}

static const struct test tests[] = {
	{ "pods: needs", pods_needs },
	{ "pods: duplicates", pods_duplicates },
	{ "pods: paths", pods_paths },
	{ "pods: profiles", pods_profiles },
	{ "pods: tolerations", pods_tolerations },
};
TEST_MAIN(tests)
