/*
 * test_patch.c - the three patches, row by row.
 */
#include "api/patch.h"

#include "api/measure.h"
#include "base/limits.h"
#include "tests/unit/harness.h"

static struct json_doc *parse(const char *text)
{
	struct json_doc *doc;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return doc;
}

enum patch_form { JSON, MERGE, STRATEGIC };

/* NULL wanted: the patch must be refused with this kind. */
static void run(enum patch_form form, const char *target, const char *patch, const char *wanted,
		enum error_kind refused)
{
	const struct type *type = type_find(STR("io.k8s.api.core.v1.PodSpec"));
	auto_json_doc doc = parse(target);
	auto_json_doc change = parse(patch);
	struct json *root = json_root(doc);
	auto_buf text = BUF_INIT;
	struct error err;
	bool done = true;

	if (form == JSON)
		done = patch_json(doc, &root, json_root(change), &err);
	else if (form == MERGE)
		patch_merge(doc, &root, json_root(change));
	else
		done = patch_strategic(type, doc, root, json_root(change), &err);
	if (!wanted) {
		CHECK(!done);
		CHECK_INT(err.kind, refused);
		return;
	}
	if (!done)
		harness_fail(__FILE__, __LINE__, "%s", err.text);
	json_print(root, &text);
	CHECK_STR(buf_text(&text), wanted);
}

/* Goal: RFC 6902, its appendix and the corners. */
static void json_patches(void)
{
	run(JSON, "{\"a\":1}", "[{\"op\":\"add\",\"path\":\"/b\",\"value\":[1]}]",
	    "{\"a\":1,\"b\":[1]}", 0);
	run(JSON, "[1,2]", "[{\"op\":\"add\",\"path\":\"/1\",\"value\":9}]", "[1,9,2]", 0);
	run(JSON, "[1,2]", "[{\"op\":\"add\",\"path\":\"/-\",\"value\":9}]", "[1,2,9]", 0);
	run(JSON, "{\"a/b\":{\"~c\":1}}",
	    "[{\"op\":\"replace\",\"path\":\"/a~1b/~0c\",\"value\":2}]", "{\"a/b\":{\"~c\":2}}", 0);
	run(JSON, "{\"a\":1,\"b\":2}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/c\"}]",
	    "{\"b\":2,\"c\":1}", 0);
	run(JSON, "{\"a\":{\"x\":1}}", "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"}]",
	    "{\"a\":{\"x\":1},\"b\":{\"x\":1}}", 0);
	run(JSON, "{\"a\":1}",
	    "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1},{\"op\":\"remove\",\"path\":\"/a\"}]",
	    "{}", 0);
	run(JSON, "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":7}]", "7", 0);
	run(JSON, "{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]", NULL,
	    ERROR_INVALID);
	run(JSON, "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", NULL, ERROR_INVALID);
	run(JSON, "[1]", "[{\"op\":\"add\",\"path\":\"/2\",\"value\":9}]", NULL, ERROR_INVALID);
	run(JSON, "[1]", "[{\"op\":\"add\",\"path\":\"/01\",\"value\":9}]", NULL, ERROR_INVALID);
	run(JSON, "{\"a\":{}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]", NULL,
	    ERROR_INVALID);
	run(JSON, "{\"a~2\":1}", "[{\"op\":\"remove\",\"path\":\"/a~2\"}]", "{}", 0);
	run(JSON, "{}", "[{\"op\":\"copy\",\"path\":\"/a\"}]", NULL, ERROR_BAD_REQUEST);
	run(JSON, "{}", "[{\"op\":\"move\",\"from\":1,\"path\":\"/a\"}]", NULL, ERROR_BAD_REQUEST);
	run(JSON, "{}", "[{\"op\":\"fly\",\"path\":\"/a\"}]", NULL, ERROR_BAD_REQUEST);
	run(JSON, "{}", "{}", NULL, ERROR_BAD_REQUEST);
}

/* Goal: a patch that copies itself larger and larger is stopped. */
static void copy_bomb(void)
{
	auto_json_doc doc = parse("{\"a\":[1,2,3,4,5,6,7,8]}");
	auto_buf text = BUF_INIT;
	struct json *root = json_root(doc);
	struct error err;

	buf_add_byte(&text, '[');
	for (int i = 0; i < 40; i++)
		buf_add_print(&text, "%s{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/-\"}",
			      i ? "," : "");
	buf_add_byte(&text, ']');
	{
		auto_json_doc patch = parse(buf_text(&text));

		CHECK(!patch_json(doc, &root, json_root(patch), &err));
		CHECK_INT(err.kind, ERROR_TOO_LARGE);
	}
}

