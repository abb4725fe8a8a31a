/*
 * table.c - rows and columns of Table answers.
 */
#include "api/table.h"

#include <inttypes.h>

#include "api/face.h"
#include "base/clock.h"

void table_print_age(int64_t seconds, struct buf *out)
{
	int64_t minutes = seconds / 60, hours = seconds / 3600, days = seconds / 86400;

	if (seconds < -1)
		buf_add_text(out, "<invalid>");
	else if (seconds < 0)
		buf_add_text(out, "0s");
	else if (seconds < 120)
		buf_add_print(out, "%" PRId64 "s", seconds);
	else if (minutes < 10 && seconds % 60 != 0)
		buf_add_print(out, "%" PRId64 "m%" PRId64 "s", minutes, seconds % 60);
	else if (minutes < 180)
		buf_add_print(out, "%" PRId64 "m", minutes);
	else if (hours < 8 && minutes % 60 != 0)
		buf_add_print(out, "%" PRId64 "h%" PRId64 "m", hours, minutes % 60);
	else if (hours < 48)
		buf_add_print(out, "%" PRId64 "h", hours);
	else if (days < 8 && hours % 24 != 0)
		buf_add_print(out, "%" PRId64 "d%" PRId64 "h", days, hours % 24);
	else if (days < 730)
		buf_add_print(out, "%" PRId64 "d", days);
	else if (days < 2920 && days % 365 != 0)
		buf_add_print(out, "%" PRId64 "y%" PRId64 "d", days / 365, days % 365);
	else
		buf_add_print(out, "%" PRId64 "y", days / 365);
}

static void print_text(struct str text, struct buf *out)
{
	auto_json_doc doc = json_doc_new();

	json_print(json_new_str(doc, text), out);
}

static void print_column(const struct column *column, struct buf *out)
{
	const char *type =
		column->type && strcmp(column->type, TABLE_NUMBER) != 0 ? column->type : "string";

	buf_add_print(out, "{\"name\":\"%s\",\"type\":\"%s\",\"format\":\"%s\",\"description\":",
		      column->name, type, column->format ? column->format : "");
	print_text(str_of(column->help ? column->help : column->name), out);
	buf_add_print(out, ",\"priority\":%d}", column->priority);
}

void table_print_columns(const struct kind *kind, struct buf *out)
{
	const struct column *columns = face_kept(kind)->columns;

	buf_add_byte(out, '[');
	for (const struct column *column = columns; column->name; column++) {
		if (column != columns)
			buf_add_byte(out, ',');
		print_column(column, out);
	}
	buf_add_byte(out, ']');
}

static const struct json *follow(const struct json *object, const char *path)
{
	struct str rest = str_of(path);
	const struct json *at = object;

	str_cut(&rest, '.');
	while (rest.len > 0)
		at = json_get_str(at, str_cut(&rest, '.'));
	return at;
}

static void print_age_of(struct str time, struct buf *out)
{
	int64_t then;

	if (!clock_parse(time, &then, NULL))
		buf_add_text(out, "<unknown>");
	else
		table_print_age(clock_wall_s() - then, out);
}

/* Is the field at the path a whole number?  Its cell is one, whatever the column's type is. */
static bool is_number(const struct kind *kind, const char *path)
{
	struct str rest = str_of(path);
	const struct type *type = kind_type(kind);
	const struct field *field = NULL;

	str_cut(&rest, '.');
	while (type && rest.len > 0) {
		field = field_find(type, str_cut(&rest, '.'));
		type = field && field->shape == FIELD_ONE ? field_type(field) : NULL;
	}
	return rest.len == 0 && field && field->shape == FIELD_ONE &&
	       (field->form == FIELD_INT32 || field->form == FIELD_INT64);
}

/* A cell's JSON: a number or boolean as it is, a time as an age, else text. */
static void print_cell(const struct kind *kind, const struct column *column,
		       const struct json *object, struct buf *out)
{
	const char *type = column->type ? column->type : "string";
	auto_buf text = BUF_INIT;
	const struct json *value;

	if (column->print) {
		column->print(object, &text);
	} else if (is_number(kind, column->path)) {
		buf_add_print(out, "%" PRId64, json_int(follow(object, column->path)));
		return;
	} else {
		value = follow(object, column->path);
		if (strcmp(type, "date") == 0 || str_ends(str_of(column->path), STR("Timestamp"))) {
			print_age_of(json_str(value), &text);
		} else if (json_type(value) == JSON_STRING) {
			buf_add_str(&text, json_str(value));
		} else if (value) {
			json_print(value, &text);
		} else if (strcmp(type, "integer") == 0) {
			buf_add_byte(&text, '0');
		}
	}
	if (strcmp(type, "integer") == 0 || strcmp(type, "boolean") == 0 ||
	    strcmp(type, TABLE_NUMBER) == 0)
		buf_add_str(out, text.len ? buf_str(&text) : STR("0"));
	else
		print_text(buf_str(&text), out);
}

static void print_metadata(const struct json *object, bool beta, struct buf *out)
{
	buf_add_print(out,
		      "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/%s\","
		      "\"metadata\":",
		      beta ? "v1beta1" : "v1");
	json_print(meta_of(object), out);
	buf_add_byte(out, '}');
}

void table_print_partial(const struct object *object, bool beta, struct buf *out)
{
	print_metadata(object_json(object), beta, out);
}

static void print_conditions(const struct kind *kind, const struct json *object, struct buf *out)
{
	auto_json_doc doc = NULL;
	struct json *conditions;

	if (!kind->row_conditions)
		return;
	doc = json_doc_new();
	conditions = json_new_array(doc);
	kind->row_conditions(object, doc, conditions);
	if (json_count(conditions) == 0)
		return;
	buf_add_text(out, ",\"conditions\":");
	json_print(conditions, out);
}

void table_print_row(const struct kind *kind, const struct object *object,
		     enum table_include include, struct buf *out)
{
	const struct json *root = object_json(object);
	const struct column *columns = face_kept(kind)->columns;
	auto_object shown = NULL;

	buf_add_text(out, "{\"cells\":[");
	for (const struct column *column = columns; column->name; column++) {
		if (column != columns)
			buf_add_byte(out, ',');
		print_cell(face_kept(kind), column, root, out);
	}
	buf_add_byte(out, ']');
	print_conditions(face_kept(kind), root, out);
	if (include != TABLE_NONE)
		buf_add_text(out, ",\"object\":");
	if (include == TABLE_METADATA)
		print_metadata(root, false, out);
	else if (include == TABLE_OBJECT) {
		shown = face_of(kind, object);
		buf_add_str(out, object_bytes(shown));
	}
	buf_add_byte(out, '}');
}
