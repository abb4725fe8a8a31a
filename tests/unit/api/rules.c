/*
 * rules.c - runs kinds' rules for tests.
 */
#include "tests/unit/api/rules.h"

#include "tests/unit/harness.h"

static struct json_doc *parse(const char *text)
{
	struct json_doc *doc;
	struct error err;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	return doc;
}

static void print_errors(const struct field_errors *errors, struct buf *out)
{
	static const char *const words[] = {
		[FIELD_REQUIRED] = "Required",         [FIELD_INVALID] = "Invalid",
		[FIELD_NOT_SUPPORTED] = "Unsupported", [FIELD_FORBIDDEN] = "Forbidden",
		[FIELD_DUPLICATE] = "Duplicate",       [FIELD_TOO_LONG] = "TooLong",
		[FIELD_TOO_MANY] = "TooMany",          [FIELD_NOT_FOUND] = "NotFound",
		[FIELD_TYPE_INVALID] = "TypeInvalid",
	};

	for (size_t i = 0; i < errors->count; i++) {
		const struct field_error *item = &errors->items[i];

		buf_add_print(out, "%s: %s", item->path, words[item->kind]);
		if (item->value)
			buf_add_print(out, ": %s", item->value);
		if (item->detail[0])
			buf_add_print(out, ": %s", item->detail);
		buf_add_byte(out, '\n');
	}
}

void rules_run(const char *text, const char *old, struct buf *out_object, struct buf *out_errors)
{
	rules_run_on("", text, old, out_object, out_errors);
}

void rules_run_on(const char *subresource, const char *text, const char *old,
		  struct buf *out_object, struct buf *out_errors)
{
	auto_arena arena = arena_new();
	auto_json_doc doc = parse(text);
	auto_json_doc before = old ? parse(old) : NULL;
	struct json *object = json_root(doc);
	struct field_errors errors = { .arena = arena };
	struct kind_work work = {
		.kind = kind_find_name(json_str(json_get(object, "apiVersion")),
				       json_str(json_get(object, "kind"))),
		.doc = doc,
		.object = object,
		.old = before ? json_root(before) : NULL,
		.errors = &errors,
		.subresource = subresource,
	};
	struct error err;

	CHECK(work.kind != NULL);
	kind_default(&work);
	kind_prepare(&work);
	CHECK(kind_validate(&work, &err) == (errors.count == 0));
	json_print(object, out_object);
	print_errors(&errors, out_errors);
}

void rules_check(const char *text, const char *old, const char *errors)
{
	auto_buf object = BUF_INIT;
	auto_buf have = BUF_INIT;

	rules_run(text, old, &object, &have);
	CHECK_STR(buf_text(&have), errors);
}

void rules_check_value(const char *text, const char *old, const char *path, const char *value)
{
	auto_buf object = BUF_INIT;
	auto_buf errors = BUF_INIT;
	auto_buf have = BUF_INIT;
	auto_json_doc doc = NULL;
	struct str rest = str_of(path);
	const struct json *at;

	rules_run(text, old, &object, &errors);
	doc = parse(buf_text(&object));
	at = json_root(doc);
	while (at && rest.len > 0) {
		struct str name = str_cut(&rest, '.');
		int64_t index;

		if (json_type(at) == JSON_ARRAY && str_to_i64(name, 0, 1000, &index))
			at = json_at(at, (size_t)index);
		else
			at = json_get_str(at, name);
	}
	if (at)
		json_print(at, &have);
	CHECK_STR(buf_text(&have), value);
}
