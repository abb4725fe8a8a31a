/*
 * kind_crd.c - CustomResourceDefinition: a kind of one's own.
 */
#include "api/kinds/cells.h"
#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/validate.h"
#include "api/validate_structural.h"
#include "api/validate_values.h"
#include "api/validate_webhook.h"
#include "api/validate_words.h"
#include "base/map.h"

#define APPROVAL "api-approved.kubernetes.io"
#define MIXED    "may have mixed case, but should otherwise match: "

/* --- what is filled in --- */

static void lower(struct str text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++)
		buf_add_byte(out, text.at[i] >= 'A' && text.at[i] <= 'Z' ? (char)(text.at[i] + 32)
									 : text.at[i]);
}

static void fill(const struct kind_work *work)
{
	struct json *spec = json_get(work->object, "spec"), *names = json_get(spec, "names");
	struct str kind = json_str(json_get(names, "kind"));
	auto_buf singular = BUF_INIT;

	lower(kind, &singular);
	if (names && json_str(json_get(names, "singular")).len == 0)
		json_put(work->doc, names, "singular", json_new_str(work->doc, buf_str(&singular)));
	if (names && json_str(json_get(names, "listKind")).len == 0 && kind.len > 0)
		json_put(work->doc, names, "listKind",
			 json_new_print(work->doc, STR_FMT "List", STR_ARG(kind)));
	if (spec && !json_get(spec, "conversion"))
		json_put(work->doc, json_sub_object(work->doc, spec, "conversion"), "strategy",
			 json_new_text(work->doc, "None"));
}

/* Versions that were ever used to keep objects: the one of now is always among them. */
static void note_stored(const struct kind_work *work)
{
	struct json *status = json_sub_object(work->doc, work->object, "status");

	for (struct json_iter it = json_iter(json_path(work->object, "spec", "versions", NULL));
	     json_next(&it);) {
		auto_free char *name = str_copy(json_str(json_get(it.value, "name")));

		if (json_bool(json_get(it.value, "storage")) &&
		    !words_list_has(json_get(status, "storedVersions"), name))
			json_append(json_sub_array(work->doc, status, "storedVersions"),
				    json_new_text(work->doc, name));
	}
}

static void on_create(const struct kind_work *work)
{
	json_put(work->doc, work->object, "status", json_new_object(work->doc));
	note_stored(work);
}

static void on_update(const struct kind_work *work)
{
	if (work->subresource[0] == '\0')
		note_stored(work);
}

/* --- names --- */

static void check_label(const struct kind_work *work, struct str text, const char *path,
			const char *before)
{
	const char *why;
	auto_buf plain = BUF_INIT;

	if (text.len == 0)
		return;
	if (*before)
		lower(text, &plain);
	else
		buf_add_str(&plain, text);
	why = name_check(NAME_LABEL_1035, buf_str(&plain));
	if (why)
		values_invalid_text(work, path, text,
				    field_path(work->errors, "%s%s", before, why));
}

static void check_names(const struct kind_work *work, const struct json *names)
{
	static const char *const fields[][2] = {
		{ "plural", "" }, { "singular", "" }, { "kind", MIXED }, { "listKind", MIXED }
	};
	static const char *const lists[] = { "shortNames", "categories" };
	struct str kind = json_str(json_get(names, "kind"));

	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		values_required(work, field_path(work->errors, "spec.names.%s", fields[i][0]),
				json_get(names, fields[i][0]));
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		check_label(work, json_str(json_get(names, fields[i][0])),
			    field_path(work->errors, "spec.names.%s", fields[i][0]), fields[i][1]);
	if (kind.len > 0 && str_equal(kind, json_str(json_get(names, "listKind"))))
		values_invalid_text(work, "spec.names.listKind", kind,
				    "kind and listKind may not be the same");
	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(names, lists[i])); json_next(&it);)
			check_label(
				work, json_str(it.value),
				field_path(work->errors, "spec.names.%s[%zu]", lists[i], it.index),
				"");
}

