/*
 * validate_conditions.c - checks of metav1.Condition lists.
 */
#include "api/validate_conditions.h"

#include "api/names.h"
#include "api/validate.h"
#include "base/map.h"

#define REASON_MAX  1024
#define MESSAGE_MAX (32 * 1024)

#define AT(...) field_path(work->errors, __VA_ARGS__)

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_word(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}

static bool is_reason(struct str text)
{
	if (text.len == 0 || !is_letter(text.at[0]) || !is_word(text.at[text.len - 1]))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!is_word(text.at[i]) && text.at[i] != ',' && text.at[i] != ':')
			return false;
	return true;
}

static void check_reason(const struct kind_work *work, const struct json *reason, const char *path)
{
	struct str text = json_str(reason);

	if (text.len == 0) {
		validate_required(work, path, "");
		return;
	}
	if (!is_reason(text))
		validate_invalid(work, path, reason,
				 "a condition reason must start with alphabetic character, "
				 "optionally followed by a string of alphanumeric characters or "
				 "'_,:', and must end with an alphanumeric character or '_' (e.g. "
				 "'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  "
				 "or 'ReasonA:ReasonB', regex used for validation is "
				 "'[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')");
	if (text.len > REASON_MAX)
		field_errors_add(work->errors, FIELD_TOO_LONG, path, NULL,
				 AT("may not be more than %d bytes", REASON_MAX));
}

static void check_one(const struct kind_work *work, const struct json *item, const char *path)
{
	const struct json *type = json_get(item, "type"), *status = json_get(item, "status"),
			  *generation = json_get(item, "observedGeneration");
	const char *why = name_check_label_key(json_str(type));

	if (why)
		field_errors_add(work->errors, FIELD_INVALID, AT("%s.type", path),
				 type ? field_value(work->errors, type) : "\"\"", why);
	if (!str_is(json_str(status), "True") && !str_is(json_str(status), "False") &&
	    !str_is(json_str(status), "Unknown"))
		field_errors_add(work->errors, FIELD_NOT_SUPPORTED, AT("%s.status", path),
				 status ? field_value(work->errors, status) : "\"\"",
				 "supported values: \"False\", \"True\", \"Unknown\"");
	if (json_int(generation) < 0)
		validate_invalid(work, AT("%s.observedGeneration", path), generation,
				 "must be greater than or equal to zero");
	if (json_str(json_get(item, "lastTransitionTime")).len == 0)
		validate_required(work, AT("%s.lastTransitionTime", path), "");
	check_reason(work, json_get(item, "reason"), AT("%s.reason", path));
	if (json_str(json_get(item, "message")).len > MESSAGE_MAX)
		field_errors_add(work->errors, FIELD_TOO_LONG, AT("%s.message", path), NULL,
				 AT("may not be more than %d bytes", MESSAGE_MAX));
}

void conditions_validate(const struct kind_work *work, const struct json *conditions,
			 const char *path)
{
	auto_map types = map_new();

	for (struct json_iter it = json_iter(conditions); json_next(&it);) {
		const struct json *type = json_get(it.value, "type");
		const char *here = AT("%s[%zu]", path, it.index);

		if (type && map_put(types, json_str(type), it.value))
			validate_duplicate(work, AT("%s.type", here), type);
		check_one(work, it.value, here);
	}
}
