/*
 * test_kind.c - finding kinds, and what single kinds fill in, keep and refuse.
 */
#include "api/kind.h"

#include "api/face.h"
#include "tests/unit/api/rules.h"
#include "tests/unit/harness.h"

static const char *spec_of(const char *kind_and_spec, const char *spec)
{
	static struct arena *arena;

	if (!arena)
		arena = arena_new();
	return arena_print(arena, "{%s,\"metadata\":{\"name\":\"x\"},%s}", kind_and_spec, spec);
}

static const char *pod(const char *spec)
{
	return spec_of("\"apiVersion\":\"v1\",\"kind\":\"Pod\"", spec);
}

static const char *secret(const char *fields)
{
	return spec_of("\"apiVersion\":\"v1\",\"kind\":\"Secret\"", fields);
}

static const char *slice(const char *fields)
{
	return spec_of("\"apiVersion\":\"discovery.k8s.io/v1\",\"kind\":\"EndpointSlice\"", fields);
}

/* Goal: every kind is found by both its names, has a table and columns, and prints its own. */
static void finds_kinds(void)
{
	for (const struct kind *const *at = kind_list; *at; at++) {
		auto_buf version = BUF_INIT;
		auto_buf resource = BUF_INIT;

		kind_api_version(*at, &version);
		kind_resource(*at, &resource);
		CHECK(kind_find(str_of((*at)->group), str_of((*at)->version),
				str_of((*at)->plural)) == *at);
		CHECK(kind_find_name(buf_str(&version), str_of((*at)->name)) == *at);
		CHECK(kind_type(*at) != NULL);
		CHECK(str_starts(buf_str(&resource), str_of((*at)->plural)));
		CHECK(face_kept(*at)->columns && face_kept(*at)->columns[0].name);
	}
	CHECK(!kind_find(STR("apps"), STR("v1"), STR("pods")));
	CHECK(!kind_find_name(STR("apps/v1"), STR("Pod")));
	CHECK(!kind_find_name(STR(""), STR("")));
}

/* Goal: only spec and the like count for the generation. */
static void compares_specs(void)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{ "{\"spec\":{\"a\":1}}", "{\"spec\":{\"a\":1},\"metadata\":{},\"status\":{}}",
		  true },
		{ "{\"spec\":{\"a\":1}}", "{\"spec\":{\"a\":2}}", false },
		{ "{\"spec\":{\"a\":1}}", "{\"spec\":{\"a\":1},\"data\":1}", false },
		{ "{\"spec\":{},\"data\":1}", "{\"spec\":{}}", false },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct json_doc *a, *b;
		struct error err;

		CHECK_OK(json_parse(str_of(rows[i].a), &a, NULL, &err), &err);
		CHECK_OK(json_parse(str_of(rows[i].b), &b, NULL, &err), &err);
		CHECK(kind_spec_equal(json_root(a), json_root(b)) == rows[i].same);
		json_doc_free(a);
		json_doc_free(b);
	}
}

#define FROZEN                                                                                     \
	"spec: Forbidden: pod updates may not change fields other than "                           \
	"`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"  \
	"`spec.tolerations` (only additions to existing tolerations),"                             \
	"`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "      \
	"negative)\n"

/* `now` against `old`, both parts of a spec; the containers have an image of their own. */
static void check_update(const char *now, const char *image, const char *old, const char *errors)
{
	auto_arena arena = arena_new();
	auto_buf stored = BUF_INIT;
	auto_buf unused = BUF_INIT;

	rules_run(pod(arena_print(
			  arena, "\"spec\":{%s%s\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}",
			  old, *old ? "," : "")),
		  NULL, &stored, &unused);
	rules_check(
		pod(arena_print(arena,
				"\"spec\":{%s%s\"containers\":[{\"name\":\"c\",\"image\":\"%s\"}]}",
				now, *now ? "," : "", image)),
		buf_text(&stored), errors);
}

