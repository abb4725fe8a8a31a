/*
 * gnostic.c - JSON to gnostic's protobuf by two tables of messages.
 *
 * A message is a list of parts: a JSON key, its field number and the form of its value.  Where
 * gnostic has a choice ("schema or reference"), the message of our choice stands in further
 * messages: these are its wraps.  Keys that begin with x- are extensions: {1: name, 2: {2: value as
 * YAML}}; JSON is YAML.
 */
#include "api/gnostic.h"

#include <assert.h>

enum form {
	TEXT,
	TEXTS,
	YES,      /* true */
	ANYS,     /* a list of any values: {2: YAML} each */
	DEFAULT,  /* {1: number} {2: bool} {3: text}; objects cannot be said */
	ONE,      /* a message */
	MANY,     /* a list of messages */
	NAMES,    /* {key: message}: one message with {1: key, 2: message} many times at `inside` */
	REQUIRED, /* [{key: [text]}]: who may call */
};

struct message;
struct part {
	const char *key;
	unsigned char number, form;
	unsigned char inside; /* NAMES: see there; ONE, TEXT: one wrap more, 0 = none */
	const struct message *of;
};
struct message {
	const struct part *parts;  /* ends with key == NULL */
	unsigned char extensions;  /* field number of x-...; 0 = has none */
	unsigned char wraps[3];    /* from the outside in; ends with 0 */
	const struct message *ref; /* when it has a $ref, or NULL */
	const struct message *(*choose)(const struct json *value); /* another one, by value */
};

/* --- version 2 --- */

static const struct message schema2;
static const struct part schema2_parts[] = {
	{ "$ref", 1, TEXT },
	{ "format", 2, TEXT },
	{ "description", 4, TEXT },
	{ "required", 19, TEXTS },
	{ "enum", 20, ANYS },
	{ "additionalProperties", 21, ONE, 1, &schema2 },
	{ "type", 22, TEXT, 1 },
	{ "items", 23, ONE, 1, &schema2 },
	{ "properties", 25, NAMES, 1, &schema2 },
	{ 0 },
};
static const struct message schema2 = { schema2_parts, 31 };

static const struct part info2_parts[] = { { "title", 1, TEXT }, { "version", 2, TEXT }, { 0 } };
static const struct message info2 = { info2_parts, 7 };

static const struct part body2_parts[] = {
	{ "description", 1, TEXT },
	{ "name", 2, TEXT },
	{ "in", 3, TEXT },
	{ "required", 4, YES },
	{ "schema", 5, ONE, 0, &schema2 },
	{ 0 },
};
static const struct message body2 = { body2_parts, 6, { 1, 1 } };
static const struct part query2_parts[] = {
	{ "required", 1, YES },
	{ "in", 2, TEXT },
	{ "description", 3, TEXT },
	{ "name", 4, TEXT },
	{ "type", 6, TEXT },
	{ "uniqueItems", 20, YES },
	{ 0 },
};
static const struct message query2 = { query2_parts, 23, { 1, 2, 3 } };
static const struct part path2_parts[] = {
	{ "required", 1, YES },
	{ "in", 2, TEXT },
	{ "description", 3, TEXT },
	{ "name", 4, TEXT },
	{ "type", 5, TEXT },
	{ "uniqueItems", 19, YES },
	{ 0 },
};
static const struct message path2 = { path2_parts, 22, { 1, 2, 4 } };

static const struct message *choose_parameter2(const struct json *value)
{
	struct str in = json_str(json_get(value, "in"));

	if (str_is(in, "body"))
		return &body2;
	return str_is(in, "path") ? &path2 : &query2;
}
static const struct message parameter2 = { .choose = choose_parameter2 };

static const struct part response2_parts[] = {
	{ "description", 1, TEXT },
	{ "schema", 2, ONE, 1, &schema2 },
	{ 0 },
};
static const struct message response2 = { response2_parts, 5, { 1 } };

