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

static void refuse(struct buf *text, const char *word)
{
	struct json_doc *doc;
	struct error err;

	CHECK(!yaml_parse(buf_str(text), &doc, NULL, &err));
	CHECK_INT(err.kind, ERROR_BAD_REQUEST);
	if (!strstr(err.text, word))
		harness_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", err.text, word);
	buf_reset(text);
}

/* Goal: what libyaml and the aliases could make large out of little is limited: depth and text that
 * come by aliases, and directives. */
static void refuses_large_from_little(void)
{
	auto_buf text = BUF_INIT;

	for (int i = 0; i < 3; i++) {
		buf_add_print(&text, "- &a%d ", i);
		for (int k = 0; k < 60; k++)
			buf_add_byte(&text, '[');
		if (i > 0)
			buf_add_print(&text, "*a%d ", i - 1);
		for (int k = 0; k < 60; k++)
			buf_add_byte(&text, ']');
		buf_add_byte(&text, '\n');
	}
	refuse(&text, "nested deeper");
	buf_add_text(&text, "a: &a ");
	for (int i = 0; i < 100000; i++)
		buf_add_byte(&text, 'x');
	buf_add_text(&text, "\nb: [");
	for (int i = 0; i < 100; i++)
		buf_add_text(&text, "*a,");
	buf_add_byte(&text, ']');
	refuse(&text, "more than 8388608 bytes");
	for (int i = 0; i < 65; i++)
		buf_add_print(&text, "%%TAG !a%d! b\n", i);
	buf_add_text(&text, "--- a\n");
	refuse(&text, "%TAG");
}

/* Goal: a mapping with very many keys, some of them twice, is read in reasonable time: the walk of
 * all keys for each one took half a minute. */
static void reads_large_mappings(void)
{
	auto_buf text = BUF_INIT;
	auto_json_doc doc = NULL;
	const char *duplicate = NULL;
	struct error err;

	buf_add_text(&text, "base: &b {a: 1, z0: 2}\nall:\n  <<: *b\n");
	for (int i = 0; i < 48000; i++)
		buf_add_print(&text, "  z%d: 1\n", i);
	for (int i = 0; i < 48000; i++)
		buf_add_text(&text, "  z47999: 3\n");
	CHECK_OK(yaml_parse(buf_str(&text), &doc, &duplicate, &err), &err);
	CHECK_STR(duplicate, "z47999");
	CHECK_INT(json_count(json_get(json_root(doc), "all")), 48001);
	CHECK_INT(json_int(json_path(json_root(doc), "all", "z47999", NULL)), 3);
	CHECK_INT(json_int(json_path(json_root(doc), "all", "z0", NULL)), 1);
	CHECK_INT(json_int(json_path(json_root(doc), "all", "a", NULL)), 1);
}

/* Goal: of equal keys the last value wins in the place of the first, and the key is told; only a
 * plain << merges. */
static void judges_duplicates(void)
{
	struct json_doc *doc;
	const char *duplicate = NULL;
	struct error err;

	CHECK_OK(yaml_parse(STR("{a: {x: 1}, b: 2, a: 3}"), &doc, &duplicate, &err), &err);
	CHECK_STR(duplicate, "a");
	json_doc_free(doc);
	CHECK_OK(yaml_parse(STR("{a: 1, b: {a: 1}}"), &doc, &duplicate, &err), &err);
	CHECK(duplicate == NULL);
	json_doc_free(doc);
	check("{a: {x: 1}, b: 2, a: 3, b: 4, c: 5}", "{\"a\":3,\"b\":4,\"c\":5}");
	check("{\"<<\": {x: 1}, y: 2}", "{\"<<\":{\"x\":1},\"y\":2}");
	check("{<<: [{x: 1, y: 0}, {x: 2, z: 3}], y: 2}", "{\"y\":2,\"x\":1,\"z\":3}");
}

static void check_back(const char *json, const char *wanted)
{
	auto_json_doc doc = NULL;
	auto_json_doc again = NULL;
	auto_buf yaml = BUF_INIT;
	struct error err;

	CHECK_OK(json_parse(str_of(json), &doc, NULL, &err), &err);
	yaml_print(json_root(doc), &yaml);
	if (wanted)
		CHECK_STR(buf_text(&yaml), wanted);
	CHECK_OK(yaml_parse(buf_str(&yaml), &again, NULL, &err), &err);
	CHECK(json_equal(json_root(doc), json_root(again)));
}

/* Goal: what is printed is read again as the same value. */
static void prints_back(void)
{
	check_back("{\"a\":\"1\",\"b\":[{\"c\":\"x: y\",\"d\":[]},[1]],\"e\":{},\"f\":\"\","
		   "\"g\":\"no\",\"h\":\"line\\nline\",\"- i\":-1.5}",
		   "a: \"1\"\nb:\n- c: \"x: y\"\n  d: []\n- \n  - 1\ne: {}\nf: \"\"\ng: \"no\"\n"
		   "h: \"line\\nline\"\n\"- i\": -1.5\n");
	check_back("{\"\":1,\"a\\\"b: \\\\\":1,\"x\\ny\":1,\"<<\":{\"a\":1},\"true\":1,\"7\":1}",
		   "\"\": 1\n\"a\\\"b: \\\\\": 1\n\"x\\ny\": 1\n\"<<\":\n  a: 1\n\"true\": 1\n"
		   "\"7\": 1\n");
}

