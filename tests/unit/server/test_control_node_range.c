/*
 * test_control_node_range.c - ranges of pod addresses: the arithmetic, and nodes of a server.
 */
#include "server/control/node_range.h"

#include <stdio.h>

#include "tests/unit/harness.h"
#include "tests/unit/server/cluster_fixture.h"

static const char *take(struct node_range *range)
{
	static char text[NODE_RANGE_TEXT];

	return node_range_take(range, text) ? text : NULL;
}

/* Goal: the lowest free range is given, until there is none. */
static void lowest_first(void)
{
	struct node_range *range;
	struct error err;

	CHECK_OK(node_range_open("10.42.0.0/22", &range, &err), &err);
	CHECK_STR(take(range), "10.42.0.0/24");
	CHECK_STR(take(range), "10.42.1.0/24");
	node_range_clear(range);
	node_range_use(range, STR("10.42.0.0/24"));
	node_range_use(range, STR("10.42.2.0/24"));
	CHECK_STR(take(range), "10.42.1.0/24");
	CHECK_STR(take(range), "10.42.3.0/24");
	CHECK_STR(take(range), NULL);
	node_range_close(range);
}

/* Goal: ranges of other sizes count for all they touch; strange ones for nothing. */
static void other_sizes(void)
{
	struct node_range *range;
	struct error err;

	CHECK_OK(node_range_open("10.42.0.0/21", &range, &err), &err);
	node_range_use(range, STR("10.42.0.0/23"));
	node_range_use(range, STR("10.42.2.128/28"));
	node_range_use(range, STR("10.41.0.0/16"));
	node_range_use(range, STR("10.43.0.0/24"));
	node_range_use(range, STR("fd00::/64"));
	node_range_use(range, STR("nonsense"));
	node_range_use(range, STR(""));
	CHECK_STR(take(range), "10.42.3.0/24");
	node_range_use(range, STR("0.0.0.0/0"));
	CHECK_STR(take(range), NULL);
	node_range_close(range);
}

/* Goal: the option is checked, and its edges work. */
static void options(void)
{
	static const char *const wrong[] = { "",           "10.42.0.0",    "10.42.0.0/25",
					     "10.0.0.0/7", "fd00::/64",    "10.42.0/16",
					     "a.b.c.d/16", "10.42.0.0/16x" };
	struct node_range *range;
	struct error err;

	for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
		CHECK(!node_range_open(wrong[i], &range, &err));
	CHECK_OK(node_range_open("192.168.7.0/24", &range, &err), &err);
	CHECK_STR(take(range), "192.168.7.0/24");
	CHECK_STR(take(range), NULL);
	node_range_close(range);
	CHECK_OK(node_range_open("255.0.0.0/8", &range, &err), &err);
	for (int i = 0; i < 65535; i++)
		CHECK(take(range));
	CHECK_STR(take(range), "255.255.255.0/24");
	CHECK_STR(take(range), NULL);
	node_range_close(range);
}

/* --- in a server --- */

static void create_node(const char *name)
{
	auto_free char *body = memory_print("{\"metadata\":{\"name\":\"%s\"}}", name);

	cluster_create("/api/v1/nodes", body);
}

struct wish {
	const char *node, *range;
};

static bool has_range(const void *of)
{
	const struct wish *wish = of;
	auto_free char *path = memory_print("/api/v1/nodes/%s", wish->node);
	auto_json_doc doc = cluster_get(path);
	const struct json *spec = json_get(json_root(doc), "spec");

	return str_is(json_str(json_get(spec, "podCIDR")), wish->range) &&
	       str_is(json_str(json_at(json_get(spec, "podCIDRs"), 0)), wish->range) &&
	       json_count(json_get(spec, "podCIDRs")) == (wish->range[0] ? 1 : 0);
}

static void check_range(const char *node, const char *range)
{
	struct wish wish = { node, range };

	if (!cluster_await(has_range, &wish))
		harness_fail(__FILE__, __LINE__, "%s never got %s", node, range);
}

