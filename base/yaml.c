/*
 * yaml.c - YAML into JSON values by libyaml's event stream.  Only it and yaml_duplicates.c include
 * yaml.h of libyaml.
 *
 * Anchors are kept as finished values and cloned at each alias; the node count of clones counts
 * against the limit, so an alias bomb stops early.
 */
#include "base/yaml.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <yaml.h>

#include "base/limits.h"
#include "base/map.h"

struct reader {
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event;
	struct json_doc *doc;
	struct map *anchors; /* name -> struct json */
	size_t nodes, depth, alias_bytes;
	const char *duplicate;
};

static bool next_event(struct reader *reader, struct error *err)
{
	if (reader->has_event)
		yaml_event_delete(&reader->event);
	reader->has_event = yaml_parser_parse(&reader->parser, &reader->event);
	if (reader->has_event)
		return true;
	return error_set(err, ERROR_BAD_REQUEST, "invalid YAML at line %zu: %s",
			 reader->parser.problem_mark.line + 1,
			 reader->parser.problem ? reader->parser.problem : "unreadable");
}

static struct str event_text(const yaml_event_t *event)
{
	return str_from(event->data.scalar.value, event->data.scalar.length);
}

static bool is_one_of(struct str text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_is(text, words[i]))
			return true;
	return false;
}

static bool is_null(struct str text)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };

	return is_one_of(text, words, ARRAY_LENGTH(words));
}

static int bool_of(struct str text)
{
	static const char *const yes[] = { "true", "True", "TRUE", "yes", "Yes",
					   "YES",  "on",   "On",   "ON" };
	static const char *const no[] = { "false", "False", "FALSE", "no", "No",
					  "NO",    "off",   "Off",   "OFF" };

	if (is_one_of(text, yes, ARRAY_LENGTH(yes)))
		return 1;
	return is_one_of(text, no, ARRAY_LENGTH(no)) ? 0 : -1;
}

/* Digits in a base after an optional sign, from INT64_MIN to UINT64_MAX as in JSON; underscores are
 * not numbers in Kubernetes manifests. */
static bool parse_int(struct str text, bool *out_negative, uint64_t *out_size)
{
	bool negative = text.len > 0 && text.at[0] == '-';
	unsigned base = 10;
	uint64_t value = 0;

	if (text.len > 0 && (text.at[0] == '-' || text.at[0] == '+'))
		text = str_from(text.at + 1, text.len - 1);
	if (text.len > 2 && text.at[0] == '0' &&
	    (text.at[1] == 'x' || text.at[1] == 'o' || text.at[1] == 'b')) {
		base = text.at[1] == 'x' ? 16 : text.at[1] == 'o' ? 8 : 2;
		text = str_from(text.at + 2, text.len - 2);
	} else if (text.len > 1 && text.at[0] == '0') {
		base = 8;
		text = str_from(text.at + 1, text.len - 1);
	}
	if (text.len == 0)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
				 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
							: 99;

		if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return false;
	}
	if (negative && value > (uint64_t)INT64_MAX + 1)
		return false;
	*out_negative = negative;
	*out_size = value;
	return true;
}

static bool parse_float(struct str text, double *out)
{
	char room[512], *end; /* 1e308 written out has 309 digits */
	bool digit = false;

	if (text.len == 0 || text.len >= sizeof(room))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (!strchr("0123456789+-.eE", text.at[i]))
			return false;
		digit = digit || (text.at[i] >= '0' && text.at[i] <= '9');
	}
	if (!digit || text.at[0] == 'e' || text.at[0] == 'E')
		return false;
	memcpy(room, text.at, text.len);
	room[text.len] = '\0';
	*out = strtod(room, &end);
	return *end == '\0' && isfinite(*out);
}

static struct json *scalar_value(struct reader *reader)
{
	const yaml_event_t *event = &reader->event;
	struct str text = event_text(event);
	bool negative;
	uint64_t size;
	double real;