/* Goal: a pod's update changes images and little else. */
static void pod_updates(void)
{
	check_update("", "i", "", "");
	check_update("", "other", "", "");
	check_update("\"hostNetwork\":true", "i", "", FROZEN);
	check_update("\"hostname\":\"h\"", "i", "", FROZEN);
	check_update("\"terminationGracePeriodSeconds\":1", "i",
		     "\"terminationGracePeriodSeconds\":5", FROZEN);
	check_update("\"terminationGracePeriodSeconds\":1", "i",
		     "\"terminationGracePeriodSeconds\":-5", "");
	check_update("\"terminationGracePeriodSeconds\":2", "i",
		     "\"terminationGracePeriodSeconds\":-5", FROZEN);
	check_update("\"activeDeadlineSeconds\":5", "i", "", "");
	check_update("\"activeDeadlineSeconds\":4", "i", "\"activeDeadlineSeconds\":5", "");
	check_update("\"activeDeadlineSeconds\":6", "i", "\"activeDeadlineSeconds\":5",
		     "spec.activeDeadlineSeconds: Invalid: 6: must be less than or equal to "
		     "previous value\n");
	check_update("", "i", "\"activeDeadlineSeconds\":5",
		     "spec.activeDeadlineSeconds: Invalid: null: must not update from a positive "
		     "integer to nil value\n");
}

/* Goal: tolerations are only added, gates only taken away. */
static void pod_additions(void)
{
	static const char one[] = "\"tolerations\":[{\"key\":\"a\",\"operator\":\"Exists\"}]";

	check_update("\"tolerations\":[{\"key\":\"b\",\"operator\":\"Exists\"},{\"key\":\"a\","
		     "\"operator\":\"Exists\"}]",
		     "i", one, "");
	check_update("\"tolerations\":[{\"key\":\"a\",\"operator\":\"Exists\",\"effect\":"
		     "\"NoExecute\",\"tolerationSeconds\":9}]",
		     "i",
		     "\"tolerations\":[{\"key\":\"a\",\"operator\":\"Exists\",\"effect\":"
		     "\"NoExecute\",\"tolerationSeconds\":5}]",
		     "");
	check_update("\"tolerations\":[{\"key\":\"b\",\"operator\":\"Exists\"}]", "i", one,
		     "spec.tolerations: Forbidden: existing toleration can not be modified except "
		     "its tolerationSeconds\n");
	check_update("", "i", one,
		     "spec.tolerations: Forbidden: existing toleration can not be modified except "
		     "its tolerationSeconds\n");
	check_update("", "i", "\"schedulingGates\":[{\"name\":\"g\"}]", "");
	check_update("\"schedulingGates\":[{\"name\":\"h\"}]", "i",
		     "\"schedulingGates\":[{\"name\":\"g\"}]",
		     "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found "
		     "new scheduling gate 'h'\n");
}

/* Goal: containers are neither added nor taken away. */
static void pod_containers(void)
{
	static const char one[] = "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}";
	static const char two[] = "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"},{"
				  "\"name\":\"d\",\"image\":\"i\"}]}";

	rules_check(pod(two), pod(one),
		    "spec.containers: Forbidden: pod updates may not add or remove containers\n");
	rules_check(pod("\"spec\":{\"initContainers\":[{\"name\":\"d\",\"image\":\"i\"}],"
			"\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}"),
		    pod(one),
		    "spec.initContainers: Forbidden: pod updates may not add or remove "
		    "containers\n");
}

/* Goal: hostPort follows containerPort for pods on the host's network, never in templates. */
static void fills_host_ports(void)
{
	static const char on_host[] = "\"hostNetwork\":true,\"containers\":[{\"name\":\"c\","
				      "\"image\":\"i\",\"ports\":[{\"containerPort\":8}]}]";
	static const char inside[] = "\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"ports\":[{"
				     "\"containerPort\":8}]}]";
	static const char path[] = "spec.containers.0.ports.0.hostPort";
	auto_arena arena = arena_new();

	rules_check_value(pod(arena_print(arena, "\"spec\":{%s}", on_host)), NULL, path, "8");
	rules_check_value(pod(arena_print(arena, "\"spec\":{%s}", inside)), NULL, path, "");
	rules_check_value(
		spec_of("\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\"",
			arena_print(arena, "\"spec\":{\"template\":{\"spec\":{%s}}}", on_host)),
		NULL, "spec.template.spec.containers.0.ports.0.hostPort", "");
}

