/*
 * test_eviction_rank.c - the order of kubelets, and their words.
 */
#include "agent/eviction_rank.h"

#include "tests/unit/harness.h"

#define KIB 1024
#define MIB (1024ll * 1024)

/* A pod of one container "a"; quotes are single ones. */
static struct json_doc *pod(const char *spec)
{
	auto_free char *text = memory_print("{'metadata':{'name':'p'},'spec':%s}", spec);
	struct json_doc *doc;
	struct error err;

	for (char *c = text; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return doc;
}

struct one {
	const char *spec;
	int64_t used_mib;
	struct json_doc *doc;
	struct stats_pod stats;
};

/* Goal: beyond the request first, then the lower priority, then the most beyond. */
static void order_by_memory(void)
{
	static struct one pods[] = {
		{ "{'priority':0,'containers':[{'name':'a','resources':{'requests':{'memory':'90Mi'"
		  "}}}]}",
		  80 },
		{ "{'priority':5,'containers':[{'name':'a'}]}", 500 },
		{ "{'priority':0,'containers':[{'name':'a'}]}", 20 },
		{ "{'priority':0,'containers':[{'name':'a','resources':{'requests':{'memory':'10Mi'"
		  "}}}]}",
		  60 },
		{ "{'priority':-1,'containers':[{'name':'a','resources':{'requests':{'memory':'"
		  "64Mi'}}}]}",
		  10 },
	};
	static const size_t wanted[] = { 3, 2, 1, 4, 0 };
	struct eviction_candidate candidates[5] = { 0 };
	struct disk_use_figure disk = { 0 };

	for (size_t i = 0; i < 5; i++) {
		pods[i].doc = pod(pods[i].spec);
		pods[i].stats.use.working_set = (uint64_t)(pods[i].used_mib * MIB);
		candidates[i].object = json_root(pods[i].doc);
		candidates[i].stats = &pods[i].stats;
		eviction_measure(SIGNAL_MEMORY, &disk, &candidates[i]);
	}
	eviction_rank(candidates, 5, SIGNAL_MEMORY);
	for (size_t i = 0; i < 5; i++)
		CHECK(candidates[i].stats == &pods[wanted[i]].stats);
	for (size_t i = 0; i < 5; i++)
		json_doc_free(pods[i].doc);
}

static void measures_each_resource(void)
{
	struct json_doc *doc = pod("{'priority':7,'overhead':{'memory':'1Mi'},"
				   "'initContainers':[{'name':'i','resources':{'requests':{"
				   "'memory':'9Mi'}}}],'containers':[{'name':'a','resources':{"
				   "'requests':{'memory':'3Mi','ephemeral-storage':'1Gi'}}},"
				   "{'name':'b','resources':{'requests':{'memory':'4Mi'}}}]}");
	struct stats_pod stats = { .use = { .working_set = 123, .pids = 9 } };
	struct eviction_candidate one = { .object = json_root(doc), .stats = &stats };
	struct disk_use_figure disk = { 4096, 17 };

	eviction_measure(SIGNAL_ALLOCATABLE_MEMORY, &disk, &one);
	CHECK_INT(one.usage, 123);
	CHECK_INT(one.request, 10 * MIB);
	CHECK_INT(one.priority, 7);
	eviction_measure(SIGNAL_IMAGEFS, &disk, &one);
	CHECK_INT(one.usage, 4096);
	CHECK_INT(one.request, 1024 * MIB);
	eviction_measure(SIGNAL_NODEFS_INODES, &disk, &one);
	CHECK_INT(one.usage, 17);
	CHECK_INT(one.request, 0);
	eviction_measure(SIGNAL_PID, &disk, &one);
	CHECK_INT(one.usage, 9);
	json_doc_free(doc);
}

static void words_of_kubelets(void)
{
	struct json_doc *doc = pod("{'containers':[{'name':'a','resources':{'requests':{'memory':"
				   "'1Mi'}}},{'name':'b'},{'name':'c','resources':{'requests':{"
				   "'memory':'9Mi'}}}]}");
	struct stats_container containers[] = {
		{ .name = STR("a"), .use = { .working_set = 1536 * KIB } },
		{ .name = STR("b"), .use = { .working_set = 2 * MIB } },
		{ .name = STR("c"), .use = { .working_set = 2 * MIB } },
	};
	struct stats_pod stats = { .containers = containers, .container_count = 3 };
	struct eviction_candidate one = { .object = json_root(doc), .stats = &stats };
	struct eviction_threshold threshold = { .signal = SIGNAL_MEMORY,
						.below = { .value = 100 * MIB, .text = "100Mi" } };
	struct observation seen = { true, 90001 * KIB, 1000 * MIB };
	auto_buf text = BUF_INIT;

	eviction_print(&one, &threshold, &seen, &text);
	CHECK_STR(buf_text(&text),
		  "The node was low on resource: memory. Threshold quantity: 100Mi, available: "
		  "90001Ki. Container a was using 1536Ki, request is 1Mi, has larger consumption "
		  "of memory. Container b was using 2Mi, request is 0, has larger consumption of "
		  "memory. ");
	buf_reset(&text);
	threshold = (struct eviction_threshold){ .signal = SIGNAL_NODEFS,
						 .below = { .share = 0.5, .text = "50%" } };
	containers[2].has_root = containers[2].has_logs = true;
	containers[2].root.bytes = 3 * MIB;
	eviction_print(&one, &threshold, &seen, &text);
	CHECK_STR(buf_text(&text),
		  "The node was low on resource: ephemeral-storage. Threshold quantity: 500Mi, "
		  "available: 90001Ki. Container c was using 3Mi, request is 0, has larger "
		  "consumption of ephemeral-storage. ");
	json_doc_free(doc);
}

static void who_is_spared(void)
{
	static const struct {
		const char *pod;
		bool critical;
	} rows[] = {
		{ "{\"metadata\":{},\"spec\":{\"priority\":1000000000}}", false },
		{ "{\"metadata\":{},\"spec\":{\"priority\":2000000000}}", true },
		{ "{\"metadata\":{\"annotations\":{\"kubernetes.io/config.source\":\"file\"}}}",
		  true },
		{ "{\"metadata\":{\"annotations\":{\"kubernetes.io/config.source\":\"api\"}}}",
		  false },
		{ "{\"metadata\":{\"annotations\":{\"kubernetes.io/config.mirror\":\"x\"}}}",
		  true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json_doc *doc;
		struct error err;

		CHECK_OK(json_parse(str_of(rows[i].pod), &doc, NULL, &err), &err);
		CHECK_INT(eviction_is_critical(json_root(doc)), rows[i].critical);
		json_doc_free(doc);
	}
}

static void limits_of_its_own(void)
{
	struct json_doc *doc = pod("{'volumes':[{'name':'v','emptyDir':{'sizeLimit':'1Mi'}},"
				   "{'name':'w','emptyDir':{}}],'containers':[{'name':'a',"
				   "'resources':{'limits':{'ephemeral-storage':'2Mi'}}}]}");
	struct stats_container container = { .name = STR("a"), .has_root = true };
	struct stats_volume volumes[] = {
		{ .name = STR("v"), .is_local = true, .known = true, .figure = { MIB, 1 } },
		{ .name = STR("w"), .is_local = true, .known = true, .figure = { KIB, 1 } },
	};
	struct stats_pod stats = { .containers = &container,
				   .container_count = 1,
				   .volumes = volumes,
				   .volume_count = 2 };
	auto_buf text = BUF_INIT;

	CHECK(eviction_has_local_limit(json_root(doc)));
	CHECK(!eviction_local_limit(json_root(doc), &stats, &text));
	volumes[0].figure.bytes++;
	CHECK(eviction_local_limit(json_root(doc), &stats, &text));
	CHECK_STR(buf_text(&text), "Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". ");
	volumes[0].figure.bytes = 0;
	buf_reset(&text);
	container.root.bytes = 2 * MIB;
	CHECK(eviction_local_limit(json_root(doc), &stats, &text));
	CHECK_STR(buf_text(&text), "Pod ephemeral local storage usage exceeds the total limit of "
				   "containers 2Mi. ");
	volumes[1].known = false;
	CHECK(!eviction_local_limit(json_root(doc), &stats, &text));
	json_doc_free(doc);
}

static const struct test tests[] = {
	{ "order by memory", order_by_memory },
	{ "measures each resource", measures_each_resource },
	{ "words of kubelets", words_of_kubelets },
	{ "who is spared", who_is_spared },
	{ "limits of its own", limits_of_its_own },
};
TEST_MAIN(tests)