	if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return json_new_str(reader->doc, text);
	if (event->data.scalar.tag &&
	    strcmp((const char *)event->data.scalar.tag, YAML_STR_TAG) == 0)
		return json_new_str(reader->doc, text);
	if (is_null(text))
		return json_new_null(reader->doc);
	if (bool_of(text) >= 0)
		return json_new_bool(reader->doc, bool_of(text) == 1);
	if (parse_int(text, &negative, &size))
		return negative ? json_new_int(reader->doc, (int64_t)(0 - size))
				: json_new_uint(reader->doc, size);
	if (parse_float(text, &real))
		return json_new_double(reader->doc, real);
	return json_new_str(reader->doc, text);
}

static bool read_value(struct reader *reader, struct json **out, struct error *err);

static bool count_nodes(struct reader *reader, size_t more, struct error *err)
{
	reader->nodes += more;
	if (reader->nodes <= LIMIT_YAML_NODES)
		return true;
	return error_set(err, ERROR_BAD_REQUEST, "YAML has more than %d values (aliases counted)",
			 LIMIT_YAML_NODES);
}

struct measure {
	size_t nodes, bytes, depth;
};

/* What a copy would cost.  Finished values are never deeper than LIMIT_JSON_DEPTH. */
static void measure_value(const struct json *value, size_t depth, struct measure *out)
{
	out->nodes++;
	out->bytes += json_str(value).len;
	if (json_type(value) != JSON_OBJECT && json_type(value) != JSON_ARRAY)
		return;
	if (++depth > out->depth)
		out->depth = depth;
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		out->nodes += it.key.at ? 1 : 0;
		out->bytes += it.key.len;
		measure_value(it.value, depth, out);
	}
}

static bool limit_alias(struct reader *reader, const struct json *value, struct error *err)
{
	struct measure cost = { 0 };

	measure_value(value, 0, &cost);
	reader->alias_bytes += cost.bytes;
	if (reader->alias_bytes > LIMIT_YAML_ALIAS_BYTES)
		return error_set(err, ERROR_BAD_REQUEST,
				 "YAML aliases stand for more than %u bytes",
				 LIMIT_YAML_ALIAS_BYTES);
	if (reader->depth + cost.depth > LIMIT_JSON_DEPTH)
		return error_set(err, ERROR_BAD_REQUEST, "YAML is nested deeper than %d levels",
				 LIMIT_JSON_DEPTH);
	return count_nodes(reader, cost.nodes, err);
}

static bool read_alias(struct reader *reader, struct json **out, struct error *err)
{
	struct str name = str_of((const char *)reader->event.data.alias.anchor);
	struct json *value = map_find(reader->anchors, name);

	if (!value)
		return error_set(err, ERROR_BAD_REQUEST,
				 "invalid YAML: unknown or unfinished anchor " STR_FMT,
				 STR_ARG(name));
	if (!limit_alias(reader, value, err))
		return false;
	*out = json_clone(reader->doc, value);
	return true;
}

static bool read_sequence(struct reader *reader, struct json **out, struct error *err)
{
	struct json *array = json_new_array(reader->doc), *item;

	for (;;) {
		if (!next_event(reader, err))
			return false;
		if (reader->event.type == YAML_SEQUENCE_END_EVENT)
			break;
		if (!read_value(reader, &item, err))
			return false;
		json_append(array, item);
	}
	*out = array;
	return true;
}

static void merge_new(struct reader *reader, struct json *object, struct map *keys,
		      const struct json *from)
{
	if (json_type(from) == JSON_ARRAY) {
		for (struct json_iter it = json_iter(from); json_next(&it);)
			merge_new(reader, object, keys, it.value);
		return;
	}
	for (struct json_iter it = json_iter(from); json_next(&it);) {
		if (json_type(from) != JSON_OBJECT || map_put(keys, it.key, object))
			continue;
		json_add_str(reader->doc, object, it.key, json_clone(reader->doc, it.value));
	}
}

/* "<<: *base": entries of the merged mapping that are not there yet. */
static void merge_into(struct reader *reader, struct json *object, const struct json *from)
{
	auto_map keys = map_new(); /* those that are there */

	for (struct json_iter it = json_iter(object); json_next(&it);)
		map_put(keys, it.key, object);
	merge_new(reader, object, keys, from);
}

