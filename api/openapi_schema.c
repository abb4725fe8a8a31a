/*
 * openapi_schema.c - schemas of types: what the field tables say, in OpenAPI's words.
 *
 * Forms that are no plain JSON value (times, quantities, ...) are schemas of their own with the
 * names that clients know.
 */
#include <assert.h>

#include "api/openapi_inside.h"

/* --- forms that have a schema of their own --- */

enum basic {
	TIME,
	MICRO_TIME,
	DURATION,
	QUANTITY,
	INT_OR_STRING,
	FIELDS_V1,
	RAW_EXTENSION,
	ANY_JSON,
	PATCH,
	SCHEMA_OR_ARRAY,
	SCHEMA_OR_BOOL,
	SCHEMA_OR_STRINGS
};

#define CRD "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
static const struct {
	const char *name, *help;
} basics[] = {
	[TIME] = { META "Time", "Time in RFC 3339, to the second." },
	[MICRO_TIME] = { META "MicroTime", "Time in RFC 3339, to the microsecond." },
	[DURATION] = { META "Duration", "A time span such as 1h30m." },
	[QUANTITY] = { "io.k8s.apimachinery.pkg.api.resource.Quantity",
		       "A number with a unit: 100m, 1.5, 2Gi, 3k, 1e6." },
	[INT_OR_STRING] = { "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
			    "A number, or a text such as a name or 25%." },
	[FIELDS_V1] = { META "FieldsV1", "A set of fields as a tree of f:, k:, v: and i: keys." },
	[RAW_EXTENSION] = { "io.k8s.apimachinery.pkg.runtime.RawExtension", "Any object." },
	[PATCH] = { META "Patch", "What is to change, in the form that Content-Type names." },
	[ANY_JSON] = { CRD "JSON", "Any JSON value." },
	[SCHEMA_OR_ARRAY] = { CRD "JSONSchemaPropsOrArray", "A schema or a list of schemas." },
	[SCHEMA_OR_BOOL] = { CRD "JSONSchemaPropsOrBool", "A schema, or yes or no." },
	[SCHEMA_OR_STRINGS] = { CRD "JSONSchemaPropsOrStringArray",
				"A schema or a list of texts." },
};

/* They are in no table: the address of one of these stands for each. */
static const struct type stand_ins[ARRAY_LENGTH(basics)];

static bool is_basic(const struct type *type)
{
	return type >= stand_ins && type < stand_ins + ARRAY_LENGTH(stand_ins);
}

const struct type *openapi_patch_type(void)
{
	return &stand_ins[PATCH];
}

/* What a value of any form means is told by its field's name. */
static enum basic any_form(const struct field *field)
{
	static const struct {
		const char *name;
		enum basic form;
	} rows[] = {
		{ "fieldsV1", FIELDS_V1 },
		{ "default", ANY_JSON },
		{ "enum", ANY_JSON },
		{ "example", ANY_JSON },
		{ "items", SCHEMA_OR_ARRAY },
		{ "additionalProperties", SCHEMA_OR_BOOL },
		{ "additionalItems", SCHEMA_OR_BOOL },
		{ "dependencies", SCHEMA_OR_STRINGS },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (strcmp(field_name(field), rows[i].name) == 0)
			return rows[i].form;
	return RAW_EXTENSION;
}

static const struct type *schema_type(const struct field *field)
{
	switch ((enum field_form)field->form) {
	case FIELD_MESSAGE: return field_type(field);
	case FIELD_TIME: return &stand_ins[TIME];
	case FIELD_MICRO_TIME: return &stand_ins[MICRO_TIME];
	case FIELD_DURATION: return &stand_ins[DURATION];
	case FIELD_QUANTITY: return &stand_ins[QUANTITY];
	case FIELD_INT_OR_STRING: return &stand_ins[INT_OR_STRING];
	case FIELD_ANY: return &stand_ins[any_form(field)];
	default: return NULL;
	}
}

/* [{"type": A}, {"type": B}] */
static void put_either(struct openapi *api, struct json *schema, const char *a, const char *b)
{
	struct json *list = json_sub_array(api->doc, schema, "oneOf");
	struct json *one = json_new_object(api->doc), *other = json_new_object(api->doc);

	openapi_put(api, one, "type", a);
	openapi_put(api, other, "type", b);
	json_append(list, one);
	json_append(list, other);
}

static struct json *basic_schema(struct openapi *api, enum basic form)
{
	struct json *schema = json_new_object(api->doc);