/* Goal: RFC 7386. */
static void merge_patches(void)
{
	run(MERGE, "{\"a\":\"b\",\"c\":{\"d\":1,\"e\":2}}",
	    "{\"a\":\"z\",\"c\":{\"e\":null,\"f\":[1]}}", "{\"a\":\"z\",\"c\":{\"d\":1,\"f\":[1]}}",
	    0);
	run(MERGE, "{\"a\":[1]}", "{\"a\":{\"b\":{\"c\":null}}}", "{\"a\":{\"b\":{}}}", 0);
	run(MERGE, "{\"a\":1}", "[1]", "[1]", 0);
}

/* Goal: lists with merge keys are merged by key, and the directives do what they say. */
static void strategic_patches(void)
{
	static const char two[] = "{\"containers\":[{\"name\":\"a\",\"image\":\"x\"},{\"name\":"
				  "\"b\",\"image\":\"y\"}]}";

	run(STRATEGIC, two, "{\"containers\":[{\"name\":\"b\",\"image\":\"z\"}]}",
	    "{\"containers\":[{\"name\":\"a\",\"image\":\"x\"},{\"name\":\"b\",\"image\":\"z\"}]}",
	    0);
	run(STRATEGIC, two, "{\"containers\":[{\"$patch\":\"delete\",\"name\":\"a\"}]}",
	    "{\"containers\":[{\"name\":\"b\",\"image\":\"y\"}]}", 0);
	run(STRATEGIC, two, "{\"containers\":[{\"name\":\"c\"},{\"$patch\":\"replace\"}]}",
	    "{\"containers\":[{\"name\":\"c\"}]}", 0);
	run(STRATEGIC, two,
	    "{\"$setElementOrder/containers\":[{\"name\":\"c\"},{\"name\":\"b\"},{\"name\":\"a\"}],"
	    "\"containers\":[{\"name\":\"c\",\"image\":\"n\"}]}",
	    "{\"containers\":[{\"name\":\"c\",\"image\":\"n\"},{\"name\":\"b\",\"image\":\"y\"},"
	    "{\"name\":\"a\",\"image\":\"x\"}]}",
	    0);
	run(STRATEGIC, "{\"containers\":[{\"name\":\"a\",\"args\":[\"1\",\"2\"]}]}",
	    "{\"containers\":[{\"name\":\"a\",\"args\":[\"3\"]}]}",
	    "{\"containers\":[{\"name\":\"a\",\"args\":[\"3\"]}]}", 0);
	run(STRATEGIC, "{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]}",
	    "{\"volumes\":[{\"$retainKeys\":[\"name\",\"hostPath\"],\"name\":\"v\",\"hostPath\":{"
	    "\"path\":\"/x\"}}]}",
	    "{\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/x\"}}]}", 0);
	run(STRATEGIC, "{\"nodeSelector\":{\"a\":\"1\",\"b\":\"2\"}}",
	    "{\"nodeSelector\":{\"a\":null,\"c\":\"3\"}}",
	    "{\"nodeSelector\":{\"b\":\"2\",\"c\":\"3\"}}", 0);
	run(STRATEGIC, "{\"nodeSelector\":{\"a\":\"1\"}}",
	    "{\"nodeSelector\":{\"$patch\":\"replace\",\"z\":\"9\"}}",
	    "{\"nodeSelector\":{\"z\":\"9\"}}", 0);
	run(STRATEGIC, two, "{\"containers\":[{\"image\":\"z\"}]}", NULL, ERROR_BAD_REQUEST);
	run(STRATEGIC, two, "{\"$patch\":\"fly\"}", NULL, ERROR_BAD_REQUEST);
}

