/*
 * validate_parts.c - parts of pod specs: volumes and the paths inside them, security profiles,
 * tolerations.
 *
 * A path that a pod names is joined to a folder of the node later: here it is made sure that it
 * cannot lead out of that folder.
 */
#include "api/names.h"
#include "api/validate.h"
#include "base/map.h"

#define MODE_MAX          0777
#define TOKEN_SECONDS_MIN 600

#define AT(...) field_path(work->errors, __VA_ARGS__)

/* --- paths --- */

bool validate_climbs(struct str path)
{
	while (path.len > 0)
		if (str_is(str_cut(&path, '/'), ".."))
			return true;
	return false;
}

void validate_inside_path(const struct kind_work *work, const struct json *value, const char *path)
{
	struct str text = json_str(value);

	if (str_starts(text, STR("/")))
		validate_invalid(work, path, value, "must be a relative path");
	if (validate_climbs(text))
		validate_invalid(work, path, value, "must not contain '..'");
}

/* A file in a volume; names that begin with ".." are the volume's own. */
static void check_file_path(const struct kind_work *work, const struct json *item, const char *path)
{
	const struct json *value = json_get(item, "path");
	const char *here = AT("%s.path", path);

	if (json_str(value).len == 0) {
		validate_required(work, here, "");
		return;
	}
	validate_inside_path(work, value, here);
	if (str_starts(json_str(value), STR("..")) && !validate_climbs(json_str(value)))
		validate_invalid(work, here, value, "must not start with '..'");
}

static void check_mode(const struct kind_work *work, const struct json *mode, const char *path)
{
	if (mode && (json_int(mode) < 0 || json_int(mode) > MODE_MAX))
		validate_invalid(work, path, mode,
				 "must be a number between 0 and 0777 (octal), both inclusive");
}

/* --- volumes --- */

/* Keys of a secret or a config map as files. */
static void check_key_items(const struct kind_work *work, const struct json *source,
			    const char *path)
{
	for (struct json_iter it = json_iter(json_get(source, "items")); json_next(&it);) {
		const char *here = AT("%s.items[%zu]", path, it.index);

		if (json_str(json_get(it.value, "key")).len == 0)
			validate_required(work, AT("%s.key", here), "");
		check_file_path(work, it.value, here);
		check_mode(work, json_get(it.value, "mode"), AT("%s.mode", here));
	}
}

static void check_fact_items(const struct kind_work *work, const struct json *source,
			     const char *path)
{
	for (struct json_iter it = json_iter(json_get(source, "items")); json_next(&it);) {
		const char *here = AT("%s.items[%zu]", path, it.index);
		bool field = json_get(it.value, "fieldRef"),
		     resource = json_get(it.value, "resourceFieldRef");

		check_file_path(work, it.value, here);
		check_mode(work, json_get(it.value, "mode"), AT("%s.mode", here));
		if (field && resource)
			field_errors_add(work->errors, FIELD_INVALID, here, "\"resource\"",
					 "fieldRef and resourceFieldRef can not be specified "
					 "simultaneously");
		if (!field && !resource)
			validate_required(work, here,
					  "one of fieldRef and resourceFieldRef is required");
	}
}

static void check_secret(const struct kind_work *work, const struct json *source, const char *path)
{
	if (json_str(json_get(source, "secretName")).len == 0)
		validate_required(work, AT("%s.secretName", path), "");
	check_mode(work, json_get(source, "defaultMode"), AT("%s.defaultMode", path));
	check_key_items(work, source, path);
}

static void check_config_map(const struct kind_work *work, const struct json *source,
			     const char *path)
{
	if (json_str(json_get(source, "name")).len == 0)
		validate_required(work, AT("%s.name", path), "");
	check_mode(work, json_get(source, "defaultMode"), AT("%s.defaultMode", path));
	check_key_items(work, source, path);
}

static void check_facts(const struct kind_work *work, const struct json *source, const char *path)
{
	check_mode(work, json_get(source, "defaultMode"), AT("%s.defaultMode", path));
	check_fact_items(work, source, path);
}

static void check_host_path(const struct kind_work *work, const struct json *source,
			    const char *path)
{
	const struct json *where = json_get(source, "path");

	if (json_str(where).len == 0)
		validate_required(work, AT("%s.path", path), "");
	else if (validate_climbs(json_str(where)))
		validate_invalid(work, AT("%s.path", path), where, "must not contain '..'");
}

static void check_token(const struct kind_work *work, const struct json *source, const char *path)
{
	const struct json *seconds = json_get(source, "expirationSeconds");

	if (seconds && json_int(seconds) < TOKEN_SECONDS_MIN)
		validate_invalid(work, AT("%s.expirationSeconds", path), seconds,
				 "may not specify a duration less than 10 minutes");
	check_file_path(work, source, path);
}

static void check_projected_keys(const struct kind_work *work, const struct json *source,
				 const char *path)
{
	if (json_str(json_get(source, "name")).len == 0)
		validate_required(work, AT("%s.name", path), "");
	check_key_items(work, source, path);
}

