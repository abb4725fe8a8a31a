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
		{ "tier in (b,,a)", true },
		{ "empty in (,b)", true },
		{ "empty in (b,)", true },
		{ "in=x,notin", false },
		{ "app\tin\n(web)", true },
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

/* Goal: what is wrong is said as the real server says it. */
static void words_of_refusals(void)
{
	static const struct {
		const char *selector, *text;
	} rows[] = {
		{ "a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, "
			 "gt, lt" },
		{ "=", "found '=', expected: !, identifier, or 'end of string'" },
		{ "!", "unable to parse requirement: found '', expected: identifier" },
		{ "a,", "found '', expected: identifier after ','" },
		{ "a,=b", "found '=', expected: identifier after ','" },
		{ "!a=b", "found '=', expected: ',' or 'end of string'" },
		{ "a=b=c", "found '=', expected: ',' or 'end of string'" },
		{ "a=(", "unable to parse requirement: found '(', expected: identifier" },
		{ "a in b", "unable to parse requirement: found 'b' expected: '('" },
		{ "a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'" },
		{ "a in (=)", "unable to parse requirement: found '=', expected: ',', or "
			      "identifier" },
		{ "a>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', "
			 "'Lt' operators, the value must be an integer" },
	};
	struct selector *selector = NULL;
	struct error err;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		CHECK(!selector_parse_labels(str_of(rows[i].selector), &selector, &err));
		CHECK_STR(err.text, rows[i].text);
	}
	CHECK(!selector_parse_labels(STR("a in (z,-b-)"), &selector, &err));
	CHECK(str_starts(str_of(err.text), STR("unable to parse requirement: values[0][a]: Invalid "
					       "value: \"-b-\": ")));
	CHECK(!selector_parse_labels(STR("-a-=b"), &selector, &err));
	CHECK(str_starts(str_of(err.text),
			 STR("unable to parse requirement: <nil>: Invalid value: \"-a-\": ")));
}

static void check_field_refusal(const char *kind_name, const char *text, const char *wanted)
{
	const struct kind *kind = kind_find_name(STR("v1"), str_of(kind_name));
	struct selector *selector = NULL;
	struct error err;

	CHECK(!selector_parse_fields(str_of(text), kind, &selector, &err));
	CHECK_INT(err.kind, ERROR_BAD_REQUEST);
	CHECK_STR(err.text, wanted);
}

/* Goal: the same of fields; those that are not there read as their zero. */
static void words_of_fields(void)
{
	const struct kind *pod = kind_find_name(STR("v1"), STR("Pod"));
	auto_object object = object_of("{\"metadata\":{\"name\":\"p\"},\"spec\":{}}");
	struct selector *selector;
	struct error err;

	check_field_refusal("Pod", "a", "invalid selector: 'a'; can't understand 'a'");
	check_field_refusal("Pod", "spec.nodeName=a,b",
			    "invalid selector: 'spec.nodeName=a,b'; can't understand 'b'");
	check_field_refusal("Pod", "spec.nodeName=a=b",
			    "invalid field selector: unescaped character in value: 61");
	check_field_refusal("Pod", "spec.nodeName=a\\b",
			    "invalid field selector: invalid escape sequence: \\b");
	check_field_refusal("ConfigMap", "data=x",
			    "\"data\" is not a known field selector: only \"metadata.name\", "
			    "\"metadata.namespace\"");
	check_field_refusal("Node", "metadata.namespace=x",
			    "field label not supported: metadata.namespace");
	CHECK_OK(selector_parse_fields(STR("spec.host=,spec.hostNetwork!=true,status.podIPs="), pod,
				       &selector, &err),
		 &err);
	CHECK(selector_match(selector, object));
	selector_free(selector);
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
	{ "matches labels", matches_labels },   { "refuses labels", refuses_labels },
	{ "matches fields", matches_fields },   { "words of refusals", words_of_refusals },
	{ "words of fields", words_of_fields },
};
TEST_MAIN(tests)
