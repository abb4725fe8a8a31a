/*
 * selector.c - selectors as lists of requirements; labels are looked up in the object's facts,
 * fields by path.
 *
 * Grammar: comma = and; k, !k, k=v, k==v, k!=v, k in (a,b), k notin (a,b), k>n,
 * k<n; blanks anywhere between words.  What is refused is said in the real server's words.
 */
#include "api/selector.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "api/kind.h"
#include "api/names.h"
#include "base/map.h"

#define REQUIREMENTS_MAX 256
#define VALUES_MAX       1024
#define FEW              8

enum operator{ OP_EXISTS, OP_ABSENT, OP_IN, OP_NOT_IN, OP_GREATER, OP_LESS };

struct requirement {
	char *key;
	enum operator op;
	char **values;
	size_t value_count;
	const char *path;   /* field selectors: where the value lies, else NULL */
	const char *absent; /* ... and what it reads as when it is not there */
};

struct selector {
	struct requirement *items;
	size_t count;
	bool fields;
};

void selector_free(struct selector *selector)
{
	if (!selector)
		return;
	for (size_t i = 0; i < selector->count; i++) {
		for (size_t k = 0; k < selector->items[i].value_count; k++)
			free(selector->items[i].values[k]);
		free(selector->items[i].values);
		free(selector->items[i].key);
	}
	free(selector->items);
	free(selector);
}

/* Room for one more of `count`: lists have room for the next power of two. */
static void *grow(void *list, size_t count, size_t size)
{
	if ((count & (count - 1)) != 0)
		return list;
	return memory_grow(list, (count ? 2 * count : 1) * size);
}

static struct requirement *add_requirement(struct selector *selector, struct str key,
					   enum operator op)
{
	struct requirement *item;

	selector->items = grow(selector->items, selector->count, sizeof(*item));
	item = &selector->items[selector->count++];
	*item = (struct requirement){ .key = str_copy(key), .op = op };
	return item;
}

static void add_value(struct requirement *item, struct str value)
{
	item->values = grow(item->values, item->value_count, sizeof(char *));
	item->values[item->value_count++] = str_copy(value);
}

/* --- label selectors: words --- */

enum token { TOKEN_END, TOKEN_WORD, TOKEN_MARK };

/* The rest of the text, and its first word or mark. */
struct reader {
	struct str rest;
	enum token token;
	struct str text;
};

