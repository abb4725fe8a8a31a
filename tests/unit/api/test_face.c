/*
 * test_face.c - an object in its kept form and as its other face shows it.
 */
#include "api/face.h"

#include "tests/unit/harness.h"

static struct json_doc *parse(const char *text)
{
	struct json_doc *doc;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return doc;
}

/* Goal: each kind that is another face comes back to the kept form it was made from, and a kept
 * kind has one other face at most. */
static void comes_back(void)
{
	for (const struct kind *const *at = kind_list; *at; at++) {
		auto_json_doc doc = NULL;
		auto_json_doc before = NULL;
		auto_buf version = BUF_INIT;

		CHECK(face_kept(*at) == ((*at)->stored_as ? (*at)->stored_as : *at));
		if (!(*at)->stored_as)
			continue;
		for (const struct kind *const *other = kind_list; *other; other++)
			CHECK(*other == *at || (*other)->stored_as != (*at)->stored_as);
		kind_api_version((*at)->stored_as, &version);
		doc = json_doc_new();
		json_set_root(doc, json_new_object(doc));
		json_put(doc, json_root(doc), "apiVersion", json_new_str(doc, buf_str(&version)));
		json_put(doc, json_root(doc), "kind", json_new_text(doc, (*at)->stored_as->name));
		json_put(doc, json_root(doc), "metadata", json_new_object(doc));
		before = json_doc_new();
		json_set_root(before, json_clone(before, json_root(doc)));
		face_from_kept(*at, doc);
		CHECK(!json_equal(json_root(doc), json_root(before)));
		face_to_kept(*at, doc);
		CHECK(json_equal(json_get(json_root(doc), "apiVersion"),
				 json_get(json_root(before), "apiVersion")));
	}
}

/* Goal: the fields of an Event have their other names, nothing is lost, and the kept object stays
 * as it is. */
static void renames_fields(void)
{
	const struct kind *kind = kind_find_name(STR("events.k8s.io/v1"), STR("Event"));
	struct json_doc *doc =
		parse("{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"x\"},"
		      "\"involvedObject\":{\"name\":\"p\"},\"message\":\"m\",\"count\":2,"
		      "\"source\":{\"component\":\"c\"},\"reportingComponent\":\"r\"}");
	const struct object *kept = object_new(doc), *shown = face_of(kind, kept);

	CHECK_STR(object_bytes(shown).at,
		  "{\"apiVersion\":\"events.k8s.io/v1\",\"kind\":\"Event\",\"metadata\":{\"name\":"
		  "\"x\"},\"regarding\":{\"name\":\"p\"},\"note\":\"m\","
		  "\"reportingController\":\"r\",\"deprecatedSource\":{\"component\":\"c\"},"
		  "\"deprecatedCount\":2}");
	CHECK(object_json(kept) && json_get(object_json(kept), "message"));
	object_unref(shown);
	shown = face_of(kind->stored_as, kept);
	CHECK(shown == kept); /* a reference to the same */
	object_unref(shown);
	object_unref(kept);
}

static const struct test tests[] = {
	{ "comes back", comes_back },
	{ "renames fields", renames_fields },
};

TEST_MAIN(tests)
