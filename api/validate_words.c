/*
 * validate_words.c - field errors that name what is supported, forbidden or too long.
 */
#include "api/validate_words.h"

#include "api/validate.h"

bool words_have(const char *const *list, struct str text)
{
	for (; *list; list++)
		if (str_is(text, *list))
			return true;
	return false;
}

struct json *words_text(const struct kind_work *work, const struct json *value)
{
	return value ? (struct json *)value : json_new_text(work->doc, "");
}

void words_not_supported(const struct kind_work *work, const char *path, const struct json *value,
			 const char *const *list)
{
	auto_buf detail = BUF_INIT;

	for (size_t i = 0; list[i]; i++)
		buf_add_print(&detail, "%s\"%s\"", i ? ", " : "supported values: ", list[i]);
	field_errors_add(work->errors, FIELD_NOT_SUPPORTED, path,
			 field_value(work->errors, words_text(work, value)), buf_text(&detail));
}

void words_check(const struct kind_work *work, const char *path, const struct json *value,
		 const char *const *list)
{
	if (!words_have(list, json_str(value)))
		words_not_supported(work, path, value, list);
}

void words_forbidden(const struct kind_work *work, const char *path, const char *detail)
{
	field_errors_add(work->errors, FIELD_FORBIDDEN, path, NULL, detail);
}

const char *words_list(const struct kind_work *work, const struct json *list)
{
	auto_buf text = BUF_INIT;

	if (json_count(list) == 0)
		return list ? "[]string{}" : "[]string(nil)";
	buf_add_text(&text, "[]string{");
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		if (it.index)
			buf_add_text(&text, ", ");
		json_print(it.value, &text);
	}
	buf_add_byte(&text, '}');
	return arena_string(work->errors->arena, text.at, text.len);
}

void words_invalid_list(const struct kind_work *work, const char *path, const struct json *list,
			const char *detail)
{
	field_errors_add(work->errors, FIELD_INVALID, path, words_list(work, list), detail);
}

bool words_list_has(const struct json *list, const char *text)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (str_is(json_str(it.value), text))
			return true;
	return false;
}

void words_too_long(const struct kind_work *work, const char *path, size_t max)
{
	field_errors_add(work->errors, FIELD_TOO_LONG, path, NULL,
			 field_path(work->errors, "may not be more than %zu bytes", max));
}

void words_name(const struct kind_work *work, const char *path, const struct json *value,
		const char *why)
{
	if (why)
		validate_invalid(work, path, words_text(work, value), why);
}
