/*
 * test_fields_set.c - fieldsV1 read and printed exactly, their order, and the operations.
 */
#include "api/fields_set.h"

#include "base/limits.h"
#include "tests/unit/harness.h"

static struct arena *arena;
static struct json_doc *doc;

static struct fields_set parse(const char *text)
{
	struct json_doc *read;
	struct fields_set set;
	struct error err;

	if (!arena) {
		arena = arena_new();
		doc = json_doc_new();
	}
	CHECK_OK(json_parse(str_of(text), &read, NULL, &err), &err);
	json_set_root(doc, json_clone(doc, json_root(read)));
	json_doc_free(read);
	CHECK_OK(fields_parse(json_root(doc), arena, &set, &err), &err);
	return set;
}

static void expect(struct fields_set set, const char *wanted)
{
	auto_buf text = BUF_INIT;

	json_print(fields_print(&set, doc), &text);
	CHECK_STR(buf_text(&text), wanted);
}

static void end(void)
{
	arena_free(arena);
	json_doc_free(doc);
}

/* Goal: what is printed is in order, whatever came in. */
static void prints_in_order(void)
{
	expect(parse("{}"), "{}");
	expect(parse("{\"f:b\":{},\"f:a\":{\".\":{},\"f:c\":{}}}"),
	       "{\"f:a\":{\".\":{},\"f:c\":{}},\"f:b\":{}}");
	expect(parse("{\"i:3\":{},\"v:1\":{},\"k:{\\\"a\\\":1}\":{},\"f:z\":{}}"),
	       "{\"f:z\":{},\"k:{\\\"a\\\":1}\":{},\"v:1\":{},\"i:3\":{}}");
	/* Numbers by value, texts by bytes, the first key first. */
	expect(parse("{\"k:{\\\"p\\\":443,\\\"q\\\":\\\"TCP\\\"}\":{},\"k:{\\\"p\\\":80,\\\"q\\\":"
		     "\\\"UDP\\\"}\":{},\"k:{\\\"p\\\":80,\\\"q\\\":\\\"TCP\\\"}\":{}}"),
	       "{\"k:{\\\"p\\\":80,\\\"q\\\":\\\"TCP\\\"}\":{},\"k:{\\\"p\\\":80,\\\"q\\\":"
	       "\\\"UDP\\\"}\":{},\"k:{\\\"p\\\":443,\\\"q\\\":\\\"TCP\\\"}\":{}}");
	expect(parse("{\"v:true\":{},\"v:\\\"b\\\"\":{},\"v:10\":{},\"v:\\\"a\\\"\":{},\"v:9\":{}"
		     "}"),
	       "{\"v:9\":{},\"v:10\":{},\"v:\\\"a\\\"\":{},\"v:\\\"b\\\"\":{},\"v:true\":{}}");
	/* Keys in another order or with blanks are the same entry. */
	expect(parse("{\"k:{\\\"q\\\":1, "
		     "\\\"p\\\":2}\":{\"f:a\":{}},\"k:{\\\"p\\\":2,\\\"q\\\":1}\":"
		     "{}}"),
	       "{\"k:{\\\"p\\\":2,\\\"q\\\":1}\":{\".\":{},\"f:a\":{}}}");
	end();
}

/* Goal: the four operations; a member and what is below it are two things. */
static void operations(void)
{
	struct fields_set a = parse("{\"f:a\":{\".\":{},\"f:b\":{},\"f:c\":{}},\"f:d\":{}}");
	struct fields_set b = parse("{\"f:a\":{\"f:b\":{}},\"f:e\":{}}");
	struct fields_set c = parse("{\"f:a\":{}}");

	expect(fields_union(&b, &c, arena), "{\"f:a\":{\".\":{},\"f:b\":{}},\"f:e\":{}}");
	expect(fields_difference(&a, &b, arena), "{\"f:a\":{\".\":{},\"f:c\":{}},\"f:d\":{}}");
	expect(fields_difference(&a, &c, arena), "{\"f:a\":{\"f:b\":{},\"f:c\":{}},\"f:d\":{}}");
	expect(fields_difference_deep(&a, &c, arena), "{\"f:d\":{}}");
	expect(fields_difference_deep(&a, &b, arena), "{\"f:a\":{\".\":{},\"f:c\":{}},\"f:d\":{}}");
	expect(fields_intersection(&a, &b, arena), "{\"f:a\":{\"f:b\":{}}}");
	expect(fields_intersection(&b, &c, arena), "{}");
	expect(fields_difference(&b, &b, arena), "{}");
	CHECK(fields_equal(&a, &a));
	CHECK(!fields_equal(&a, &b));
	end();
}

