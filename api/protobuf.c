/*
 * protobuf.c - Kubernetes protobuf to JSON and back by the field tables.
 *
 * Times are {1: seconds, 2: nanos}, quantities {1: text}, int-or-string {1: type, 2: int, 3: text},
 * raw JSON {1: bytes}, lists of texts inside maps {1: text, 1: text}; maps are repeated
 * {1: key, 2: value}.  An inlined message is one of its own here and flattened in JSON.
 *
 * A message may come in several pieces, which are read one after the other into one object.  So a
 * map may have a key twice until all is read: its values come one after the other too, and only at
 * the end the last one is chosen, for all maps at once, which keeps long ones linear.
 */
#include "api/protobuf.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

#include "api/measure.h"
#include "base/clock.h"
#include "base/limits.h"

#define MAGIC       "k8s\0"
#define YEAR_1_S    (-62135596800)
#define YEAR_9999_S 253402300799

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* --- reading --- */

struct item { /* one field on the wire */
	unsigned number, wire;
	uint64_t value;
	struct str bytes;
};

static bool bad(struct error *err)
{
	return error_set(err, ERROR_BAD_REQUEST, "the protobuf body is malformed");
}

static bool take_varint(struct str *in, uint64_t *out)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		unsigned char byte;

		if (in->len == 0)
			return false;
		byte = (unsigned char)in->at[0];
		*in = str_from(in->at + 1, in->len - 1);
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*out = value;
			return true;
		}
	}
	return false;
}

static bool take_fixed(struct str *in, size_t size, uint64_t *out)
{
	*out = 0;
	if (in->len < size)
		return false;
	for (size_t i = size; i-- > 0;)
		*out = *out << 8 | (unsigned char)in->at[i];
	*in = str_from(in->at + size, in->len - size);
	return true;
}

