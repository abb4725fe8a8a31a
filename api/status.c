/*
 * status.c - Status objects, the list of field errors, and the real server's wordings.  Wire
 * contract 2.5.
 */
#include "api/status.h"

#include <assert.h>
#include <inttypes.h>

#include "api/kind.h"

#define TOO_LARGE_REVISION "Timeout: Too large resource version: "

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
	[FIELD_MANAGER_CONFLICT] = { "FieldManagerConflict", "", false },
};

/* Nobody reads a longer value or detail, and a hostile object could bring a hundred. */
#define SHOWN_MAX (32u * 1024)

/* A copy, cut between two characters when it is too long. */
static const char *shown(struct arena *arena, struct str text)
{
	size_t len = text.len;
	auto_buf cut = BUF_INIT;

	if (len <= SHOWN_MAX)
		return arena_string(arena, text.at, len);
	for (len = SHOWN_MAX; len > 0 && ((unsigned char)text.at[len] & 0xc0) == 0x80;)
		len--;
	buf_add(&cut, text.at, len);
	buf_add_text(&cut, "...");
	return arena_string(arena, cut.at, cut.len);
}

void field_errors_add(struct field_errors *errors, enum field_error_kind kind, const char *path,
		      const char *value, const char *detail)
{
	if (errors->count >= FIELD_ERRORS_MAX) {
		errors->dropped++;
		return;
	}
	if (errors->count == errors->room) {
		size_t room = errors->room ? 2 * errors->room : 4;
		struct field_error *grown = arena_get(errors->arena, room * sizeof(*grown));

		if (errors->count > 0)
			memcpy(grown, errors->items, errors->count * sizeof(*grown));
		errors->items = grown;
		errors->room = room;
	}
	errors->items[errors->count++] = (struct field_error){
		.kind = kind,
		.path = shown(errors->arena, str_of(path)),
		.value = value ? shown(errors->arena, str_of(value)) : NULL,
		.detail = shown(errors->arena, str_of(detail)),
	};
}

const char *field_value(struct field_errors *errors, const struct json *value)
{
	auto_buf text = BUF_INIT;

	if (errors->count >= FIELD_ERRORS_MAX)
		return "";
	json_print(value, &text);
	return shown(errors->arena, buf_str(&text));
}

/* `Invalid value: "x": must be ...`, without the path */
static void print_cause(const struct field_error *item, struct buf *out)
{
	buf_add_text(out, field_rows[item->kind].text);
	if (field_rows[item->kind].shows_value && item->value)
		buf_add_print(out, ": %s", item->value);
	if (item->detail[0])
		buf_add_print(out, "%s%s", field_rows[item->kind].text[0] ? ": " : "",
			      item->detail);
}

static void print_invalid(const struct kind *kind, struct str name,
			  const struct field_errors *errors, struct buf *out)
{
	buf_add_text(out, kind->name);
	if (kind->group[0])
		buf_add_print(out, ".%s", kind->group);
	buf_add_print(out, " \"" STR_FMT "\" is invalid: ", STR_ARG(name));
	if (errors->count > 1)
		buf_add_byte(out, '[');
	for (size_t i = 0; i < errors->count; i++) {
		buf_add_print(out, "%s%s: ", i ? ", " : "", errors->items[i].path);
		print_cause(&errors->items[i], out);
	}
	if (errors->dropped > 0)
		buf_add_print(out, ", and %zu more", errors->dropped);
	if (errors->count > 1)
		buf_add_byte(out, ']');
}

bool status_invalid(struct error *err, const struct kind *kind, struct str name,
		    const struct field_errors *errors)
{
	auto_buf text = BUF_INIT;

	if (errors->count == 0)
		return true;
	print_invalid(kind, name, errors, &text);
	return error_set(err, ERROR_INVALID, "%s", buf_text(&text));
}

/* conflicts with "a" using v1:
 * - .data.x */
static void print_conflicts(const struct field_errors *conflicts, struct buf *out)
{
	const char *owner = "";

	buf_add_print(out,
		      "Apply failed with %zu conflict%s: ", conflicts->count + conflicts->dropped,
		      conflicts->count > 1 ? "s" : "");
	if (conflicts->count == 1) {
		buf_add_print(out, "%s: %s", conflicts->items[0].detail, conflicts->items[0].path);
		return;
	}
	for (size_t i = 0; i < conflicts->count; i++) {
		const struct field_error *item = &conflicts->items[i];

		if (strcmp(owner, item->detail) != 0)
			buf_add_print(out, "%sconflicts%s:", i ? "\n" : "",
				      item->detail + strlen("conflict"));
		buf_add_print(out, "\n- %s", item->path);
		owner = item->detail;
	}
}

bool status_apply_conflict(struct error *err, const struct field_errors *conflicts)
{
	auto_buf text = BUF_INIT;

	print_conflicts(conflicts, &text);
	return error_set(err, ERROR_CONFLICT, "%s", buf_text(&text));
}