static bool read_mapping(struct reader *reader, struct json **out, struct error *err)
{
	struct json *object = json_new_object(reader->doc), *merged = NULL, *value;
	struct str duplicate;

	for (;;) {
		bool merge;
		auto_buf key = BUF_INIT;

		if (!next_event(reader, err))
			return false;
		if (reader->event.type == YAML_MAPPING_END_EVENT)
			break;
		if (reader->event.type != YAML_SCALAR_EVENT)
			return error_set(err, ERROR_BAD_REQUEST,
					 "invalid YAML: a key is not a scalar");
		buf_add_str(&key, event_text(&reader->event));
		merge = str_is(buf_str(&key), "<<") &&
			reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
		if (!count_nodes(reader, 1, err) || !next_event(reader, err) ||
		    !read_value(reader, &value, err))
			return false;
		if (merge)
			merged = value;
		else
			json_add_str(reader->doc, object, buf_str(&key), value);
	}
	duplicate = json_drop_duplicates(object);
	if (!reader->duplicate)
		reader->duplicate = duplicate.at;
	if (merged)
		merge_into(reader, object, merged);
	*out = object;
	return true;
}

static bool read_container(struct reader *reader, struct json **out, struct error *err)
{
	bool mapping = reader->event.type == YAML_MAPPING_START_EVENT;
	const yaml_char_t *name = mapping ? reader->event.data.mapping_start.anchor
					  : reader->event.data.sequence_start.anchor;
	auto_free char *anchor = name ? memory_string((const char *)name) : NULL;
	bool done;

	if (++reader->depth > LIMIT_JSON_DEPTH)
		return error_set(err, ERROR_BAD_REQUEST, "YAML is nested deeper than %d levels",
				 LIMIT_JSON_DEPTH);
	done = mapping ? read_mapping(reader, out, err) : read_sequence(reader, out, err);
	reader->depth--;
	if (done && anchor)
		map_put(reader->anchors, str_of(anchor), *out);
	return done;
}

/* The value that the current event begins. */
static bool read_value(struct reader *reader, struct json **out, struct error *err)
{
	if (!count_nodes(reader, 1, err))
		return false;
	switch (reader->event.type) {
	case YAML_SCALAR_EVENT:
		*out = scalar_value(reader);
		if (reader->event.data.scalar.anchor)
			map_put(reader->anchors,
				str_of((const char *)reader->event.data.scalar.anchor), *out);
		return true;
	case YAML_ALIAS_EVENT: return read_alias(reader, out, err);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT: return read_container(reader, out, err);
	default: return error_set(err, ERROR_BAD_REQUEST, "invalid YAML: a value was expected");
	}
}

/* One document: *out is NULL when the stream has ended. */
static bool read_document(struct reader *reader, struct json **out, struct error *err)
{
	*out = NULL;
	do {
		if (!next_event(reader, err))
			return false;
		if (reader->event.type == YAML_STREAM_END_EVENT)
			return true;
	} while (reader->event.type != YAML_DOCUMENT_START_EVENT);
	if (!next_event(reader, err) || !read_value(reader, out, err))
		return false;
	return next_event(reader, err); /* the document's end */
}

/* Lines that begin with %TAG.  A line ends with \n, \r or a character whose last byte is here. */
static size_t count_directives(struct str text)
{
	static const char ends[] = "\n\r\x85\xa8\xa9";
	size_t count = 0;
	ptrdiff_t at;

	for (bool first = true; (at = str_search(text, STR("%TAG"))) >= 0; first = false) {
		if (at > 0 ? memchr(ends, text.at[at - 1], sizeof(ends) - 1) != NULL : first)
			count++;
		text = str_from(text.at + at + 4, text.len - (size_t)at - 4);
	}
	return count;
}

