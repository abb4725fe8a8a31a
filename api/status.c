/*
 * status.c - Status objects, the list of field errors, and the real server's wordings.  Wire
 * contract 2.5.
 */
#include "api/status.h"

#include <assert.h>

#include "api/kind.h"

static const struct {
	const char *reason; /* of the cause */
	const char *text;
	bool shows_value;
} field_rows[] = {
	[FIELD_REQUIRED] = { "FieldValueRequired", "Required value", false },
	[FIELD_INVALID] = { "FieldValueInvalid", "Invalid value", true },
	[FIELD_NOT_SUPPORTED] = { "FieldValueNotSupported", "Unsupported value", true },
	[FIELD_FORBIDDEN] = { "FieldValueForbidden", "Forbidden", false },
	[FIELD_DUPLICATE] = { "FieldValueDuplicate", "Duplicate value", true },
	[FIELD_TOO_LONG] = { "FieldValueTooLong", "Too long", false },
	[FIELD_TOO_MANY] = { "FieldValueTooMany", "Too many", true },
	[FIELD_NOT_FOUND] = { "FieldValueNotFound", "Not found", true },
	[FIELD_TYPE_INVALID] = { "FieldValueTypeInvalid", "Invalid value", true },
};

void field_errors_add(struct field_errors *errors, enum field_error_kind kind, const char *path,
		      const char *value, const char *detail)
{
	struct field_error *grown = arena_get(errors->arena, (errors->count + 1) * sizeof(*grown));

	if (errors->count > 0)
		memcpy(grown, errors->items, errors->count * sizeof(*grown));
	grown[errors->count++] = (struct field_error){
		.kind = kind,
		.path = arena_string(errors->arena, path, strlen(path)),
		.value = value ? arena_string(errors->arena, value, strlen(value)) : NULL,
		.detail = arena_string(errors->arena, detail, strlen(detail)),
	};
	errors->items = grown;
}

const char *field_value(struct field_errors *errors, const struct json *value)
{
	auto_buf text = BUF_INIT;

	json_print(value, &text);
	return arena_string(errors->arena, text.at, text.len);
}

/* `Invalid value: "x": must be ...`, without the path */
static void print_cause(const struct field_error *item, struct buf *out)
{
	buf_add_text(out, field_rows[item->kind].text);
	if (field_rows[item->kind].shows_value && item->value)
		buf_add_print(out, ": %s", item->value);
	if (item->detail[0])
		buf_add_print(out, ": %s", item->detail);
}

bool status_invalid(struct error *err, const struct kind *kind, struct str name,
		    const struct field_errors *errors)
{
	auto_buf text = BUF_INIT;
	auto_buf resource = BUF_INIT;

	if (errors->count == 0)
		return true;
	buf_add_text(&resource, kind->name);
	if (kind->group[0])
		buf_add_print(&resource, ".%s", kind->group);
	buf_add_print(&text, "%s \"" STR_FMT "\" is invalid: ", buf_text(&resource), STR_ARG(name));
	if (errors->count > 1)
		buf_add_byte(&text, '[');
	for (size_t i = 0; i < errors->count; i++) {
		buf_add_print(&text, "%s%s: ", i ? ", " : "", errors->items[i].path);
		print_cause(&errors->items[i], &text);
	}
	if (errors->count > 1)
		buf_add_byte(&text, ']');
	return error_set(err, ERROR_INVALID, "%s", buf_text(&text));
}

bool status_not_found(struct error *err, const struct kind *kind, struct str name)
{
	auto_buf resource = BUF_INIT;

	kind_resource(kind, &resource);
	return error_set(err, ERROR_NOT_FOUND, "%s \"" STR_FMT "\" not found", buf_text(&resource),
			 STR_ARG(name));
}

bool status_exists(struct error *err, const struct kind *kind, struct str name)
{
	auto_buf resource = BUF_INIT;

	kind_resource(kind, &resource);
	return error_set(err, ERROR_EXISTS, "%s \"" STR_FMT "\" already exists",
			 buf_text(&resource), STR_ARG(name));
}

bool status_conflict(struct error *err, const struct kind *kind, struct str name)
{
	auto_buf resource = BUF_INIT;

	kind_resource(kind, &resource);
	return error_set(err, ERROR_CONFLICT,
			 "Operation cannot be fulfilled on %s \"" STR_FMT
			 "\": the object has been modified; please apply your changes to the "
			 "latest version and try again",
			 buf_text(&resource), STR_ARG(name));
}

/* --- printing --- */

static struct json *causes_of(struct json_doc *doc, const struct field_errors *errors)
{
	struct json *causes = json_new_array(doc);