static const struct part operation2_parts[] = {
	{ "tags", 1, TEXTS },
	{ "description", 3, TEXT },
	{ "operationId", 5, TEXT },
	{ "produces", 6, TEXTS },
	{ "consumes", 7, TEXTS },
	{ "parameters", 8, MANY, 0, &parameter2 },
	{ "responses", 9, NAMES, 1, &response2 },
	{ "schemes", 10, TEXTS },
	{ 0 },
};
static const struct message operation2 = { operation2_parts, 13 };
static const struct part item2_parts[] = {
	{ "get", 2, ONE, 0, &operation2 },
	{ "put", 3, ONE, 0, &operation2 },
	{ "post", 4, ONE, 0, &operation2 },
	{ "delete", 5, ONE, 0, &operation2 },
	{ "patch", 8, ONE, 0, &operation2 },
	{ "parameters", 9, MANY, 0, &parameter2 },
	{ 0 },
};
static const struct message item2 = { item2_parts, 10 };

static const struct part security2_parts[] = {
	{ "type", 1, TEXT },
	{ "name", 2, TEXT },
	{ "in", 3, TEXT },
	{ "description", 4, TEXT },
	{ 0 },
};
static const struct message security2 = { security2_parts, 5, { 2 } };

static const struct part document2_parts[] = {
	{ "swagger", 1, TEXT },
	{ "info", 2, ONE, 0, &info2 },
	{ "paths", 8, NAMES, 2, &item2 },
	{ "definitions", 9, NAMES, 1, &schema2 },
	{ "security", 12, REQUIRED },
	{ "securityDefinitions", 13, NAMES, 1, &security2 },
	{ 0 },
};
static const struct message document2 = { document2_parts, 16 };

/* --- version 3 --- */

static const struct part ref3_parts[] = { { "$ref", 1, TEXT }, { 0 } };
static const struct message ref3 = { ref3_parts, 0, { 2 } };

static const struct message schema3;
static const struct part schema3_parts[] = {
	{ "uniqueItems", 20, YES },
	{ "required", 23, TEXTS },
	{ "enum", 24, ANYS },
	{ "type", 25, TEXT },
	{ "allOf", 26, MANY, 0, &schema3 },
	{ "oneOf", 27, MANY, 0, &schema3 },
	{ "items", 30, ONE, 1, &schema3 },
	{ "properties", 31, NAMES, 1, &schema3 },
	{ "additionalProperties", 32, ONE, 1, &schema3 },
	{ "default", 33, DEFAULT },
	{ "description", 34, TEXT },
	{ "format", 35, TEXT },
	{ 0 },
};
static const struct message schema3 = { schema3_parts, 36, { 1 }, &ref3 };

static const struct part info3_parts[] = { { "title", 1, TEXT }, { "version", 6, TEXT }, { 0 } };
static const struct message info3 = { info3_parts, 7 };

static const struct part parameter3_parts[] = {
	{ "name", 1, TEXT },
	{ "in", 2, TEXT },
	{ "description", 3, TEXT },
	{ "required", 4, YES },
	{ "schema", 10, ONE, 0, &schema3 },
	{ 0 },
};
static const struct message parameter3 = { parameter3_parts, 14, { 1 } };

static const struct part media3_parts[] = { { "schema", 1, ONE, 0, &schema3 }, { 0 } };
static const struct message media3 = { media3_parts, 5 };
static const struct part body3_parts[] = {
	{ "description", 1, TEXT },
	{ "content", 2, NAMES, 1, &media3 },
	{ "required", 3, YES },
	{ 0 },
};
static const struct message body3 = { body3_parts, 4, { 1 } };
static const struct part response3_parts[] = {
	{ "description", 1, TEXT },
	{ "content", 3, NAMES, 1, &media3 },
	{ 0 },
};
static const struct message response3 = { response3_parts, 5, { 1 } };