bool status_too_large_revision(struct error *err, uint64_t wanted, uint64_t now)
{
	return error_set(err, ERROR_TIMEOUT, TOO_LARGE_REVISION "%" PRIu64 ", current: %" PRIu64,
			 wanted, now);
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

/* Length of the character at the front, 0 when it is damaged. */
static size_t character_length(struct str text)
{
	for (size_t len = 1; len <= 4 && len <= text.len; len++)
		if (str_is_utf8(str_from(text.at, len)))
			return len;
	return 0;
}

/* JSON holds characters only: names of a URL and messages may hold anything, and a message that was
 * cut ends before the character that was hit. */
static struct json *new_clean(struct json_doc *doc, struct str text)
{
	auto_buf clean = BUF_INIT;

	if (str_is_utf8(text))
		return json_new_str(doc, text);
	while (text.len > 0) {
		size_t len = character_length(text);

		if (len > 0)
			buf_add(&clean, text.at, len);
		else if (text.len > 3)
			buf_add_text(&clean, "\xef\xbf\xbd");
		len = len ? len : 1;
		text = str_from(text.at + len, text.len - len);
	}
	return json_new_str(doc, buf_str(&clean));
}

static struct json *causes_of(struct json_doc *doc, const struct field_errors *errors)
{
	struct json *causes = json_new_array(doc);

	for (size_t i = 0; i < errors->count; i++) {
		struct json *cause = json_new_object(doc);
		auto_buf text = BUF_INIT;

		print_cause(&errors->items[i], &text);
		json_put(doc, cause, "reason",
			 json_new_text(doc, field_rows[errors->items[i].kind].reason));
		json_put(doc, cause, "message", new_clean(doc, buf_str(&text)));
		json_put(doc, cause, "field", new_clean(doc, str_of(errors->items[i].path)));
		json_append(causes, cause);
	}
	return causes;
}

/* Clients that read ahead of us look for this cause. */
static void add_revision_cause(struct json_doc *doc, struct json *details)
{
	struct json *cause = json_new_object(doc);

	json_put(doc, cause, "reason", json_new_text(doc, "ResourceVersionTooLarge"));
	json_put(doc, cause, "message", json_new_text(doc, "Too large resource version"));
	json_append(json_sub_array(doc, details, "causes"), cause);
	json_put(doc, details, "retryAfterSeconds", json_new_int(doc, 1));
}

static bool is_apply_conflict(const struct error *err, const struct status_about *about)
{
	return err->kind == ERROR_CONFLICT && about->causes && about->causes->count > 0 &&
	       about->causes->items[0].kind == FIELD_MANAGER_CONFLICT;
}

static void add_cause(struct json_doc *doc, struct json *details, const struct status_cause *given)
{
	struct json *cause = json_new_object(doc);

	json_put(doc, cause, "reason", json_new_text(doc, given->reason));
	json_put(doc, cause, "message", new_clean(doc, str_of(given->message)));
	if (given->field)
		json_put(doc, cause, "field", json_new_text(doc, given->field));
	json_append(json_sub_array(doc, details, "causes"), cause);
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

	if (is_apply_conflict(err, about)) {
		json_put(doc, details, "causes", causes_of(doc, about->causes));
		return details;
	}
	/* A client that is told the kind shows the causes instead of the message: without causes it
	 * must see the message. */
	if (names_kind(err->kind) && about->kind && (err->kind != ERROR_INVALID || about->causes)) {
		if (about->name.len > 0)
			json_put(doc, details, "name", new_clean(doc, about->name));
		if (about->kind->group[0])
			json_put(doc, details, "group", json_new_text(doc, about->kind->group));
		json_put(doc, details, "kind",
			 json_new_text(doc, about->shown_kind            ? about->shown_kind
					    : err->kind == ERROR_INVALID ? about->kind->name
									 : about->kind->plural));
	}
	if (about->uid.len > 0)
		json_put(doc, details, "uid", new_clean(doc, about->uid));
	if (about->causes && err->kind == ERROR_INVALID)
		json_put(doc, details, "causes", causes_of(doc, about->causes));
	if (err->kind == ERROR_TIMEOUT && str_starts(str_of(err->text), STR(TOO_LARGE_REVISION)))
		add_revision_cause(doc, details);
	if (about->cause.reason)
		add_cause(doc, details, &about->cause);
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

/* An error holds a short text only: what the causes say is told from them, unless the text is about
 * something else. */
static struct json *message_of(struct json_doc *doc, const struct error *err,
			       const struct status_about *about)
{
	auto_buf text = BUF_INIT;

	if (err->kind == ERROR_INVALID && about->kind && about->causes && about->causes->count > 0)
		print_invalid(about->kind, about->name, about->causes, &text);
	else if (is_apply_conflict(err, about))
		print_conflicts(about->causes, &text);
	if (text.len > 0 && str_starts(buf_str(&text), str_of(err->text)))
		return new_clean(doc, buf_str(&text));
	buf_reset(&text);
	if (err->kind == ERROR_BROKEN && err->os_code != 0)
		buf_add_text(&text, "Internal error occurred: ");
	buf_add_text(&text, err->text);
	return new_clean(doc, buf_str(&text));
}

int status_print(const struct error *err, const struct status_about *about, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *status = status_new(doc, "Failure"), *details;
	const struct error_row *row = &error_rows[err->kind];

	assert(err->kind != ERROR_NONE && err->kind < ERROR_KINDS);
	json_put(doc, status, "message", message_of(doc, err, about));
	if (row->reason[0])
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
		json_put(doc, details, "name", new_clean(doc, about->name));
		if (about->kind->group[0])
			json_put(doc, details, "group", json_new_text(doc, about->kind->group));
		json_put(doc, details, "kind", json_new_text(doc, about->kind->plural));
		if (about->uid.len > 0)
			json_put(doc, details, "uid", new_clean(doc, about->uid));
		json_put(doc, status, "details", details);
	}
	json_print(status, out);
}

void status_to_error(const struct json *status, int http_code, struct error *err)
{
	struct str reason = json_str(json_get(status, "reason")),
		   message = json_str(json_get(status, "message"));
	enum error_kind kind = ERROR_NONE;

	/* A message without a reason is what some errors are. */
	for (unsigned i = 1; i < ERROR_KINDS && kind == ERROR_NONE && message.len > 0; i++)
		if (str_is(reason, error_rows[i].reason) && error_rows[i].status == http_code)
			kind = (enum error_kind)i;
	for (unsigned i = 1; i < ERROR_KINDS && kind == ERROR_NONE && reason.len > 0; i++)
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