/* Refused with this text's beginning; what came out is not deeper or larger than allowed. */
static void check_bounded(const char *target, struct str patch, const char *why)
{
	auto_json_doc doc = parse(target);
	auto_json_doc change = NULL;
	struct json *root = json_root(doc);
	struct error err;

	CHECK_OK(json_parse(patch, &change, NULL, &err), &err);
	CHECK(!patch_json(doc, &root, json_root(change), &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	if (!str_starts(str_of(err.text), str_of(why)))
		CHECK_STR(err.text, why);
	CHECK(measure_depth(root, LIMIT_JSON_DEPTH) <= LIMIT_JSON_DEPTH);
	CHECK(measure_size(root, 2 * LIMIT_BODY) <= 2 * LIMIT_BODY);
}

/* Goal: a value copied or moved into its own depths stops at the depth a text may have. */
static void json_patch_depth(void)
{
	auto_buf patch = BUF_INIT;

	buf_add_byte(&patch, '[');
	for (size_t depth = 1; depth < 2 * LIMIT_JSON_DEPTH; depth *= 2) {
		buf_add_print(&patch, "%s{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a",
			      depth > 1 ? "," : "");
		for (size_t i = 0; i < depth; i++)
			buf_add_text(&patch, "/a");
		buf_add_text(&patch, "\"}");
	}
	buf_add_byte(&patch, ']');
	check_bounded("{\"a\":{}}", buf_str(&patch), "the patch nests the object deeper");
}

/* Goal: copies that double the object end at a limit, not at the end of memory. */
static void json_patch_growth(void)
{
	auto_buf patch = BUF_INIT;

	buf_add_byte(&patch, '[');
	for (int i = 0; i < 40; i++)
		buf_add_print(
			&patch,
			"%s{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"},{\"op\":\"move\","
			"\"from\":\"/b\",\"path\":\"/a/-\"}",
			i ? "," : "");
	buf_add_byte(&patch, ']');
	check_bounded("{\"a\":[\"0123456789\"]}", buf_str(&patch),
		      "Unable to complete the copy, the accumulated size increase");
}

/* Goal: thousands of operations at the end of a long list are too much work. */
static void json_patch_work(void)
{
	auto_buf patch = BUF_INIT;
	auto_buf target = BUF_INIT;

	buf_add_text(&target, "{\"a\":[0");
	for (int i = 0; i < 100000; i++)
		buf_add_text(&target, ",0");
	buf_add_text(&target, "]}");
	buf_add_byte(&patch, '[');
	for (int i = 0; i < LIMIT_JSON_PATCH_OPS; i++)
		buf_add_print(&patch, "%s{\"op\":\"test\",\"path\":\"/a/99999\",\"value\":0}",
			      i ? "," : "");
	buf_add_byte(&patch, ']');
	check_bounded(buf_text(&target), buf_str(&patch), "the patch takes too much work");
}

/* Goal: the whole stays, and entries that are replaced keep their place. */
static void json_patch_corners(void)
{
	run(JSON, "{\"a\":1,\"b\":2}", "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":3}]",
	    "{\"a\":3,\"b\":2}", 0);
	run(JSON, "[1,2,3]", "[{\"op\":\"replace\",\"path\":\"/2\",\"value\":9}]", "[1,2,9]", 0);
	run(JSON, "{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":3}]", NULL,
	    ERROR_INVALID);
	run(JSON, "{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"\"}]", NULL, ERROR_INVALID);
}

#define MANY 60000

/* {"k0":"0",...} or, as a list, [{"name":"k0","a":"0"},...] */
static void add_many(struct buf *out, bool list, int from)
{
	buf_add_byte(out, list ? '[' : '{');
	for (int i = from; i < from + MANY; i++) {
		buf_add_text(out, i > from ? "," : "");
		if (list)
			buf_add_print(out, "{\"name\":\"k%d\",\"a\":\"%d\"}", i, i);
		else
			buf_add_print(out, "\"k%d\":\"%d\"", i, i);
	}
	buf_add_byte(out, list ? ']' : '}');
}

static void merge_many(enum patch_form form, const char *name, const char *order)
{
	bool list = strcmp(name, "volumes") == 0;
	auto_buf target = BUF_INIT;
	auto_buf patch = BUF_INIT;
	auto_json_doc doc = NULL;
	auto_json_doc change = NULL;
	struct json *root;
	struct error err;
	const struct type *type = type_find(STR("io.k8s.api.core.v1.PodSpec"));

	buf_add_print(&target, "{\"%s\":", name);
	add_many(&target, list, 0);
	buf_add_byte(&target, '}');
	buf_add_print(&patch, "{\"%s\":", name);
	add_many(&patch, list, MANY / 2);
	buf_add_print(&patch, "%s}", order);
	doc = parse(buf_text(&target));
	change = parse(buf_text(&patch));
	root = json_root(doc);
	if (form == MERGE)
		patch_merge(doc, &root, json_root(change));
	else
		CHECK_OK(patch_strategic(type, doc, root, json_root(change), &err), &err);
	CHECK_INT(json_count(json_get(root, name)), MANY + MANY / 2);
}

