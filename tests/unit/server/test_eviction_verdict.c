/*
 * test_eviction_verdict.c - evictions: what each state of a pod and of its budget means.
 *
 * Goal: every answer is the one that clients of Kubernetes know, also for states that last a moment
 * only where the controller of budgets is at work.  Method: pods and budgets that are objects only.
 */
#include "server/registry/eviction_verdict.h"

#include "base/json.h"
#include "tests/unit/harness.h"

static const struct object *read_object(const char *text)
{
	struct json_doc *doc;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return object_new(doc);
}

/* `status`: its fields; `ready`: "True", "False" or "" for no such condition. */
static const struct object *make_pod(const char *phase, const char *ready)
{
	auto_free char *condition =
		*ready ? memory_print("{\"type\":\"Ready\",\"status\":\"%s\"}", ready)
		       : memory_string("");
	auto_free char *text = memory_print(
		"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"labels\":{"
		"\"app\":\"a\"}},\"status\":{\"phase\":\"%s\",\"conditions\":[%s]}}",
		phase, condition);

	return read_object(text);
}

/* `spec` follows the selector, `status` are its fields; the generation is 3. */
static const struct object *make_budget(const char *selector, const char *spec, const char *status)
{
	auto_free char *text = memory_print(
		"{\"apiVersion\":\"policy/v1\",\"kind\":\"PodDisruptionBudget\",\"metadata\":{"
		"\"name\":\"b\",\"generation\":3},\"spec\":{\"selector\":%s%s},\"status\":{%s}}",
		selector, spec, status);

	return read_object(text);
}

#define OURS   "{\"matchLabels\":{\"app\":\"a\"}}"
#define OTHERS "{\"matchLabels\":{\"app\":\"b\"}}"

/* --- which budget --- */

static void some_need_none(void)
{
	static const struct {
		const char *phase;
		bool none;
	} rows[] = { { "Succeeded", true },
		     { "Failed", true },
		     { "Pending", true },
		     { "Running", false },
		     { "Unknown", false } };

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_object pod = make_pod(rows[i].phase, "True");

		CHECK_INT(eviction_needs_no_budget(pod), rows[i].none);
	}
	auto_object leaving = read_object("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{"
					  "\"name\":\"p\",\"deletionTimestamp\":"
					  "\"2026-01-01T00:00:00Z\"},\"status\":{\"phase\":"
					  "\"Running\"}}");
	CHECK(eviction_needs_no_budget(leaving));
}

static void more_than_one_is_too_many(void)
{
	auto_object pod = make_pod("Running", "True");
	auto_object ours = make_budget(OURS, "", "");
	auto_object all = make_budget("{}", "", "");
	auto_object others = make_budget(OTHERS, "", "");
	auto_object none = read_object("{\"apiVersion\":\"policy/v1\",\"kind\":"
				       "\"PodDisruptionBudget\",\"metadata\":{\"name\":\"n\"},"
				       "\"spec\":{}}");
	struct eviction it = { .pod = pod };
	struct error err = { 0 };

	eviction_note(&it, others);
	eviction_note(&it, none);
	CHECK_INT(eviction_judge(&it, &err), EVICTION_GOES);
	eviction_note(&it, ours);
	CHECK(it.budget == ours);
	CHECK_INT(eviction_judge(&it, &err), EVICTION_COSTS);
	eviction_note(&it, all);
	CHECK_INT(it.budgets, 2);
	CHECK_INT(eviction_judge(&it, &err), EVICTION_REFUSED);
	CHECK_INT(err.kind, ERROR_PLAIN);
	CHECK_STR(err.text, "This pod has more than one PodDisruptionBudget, which the eviction "
			    "subresource does not support.");
}

/* --- pods that are not ready --- */

static void unready_pods(void)
{
#define ENOUGH  "\"currentHealthy\":2,\"desiredHealthy\":2"
#define TOO_FEW "\"currentHealthy\":1,\"desiredHealthy\":2"
#define NOBODY  "\"currentHealthy\":0,\"desiredHealthy\":0"
#define ALWAYS  ",\"unhealthyPodEvictionPolicy\":\"AlwaysAllow\""
#define IF      ",\"unhealthyPodEvictionPolicy\":\"IfHealthyBudget\""
	static const struct {
		const char *ready, *spec, *status;
		enum eviction_verdict want;
	} rows[] = {
		{ "False", "", ENOUGH, EVICTION_GOES },
		{ "", "", ENOUGH, EVICTION_GOES },
		{ "Unknown", "", ENOUGH, EVICTION_GOES },
		{ "True", "", ENOUGH, EVICTION_COSTS },
		{ "False", "", TOO_FEW, EVICTION_COSTS },
		{ "False", "", NOBODY, EVICTION_COSTS }, /* nothing has been counted */
		{ "False", IF, ENOUGH, EVICTION_GOES },
		{ "False", IF, TOO_FEW, EVICTION_COSTS },
		{ "False", ALWAYS, TOO_FEW, EVICTION_GOES },
		{ "False", ALWAYS, NOBODY, EVICTION_GOES },
		{ "True", ALWAYS, TOO_FEW, EVICTION_COSTS },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_object pod = make_pod("Running", rows[i].ready);
		auto_object budget = make_budget(OURS, rows[i].spec, rows[i].status);
		struct eviction it = { .pod = pod };
		struct error err;

		eviction_note(&it, budget);
		if (eviction_judge(&it, &err) != rows[i].want)
			harness_fail(__FILE__, __LINE__, "row %zu is judged otherwise", i);
	}
}

