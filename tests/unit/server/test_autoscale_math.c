/*
 * test_autoscale_math.c - how many pods come out, in tables; windows and policies over time.
 */
#include "server/control/autoscale_math.h"

#include <string.h>

#include "tests/unit/harness.h"

/* Goal: numbers as the real controller has them.  Method: a letter a pod: r ready, u unready,
 * m missing, i ignored; all use `used` of 1000 requested. */
static void from_pods(void)
{
	static const struct {
		const char *pods;
		int64_t used, current, target;
		bool percent;
		int64_t wished;
	} rows[] = {
		{ "rrr", 900, 3, 30, true, 9 },
		{ "rrr", 100, 3, 50, true, 1 },
		{ "rrr", 1050, 3, 100, true, 3 }, /* within the tolerance */
		{ "rrr", 1110, 3, 100, true, 4 },
		{ "rrr", 2000, 3, 1000, false, 6 },
		{ "rru", 900, 3, 30, true, 6 }, /* the third counts as idle: 60 % of 30 */
		{ "ruu", 400, 3, 30, true, 3 }, /* would turn around: stays */
		{ "rru", 100, 3, 50, true, 1 }, /* shrinking: unready ones do not count */
		{ "rrm", 100, 3, 50, true, 3 }, /* the third counts as full: 40 % of 50 */
		{ "rrm", 900, 3, 30, true, 6 }, /* and as idle when growing */
		{ "rrm", 300, 3, 1000, false, 2 },
		{ "rri", 900, 2, 30, true, 6 }, /* who goes is not there */
		{ "rrrr", 500, 4, 50, true, 4 },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct autoscale_pod pods[8] = { 0 };
		struct autoscale_ask ask = { rows[i].current, rows[i].target, rows[i].percent };
		size_t count = strlen(rows[i].pods);
		struct autoscale_found found;
		struct error err;

		for (size_t pod = 0; pod < count; pod++) {
			char letter = rows[i].pods[pod];

			pods[pod].state = letter == 'r'   ? AUTOSCALE_READY
					  : letter == 'u' ? AUTOSCALE_UNREADY
					  : letter == 'm' ? AUTOSCALE_MISSING
							  : AUTOSCALE_IGNORED;
			pods[pod].used = letter == 'r' ? rows[i].used : 7777;
			pods[pod].requested = 1000;
		}
		CHECK_OK(autoscale_from_pods(pods, count, &ask, &found, &err), &err);
		if (found.replicas != rows[i].wished)
			CHECK_STR(rows[i].pods, "another number");
		CHECK_INT(found.replicas, rows[i].wished);
	}
}

static void nothing_known(void)
{
	struct autoscale_pod pods[] = { { AUTOSCALE_UNREADY, 1, 1 }, { AUTOSCALE_MISSING, 0, 1 } };
	struct autoscale_ask ask = { 2, 50, true };
	struct autoscale_found found;
	struct error err;

	CHECK(!autoscale_from_pods(pods, 2, &ask, &found, &err));
	CHECK_STR(err.text, "did not receive metrics for any ready pods");
}

static void from_one_amount(void)
{
	CHECK_INT(autoscale_from_value(20000, 10000, 3, 3), 6);
	CHECK_INT(autoscale_from_value(20000, 10000, 3, 2), 4);
	CHECK_INT(autoscale_from_value(10500, 10000, 3, 2), 3);
	CHECK_INT(autoscale_from_value(25000, 10000, 0, 0), 3);
	CHECK_INT(autoscale_from_value(0, 10000, 3, 3), 0);
	CHECK_INT(autoscale_from_average(25000, 10000, 1), 3);
	CHECK_INT(autoscale_from_average(31000, 10000, 3), 3);
	CHECK_INT(autoscale_from_average(35000, 10000, 3), 4);
}

static struct json_doc *behavior(const char *text)
{
	struct json_doc *doc;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return doc;
}