/* Goal: merges of objects and lists as large as a body may hold take no noticeable time. */
static void merges_many(void)
{
	merge_many(MERGE, "nodeSelector", "");
	merge_many(STRATEGIC, "nodeSelector", "");
	merge_many(STRATEGIC, "volumes", "");
	merge_many(STRATEGIC, "volumes",
		   ",\"$setElementOrder/volumes\":[{\"name\":\"k9\"},{\"name\":\"k1\"}]");
}

/* Goal: an order that names one key of several equal ones loses none of them. */
static void strategic_order(void)
{
	run(STRATEGIC,
	    "{\"volumes\":[{\"name\":\"x\",\"n\":1},{\"name\":\"y\"},{\"name\":\"x\",\"n\":2}]}",
	    "{\"$setElementOrder/volumes\":[{\"name\":\"x\"}]}",
	    "{\"volumes\":[{\"name\":\"x\",\"n\":1},{\"name\":\"x\",\"n\":2},{\"name\":\"y\"}]}",
	    0);
	run(STRATEGIC, "{\"volumes\":[{\"name\":\"x\"},{\"name\":\"y\"}]}",
	    "{\"volumes\":[{\"name\":\"z\"},{\"name\":\"x\",\"$patch\":\"delete\"}],"
	    "\"$setElementOrder/volumes\":[{\"name\":\"z\"},{\"name\":\"y\"}]}",
	    "{\"volumes\":[{\"name\":\"z\"},{\"name\":\"y\"}]}", 0);
	run(STRATEGIC, "{\"volumes\":[{\"name\":\"x\"}]}", "{\"volumes\":[{\"n\":1}]}", NULL,
	    ERROR_BAD_REQUEST);
	/* Without a directive the patch's own order counts: what is new stands before the rest. */
	run(STRATEGIC, "{\"volumes\":[{\"name\":\"x\"},{\"name\":\"y\"}]}",
	    "{\"volumes\":[{\"name\":\"z\"}]}",
	    "{\"volumes\":[{\"name\":\"z\"},{\"name\":\"x\"},{\"name\":\"y\"}]}", 0);
	run(STRATEGIC, "{\"volumes\":[{\"name\":\"x\"},{\"name\":\"y\"},{\"name\":\"w\"}]}",
	    "{\"volumes\":[{\"name\":\"y\"},{\"name\":\"z\"}]}",
	    "{\"volumes\":[{\"name\":\"x\"},{\"name\":\"y\"},{\"name\":\"z\"},{\"name\":\"w\"}]}",
	    0);
	run(STRATEGIC, "{\"volumes\":[{\"name\":\"x\"},{\"name\":\"y\"}]}",
	    "{\"volumes\":[{\"name\":\"y\"},{\"name\":\"x\"}]}",
	    "{\"volumes\":[{\"name\":\"y\"},{\"name\":\"x\"}]}", 0);
	run(STRATEGIC, "{\"volumes\":[{\"name\":\"x\"},{\"name\":\"y\"}]}",
	    "{\"volumes\":[{\"name\":\"z\"}],"
	    "\"$setElementOrder/volumes\":[{\"name\":\"x\"},{\"name\":\"y\"},{\"name\":\"z\"}]}",
	    "{\"volumes\":[{\"name\":\"x\"},{\"name\":\"y\"},{\"name\":\"z\"}]}", 0);
}

static const struct test tests[] = {
	{ "json patch depth", json_patch_depth },
	{ "json patch growth", json_patch_growth },
	{ "json patch work", json_patch_work, .time_limit_s = 5 },
	{ "json patch corners", json_patch_corners },
	{ "merges many", merges_many, .time_limit_s = 5 },
	{ "strategic order", strategic_order },
	{ "json patches", json_patches },
	{ "copy bomb", copy_bomb },
	{ "merge patches", merge_patches },
	{ "strategic patches", strategic_patches },
};
TEST_MAIN(tests)
