/*
 * test_downward.c - what a pod may ask about itself: field paths, resources, rounding.
 */
#include "agent/downward.h"

#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

static const struct downward_facts facts = { .node_ip = "192.0.2.1",
					     .pod_ip = "10.1.0.5",
					     .cpu_milli = 3500,
					     .memory = 1000000001,
					     .ephemeral = 5000 };

static const char pod_text[] =
	"{'metadata':{'name':'web','namespace':'shop','uid':'u-1','labels':{'b':'2','app':'x',"
	"'a/b':'q'},'annotations':{'note':'one\\ntwo \\u0001\\u0007 \\'q\\' \\\\ \\u00e9'}},"
	"'spec':{'nodeName':'n1','serviceAccountName':'sa','initContainers':[{'name':'first'}],"
	"'containers':[{'name':'main'}]}}";

static void check_field(const char *path, const char *want)
{
	auto_json_doc doc = fixture_json(pod_text);
	auto_buf out = BUF_INIT;
	struct error err;

	buf_add_text(&out, "<");
	CHECK_OK(downward_field(json_root(doc), &facts, str_of(path), &out, &err), &err);
	CHECK_STR(buf_text(&out) + 1, want);
}

static void simple_fields(void)
{
	check_field("metadata.name", "web");
	check_field("metadata.namespace", "shop");
	check_field("metadata.uid", "u-1");
	check_field("spec.nodeName", "n1");
	check_field("spec.serviceAccountName", "sa");
	check_field("status.hostIP", "192.0.2.1");
	check_field("status.hostIPs", "192.0.2.1");
	check_field("status.podIP", "10.1.0.5");
	check_field("status.podIPs", "10.1.0.5");
}

static void subscripts(void)
{
	check_field("metadata.labels['app']", "x");
	check_field("metadata.labels['a/b']", "q");
	check_field("metadata.labels['none']", "");
	check_field("metadata.labels['']", "");
	check_field("metadata.annotations['note']", "one\ntwo \001\a \"q\" \\ \303\251");
	check_field("metadata.annotations['app']", "");
}

/* Sorted, each value in quotes as Go's %q prints it, no newline at the end. */
static void whole_maps(void)
{
	check_field("metadata.labels", "a/b=\"q\"\napp=\"x\"\nb=\"2\"");
	check_field("metadata.annotations", "note=\"one\\ntwo \\x01\\a \\\"q\\\" \\\\ \303\251\"");
}

static void unknown_paths(void)
{
	static const char *const paths[] = {
		"",
		"metadata",
		"metadata.labelsX",
		"metadata.labels[",
		"spec.node",
		"metadata.labels[a]",
		"xmetadata.labels",
		"metadata.labels['a'",
		"status.phase",
		"spec.nodeName ",
		"metadata.annotations[']",
	};
	auto_json_doc doc = fixture_json(pod_text);

	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		auto_buf out = BUF_INIT;
		struct error err = { 0 };

		if (downward_field(json_root(doc), &facts, str_of(paths[i]), &out, &err))
			harness_fail(__FILE__, __LINE__, "taken: %s", paths[i]);
		CHECK_INT(err.kind, ERROR_INVALID);
		CHECK_INT(out.len, 0);
	}
}

/* A path need not end with a NUL byte. */
static void paths_are_not_terminated(void)
{
	auto_json_doc doc = fixture_json(pod_text);
	auto_buf out = BUF_INIT;
	struct error err;
	struct str path = STR("spec.nodeNameXYZ");

	path.len -= 3;
	CHECK_OK(downward_field(json_root(doc), &facts, path, &out, &err), &err);
	CHECK_STR(buf_text(&out), "n1");
}

/* --- resources --- */

static const char resources_text[] =
	"{'resources':{'limits':{'cpu':'1500m','memory':'100M','ephemeral-storage':'3Ki'},"
	"'requests':{'cpu':'250m','memory':'9Ei'}}}";

static void check_resource(const char *container, const char *resource, const char *divisor,
			   const char *want)
{
	auto_json_doc doc = fixture_json(container);
	auto_free char *text =
		memory_print("{'resource':'%s'%s%s%s}", resource, divisor ? ",'divisor':'" : "",
			     divisor ? divisor : "", divisor ? "'" : "");
	auto_json_doc ref = fixture_json(text);
	auto_buf out = BUF_INIT;
	struct error err;

	CHECK_OK(downward_resource(json_root(doc), &facts, json_root(ref), &out, &err), &err);
	CHECK_STR(buf_text(&out), want);
}

static void resources_are_divided_and_rounded_up(void)
{
	check_resource(resources_text, "limits.cpu", NULL, "2");
	check_resource(resources_text, "limits.cpu", "0", "2");
	check_resource(resources_text, "limits.cpu", "1", "2");
	check_resource(resources_text, "limits.cpu", "1m", "1500");
	check_resource(resources_text, "requests.cpu", "1", "1");
	check_resource(resources_text, "requests.cpu", "1m", "250");
	check_resource(resources_text, "limits.memory", NULL, "100000000");
	check_resource(resources_text, "limits.memory", "1Mi", "96");
	check_resource(resources_text, "limits.memory", "1M", "100");
	check_resource(resources_text, "limits.memory", "1Gi", "1");
	check_resource(resources_text, "limits.ephemeral-storage", "1Ki", "3");
	/* saturates instead of running over */
	check_resource(resources_text, "requests.memory", NULL, "9223372036854775807");
}

static void without_a_limit_the_node_is_the_limit(void)
{
	check_resource("{}", "limits.cpu", NULL, "4");
	check_resource("{}", "limits.cpu", "1m", "3500");
	check_resource("{}", "limits.memory", NULL, "1000000001");
	check_resource("{}", "limits.memory", "1Ki", "976563");
	check_resource("{}", "limits.ephemeral-storage", NULL, "5000");
	check_resource("{}", "requests.cpu", NULL, "0");
	check_resource("{}", "requests.memory", NULL, "0");
}

static void bad_resources_are_errors(void)
{
	static const char *const refs[] = {
		"{'resource':'limits.cpu','divisor':'x'}",
		"{'resource':'limits.cpu','divisor':'-1'}",
		"{'resource':'status.cpu'}",
		"{}",
	};
	auto_json_doc doc = fixture_json("{'resources':{'limits':{'cpu':'1'}}}");

	for (size_t i = 0; i < ARRAY_LENGTH(refs); i++) {
		auto_json_doc ref = fixture_json(refs[i]);
		auto_buf out = BUF_INIT;
		struct error err;

		CHECK(!downward_resource(json_root(doc), &facts, json_root(ref), &out, &err));
		CHECK_INT(out.len, 0);
	}
}

static void containers_are_found_by_name(void)
{
	auto_json_doc doc = fixture_json(pod_text);

	CHECK_STR(json_str(json_get(downward_container(json_root(doc), STR("first")), "name")).at,
		  "first");
	CHECK(downward_container(json_root(doc), STR("main")) != NULL);
	CHECK(downward_container(json_root(doc), STR("none")) == NULL);
}

static const struct test tests[] = {
	{ "simple fields", simple_fields },
	{ "subscripts", subscripts },
	{ "whole maps", whole_maps },
	{ "unknown paths", unknown_paths },
	{ "paths are not terminated", paths_are_not_terminated },
	{ "resources are divided and rounded up", resources_are_divided_and_rounded_up },
	{ "without a limit the node is the limit", without_a_limit_the_node_is_the_limit },
	{ "bad resources are errors", bad_resources_are_errors },
	{ "containers are found by name", containers_are_found_by_name },
};

TEST_MAIN(tests)