	for (size_t i = 0; i < errors->count; i++) {
		struct json *cause = json_new_object(doc);
		auto_buf text = BUF_INIT;

		print_cause(&errors->items[i], &text);
		json_put(doc, cause, "reason",
			 json_new_text(doc, field_rows[errors->items[i].kind].reason));
		json_put(doc, cause, "message", json_new_str(doc, buf_str(&text)));
		json_put(doc, cause, "field", json_new_text(doc, errors->items[i].path));
		json_append(causes, cause);
	}
	return causes;
}

static bool names_kind(enum error_kind kind)
{
	return kind == ERROR_NOT_FOUND || kind == ERROR_EXISTS || kind == ERROR_CONFLICT ||
	       kind == ERROR_INVALID || kind == ERROR_FORBIDDEN;
}

static struct json *details_of(struct json_doc *doc, const struct error *err,
			       const struct status_about *about)
{
	struct json *details = json_new_object(doc);

	/* A client that is told the kind shows the causes instead of the message: without causes it
	 * must see the message. */
	if (names_kind(err->kind) && about->kind && (err->kind != ERROR_INVALID || about->causes)) {
		if (about->name.len > 0)
			json_put(doc, details, "name", json_new_str(doc, about->name));
		if (about->kind->group[0])
			json_put(doc, details, "group", json_new_text(doc, about->kind->group));
		json_put(doc, details, "kind",
			 json_new_text(doc, err->kind == ERROR_INVALID ? about->kind->name
								       : about->kind->plural));
	}
	if (about->uid.len > 0)
		json_put(doc, details, "uid", json_new_str(doc, about->uid));
	if (about->causes && err->kind == ERROR_INVALID)
		json_put(doc, details, "causes", causes_of(doc, about->causes));
	if (about->retry_after_s > 0)
		json_put(doc, details, "retryAfterSeconds",
			 json_new_int(doc, about->retry_after_s));
	return details;
}

static struct json *status_new(struct json_doc *doc, const char *outcome)
{
	struct json *status = json_new_object(doc);

	json_put(doc, status, "kind", json_new_text(doc, "Status"));
	json_put(doc, status, "apiVersion", json_new_text(doc, "v1"));
	json_put(doc, status, "metadata", json_new_object(doc));
	json_put(doc, status, "status", json_new_text(doc, outcome));
	return status;
}

int status_print(const struct error *err, const struct status_about *about, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *status = status_new(doc, "Failure"), *details;
	const struct error_row *row = &error_rows[err->kind];

	assert(err->kind != ERROR_NONE && err->kind < ERROR_KINDS);
	json_put(doc, status, "message",
		 err->kind == ERROR_BROKEN && err->os_code != 0
			 ? json_new_print(doc, "Internal error occurred: %s", err->text)
			 : json_new_text(doc, err->text));
	json_put(doc, status, "reason", json_new_text(doc, row->reason));
	details = details_of(doc, err, about);
	if (json_count(details) > 0)
		json_put(doc, status, "details", details);
	json_put(doc, status, "code", json_new_int(doc, row->status));
	json_print(status, out);
	return row->status;
}

void status_print_success(const struct status_about *about, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *status = status_new(doc, "Success"), *details = json_new_object(doc);

	if (about->kind) {
		json_put(doc, details, "name", json_new_str(doc, about->name));
		if (about->kind->group[0])
			json_put(doc, details, "group", json_new_text(doc, about->kind->group));
		json_put(doc, details, "kind", json_new_text(doc, about->kind->plural));
		if (about->uid.len > 0)
			json_put(doc, details, "uid", json_new_str(doc, about->uid));
		json_put(doc, status, "details", details);
	}
	json_print(status, out);
}

void status_to_error(const struct json *status, int http_code, struct error *err)
{
	struct str reason = json_str(json_get(status, "reason")),
		   message = json_str(json_get(status, "message"));
	enum error_kind kind = ERROR_NONE;

	for (unsigned i = 1; i < ERROR_KINDS && kind == ERROR_NONE; i++)
		if (str_is(reason, error_rows[i].reason))
			kind = (enum error_kind)i;
	for (unsigned i = 1; i < ERROR_KINDS && kind == ERROR_NONE; i++)
		if (error_rows[i].status == http_code)
			kind = (enum error_kind)i;
	if (kind == ERROR_NONE)
		kind = http_code >= 500 ? ERROR_UNAVAILABLE : ERROR_BAD_REQUEST;
	if (message.len > 0)
		error_set(err, kind, STR_FMT, STR_ARG(message));
	else
		error_set(err, kind, "the server answered %d", http_code);
}