static bool take_item(struct str *in, struct item *out, struct error *err)
{
	uint64_t tag, len;

	*out = (struct item){ 0 };
	if (!take_varint(in, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX)
		return bad(err);
	out->number = (unsigned)(tag >> 3);
	out->wire = tag & 7;
	switch (out->wire) {
	case WIRE_VARINT: return take_varint(in, &out->value) || bad(err);
	case WIRE_64: return take_fixed(in, 8, &out->value) || bad(err);
	case WIRE_32: return take_fixed(in, 4, &out->value) || bad(err);
	case WIRE_BYTES:
		if (!take_varint(in, &len) || len > in->len)
			return bad(err);
		out->bytes = str_from(in->at, (size_t)len);
		*in = str_from(in->at + len, in->len - (size_t)len);
		return true;
	default: return bad(err);
	}
}

/* Of the envelope: {1: {1: apiVersion, 2: kind}, 2: raw, 3: encoding, 4: media type}. */
static bool envelope_item(const struct item *item, struct str *version, struct str *kind,
			  struct str *raw, struct error *err)
{
	struct str meta = item->bytes;
	struct item part;

	if (item->number > 2)
		return item->number != 3 || item->bytes.len == 0 ||
		       error_set(err, ERROR_BAD_REQUEST, "an encoded protobuf body is not taken");
	if (item->wire != WIRE_BYTES)
		return bad(err);
	if (item->number == 2)
		*raw = item->bytes;
	while (item->number == 1 && meta.len > 0) {
		if (!take_item(&meta, &part, err))
			return false;
		if (part.number > 2)
			continue;
		if (part.wire != WIRE_BYTES || !str_is_utf8(part.bytes))
			return bad(err);
		*(part.number == 1 ? version : kind) = part.bytes;
	}
	return true;
}

bool protobuf_open(struct str bytes, struct str *out_api_version, struct str *out_kind,
		   struct str *out_raw, struct error *err)
{
	struct str version = STR(""), kind = STR(""), raw = STR("");
	struct item item;

	if (!str_starts(bytes, str_from(MAGIC, 4)))
		return error_set(err, ERROR_BAD_REQUEST,
				 "the body does not begin with the Kubernetes protobuf mark");
	bytes = str_from(bytes.at + 4, bytes.len - 4);
	while (bytes.len > 0)
		if (!take_item(&bytes, &item, err) ||
		    !envelope_item(&item, &version, &kind, &raw, err))
			return false;
	*out_api_version = version;
	*out_kind = kind;
	*out_raw = raw;
	return true;
}

struct reading {
	struct json_doc *doc;
	size_t depth;
	struct buf *maps; /* struct json *: each map that was made */
};

static bool bad_field(const struct field *field, const char *what, struct error *err)
{
	return error_set(err, ERROR_BAD_REQUEST, "the protobuf field %s %s", field_name(field),
			 what);
}

static bool read_message(struct reading *reading, const struct type *type, struct str raw,
			 struct json *object, struct error *err);

/* Numbers 1 to 3 of a small message. */
static bool read_parts(struct str raw, struct item out[4], struct error *err)
{
	struct item item;

	for (size_t i = 0; i < 4; i++)
		out[i] = (struct item){ .bytes = STR("") };
	while (raw.len > 0) {
		if (!take_item(&raw, &item, err))
			return false;
		if (item.number < 4)
			out[item.number] = item;
	}
	return true;
}

static bool text_value(struct reading *reading, const struct field *field, struct str text,
		       struct json **out, struct error *err)
{
	if (!str_is_utf8(text))
		return bad_field(field, "is not UTF-8", err);
	*out = json_new_str(reading->doc, text);
	return true;
}

static bool time_value(struct reading *reading, const struct field *field, const struct item *parts,
		       struct json **out, struct error *err)
{
	int64_t seconds = (int64_t)parts[1].value, nanos = (int32_t)parts[2].value;
	char text[CLOCK_TEXT];

	if (seconds < YEAR_1_S || seconds > YEAR_9999_S || nanos < 0 || nanos >= 1000000000)
		return bad_field(field, "is no time of the years 1 to 9999", err);
	if (field->form == FIELD_MICRO_TIME)
		clock_print_nano(seconds, (long)(nanos / 1000 * 1000), text);
	else
		clock_print(seconds, text);
	*out = json_new_text(reading->doc, text);
	return true;
}

/* Go's zero time is an absent one; so is what prints like it. */
static bool is_zero_time(const struct field *field, const struct item *parts)
{
	uint64_t shown = field->form == FIELD_MICRO_TIME ? 1000 : 1000000000;

	return (int64_t)parts[1].value == YEAR_1_S && parts[2].value < shown;
}

static bool any_value(struct reading *reading, const struct field *field, struct str text,
		      struct json **out, struct error *err)
{
	auto_json_doc doc = NULL;

	if (text.len == 0)
		return true;
	if (!json_parse(text, &doc, NULL, err))
		return error_context(err, "the protobuf field %s", field_name(field));
	if (measure_depth(json_root(doc), LIMIT_JSON_DEPTH) + reading->depth > LIMIT_JSON_DEPTH)
		return bad_field(field, "is nested too deep", err);
	*out = json_clone(reading->doc, json_root(doc));
	return true;
}

/* A list of texts that is a message of its own. */
static bool strings_value(struct reading *reading, const struct field *field, struct str raw,
			  struct json **out, struct error *err)
{
	struct json *list = json_new_array(reading->doc), *text;
	struct item item;

	while (raw.len > 0) {
		if (!take_item(&raw, &item, err))
			return false;
		if (item.number != 1)
			continue;
		if (item.wire != WIRE_BYTES)
			return bad_field(field, "holds something that is no text", err);
		if (!text_value(reading, field, item.bytes, &text, err))
			return false;
		json_append(list, text);
	}
	*out = list;
	return true;
}

/* --- a schema, or something else (parts of JSONSchemaProps) --- */

enum either { EITHER_NONE, EITHER_LIST, EITHER_BOOL, EITHER_TEXTS };

/* JSON is either one thing or the other; in protobuf each has its number. */
static enum either either_of(const struct field *field)
{
	static const struct {
		const char *name;
		enum either either;
	} rows[] = {
		{ "items", EITHER_LIST },
		{ "additionalProperties", EITHER_BOOL },
		{ "additionalItems", EITHER_BOOL },
		{ "dependencies", EITHER_TEXTS },
	};

	for (size_t i = 0; field->form == FIELD_ANY && i < ARRAY_LENGTH(rows); i++)
		if (strcmp(field_name(field), rows[i].name) == 0)
			return rows[i].either;
	return EITHER_NONE;
}

static const struct type *schema_type(void)
{
	return type_find(STR("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
			     "JSONSchemaProps"));
}

static bool schema_value(struct reading *reading, struct str raw, struct json **out,
			 struct error *err)
{
	struct json *schema = json_new_object(reading->doc);

	if (!read_message(reading, schema_type(), raw, schema, err))
		return false;
	*out = schema;
	return true;
}

/* One entry of the list that stands for the schema. */
static bool either_entry(struct reading *reading, const struct field *field, struct str bytes,
			 struct json **list, struct error *err)
{
	struct json *entry = NULL;

	if (!*list)
		*list = json_new_array(reading->doc);
	if (either_of(field) == EITHER_TEXTS ? !text_value(reading, field, bytes, &entry, err)
					     : !schema_value(reading, bytes, &entry, err))
		return false;
	json_append(*list, entry);
	return true;
}

static bool either_value(struct reading *reading, const struct field *field, struct str raw,
			 struct json **out, struct error *err)
{
	bool of_bool = either_of(field) == EITHER_BOOL;
	struct json *list = NULL;
	struct item item;

	*out = of_bool ? json_new_bool(reading->doc, false) : NULL;
	while (raw.len > 0) {
		if (!take_item(&raw, &item, err))
			return false;
		if (item.number != 1 && item.number != 2)
			continue;
		if (item.wire != (of_bool && item.number == 1 ? WIRE_VARINT : WIRE_BYTES))
			return bad_field(field, "has a part of the wrong wire type", err);
		if (of_bool && item.number == 1) {
			if (json_type(*out) == JSON_BOOL)
				*out = json_new_bool(reading->doc, item.value != 0);
		} else if (of_bool || item.number == 1) {
			if (!schema_value(reading, item.bytes, out, err))
				return false;
		} else if (!either_entry(reading, field, item.bytes, &list, err)) {
			return false;
		}
	}
	*out = list ? list : *out;
	return true;
}

/* Forms that are small messages of their own; *out stays NULL when there is nothing to say. */
static bool read_special(struct reading *reading, const struct field *field, struct str raw,
			 struct json **out, struct error *err)
{
	struct item parts[4];

	if (field->form == FIELD_STRINGS)
		return strings_value(reading, field, raw, out, err);
	if (either_of(field) != EITHER_NONE)
		return either_value(reading, field, raw, out, err);
	if (!read_parts(raw, parts, err))
		return false;
	switch (field->form) {
	case FIELD_TIME:
	case FIELD_MICRO_TIME:
		return raw.len == 0 || is_zero_time(field, parts) ||
		       time_value(reading, field, parts, out, err);
	case FIELD_QUANTITY: return text_value(reading, field, parts[1].bytes, out, err);
	case FIELD_INT_OR_STRING:
		if (parts[1].value == 1)
			return text_value(reading, field, parts[3].bytes, out, err);
		*out = json_new_int(reading->doc, (int32_t)parts[2].value);
		return true;
	case FIELD_DURATION:
		*out = json_new_print(reading->doc, "%" PRId64 "ns", (int64_t)parts[1].value);
		return true;
	default: return any_value(reading, field, parts[1].bytes, out, err);
	}
}

static bool double_value(struct reading *reading, const struct field *field, uint64_t bits,
			 struct json **out, struct error *err)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	if (!isfinite(value))
		return bad_field(field, "is no finite number", err);
	*out = json_new_double(reading->doc, value);
	return true;
}