static bool is_mark(char c)
{
	return c != '\0' && strchr("=!(),<>", c) != NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void cut_front(struct str *text, size_t count)
{
	*text = str_from(text->at + count, text->len - count);
}

/* The marks of two characters are == and !=. */
static size_t mark_length(struct str text)
{
	bool two = text.len > 1 && text.at[1] == '=' && (text.at[0] == '=' || text.at[0] == '!');

	return two ? 2 : 1;
}

static void next_token(struct reader *reader)
{
	struct str *rest = &reader->rest;
	size_t len = 0;

	while (rest->len > 0 && is_blank(rest->at[0]))
		cut_front(rest, 1);
	if (rest->len > 0 && is_mark(rest->at[0]))
		len = mark_length(*rest);
	reader->token = rest->len == 0 ? TOKEN_END : len > 0 ? TOKEN_MARK : TOKEN_WORD;
	while (reader->token == TOKEN_WORD && len < rest->len && !is_mark(rest->at[len]) &&
	       !is_blank(rest->at[len]))
		len++;
	reader->text = str_from(rest->at, len);
	cut_front(rest, len);
}

static bool at_mark(const struct reader *reader, const char *mark)
{
	return reader->token == TOKEN_MARK && str_is(reader->text, mark);
}

static bool refuse(struct error *err, const struct reader *reader, const char *wanted)
{
	return error_set(err, ERROR_BAD_REQUEST, "found '" STR_FMT "', expected: %s",
			 STR_ARG(reader->text), wanted);
}

/* --- label selectors: requirements --- */

/* "(a,,b)": words between commas, each of which may be empty. */
static bool take_values(struct reader *reader, struct requirement *item, struct error *err)
{
	bool empty = true; /* nothing since the last comma */

	if (!at_mark(reader, "("))
		return error_set(err, ERROR_BAD_REQUEST, "found '" STR_FMT "' expected: '('",
				 STR_ARG(reader->text));
	next_token(reader);
	for (;; next_token(reader)) {
		if (item->value_count > VALUES_MAX)
			return error_set(err, ERROR_BAD_REQUEST,
					 "a requirement has more than %d values", VALUES_MAX);
		if (reader->token == TOKEN_WORD && empty) {
			add_value(item, reader->text);
			empty = false;
		} else if (at_mark(reader, ",") || at_mark(reader, ")")) {
			if (empty)
				add_value(item, STR(""));
			empty = true;
			if (at_mark(reader, ")"))
				break;
		} else {
			return refuse(err, reader, empty ? "',', or identifier" : "',' or ')'");
		}
	}
	next_token(reader);
	return true;
}

static bool take_value(struct reader *reader, struct requirement *item, struct error *err)
{
	if (reader->token == TOKEN_END || at_mark(reader, ",")) {
		add_value(item, STR(""));
		return true;
	}
	if (reader->token != TOKEN_WORD)
		return refuse(err, reader, "identifier");
	add_value(item, reader->text);
	next_token(reader);
	return true;
}

static bool take_operator(struct reader *reader, struct selector *selector, struct str key,
			  struct error *err)
{
	static const struct {
		const char *text;
		enum operator op;
		bool many;
	} rows[] = {
		{ "=", OP_IN, false },        { "==", OP_IN, false },  { "!=", OP_NOT_IN, false },
		{ ">", OP_GREATER, false },   { "<", OP_LESS, false }, { "in", OP_IN, true },
		{ "notin", OP_NOT_IN, true },
	};

	if (reader->token == TOKEN_END || at_mark(reader, ",")) {
		add_requirement(selector, key, OP_EXISTS);
		return true;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct requirement *item;

		if (!str_is(reader->text, rows[i].text))
			continue;
		item = add_requirement(selector, key, rows[i].op);
		next_token(reader);
		return rows[i].many ? take_values(reader, item, err)
				    : take_value(reader, item, err);
	}
	return refuse(err, reader, "in, notin, =, ==, !=, gt, lt");
}

static int compare_values(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The real server keeps a set: what it says of values counts them in order. */
static void sort_values(struct requirement *item)
{
	size_t kept = 0;

	if (item->value_count < 2)
		return;
	qsort(item->values, item->value_count, sizeof(char *), compare_values);
	for (size_t i = 0; i < item->value_count; i++) {
		if (kept > 0 && strcmp(item->values[kept - 1], item->values[i]) == 0)
			free(item->values[i]);
		else
			item->values[kept++] = item->values[i];
	}
	item->value_count = kept;
}

static bool check_value(const struct requirement *item, size_t i, struct error *err)
{
	struct str value = str_of(item->values[i]);
	const char *why = name_check_label_value(value);
	int64_t unused;

	if (item->op >= OP_GREATER && !str_to_i64(value, INT64_MIN, INT64_MAX, &unused))
		return error_set(err, ERROR_BAD_REQUEST,
				 "values[%zu]: Invalid value: \"%s\": for 'Gt', 'Lt' operators, "
				 "the value must be an integer",
				 i, item->values[i]);
	if (why)
		return error_set(err, ERROR_BAD_REQUEST,
				 "values[%zu][%s]: Invalid value: \"%s\": %s", i, item->key,
				 item->values[i], why);
	return true;
}

static bool take_requirement(struct reader *reader, struct selector *selector, struct error *err)
{
	bool absent = at_mark(reader, "!");
	struct requirement *item;
	struct str key;
	const char *why;

	if (absent)
		next_token(reader);
	if (reader->token != TOKEN_WORD)
		return refuse(err, reader, "identifier");
	key = reader->text;
	why = name_check_label_key(key);
	if (why)
		return error_set(err, ERROR_BAD_REQUEST,
				 "<nil>: Invalid value: \"" STR_FMT "\": %s", STR_ARG(key), why);
	next_token(reader);
	if (absent)
		add_requirement(selector, key, OP_ABSENT);
	else if (!take_operator(reader, selector, key, err))
		return false;
	item = &selector->items[selector->count - 1];
	sort_values(item);
	for (size_t i = 0; i < item->value_count; i++)
		if (!check_value(item, i, err))
			return false;
	return true;
}

static bool may_begin(const struct reader *reader)
{
	return reader->token == TOKEN_WORD || at_mark(reader, "!");
}

bool selector_parse_labels(struct str text, struct selector **out, struct error *err)
{
	AUTO(selector_free) struct selector *selector = memory_new(struct selector);
	struct reader reader = { .rest = text };

	next_token(&reader);
	if (reader.token != TOKEN_END && !may_begin(&reader))
		return refuse(err, &reader, "!, identifier, or 'end of string'");
	while (reader.token != TOKEN_END) {
		if (selector->count == REQUIREMENTS_MAX)
			return error_set(err, ERROR_BAD_REQUEST,
					 "the selector has more than %d requirements",
					 REQUIREMENTS_MAX);
		if (!take_requirement(&reader, selector, err))
			return error_context(err, "unable to parse requirement");
		if (reader.token == TOKEN_END)
			break;
		if (!at_mark(&reader, ","))
			return refuse(err, &reader, "',' or 'end of string'");
		next_token(&reader);
		if (!may_begin(&reader))
			return refuse(err, &reader, "identifier after ','");
	}
	*out = take_ptr(&selector);
	return true;
}

/* --- field selectors --- */

static const char *path_of_label(const struct kind *kind, struct str label)
{
	if (str_is(label, "metadata.name"))
		return "metadata.name";
	if (str_is(label, "metadata.namespace") && kind->namespaced)
		return "metadata.namespace";
	for (const struct field_label *row = kind->field_labels; row && row->label; row++)
		if (str_is(label, row->label))
			return row->path ? row->path : row->label;
	return NULL;
}

static bool refuse_field(const struct kind *kind, struct str label, struct error *err)
{
	if (kind->field_labels)
		return error_set(err, ERROR_BAD_REQUEST, "field label not supported: " STR_FMT,
				 STR_ARG(label));
	return error_set(
		err, ERROR_BAD_REQUEST,
		"\"" STR_FMT
		"\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
		STR_ARG(label));
}

/* One term up to an unescaped comma, with its escapes. */
static struct str take_term(struct str *text)
{
	size_t len = 0;
	struct str term;

	while (len < text->len && text->at[len] != ',')
		len += text->at[len] == '\\' && len + 1 < text->len ? 2 : 1;
	term = str_from(text->at, len);
	*text = str_from(text->at + len, text->len - len);
	if (text->len > 0)
		*text = str_from(text->at + 1, text->len - 1);
	return term;
}

/* A comma, an equals sign and a backslash stand behind a backslash, nothing else does. */
static bool unescape(struct str value, struct buf *out, struct error *err)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];

		if (c == ',' || c == '=')
			return error_set(err, ERROR_BAD_REQUEST,
					 "invalid field selector: unescaped character in value: %d",
					 c);
		if (c == '\\' && (++i == value.len || !strchr("\\,=", value.at[i])))
			return error_set(
				err, ERROR_BAD_REQUEST,
				"invalid field selector: invalid escape sequence: " STR_FMT,
				STR_ARG(str_from(value.at + i - 1, i < value.len ? 2 : 1)));
		buf_add_byte(out, value.at[i]);
	}
	return true;
}

