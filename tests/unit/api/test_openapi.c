/*
 * test_openapi.c - documents hang together, and discovery says what the rows say.
 */
#include "api/openapi.h"

#include "api/discovery.h"
#include "api/gnostic.h"
#include "api/kind.h"
#include "base/map.h"
#include "tests/unit/harness.h"

/* Every $ref of a value is a key of `schemas`.  The names of properties are no references. */
static void check_refs(const struct json *value, const struct json *schemas, const char *prefix,
		       bool names)
{
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		bool inside = !names && it.is_object && str_is(it.key, "properties");

		if (!names && it.is_object && str_is(it.key, "$ref")) {
			struct str ref = json_str(it.value);

			CHECK(str_starts(ref, str_of(prefix)));
			if (!json_get_str(schemas, str_from(ref.at + strlen(prefix),
							    ref.len - strlen(prefix))))
				harness_fail(__FILE__, __LINE__, "dangling " STR_FMT, STR_ARG(ref));
		}
		if (json_type(it.value) == JSON_OBJECT || json_type(it.value) == JSON_ARRAY)
			check_refs(it.value, schemas, prefix, inside);
	}
}

static bool has_parameter(const struct json *operation, const char *name)
{
	for (struct json_iter it = json_iter(json_get(operation, "parameters")); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "name")), name))
			return true;
	return false;
}

/* Goal: what kubectl looks for at a PATCH is there: the kind, the parameters of the operation
 * itself, the forms of patches.  Ids of operations are there once. */
static void check_operations(const struct json *paths, bool v3, struct map *ids)
{
	for (struct json_iter path = json_iter(paths); json_next(&path);)
		for (struct json_iter it = json_iter(path.value); json_next(&it);) {
			const struct json *id = json_get(it.value, "operationId");

			if (id && map_put(ids, json_str(id), ids))
				harness_fail(__FILE__, __LINE__, "twice: " STR_FMT,
					     STR_ARG(json_str(id)));
			if (!str_is(it.key, "patch") ||
			    str_is(json_str(json_get(it.value, "x-kubernetes-action")), "connect"))
				continue;
			CHECK(json_path(it.value, "x-kubernetes-group-version-kind", "kind",
					NULL) != NULL);
			CHECK(has_parameter(it.value, "dryRun"));
			CHECK(has_parameter(it.value, "fieldValidation"));
			CHECK(has_parameter(it.value, "force"));
			CHECK(v3 ? json_path(it.value, "requestBody", "content",
					     "application/strategic-merge-patch+json", NULL) != NULL
				 : json_count(json_get(it.value, "consumes")) == 4);
		}
}

/* A kind is the one of at most one schema. */
static void check_kinds(const struct json *schemas)
{
	auto_map seen = map_new();

	for (struct json_iter at = json_iter(schemas); json_next(&at);) {
		const struct json *names = json_get(at.value, "x-kubernetes-group-version-kind");

		for (struct json_iter it = json_iter(names); json_next(&it);) {
			auto_buf text = BUF_INIT;

			json_print(it.value, &text);
			if (map_put(seen, buf_str(&text), seen))
				harness_fail(__FILE__, __LINE__, "of two schemas: %s",
					     buf_text(&text));
		}
	}
	CHECK(map_count(seen) > 50);
}

/* Goal: Swagger 2 hangs together, has every kind, and can be told as protobuf. */
static void swagger(void)
{
	auto_json_doc doc = json_doc_new();
	auto_buf coded = BUF_INIT;
	auto_map ids = map_new();
	const struct json *root, *schemas;
	struct error err;

	openapi_make_v2(doc);
	root = json_root(doc);
	schemas = json_get(root, "definitions");
	check_refs(root, schemas, "#/definitions/", false);
	check_operations(json_get(root, "paths"), false, ids);
	check_kinds(schemas);
	for (const struct kind *const *at = kind_list; *at; at++)
		CHECK(json_get(schemas, (*at)->type_name) != NULL);
	CHECK(json_path(schemas,
			"io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps",
			"properties", "$ref", NULL) != NULL);
	CHECK_OK(gnostic_from_v2(root, &coded, &err), &err);
	CHECK(coded.len > 100000);
	CHECK(str_starts(buf_str(&coded), STR("\x0a\x03"
					      "2.0\x12")));
}