static unsigned wire_of(const struct field *field)
{
	switch (field->form) {
	case FIELD_BOOL:
	case FIELD_INT32:
	case FIELD_INT64: return WIRE_VARINT;
	case FIELD_DOUBLE: return WIRE_64;
	default: return WIRE_BYTES;
	}
}

static bool read_value(struct reading *reading, const struct field *field, const struct item *item,
		       struct json **out, struct error *err)
{
	auto_buf coded = BUF_INIT;

	if (item->wire != wire_of(field))
		return error_set(err, ERROR_BAD_REQUEST,
				 "the protobuf field %s has the wrong wire type %u",
				 field_name(field), item->wire);
	switch (field->form) {
	case FIELD_STRING: return text_value(reading, field, item->bytes, out, err);
	case FIELD_BOOL: *out = json_new_bool(reading->doc, item->value != 0); return true;
	case FIELD_INT32: *out = json_new_int(reading->doc, (int32_t)item->value); return true;
	case FIELD_INT64: *out = json_new_int(reading->doc, (int64_t)item->value); return true;
	case FIELD_DOUBLE: return double_value(reading, field, item->value, out, err);
	case FIELD_BYTES:
		buf_add_base64(&coded, item->bytes);
		*out = json_new_str(reading->doc, buf_str(&coded));
		return true;
	case FIELD_MESSAGE:
		*out = json_new_object(reading->doc);
		return read_message(reading, field_type(field), item->bytes, *out, err);
	default: return read_special(reading, field, item->bytes, out, err);
	}
}