/* Goal: images without a tag and with the tag latest are always pulled. */
static void fills_pull_policies(void)
{
	static const char *const rows[][2] = {
		{ "i", "\"Always\"" },
		{ "i:latest", "\"Always\"" },
		{ "i:1", "\"IfNotPresent\"" },
		{ "host:5000/i", "\"Always\"" },
		{ "host:5000/i:2", "\"IfNotPresent\"" },
		{ "i@sha256:00", "\"IfNotPresent\"" },
		{ "i:latest@sha256:00", "\"Always\"" },
		{ "i:1@sha256:00", "\"IfNotPresent\"" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_arena arena = arena_new();

		rules_check_value(pod(arena_print(arena,
						  "\"spec\":{\"containers\":[{\"name\":\"c\","
						  "\"image\":\"%s\"}]}",
						  rows[i][0])),
				  NULL, "spec.containers.0.imagePullPolicy", rows[i][1]);
	}
}

/* Goal: who asks for a page asks by HTTP for the root, in probes and hooks alike. */
static void fills_pages(void)
{
#define GET "\"httpGet\":{\"port\":80}"
	static const char *const rows[][2] = {
		{ "\"livenessProbe\":{" GET "}", "livenessProbe" },
		{ "\"startupProbe\":{" GET "}", "startupProbe" },
		{ "\"lifecycle\":{\"preStop\":{" GET "}}", "lifecycle.preStop" },
		{ "\"lifecycle\":{\"postStart\":{" GET "}}", "lifecycle.postStart" },
	};
#undef GET

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_arena arena = arena_new();
		const char *given = pod(arena_print(arena,
						    "\"spec\":{\"containers\":[{\"name\":\"c\","
						    "\"image\":\"i\",%s}]}",
						    rows[i][0]));

		rules_check_value(given, NULL,
				  arena_print(arena, "spec.containers.0.%s.httpGet", rows[i][1]),
				  "{\"port\":80,\"path\":\"/\",\"scheme\":\"HTTP\"}");
		rules_check(given, NULL, "");
	}
}

/* Goal: stringData wins over data and is never kept; a type that is not said stays. */
static void secrets(void)
{
	rules_check_value(
		secret("\"data\":{\"a\":\"eA==\",\"b\":\"eA==\"},\"stringData\":{\"c\":\"z\","
		       "\"a\":\"y\"}"),
		NULL, "data", "{\"a\":\"eQ==\",\"b\":\"eA==\",\"c\":\"eg==\"}");
	rules_check_value(secret("\"stringData\":{\"a\":\"y\"}"), NULL, "stringData", "");
	rules_check_value(secret("\"data\":{}"), NULL, "type", "\"Opaque\"");
	rules_check_value(secret("\"data\":{}"), secret("\"type\":\"t/t\""), "type", "\"t/t\"");
	rules_check(secret("\"data\":{}"), secret("\"type\":\"t/t\""), "");
	rules_check(secret("\"type\":\"u/u\""), secret("\"type\":\"t/t\""),
		    "type: Invalid: \"u/u\": field is immutable\n");
	rules_check(secret("\"data\":{\"a/b\":\"\"}"), NULL,
		    "data[a/b]: Invalid: \"a/b\": a valid config key must consist of alphanumeric "
		    "characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', "
		    "regex used for validation is '[-._a-zA-Z0-9]+')\n");
}

/* Goal: the caller's finalizers stay beside ours; only names of finalizers are taken. */
static void namespaces(void)
{
	static const char kind[] = "\"apiVersion\":\"v1\",\"kind\":\"Namespace\"";

	rules_check_value(spec_of(kind, "\"spec\":{\"finalizers\":[\"a.b/c\"]}"), NULL,
			  "spec.finalizers", "[\"a.b/c\",\"kubernetes\"]");
	rules_check_value(spec_of(kind, "\"spec\":{\"finalizers\":[\"kubernetes\"]}"), NULL,
			  "spec.finalizers", "[\"kubernetes\"]");
	rules_check_value(
		"{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"x\","
		"\"finalizers\":[\"a.b/c\"]}}",
		NULL, "metadata.finalizers", "[\"a.b/c\"]");
	rules_check(spec_of(kind, "\"spec\":{\"finalizers\":[\"mine\"]}"), NULL,
		    "spec.finalizers: Invalid: \"mine\": name is neither a standard finalizer "
		    "name nor is it fully qualified\n");
}