	openapi_put(api, schema, "description", basics[form].help);
	switch (form) {
	case TIME:
	case MICRO_TIME:
		openapi_put(api, schema, "type", "string");
		openapi_put(api, schema, "format", "date-time");
		break;
	case DURATION: openapi_put(api, schema, "type", "string"); break;
	case QUANTITY:
		if (api->v3)
			put_either(api, schema, "string", "number");
		else
			openapi_put(api, schema, "type", "string");
		break;
	case INT_OR_STRING:
		if (api->v3)
			put_either(api, schema, "integer", "string");
		else
			openapi_put(api, schema, "type", "string");
		openapi_put(api, schema, "format", "int-or-string");
		break;
	case FIELDS_V1:
	case PATCH:
	case RAW_EXTENSION: openapi_put(api, schema, "type", "object"); break;
	case ANY_JSON:
	case SCHEMA_OR_ARRAY:
	case SCHEMA_OR_BOOL:
	case SCHEMA_OR_STRINGS: break; /* of no one type */
	}
	return schema;
}

/* --- values --- */

static const struct {
	const char *type, *format, *zero; /* zero as JSON text */
} forms[] = {
	[FIELD_STRING] = { "string", NULL, "\"\"" },  [FIELD_BOOL] = { "boolean", NULL, "false" },
	[FIELD_INT32] = { "integer", "int32", "0" },  [FIELD_INT64] = { "integer", "int64", "0" },
	[FIELD_DOUBLE] = { "number", "double", "0" }, [FIELD_BYTES] = { "string", "byte", NULL },
	[FIELD_STRINGS] = { "array", NULL, NULL },    [FIELD_MESSAGE] = { NULL, NULL, "{}" },
};

struct json *openapi_ref(struct openapi *api, const struct type *type)
{
	struct json *ref = json_new_object(api->doc);
	const char *name = is_basic(type) ? basics[type - stand_ins].name : type_name(type);

	if (!map_find(api->wanted, str_of(name)))
		map_put(api->wanted, str_of(name), (void *)(uintptr_t)type);
	json_put(api->doc, ref, "$ref",
		 json_new_print(api->doc, "%s%s",
				api->v3 ? "#/components/schemas/" : "#/definitions/", name));
	return ref;
}

/* Version 3 hides what stands beside a $ref: it is wrapped there. */
static struct json *ref_schema(struct openapi *api, const struct type *type)
{
	struct json *schema = openapi_ref(api, type), *wrap;

	if (!api->v3)
		return schema;
	wrap = json_new_object(api->doc);
	json_append(json_sub_array(api->doc, wrap, "allOf"), schema);
	return wrap;
}

static void put_default(struct openapi *api, struct json *schema, const char *text)
{
	auto_json_doc parsed = NULL;
	struct error err;

	if (!text || !json_parse(str_of(text), &parsed, NULL, &err))
		return;
	json_put(api->doc, schema, "default", json_clone(api->doc, json_root(parsed)));
}

static struct json *value_schema(struct openapi *api, const struct field *field)
{
	struct json_doc *doc = api->doc;
	const struct type *type = schema_type(field);
	struct json *schema;

