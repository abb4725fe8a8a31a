/*
 * test_manifest_merge.c - what a patch made from an old and a new manifest does to the object.
 */
#include "server/control/manifest_merge.h"

#include "api/object.h"
#include "api/patch.h"
#include "base/yaml.h"
#include "tests/unit/harness.h"

static struct json_doc *parse(const char *yaml)
{
	struct json_doc *doc;
	struct error err;

	CHECK_OK(yaml_parse(str_of(yaml), &doc, NULL, &err), &err);
	return doc;
}

/* The object as the API has it after `first` was deployed, `edit` (a strategic patch, or NULL) was
 * made by hand, and `second` was deployed: without our annotations, as JSON. */
static void check(const char *kind_name, const char *first, const char *edit, const char *second,
		  const char *wanted)
{
	const struct kind *kind =
		kind_find_name(strcmp(kind_name, "Deployment") == 0 ? STR("apps/v1") : STR("v1"),
			       str_of(kind_name));
	auto_json_doc one = parse(first);
	auto_json_doc two = parse(second);
	auto_json_doc hand = parse(edit ? edit : "{}");
	auto_json_doc live = json_doc_new();
	auto_json_doc sent = json_doc_new();
	auto_buf out = BUF_INIT;
	struct json *object = manifest_merge_new(live, kind, json_root(one), "f.yaml"), *patch;
	struct error err;

	CHECK_OK(patch_strategic(kind_type(kind), live, object, json_root(hand), &err), &err);
	patch = manifest_merge_new(sent, kind, json_root(two), "f.yaml");
	patch = manifest_merge_patch(sent, kind, patch, object);
	CHECK_OK(patch_strategic(kind_type(kind), live, object, patch, &err), &err);
	CHECK(str_is(meta_annotation(object, MANIFEST_OWNER), "f.yaml"));
	json_remove(json_get(meta_of(object), "annotations"), STR(MANIFEST_OWNER));
	json_remove(json_get(meta_of(object), "annotations"), STR(MANIFEST_FIELDS));
	json_print(object, &out);
	CHECK_STR(buf_text(&out), wanted);
}

/* Goal: what leaves the manifest leaves the object, what others put there stays. */
static void maps(void)
{
	check("ConfigMap", "{metadata: {name: a, labels: {l: x}}, data: {a: '1', b: '2'}}",
	      "{data: {c: '3', a: mine}, metadata: {labels: {m: y}}}",
	      "{metadata: {name: a}, data: {a: '1'}}",
	      "{\"metadata\":{\"name\":\"a\",\"labels\":{\"m\":\"y\"},\"annotations\":{}},"
	      "\"data\":{\"a\":\"1\",\"c\":\"3\"}}");
}

#define WEB(containers)                                                                            \
	"{metadata: {name: w}, spec: {template: {spec: {containers: [" containers "]}}}}"
#define GOT(containers)                                                                            \
	"{\"metadata\":{\"name\":\"w\",\"annotations\":{}},\"spec\":{\"template\":{\"spec\":{"     \
	"\"containers\":[" containers "]}}}}"

/* Goal: lists with a key are compared by it, at any depth; whole lists are replaced. */
static void lists(void)
{
	check("Deployment",
	      WEB("{name: a, image: x, env: [{name: E, value: '1'}, {name: F, value: '2'}]}, "
		  "{name: b, image: y}"),
	      WEB("{name: side, image: z}"),
	      WEB("{name: a, image: x2, env: [{name: F, value: '3'}]}"),
	      /* The hand's patch has put it in front. */
	      GOT("{\"name\":\"side\",\"image\":\"z\"},"
		  "{\"name\":\"a\",\"image\":\"x2\",\"env\":[{\"name\":\"F\",\"value\":\"3\"}]}"));
	check("Deployment", WEB("{name: a, args: [one, two]}"), NULL,
	      WEB("{name: a, args: [three]}"), GOT("{\"name\":\"a\",\"args\":[\"three\"]}"));
	check("Deployment", WEB("{name: a, args: [one, two]}"), NULL, WEB("{name: a}"),
	      GOT("{\"name\":\"a\"}"));
	check("ConfigMap", "{metadata: {name: a, finalizers: [x/y, x/z]}}",
	      "{metadata: {finalizers: [q/r]}}", "{metadata: {name: a, finalizers: [x/z]}}",
	      "{\"metadata\":{\"name\":\"a\",\"finalizers\":[\"q/r\",\"x/z\"],"
	      "\"annotations\":{}}}");
}

