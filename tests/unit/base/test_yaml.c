/*
 * test_yaml.c - YAML into JSON values and back.
 */
#include "base/yaml.h"

#include "tests/unit/harness.h"

static void check(const char *yaml, const char *json)
{
	auto_buf text = BUF_INIT;
	struct json_doc *doc;
	struct error err;

	CHECK_OK(yaml_parse(str_of(yaml), &doc, NULL, &err), &err);
	json_print(json_root(doc), &text);
	json_doc_free(doc);
	CHECK_STR(buf_text(&text), json);
}

/* Goal: scalars become what Kubernetes' YAML reader makes of them. */
static void resolves_scalars(void)
{
	check("a: 1\nb: '1'\nc: yes\nd: ~\ne: 0x10\nf: 1.5\ng: 010\nh: 1m\ni: \"true\"",
	      "{\"a\":1,\"b\":\"1\",\"c\":true,\"d\":null,\"e\":16,\"f\":1.5,\"g\":8,\"h\":\"1m\","
	      "\"i\":\"true\"}");
	check("- a\n- {b: c}\n- [1, 2]\n", "[\"a\",{\"b\":\"c\"},[1,2]]");
	check("", "null");
	check("base: &x {a: 1, b: 2}\nmore:\n  <<: *x\n  b: 3\n",
	      "{\"base\":{\"a\":1,\"b\":2},\"more\":{\"b\":3,\"a\":1}}");
}

/* Goal: several documents come one by one, empty ones not at all. */
static void splits_documents(void)
{
	struct json_doc *doc;
	struct error err;

	CHECK_OK(yaml_parse_all(STR("---\na: 1\n---\n---\nb: 2\n"), &doc, &err), &err);
	CHECK_INT(json_count(json_root(doc)), 2);
	json_doc_free(doc);
}

/* Goal: alias bombs, deep nesting and malformed texts end with an error, soon. */
static void refuses(void)
{
	static const char bomb[] =
		"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
		"c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
		"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
	static const char *const bad[] = { "a: [", "a: *nobody", "\"\xff\"", "a: b: c", bomb };
	auto_buf deep = BUF_INIT;
	struct json_doc *doc;
	struct error err;

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		CHECK(!yaml_parse(str_of(bad[i]), &doc, NULL, &err));
		CHECK_INT(err.kind, ERROR_BAD_REQUEST);
	}
	for (int i = 0; i < 5000; i++)
		buf_add_byte(&deep, '[');
	CHECK(!yaml_parse(buf_str(&deep), &doc, NULL, &err));
}

/* Goal: what is printed is read again as the same value. */
static void prints_back(void)
{
	static const char json[] = "{\"a\":\"1\",\"b\":[{\"c\":\"x: "
				   "y\",\"d\":[]},[1]],\"e\":{},\"f\":\"\",\"g\":\"no\","
				   "\"h\":\"line\\nline\",\"- i\":-1.5}";
	auto_json_doc doc = NULL;
	auto_buf yaml = BUF_INIT;
	struct error err;

	CHECK_OK(json_parse(str_of(json), &doc, NULL, &err), &err);
	yaml_print(json_root(doc), &yaml);
	check(buf_text(&yaml), json);
}

static const struct test tests[] = {
	{ "resolves scalars", resolves_scalars },
	{ "splits documents", splits_documents },
	{ "refuses", refuses },
	{ "prints back", prints_back },
};
TEST_MAIN(tests)