/* The fields of Go's structs that are not pointers are always there. */
static const char *absent_of(const char *path)
{
	static const char *const rows[][2] = {
		{ "spec.unschedulable", "false" },
		{ "spec.hostNetwork", "false" },
		{ "status.succeeded", "0" },
		{ "status.replicas", "0" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (strcmp(path, rows[i][0]) == 0)
			return rows[i][1];
	return "";
}

static bool take_field_term(struct str whole, struct str term, const struct kind *kind,
			    struct selector *selector, struct error *err)
{
	ptrdiff_t at = str_find(term, '=');
	struct str label, value;
	struct requirement *item;
	auto_buf plain = BUF_INIT;
	bool unequal = at > 0 && term.at[at - 1] == '!';
	const char *path;

	if (at < 1)
		return error_set(err, ERROR_BAD_REQUEST,
				 "invalid selector: '" STR_FMT "'; can't understand '" STR_FMT "'",
				 STR_ARG(whole), STR_ARG(term));
	label = str_trim(str_from(term.at, (size_t)at - unequal));
	value = str_from(term.at + at + 1, term.len - (size_t)at - 1);
	if (!unequal && value.len > 0 && value.at[0] == '=')
		value = str_from(value.at + 1, value.len - 1);
	path = path_of_label(kind, label);
	if (!path)
		return refuse_field(kind, label, err);
	if (!unescape(value, &plain, err))
		return false;
	item = add_requirement(selector, label, unequal ? OP_NOT_IN : OP_IN);
	item->path = path;
	item->absent = absent_of(path);
	add_value(item, buf_str(&plain));
	return true;
}

bool selector_parse_fields(struct str text, const struct kind *kind, struct selector **out,
			   struct error *err)
{
	AUTO(selector_free) struct selector *selector = memory_new(struct selector);
	struct str whole = text;

	selector->fields = true;
	while (text.len > 0) {
		struct str term = str_trim(take_term(&text));

		if (selector->count == REQUIREMENTS_MAX)
			return error_set(err, ERROR_BAD_REQUEST,
					 "the selector has more than %d requirements",
					 REQUIREMENTS_MAX);
		if (term.len > 0 && !take_field_term(whole, term, kind, selector, err))
			return false;
	}
	*out = take_ptr(&selector);
	return true;
}

/* --- from objects --- */

static bool add_expression(struct selector *selector, const struct json *expression,
			   struct error *err)
{
	static const struct {
		const char *name;
		enum operator op;
	} rows[] = { { "In", OP_IN },
		     { "NotIn", OP_NOT_IN },
		     { "Exists", OP_EXISTS },
		     { "DoesNotExist", OP_ABSENT } };
	struct str op = json_str(json_get(expression, "operator"));

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct requirement *item;

		if (!str_is(op, rows[i].name))
			continue;
		item = add_requirement(selector, json_str(json_get(expression, "key")), rows[i].op);
		for (struct json_iter it = json_iter(json_get(expression, "values"));
		     json_next(&it);)
			add_value(item, json_str(it.value));
		return true;
	}
	return error_set(err, ERROR_BAD_REQUEST,
			 "\"" STR_FMT "\" is not a valid label selector operator", STR_ARG(op));
}

bool selector_from_json(const struct json *label_selector, struct selector **out, struct error *err)
{
	AUTO(selector_free)
	struct selector *selector = selector_from_map(json_get(label_selector, "matchLabels"));

	for (struct json_iter it = json_iter(json_get(label_selector, "matchExpressions"));
	     json_next(&it);)
		if (!add_expression(selector, it.value, err))
			return false;
	*out = take_ptr(&selector);
	return true;
}

struct selector *selector_from_map(const struct json *map)
{
	struct selector *selector = memory_new(struct selector);

	for (struct json_iter it = json_iter(map); json_next(&it);)
		add_value(add_requirement(selector, it.key, OP_IN), json_str(it.value));
	return selector;
}

bool selector_is_empty(const struct selector *selector)
{
	return selector->count == 0;
}

/* --- matching --- */

static bool is_among(const struct requirement *item, struct str value)
{
	for (size_t i = 0; i < item->value_count; i++)
		if (str_is(value, item->values[i]))
			return true;
	return false;
}

/* value.at == NULL: the label is not there. */
static bool meets(const struct requirement *item, struct str value)
{
	int64_t have, wanted;

	switch (item->op) {
	case OP_EXISTS: return value.at != NULL;
	case OP_ABSENT: return value.at == NULL;
	case OP_IN: return value.at && is_among(item, value);
	case OP_NOT_IN: return !value.at || !is_among(item, value);
	case OP_GREATER:
	case OP_LESS:
		if (!value.at || !str_to_i64(value, INT64_MIN, INT64_MAX, &have) ||
		    !str_to_i64(str_of(item->values[0]), INT64_MIN, INT64_MAX, &wanted))
			return false;
		return item->op == OP_GREATER ? have > wanted : have < wanted;
	}
	return false;
}

/* A field's value as text; absent fields are "" as in the real server. */
static struct str text_at(const struct json *root, struct str rest, char room[32])
{
	const struct json *at = root;

	while (rest.len > 0)
		at = json_get_str(at, str_cut(&rest, '.'));
	switch (json_type(at)) {
	case JSON_STRING: return json_str(at);
	case JSON_BOOL: return json_bool(at) ? STR("true") : STR("false");
	case JSON_NUMBER: snprintf(room, 32, "%" PRId64, json_int(at)); return str_of(room);
	default: return STR("");
	}
}

/* Of several paths the first that has a value. */
static struct str field_value_of(const struct json *root, const char *path, char room[32])
{
	struct str paths = str_of(path), value = STR("");

	while (paths.len > 0 && value.len == 0)
		value = text_at(root, str_cut(&paths, '|'), room);
	return value;
}

static bool field_meets(const struct requirement *item, const struct object *object)
{
	char room[32];
	struct str value;

	if (strcmp(item->path, "metadata.name") == 0)
		return meets(item, object_name(object));
	if (strcmp(item->path, "metadata.namespace") == 0)
		return meets(item, object_namespace(object));
	value = field_value_of(object_json(object), item->path, room);
	return meets(item, value.len > 0 ? value : str_of(item->absent));
}

bool selector_match(const struct selector *selector, const struct object *object)
{
	for (size_t i = 0; i < selector->count; i++) {
		const struct requirement *item = &selector->items[i];

		if (item->path ? !field_meets(item, object)
			       : !meets(item, object_label(object, str_of(item->key))))
			return false;
	}
	return true;
}

/* Many requirements look the labels up in a map: both may be as many as a body can hold. */
static bool match_many(const struct selector *selector, const struct json *labels)
{
	auto_map known = map_new();

	for (struct json_iter it = json_iter(labels); json_next(&it);)
		map_put(known, it.key, it.value);
	for (size_t i = 0; i < selector->count; i++)
		if (!meets(&selector->items[i],
			   json_str(map_find(known, str_of(selector->items[i].key)))))
			return false;
	return true;
}

bool selector_match_labels(const struct selector *selector, const struct json *labels)
{
	assert(!selector->fields);
	if (selector->count > FEW)
		return match_many(selector, labels);
	for (size_t i = 0; i < selector->count; i++)
		if (!meets(&selector->items[i], json_str(json_get(labels, selector->items[i].key))))
			return false;
	return true;
}

struct str selector_wanted(const struct selector *selector, const char *field)
{
	for (size_t i = 0; i < selector->count; i++)
		if (selector->items[i].op == OP_IN && selector->items[i].value_count == 1 &&
		    strcmp(selector->items[i].key, field) == 0)
			return str_of(selector->items[i].values[0]);
	return STR_NONE;
}

/* --- printing --- */

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_set(const struct requirement *item, const char *op, struct buf *out)
{
	size_t size = item->value_count * sizeof(char *);
	auto_free char **sorted = memory_get(size + 1);

	memcpy(sorted, item->values, size);
	qsort(sorted, item->value_count, sizeof(char *), compare_texts);
	buf_add_print(out, "%s %s (", item->key, op);
	for (size_t i = 0; i < item->value_count; i++)
		buf_add_print(out, "%s%s", i ? "," : "", sorted[i]);
	buf_add_byte(out, ')');
}

static void print_requirement(const struct requirement *item, struct buf *out)
{
	bool one = item->value_count == 1;

	switch (item->op) {
	case OP_EXISTS: buf_add_text(out, item->key); break;
	case OP_ABSENT: buf_add_print(out, "!%s", item->key); break;
	case OP_IN:
	case OP_NOT_IN:
		if (one)
			buf_add_print(out, "%s%s%s", item->key,
				      item->op == OP_IN ? "=" : "!=", item->values[0]);
		else
			print_set(item, item->op == OP_IN ? "in" : "notin", out);
		break;
	case OP_GREATER:
	case OP_LESS:
		buf_add_print(out, "%s%s%s", item->key, item->op == OP_GREATER ? ">" : "<",
			      item->values[0]);
		break;
	}
}

/* By key; of the same key in the order in which they were said. */
static int compare_requirements(const void *a, const void *b)
{
	const struct requirement *one = *(const struct requirement *const *)a,
				 *other = *(const struct requirement *const *)b;
	int order = strcmp(one->key, other->key);

	return order ? order : one < other ? -1 : 1;
}

void selector_print(const struct selector *selector, struct buf *out)
{
	auto_free const struct requirement **sorted =
		memory_get(selector->count * sizeof(*sorted) + 1);

	for (size_t i = 0; i < selector->count; i++)
		sorted[i] = &selector->items[i];
	qsort(sorted, selector->count, sizeof(*sorted), compare_requirements);
	for (size_t i = 0; i < selector->count; i++) {
		if (i > 0)
			buf_add_byte(out, ',');
		print_requirement(sorted[i], out);
	}
}