/* Goal: characters that YAML takes for line breaks or does not take at all are escaped, in values
 * and in keys; others are not. */
static void escapes_characters(void)
{
	check_back("{\"v\\u007f\":\"a\\u0085b\",\"\\u2028\":\"\\u2029\",\"\\ufeff\":"
		   "\"\\u0000\\uffff\"}",
		   "\"v\\u007f\": \"a\\u0085b\"\n\"\\u2028\": \"\\u2029\"\n"
		   "\"\\ufeff\": \"\\u0000\\uffff\"\n");
	check_back("[\"gr\\u00fc\\u00df\",\"\\u00a0\",\"\\ud83c\\udf3b\",\"\\u2027\"]",
		   "\n- gr\xc3\xbc\xc3\x9f\n- \xc2\xa0\n- \xf0\x9f\x8c\xbb\n- \xe2\x80\xa7\n");
}

/* Goal: texts that some reader would take for something else are quoted, and only those. */
static void quotes_where_needed(void)
{
	static const char *const quoted[] = {
		"y",          "N",
		"off",        "null",
		"~",          "0x1f",
		"1_000",      "12:30:45",
		"1e3",        ".inf",
		".NaN",       "=",
		"2026-11-20", "-",
		"- a",        "?",
		"...",        "---",
		"a:",         "a: b",
		"a #b",       " a",
		"a ",         "@a",
		"{a",         "*a",
		"!a",         "+7",
		"0o17",       "'a",
		"%a",         "a\\tb",
		"-1_0.5",     "18446744073709551616",
	};
	static const char *const plain[] = { "--flag",  "-x",    "10.43.0.1",  "10Gi",
					     "fe80::1", "a:b",   "http://x/y", "a#b",
					     "100m",    "v1",    "yes!",       "_",
					     "a'b",     "1.2.3", "abc",        "face_0",
					     "$(x)",    "." };

	for (size_t i = 0; i < ARRAY_LENGTH(quoted); i++) {
		auto_free char *json = memory_print("\"%s\"", quoted[i]);
		auto_free char *yaml = memory_print("\"%s\"\n", quoted[i]);

		check_back(json, yaml);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(plain); i++) {
		auto_free char *json = memory_print("\"%s\"", plain[i]);
		auto_free char *yaml = memory_print("%s\n", plain[i]);

		check_back(json, yaml);
	}
}

/* Goal: keys too long for a line of their own kind come back. */
static void prints_long_keys(void)
{
	auto_buf json = BUF_INIT;

	for (int i = 0; i < 3; i++) {
		buf_add_text(&json, i ? ",\"" : "[{\"");
		for (int k = 0; k < 990 + i * 200; k++)
			buf_add_byte(&json, 'k');
		buf_add_text(&json, i == 1 ? "\":[1,{\"a\":{}}]" : "\":{\"a\":{\"b\":[]}}");
	}
	buf_add_text(&json, "}]");
	check_back(buf_text(&json), NULL);
}

/* Goal: integers are exact wherever they are in JSON. */
static void keeps_integers(void)
{
	check("[-9223372036854775808, 9223372036854775807, 18446744073709551615]",
	      "[-9223372036854775808,9223372036854775807,18446744073709551615]");
	check("[0xffffffffffffffff, -0x8000000000000000, 0o17, 0b101, +5, -0]",
	      "[18446744073709551615,-9223372036854775808,15,5,5,0]");
	check("[-9223372036854775809, 18446744073709551616, 0x10000000000000000]",
	      "[-9223372036854776000.0,18446744073709552000.0,\"0x10000000000000000\"]");
	check_back("[-9223372036854775808,18446744073709551615,18446744073709551616,0.1,-0.0]",
		   NULL);
}

/* Goal: each key that comes again is told with its value's line, the inner ones first. */
static void tells_duplicates_by_line(void)
{
	auto_buf told = BUF_INIT;

	yaml_print_duplicates(STR("a: 1\nb:\n  c: 1\n  'c': [{d: 1, d: 2}]\nb:\n  e\na: 1\n"),
			      &told);
	CHECK_STR(buf_text(&told), "\n  line 4: key \"d\" already set in map"
				   "\n  line 4: key \"c\" already set in map"
				   "\n  line 6: key \"b\" already set in map"
				   "\n  line 7: key \"a\" already set in map");
}

static const struct test tests[] = {
	{ "resolves scalars", resolves_scalars },
	{ "splits documents", splits_documents },
	{ "refuses", refuses },
	{ "refuses large from little", refuses_large_from_little },
	{ "reads large mappings", reads_large_mappings, .time_limit_s = 5 },
	{ "judges duplicates", judges_duplicates },
	{ "tells duplicates by line", tells_duplicates_by_line },
	{ "prints back", prints_back },
	{ "escapes characters", escapes_characters },
	{ "quotes where needed", quotes_where_needed },
	{ "prints long keys", prints_long_keys },
	{ "keeps integers", keeps_integers },
};
TEST_MAIN(tests)
