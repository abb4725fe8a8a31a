/*
 * decode_words.c - Go's sentences about wrong values.
 */
#include "api/decode_words.h"

const char *decode_type_name(const struct type *type)
{
	const char *name = type_name(type), *at = strrchr(name, '.');

	while (at && at > name && at[-1] != '.')
		at--;
	return at ? at : name;
}

static const char *go_type(const struct field *field)
{
	static const char *const names[] = {
		[FIELD_STRING] = "string",
		[FIELD_BOOL] = "bool",
		[FIELD_INT32] = "int32",
		[FIELD_INT64] = "int64",
		[FIELD_DOUBLE] = "float64",
		[FIELD_BYTES] = "[]uint8",
		[FIELD_QUANTITY] = "resource.Quantity",
		[FIELD_INT_OR_STRING] = "intstr.IntOrString",
		[FIELD_TIME] = "v1.Time",
		[FIELD_MICRO_TIME] = "v1.MicroTime",
		[FIELD_DURATION] = "v1.Duration",
		[FIELD_ANY] = "runtime.RawExtension",
		[FIELD_STRINGS] = "v1.ExtraValue",
	};

	return field->form == FIELD_MESSAGE ? decode_type_name(field_type(field))
					    : names[field->form];
}

void decode_print_type(const struct field *field, struct buf *out)
{
	static const char *const shapes[] = { "", "[]", "map[string]" };

	if (field->shape == FIELD_MAP && field->form == FIELD_QUANTITY)
		buf_add_text(out, "v1.ResourceList");
	else
		buf_add_print(out, "%s%s", shapes[field->shape], go_type(field));
}

/* Numbers that should be whole are told. */
static void print_value(const struct field *field, const struct json *value, struct buf *out)
{
	static const char *const words[] = { "nothing", "null",  "bool",  "number",
					     "string",  "array", "object" };
	bool whole = field && field->shape == FIELD_ONE &&
		     (field->form == FIELD_INT32 || field->form == FIELD_INT64 ||
		      field->form == FIELD_INT_OR_STRING);

	buf_add_text(out, words[json_type(value)]);
	if (json_type(value) == JSON_NUMBER && whole) {
		buf_add_byte(out, ' ');
		json_print(value, out);
	}
}

bool decode_wrong_type(const struct field *field, const struct json *value,
		       const struct type *owner, const char *path, const char *type,
		       struct error *err)
{
	auto_buf what = BUF_INIT;
	const char *name = owner ? strrchr(type_name(owner), '.') : NULL;

	print_value(field, value, &what);
	return error_set(err, ERROR_BAD_REQUEST,
			 "json: cannot unmarshal %s into Go struct field %s.%s of type %s",
			 buf_text(&what), name ? name + 1 : "", path, type);
}

/* --- times --- */

/* One piece of the layout: digits (the range they must be in) or a sign. */
static const struct {
	const char *layout;
	size_t digits;
	int min, max;
	const char *what;
} pieces[] = {
	{ "2006", 4, 0, 9999, "" }, { "-", 0, 0, 0, NULL },       { "01", 2, 1, 12, "month" },
	{ "-", 0, 0, 0, NULL },     { "02", 2, 1, 31, "day" },    { "T", 0, 0, 0, NULL },
	{ "15", 2, 0, 23, "hour" }, { ":", 0, 0, 0, NULL },       { "04", 2, 0, 59, "minute" },
	{ ":", 0, 0, 0, NULL },     { "05", 2, 0, 59, "second" },
};

static bool takes_piece(struct str *rest, size_t i, const char **out_range)
{
	int number = 0;

	if (pieces[i].digits == 0) {
		if (rest->len == 0 || rest->at[0] != pieces[i].layout[0])
			return false;
		*rest = str_from(rest->at + 1, rest->len - 1);
		return true;
	}
	for (size_t k = 0; k < pieces[i].digits; k++) {
		if (k >= rest->len || rest->at[k] < '0' || rest->at[k] > '9')
			return false;
		number = number * 10 + (rest->at[k] - '0');
	}
	if ((number < pieces[i].min || number > pieces[i].max) && !*out_range)
		*out_range = pieces[i].what;
	*rest = str_from(rest->at + pieces[i].digits, rest->len - pieces[i].digits);
	return true;
}

bool decode_wrong_time(struct str text, bool micro, struct error *err)
{
	const char *layout =
		micro ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00";
	const char *range = NULL, *piece = "Z07:00";
	struct str rest = text;

	for (size_t i = 0; i < ARRAY_LENGTH(pieces); i++)
		if (!takes_piece(&rest, i, &range)) {
			piece = pieces[i].layout;
			range = NULL;
			break;
		}
	if (range)
		return error_set(err, ERROR_BAD_REQUEST,
				 "parsing time \"" STR_FMT "\": %s out of range", STR_ARG(text),
				 range);
	return error_set(err, ERROR_BAD_REQUEST,
			 "parsing time \"" STR_FMT "\" as \"%s\": cannot parse \"" STR_FMT
			 "\" as \"%s\"",
			 STR_ARG(text), layout, STR_ARG(rest), piece);
}

/* --- base64 --- */

static bool is_base64(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/' || c == '\r' || c == '\n';
}

bool decode_wrong_base64(struct str text, struct error *err)
{
	size_t at = 0;

	while (at < text.len && is_base64(text.at[at]))
		at++;
	return error_set(err, ERROR_BAD_REQUEST, "illegal base64 data at input byte %zu", at);
}
