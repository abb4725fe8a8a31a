/*
 * test_manifest_record.c - records as ConfigMaps and back; names of objects.
 */
#include "server/control/manifest_record.h"

#include "tests/unit/harness.h"

/* Goal: what is printed is read as the same; what somebody else has put there is not believed. */
static void there_and_back(void)
{
	struct manifest_record *record = manifest_record_new("apps/Web_1.yaml"), *again;
	auto_buf text = BUF_INIT;
	auto_json_doc doc = NULL;
	struct error err;

	CHECK(strncmp(record->name, "manifest-apps-web-1-yaml-", 25) == 0);
	free(record->hash);
	record->hash = memory_string("abc");
	map_put(record->items, STR("ConfigMap default/a"), record);
	map_put(record->items, STR("Namespace b"), record);
	buf_add_text(&record->problems, "document 1: no\n");
	manifest_record_print(record, &text);
	CHECK_OK(json_parse(buf_str(&text), &doc, NULL, &err), &err);
	again = manifest_record_read(json_root(doc));
	CHECK(again != NULL);
	CHECK_STR(again->file, "apps/Web_1.yaml");
	CHECK_STR(again->hash, "abc");
	CHECK_STR(again->stored, buf_text(&text));
	CHECK_INT(map_count(again->items), 2);
	CHECK(map_find(again->items, STR("Namespace b")) != NULL);
	manifest_record_free(again);
	json_put(doc, json_get(json_root(doc), "data"), "file", json_new_text(doc, "other.yaml"));
	CHECK(!manifest_record_read(json_root(doc)));
	CHECK(!manifest_record_read(NULL));
	manifest_record_free(record);
}

/* Goal: files with names alike have records of their own. */
static void names_differ(void)
{
	static const char *const files[] = { "a.yaml", "A.yaml", "a-yaml", "....", "" };
	struct manifest_record *records[ARRAY_LENGTH(files)];

	for (size_t i = 0; i < ARRAY_LENGTH(files); i++) {
		records[i] = manifest_record_new(files[i]);
		for (size_t j = 0; j < i; j++)
			CHECK(strcmp(records[i]->name, records[j]->name) != 0);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(files); i++)
		manifest_record_free(records[i]);
}

static void keys(void)
{
	const struct kind *kind = kind_find_name(STR("apps/v1"), STR("Deployment")), *found;
	struct str namespace, name;
	auto_buf key = BUF_INIT;

	manifest_key(kind, STR("shop"), STR("web"), &key);
	CHECK_STR(buf_text(&key), "Deployment.apps shop/web");
	CHECK(manifest_key_parse(buf_str(&key), &found, &namespace, &name));
	CHECK(found == kind && str_is(namespace, "shop") && str_is(name, "web"));
	CHECK(manifest_key_parse(STR("Namespace shop"), &found, &namespace, &name));
	CHECK(namespace.len == 0 && str_is(name, "shop"));
	CHECK(!manifest_key_parse(STR("Thing.example.org a/b"), &found, &namespace, &name));
	CHECK(!manifest_key_parse(STR("ConfigMap"), &found, &namespace, &name));
	CHECK(!manifest_key_parse(STR("ConfigMap a/"), &found, &namespace, &name));
	CHECK(!manifest_key_parse(STR(""), &found, &namespace, &name));
}

static const struct test tests[] = {
	{ "there and back", there_and_back },
	{ "names differ", names_differ },
	{ "keys", keys },
};
TEST_MAIN(tests)
