/*
 * openapi.c - OpenAPI v3 documents and Swagger 2 definitions from the kinds and the field tables.
 *
 *
 * A document holds the paths of its kinds (with what clients look for: the kind's extension, the
 * fieldValidation parameter and the patch types) and the closure of the types that the kinds use.
 */
#include <inttypes.h>

#include "api/discovery.h"
#include "api/field.h"
#include "api/kind.h"
#include "base/map.h"
#include "base/version.h"

struct document {
	struct json_doc *doc;
	const char *refs;   /* "#/components/schemas/" or "#/definitions/" */
	struct map *wanted; /* type name -> struct type, in order of discovery */
};

static void put_text(struct json_doc *doc, struct json *to, const char *key, const char *text)
{
	json_put(doc, to, key, json_new_text(doc, text));
}

static void want(struct document *document, const struct type *type)
{
	if (!map_find(document->wanted, str_of(type->name)))
		map_put(document->wanted, str_of(type->name), (void *)(uintptr_t)type);
}

/* --- schemas --- */

static const struct {
	const char *type, *format;
} forms[] = {
	[FIELD_STRING] = { "string", NULL },
	[FIELD_BOOL] = { "boolean", NULL },
	[FIELD_INT32] = { "integer", "int32" },
	[FIELD_INT64] = { "integer", "int64" },
	[FIELD_DOUBLE] = { "number", "double" },
	[FIELD_BYTES] = { "string", "byte" },
	[FIELD_QUANTITY] = { "string", NULL },
	[FIELD_INT_OR_STRING] = { "string", "int-or-string" },
	[FIELD_TIME] = { "string", "date-time" },
	[FIELD_MICRO_TIME] = { "string", "date-time" },
	[FIELD_DURATION] = { "string", NULL },
	[FIELD_ANY] = { "object", NULL },
	[FIELD_STRINGS] = { "array", NULL },
	[FIELD_MESSAGE] = { NULL, NULL },
};

static struct json *value_schema(struct document *document, const struct field *field)
{
	struct json_doc *doc = document->doc;
	struct json *schema = json_new_object(doc);

	if (field->form == FIELD_MESSAGE) {
		want(document, field->type);
		json_put(doc, schema, "$ref",
			 json_new_print(doc, "%s%s", document->refs, field->type->name));
		return schema;
	}
	put_text(doc, schema, "type", forms[field->form].type);
	if (forms[field->form].format)
		put_text(doc, schema, "format", forms[field->form].format);
	if (field->form == FIELD_STRINGS)
		put_text(doc, json_sub_object(doc, schema, "items"), "type", "string");
	for (const char *const *value = field->values; value && *value; value++)
		json_append(json_sub_array(doc, schema, "enum"), json_new_text(doc, *value));
	return schema;
}

static void put_merge(struct json_doc *doc, struct json *schema, const struct field *field)
{
	static const char *const names[] = { NULL, "merge", "retainKeys", "merge,retainKeys" };
	static const char *const lists[] = { "atomic", "set", "map" };
	struct str keys = str_of(field->list_keys);

	if (names[field->merge])
		put_text(doc, schema, "x-kubernetes-patch-strategy", names[field->merge]);
	if (field->merge_key)
		put_text(doc, schema, "x-kubernetes-patch-merge-key", field->merge_key);
	if (field->shape == FIELD_LIST)
		put_text(doc, schema, "x-kubernetes-list-type", lists[field->list_type]);
	while (keys.len > 0)
		json_append(json_sub_array(doc, schema, "x-kubernetes-list-map-keys"),
			    json_new_str(doc, str_cut(&keys, ',')));
	if (field->map_atomic)
		put_text(doc, schema, "x-kubernetes-map-type", "atomic");
}

static struct json *field_schema(struct document *document, const struct field *field)
{
	struct json_doc *doc = document->doc;
	struct json *value = value_schema(document, field), *schema = value;

	if (field->shape == FIELD_ONE && field->form == FIELD_MESSAGE) {
		/* a bare $ref hides what stands beside it */
		schema = json_new_object(doc);
		json_append(json_sub_array(doc, schema, "allOf"), value);
	} else if (field->shape != FIELD_ONE) {
		schema = json_new_object(doc);
		put_text(doc, schema, "type", field->shape == FIELD_LIST ? "array" : "object");
		json_put(doc, schema, field->shape == FIELD_LIST ? "items" : "additionalProperties",
			 value);
	}
	if (field->help)
		put_text(doc, schema, "description", field->help);
	put_merge(doc, schema, field);
	return schema;
}