static const struct part operation3_parts[] = {
	{ "tags", 1, TEXTS },
	{ "description", 3, TEXT },
	{ "operationId", 5, TEXT },
	{ "parameters", 6, MANY, 0, &parameter3 },
	{ "requestBody", 7, ONE, 0, &body3 },
	{ "responses", 8, NAMES, 2, &response3 },
	{ 0 },
};
static const struct message operation3 = { operation3_parts, 13 };
static const struct part item3_parts[] = {
	{ "get", 4, ONE, 0, &operation3 },
	{ "put", 5, ONE, 0, &operation3 },
	{ "post", 6, ONE, 0, &operation3 },
	{ "delete", 7, ONE, 0, &operation3 },
	{ "patch", 10, ONE, 0, &operation3 },
	{ "parameters", 13, MANY, 0, &parameter3 },
	{ 0 },
};
static const struct message item3 = { item3_parts, 14 };

static const struct part security3_parts[] = {
	{ "type", 1, TEXT },
	{ "description", 2, TEXT },
	{ "name", 3, TEXT },
	{ "in", 4, TEXT },
	{ 0 },
};
static const struct message security3 = { security3_parts, 9, { 1 } };
static const struct part components3_parts[] = {
	{ "schemas", 1, NAMES, 1, &schema3 },
	{ "securitySchemes", 7, NAMES, 1, &security3 },
	{ 0 },
};
static const struct message components3 = { components3_parts, 10 };

static const struct part document3_parts[] = {
	{ "openapi", 1, TEXT },
	{ "info", 2, ONE, 0, &info3 },
	{ "paths", 4, NAMES, 1, &item3 },
	{ "components", 5, ONE, 0, &components3 },
	{ 0 },
};
static const struct message document3 = { document3_parts, 9 };

/* --- writing --- */

static void put_varint(struct buf *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		buf_add_byte(out, (char)(value | 0x80));
	buf_add_byte(out, (char)value);
}

static void put_bytes(struct buf *out, unsigned number, struct str bytes)
{
	put_varint(out, (uint64_t)number << 3 | 2);
	put_varint(out, bytes.len);
	buf_add_str(out, bytes);
}

static void put_yes(struct buf *out, unsigned number, bool yes)
{
	put_varint(out, (uint64_t)number << 3);
	put_varint(out, yes);
}

/* {2: YAML} */
static void put_any(struct buf *out, unsigned number, const struct json *value)
{
	auto_buf yaml = BUF_INIT;
	auto_buf any = BUF_INIT;

	json_print(value, &yaml);
	buf_add_byte(&yaml, '\n');
	put_bytes(&any, 2, buf_str(&yaml));
	put_bytes(out, number, buf_str(&any));
}

static void put_extension(struct buf *out, unsigned number, struct str name,
			  const struct json *value)
{
	auto_buf named = BUF_INIT;

	put_bytes(&named, 1, name);
	put_any(&named, 2, value);
	put_bytes(out, number, buf_str(&named));
}

static bool write_parts(const struct message *message, const struct json *value, struct buf *out,
			struct error *err);

static void wrap(struct buf *inner, unsigned number)
{
	auto_buf outer = BUF_INIT;
	struct buf swap = *inner;

	put_bytes(&outer, number, buf_str(inner));
	*inner = outer;
	outer = swap;
}

/* The message with its wraps, `extra` around them when it is not 0. */
static bool put_message(struct buf *out, unsigned number, unsigned extra,
			const struct message *message, const struct json *value, struct error *err)
{
	auto_buf bytes = BUF_INIT;

	if (message->choose)
		message = message->choose(value);
	if (message->ref && json_get(value, "$ref"))
		message = message->ref;
	if (!write_parts(message, value, &bytes, err))
		return false;
	for (size_t i = ARRAY_LENGTH(message->wraps); i-- > 0;)
		if (message->wraps[i])
			wrap(&bytes, message->wraps[i]);
	if (extra)
		wrap(&bytes, extra);
	put_bytes(out, number, buf_str(&bytes));
	return true;
}

static bool put_names(struct buf *out, const struct part *part, const struct json *value,
		      struct error *err)
{
	auto_buf list = BUF_INIT;