/* Goal: no endpoint leads traffic to the node itself or to its link. */
static void endpoint_slices(void)
{
	static const char *const bad[][2] = {
		{ "127.0.0.1", "may not be in the loopback range (127.0.0.0/8, ::1/128)" },
		{ "127.9.9.9", "may not be in the loopback range (127.0.0.0/8, ::1/128)" },
		{ "169.254.169.254", "may not be in the link-local range (169.254.0.0/16, "
				     "fe80::/10)" },
		{ "224.0.0.1", "may not be in the link-local multicast range (224.0.0.0/24, "
			       "ff02::/10)" },
		{ "0.0.0.0", "may not be unspecified (0.0.0.0)" },
		{ "::1", "must be a valid IPv4 address" },
		{ "::ffff:10.0.0.1", "must be a valid IPv4 address" },
		{ "10.0.0", "must be a valid IPv4 address" },
		{ "", "must be a valid IPv4 address" },
	};
	static const char *const bad6[][2] = {
		{ "::1", "may not be in the loopback range (127.0.0.0/8, ::1/128)" },
		{ "fe80::1", "may not be in the link-local range (169.254.0.0/16, fe80::/10)" },
		{ "febf::1", "may not be in the link-local range (169.254.0.0/16, fe80::/10)" },
		{ "ff02::1", "may not be in the link-local multicast range (224.0.0.0/24, "
			     "ff02::/10)" },
		{ "::", "may not be unspecified (::)" },
		{ "::ffff:127.0.0.1", "must be a valid IPv6 address" },
		{ "10.0.0.1", "must be a valid IPv6 address" },
	};
	auto_arena arena = arena_new();

	for (size_t i = 0; i < ARRAY_LENGTH(bad) + ARRAY_LENGTH(bad6); i++) {
		bool six = i >= ARRAY_LENGTH(bad);
		const char *const *row = six ? bad6[i - ARRAY_LENGTH(bad)] : bad[i];

		rules_check(slice(arena_print(arena,
					      "\"addressType\":\"IPv%d\",\"endpoints\":[{"
					      "\"addresses\":[\"%s\"]}]",
					      six ? 6 : 4, row[0])),
			    NULL,
			    arena_print(arena, "endpoints[0].addresses[0]: Invalid: \"%s\": %s\n",
					row[0], row[1]));
	}
	rules_check(
		slice("\"addressType\":\"IPv4\",\"endpoints\":[{\"addresses\":[\"10.0.0.1\"]}]"),
		NULL, "");
	rules_check(slice("\"addressType\":\"IPv6\",\"endpoints\":[{\"addresses\":[\"fd00::1\"]}]"),
		    NULL, "");
	rules_check(slice("\"addressType\":\"IPv5\",\"endpoints\":[]"), NULL,
		    "addressType: Unsupported: \"IPv5\": supported values: \"FQDN\", \"IPv4\", "
		    "\"IPv6\"\n");
	rules_check(slice("\"addressType\":\"FQDN\",\"endpoints\":[{\"addresses\":[\"a.b\"]},{}]"),
		    NULL, "endpoints[1].addresses: Required: must contain at least 1 address\n");
}

/* Goal: ports of a service have names and numbers of their own. */
static void services(void)
{
	static const char kind[] = "\"apiVersion\":\"v1\",\"kind\":\"Service\"";

	rules_check(spec_of(kind,
			    "\"spec\":{\"ports\":[{\"name\":\"a\",\"port\":1},{\"name\":\"a\","
			    "\"port\":2},{\"name\":\"b\",\"port\":1},{\"name\":\"c\",\"port\":1,"
			    "\"protocol\":\"UDP\"}]}"),
		    NULL,
		    "spec.ports[1].name: Duplicate: \"a\"\n"
		    "spec.ports[2]: Duplicate: core.ServicePort{Name:\"\", Protocol:\"TCP\", "
		    "AppProtocol:(*string)(nil), Port:1, TargetPort:intstr.IntOrString{Type:0, "
		    "IntVal:0, StrVal:\"\"}, NodePort:0}\n");
}

static const struct test tests[] = {
	{ "finds kinds", finds_kinds },
	{ "compares specs", compares_specs },
	{ "pod updates", pod_updates },
	{ "pod additions", pod_additions },
	{ "pod containers", pod_containers },
	{ "fills host ports", fills_host_ports },
	{ "fills pull policies", fills_pull_policies },
	{ "fills pages", fills_pages },
	{ "secrets", secrets },
	{ "namespaces", namespaces },
	{ "endpoint slices", endpoint_slices },
	{ "services", services },
};
TEST_MAIN(tests)