static bool add_line(void *of, struct str path)
{
	buf_add_print(of, STR_FMT "\n", STR_ARG(path));
	return true;
}

/* Goal: paths as messages have them. */
static void paths(void)
{
	struct fields_set set = parse(
		"{\"f:spec\":{\".\":{},\"f:ports\":{\"k:{\\\"name\\\":\\\"a:b,c\\\",\\\"p\\\":80}"
		"\":{\".\":{},\"f:x\":{}}}},\"f:set\":{\"v:\\\"s\\\"\":{},\"i:2\":{}}}");
	auto_buf text = BUF_INIT;

	fields_each(&set, add_line, &text);
	CHECK_STR(buf_text(&text), ".spec\n.set[=\"s\"]\n.set[2]\n"
				   ".spec.ports[name=\"a:b,c\",p=80]\n"
				   ".spec.ports[name=\"a:b,c\",p=80].x\n");
	end();
}

/* Goal: what is no fieldsV1 is refused with a sentence. */
static void refuses(void)
{
	static const char *const texts[] = {
		"[]",
		"{\"f:a\":1}",
		"{\"a\":{}}",
		"{\"x:a\":{}}",
		"{\"k:[1]\":{}}",
		"{\"k:{}\":{}}",
		"{\"k:1\":{}}",
		"{\"k:{\\\"a\\\":{}}\":{}}",
		"{\"v:{}\":{}}",
		"{\"v:\":{}}",
		"{\"i:x\":{}}",
		"{\"i:-1\":{}}",
		"{\"f:a\":{\"f:b\":[]}}",
	};

	arena = arena_new();
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		auto_json_doc read = NULL;
		struct fields_set set;
		struct error err;

		CHECK_OK(json_parse(str_of(texts[i]), &read, NULL, &err), &err);
		if (fields_parse(json_root(read), arena, &set, &err))
			harness_fail(__FILE__, __LINE__, "taken: %s", texts[i]);
		CHECK_INT(err.kind, ERROR_BAD_REQUEST);
		CHECK(err.text[0]);
	}
	arena_free(arena);
}

/* Goal: many elements in the worst order cost what sorting costs. */
static void many(void)
{
	struct fields_set set = FIELDS_EMPTY;

	arena = arena_new();
	for (int i = 200000; i > 0; i--)
		fields_append(&set, arena,
			      fields_name(str_of(arena_print(arena, "%d", i % 150000))), true,
			      NULL);
	fields_finish(&set, arena);
	CHECK_INT(set.count, 150000);
	arena_free(arena);
}

/* A set of one path with so many elements. */
static struct fields_set nested(size_t levels)
{
	struct fields_set set = FIELDS_EMPTY;

	for (size_t i = 0; i < levels; i++) {
		struct fields_set outer = FIELDS_EMPTY;

		fields_append(&outer, arena, fields_name(STR("a")), i == 0,
			      fields_keep(&set, arena));
		set = outer;
	}
	return set;
}

/* Goal: the deepest set that may be owned is read again within its object, the next one is not. */
static void beyond(void)
{
	for (size_t levels = LIMIT_JSON_DEPTH - 10; levels < LIMIT_JSON_DEPTH + 10; levels++) {
		struct fields_set set = parse("{\"f:a\":{}}");
		auto_buf text = BUF_INIT;
		auto_json_doc read = NULL;
		struct error err;

		set = nested(levels);
		buf_add_text(&text, "{\"metadata\":{\"managedFields\":[{\"fieldsV1\":");
		json_print(fields_print(&set, doc), &text);
		buf_add_text(&text, "}]}}");
		CHECK_INT(fields_are_beyond(&set), !json_parse(buf_str(&text), &read, NULL, &err));
		end();
		arena = NULL;
	}
}

static const struct test tests[] = {
	{ "prints in order", prints_in_order },
	{ "operations", operations },
	{ "paths", paths },
	{ "refuses", refuses },
	{ "many", many },
	{ "beyond", beyond },
};
TEST_MAIN(tests)
