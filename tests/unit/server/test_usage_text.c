/*
 * test_usage_text.c - the lines of /metrics/resource that mean something, and those that do not.
 */
#include "server/metrics/usage_text.h"

#include "tests/unit/harness.h"

static void reads_lines(void)
{
	struct str text =
		STR("# HELP node_cpu_usage_seconds_total x\n"
		    "node_cpu_usage_seconds_total 12.5 1700000000123\n"
		    "container_memory_working_set_bytes{container=\"c\",namespace=\"n\",pod=\"p\"} "
		    "4096 "
		    "1700000000124\n"
		    "other_total{container=\"c\"} 1\n"
		    "container_start_time_seconds{pod=\"p\",namespace=\"n\",container=\"c\"} "
		    "1700000000.25\n");
	struct usage_line line;

	CHECK(usage_text_next(&text, &line));
	CHECK_INT(line.what, USAGE_CPU);
	CHECK_INT(line.container.len, 0);
	CHECK_INT(line.whole, 12);
	CHECK_INT(line.nanos, 500000000);
	CHECK_INT(line.time_ms, 1700000000123);
	CHECK(usage_text_next(&text, &line));
	CHECK_INT(line.what, USAGE_MEMORY);
	CHECK(str_is(line.container, "c") && str_is(line.namespace, "n") && str_is(line.pod, "p"));
	CHECK_INT(line.whole, 4096);
	CHECK(usage_text_next(&text, &line));
	CHECK_INT(line.what, USAGE_START);
	CHECK_INT(line.nanos, 250000000);
	CHECK_INT(line.time_ms, 0);
	CHECK(!usage_text_next(&text, &line));
}

/* Goal: nothing that a node may send is taken for something else, or read beyond its end. */
static void passes_over_nonsense(void)
{
	static const char *const rows[] = {
		"",
		"\n\n",
		"node_cpu_usage_seconds_total",
		"node_cpu_usage_seconds_total x",
		"node_cpu_usage_seconds_total -1",
		"node_cpu_usage_seconds_total 1e3",
		"node_cpu_usage_seconds_total 99999999999999999999999",
		"node_cpu_usage_seconds_total 1.2x",
		"node_cpu_usage_seconds_total{container=\"c\",namespace=\"n\",pod=\"p\"} 1",
		"container_cpu_usage_seconds_total 1",
		"container_cpu_usage_seconds_total{} 1",
		"container_cpu_usage_seconds_total{container=\"c\"} 1",
		"container_cpu_usage_seconds_total{container=c,namespace=\"n\",pod=\"p\"} 1",
		"container_cpu_usage_seconds_total{container=\"c",
		"container_cpu_usage_seconds_total{",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str text = str_of(rows[i]);
		struct usage_line line;

		if (usage_text_next(&text, &line))
			harness_fail(__FILE__, __LINE__, "taken: %s", rows[i]);
	}
}

static const struct test tests[] = {
	{ "reads lines", reads_lines },
	{ "passes over nonsense", passes_over_nonsense },
};
TEST_MAIN(tests)