/* Goal: nodes get ranges in order, keep them over a restart, and a deleted node's one is given
 * again. */
static void given_kept_and_free_again(void)
{
	cluster_start("10.50.0.0/16");
	create_node("a");
	check_range("a", "10.50.0.0/24");
	create_node("b");
	check_range("b", "10.50.1.0/24");
	create_node("c");
	check_range("c", "10.50.2.0/24");
	cluster_stop();
	cluster_start("10.50.0.0/16");
	check_range("b", "10.50.1.0/24");
	create_node("d");
	check_range("d", "10.50.3.0/24");
	cluster_delete("/api/v1/nodes/b");
	create_node("e");
	check_range("e", "10.50.1.0/24");
	create_node("b");
	check_range("b", "10.50.4.0/24");
	cluster_stop();
}

/* Goal: a range that a node brings with it is left to it and to it alone. */
static void own_range(void)
{
	cluster_start("10.50.0.0/16");
	cluster_create("/api/v1/nodes",
		       "{\"metadata\":{\"name\":\"own\"},\"spec\":{\"podCIDR\":\"10.50.0.0/24\","
		       "\"podCIDRs\":[\"10.50.0.0/24\"]}}");
	create_node("a");
	check_range("a", "10.50.1.0/24");
	check_range("own", "10.50.0.0/24");
	cluster_stop();
}

/* Goal: when all are given a further node waits, and gets the first that comes free. */
static void waits_for_a_free_one(void)
{
	cluster_start("10.50.0.0/23");
	create_node("a");
	create_node("b");
	check_range("b", "10.50.1.0/24");
	create_node("late");
	cluster_settle(200);
	check_range("late", "");
	cluster_delete("/api/v1/nodes/a");
	check_range("late", "10.50.0.0/24");
	cluster_stop();
}

/* Goal: many nodes in a row, before the watch tells of the first, never share one. */
static void many_at_once(void)
{
	bool seen[64] = { false };

	cluster_start("10.50.0.0/18");
	for (int i = 0; i < 64; i++) {
		auto_free char *name = memory_print("n%d", i);

		create_node(name);
	}
	cluster_settle(500);
	for (int i = 0; i < 64; i++) {
		auto_free char *path = memory_print("/api/v1/nodes/n%d", i);
		auto_json_doc doc = cluster_get(path);
		struct str range = json_str(json_path(json_root(doc), "spec", "podCIDR", NULL));
		int third;
		char text[32];

		snprintf(text, sizeof(text), STR_FMT, STR_ARG(range));
		CHECK_INT(sscanf(text, "10.50.%d.0/24", &third), 1);
		CHECK(third >= 0 && third < 64 && !seen[third]);
		seen[third] = true;
	}
	cluster_stop();
}

/* Goal: a server that is stopped in the middle of its work ends cleanly, and the next one finishes
 * it. */
static void stopped_in_the_middle(void)
{
	cluster_start("10.50.0.0/18");
	for (int i = 0; i < 40; i++) {
		auto_free char *name = memory_print("n%d", i);

		create_node(name);
		if (i % 8 != 7)
			continue;
		cluster_stop();
		cluster_start("10.50.0.0/18");
	}
	cluster_settle(300);
	check_range("n39", "10.50.39.0/24");
	cluster_stop();
}

static const struct test tests[] = {
	{ "lowest first", lowest_first },
	{ "other sizes", other_sizes },
	{ "options", options, .time_limit_s = 60 },
	{ "given, kept and free again", given_kept_and_free_again, .time_limit_s = 60 },
	{ "own range", own_range, .time_limit_s = 30 },
	{ "waits for a free one", waits_for_a_free_one, .time_limit_s = 30 },
	{ "many at once", many_at_once, .time_limit_s = 60 },
	{ "stopped in the middle", stopped_in_the_middle, .time_limit_s = 60 },
};
TEST_MAIN(tests)