/* Goal: growing at once, but not too fast; shrinking to the highest wish of five minutes. */
static void without_behaviour(void)
{
	struct autoscale_history *history = autoscale_history_new();
	struct autoscale_limits limits = { NULL, 1, 20, 3 };
	struct autoscale_step step;

	autoscale_history_begin(history, 3, 0);
	step = autoscale_next(history, &limits, 10, 1000);
	CHECK_INT(step.replicas, 6);
	CHECK(step.is_limited);
	CHECK_STR(step.limited.reason, "ScaleUpLimit");
	CHECK_STR(step.able.reason, "ReadyForNewScale");
	limits.current = 15;
	step = autoscale_next(history, &limits, 25, 2000);
	CHECK_INT(step.replicas, 20);
	CHECK_STR(step.limited.reason, "TooManyReplicas");
	step = autoscale_next(history, &limits, 2, 200000);
	CHECK_INT(step.replicas, 20); /* 25 was wished */
	CHECK_STR(step.able.reason, "ScaleDownStabilized");
	step = autoscale_next(history, &limits, 0, 303000);
	CHECK_INT(step.replicas, 2);
	CHECK_STR(step.limited.reason, "DesiredWithinRange");
	step = autoscale_next(history, &limits, 0, 700000);
	CHECK_INT(step.replicas, 1);
	CHECK_STR(step.limited.reason, "TooFewReplicas");
	CHECK(step.is_limited);
	autoscale_history_free(history);
}

/* Goal: two pods in a minute, and none down; the period is counted from what was done. */
static void with_policies(void)
{
	auto_json_doc doc = behavior(
		"{\"scaleUp\":{\"stabilizationWindowSeconds\":0,\"selectPolicy\":\"Max\","
		"\"policies\":[{\"type\":\"Pods\",\"value\":2,\"periodSeconds\":60}]},"
		"\"scaleDown\":{\"selectPolicy\":\"Disabled\",\"stabilizationWindowSeconds\":0}}");
	struct autoscale_history *history = autoscale_history_new();
	struct autoscale_limits limits = { json_root(doc), 1, 20, 4 };
	struct autoscale_step step;

	step = autoscale_next(history, &limits, 10, 1000);
	CHECK_INT(step.replicas, 6);
	autoscale_history_note(history, limits.behavior, 4, 6, 1000);
	limits.current = 6;
	step = autoscale_next(history, &limits, 10, 30000);
	CHECK_INT(step.replicas, 6);
	CHECK_STR(step.limited.reason, "ScaleUpLimit");
	step = autoscale_next(history, &limits, 10, 62000);
	CHECK_INT(step.replicas, 8);
	step = autoscale_next(history, &limits, 1, 63000);
	CHECK_INT(step.replicas, 6);
	CHECK_STR(step.limited.reason, "ScaleDownLimit");
	autoscale_history_free(history);
}

/* Goal: the wider of two policies by default, the narrower on wish; the lowest wish of a window
 * when growing. */
static void choices_and_windows(void)
{
	auto_json_doc wide = behavior(
		"{\"scaleUp\":{\"stabilizationWindowSeconds\":0,\"selectPolicy\":\"Max\","
		"\"policies\":[{\"type\":\"Pods\",\"value\":4,\"periodSeconds\":15},{\"type\":"
		"\"Percent\",\"value\":100,\"periodSeconds\":15}]},\"scaleDown\":{"
		"\"stabilizationWindowSeconds\":0,\"selectPolicy\":\"Min\",\"policies\":[{\"type\":"
		"\"Pods\",\"value\":1,\"periodSeconds\":15},{\"type\":\"Percent\",\"value\":50,"
		"\"periodSeconds\":15}]}}");
	auto_json_doc slow = behavior("{\"scaleUp\":{\"stabilizationWindowSeconds\":60,"
				      "\"policies\":[{\"type\":\"Percent\",\"value\":900,"
				      "\"periodSeconds\":15}]},\"scaleDown\":{"
				      "\"stabilizationWindowSeconds\":0}}");
	struct autoscale_history *history = autoscale_history_new();
	struct autoscale_limits limits = { json_root(wide), 1, 100, 10 };
	struct autoscale_step step;

	CHECK_INT(autoscale_next(history, &limits, 50, 1000).replicas, 20);
	limits.current = 2;
	CHECK_INT(autoscale_next(history, &limits, 50, 2000).replicas, 6);
	limits.current = 10;
	CHECK_INT(autoscale_next(history, &limits, 1, 3000).replicas, 9);
	autoscale_history_free(history);
	history = autoscale_history_new();
	limits.behavior = json_root(slow);
	limits.current = 3;
	autoscale_history_begin(history, 3, 0);
	step = autoscale_next(history, &limits, 9, 1000);
	CHECK_INT(step.replicas, 3);
	CHECK_STR(step.able.reason, "ScaleUpStabilized");
	CHECK_INT(autoscale_next(history, &limits, 8, 60500).replicas, 8);
	autoscale_history_free(history);
}

static const struct test tests[] = {
	{ "from pods", from_pods },
	{ "nothing known", nothing_known },
	{ "from one amount", from_one_amount },
	{ "without behaviour", without_behaviour },
	{ "with policies", with_policies },
	{ "choices and windows", choices_and_windows },
};
TEST_MAIN(tests)
