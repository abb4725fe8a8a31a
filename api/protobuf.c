/*
 * protobuf.c - Kubernetes protobuf to JSON and back by the field tables.
 *
 * Times are {1: seconds, 2: nanos}, quantities {1: text}, int-or-string {1: type, 2: int, 3: text},
 * raw JSON {1: bytes}; maps are repeated {1: key, 2: value}.  An inlined message is one of its own
 * here and flattened in JSON.
 */
#include "api/protobuf.h"

#include <assert.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/limits.h"

#define MAGIC "k8s\0"

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

static bool envelope_item(const struct item *item, struct str *version, struct str *kind,
			  struct str *raw, struct error *err)
{
	struct str meta = item->bytes;
	struct item part;

	if (item->number == 2)
		*raw = item->bytes;
	if (item->number != 1)
		return true;
	while (meta.len > 0) {
		if (!take_item(&meta, &part, err))
			return false;
		if (part.number == 1)
			*version = part.bytes;
		if (part.number == 2)
			*kind = part.bytes;
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
	int depth;
};

static bool read_message(struct reading *reading, const struct type *type, struct str raw,
			 struct json *object, struct error *err);

/* Varint 1 and 2 of a small message. */
static bool read_pair(struct str raw, uint64_t out[4], struct str out_bytes[4], struct error *err)
{
	struct item item;

	while (raw.len > 0) {
		if (!take_item(&raw, &item, err))
			return false;
		if (item.number < 4) {
			out[item.number] = item.value;
			out_bytes[item.number] = item.bytes;
		}
	}
	return true;
}

static struct json *time_value(struct json_doc *doc, bool micro, const uint64_t parts[4])
{
	char text[CLOCK_TEXT];
	int64_t seconds = (int64_t)parts[1];

	if (micro)
		clock_print_micro(seconds * 1000000 + (int64_t)parts[2] / 1000, text);
	else
		clock_print(seconds, text);
	return json_new_text(doc, text);
}

/* Forms that are small messages of their own. */
static bool read_special(struct reading *reading, const struct field *field, struct str raw,
			 struct json **out, struct error *err)
{
	uint64_t parts[4] = { 0 };
	struct str texts[4] = { { 0 } };
	struct json_doc *raw_doc = NULL;

	if (!read_pair(raw, parts, texts, err))
		return false;
	*out = NULL;
	switch (field->form) {
	case FIELD_TIME:
	case FIELD_MICRO_TIME:
		if (raw.len > 0)
			*out = time_value(reading->doc, field->form == FIELD_MICRO_TIME, parts);
		return true;
	case FIELD_QUANTITY: *out = json_new_str(reading->doc, texts[1]); return true;
	case FIELD_INT_OR_STRING:
		*out = parts[1] == 1 ? json_new_str(reading->doc, texts[3])
				     : json_new_int(reading->doc, (int32_t)parts[2]);
		return true;
	case FIELD_DURATION:
		*out = json_new_print(reading->doc, "%" PRId64 "ns", (int64_t)parts[1]);
		return true;
	default: /* raw JSON */
		if (texts[1].len == 0)
			return true;
		if (!json_parse(texts[1], &raw_doc, NULL, err))
			return false;
		*out = json_clone(reading->doc, json_root(raw_doc));
		json_doc_free(raw_doc);
		return true;
	}
}

static struct json *double_value(struct json_doc *doc, uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return json_new_double(doc, value);
}

static bool read_value(struct reading *reading, const struct field *field, const struct item *item,
		       struct json **out, struct error *err)
{
	auto_buf coded = BUF_INIT;

	switch (field->form) {
	case FIELD_STRING:
		if (!str_is_utf8(item->bytes))
			return error_set(err, ERROR_BAD_REQUEST,
					 "the protobuf field %s is not UTF-8", field->name);
		*out = json_new_str(reading->doc, item->bytes);
		return true;
	case FIELD_BOOL: *out = json_new_bool(reading->doc, item->value != 0); return true;
	case FIELD_INT32: *out = json_new_int(reading->doc, (int32_t)item->value); return true;
	case FIELD_INT64: *out = json_new_int(reading->doc, (int64_t)item->value); return true;
	case FIELD_DOUBLE: *out = double_value(reading->doc, item->value); return true;
	case FIELD_BYTES:
		buf_add_base64(&coded, item->bytes);
		*out = json_new_str(reading->doc, buf_str(&coded));
		return true;
	case FIELD_MESSAGE:
		*out = json_new_object(reading->doc);
		return read_message(reading, field->type, item->bytes, *out, err);
	default: return read_special(reading, field, item->bytes, out, err);
	}
}

static bool read_entry(struct reading *reading, const struct field *field, struct str raw,
		       struct json *object, struct error *err)
{
	struct json *map = json_sub_object(reading->doc, object, field->name), *value = NULL;
	struct item item = { 0 }, found = { .bytes = STR("") };
	struct str key = STR("");

	while (raw.len > 0) {
		if (!take_item(&raw, &item, err))
			return false;
		if (item.number == 1)
			key = item.bytes;
		if (item.number == 2)
			found = item;
	}
	if (!read_value(reading, field, &found, &value, err))
		return false;
	if (value)
		json_put_str(reading->doc, map, key, value);
	return true;
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

static bool read_field(struct reading *reading, const struct field *field, const struct item *item,
		       struct json *object, struct error *err)
{
	struct json *value = NULL;

	if (field->inlined)
		return read_message(reading, field->type, item->bytes, object, err);
	if (field->shape == FIELD_MAP)
		return read_entry(reading, field, item->bytes, object, err);
	if (!read_value(reading, field, item, &value, err))
		return false;
	if (!value)
		return true;
	if (field->shape == FIELD_LIST)
		json_append(json_sub_array(reading->doc, object, field->name), value);
	else if (!field->omit_empty || !is_zero(field, value))
		json_put(reading->doc, object, field->name, value);
	return true;
}

static const struct field *by_number(const struct type *type, unsigned number)
{
	for (size_t i = 0; i < type->field_count; i++)
		if (type->fields[i].number == number)
			return &type->fields[i];
	return NULL;
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
	struct reading reading = { .doc = doc };
	struct json *object = json_new_object(doc);

	if (!read_message(&reading, type, raw, object, err))
		return false;
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

/* The bytes of a form that is written as a message. */
static bool write_special(const struct field *field, const struct json *value, struct buf *out,
			  struct error *err)
{
	auto_buf text = BUF_INIT;
	int64_t ms = 0;

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
	case FIELD_MESSAGE: done = write_message(field->type, value, &inside, err); break;
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

	if (field->number == 0)
		return true;
	if (field->inlined) {
		if (!write_message(field->type, object, &inside, err))
			return false;
		put_bytes(out, field->number, buf_str(&inside));
		return true;
	}
	value = json_get(object, field->name);
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

static bool write_message(const struct type *type, const struct json *object, struct buf *out,
			  struct error *err)
{
	for (unsigned number = 1; number < 256; number++) {
		const struct field *field = by_number(type, number);

		if (field && !write_field(field, object, out, err))
			return false;
	}
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