	if (type)
		return ref_schema(api, type);
	schema = json_new_object(doc);
	openapi_put(api, schema, "type", forms[field->form].type);
	if (forms[field->form].format)
		openapi_put(api, schema, "format", forms[field->form].format);
	if (field->form == FIELD_STRINGS)
		openapi_put(api, json_sub_object(doc, schema, "items"), "type", "string");
	for (const char *value = field_values(field); value; value = field_values_next(value))
		json_append(json_sub_array(doc, schema, "enum"), json_new_text(doc, value));
	return schema;
}

/* --- fields --- */

static void put_merge(struct openapi *api, struct json *schema, const struct field *field)
{
	static const char *const names[] = { NULL, "merge", "retainKeys", "merge,retainKeys" };
	static const char *const lists[] = { "atomic", "set", "map" };
	struct str keys = str_of(field_list_keys(field));

	if (field->shape == FIELD_LIST)
		openapi_put(api, schema, "x-kubernetes-list-type", lists[field->list_type]);
	while (keys.len > 0)
		json_append(json_sub_array(api->doc, schema, "x-kubernetes-list-map-keys"),
			    json_new_str(api->doc, str_cut(&keys, ',')));
	if (field_merge_key(field))
		openapi_put(api, schema, "x-kubernetes-patch-merge-key", field_merge_key(field));
	if (names[field->merge])
		openapi_put(api, schema, "x-kubernetes-patch-strategy", names[field->merge]);
	if (field->map_atomic)
		openapi_put(api, schema, "x-kubernetes-map-type", "atomic");
}

/* Swagger 2 of the real server has no defaults either. */
static void put_defaults(struct openapi *api, struct json *schema, struct json *value,
			 const struct field *field)
{
	const char *zero = forms[field->form].zero;

	if (!api->v3)
		return;
	if (field->shape != FIELD_ONE)
		put_default(api, value, zero);
	if (field_fallback(field))
		put_default(api, schema, field_fallback(field));
	else if (field->shape == FIELD_ONE &&
		 (field->required || (field->form == FIELD_MESSAGE && field->omit_empty)))
		put_default(api, schema, zero);
}

static struct json *field_schema(struct openapi *api, const struct field *field)
{
	struct json_doc *doc = api->doc;
	struct json *value = value_schema(api, field), *schema = value;

