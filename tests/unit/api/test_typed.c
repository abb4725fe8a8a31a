/*
 * test_typed.c - objects through their tables: what differs, what a merge makes, what is left.
 */
#include "api/typed.h"

#include "tests/unit/harness.h"

static struct arena *arena;
static struct json_doc *doc;

static struct json *parse(const char *text)
{
	struct json_doc *read;
	struct json *copy;
	struct error err;

	if (!arena) {
		arena = arena_new();
		doc = json_doc_new();
	}
	CHECK_OK(json_parse(str_of(text), &read, NULL, &err), &err);
	copy = json_clone(doc, json_root(read));
	json_doc_free(read);
	return copy;
}

static void end(void)
{
	arena_free(arena);
	json_doc_free(doc);
}

static const struct type *type(const char *name)
{
	const struct type *found = type_find(str_of(
		arena_print(arena ? arena : (arena = arena_new()), "io.k8s.api.core.v1.%s", name)));

	if (!doc)
		doc = json_doc_new();
	CHECK(found);
	return found;
}

static const char *text_of(const struct json *value)
{
	auto_buf text = BUF_INIT;

	json_print(value, &text);
	return arena_string(arena, buf_text(&text), text.len);
}

static void differs(const char *name, enum typed_view view, const char *old, const char *new,
		    const char *changed, const char *removed)
{
	const struct type *found = type(name);
	struct typed_changes changes = typed_compare(
		found, (struct typed_pair){ parse(old), parse(new), view, view }, arena);

	CHECK_STR(text_of(fields_print(&changes.changed, doc)), changed);
	CHECK_STR(text_of(fields_print(&changes.removed, doc)), removed);
}

/* Goal: what is added counts with all its parts, what is changed only itself. */
static void differences(void)
{
	differs("PodSpec", TYPED_PLAIN, "{\"nodeName\":\"a\"}", "{\"nodeName\":\"b\"}",
		"{\"f:nodeName\":{}}", "{}");
	differs("PodSpec", TYPED_PLAIN, "{}", "{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]}",
		"{\"f:volumes\":{\".\":{},\"k:{\\\"name\\\":\\\"v\\\"}\":{\".\":{},"
		"\"f:emptyDir\":{},\"f:name\":{}}}}",
		"{}");
	differs("PodSpec", TYPED_PLAIN, "{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]}",
		"{\"volumes\":[{\"name\":\"w\"}]}",
		"{\"f:volumes\":{\"k:{\\\"name\\\":\\\"w\\\"}\":{\".\":{},\"f:name\":{}}}}",
		"{\"f:volumes\":{\"k:{\\\"name\\\":\\\"v\\\"}\":{\".\":{},\"f:emptyDir\":{},"
		"\"f:name\":{}}}}");
	/* An atomic list and map as a whole. */
	differs("PodSpec", TYPED_PLAIN,
		"{\"nodeSelector\":{\"a\":\"1\"},\"tolerations\":[{\"key\":\"a\"}]}",
		"{\"nodeSelector\":{\"a\":\"2\"},\"tolerations\":[]}",
		"{\"f:nodeSelector\":{},\"f:tolerations\":{}}", "{}");
	/* The order of a list by keys is nobody's. */
	differs("PodSpec", TYPED_PLAIN, "{\"volumes\":[{\"name\":\"v\"},{\"name\":\"w\"}]}",
		"{\"volumes\":[{\"name\":\"w\"},{\"name\":\"v\"}]}", "{}", "{}");
	/* The claim of a volume goes field by field. */
	differs("PersistentVolumeSpec", TYPED_PLAIN, "{\"claimRef\":{\"name\":\"a\"}}",
		"{\"claimRef\":{\"name\":\"a\",\"uid\":\"u\"}}", "{\"f:claimRef\":{\"f:uid\":{}}}",
		"{}");
	end();
}

/* Goal: an object knows parts that its type always has, and leaves out zero values. */
static void whole_objects(void)
{
	differs("Pod", TYPED_WHOLE, "{}",
		"{\"metadata\":{\"name\":\"p\",\"uid\":\"u\"},\"spec\":{\"hostNetwork\":false,"
		"\"containers\":[{\"name\":\"c\"}]},\"status\":{}}",
		"{\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\".\":{},"
		"\"f:name\":{},\"f:resources\":{}}}}}",
		"{}");
	differs("Pod", TYPED_WHOLE, "{\"spec\":{\"containers\":[{\"name\":\"c\"}]}}",
		"{\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":{}}],\"hostPID\":false}}",
		"{}", "{}");
	/* A number that is always told is 0 before it is. */
	differs("ReplicationController", TYPED_WHOLE, "{}", "{\"status\":{\"replicas\":0}}", "{}",
		"{}");
	/* A pointer's zero is a value. */
	differs("PodSpec", TYPED_WHOLE, "{}", "{\"terminationGracePeriodSeconds\":0}",
		"{\"f:terminationGracePeriodSeconds\":{}}", "{}");
	/* Entries that come twice are one thing. */
	differs("PodSpec", TYPED_WHOLE, "{\"containers\":[{\"name\":\"c\",\"env\":[]}]}",
		"{\"containers\":[{\"name\":\"c\",\"env\":[{\"name\":\"E\",\"value\":\"1\"},{"
		"\"name\":\"E\",\"value\":\"2\"}]}]}",
		"{\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\"f:env\":{\".\":{},"
		"\"k:{\\\"name\\\":\\\"E\\\"}\":{}}}}}",
		"{}");
	end();
}

