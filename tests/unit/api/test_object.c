/*
 * test_object.c - immutable objects: facts, damaged bytes, trimming, copies.
 */
#include "api/object.h"

#include "tests/unit/harness.h"

static const char text[] =
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web\",\"namespace\":"
	"\"shop\",\"uid\":\"u-1\",\"resourceVersion\":\"42\",\"labels\":{\"b\":\"2\",\"a\":\"1\","
	"\"c\":"
	"\"\"},\"ownerReferences\":[{\"name\":\"x\"},{\"name\":\"y\",\"controller\":true}],"
	"\"annotations\":{\"note\":\"n\"}}}";

/* Goal: facts are there without the parsed form, and after it was given up. */
static void keeps_facts(void)
{
	struct object *object;
	auto_buf key = BUF_INIT;
	struct error err;

	CHECK_OK(object_from_bytes(str_of(text), &object, &err), &err);
	CHECK(json_type(object_json(object)) == JSON_OBJECT);
	object_trim(object);
	CHECK(str_is(object_name(object), "web"));
	CHECK(str_is(object_namespace(object), "shop"));
	CHECK(str_is(object_uid(object), "u-1"));
	CHECK(str_is(object_kind(object), "Pod"));
	CHECK(str_is(object_api_version(object), "v1"));
	CHECK_INT(object_revision(object), 42);
	CHECK(!object_is_deleting(object));
	object_key(object, &key);
	CHECK_STR(buf_text(&key), "shop/web");
	CHECK(str_is(object_bytes(object), text));
	CHECK(str_is(meta_str(object_json(object), "name"), "web"));
	CHECK(str_is(meta_annotation(object_json(object), "note"), "n"));
	CHECK(str_is(json_str(json_get(meta_controller(object_json(object)), "name")), "y"));
	object_unref(object);
}

/* Goal: every label is found, an empty one is not an absent one. */
static void finds_labels(void)
{
	struct object *object;
	struct error err;

	CHECK_OK(object_from_bytes(str_of(text), &object, &err), &err);
	CHECK(str_is(object_label(object, STR("a")), "1"));
	CHECK(str_is(object_label(object, STR("b")), "2"));
	CHECK(object_label(object, STR("c")).at != NULL);
	CHECK(object_label(object, STR("d")).at == NULL);
	CHECK(object_label(object, STR("")).at == NULL);
	object_unref(object);
}

/* Goal: damaged bytes are our fault, never the caller's. */
static void refuses_damage(void)
{
	static const char *const bad[] = { "", "{", "[]", "null", "{\"a\":1}}" };

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		struct object *object;
		struct error err;

		CHECK(!object_from_bytes(str_of(bad[i]), &object, &err));
		CHECK_INT(err.kind, ERROR_BROKEN);
		CHECK(str_starts(str_of(err.text), STR("a stored object is damaged: ")));
	}
}

/* Goal: a copy may change, the object does not. */
static void thaws(void)
{
	struct json_doc *doc;
	struct object *object, *changed;
	struct error err;

	CHECK_OK(object_from_bytes(str_of(text), &object, &err), &err);
	doc = object_thaw(object);
	json_put(doc, meta_of(json_root(doc)), "deletionTimestamp",
		 json_new_text(doc, "2026-01-01T00:00:00Z"));
	changed = object_new(doc);
	CHECK(object_is_deleting(changed));
	CHECK(!object_is_deleting(object));
	CHECK(str_is(object_bytes(object), text));
	object_unref(object_ref(changed));
	CHECK(str_is(object_name(changed), "web"));
	object_unref(changed);
	object_unref(object);
	object_unref(NULL);
}

/* Goal: what was parsed in a round goes at its end, once all together, and can be parsed again. The
 * sanitizer gives no memory out twice in a row, so another form lies at another place. */
static void trims_a_round(void)
{
	struct object *first, *second;
	const struct json *form, *other;
	struct error err;

	CHECK_OK(object_from_bytes(str_of(text), &first, &err), &err);
	CHECK_OK(object_from_bytes(str_of(text), &second, &err), &err);
	form = object_json(first);
	object_trim_round(); /* the first: what was made before is not its own */
	CHECK(object_json(first) == form);
	other = object_json(second);
	CHECK(object_json(second) == other);
	object_trim(second);
	CHECK(object_json(second) != other); /* remembered twice */
	other = object_json(second);
	object_unref(first);
	object_trim_round();
	CHECK(object_json(second) != other);
	object_unref(second); /* the list has the last reference */
	object_round_end();
}

/* Goal: stored bytes that say something twice are kept as they are understood. */
static void says_it_once(void)
{
	struct object *object;
	struct error err;

	CHECK_OK(object_from_bytes(STR("{\"metadata\":{\"name\":\"a\",\"name\":\"b\"}}"), &object,
				   &err),
		 &err);
	CHECK(str_is(object_name(object), "b"));
	CHECK(str_is(object_bytes(object), "{\"metadata\":{\"name\":\"b\"}}"));
	CHECK(str_is(meta_str(object_json(object), "name"), "b"));
	object_unref(object);
}

static const struct test tests[] = {
	{ "keeps facts", keeps_facts },       { "finds labels", finds_labels },
	{ "refuses damage", refuses_damage }, { "thaws", thaws },
	{ "trims a round", trims_a_round },   { "says it once", says_it_once },
};
TEST_MAIN(tests)
