/*
 * test_removal_options.c - what a DELETE means for objects in each state: gone, marked, or already
 * on their way.
 */
#include "server/registry/removal_options.h"

#include "base/clock.h"
#include "tests/unit/harness.h"

static struct json_doc *parse(const char *text)
{
	struct json_doc *doc;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return doc;
}

struct row {
	const char *version, *kind, *object;
	struct removal_options options;
	bool at_once, waits;
	int64_t grace_s;
	const char *finalizers; /* afterwards, as JSON; "" = none */
};

#define POD(meta, grace, phase)                                                                    \
	"{\"metadata\":{" meta                                                                     \
	"},\"spec\":{\"nodeName\":\"n\",\"terminationGracePeriodSeconds\":" #grace                 \
	"},\"status\":{\"phase\":\"" phase "\"}}"
#define ENDING(grace)                                                                              \
	"\"deletionTimestamp\":\"2026-01-01T00:00:00Z\",\"deletionGracePeriodSeconds\":" #grace
#define NONE                                                                                       \
	{                                                                                          \
		.grace_s = -1                                                                      \
	}

static const struct row rows[] = {
	{ "v1", "ConfigMap", "{\"metadata\":{}}", NONE, true, false, 0, "" },
	{ "v1", "ConfigMap", "{\"metadata\":{\"finalizers\":[\"x\"]}}", NONE, false, false, 0,
	  "[\"x\"]" },
	{ "v1",
	  "ConfigMap",
	  "{\"metadata\":{}}",
	  { -1, REMOVAL_ORPHAN, .uid = { 0 } },
	  false,
	  false,
	  0,
	  "[\"orphan\"]" },
	{ "v1",
	  "ConfigMap",
	  "{\"metadata\":{\"finalizers\":[\"orphan\",\"x\"]}}",
	  { -1, REMOVAL_FOREGROUND, .uid = { 0 } },
	  false,
	  false,
	  0,
	  "[\"x\",\"foregroundDeletion\"]" },
	/* What it says already counts when nothing is asked for, and is taken off by another wish.
	 */
	{ "v1", "ConfigMap", "{\"metadata\":{\"finalizers\":[\"foregroundDeletion\"]}}", NONE,
	  false, false, 0, "[\"foregroundDeletion\"]" },
	{ "v1",
	  "ConfigMap",
	  "{\"metadata\":{\"finalizers\":[\"foregroundDeletion\"]}}",
	  { -1, REMOVAL_BACKGROUND, .uid = { 0 } },
	  true,
	  false,
	  0,
	  "" },
	{ "batch/v1", "Job", "{\"metadata\":{}}", NONE, false, false, 0, "[\"orphan\"]" },
	{ "v1",
	  "Event",
	  "{\"metadata\":{}}",
	  { -1, REMOVAL_ORPHAN, .uid = { 0 } },
	  true,
	  false,
	  0,
	  "" },
	{ "v1", "Namespace", "{\"metadata\":{},\"spec\":{\"finalizers\":[\"k\"]}}", NONE, false,
	  false, 0, "" },
	{ "v1", "Pod", POD("", 30, "Running"), NONE, false, false, 30, "" },
	{ "v1", "Pod", POD("", 30, "Running"), { .grace_s = 5 }, false, false, 5, "" },
	{ "v1", "Pod", POD("", 30, "Running"), { .grace_s = 0 }, true, false, 0, "" },
	{ "v1", "Pod", POD("", -1, "Running"), NONE, false, false, 1, "" },
	{ "v1", "Pod", POD("", 30, "Failed"), NONE, true, false, 0, "" },
	{ "v1", "Pod", "{\"metadata\":{},\"spec\":{}}", NONE, true, false, 0, "" },
	{ "v1", "Pod", POD(ENDING(30), 30, "Running"), NONE, false, true, 0, "" },
	{ "v1", "Pod", POD(ENDING(30), 30, "Running"), { .grace_s = 40 }, false, true, 0, "" },
	{ "v1", "Pod", POD(ENDING(30), 30, "Running"), { .grace_s = 10 }, false, false, 10, "" },
	{ "v1", "Pod", POD(ENDING(30), 30, "Running"), { .grace_s = 0 }, true, false, 0, "" },
	{ "v1", "Pod", POD(ENDING(0), 30, "Running"), NONE, true, false, 0, "" },
};

static void check(const struct row *row)
{
	const struct kind *kind = kind_find_name(str_of(row->version), str_of(row->kind));
	auto_json_doc doc = parse(row->object);
	struct removal_decision decision;
	auto_buf text = BUF_INIT;

	removal_decide(&row->options, kind, json_root(doc), &decision);
	CHECK(decision.at_once == row->at_once);
	CHECK(decision.waits == row->waits);
	if (row->at_once || row->waits)
		return;
	removal_mark(&decision, kind, doc);
	CHECK_INT(decision.grace_s, row->grace_s);
	CHECK(json_get(meta_of(json_root(doc)), "deletionTimestamp"));
	json_print(json_get(meta_of(json_root(doc)), "finalizers"), &text);
	CHECK_STR(buf_text(&text), *row->finalizers ? row->finalizers : "null");
}

static void decides(void)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		check(&rows[i]);
}

/* Goal: a grace period that is made shorter ends that much earlier. */
static void shortens(void)
{
	static const char pod[] = POD(ENDING(30), 30, "Running");
	const struct kind *kind = kind_find_name(STR("v1"), STR("Pod"));
	struct removal_options options = { .grace_s = 10 };
	auto_json_doc doc = parse(pod);
	struct removal_decision decision;

	removal_decide(&options, kind, json_root(doc), &decision);
	removal_mark(&decision, kind, doc);
	CHECK(str_is(meta_str(json_root(doc), "deletionTimestamp"), "2025-12-31T23:59:40Z"));
}

static const struct test tests[] = {
	{ "decides", decides },
	{ "shortens", shortens },
};

TEST_MAIN(tests)