static void check_group(const struct kind_work *work, const struct json *group)
{
	const char *why = name_check(NAME_SUBDOMAIN, json_str(group));

	if (!values_required(work, "spec.group", group))
		return;
	if (!why && str_find(json_str(group), '.') < 0)
		why = "should be a domain with at least one dot";
	words_name(work, "spec.group", group, why);
}

static bool is_protected(struct str group)
{
	static const char *const tops[] = { "k8s.io", "kubernetes.io" };

	for (size_t i = 0; i < ARRAY_LENGTH(tops); i++) {
		size_t len = strlen(tops[i]);

		if (str_is(group, tops[i]) ||
		    (str_ends(group, str_of(tops[i])) && group.at[group.len - len - 1] == '.'))
			return true;
	}
	return false;
}

/* Groups of the Kubernetes community need a word of theirs. */
static void check_approval(const struct kind_work *work, struct str group)
{
	static const char path[] = "metadata.annotations[" APPROVAL "]",
			  see[] = "see https://github.com/kubernetes/enhancements/pull/1111";
	struct str word = meta_annotation(work->object, APPROVAL);

	if (work->old || !is_protected(group))
		return;
	if (word.len == 0)
		validate_required(work, path,
				  field_path(work->errors,
					     "protected groups must have approval annotation "
					     "\"" APPROVAL "\", %s",
					     see));
	else if (!str_starts(word, STR("unapproved")) && str_search(word, STR("://")) <= 0)
		values_invalid_text(work, path, word,
				    field_path(work->errors,
					       "protected groups must have approval annotation "
					       "\"" APPROVAL "\" with either a URL or a reason "
					       "starting with \"unapproved\", %s",
					       see));
}

static void check_name(const struct kind_work *work, const struct json *spec)
{
	struct str plural = json_str(json_path(spec, "names", "plural", NULL)),
		   group = json_str(json_get(spec, "group")), name = meta_str(work->object, "name");
	const char *wanted =
		field_path(work->errors, STR_FMT "." STR_FMT, STR_ARG(plural), STR_ARG(group));

	if (!work->old && !str_is(name, wanted))
		values_invalid_text(work, "metadata.name", name,
				    "must be spec.names.plural+\".\"+spec.group");
}

/* --- versions --- */

static void check_column(const struct kind_work *work, const struct json *column, const char *path)
{
	static const char
		*const types[] = { "boolean", "date", "integer", "number", "string", NULL },
		       *const formats[] = { "byte",  "date",  "date-time", "double", "float",
					    "int32", "int64", "password",  NULL };
	const struct json *type = json_get(column, "type"), *format = json_get(column, "format"),
			  *where = json_get(column, "jsonPath");
	const char *at = field_path(work->errors, "%s.type", path);

	values_required(work, field_path(work->errors, "%s.name", path), json_get(column, "name"));
	if (json_str(type).len == 0)
		validate_required(work, at, "must be one of boolean,date,integer,number,string");
	else if (!words_have(types, json_str(type)))
		validate_invalid(work, at, type,
				 "must be one of boolean,date,integer,number,string");
	if (json_str(format).len > 0 && !words_have(formats, json_str(format)))
		validate_invalid(work, field_path(work->errors, "%s.format", path), format,
				 "must be one of byte,date,date-time,double,float,int32,int64,"
				 "password");
	at = field_path(work->errors, "%s.JSONPath", path);
	if (values_required(work, at, where) && !str_starts(json_str(where), STR(".")))
		validate_invalid(work, at, where, "must be a simple json path starting with .");
}

static void check_scale_path(const struct kind_work *work, const struct json *value,
			     const char *path, const char *top)
{
	struct str text = json_str(value);

	if (!values_required(work, path, value))
		return;
	if (!str_starts(text, STR(".")))
		validate_invalid(work, path, value, "must be a simple json path starting with .");
	else if (!str_starts(text, str_of(top)) || text.at[strlen(top)] != '.')
		validate_invalid(work, path, value,
				 field_path(work->errors, "should be a json path under %s", top));
}

