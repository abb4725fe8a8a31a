/*
 * test_static_pods.c - what a file becomes, and what it may not say.
 */
#include "agent/static_pods.h"

#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

static const struct node node = { .name = "edge-1" };

static struct json_doc *read_pod(const char *text, struct error *err)
{
	struct json_doc *doc;

	return static_pod_read(&node, "/m/a.yaml", str_of(text), &doc, err) ? doc : NULL;
}

#define POD "apiVersion: v1\nkind: Pod\nmetadata: {name: web, annotations: {own: x}}\nspec:\n"

static void a_file_becomes_a_pod(void)
{
	static const char text[] = POD "  containers: [{name: a, image: 'web:1'}]\n";
	struct error err;
	auto_json_doc doc = read_pod(text, &err);
	auto_json_doc again = read_pod(text, &err);
	auto_json_doc other = read_pod(POD "  containers: [{name: a, image: 'web:2'}]\n", &err);
	const struct json *pod = json_root(doc), *spec = json_get(pod, "spec");

	CHECK(doc && again && other);
	CHECK(str_is(meta_str(pod, "name"), "web-edge-1"));
	CHECK(str_is(meta_str(pod, "namespace"), "default"));
	CHECK(str_is(meta_annotation(pod, STATIC_SOURCE), "file"));
	CHECK(str_is(meta_annotation(pod, "own"), "x"));
	CHECK(str_equal(meta_annotation(pod, STATIC_HASH), meta_str(pod, "uid")));
	CHECK(static_pod_is(pod));
	CHECK(!static_pod_is_mirror(pod));
	CHECK(str_is(json_str(json_get(spec, "nodeName")), "edge-1"));
	CHECK(str_is(json_str(json_get(spec, "restartPolicy")), "Always"));
	CHECK(str_is(json_str(json_get(spec, "dnsPolicy")), "ClusterFirst"));
	CHECK_INT(json_int(json_get(spec, "terminationGracePeriodSeconds")), 30);
	CHECK(str_equal(meta_str(pod, "uid"), meta_str(json_root(again), "uid")));
	CHECK(!str_equal(meta_str(pod, "uid"), meta_str(json_root(other), "uid")));
}

static void what_a_file_may_not_say(void)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "a: [", "" },
		{ "", "one v1 Pod" },
		{ "[1]", "one v1 Pod" },
		{ "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", "one v1 Pod" },
		{ "apiVersion: apps/v1\nkind: Pod\nmetadata: {name: a}\n", "one v1 Pod" },
		{ "apiVersion: v1\nkind: Pod\nspec: {}\n", "no name" },
		{ POD "  containers: []\n", "spec.containers" },
		{ POD "  serviceAccountName: a\n", "serviceaccounts" },
		{ POD "  imagePullSecrets: [{name: a}]\n", "secrets" },
		{ POD "  volumes: [{name: a, secret: {secretName: b}}]\n", "secrets" },
		{ POD "  volumes: [{name: a, configMap: {name: b}}]\n", "configmaps" },
		{ POD "  volumes: [{name: a, persistentVolumeClaim: {claimName: b}}]\n",
		  "persistentvolumeclaims" },
		{ POD "  volumes: [{name: a, projected: {sources: [{serviceAccountToken: {path: "
		      "b}}]}}]\n",
		  "serviceaccounts" },
		{ POD "  containers: [{name: a, envFrom: [{secretRef: {name: b}}]}]\n", "secrets" },
		{ POD "  initContainers: [{name: a, env: [{name: X, valueFrom: {configMapKeyRef: "
		      "{name: b, key: c}}}]}]\n",
		  "configmaps" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct error err;

		CHECK(!read_pod(rows[i].text, &err));
		if (!strstr(err.text, rows[i].why))
			harness_fail(__FILE__, __LINE__, "%s: %s", rows[i].text, err.text);
	}
}

static const struct test tests[] = {
	{ "a file becomes a pod", a_file_becomes_a_pod },
	{ "what a file may not say", what_a_file_may_not_say },
};

TEST_MAIN(tests)