static void add_fields(struct document *document, const struct type *type, struct json *schema)
{
	struct json_doc *doc = document->doc;

	for (size_t i = 0; i < type->field_count; i++) {
		const struct field *field = &type->fields[i];

		if (field->inlined) {
			add_fields(document, field->type, schema);
			continue;
		}
		json_put(doc, json_sub_object(doc, schema, "properties"), field->name,
			 field_schema(document, field));
		if (field->required)
			json_append(json_sub_array(doc, schema, "required"),
				    json_new_text(doc, field->name));
	}
}

static struct json *gvk_of(struct json_doc *doc, const struct kind *kind, const char *suffix)
{
	struct json *gvk = json_new_object(doc);

	put_text(doc, gvk, "group", kind->group);
	json_put(doc, gvk, "kind", json_new_print(doc, "%s%s", kind->name, suffix));
	put_text(doc, gvk, "version", kind->version);
	return gvk;
}

/* Top-level kinds and lists say which kind they are, and have the two fields that no table holds.
 */
static void add_kind(struct document *document, const struct type *type, struct json *schema)
{
	struct json_doc *doc = document->doc;

	for (const struct kind *const *at = kind_list; *at; at++) {
		size_t len = strlen((*at)->type_name);
		bool same = strcmp((*at)->type_name, type->name) == 0;
		bool list = strncmp((*at)->type_name, type->name, len) == 0 &&
			    strcmp(type->name + len, "List") == 0;
		struct json *properties, *text;

		if (!same && !list)
			continue;
		properties = json_sub_object(doc, schema, "properties");
		text = json_new_object(doc);
		put_text(doc, text, "type", "string");
		json_put(doc, properties, "apiVersion", text);
		json_put(doc, properties, "kind", json_clone(doc, text));
		json_append(json_sub_array(doc, schema, "x-kubernetes-group-version-kind"),
			    gvk_of(doc, *at, list ? "List" : ""));
	}
}

static struct json *type_schema(struct document *document, const struct type *type)
{
	struct json *schema = json_new_object(document->doc);

	if (type->help)
		put_text(document->doc, schema, "description", type->help);
	put_text(document->doc, schema, "type", "object");
	if (type->atomic)
		put_text(document->doc, schema, "x-kubernetes-map-type", "atomic");
	add_fields(document, type, schema);
	add_kind(document, type, schema);
	return schema;
}

/* The wanted types; each may want more, which are found behind it in the map. */
static void add_schemas(struct document *document, struct json *schemas)
{
	struct str name;
	void *type;

	for (size_t i = 0; map_next(document->wanted, &i, &name, &type);)
		json_put_str(document->doc, schemas, name, type_schema(document, type));
}

/* --- paths --- */

static struct json *query_parameter(struct document *document, const char *name, bool v3)
{
	struct json_doc *doc = document->doc;
	struct json *parameter = json_new_object(doc), *at = parameter;

	put_text(doc, parameter, "name", name);
	put_text(doc, parameter, "in", "query");
	if (v3)
		at = json_sub_object(doc, parameter, "schema");
	put_text(doc, at, "type", "string");
	return parameter;
}

static void add_parameters(struct document *document, struct json *operation, bool v3)
{
	static const char *const names[] = { "dryRun", "fieldManager", "fieldValidation" };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		json_append(json_sub_array(document->doc, operation, "parameters"),
			    query_parameter(document, names[i], v3));
}

static const char *const patch_types[] = { "application/json-patch+json",
					   "application/merge-patch+json",
					   "application/strategic-merge-patch+json" };

static struct json *operation_of(struct document *document, const struct kind *kind,
				 const char *method, bool v3)
{
	struct json_doc *doc = document->doc;
	struct json *operation = json_new_object(doc), *body, *content;

	put_text(doc, operation, "x-kubernetes-action", method);
	json_put(doc, operation, "x-kubernetes-group-version-kind", gvk_of(doc, kind, ""));
	put_text(doc, json_sub_object(doc, json_sub_object(doc, operation, "responses"), "200"),
		 "description", "OK");
	if (strcmp(method, "get") == 0 || strcmp(method, "delete") == 0)
		return operation;
	add_parameters(document, operation, v3);
	if (!v3) {
		for (size_t i = 0; strcmp(method, "patch") == 0 && i < ARRAY_LENGTH(patch_types);
		     i++)
			json_append(json_sub_array(doc, operation, "consumes"),
				    json_new_text(doc, patch_types[i]));
		return operation;
	}
	body = json_sub_object(doc, json_sub_object(doc, operation, "requestBody"), "content");
	if (strcmp(method, "patch") != 0) {
		content = json_sub_object(doc, json_sub_object(doc, body, "application/json"),
					  "schema");
		json_put(doc, content, "$ref",
			 json_new_print(doc, "%s%s", document->refs, kind->type_name));
		return operation;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(patch_types); i++)
		put_text(doc,
			 json_sub_object(doc, json_sub_object(doc, body, patch_types[i]), "schema"),
			 "type", "object");
	return operation;
}

