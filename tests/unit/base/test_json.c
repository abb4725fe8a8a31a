/*
 * test_json.c - JSON values: parsing with limits, changing in place, printing.
 */
#include "base/json.h"

#include "base/limits.h"
#include "tests/unit/harness.h"

static struct json_doc *parse(const char *text)
{
	struct json_doc *doc;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return doc;
}

static void check_print(const struct json *value, const char *wanted)
{
	auto_buf text = BUF_INIT;

	json_print(value, &text);
	CHECK_STR(buf_text(&text), wanted);
}

/* Goal: what is read is printed the same, key order and integers included. */
static void prints_what_it_read(void)
{
	static const char text[] =
		"{\"b\":1,\"a\":[true,null,-9223372036854775808,18446744073709551615],"
		"\"s\":\"\\u0001\\n\\\"x\"}";
	auto_json_doc doc = parse(text);

	check_print(json_root(doc), text);
}

/* Goal: malformed texts are refused. */
static void refuses_malformed(void)
{
	static const char *const bad[] = {
		"",    "{",   "{\"a\":1,}", "[1,]",     "nul",   "01",
		"1 2", "NaN", "1e400",      "\"\xff\"", "{a:1}", "[1]x"
	};
	struct json_doc *doc = NULL;
	struct error err;

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		CHECK(!json_parse(str_of(bad[i]), &doc, NULL, &err));
		CHECK_INT(err.kind, ERROR_BAD_REQUEST);
	}
	CHECK(doc == NULL);
}

/* Goal: depth has a limit, and just at the limit all is well. */
static void limits_depth(void)
{
	auto_buf text = BUF_INIT;
	struct json_doc *doc;
	struct error err;

	for (int i = 0; i < LIMIT_JSON_DEPTH; i++)
		buf_add_byte(&text, '[');
	for (int i = 0; i < LIMIT_JSON_DEPTH; i++)
		buf_add_byte(&text, ']');
	CHECK_OK(json_parse(buf_str(&text), &doc, NULL, &err), &err);
	json_doc_free(doc);
	buf_reset(&text);
	for (int i = 0; i < 100000; i++)
		buf_add_text(&text, "{\"a\":[");
	CHECK(!json_parse(buf_str(&text), &doc, NULL, &err));
}

/* Goal: the first duplicate is told with its path, and the last value wins. */
static void finds_duplicates(void)
{
	const char *duplicate = NULL;
	struct json_doc *doc;
	struct error err;

	CHECK_OK(json_parse(STR("{\"a\":[{},{\"b\":{\"c\":1,\"d\":2,\"c\":3}}],\"z\":0}"), &doc,
			    &duplicate, &err),
		 &err);
	CHECK_STR(duplicate, "a[1].b.c");
	check_print(json_root(doc), "{\"a\":[{},{\"b\":{\"c\":3,\"d\":2}}],\"z\":0}");
	json_doc_free(doc);
	CHECK_OK(json_parse(STR("{\"a\":1,\"b\":{\"a\":1}}"), &doc, &duplicate, &err), &err);
	CHECK(duplicate == NULL);
	json_doc_free(doc);
}

/* Goal: an object with very many keys is judged in reasonable time. */
static void judges_large_objects(void)
{
	auto_buf text = BUF_INIT;
	const char *duplicate = NULL;
	struct json_doc *doc;
	struct error err;

	buf_add_byte(&text, '{');
	for (int i = 0; i < 100000; i++)
		buf_add_print(&text, "\"k%d\":0,", i);
	buf_add_text(&text, "\"k5\":1}");
	CHECK_OK(json_parse(buf_str(&text), &doc, &duplicate, &err), &err);
	CHECK_STR(duplicate, "k5");
	json_doc_free(doc);
}

/* Goal: put replaces in its place or appends; remove and insert keep the ring whole. */
static void changes_in_place(void)
{
	auto_json_doc doc = parse("{\"a\":1,\"b\":[1,2,3],\"c\":3}");
	struct json *root = json_root(doc), *list = json_get(root, "b");

	json_put(doc, root, "a", json_new_text(doc, "x"));
	json_put(doc, root, "d", json_new_bool(doc, true));
	json_insert(list, 0, json_new_int(doc, 0));
	json_insert(list, 4, json_new_int(doc, 4));
	json_remove_at(list, 2);
	check_print(root, "{\"a\":\"x\",\"b\":[0,1,3,4],\"c\":3,\"d\":true}");
	CHECK(json_remove(root, STR("c")));
	CHECK(!json_remove(root, STR("c")));
	json_put(doc, root, "a", NULL);
	check_print(root, "{\"b\":[0,1,3,4],\"d\":true}");
	json_clear(root);
	json_put(doc, root, "only", json_new_null(doc));
	json_put(doc, root, "only", json_new_int(doc, -1));
	check_print(root, "{\"only\":-1}");
}