static void check_scale(const struct kind_work *work, const struct json *scale, const char *path)
{
	const struct json *selector = json_get(scale, "labelSelectorPath");
	struct str text = json_str(selector);

	check_scale_path(work, json_get(scale, "specReplicasPath"),
			 field_path(work->errors, "%s.scale.specReplicasPath", path), ".spec");
	check_scale_path(work, json_get(scale, "statusReplicasPath"),
			 field_path(work->errors, "%s.scale.statusReplicasPath", path), ".status");
	if (text.len > 0 && !str_starts(text, STR(".spec.")) && !str_starts(text, STR(".status.")))
		validate_invalid(work, field_path(work->errors, "%s.scale.labelSelectorPath", path),
				 selector,
				 str_starts(text, STR("."))
					 ? "should be a json path under either .spec or .status"
					 : "must be a simple json path starting with .");
}

static void check_parts(const struct kind_work *work, const struct json *version,
			const char *schema_path, const char *path)
{
	const struct json *schema = json_path(version, "schema", "openAPIV3Schema", NULL),
			  *scale = json_path(version, "subresources", "scale", NULL);

	if (schema)
		structural_check(work, schema,
				 field_path(work->errors, "%s.openAPIV3Schema", schema_path));
	if (scale)
		check_scale(work, scale, field_path(work->errors, "%s.subresources", path));
	for (struct json_iter it = json_iter(json_get(version, "additionalPrinterColumns"));
	     json_next(&it);)
		check_column(work, it.value,
			     field_path(work->errors, "%s.additionalPrinterColumns[%zu]", path,
					it.index));
}

static void check_version(const struct kind_work *work, const struct json *version,
			  const char *path)
{
	const struct json *warning = json_get(version, "deprecationWarning");
	const char *at = field_path(work->errors, "%s.deprecationWarning", path);

	check_label(work, json_str(json_get(version, "name")),
		    field_path(work->errors, "%s.name", path), "");
	if (!warning)
		return;
	if (!json_bool(json_get(version, "deprecated")))
		validate_invalid(work, at, warning, "can only be set for deprecated versions");
	else if (json_str(warning).len > 256)
		validate_invalid(work, at, warning, "must be <= 256 characters long");
	else if (json_str(warning).len == 0)
		validate_invalid(work, at, warning, "must not be an empty string");
}

/* What all versions say alike is told of the whole, as the real server keeps it so. */
static bool is_same_everywhere(const struct json *versions)
{
	const struct json *first = json_at(versions, 0);

	for (struct json_iter it = json_iter(versions); json_next(&it);)
		if (!json_equal(json_get(it.value, "schema"), json_get(first, "schema")))
			return false;
	return true;
}

static void check_versions(const struct kind_work *work, const struct json *versions)
{
	bool same = is_same_everywhere(versions), unique = true;
	size_t stored = 0;
	auto_map names = map_new();

	for (struct json_iter it = json_iter(versions); json_next(&it);)
		if (!json_path(it.value, "schema", "openAPIV3Schema", NULL))
			validate_required(work,
					  field_path(work->errors,
						     "spec.versions[%zu].schema.openAPIV3Schema",
						     it.index),
					  "schemas are required");
	for (struct json_iter it = json_iter(versions); json_next(&it);) {
		const char *path = field_path(work->errors, "spec.versions[%zu]", it.index);

		stored += json_bool(json_get(it.value, "storage"));
		unique = !map_put(names, json_str(json_get(it.value, "name")), it.value) && unique;
		check_version(work, it.value, path);
		if (!same)
			check_parts(work, it.value, field_path(work->errors, "%s.schema", path),
				    path);
	}
	if (!unique)
		validate_invalid(work, "spec.versions", versions,
				 "must contain unique version names");
	if (stored != 1)
		validate_invalid(work, "spec.versions",
				 versions ? versions : json_new_array(work->doc),
				 "must have exactly one version marked as storage version");
}