/* --- reading: maps, lists, messages --- */

/* One entry, {1: key, 2: value}; what is not said is the zero value. */
static bool read_entry(struct reading *reading, const struct field *field, struct str raw,
		       struct json *map, struct error *err)
{
	struct item parts[4];
	struct json *value = NULL;

	if (!read_parts(raw, parts, err))
		return false;
	if (parts[1].number && parts[1].wire != WIRE_BYTES)
		return bad_field(field, "has a key that is no text", err);
	if (!str_is_utf8(parts[1].bytes))
		return error_set(err, ERROR_BAD_REQUEST,
				 "the key of the protobuf field %s is not UTF-8",
				 field_name(field));
	if (!parts[2].number)
		parts[2].wire = wire_of(field);
	if (!read_value(reading, field, &parts[2], &value, err))
		return false;
	/* A time that is none is null: the key counts. */
	json_add_str(reading->doc, map, parts[1].bytes,
		     value ? value : json_new_null(reading->doc));
	return true;
}

static bool read_map(struct reading *reading, const struct field *field, const struct item *item,
		     struct json *object, struct error *err)
{
	struct json *map = json_get_str(object, field_name_str(field));

	if (item->wire != WIRE_BYTES)
		return bad_field(field, "has an entry that is no message", err);
	if (!map) {
		map = json_sub_object(reading->doc, object, field_name(field));
		buf_add(reading->maps, &map, sizeof(map));
	}
	return read_entry(reading, field, item->bytes, map, err);
}

/* Of the entries with one key the last one is left. */
static void settle_maps(const struct reading *reading)
{
	for (size_t at = 0; at < reading->maps->len; at += sizeof(struct json *)) {
		struct json *map;

		memcpy(&map, reading->maps->at + at, sizeof(struct json *));
		json_drop_duplicates(map);
	}
}

/* Go's omitempty: a zero in a field that is no pointer is as good as absent. */
static bool is_zero(const struct field *field, const struct json *value)
{
	switch (json_type(value)) {
	case JSON_STRING: return json_str(value).len == 0;
	case JSON_BOOL: return !json_bool(value);
	case JSON_NUMBER: return field->form != FIELD_INT_OR_STRING && json_double(value) == 0;
	default: return false;
	}
}

static bool read_element(struct reading *reading, const struct field *field,
			 const struct item *item, struct json *object, struct error *err)
{
	struct json *value = NULL;

	if (!read_value(reading, field, item, &value, err))
		return false;
	if (value)
		json_append(json_sub_array(reading->doc, object, field_name(field)), value);
	return true;
}

/* Numbers may come packed: many in one piece of bytes. */
static bool read_list(struct reading *reading, const struct field *field, struct item item,
		      struct json *object, struct error *err)
{
	unsigned wire = wire_of(field);
	struct str packed = item.bytes;

	if (item.wire != WIRE_BYTES || wire == WIRE_BYTES)
		return read_element(reading, field, &item, object, err);
	item.wire = wire;
	while (packed.len > 0) {
		bool taken = wire == WIRE_VARINT ? take_varint(&packed, &item.value)
						 : take_fixed(&packed, 8, &item.value);

		if (!taken)
			return bad(err);
		if (!read_element(reading, field, &item, object, err))
			return false;
	}
	return true;
}

/* A message that comes in several pieces is the pieces together. */
static bool read_one(struct reading *reading, const struct field *field, const struct item *item,
		     struct json *object, struct error *err)
{
	struct json *value = NULL;

	if (field->form == FIELD_MESSAGE && item->wire == WIRE_BYTES)
		return read_message(reading, field_type(field), item->bytes,
				    json_sub_object(reading->doc, object, field_name(field)), err);
	if (!read_value(reading, field, item, &value, err))
		return false;
	if (!value)
		return true;
	json_put(reading->doc, object, field_name(field),
		 field->omit_empty && is_zero(field, value) ? NULL : value);
	return true;
}

static const struct field *by_number(const struct type *type, unsigned number)
{
	for (size_t i = 0; i < type->field_count; i++)
		if (type_fields(type)[i].number == number)
			return &type_fields(type)[i];
	return NULL;
}

