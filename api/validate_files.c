/*
 * validate_files.c - files of volumes: keys of secrets and config maps, facts, tokens, bundles.
 */
#include "api/validate_files.h"

#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"
#include "base/map.h"

#define AT(...)           field_path(work->errors, __VA_ARGS__)
#define MODE_MAX          0777
#define TOKEN_SECONDS_MIN 600
#define TOKEN_SECONDS_MAX (INT64_C(1) << 32)

/* --- paths --- */

bool files_climbs(struct str path)
{
	while (path.len > 0)
		if (str_is(str_cut(&path, '/'), ".."))
			return true;
	return false;
}

void files_no_climbing(const struct kind_work *work, const struct json *value, const char *path)
{
	if (files_climbs(json_str(value)))
		validate_invalid(work, path, value, "must not contain '..'");
}

void files_inside(const struct kind_work *work, const struct json *value, const char *path)
{
	if (str_starts(json_str(value), STR("/")))
		validate_invalid(work, path, value, "must be a relative path");
	files_no_climbing(work, value, path);
}

void files_unreserved(const struct kind_work *work, const struct json *value, const char *path)
{
	struct str text = json_str(value);

	files_inside(work, value, path);
	if (str_starts(text, STR("..")) && !str_starts(text, STR("../")))
		validate_invalid(work, path, value, "must not start with '..'");
}

void files_mode(const struct kind_work *work, const struct json *mode, const char *path)
{
	if (mode && (json_int(mode) < 0 || json_int(mode) > MODE_MAX))
		validate_invalid(work, path, mode,
				 "must be a number between 0 and 0777 (octal), both inclusive");
}

/* A file's path that must be there. */
static void check_path(const struct kind_work *work, const struct json *value, const char *path)
{
	if (values_required(work, path, value))
		files_unreserved(work, value, path);
}

/* --- facts --- */

/* "metadata.labels['key']" -> metadata.labels, key */
static bool has_subscript(struct str path, struct str *out_path, struct str *out_key)
{
	ptrdiff_t at = str_search(path, STR("['"));

	if (at < 0 || !str_ends(path, STR("']")))
		return false;
	*out_path = str_from(path.at, (size_t)at);
	*out_key = str_from(path.at + at + 2, path.len - (size_t)at - 4);
	return true;
}

static void check_subscript(const struct kind_work *work, struct str field, struct str key,
			    const char *path)
{
	auto_buf lower = BUF_INIT;

	for (size_t i = 0; i < key.len; i++)
		buf_add_byte(&lower, key.at[i] >= 'A' && key.at[i] <= 'Z' ? (char)(key.at[i] + 32)
									  : key.at[i]);
	if (str_is(field, "metadata.annotations"))
		values_key(work, path, buf_str(&lower), name_qualified);
	else if (str_is(field, "metadata.labels"))
		values_key(work, path, key, name_qualified);
	else
		values_invalid_text(work, path, field, "does not support subscript");
}

/* What the conversion of the real server knows. */
static const char *const known_fields[] = {
	"metadata.annotations", "metadata.labels", "metadata.name",      "metadata.namespace",
	"metadata.uid",         "spec.nodeName",   "spec.restartPolicy", "spec.serviceAccountName",
	"spec.schedulerName",   "status.phase",    "status.hostIP",      "status.hostIPs",
	"status.podIP",         "status.podIPs",   "spec.host",          NULL
};

void files_field(const struct kind_work *work, const struct json *source, bool in_volume,
		 const char *path)
{
	static const char *const in_volumes[] = { "metadata.annotations", "metadata.labels",
						  "metadata.name",        "metadata.namespace",
						  "metadata.uid",         NULL };
	static const char *const in_variables[] = { "metadata.name",
						    "metadata.namespace",
						    "metadata.uid",
						    "spec.nodeName",
						    "spec.serviceAccountName",
						    "status.hostIP",
						    "status.hostIPs",
						    "status.podIP",
						    "status.podIPs",
						    NULL };
	const struct json *value = json_get(source, "fieldPath");
	const char *here = AT("%s.fieldPath", path);
	struct str field, key = STR_NONE, version = json_str(json_get(source, "apiVersion"));
	bool subscript;

	if (!values_required(work, AT("%s.apiVersion", path), json_get(source, "apiVersion")) ||
	    !values_required(work, here, value))
		return;
	field = json_str(value);
	subscript = has_subscript(json_str(value), &field, &key);
	if (!str_is(version, "v1"))
		validate_invalid(work, here, value,
				 AT("error converting fieldPath: unsupported pod version: " STR_FMT,
				    STR_ARG(version)));
	else if (subscript && words_have(known_fields, field))
		check_subscript(work, field, key, path);
	else if (!words_have(known_fields, field))
		validate_invalid(
			work, here, value,
			AT("error converting fieldPath: field label not supported: " STR_FMT,
			   STR_ARG(json_str(value))));
	else if (!words_have(in_volume ? in_volumes : in_variables, field))
		words_not_supported(work, here, value, in_volume ? in_volumes : in_variables);
}