	if (field->shape != FIELD_ONE) {
		schema = json_new_object(doc);
		openapi_put(api, schema, "type", field->shape == FIELD_LIST ? "array" : "object");
		json_put(doc, schema, field->shape == FIELD_LIST ? "items" : "additionalProperties",
			 value);
	}
	if (field_help(field))
		openapi_put(api, schema, "description", field_help(field));
	put_defaults(api, schema, value, field);
	put_merge(api, schema, field);
	return schema;
}

static void add_fields(struct openapi *api, const struct type *type, struct json *schema)
{
	for (size_t i = 0; i < type->field_count; i++) {
		const struct field *field = &type_fields(type)[i];

		if (field->inlined) {
			add_fields(api, field_type(field), schema);
			continue;
		}
		json_put(api->doc, json_sub_object(api->doc, schema, "properties"),
			 field_name(field), field_schema(api, field));
		if (field->required)
			json_append(json_sub_array(api->doc, schema, "required"),
				    json_new_text(api->doc, field_name(field)));
	}
}

/* --- what is an object of its own --- */

struct json *openapi_gvk(struct openapi *api, const char *group, const char *version,
			 const char *kind)
{
	struct json *gvk = json_new_object(api->doc);

	openapi_put(api, gvk, "group", group);
	openapi_put(api, gvk, "kind", kind);
	openapi_put(api, gvk, "version", version);
	return gvk;
}

/* "PodList" of "Pod" */
static bool is_list_of(const char *list, const char *item)
{
	size_t len = strlen(item);

	return strncmp(list, item, len) == 0 && strcmp(list + len, "List") == 0;
}

static void add_kind_names(struct openapi *api, const struct type *type, struct json *names)
{
	for (const struct kind *const *at = kind_list; *at; at++) {
		const struct kind *kind = *at;
		bool list = is_list_of(type_name(type), kind->type_name);

		if (list || strcmp(kind->type_name, type_name(type)) == 0)
			json_append(names,
				    openapi_gvk(api, kind->group, kind->version,
						type_name(type) + strlen(type_name(type)) -
							strlen(kind->name) - (list ? 4 : 0)));
	}
}

/* Answers of subresources, and what is only posted. */
static void add_posted_names(struct openapi *api, const struct type *type, struct json *names)
{
	for (const struct kind *const *at = kind_list; *at; at++) {
		const struct subresource *sub = (*at)->subresources;

		for (; sub && sub->name; sub++) {
			const char *group = sub->group ? sub->group : (*at)->group;
			const char *version = sub->version ? sub->version : (*at)->version;

			if (sub->kind && json_count(names) == 0 &&
			    openapi_type_of(group, version, sub->kind) == type)
				json_append(names, openapi_gvk(api, group, version, sub->kind));
		}
	}
	for (size_t i = 0; discovery_group(i); i++) {
		const struct discovery_group *group = discovery_group(i);
		const struct discovery_posted *posted = group->posted;

		for (; posted && posted->plural && json_count(names) == 0; posted++)
			if (openapi_type_of(group->group, group->version, posted->kind) == type)
				json_append(names, openapi_gvk(api, group->group, group->version,
							       posted->kind));
	}
}

/* Types that are of every group (options, events of watches) or of the core alone. */
static void add_meta_names(struct openapi *api, const struct type *type, struct json *names)
{
	static const char *const everywhere[] = { "DeleteOptions", "WatchEvent" };
	static const char *const core[] = { "Status", "APIGroup", "APIGroupList", "APIVersions",
					    "APIResourceList" };
	const char *name;

	if (strncmp(type_name(type), META, strlen(META)) != 0)
		return;
	name = type_name(type) + strlen(META);
	for (size_t i = 0; i < ARRAY_LENGTH(core); i++)
		if (strcmp(name, core[i]) == 0)
			json_append(names, openapi_gvk(api, "", "v1", name));
	for (size_t i = 0; i < ARRAY_LENGTH(everywhere); i++)
		for (size_t k = 0; strcmp(name, everywhere[i]) == 0 && discovery_group(k); k++)
			json_append(names, openapi_gvk(api, discovery_group(k)->group,
						       discovery_group(k)->version, name));
}

static void add_names(struct openapi *api, const struct type *type, struct json *schema)
{
	static const char *const helps[][2] = {
		{ "apiVersion", "Group and version of the object's form." },
		{ "kind", "Which sort of object it is." },
	};
	struct json *names = json_new_array(api->doc);

	add_kind_names(api, type, names);
	add_posted_names(api, type, names);
	add_meta_names(api, type, names);
	if (json_count(names) == 0)
		return;
	for (size_t i = 0; i < ARRAY_LENGTH(helps); i++) {
		struct json *text = json_new_object(api->doc);

		openapi_put(api, text, "type", "string");
		openapi_put(api, text, "description", helps[i][1]);
		json_put(api->doc, json_sub_object(api->doc, schema, "properties"), helps[i][0],
			 text);
	}
	json_put(api->doc, schema, "x-kubernetes-group-version-kind", names);
}

static struct json *type_schema(struct openapi *api, const struct type *type)
{
	struct json *schema = json_new_object(api->doc);

	if (type_help(type))
		openapi_put(api, schema, "description", type_help(type));
	openapi_put(api, schema, "type", "object");
	if (type->atomic)
		openapi_put(api, schema, "x-kubernetes-map-type", "atomic");
	add_fields(api, type, schema);
	add_names(api, type, schema);
	if (json_get(schema, "properties"))
		json_sort_keys(json_get(schema, "properties"));
	return schema;
}

void openapi_add_schemas(struct openapi *api, struct json *schemas)
{
	struct str name;
	void *type;

	/* Each may want more, which are found behind it in the map. */
	for (size_t i = 0; map_next(api->wanted, &i, &name, &type);)
		json_add_str(api->doc, schemas, name,
			     is_basic(type)
				     ? basic_schema(api, (enum basic)((const struct type *)type -
								      stand_ins))
				     : type_schema(api, type));
	json_sort_keys(schemas);
	assert(json_count(schemas) > 0);
}