/* Goal: so does each document of version 3, and all of them together have each id once. */
static void documents(void)
{
	auto_map ids = map_new();
	size_t count = 0;

	for (size_t i = 0;; i++) {
		auto_json_doc doc = json_doc_new();
		auto_buf path = BUF_INIT;
		auto_buf coded = BUF_INIT;
		const struct json *root;
		struct error err;

		if (!openapi_path(i, &path))
			break;
		CHECK(openapi_make_v3(doc, buf_str(&path)));
		root = json_root(doc);
		check_refs(root, json_path(root, "components", "schemas", NULL),
			   "#/components/schemas/", false);
		check_operations(json_get(root, "paths"), true, ids);
		CHECK_OK(gnostic_from_v3(root, &coded, &err), &err);
		count++;
	}
	CHECK(count > 20);
	CHECK(map_find(ids, STR("listCoreV1PodForAllNamespaces")) != NULL);
	CHECK(map_find(ids, STR("patchAppsV1NamespacedDeploymentScale")) != NULL);
	CHECK(map_find(ids, STR("createRbacAuthorizationV1ClusterRole")) != NULL);
	CHECK(map_find(ids, STR("deleteCoreV1CollectionNamespacedPod")) != NULL);
	CHECK(map_find(ids, STR("createAuthenticationV1TokenReview")) != NULL);
}

/* Goal: the words of single fields: forms that are schemas, defaults, keys of lists. */
static void fields(void)
{
	auto_json_doc doc = json_doc_new();
	const struct json *schemas, *field;
	auto_buf text = BUF_INIT;

	CHECK(openapi_make_v3(doc, STR("api/v1")));
	schemas = json_path(json_root(doc), "components", "schemas", NULL);
	field = json_path(schemas, "io.k8s.api.core.v1.ServicePort", "properties", "targetPort",
			  "allOf", NULL);
	json_print(field, &text);
	CHECK_STR(buf_text(&text), "[{\"$ref\":\"#/components/schemas/"
				   "io.k8s.apimachinery.pkg.util.intstr.IntOrString\"}]");
	field = json_path(schemas, "io.k8s.api.core.v1.ServiceSpec", "properties", "ports", NULL);
	CHECK(str_is(json_str(json_get(field, "x-kubernetes-patch-merge-key")), "port"));
	CHECK_INT(json_count(json_get(field, "x-kubernetes-list-map-keys")), 2);
	field = json_path(schemas, "io.k8s.api.core.v1.Container", "properties", "name", NULL);
	CHECK(str_is(json_str(json_get(field, "default")), ""));
	field = json_path(schemas, "io.k8s.api.core.v1.Secret", "properties", "data",
			  "additionalProperties", "format", NULL);
	CHECK(str_is(json_str(field), "byte"));
	field = json_path(schemas, "io.k8s.api.core.v1.PodSpec", "properties", "restartPolicy",
			  "enum", NULL);
	CHECK_INT(json_count(field), 3);
	field = json_path(schemas, "io.k8s.apimachinery.pkg.api.resource.Quantity", "oneOf", NULL);
	CHECK_INT(json_count(field), 2);
}

static void no_hash(struct str bytes, unsigned char out[32])
{
	(void)bytes;
	memset(out, 0, 32);
}

/* Goal: each kind is in both forms of discovery of its group, and a group without kinds in none. */
static void discovery(void)
{
	auto_buf groups = BUF_INIT;
	size_t core = 0;

	discovery_print_aggregated(false, "v2", NULL, &groups);
	for (const struct kind *const *at = kind_list; *at; at++) {
		auto_free char *name = memory_print("\"resource\":\"%s\"", (*at)->plural);
		auto_free char *old = memory_print("\"name\":\"%s\"", (*at)->plural);
		auto_buf list = BUF_INIT;

		CHECK(discovery_print_resources(str_of((*at)->group), str_of((*at)->version),
						no_hash, &list));
		CHECK(str_search(buf_str(&list), str_of(old)) > 0);
		core += (*at)->group[0] == '\0';
		if ((*at)->group[0])
			CHECK(str_search(buf_str(&groups), str_of(name)) > 0);
	}
	CHECK(core > 5);
	for (size_t i = 0; discovery_group(i); i++) {
		auto_buf list = BUF_INIT;

		CHECK(discovery_print_resources(str_of(discovery_group(i)->group),
						str_of(discovery_group(i)->version), no_hash,
						&list));
		CHECK(str_search(buf_str(&list), STR("\"kind\"")) > 0);
	}
	CHECK(!discovery_print_group(STR("extensions"), NULL, &groups));
	CHECK(!discovery_print_group(STR(""), NULL, &groups));
}

static const struct test tests[] = {
	{ "swagger", swagger },
	{ "documents", documents },
	{ "fields", fields },
	{ "discovery", discovery },
};
TEST_MAIN(tests)
