/*
 * test_node_fit.c - what a pod asks for, and when a node refuses it.
 */
#include "agent/node_fit.h"

#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

/* The pods of the node are in the test's hands. */
struct pods {
	struct json_doc *docs[4];
	size_t count;
};

struct pod *pods_next(const struct pods *pods, size_t *at)
{
	return *at < pods->count ? (struct pod *)pods->docs[(*at)++] : NULL;
}

const struct json *pod_object(const struct pod *pod)
{
	return json_root((const struct json_doc *)pod);
}

struct str pod_uid(const struct pod *pod)
{
	return meta_str(pod_object(pod), "uid");
}

bool pod_is_over(const struct pod *pod)
{
	return str_is(json_str(json_path(pod_object(pod), "status", "phase", NULL)), "Failed");
}

bool pod_is_forgotten(const struct pod *pod)
{
	return str_is(meta_str(pod_object(pod), "name"), "forgotten");
}

static void requests_are_counted(void)
{
	static const struct {
		const char *spec;
		int64_t cpu, memory;
	} rows[] = {
		{ "{'containers':[{}]}", 0, 0 },
		{ "{'containers':[{'resources':{'requests':{'cpu':'100m','memory':'1Ki'}}},"
		  "{'resources':{'requests':{'cpu':'1'}}}]}",
		  1100, 1024 },
		/* one init container after the other: the largest counts */
		{ "{'initContainers':[{'resources':{'requests':{'cpu':'2'}}},"
		  "{'resources':{'requests':{'cpu':'3'}}}],"
		  "'containers':[{'resources':{'requests':{'cpu':'1'}}}]}",
		  3000, 0 },
		/* sidecars run beside those after them, and beside the containers */
		{ "{'initContainers':[{'restartPolicy':'Always','resources':{'requests':{'cpu':"
		  "'1'}}},{'resources':{'requests':{'cpu':'3'}}}],"
		  "'containers':[{'resources':{'requests':{'cpu':'1'}}}]}",
		  4000, 0 },
		{ "{'overhead':{'cpu':'50m','memory':'2Ki'},"
		  "'containers':[{'resources':{'requests':{'cpu':'1'}}}]}",
		  1050, 2048 },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_free char *text = memory_print("{'spec':%s}", rows[i].spec);
		auto_json_doc doc = fixture_json(text);

		CHECK_INT(node_fit_request(json_root(doc), "cpu"), rows[i].cpu);
		CHECK_INT(node_fit_request(json_root(doc), "memory"), rows[i].memory);
	}
}

#define CPU(amount) "'containers':[{'resources':{'requests':{'cpu':'" amount "'}}}]"
#define PORT(rest)  "'containers':[{'ports':[{'containerPort':1,'hostPort':80" rest "}]}]"

static void the_node_is_asked(void)
{
	static const struct {
		const char *spec, *reason, *why; /* NULL: it fits */
	} rows[] = {
		{ CPU("1500m"), NULL, "" },
		{ CPU("1501m"), "OutOfcpu",
		  "Node didn't have enough resource: cpu, requested: 1501, used: 500, capacity: "
		  "2000" },
		{ "'containers':[{'resources':{'requests':{'memory':'2Ki'}}}]", "OutOfmemory",
		  "Node didn't have enough resource: memory, requested: 2048, used: 0, capacity: "
		  "1024" },
		{ PORT(""), "NodePorts", "Predicate NodePorts failed" },
		{ PORT(",'protocol':'UDP'"), NULL, "" },
		{ PORT(",'hostIP':'10.0.0.9'"), "NodePorts", "Predicate NodePorts failed" },
	};
	struct node node = { .name = "n", .cpu_milli = 2000, .memory = 1024, .max_pods = 3 };
	struct pods pods = { .count = 3 };

	pods.docs[0] = fixture_json("{'metadata':{'uid':'a'},'spec':{'containers':[{'resources':{"
				    "'requests':{'cpu':'500m'}},'ports':[{'hostPort':80}]}]}}");
	pods.docs[1] = fixture_json(
		"{'metadata':{'uid':'b'},'status':{'phase':'Failed'},'spec':{" CPU("1") "}}");
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_free char *text =
			memory_print("{'metadata':{'uid':'c'},'spec':{%s}}", rows[i].spec);
		const char *reason = NULL;
		auto_buf why = BUF_INIT;

		pods.docs[2] = fixture_json(text);
		CHECK_INT(node_fit_check(&node, &pods, json_root(pods.docs[2]), &reason, &why),
			  rows[i].reason == NULL);
		if (rows[i].reason)
			CHECK_STR(reason, rows[i].reason);
		CHECK_STR(buf_text(&why), rows[i].why);
		json_doc_free(pods.docs[2]);
	}
	for (size_t i = 0; i < 2; i++)
		json_doc_free(pods.docs[i]);
}

static void pods_are_counted(void)
{
	struct node node = { .name = "n", .cpu_milli = 2000, .memory = 1024, .max_pods = 1 };
	struct pods pods = { .count = 2 };
	const char *reason;
	auto_buf why = BUF_INIT;

	pods.docs[0] = fixture_json("{'metadata':{'uid':'a'}}");
	pods.docs[1] = fixture_json("{'metadata':{'uid':'b'}}");
	CHECK(!node_fit_check(&node, &pods, json_root(pods.docs[1]), &reason, &why));
	CHECK_STR(reason, "OutOfpods");
	CHECK_STR(buf_text(&why),
		  "Node didn't have enough resource: pods, requested: 1, used: 1, capacity: 1");
	/* Deleted without grace: the scheduler has given its place away already. */
	json_doc_free(pods.docs[0]);
	pods.docs[0] = fixture_json("{'metadata':{'uid':'a','name':'forgotten'}}");
	CHECK(node_fit_check(&node, &pods, json_root(pods.docs[1]), &reason, &why));
	for (size_t i = 0; i < 2; i++)
		json_doc_free(pods.docs[i]);
}

static const struct test tests[] = {
	{ "requests are counted", requests_are_counted },
	{ "the node is asked", the_node_is_asked },
	{ "pods are counted", pods_are_counted },
};

TEST_MAIN(tests)