static bool read_field(struct reading *reading, const struct field *field, const struct item *item,
		       struct json *object, struct error *err)
{
	if (field->inlined && item->wire != WIRE_BYTES)
		return bad(err);
	if (field->inlined)
		return read_message(reading, field_type(field), item->bytes, object, err);
	if (field->shape == FIELD_MAP)
		return read_map(reading, field, item, object, err);
	if (field->shape == FIELD_LIST)
		return read_list(reading, field, *item, object, err);
	return read_one(reading, field, item, object, err);
}

static bool read_message(struct reading *reading, const struct type *type, struct str raw,
			 struct json *object, struct error *err)
{
	if (++reading->depth > LIMIT_JSON_DEPTH)
		return error_set(err, ERROR_BAD_REQUEST, "the protobuf body is nested too deep");
	while (raw.len > 0) {
		struct item item;
		const struct field *field;

		if (!take_item(&raw, &item, err))
			return false;
		field = by_number(type, item.number);
		if (field && !read_field(reading, field, &item, object, err))
			return false;
	}
	reading->depth--;
	return true;
}

bool protobuf_to_json(const struct type *type, struct str raw, struct json_doc *doc,
		      struct json **out, struct error *err)
{
	auto_buf maps = BUF_INIT;
	struct reading reading = { .doc = doc, .maps = &maps };
	struct json *object = json_new_object(doc);

	if (!read_message(&reading, type, raw, object, err))
		return false;
	settle_maps(&reading);
	*out = object;
	return true;
}

/* --- writing --- */

static void put_varint(struct buf *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		buf_add_byte(out, (char)(value | 0x80));
	buf_add_byte(out, (char)value);
}

static void put_bytes(struct buf *out, unsigned number, struct str bytes)
{
	put_varint(out, (uint64_t)number << 3 | WIRE_BYTES);
	put_varint(out, bytes.len);
	buf_add_str(out, bytes);
}

static void put_number(struct buf *out, unsigned number, int64_t value)
{
	put_varint(out, (uint64_t)number << 3 | WIRE_VARINT);
	put_varint(out, (uint64_t)value);
}

static bool write_message(const struct type *type, const struct json *object, struct buf *out,
			  struct error *err);

static bool write_time(const struct json *value, struct buf *out, struct error *err)
{
	int64_t seconds;
	int32_t nanos;

	if (!clock_parse(json_str(value), &seconds, &nanos))
		return error_set(err, ERROR_BROKEN, "a stored time cannot be read");
	put_number(out, 1, seconds);
	put_number(out, 2, nanos);
	return true;
}

static void write_strings(const struct json *list, struct buf *out)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		put_bytes(out, 1, json_str(it.value));
}

/* The other way round of either_value. */
static bool write_either(enum either either, const struct json *value, struct buf *out,
			 struct error *err)
{
	auto_buf schema = BUF_INIT;

	if (json_type(value) == JSON_BOOL) {
		put_number(out, 1, json_bool(value));
		return true;
	}
	for (struct json_iter it = json_iter(value);
	     json_type(value) == JSON_ARRAY && json_next(&it);) {
		auto_buf entry = BUF_INIT;

		if (either == EITHER_TEXTS)
			buf_add_str(&entry, json_str(it.value));
		else if (!write_message(schema_type(), it.value, &entry, err))
			return false;
		put_bytes(out, 2, buf_str(&entry));
	}
	if (json_type(value) != JSON_OBJECT)
		return true;
	if (either == EITHER_BOOL)
		put_number(out, 1, 1);
	if (!write_message(schema_type(), value, &schema, err))
		return false;
	put_bytes(out, either == EITHER_BOOL ? 2 : 1, buf_str(&schema));
	return true;
}

/* The bytes of a form that is written as a message. */
static bool write_special(const struct field *field, const struct json *value, struct buf *out,
			  struct error *err)
{
	auto_buf text = BUF_INIT;
	int64_t ms = 0;

