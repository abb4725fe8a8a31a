/*
 * validate_variables.c - environment variables, with the paths and words of the real server.
 */
#include "api/validate_variables.h"

#include "api/validate.h"
#include "api/validate_files.h"
#include "api/validate_values.h"

#define AT(...)  field_path(work->errors, __VA_ARGS__)
#define TOO_MANY "may not have more than one field specified at a time"

static void invalid_empty(const struct kind_work *work, const char *path, const char *detail)
{
	field_errors_add(work->errors, FIELD_INVALID, path, "\"\"", detail);
}

static void check_key(const struct kind_work *work, const struct json *source, const char *path)
{
	values_name(work, AT("%s.name", path), json_get(source, "name"), name_subdomain);
	values_required_name(work, AT("%s.key", path), json_get(source, "key"), name_config_key);
}

static void check_from(const struct kind_work *work, const struct json *variable,
		       const struct json *from, const char *path)
{
	const struct json *field = json_get(from, "fieldRef"),
			  *amount = json_get(from, "resourceFieldRef"),
			  *config = json_get(from, "configMapKeyRef"),
			  *secret = json_get(from, "secretKeyRef");
	int count = (field != NULL) + (amount != NULL) + (config != NULL) + (secret != NULL);

	if (field)
		files_field(work, field, false, AT("%s.fieldRef", path));
	if (amount)
		files_amount(work, amount, false, AT("%s.resourceFieldRef", path));
	if (config)
		check_key(work, config, AT("%s.configMapKeyRef", path));
	if (secret)
		check_key(work, secret, AT("%s.secretKeyRef", path));
	if (count == 0)
		invalid_empty(work, path,
			      "must specify one of: `fieldRef`, `resourceFieldRef`, "
			      "`configMapKeyRef` or `secretKeyRef`");
	else if (json_str(json_get(variable, "value")).len > 0)
		invalid_empty(work, path, "may not be specified when `value` is not empty");
	else if (count > 1)
		invalid_empty(work, path, TOO_MANY);
}

void variables_list(const struct kind_work *work, const struct json *env, const char *path)
{
	for (struct json_iter it = json_iter(env); json_next(&it);) {
		const char *here = AT("%s[%zu]", path, it.index);
		const struct json *from = json_get(it.value, "valueFrom");

		values_required_name(work, AT("%s.name", here), json_get(it.value, "name"),
				     name_env);
		if (from)
			check_from(work, it.value, from, AT("%s.valueFrom", here));
	}
}

void variables_sources(const struct kind_work *work, const struct json *sources, const char *path)
{
	for (struct json_iter it = json_iter(sources); json_next(&it);) {
		const char *here = AT("%s[%zu]", path, it.index);
		const struct json *prefix = json_get(it.value, "prefix"),
				  *config = json_get(it.value, "configMapRef"),
				  *secret = json_get(it.value, "secretRef");

		if (json_str(prefix).len > 0)
			values_name(work, AT("%s.prefix", here), prefix, name_env);
		if (config)
			values_required_name(work, AT("%s.configMapRef.name", here),
					     json_get(config, "name"), name_subdomain);
		if (secret)
			values_required_name(work, AT("%s.secretRef.name", here),
					     json_get(secret, "name"), name_subdomain);
		if (!config && !secret)
			invalid_empty(work, here,
				      "must specify one of: `configMapRef` or `secretRef`");
		else if (config && secret)
			invalid_empty(work, here, TOO_MANY);
	}
}