static void check_projected(const struct kind_work *work, const struct json *source,
			    const char *path)
{
	static const struct {
		const char *name;
		void (*check)(const struct kind_work *work, const struct json *source,
			      const char *path);
	} rows[] = {
		{ "secret", check_projected_keys },        { "configMap", check_projected_keys },
		{ "downwardAPI", check_fact_items },       { "serviceAccountToken", check_token },
		{ "clusterTrustBundle", check_file_path },
	};

	check_mode(work, json_get(source, "defaultMode"), AT("%s.defaultMode", path));
	for (struct json_iter it = json_iter(json_get(source, "sources")); json_next(&it);) {
		const char *here = AT("%s.sources[%zu]", path, it.index);

		if (json_count(it.value) > 1)
			field_errors_add(work->errors, FIELD_FORBIDDEN, here, NULL,
					 "may not specify more than 1 volume type");
		for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
			if (json_get(it.value, rows[i].name))
				rows[i].check(work, json_get(it.value, rows[i].name),
					      AT("%s.%s", here, rows[i].name));
	}
}

static void check_source(const struct kind_work *work, const struct json *volume, const char *path)
{
	static const struct {
		const char *name;
		void (*check)(const struct kind_work *work, const struct json *source,
			      const char *path);
	} rows[] = {
		{ "secret", check_secret },       { "configMap", check_config_map },
		{ "downwardAPI", check_facts },   { "hostPath", check_host_path },
		{ "projected", check_projected },
	};

	if (json_count(volume) > 2) /* its name is one */
		field_errors_add(work->errors, FIELD_FORBIDDEN, path, NULL,
				 "may not specify more than 1 volume type");
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (json_get(volume, rows[i].name))
			rows[i].check(work, json_get(volume, rows[i].name),
				      AT("%s.%s", path, rows[i].name));
}

void validate_volumes(const struct kind_work *work, const struct json *volumes, struct map *names,
		      const char *path)
{
	for (struct json_iter it = json_iter(volumes); json_next(&it);) {
		const struct json *name = json_get(it.value, "name");
		const char *here = AT("%s[%zu]", path, it.index),
			   *why = name_check(NAME_LABEL, json_str(name));

		if (json_str(name).len == 0)
			validate_required(work, AT("%s.name", here), "");
		else if (why)
			validate_invalid(work, AT("%s.name", here), name, why);
		if (json_str(name).len > 0 && map_put(names, json_str(name), it.value))
			validate_duplicate(work, AT("%s.name", here), name);
		check_source(work, it.value, here);
	}
}

/* --- security profiles --- */

static void check_profile(const struct kind_work *work, const struct json *profile,
			  const char *kind, const char *path)
{
	const struct json *file = json_get(profile, "localhostProfile");
	struct str type = json_str(json_get(profile, "type"));
	const char *here = AT("%s.localhostProfile", path);
	bool local = str_is(type, "Localhost"), seccomp = strcmp(kind, "seccomp") == 0;

	if (!profile)
		return;
	if (type.len == 0)
		validate_required(work, AT("%s.type", path),
				  AT("type is required when %sProfile "
				     "is set",
				     kind));
	if (local && json_str(file).len == 0)
		validate_required(work, here,
				  AT("must be set when %s type is Localhost",
				     seccomp ? "seccomp" : "AppArmor"));
	else if (!local && file)
		validate_invalid(work, here, file,
				 AT("can only be set when %s type is Localhost",
				    seccomp ? "seccomp" : "AppArmor"));
	else if (file && seccomp)
		validate_inside_path(work, file, here);
}

void validate_security(const struct kind_work *work, const struct json *context, const char *path)
{
	check_profile(work, json_get(context, "seccompProfile"), "seccomp",
		      AT("%s.seccompProfile", path));
	check_profile(work, json_get(context, "appArmorProfile"), "appArmor",
		      AT("%s.appArmorProfile", path));
}

/* --- tolerations --- */

static void check_toleration(const struct kind_work *work, const struct json *item,
			     const char *path)
{
	const struct json *op = json_get(item, "operator"), *effect = json_get(item, "effect");
	struct str key = json_str(json_get(item, "key")), value = json_str(json_get(item, "value"));
	bool exists = str_is(json_str(op), "Exists");
	const char *why = key.len ? name_check_qualified(key) : NULL;

	if (why)
		validate_invalid(work, AT("%s.key", path), json_get(item, "key"), why);
	if (key.len == 0 && !exists)
		field_errors_add(work->errors, FIELD_INVALID, AT("%s.operator", path),
				 op ? field_value(work->errors, op) : "\"\"",
				 "operator must be Exists when `key` is empty, which means "
				 "\"match all values and all keys\"");
	if (json_get(item, "tolerationSeconds") && !str_is(json_str(effect), "NoExecute"))
		field_errors_add(work->errors, FIELD_INVALID, AT("%s.effect", path),
				 effect ? field_value(work->errors, effect) : "\"\"",
				 "effect must be 'NoExecute' when `tolerationSeconds` is set");
	if (exists && value.len > 0)
		validate_invalid(work, AT("%s.operator", path), item,
				 "value must be empty when `operator` is 'Exists'");
	why = exists ? NULL : name_check_label_value(value);
	if (why)
		validate_invalid(work, AT("%s.operator", path), json_get(item, "value"), why);
}

void validate_tolerations(const struct kind_work *work, const struct json *tolerations,
			  const char *path)
{
	for (struct json_iter it = json_iter(tolerations); json_next(&it);)
		check_toleration(work, it.value, AT("%s[%zu]", path, it.index));
}
