/*
 * test_ota_facts.c - goal: "no worse than before" is told from "worse".  Method: pairs of what an
 * agent says.
 */
#include "cli/ota_facts.h"

#include "tests/unit/harness.h"

#define RUN(pod, id, started)                                                                      \
	"{\"pod\":\"" pod "\",\"uid\":\"u\",\"id\":\"" id "\",\"startedMicros\":" started "}"
#define AGENT(connected, ready, runs)                                                              \
	"{\"agent\":{\"containers\":[" runs "],\"connected\":" connected ",\"ready\":" ready "}}"

static bool fine(const char *before, const char *now, struct error *err)
{
	auto_json_doc old = NULL;
	auto_json_doc new = NULL;

	CHECK_OK(json_parse(str_of(before), &old, NULL, err), err);
	CHECK_OK(json_parse(str_of(now), &new, NULL, err), err);
	return ota_facts_compare(json_root(old), json_root(new), err);
}

static void no_worse_is_fine(void)
{
	static const char all[] = AGENT("true", "true", RUN("d/a", "a.0", "5"));
	struct error err;

	CHECK(fine("{}", "{\"agent\":null}", &err));
	CHECK(fine("{\"agent\":null}", "{\"agent\":null}", &err));
	CHECK(fine(all, all, &err));
	CHECK(fine("{\"agent\":null}", all, &err));
	/* It was offline before: it may stay so. */
	CHECK(fine(AGENT("false", "false", ""), AGENT("false", "false", ""), &err));
	CHECK(fine(AGENT("false", "false", ""), all, &err));
	CHECK(fine(AGENT("true", "true", ""), AGENT("true", "true", RUN("d/a", "a.0", "5")), &err));
}

static void worse_is_named(void)
{
	static const char all[] = AGENT("true", "true", RUN("d/a", "a.0", "5"));
	struct error err;

	CHECK(!fine(all, "{\"agent\":null}", &err));
	CHECK_STR(err.text, "the agent does not answer");
	CHECK(!fine(all, AGENT("false", "true", RUN("d/a", "a.0", "5")), &err));
	CHECK_STR(err.text, "the node has no connection to its server");
	CHECK(!fine(all, AGENT("true", "false", RUN("d/a", "a.0", "5")), &err));
	CHECK_STR(err.text, "the node is not Ready");
	CHECK(!fine(all, AGENT("true", "true", ""), &err));
	CHECK_STR(err.text, "container a.0 of pod d/a does not run as it did");
	/* It was started again. */
	CHECK(!fine(all, AGENT("true", "true", RUN("d/a", "a.0", "6")), &err));
	CHECK(!fine(all, AGENT("true", "true", RUN("d/a", "a.1", "5")), &err));
}

#define JOB(id, started)                                                                           \
	"{\"pod\":\"d/j\",\"uid\":\"j\",\"id\":\"" id "\",\"startedMicros\":" started              \
	",\"mayEnd\":true}"

static void what_ends_by_itself_may_end(void)
{
	static const char job[] = AGENT("true", "true", JOB("a.0", "5"));
	struct error err;

	CHECK(fine(job, job, &err));
	CHECK(fine(job, AGENT("true", "true", ""), &err));
	CHECK(fine(job, AGENT("true", "true", RUN("d/a", "a.0", "7")), &err));
	CHECK(!fine(job, AGENT("true", "true", JOB("a.1", "9")), &err));
	CHECK_STR(err.text, "container a.0 of pod d/j does not run as it did");
	/* Another version may say more, or less, of the same run. */
	CHECK(fine(AGENT("true", "true", "{\"uid\":\"j\",\"id\":\"a.0\",\"startedMicros\":5}"), job,
		   &err));
}

static void they_are_kept(void)
{
	auto_json_doc facts = NULL;
	auto_json_doc back = NULL;
	auto_json_doc none = NULL;
	struct slots slots;
	struct error err;

	CHECK_OK(slots_open(harness_folder(), true, &slots, &err), &err);
	CHECK_OK(ota_facts_gather(harness_folder(), &facts, &err), &err);
	CHECK_INT(json_type(json_get(json_root(facts), "agent")), JSON_NULL);
	CHECK_OK(ota_facts_keep(&slots, facts, &err), &err);
	CHECK_OK(ota_facts_read(&slots, &back, &err), &err);
	CHECK(json_equal(json_root(facts), json_root(back)));
	ota_facts_forget(&slots);
	CHECK_OK(ota_facts_read(&slots, &none, &err), &err);
	CHECK_INT(json_type(json_get(json_root(none), "agent")), JSON_ABSENT);
	slots_close(&slots);
}

static const struct test tests[] = {
	{ "no worse is fine", no_worse_is_fine },
	{ "worse is named", worse_is_named },
	{ "what ends by itself may end", what_ends_by_itself_may_end },
	{ "they are kept", they_are_kept },
};
TEST_MAIN(tests)