static const char *const amounts[] = { "limits.cpu",
				       "limits.ephemeral-storage",
				       "limits.memory",
				       "requests.cpu",
				       "requests.ephemeral-storage",
				       "requests.memory",
				       NULL };

static bool is_huge(struct str name)
{
	return str_starts(name, STR("limits.hugepages-")) ||
	       str_starts(name, STR("requests.hugepages-"));
}

#define DIVISORS "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei"

static void check_divisor(const struct kind_work *work, struct str name, struct str divisor,
			  const char *path)
{
	static const char *const of_cpu[] = { "1m", "1", NULL };
	static const char *const of_bytes[] = { "1",   "1k",  "1M",  "1G",  "1T",  "1P",  "1E",
						"1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei", NULL };
	bool cpu = str_ends(name, STR(".cpu"));
	const char *what = str_ends(name, STR(".memory"))              ? "memory"
			   : str_ends(name, STR(".ephemeral-storage")) ? "local ephemeral storage"
								       : "hugepages";

	if (divisor.len == 0 || str_is(divisor, "0") ||
	    (!words_have(amounts, name) && !is_huge(name)) ||
	    words_have(cpu ? of_cpu : of_bytes, divisor))
		return;
	values_invalid_text(work, path, name,
			    cpu ? "only divisor's values 1m and 1 are supported with the cpu "
				  "resource"
				: AT("only divisor's values " DIVISORS
				     " are supported with the %s resource",
				     what));
}

void files_amount(const struct kind_work *work, const struct json *source, bool in_volume,
		  const char *path)
{
	const struct json *name = json_get(source, "resource");

	if (in_volume && json_str(json_get(source, "containerName")).len == 0)
		validate_required(work, AT("%s.containerName", path), "");
	else if (values_required(work, AT("%s.resource", path), name) && !is_huge(json_str(name)))
		words_check(work, AT("%s.resource", path), name, amounts);
	check_divisor(work, json_str(name), json_str(json_get(source, "divisor")),
		      AT("%s.divisor", path));
}

/* --- sources --- */

static void check_keys(const struct kind_work *work, const struct json *source, const char *path)
{
	for (struct json_iter it = json_iter(json_get(source, "items")); json_next(&it);) {
		const char *here = AT("%s.items[%zu]", path, it.index);

		values_required(work, AT("%s.key", here), json_get(it.value, "key"));
		check_path(work, json_get(it.value, "path"), AT("%s.path", here));
		files_mode(work, json_get(it.value, "mode"), AT("%s.mode", here));
	}
}

static void check_fact(const struct kind_work *work, const struct json *file, const char *path)
{
	const struct json *field = json_get(file, "fieldRef"),
			  *amount = json_get(file, "resourceFieldRef");

	check_path(work, json_get(file, "path"), AT("%s.path", path));
	if (field)
		files_field(work, field, true, AT("%s.fieldRef", path));
	if (field && amount)
		field_errors_add(work->errors, FIELD_INVALID, path, "\"resource\"",
				 "fieldRef and resourceFieldRef can not be specified "
				 "simultaneously");
	else if (amount)
		files_amount(work, amount, true, AT("%s.resourceFieldRef", path));
	else if (!field)
		validate_required(work, path, "one of fieldRef and resourceFieldRef is required");
	files_mode(work, json_get(file, "mode"), AT("%s.mode", path));
}

void files_secret(const struct kind_work *work, const struct json *source, const char *path)
{
	values_required(work, AT("%s.secretName", path), json_get(source, "secretName"));
	files_mode(work, json_get(source, "defaultMode"), AT("%s.defaultMode", path));
	check_keys(work, source, path);
}