/* Goal: equality does not ask for key order, but for everything else. */
static void compares(void)
{
	auto_json_doc a = parse("{\"x\":1,\"y\":[1,2]}");
	auto_json_doc b = parse("{\"y\":[1,2],\"x\":1}");
	auto_json_doc c = parse("{\"y\":[2,1],\"x\":1}");
	auto_json_doc d = json_doc_new();
	struct json *made = json_new_object(d);

	json_put(d, made, "y", json_clone(d, json_get(json_root(a), "y")));
	json_put(d, made, "x", json_new_int(d, 1));
	CHECK(json_equal(json_root(a), json_root(b)));
	CHECK(!json_equal(json_root(a), json_root(c)));
	CHECK(json_equal(json_root(a), made));
}

static struct json_doc *numbered(unsigned count, unsigned step)
{
	auto_buf text = BUF_INIT;

	buf_add_text(&text, "{\"deep\":{");
	for (unsigned i = 0; i < count; i++) {
		unsigned number = (unsigned)((uint64_t)i * step % count);

		buf_add_print(&text, "%s\"k%u\":%u", i ? "," : "", number, number);
	}
	buf_add_text(&text, "}}");
	return parse(buf_text(&text));
}

/* Goal: large objects in another key order are compared in reasonable time, and rightly. */
static void compares_large_objects(void)
{
	auto_json_doc a = numbered(100000, 1);
	auto_json_doc b = numbered(100000, 70001);
	auto_json_doc c = numbered(100000, 70001);
	struct json *deep = json_get(json_root(c), "deep");

	CHECK(json_equal(json_root(a), json_root(b)));
	json_put(c, deep, "k5", json_new_int(c, 6));
	CHECK(!json_equal(json_root(a), json_root(c)));
	json_remove(deep, STR("k5"));
	CHECK(!json_equal(json_root(a), json_root(c)));
	json_put(c, deep, "K5", json_new_int(c, 5));
	CHECK(!json_equal(json_root(a), json_root(c)));
	json_remove(deep, STR("K5"));
	json_put(c, deep, "k5", json_new_int(c, 5));
	CHECK(json_equal(json_root(a), json_root(c)));
}

static bool equal_texts(const char *a, const char *b)
{
	auto_json_doc left = parse(a);
	auto_json_doc right = parse(b);

	return json_equal(json_root(left), json_root(right)) &&
	       json_equal(json_root(right), json_root(left));
}

/* Goal: values of each type equal themselves only. */
static void compares_each_type(void)
{
	static const char *const values[] = { "null",
					      "false",
					      "true",
					      "0",
					      "-1",
					      "18446744073709551615",
					      "0.5",
					      "\"\"",
					      "\"0\"",
					      "[]",
					      "[0]",
					      "[[]]",
					      "{}",
					      "{\"a\":0}",
					      "{\"b\":0}",
					      "{\"a\":0,\"b\":0,\"c\":1}",
					      "{\"a\":0,\"b\":1,\"c\":0}" };
	auto_json_doc null = parse("null");

	for (size_t i = 0; i < ARRAY_LENGTH(values); i++)
		for (size_t k = 0; k < ARRAY_LENGTH(values); k++)
			CHECK_INT(equal_texts(values[i], values[k]), i == k);
	CHECK(equal_texts("{\"a\":0,\"b\":0,\"c\":1}", "{\"c\":1,\"a\":0,\"b\":0}"));
	CHECK(!json_equal(NULL, json_root(null)));
	CHECK(json_equal(NULL, NULL));
}

/* Goal: entries added unseen are sorted out at the end; keys are sorted by their bytes. */
static void builds_objects(void)
{
	auto_json_doc doc = json_doc_new();
	struct json *object = json_new_object(doc);

	CHECK(json_drop_duplicates(object).at == NULL);
	for (int i = 0; i < 60; i++) {
		char key[2] = { (char)('z' - i % 20), '\0' };

		json_add_str(doc, object, str_of(key), json_new_int(doc, i));
	}
	CHECK_INT(json_count(object), 60);
	CHECK(str_is(json_drop_duplicates(object), "z"));
	CHECK_INT(json_count(object), 20);
	CHECK(json_drop_duplicates(object).at == NULL);
	CHECK_INT(json_int(json_get(object, "z")), 40);
	json_sort_keys(object);
	for (struct json_iter it = json_iter(object); json_next(&it);)
		CHECK_INT(it.key.at[0], 'g' + (int)it.index);
}

/* Goal: readers take NULL for absent. */
static void readers_take_null(void)
{
	CHECK_INT(json_type(NULL), JSON_ABSENT);
	CHECK(json_str(NULL).at == NULL);
	CHECK(json_path(NULL, "a", "b", NULL) == NULL);
	CHECK_INT(json_count(NULL), 0);
	for (struct json_iter it = json_iter(NULL); json_next(&it);)
		CHECK(!"nothing to walk");
}

/* Goal: brackets within texts do not count as depth, those outside do, also where the text is no
 * JSON at all. */