static void merges(const char *name, const char *live, const char *config, const char *wanted)
{
	const struct type *found = type(name);

	CHECK_STR(text_of(typed_merge(found, doc, parse(live), parse(config), arena)), wanted);
}

#define V(n)        "{\"name\":\"" n "\"}"
#define LIST(items) "{\"volumes\":[" items "]}"

/* Goal: the configuration's order, live's own entries where they stood. */
static void merged_lists(void)
{
	merges("PodSpec", LIST(V("a") "," V("b") "," V("c")), LIST(V("d")),
	       LIST(V("a") "," V("b") "," V("c") "," V("d")));
	merges("PodSpec", LIST(V("a") "," V("b") "," V("c")), LIST(V("c") "," V("a")),
	       LIST(V("b") "," V("c") "," V("a")));
	merges("PodSpec", LIST(V("a") "," V("b")), LIST(V("x") "," V("b")),
	       LIST(V("a") "," V("x") "," V("b")));
	merges("PodSpec", LIST(V("a") "," V("x") "," V("b")), LIST(V("a") "," V("n") "," V("b")),
	       LIST(V("a") "," V("x") "," V("n") "," V("b")));
	merges("PodSpec", "{\"volumes\":[{\"name\":\"a\",\"emptyDir\":{}}]}",
	       "{\"volumes\":[{\"name\":\"a\",\"secret\":{\"secretName\":\"s\"}}]}",
	       "{\"volumes\":[{\"name\":\"a\",\"emptyDir\":{},\"secret\":{\"secretName\":\"s\"}}]"
	       "}");
	/* What live has twice stays so until somebody says it once. */
	merges("PodSpec", LIST(V("a") "," V("b") "," V("a")), LIST(V("c")),
	       LIST(V("a") "," V("b") "," V("a") "," V("c")));
	merges("PodSpec", LIST(V("b") ",{\"name\":\"a\",\"emptyDir\":{}}," V("a")), LIST(V("a")),
	       LIST(V("b") "," V("a")));
	merges("PodSpec", "{\"tolerations\":[{\"key\":\"a\"}]}", "{\"tolerations\":[]}",
	       "{\"tolerations\":[]}");
	merges("PodSpec", "{\"volumes\":[{\"name\":\"a\"}]}", "{\"volumes\":null}",
	       "{\"volumes\":[{\"name\":\"a\"}]}");
	end();
}

/* Goal: what is taken out is gone, with what was below it; the rest stays. */
static void removing(void)
{
	const struct type *found = type("PodSpec");
	struct json *object = parse("{\"nodeName\":\"n\",\"volumes\":[{\"name\":\"a\",\"emptyDir\":"
				    "{}},{\"name\":\"b\"}],\"nodeSelector\":{\"k\":\"v\"}}");
	struct fields_set set, named;
	struct error err;

	CHECK_OK(fields_parse(parse("{\"f:nodeName\":{},\"f:volumes\":{\"k:{\\\"name\\\":\\\"b\\\"}"
				    "\":{\".\":{},\"f:name\":{}},\"k:{\\\"name\\\":\\\"a\\\"}\":{"
				    "\"f:emptyDir\":{}}}}"),
			      arena, &set, &err),
		 &err);
	CHECK_STR(text_of(typed_remove(found, doc, object, &set, arena)),
		  "{\"volumes\":[{\"name\":\"a\"}],\"nodeSelector\":{\"k\":\"v\"}}");
	named = typed_named(found, &set, arena);
	CHECK_STR(text_of(typed_remove(found, doc, object, &named, arena)),
		  "{\"nodeSelector\":{\"k\":\"v\"}}");
	/* An entry that stays is not emptied. */
	CHECK_OK(fields_parse(parse("{\"f:volumes\":{\"k:{\\\"name\\\":\\\"b\\\"}\":{"
				    "\"f:name\":{}}}}"),
			      arena, &set, &err),
		 &err);
	CHECK_STR(text_of(json_get(typed_remove(found, doc, object, &set, arena), "volumes")),
		  "[{\"name\":\"a\",\"emptyDir\":{}},{\"name\":\"b\"}]");
	end();
}

/* Goal: thousands of entries, in the worst order, cost what sorting costs. */
static void many_entries(void)
{
	const struct type *found = type("PodSpec");
	auto_buf live = BUF_INIT, config = BUF_INIT;
	struct json *merged;

	buf_add_text(&live, "{\"volumes\":[");
	buf_add_text(&config, "{\"volumes\":[");
	for (int i = 0; i < 20000; i++) {
		buf_add_print(&live, "%s" V("a%d"), i ? "," : "", i);
		buf_add_print(&config, "%s" V("%c%d"), i ? "," : "", i % 20 ? 'c' : 'a', 20000 - i);
	}
	buf_add_text(&live, "]}");
	buf_add_text(&config, "]}");
	merged = typed_merge(found, doc, parse(buf_text(&live)), parse(buf_text(&config)), arena);
	CHECK_INT(json_count(json_get(merged, "volumes")), 20000 + 19000 + 1);
	end();
}

static const struct test tests[] = {
	{ "differences", differences },
	{ "whole objects", whole_objects },
	{ "merged lists", merged_lists },
	{ "removing", removing },
	{ "many entries", many_entries, .time_limit_s = 30 },
};
TEST_MAIN(tests)