static bool reader_open(struct reader *reader, struct str text, struct error *err)
{
	memset(reader, 0, sizeof(*reader));
	if (!str_is_utf8(text))
		return error_set(err, ERROR_BAD_REQUEST, "invalid YAML: not UTF-8");
	if (count_directives(text) > LIMIT_YAML_DIRECTIVES)
		return error_set(err, ERROR_BAD_REQUEST, "YAML has more than %d %%TAG lines",
				 LIMIT_YAML_DIRECTIVES);
	if (!yaml_parser_initialize(&reader->parser))
		abort();
	yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader->parser,
				     (const unsigned char *)(text.at ? text.at : ""), text.len);
	reader->doc = json_doc_new();
	reader->anchors = map_new();
	return true;
}

static void reader_close(struct reader *reader)
{
	if (reader->has_event)
		yaml_event_delete(&reader->event);
	yaml_parser_delete(&reader->parser);
	map_free(reader->anchors);
	json_doc_free(reader->doc);
}

bool yaml_parse(struct str text, struct json_doc **out, const char **out_duplicate,
		struct error *err)
{
	struct reader reader;
	struct json *root;
	bool done;

	if (!reader_open(&reader, text, err))
		return false;
	done = read_document(&reader, &root, err);
	if (done) {
		json_set_root(reader.doc, root ? root : json_new_null(reader.doc));
		if (out_duplicate)
			*out_duplicate = reader.duplicate;
		*out = take_ptr(&reader.doc);
	}
	reader_close(&reader);
	return done;
}

bool yaml_parse_all(struct str text, struct json_doc **out, struct error *err)
{
	struct reader reader;
	struct json *root, *all;
	bool done;

	if (!reader_open(&reader, text, err))
		return false;
	all = json_new_array(reader.doc);
	while ((done = read_document(&reader, &root, err)) && root)
		if (json_type(root) != JSON_NULL)
			json_append(all, root);
	if (done) {
		json_set_root(reader.doc, all);
		*out = take_ptr(&reader.doc);
	}
	reader_close(&reader);
	return done;
}

/* --- printing --- */

static bool is_number(struct str text)
{
	bool negative;
	uint64_t size;
	double real;

	return parse_int(text, &negative, &size) || parse_float(text, &real);
}

static bool consists_of(struct str text, const char *bytes)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] == '\0' || !strchr(bytes, text.at[i]))
			return false;
	return true;
}

/* Not a text for other readers of YAML 1.1: letters as booleans, numbers with underscores or in
 * base 60, dates, merging. */
static bool is_typed_elsewhere(struct str text)
{
	static const char *const words[] = {
		"y",     "Y",     "n",     "N",     "<<",    "=",     ".inf", ".Inf", ".INF",
		"+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN",
	};
	auto_buf digits = BUF_INIT;

	if (is_one_of(text, words, ARRAY_LENGTH(words)))
		return true;
	if (text.len > 5 && text.at[4] == '-' && consists_of(text, "0123456789-:.TtZz+ "))
		return true;
	if (text.len > 64 || !consists_of(text, "0123456789abcdefABCDEFxo_:.+-"))
		return false;
	if (str_find(text, ':') >= 0 && consists_of(text, "0123456789_:.+-"))
		return true;
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] != '_')
			buf_add_byte(&digits, text.at[i]);
	return digits.len > 0 && is_number(buf_str(&digits));
}

/* Length of the character at the front of `text` when it can only be written as an escape (control
 * characters, line breaks of YAML 1.1, what libyaml refuses), else 0. */