/* --- what a budget can pay --- */

#define VIOLATES "Cannot evict pod as it would violate the pod's disruption budget."

static void budgets_pay_or_say_why(void)
{
	static const struct {
		const char *status;
		enum error_kind kind;
		const char *text, *cause;
		int retry_after_s;
	} rows[] = {
		{ "\"observedGeneration\":3,\"disruptionsAllowed\":1", ERROR_NONE, "", "", 0 },
		/* The controller has not seen the newest words of the budget. */
		{ "\"observedGeneration\":2,\"disruptionsAllowed\":1", ERROR_TOO_MANY, VIOLATES,
		  "The disruption budget b is still being processed by the server.", 10 },
		{ "", ERROR_TOO_MANY, VIOLATES,
		  "The disruption budget b is still being processed by the server.", 10 },
		{ "\"observedGeneration\":3,\"disruptionsAllowed\":0,\"desiredHealthy\":2,"
		  "\"currentHealthy\":1",
		  ERROR_TOO_MANY, VIOLATES,
		  "The disruption budget b needs 2 healthy pods and has 1 currently", -1 },
		{ "\"observedGeneration\":3,\"disruptionsAllowed\":-1", ERROR_FORBIDDEN,
		  "poddisruptionbudget.policy \"b\" is forbidden: pdb disruptions allowed is "
		  "negative",
		  "", 0 },
	};
	auto_arena arena = arena_new();

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_object budget = make_budget(OURS, "", rows[i].status);
		struct eviction_refusal why;
		struct error err = { .kind = ERROR_NONE };

		CHECK_INT(eviction_check(budget, arena, &why, &err), rows[i].kind == ERROR_NONE);
		CHECK_INT(err.kind, rows[i].kind);
		CHECK_STR(err.text, rows[i].text);
		CHECK_STR(why.cause.message ? why.cause.message : "", rows[i].cause);
		CHECK_STR(why.cause.reason ? why.cause.reason : "",
			  *rows[i].cause ? "DisruptionBudget" : "");
		CHECK_INT(why.retry_after_s, rows[i].retry_after_s);
	}
}

/* Evictions that no controller has confirmed do not pile up without end. */
static void unconfirmed_ones_are_counted(void)
{
	auto_arena arena = arena_new();

	for (int extra = 0; extra < 2; extra++) {
		auto_buf status = BUF_INIT;
		struct eviction_refusal why;
		struct error err;

		buf_add_print(&status, "\"observedGeneration\":3,\"disruptionsAllowed\":1,"
				       "\"disruptedPods\":{");
		for (int i = 0; i < 2000 + extra; i++)
			buf_add_print(&status, "%s\"p%d\":\"2026-01-01T00:00:00Z\"", i ? "," : "",
				      i);
		buf_add_print(&status, "}");
		auto_object budget = make_budget(OURS, "", buf_text(&status));
		CHECK_INT(eviction_check(budget, arena, &why, &err), extra == 0);
		if (extra)
			CHECK_STR(err.text, "poddisruptionbudget.policy \"b\" is forbidden: "
					    "DisruptedPods map too big - too many evictions not "
					    "confirmed by PDB controller");
	}
}

static void check_paid(const char *status, const char *want)
{
	auto_object budget = make_budget(OURS, "", status);
	struct json_doc *doc = object_thaw(budget);
	struct json *paid = json_sub_object(doc, json_root(doc), "status");
	auto_buf text = BUF_INIT;

	eviction_pay(doc, paid, STR("p"), "2026-02-02T00:00:00Z");
	json_print(paid, &text);
	CHECK_STR(buf_text(&text), want);
	json_doc_free(doc);
}

static void paying_is_written_down(void)
{
	check_paid("\"observedGeneration\":3,\"disruptionsAllowed\":2",
		   "{\"observedGeneration\":3,\"disruptionsAllowed\":1,\"disruptedPods\":{\"p\":"
		   "\"2026-02-02T00:00:00Z\"}}");
	/* The last one: the condition turns. */
	check_paid("\"observedGeneration\":3,\"disruptionsAllowed\":1,\"conditions\":[{\"type\":"
		   "\"DisruptionAllowed\",\"status\":\"True\",\"reason\":\"SufficientPods\","
		   "\"message\":\"\",\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}],"
		   "\"disruptedPods\":{\"q\":\"2026-01-01T00:00:00Z\"}",
		   "{\"observedGeneration\":3,\"disruptionsAllowed\":0,\"conditions\":[{\"type\":"
		   "\"DisruptionAllowed\",\"status\":\"False\",\"reason\":\"InsufficientPods\","
		   "\"message\":\"\",\"lastTransitionTime\":\"2026-02-02T00:00:00Z\","
		   "\"observedGeneration\":3}],\"disruptedPods\":{\"q\":\"2026-01-01T00:00:00Z\","
		   "\"p\":\"2026-02-02T00:00:00Z\"}}");
}

static const struct test tests[] = {
	{ "some need none", some_need_none },
	{ "more than one is too many", more_than_one_is_too_many },
	{ "unready pods", unready_pods },
	{ "budgets pay or say why", budgets_pay_or_say_why },
	{ "unconfirmed ones are counted", unconfirmed_ones_are_counted },
	{ "paying is written down", paying_is_written_down },
};
TEST_MAIN(tests)
