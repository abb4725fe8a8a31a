/*
 * test_managed_fields.c - entries read and printed: their order, who is who, what is refused.
 */
#include "api/managed_fields.h"

#include "base/limits.h"
#include "tests/unit/harness.h"

#define ENTRY(who, how, version, more)                                                             \
	"{\"manager\":\"" who "\",\"operation\":\"" how "\",\"apiVersion\":\"" version             \
	"\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:a\":{}}" more "}"

static bool take(const char *text, struct arena *arena, struct json_doc **doc, struct managed *out,
		 struct error *err)
{
	CHECK_OK(json_parse(str_of(text), doc, NULL, err), err);
	return managed_parse(json_root(*doc), arena, out, err);
}

/* Goal: applies first, then by time, manager, version and subresource. */
static void prints_in_order(void)
{
	auto_arena arena = arena_new();
	auto_json_doc doc = NULL;
	struct managed managed;
	struct error err;
	auto_buf text = BUF_INIT;

	CHECK_OK(
		take("[" ENTRY("b", "Update", "v1", ",\"time\":\"2026-01-01T00:00:02Z\"") "," ENTRY(
			     "z", "Update", "v1",
			     ",\"time\":\"2026-01-01T00:00:01Z\"") "," ENTRY("a", "Update", "v1",
									     ",\"subresource\":"
									     "\"status\",\"time\":"
									     "\"2026-01-01T00:00:"
									     "02Z\"") "," ENTRY("y",
												"Ap"
												"pl"
												"y",
												"v"
												"1",
												","
												"\""
												"ti"
												"me"
												"\""
												":"
												"\""
												"20"
												"26"
												"-0"
												"1-"
												"01"
												"T0"
												"0:"
												"00"
												":0"
												"9Z"
												"\"") "]",
		     arena, &doc, &managed, &err),
		&err);
	for (struct json_iter it = json_iter(managed_print(&managed, doc)); json_next(&it);) {
		buf_add_print(&text, STR_FMT "/" STR_FMT " ",
			      STR_ARG(json_str(json_get(it.value, "manager"))),
			      STR_ARG(json_str(json_get(it.value, "subresource"))));
	}
	CHECK_STR(buf_text(&text), "y/ z/ a/status b/ ");
}

/* Goal: an apply is the same whatever its version, an update is not. */
static void who_is_who(void)
{
	auto_arena arena = arena_new();
	auto_json_doc doc = NULL;
	struct managed managed;
	struct error err;

	CHECK_OK(take("[" ENTRY("m", "Apply", "v1", "") "," ENTRY("m", "Apply", "v2", "") "," ENTRY(
			      "m", "Update", "v1",
			      "") "," ENTRY("m", "Update", "v2",
					    "") "," ENTRY("m", "Update", "v2",
							  ",\"subresource\":\"scale\"") "]",
		      arena, &doc, &managed, &err),
		 &err);
	CHECK_INT(managed.count, 4);
	CHECK(str_is(managed.items[0].api_version, "v2"));
}

/* Goal: what is no entry is refused; so are too many. */
static void refuses(void)
{
	static const char *const texts[] = {
		"[{}]",
		"[{\"operation\":\"Update\",\"fieldsType\":\"FieldsV1\"}]",
		"[{\"operation\":\"Delete\",\"apiVersion\":\"v1\",\"fieldsType\":\"FieldsV1\"}]",
		"[{\"operation\":\"Update\",\"apiVersion\":\"v1\"}]",
		"[{\"operation\":\"Update\",\"apiVersion\":\"v1\",\"fieldsType\":\"FieldsV2\"}]",
		"[{\"operation\":\"Update\",\"apiVersion\":\"v1\",\"fieldsType\":\"FieldsV1\","
		"\"fieldsV1\":{\"x\":{}}}]",
	};
	auto_arena arena = arena_new();
	auto_json_doc many = json_doc_new();
	struct json *list = json_new_array(many);
	struct managed managed;
	struct error err;

	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		auto_json_doc doc = NULL;

		CHECK(!take(texts[i], arena, &doc, &managed, &err));
		CHECK_INT(err.kind, ERROR_BAD_REQUEST);
	}
	for (int i = 0; i <= LIMIT_MANAGERS; i++)
		json_append(list, json_new_object(many));
	CHECK(!managed_parse(list, arena, &managed, &err));
	CHECK_OK(managed_parse(NULL, arena, &managed, &err), &err);
	CHECK_INT(managed.count, 0);
}

static bool is_reset(const char *text)
{
	auto_json_doc doc = NULL;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return managed_is_reset(json_root(doc));
}

/* Goal: the two ways to say that nobody owns anything. */
static void resets(void)
{
	CHECK(is_reset("[]"));
	CHECK(is_reset("[{}]"));
	CHECK(!is_reset("[{},{}]"));
	CHECK(!is_reset("[{\"manager\":\"m\"}]"));
	CHECK(!is_reset("null"));
}

/* Goal: a map that gets more entries than may be owned ends the comparison; one fewer does not, and
 * those that were there do not count. */
static void compares_up_to_a_limit(void)
{
	const struct type *type = type_find(STR("io.k8s.api.core.v1.ConfigMap"));
	auto_arena arena = arena_new();
	auto_json_doc doc = json_doc_new();
	struct json *new = json_new_object(doc), *old = json_new_object(doc);
	struct json *data = json_sub_object(doc, new, "data");
	struct managed managed = { NULL, 0, 0 };
	struct managed_actor actor = { .manager = STR("m"), .api_version = STR("v1") };
	struct typed_changes changes;

	json_put(doc, json_sub_object(doc, old, "data"), "k7", json_new_text(doc, "v"));
	for (int i = 0; i < LIMIT_FIELDS; i++)
		json_add_str(doc, data, json_str(json_new_print(doc, "k%d", i)),
			     json_new_text(doc, "v"));
	changes = managed_compare(type, NULL, new, arena);
	CHECK(!changes.many);
	CHECK_INT(changes.changed.items[0].below->count, LIMIT_FIELDS);
	json_put(doc, data, "more", json_new_text(doc, "v"));
	CHECK(managed_compare(type, NULL, new, arena).many);
	managed_update(&managed, &actor, type, NULL, new, arena);
	CHECK_INT(managed.count, 0);
	changes = managed_compare(type, old, new, arena);
	CHECK(!changes.many);
	CHECK_INT(changes.changed.items[0].below->count, LIMIT_FIELDS);
}

static const struct test tests[] = {
	{ "prints in order", prints_in_order },
	{ "who is who", who_is_who },
	{ "refuses", refuses },
	{ "resets", resets },
	{ "compares up to a limit", compares_up_to_a_limit },
};
TEST_MAIN(tests)
