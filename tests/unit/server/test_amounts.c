/*
 * test_amounts.c - what a pod takes: the formula over containers, sidecars, starts and overhead.
 */
#include "server/schedule/amounts.h"

#include "tests/unit/harness.h"

#define C(cpu) "{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"" cpu "\"}}}"
#define SIDE(cpu)                                                                                  \
	"{\"restartPolicy\":\"Always\",\"resources\":{\"requests\":{\"cpu\":\"" cpu "\"}}}"

static const struct {
	const char *pod;
	int64_t cpu_milli, least_cpu;
} rows[] = {
	{ "{\"spec\":{\"containers\":[" C("100m") "," C("200m") "]}}", 300, 300 },
	{ "{\"spec\":{\"containers\":[{}]}}", 0, 100 },
	/* The peak of the start counts when it is more. */
	{ "{\"spec\":{\"initContainers\":[" C("1") "," C("2") "],\"containers\":[" C("500m") "]}}",
	  2000, 2000 },
	{ "{\"spec\":{\"initContainers\":[" C("100m") "],\"containers\":[" C("500m") "]}}", 500,
	  500 },
	/* Sidecars run beside containers, and beside init containers after them. */
	{ "{\"spec\":{\"initContainers\":[" SIDE("1") "],\"containers\":[" C("500m") "]}}", 1500,
	  1500 },
	{ "{\"spec\":{\"initContainers\":[" SIDE("1") "," C("2") "],\"containers\":[" C(
		  "500m") "]}}",
	  3000, 3000 },
	{ "{\"spec\":{\"initContainers\":[" C("2") "," SIDE("1") "],\"containers\":[" C(
		  "500m") "]}}",
	  2000, 2000 },
	{ "{\"spec\":{\"overhead\":{\"cpu\":\"50m\"},\"containers\":[" C("500m") "]}}", 550, 550 },
	/* A resize: the larger of what is wished and what was given. */
	{ "{\"spec\":{\"containers\":[" C(
		  "500m") "]},\"status\":{\"containerStatuses\":[{\"name\":"
			  "\"c\",\"allocatedResources\":{\"cpu\":\"2\"}}]}}",
	  2000, 2000 },
	{ "{\"spec\":{\"containers\":[" C("4") "]},\"status\":{\"resize\":\"Infeasible\","
					       "\"containerStatuses\":[{\"name\":\"c\","
					       "\"allocatedResources\":{\"cpu\":\"2\"}}]}}",
	  2000, 2000 },
};

static void sums_up_pods(void)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_json_doc doc = NULL;
		struct amounts amounts;
		struct error err;
		int64_t cpu, memory;

		CHECK(json_parse(str_of(rows[i].pod), &doc, NULL, &err));
		amounts_of_pod(json_root(doc), &amounts);
		amounts_of_pod_at_least(json_root(doc), &cpu, &memory);
		CHECK_INT(amounts.cpu_milli, rows[i].cpu_milli);
		CHECK_INT(cpu, rows[i].least_cpu);
		amounts_clear(&amounts);
	}
}

static void read_list(const char *text, struct amounts *out)
{
	auto_json_doc doc = NULL;
	struct error err;

	CHECK(json_parse(str_of(text), &doc, NULL, &err));
	amounts_of(json_root(doc), out);
}

/* Further resources come and go by name; what saturates does not turn round. */
static void adds_and_fits(void)
{
	struct amounts has, asks, used = { 0 };

	read_list("{\"cpu\":\"2\",\"memory\":\"9223372036854775807\",\"example.com/a\":\"2\","
	     "\"pods\":\"9\"}",
	     &has);
	read_list("{\"cpu\":\"1\",\"memory\":\"9223372036854775807\",\"example.com/a\":"
		  "\"1\"}",
		  &asks);
	CHECK_INT((int64_t)has.extra_count, 1);
	CHECK(amounts_fit(&asks, &used, &has));
	amounts_add(&used, &asks, 1);
	CHECK(!amounts_fit(&asks, &used, &has));
	amounts_add(&used, &asks, 1);
	CHECK_INT(used.memory, INT64_MAX);
	CHECK_INT(amounts_extra(&used, STR("example.com/a")), 2);
	asks.memory = 0;
	used.memory = 0;
	CHECK(!amounts_fit(&asks, &used, &has));
	amounts_add(&used, &asks, -1);
	amounts_add(&used, &asks, -1);
	CHECK_INT((int64_t)used.extra_count, 0);
	CHECK_INT(used.cpu_milli, 0);
	amounts_clear(&has);
	amounts_clear(&asks);
	amounts_clear(&used);
}

static const struct test tests[] = {
	{ "sums up pods", sums_up_pods },
	{ "adds and fits", adds_and_fits },
};
TEST_MAIN(tests)