/* Goal: of sources and strategies, of which there can be one, the new one takes the place. */
static void one_of_many(void)
{
	check("Deployment", "{metadata: {name: w}, spec: {strategy: {type: RollingUpdate}}}",
	      "{spec: {strategy: {rollingUpdate: {maxSurge: 1}}}}",
	      "{metadata: {name: w}, spec: {strategy: {type: Recreate}}}",
	      "{\"metadata\":{\"name\":\"w\",\"annotations\":{}},\"spec\":{\"strategy\":{\"type\":"
	      "\"Recreate\"}}}");
	check("Deployment",
	      "{metadata: {name: w}, spec: {template: {spec: {volumes: [{name: v, emptyDir: "
	      "{}}]}}}}",
	      NULL,
	      "{metadata: {name: w}, spec: {template: {spec: {volumes: [{name: v, secret: "
	      "{secretName: s}}]}}}}",
	      "{\"metadata\":{\"name\":\"w\",\"annotations\":{}},\"spec\":{\"template\":{\"spec\":{"
	      "\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"s\"}}]}}}}");
}

/* Goal: secrets are compared in one form, and their values are in no annotation. */
static void secrets(void)
{
	auto_json_doc given =
		parse("{metadata: {name: s}, stringData: {a: hidden}, data: {b: aA==}}");
	auto_json_doc doc = json_doc_new();
	struct json *made = manifest_merge_new(doc, kind_find_name(STR("v1"), STR("Secret")),
					       json_root(given), "f.yaml");

	CHECK(str_is(meta_annotation(made, MANIFEST_FIELDS), "{\"metadata\":{},\"data\":{\"b\":1,"
							     "\"a\":1}}"));
	check("Secret", "{metadata: {name: s}, stringData: {a: hidden, b: x}}", NULL,
	      "{metadata: {name: s}, stringData: {b: h}}",
	      "{\"metadata\":{\"name\":\"s\",\"annotations\":{}},\"data\":{\"b\":\"aA==\"}}");
}

/* Goal: an object that was printed from a cluster can be a manifest. */
static void printed_objects(void)
{
	check("ConfigMap",
	      "{metadata: {name: a, uid: u, resourceVersion: '7', creationTimestamp: t, "
	      "managedFields: [{}]}, status: {x: 1}}",
	      NULL, "{metadata: {name: a, resourceVersion: '7'}, data: {k: v}}",
	      "{\"metadata\":{\"name\":\"a\",\"annotations\":{}},\"data\":{\"k\":\"v\"}}");
}

/* Goal: annotations that somebody has spoiled only mean that nothing is taken away; values of wrong
 * types are left for the API to refuse. */
static void strange_values(void)
{
	static const char *const odd[] = {
		"7",
		"{metadata: 7}",
		"{metadata: {annotations: [x]}}",
		"{metadata: {name: a}, spec: {template: {spec: {containers: [7, {image: x}]}}}}",
		"{metadata: {name: a}, stringData: {a: 7}, data: 8}",
	};
	const struct kind *kind = kind_find_name(STR("apps/v1"), STR("Deployment"));

	for (size_t i = 1; i < ARRAY_LENGTH(odd); i++) {
		auto_json_doc given = parse(odd[i]);
		auto_json_doc doc = json_doc_new();
		auto_json_doc live = parse("{metadata: {annotations: {mote.dev/manifest-fields: "
					   "'{\"spec\":7,\"metadata\":[1],\"x\":{\"y\":[{}]}}'}}}");
		struct json *made = manifest_merge_new(doc, kind, json_root(given), "f");

		CHECK(json_type(manifest_merge_patch(doc, kind, made, json_root(live))) ==
		      JSON_OBJECT);
	}
	check("ConfigMap", "{metadata: {name: a}, data: {a: '1'}}",
	      "{metadata: {annotations: {mote.dev/manifest-fields: '{'}}}", "{metadata: {name: a}}",
	      "{\"metadata\":{\"name\":\"a\",\"annotations\":{}},\"data\":{\"a\":\"1\"}}");
}

static const struct test tests[] = {
	{ "maps", maps },
	{ "lists", lists },
	{ "one of many", one_of_many },
	{ "secrets", secrets },
	{ "printed objects", printed_objects },
	{ "strange values", strange_values },
};
TEST_MAIN(tests)