static void judges_depth_by_brackets(void)
{
	auto_buf deep = BUF_INIT;
	auto_buf quoted = BUF_INIT;
	auto_json_doc doc = NULL;
	struct error err;

	for (size_t i = 0; i < 100000; i++)
		buf_add_byte(&deep, i % 2 ? '{' : '[');
	CHECK(!json_parse(buf_str(&deep), &doc, NULL, &err));
	CHECK_STR(err.text, "JSON is nested deeper than 128 levels");
	buf_add_text(&quoted, "[\"\\\"");
	buf_add_str(&quoted, buf_str(&deep));
	buf_add_text(&quoted, "\\\\\",[1]]");
	CHECK_OK(json_parse(buf_str(&quoted), &doc, NULL, &err), &err);
	CHECK_INT(json_count(json_root(doc)), 2);
}

/* Goal: of a large object the first key that comes again is told, and kept entries are all there.
 */
static void finds_duplicates_in_large(void)
{
	auto_buf text = BUF_INIT;
	auto_json_doc doc = NULL;
	auto_json_doc kept = NULL;
	const char *duplicate = NULL;
	struct error err;

	buf_add_text(&text, "{\"a\":{");
	for (size_t i = 0; i < 5000; i++)
		buf_add_print(&text, "\"k%zu\":%zu,", i % 4990, i);
	buf_add_text(&text, "\"last\":1}}");
	CHECK_OK(json_parse(buf_str(&text), &doc, &duplicate, &err), &err);
	CHECK_STR(duplicate, "a.k0");
	CHECK_INT(json_count(json_get(json_root(doc), "a")), 4991);
	CHECK_INT(json_int(json_path(json_root(doc), "a", "k0", NULL)), 4990);
	CHECK_OK(json_parse_kept(buf_str(&text), &kept, &err), &err);
	CHECK_INT(json_count(json_get(json_root(kept), "a")), 5001);
}

/* Goal: what was printed is read as it was, and its rings can be changed at both ends. */
static void reads_what_was_printed(void)
{
	static const char text[] = "{\"a\":[],\"b\":{},\"c\":[[1,{\"d\":[\"x\\n\"]}],{}],\"a\":2}";
	auto_json_doc doc = json_parse_printed(str_of(text));
	auto_json_doc single = json_parse_printed(STR("\"one\""));
	struct json *root = json_root(doc), *list = json_get(root, "c");

	check_print(root, text);
	check_print(json_root(single), "\"one\"");
	json_append(json_get(root, "a"), json_new_int(doc, 1));
	json_put(doc, json_get(root, "b"), "e", json_new_null(doc));
	json_insert(list, 0, json_new_bool(doc, true));
	json_append(list, json_new_int(doc, 9));
	json_remove_at(list, 2);
	json_add_str(doc, root, STR("f"), json_clone(doc, list));
	check_print(root, "{\"a\":[1],\"b\":{\"e\":null},\"c\":[true,[1,{\"d\":[\"x\\n\"]}],9],"
			  "\"a\":2,\"f\":[true,[1,{\"d\":[\"x\\n\"]}],9]}");
}

/* Goal: entries move behind others; values change, the first and the last, too. */
static void moves_and_replaces(void)
{
	auto_json_doc doc = parse("{\"a\":{\"x\":1,\"y\":2},\"b\":{\"z\":3},\"e\":{}}");
	struct json *root = json_root(doc), *b = json_get(root, "b");
	struct json *values[] = { json_new_text(doc, "z"), NULL, json_new_text(doc, "y") };

	json_move_entries(b, json_get(root, "a"));
	json_move_entries(b, json_get(root, "e"));
	check_print(root, "{\"a\":{},\"b\":{\"z\":3,\"x\":1,\"y\":2},\"e\":{}}");
	json_replace_values(b, values);
	json_put(doc, b, "last", json_new_int(doc, 4));
	check_print(b, "{\"z\":\"z\",\"x\":1,\"y\":\"y\",\"last\":4}");
	json_move_entries(json_get(root, "e"), b);
	check_print(root, "{\"a\":{},\"b\":{},\"e\":{\"z\":\"z\",\"x\":1,\"y\":\"y\",\"last\":4}}");
}

static const struct test tests[] = {
	{ "prints what it read", prints_what_it_read },
	{ "refuses malformed", refuses_malformed },
	{ "limits depth", limits_depth },
	{ "finds duplicates", finds_duplicates },
	{ "judges large objects", judges_large_objects },
	{ "changes in place", changes_in_place },
	{ "compares", compares },
	{ "compares large objects", compares_large_objects, .time_limit_s = 5 },
	{ "compares each type", compares_each_type },
	{ "builds objects", builds_objects },
	{ "readers take null", readers_take_null },
	{ "judges depth by brackets", judges_depth_by_brackets },
	{ "finds duplicates in large", finds_duplicates_in_large },
	{ "reads what was printed", reads_what_was_printed },
	{ "moves and replaces", moves_and_replaces },
};
TEST_MAIN(tests)