static size_t special_char(struct str text, unsigned *out_code)
{
	static const struct {
		char bytes[4];
		unsigned code;
	} rows[] = {
		{ "\xe2\x80\xa8", 0x2028 }, { "\xe2\x80\xa9", 0x2029 }, { "\xef\xbb\xbf", 0xfeff },
		{ "\xef\xbf\xbe", 0xfffe }, { "\xef\xbf\xbf", 0xffff },
	};
	unsigned char first = (unsigned char)text.at[0];

	if (first < 0x20 || first == 0x7f) {
		*out_code = first;
		return 1;
	}
	if (first == 0xc2 && text.len > 1 && (unsigned char)text.at[1] < 0xa0) {
		*out_code = (unsigned char)text.at[1];
		return 2;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (text.len > 2 && memcmp(text.at, rows[i].bytes, 3) == 0) {
			*out_code = rows[i].code;
			return 3;
		}
	return 0;
}

static bool needs_quotes(struct str text)
{
	unsigned code;

	if (is_null(text) || bool_of(text) >= 0 || is_number(text) || is_typed_elsewhere(text))
		return true;
	if (strchr(",[]{}#&*!|>'\"%@` ", text.at[0]) || text.at[text.len - 1] == ' ' ||
	    text.at[text.len - 1] == ':')
		return true;
	if (strchr("-?:", text.at[0]) && (text.len == 1 || text.at[1] == ' '))
		return true;
	if (str_starts(text, STR("---")) || str_starts(text, STR("...")))
		return true; /* could end the document */
	for (size_t i = 0; i < text.len; i++)
		if (special_char(str_from(text.at + i, text.len - i), &code) > 0)
			return true;
	return str_search(text, STR(": ")) >= 0 || str_search(text, STR(" #")) >= 0;
}

static void print_quoted(struct str text, struct buf *out)
{
	buf_add_byte(out, '"');
	while (text.len > 0) {
		unsigned code = 0;
		size_t step = special_char(text, &code);

		if (step == 0 && (text.at[0] == '"' || text.at[0] == '\\'))
			buf_add_byte(out, '\\');
		if (step == 0)
			buf_add_byte(out, text.at[0]);
		else if (code == '\n' || code == '\t')
			buf_add_text(out, code == '\n' ? "\\n" : "\\t");
		else
			buf_add_print(out, "\\u%04x", code);
		step += step == 0;
		text = str_from(text.at + step, text.len - step);
	}
	buf_add_byte(out, '"');
}

static void print_string(struct str text, struct buf *out)
{
	if (needs_quotes(text))
		print_quoted(text, out);
	else
		buf_add_str(out, text);
}

static void indent(struct buf *out, int level)
{
	for (int i = 0; i < level; i++)
		buf_add_text(out, "  ");
}

static void print_value(const struct json *value, int level, bool after_dash, struct buf *out);

static void print_inline_or_below(const struct json *value, int level, struct buf *out)
{
	if (json_count(value) > 0) {
		buf_add_byte(out, '\n');
		print_value(value, level, false, out);
	} else {
		buf_add_byte(out, ' ');
		print_value(value, level, true, out);
	}
}

/* A key longer than 1024 characters is one only after "? ". */
static void print_key(struct str key, int level, struct buf *out)
{
	auto_buf text = BUF_INIT;

	print_string(key, &text);
	if (text.len > 1000)
		buf_add_text(out, "? ");
	buf_add_str(out, buf_str(&text));
	if (text.len > 1000) {
		buf_add_byte(out, '\n');
		indent(out, level);
	}
	buf_add_byte(out, ':');
}

static void print_object(const struct json *value, int level, bool after_dash, struct buf *out)
{
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		if (it.index > 0 || !after_dash)
			indent(out, level);
		print_key(it.key, level, out);
		/* sequences stand at their key's own depth, as Kubernetes prints them */
		print_inline_or_below(it.value,
				      json_type(it.value) == JSON_ARRAY ? level : level + 1, out);
	}
}

static void print_array(const struct json *value, int level, struct buf *out)
{
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		indent(out, level);
		buf_add_text(out, "- ");
		print_value(it.value, level + 1, true, out);
	}
}

static void print_value(const struct json *value, int level, bool after_dash, struct buf *out)
{
	if (json_count(value) > 0 && json_type(value) == JSON_OBJECT) {
		print_object(value, level, after_dash, out);
		return;
	}
	if (json_count(value) > 0) {
		if (after_dash)
			buf_add_byte(out, '\n');
		print_array(value, level, out);
		return;
	}
	if (json_type(value) == JSON_STRING)
		print_string(json_str(value), out);
	else
		json_print(value, out);
	buf_add_byte(out, '\n');
}

void yaml_print(const struct json *value, struct buf *out)
{
	print_value(value, 0, true, out);
}