	if (json_type(value) == JSON_NULL)
		return true; /* in a map: a time that is none, a JSON value that is nothing */
	if (either_of(field) != EITHER_NONE)
		return write_either(either_of(field), value, out, err);
	switch (field->form) {
	case FIELD_TIME:
	case FIELD_MICRO_TIME: return write_time(value, out, err);
	case FIELD_QUANTITY: put_bytes(out, 1, json_str(value)); return true;
	case FIELD_INT_OR_STRING:
		put_number(out, 1, json_type(value) == JSON_STRING);
		put_number(out, 2, json_type(value) == JSON_STRING ? 0 : json_int(value));
		put_bytes(out, 3, json_str(value));
		return true;
	case FIELD_DURATION:
		clock_parse_duration(json_str(value), &ms);
		put_number(out, 1, ms * 1000000);
		return true;
	case FIELD_STRINGS: write_strings(value, out); return true;
	default:
		json_print(value, &text);
		put_bytes(out, 1, buf_str(&text));
		return true;
	}
}

static void write_double(struct buf *out, unsigned number, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	put_varint(out, (uint64_t)number << 3 | WIRE_64);
	for (int i = 0; i < 8; i++)
		buf_add_byte(out, (char)(bits >> (8 * i)));
}

static bool write_value(const struct field *field, unsigned number, const struct json *value,
			struct buf *out, struct error *err)
{
	auto_buf inside = BUF_INIT;
	bool done = true;

	switch (field->form) {
	case FIELD_STRING: put_bytes(out, number, json_str(value)); return true;
	case FIELD_BOOL: put_number(out, number, json_bool(value)); return true;
	case FIELD_INT32:
	case FIELD_INT64: put_number(out, number, json_int(value)); return true;
	case FIELD_DOUBLE: write_double(out, number, json_double(value)); return true;
	case FIELD_BYTES:
		if (!buf_add_base64_decoded(&inside, json_str(value)))
			return error_set(err, ERROR_BROKEN, "stored bytes cannot be read");
		break;
	case FIELD_MESSAGE: done = write_message(field_type(field), value, &inside, err); break;
	default: done = write_special(field, value, &inside, err);
	}
	if (done)
		put_bytes(out, number, buf_str(&inside));
	return done;
}

static bool write_map(const struct field *field, const struct json *map, struct buf *out,
		      struct error *err)
{
	for (struct json_iter it = json_iter(map); json_next(&it);) {
		auto_buf entry = BUF_INIT;

		put_bytes(&entry, 1, it.key);
		if (!write_value(field, 2, it.value, &entry, err))
			return false;
		put_bytes(out, field->number, buf_str(&entry));
	}
	return true;
}

static bool write_field(const struct field *field, const struct json *object, struct buf *out,
			struct error *err)
{
	const struct json *value;
	auto_buf inside = BUF_INIT;

	if (field->inlined) {
		if (!write_message(field_type(field), object, &inside, err))
			return false;
		put_bytes(out, field->number, buf_str(&inside));
		return true;
	}
	value = json_get_str(object, field_name_str(field));
	if (!value)
		return true;
	if (field->shape == FIELD_MAP)
		return write_map(field, value, out, err);
	if (field->shape == FIELD_ONE)
		return write_value(field, field->number, value, out, err);
	for (struct json_iter it = json_iter(value); json_next(&it);)
		if (!write_value(field, field->number, it.value, out, err))
			return false;
	return true;
}

/* The field with the next larger number: the tables are in JSON's order, the wire in numbers'. */
static const struct field *field_after(const struct type *type, unsigned number)
{
	const struct field *found = NULL;

	for (size_t i = 0; i < type->field_count; i++) {
		const struct field *field = &type_fields(type)[i];

		if (field->number > number && (!found || field->number < found->number))
			found = field;
	}
	return found;
}

static bool write_message(const struct type *type, const struct json *object, struct buf *out,
			  struct error *err)
{
	for (const struct field *field = field_after(type, 0); field;
	     field = field_after(type, field->number))
		if (!write_field(field, object, out, err))
			return false;
	return true;
}

bool protobuf_from_json(const struct type *type, const struct json *object, struct buf *out,
			struct error *err)
{
	auto_buf meta = BUF_INIT;
	auto_buf raw = BUF_INIT;

	if (!write_message(type, object, &raw, err))
		return false;
	put_bytes(&meta, 1, json_str(json_get(object, "apiVersion")));
	put_bytes(&meta, 2, json_str(json_get(object, "kind")));
	buf_add(out, MAGIC, 4);
	put_bytes(out, 1, buf_str(&meta));
	put_bytes(out, 2, buf_str(&raw));
	put_bytes(out, 3, STR(""));
	put_bytes(out, 4, STR(""));
	return true;
}