static void add_path(struct document *document, struct json *paths, const struct kind *kind,
		     bool one, bool v3)
{
	static const char *const of_one[] = { "get", "put", "patch", "delete", NULL };
	static const char *const of_many[] = { "get", "post", NULL };
	struct json_doc *doc = document->doc;
	auto_buf path = BUF_INIT;
	struct json *item;

	buf_add_print(&path, "/%s%s%s/%s", kind->group[0] ? "apis/" : "api", kind->group, "",
		      kind->version);
	buf_add_print(&path, "%s/%s%s", kind->namespaced ? "/namespaces/{namespace}" : "",
		      kind->plural, one ? "/{name}" : "");
	item = json_sub_object(doc, paths, buf_text(&path));
	for (const char *const *method = one ? of_one : of_many; *method; method++)
		json_put(doc, item, *method, operation_of(document, kind, *method, v3));
}

static void add_kinds(struct document *document, struct json *paths, struct str group,
		      struct str version, bool v3)
{
	for (const struct kind *const *at = kind_list; *at; at++) {
		const struct type *type = type_find(str_of((*at)->type_name));
		auto_free char *list = memory_print("%sList", (*at)->type_name);

		if (group.at && (!str_is(group, (*at)->group) || !str_is(version, (*at)->version)))
			continue;
		if (!type)
			continue;
		want(document, type);
		if (type_find(str_of(list)))
			want(document, type_find(str_of(list)));
		add_path(document, paths, *at, false, v3);
		add_path(document, paths, *at, true, v3);
	}
}

static struct json *info_of(struct json_doc *doc)
{
	struct json *info = json_new_object(doc);

	put_text(doc, info, "title", "Kubernetes");
	put_text(doc, info, "version", VERSION_KUBERNETES);
	return info;
}

static bool is_served(struct str group, struct str version)
{
	struct str has_group, has_version;

	for (size_t i = 0; discovery_group_version(i, &has_group, &has_version); i++)
		if (str_equal(group, has_group) && str_equal(version, has_version))
			return true;
	return false;
}

bool openapi_print_v3(struct str group, struct str version, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	auto_map wanted = map_new();
	struct document document = { .doc = doc,
				     .refs = "#/components/schemas/",
				     .wanted = wanted };
	struct json *root = json_new_object(doc);

	if (!is_served(group, version))
		return false;
	put_text(doc, root, "openapi", "3.0.0");
	json_put(doc, root, "info", info_of(doc));
	add_kinds(&document, json_sub_object(doc, root, "paths"), group, version, true);
	add_schemas(&document,
		    json_sub_object(doc, json_sub_object(doc, root, "components"), "schemas"));
	json_print(root, out);
	return true;
}

void openapi_print_v2(struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	auto_map wanted = map_new();
	struct document document = { .doc = doc, .refs = "#/definitions/", .wanted = wanted };
	struct json *root = json_new_object(doc);

	put_text(doc, root, "swagger", "2.0");
	json_put(doc, root, "info", info_of(doc));
	add_kinds(&document, json_sub_object(doc, root, "paths"), STR_NONE, STR_NONE, false);
	add_schemas(&document, json_sub_object(doc, root, "definitions"));
	json_print(root, out);
}

/* A mark that changes when the document does: FNV-1a of its text. */
static uint64_t mark_of(struct str text)
{
	uint64_t mark = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < text.len; i++)
		mark = (mark ^ (unsigned char)text.at[i]) * 0x100000001b3ull;
	return mark;
}

void openapi_print_index(struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc), *paths = json_sub_object(doc, root, "paths"),
		    *entry;
	struct str group, version;

	for (size_t i = 0; discovery_group_version(i, &group, &version); i++) {
		auto_free char *key = group.len > 0
					      ? memory_print("apis/" STR_FMT "/" STR_FMT,
							     STR_ARG(group), STR_ARG(version))
					      : memory_print("api/" STR_FMT, STR_ARG(version));
		auto_buf text = BUF_INIT;

		if (!openapi_print_v3(group, version, &text))
			continue;
		entry = json_sub_object(doc, paths, key);
		json_put(doc, entry, "serverRelativeURL",
			 json_new_print(doc, "/openapi/v3/%s?hash=%016" PRIX64, key,
					mark_of(buf_str(&text))));
	}
	json_print(root, out);
}