static void check_conversion(const struct kind_work *work, const struct json *conversion)
{
	static const char *const strategies[] = { "None", "Webhook", NULL };
	const struct json *webhook = json_get(conversion, "webhook"),
			  *client = json_get(webhook, "clientConfig");

	values_choice(work, "spec.conversion.strategy", json_get(conversion, "strategy"),
		      strategies);
	if (!str_is(json_str(json_get(conversion, "strategy")), "Webhook")) {
		if (client)
			words_forbidden(work, "spec.conversion.webhookClientConfig",
					"should not be set when strategy is not set to Webhook");
		return;
	}
	if (!client)
		validate_required(work, "spec.conversion.webhookClientConfig",
				  "required when strategy is set to Webhook");
	else
		webhook_check_client(work, client, "spec.conversion.webhookClientConfig");
	webhook_check_versions(work, json_get(webhook, "conversionReviewVersions"),
			       "spec.conversion.conversionReviewVersions", "");
}

/* --- all --- */

/* Versions in which objects may still be kept stay among the versions. */
static void check_stored(const struct kind_work *work, const struct json *versions)
{
	const struct json *stored = json_path(work->object, "status", "storedVersions", NULL);
	auto_map known = map_new();

	for (struct json_iter it = json_iter(versions); json_next(&it);)
		map_put(known, json_str(json_get(it.value, "name")), it.value);
	for (struct json_iter it = json_iter(stored); json_next(&it);)
		if (!map_find(known, json_str(it.value)))
			validate_invalid(
				work,
				field_path(work->errors, "status.storedVersions[%zu]", it.index),
				it.value,
				field_path(work->errors,
					   "missing from spec.versions; " STR_FMT
					   " was previously a storage version, and must remain in "
					   "spec.versions until a storage migration ensures no "
					   "data remains persisted in " STR_FMT
					   " and removes " STR_FMT " from status.storedVersions",
					   STR_ARG(json_str(it.value)), STR_ARG(json_str(it.value)),
					   STR_ARG(json_str(it.value))));
}

static void check_unchanged(const struct kind_work *work, const struct json *spec)
{
	const struct json *old = json_get(work->old, "spec");

	validate_immutable(work, "spec.group", json_get(spec, "group"), json_get(old, "group"));
	validate_immutable(work, "spec.names.plural", json_path(spec, "names", "plural", NULL),
			   json_path(old, "names", "plural", NULL));
	check_stored(work, json_get(spec, "versions"));
}

static void validate(const struct kind_work *work)
{
	static const char *const scopes[] = { "Cluster", "Namespaced", NULL };
	const struct json *spec = json_get(work->object, "spec"),
			  *versions = json_get(spec, "versions");

	check_name(work, spec);
	check_group(work, json_get(spec, "group"));
	values_choice(work, "spec.scope", json_get(spec, "scope"), scopes);
	check_versions(work, versions);
	check_names(work, json_get(spec, "names"));
	if (is_same_everywhere(versions))
		check_parts(work, json_at(versions, 0), "spec.validation", "spec");
	check_conversion(work, json_get(spec, "conversion"));
	if (work->old)
		check_unchanged(work, spec);
	check_approval(work, json_str(json_get(spec, "group")));
	if (json_bool(json_get(spec, "preserveUnknownFields")))
		validate_invalid(work, "spec.preserveUnknownFields",
				 json_get(spec, "preserveUnknownFields"),
				 "cannot set to true, set x-kubernetes-preserve-unknown-fields to "
				 "true in spec.versions[*].schema instead");
}

static void warn(const struct kind_work *work)
{
	kind_warn(work, "definitions of custom resources are kept, but their objects are not "
			"served by this server yet");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Created At", .type = "date", .print = cells_created },
	{ 0 },
};

static const char *const short_names[] = { "crd", "crds", NULL };
static const char *const categories[] = { "api-extensions", NULL };

const struct kind kind_crd = {
	.group = "apiextensions.k8s.io",
	.version = "v1",
	.name = "CustomResourceDefinition",
	.plural = "customresourcedefinitions",
	.short_names = short_names,
	.categories = categories,
	.type_name = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
		     "CustomResourceDefinition",
	.has_generation = true,
	.needs_revision = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.on_create = on_create,
	.on_update = on_update,
	.validate = validate,
	.warn = warn,
	.subresources = subresources_status,
	.columns = columns,
};