void files_config_map(const struct kind_work *work, const struct json *source, const char *path)
{
	values_required(work, AT("%s.name", path), json_get(source, "name"));
	files_mode(work, json_get(source, "defaultMode"), AT("%s.defaultMode", path));
	check_keys(work, source, path);
}

/* Errors of the files name no number, as those of the real server. */
void files_downward(const struct kind_work *work, const struct json *source, const char *path)
{
	files_mode(work, json_get(source, "defaultMode"), AT("%s.defaultMode", path));
	for (struct json_iter it = json_iter(json_get(source, "items")); json_next(&it);)
		check_fact(work, it.value, path);
}

/* --- several sources in one folder --- */

struct folder {
	const char *path; /* of the projected volume */
	struct map *files;
};

/* Two sources must not give the same file; `shown` is told. */
static void take_place(const struct kind_work *work, const struct folder *folder,
		       const struct json *file, const struct json *shown)
{
	if (json_str(file).len > 0 && map_put(folder->files, json_str(file), (void *)file))
		validate_invalid(work, folder->path, words_text(work, shown),
				 "conflicting duplicate paths");
}

static void check_named(const struct kind_work *work, const struct folder *folder,
			const struct json *source, const char *path)
{
	values_required(work, AT("%s.name", path), json_get(source, "name"));
	check_keys(work, source, path);
	for (struct json_iter it = json_iter(json_get(source, "items")); json_next(&it);)
		take_place(work, folder, json_get(it.value, "path"), json_get(source, "name"));
}

static void check_facts(const struct kind_work *work, const struct folder *folder,
			const struct json *source, const char *path)
{
	for (struct json_iter it = json_iter(json_get(source, "items")); json_next(&it);) {
		check_fact(work, it.value, path);
		take_place(work, folder, json_get(it.value, "path"), json_get(it.value, "path"));
	}
}

static void check_token(const struct kind_work *work, const struct folder *folder,
			const struct json *source, const char *path)
{
	const struct json *seconds = json_get(source, "expirationSeconds");
	const char *here = AT("%s.expirationSeconds", path);

	if (seconds && json_int(seconds) < TOKEN_SECONDS_MIN)
		validate_invalid(work, here, seconds,
				 "may not specify a duration less than 10 minutes");
	if (json_int(seconds) > TOKEN_SECONDS_MAX)
		validate_invalid(work, here, seconds,
				 "may not specify a duration larger than 2^32 seconds");
	check_path(work, json_get(source, "path"), AT("%s.path", folder->path));
}

static void check_bundle(const struct kind_work *work, const struct folder *folder,
			 const struct json *source, const char *path)
{
	const struct json *name = json_get(source, "name"),
			  *signer = json_get(source, "signerName");

	if (name && signer)
		validate_invalid(work, path, source, "only one of name and signerName may be used");
	else if (!name && !signer)
		validate_required(work, path, "either name or signerName must be specified");
	if (name && !signer && json_get(source, "labelSelector"))
		validate_invalid(work, AT("%s.labelSelector", path),
				 json_get(source, "labelSelector"),
				 "labelSelector must be unset if name is specified");
	if (signer && !name)
		validate_label_selector(work, json_get(source, "labelSelector"),
					AT("%s.labelSelector", path));
	check_path(work, json_get(source, "path"), AT("%s.path", path));
	take_place(work, folder, json_get(source, "path"), json_get(source, "path"));
}

void files_projected(const struct kind_work *work, const struct json *source, const char *path)
{
	static const struct {
		const char *name;
		void (*check)(const struct kind_work *work, const struct folder *folder,
			      const struct json *source, const char *path);
	} rows[] = {
		{ "secret", check_named },
		{ "configMap", check_named },
		{ "downwardAPI", check_facts },
		{ "serviceAccountToken", check_token },
		{ "clusterTrustBundle", check_bundle },
	};
	auto_map files = map_new();
	const struct folder folder = { .path = path, .files = files };

	files_mode(work, json_get(source, "defaultMode"), AT("%s.defaultMode", path));
	for (struct json_iter it = json_iter(json_get(source, "sources")); json_next(&it);) {
		const char *here = AT("%s.sources[%zu]", path, it.index);
		size_t count = 0;

		for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
			const struct json *one = json_get(it.value, rows[i].name);

			if (!one)
				continue;
			count++;
			rows[i].check(work, &folder, one, AT("%s.%s", here, rows[i].name));
		}
		if (count > 1)
			words_forbidden(work, here,
					"may not specify more than 1 volume type per source");
	}
}
