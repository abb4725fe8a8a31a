/*
 * test_selector.c - label and field selectors.
 */
#include "api/selector.h"

#include "api/kind.h"
#include "tests/unit/harness.h"

static struct object *object_of(const char *text)
{
	struct object *object;
	struct error err;

	CHECK_OK(object_from_bytes(str_of(text), &object, &err), &err);
	return object;
}

/* Goal: each form of the grammar matches what it should. */
static void matches_labels(void)
{
	static const struct {
		const char *selector;
		bool match;
	} rows[] = {
		{ "", true },
		{ "app=web", true },
		{ "app==web", true },
		{ "app = web , tier", true },
		{ "app!=web", false },
		{ "nope!=x", true },
		{ "tier in (a, b)", true },
		{ "tier in (b,c)", false },
		{ "tier notin (b,c)", true },
		{ "nope notin (a)", true },
		{ "!nope", true },
		{ "!app", false },
		{ "app,!nope,n>2", true },
		{ "n>3", false },
		{ "n<4", true },
		{ "empty=", true },
		{ "empty in ()", true },
		{ "example.com/x=1", true },
	};
	auto_object object = object_of("{\"metadata\":{\"name\":\"p\",\"labels\":{\"app\":\"web\","
				       "\"tier\":\"a\",\"n\":\"3\","
				       "\"empty\":\"\",\"example.com/x\":\"1\"}}}");

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct selector *selector;
		struct error err;

		CHECK_OK(selector_parse_labels(str_of(rows[i].selector), &selector, &err), &err);
		if (selector_match(selector, object) != rows[i].match)
			harness_fail(__FILE__, __LINE__, "%s", rows[i].selector);
		selector_free(selector);
	}
}

/* Goal: what does not parse is said, and nothing is kept. */
static void refuses_labels(void)
{
	static const char *const bad[] = { "=",         "a=b=c", "a in",   "a in (", "a in (b",
					   "a,,b",      "a b",   "-a=1",   "a=-b-",  "a>x",
					   "a in (b)c", ",",     "a/b/c=1" };
	struct selector *selector = NULL;
	struct error err;

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		if (selector_parse_labels(str_of(bad[i]), &selector, &err))
			harness_fail(__FILE__, __LINE__, "taken: %s", bad[i]);
		CHECK_INT(err.kind, ERROR_BAD_REQUEST);
	}
}

/* Goal: field selectors know the fields of their kind, and only these. */
static void matches_fields(void)
{
	const struct kind *pod = kind_find_name(STR("v1"), STR("Pod"));
	auto_object object = object_of("{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\"},"
				       "\"spec\":{\"nodeName\":\"n,1\"},"
				       "\"status\":{\"phase\":\"Running\"}}");
	struct selector *selector;
	struct error err;

	CHECK_OK(selector_parse_fields(
			 STR("spec.nodeName=n\\,1,status.phase!=Failed,metadata.namespace==d"), pod,
			 &selector, &err),
		 &err);
	CHECK(selector_match(selector, object));
	CHECK(str_is(selector_wanted(selector, "metadata.namespace"), "d"));
	selector_free(selector);
	CHECK_OK(selector_parse_fields(STR("spec.hostNetwork=false,status.podIP="), pod, &selector,
				       &err),
		 &err);
	CHECK(selector_match(selector, object));
	selector_free(selector);
	CHECK(!selector_parse_fields(STR("spec.colour=red"), pod, &selector, &err));
	CHECK_STR(err.text, "field label not supported: spec.colour");
	CHECK(!selector_parse_fields(STR("a"), kind_find_name(STR("v1"), STR("ConfigMap")),
				     &selector, &err));
}

static const struct test tests[] = {
	{ "matches labels", matches_labels },
	{ "refuses labels", refuses_labels },
	{ "matches fields", matches_fields },
};
TEST_MAIN(tests)