	for (struct json_iter it = json_iter(value); json_next(&it);) {
		auto_buf pair = BUF_INIT;

		put_bytes(&pair, 1, it.key);
		if (!put_message(&pair, 2, 0, part->of, it.value, err))
			return false;
		put_bytes(&list, part->inside, buf_str(&pair));
	}
	put_bytes(out, part->number, buf_str(&list));
	return true;
}

static void put_default(struct buf *out, unsigned number, const struct json *value)
{
	auto_buf text = BUF_INIT;
	double as_double = json_double(value);

	if (json_type(value) == JSON_STRING) {
		put_bytes(&text, 3, json_str(value));
	} else if (json_type(value) == JSON_BOOL) {
		put_yes(&text, 2, json_bool(value));
	} else if (json_type(value) == JSON_NUMBER) {
		uint64_t bits;

		memcpy(&bits, &as_double, sizeof(bits));
		put_varint(&text, 1 << 3 | 1);
		for (int i = 0; i < 8; i++)
			buf_add_byte(&text, (char)(bits >> (8 * i)));
	}
	if (text.len > 0)
		put_bytes(out, number, buf_str(&text));
}

static void put_required(struct buf *out, unsigned number, const struct json *list)
{
	for (struct json_iter each = json_iter(list); json_next(&each);) {
		auto_buf requirement = BUF_INIT;

		for (struct json_iter it = json_iter(each.value); json_next(&it);) {
			auto_buf pair = BUF_INIT;
			auto_buf texts = BUF_INIT;

			put_bytes(&pair, 1, it.key);
			for (struct json_iter at = json_iter(it.value); json_next(&at);)
				put_bytes(&texts, 1, json_str(at.value));
			put_bytes(&pair, 2, buf_str(&texts));
			put_bytes(&requirement, 1, buf_str(&pair));
		}
		put_bytes(out, number, buf_str(&requirement));
	}
}

static bool put_part(struct buf *out, const struct part *part, const struct json *value,
		     struct error *err)
{
	auto_buf text = BUF_INIT;

	switch ((enum form)part->form) {
	case TEXT:
		buf_add_str(&text, json_str(value));
		if (part->inside)
			wrap(&text, part->inside);
		put_bytes(out, part->number, buf_str(&text));
		return true;
	case YES: put_yes(out, part->number, json_bool(value)); return true;
	case TEXTS:
		for (struct json_iter it = json_iter(value); json_next(&it);)
			put_bytes(out, part->number, json_str(it.value));
		return true;
	case ANYS:
		for (struct json_iter it = json_iter(value); json_next(&it);)
			put_any(out, part->number, it.value);
		return true;
	case DEFAULT: put_default(out, part->number, value); return true;
	case ONE: return put_message(out, part->number, part->inside, part->of, value, err);
	case MANY:
		for (struct json_iter it = json_iter(value); json_next(&it);)
			if (!put_message(out, part->number, 0, part->of, it.value, err))
				return false;
		return true;
	case NAMES: return put_names(out, part, value, err);
	case REQUIRED: put_required(out, part->number, value); return true;
	}
	return false;
}

static bool write_parts(const struct message *message, const struct json *value, struct buf *out,
			struct error *err)
{
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		const struct part *part = message->parts;

		while (part->key && !str_is(it.key, part->key))
			part++;
		if (!part->key && message->extensions && str_starts(it.key, STR("x-"))) {
			put_extension(out, message->extensions, it.key, it.value);
			continue;
		}
		if (!part->key)
			return error_set(err, ERROR_BROKEN, "no gnostic field for " STR_FMT,
					 STR_ARG(it.key));
		if (!put_part(out, part, it.value, err))
			return false;
	}
	return true;
}

bool gnostic_from_v2(const struct json *document, struct buf *out, struct error *err)
{
	assert(json_type(document) == JSON_OBJECT);
	return write_parts(&document2, document, out, err);
}

bool gnostic_from_v3(const struct json *document, struct buf *out, struct error *err)
{
	assert(json_type(document) == JSON_OBJECT);
	return write_parts(&document3, document, out, err);
}
