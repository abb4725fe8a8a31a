/*
 * fields_text.c - field sets as fieldsV1 and as paths in messages.
 */
#include <inttypes.h>

#include "api/fields_set.h"
#include "base/limits.h"

static bool bad(struct error *err, struct str key)
{
	return error_set(err, ERROR_BAD_REQUEST, "\"" STR_FMT "\" is no element of fieldsV1",
			 (int)(key.len > 200 ? 200 : key.len), key.at);
}

/* Is the JSON text already as we print it?  Then it is borrowed; else it is read and printed. */
static bool canonical(struct str text, bool keyed, struct arena *arena, struct str *out,
		      struct error *err)
{
	auto_json_doc doc = NULL;
	auto_buf printed = BUF_INIT;
	struct json *root;

	if (!json_parse(text, &doc, NULL, err))
		return false;
	root = json_root(doc);
	if (keyed != (json_type(root) == JSON_OBJECT) || json_type(root) == JSON_ARRAY ||
	    (keyed && json_count(root) == 0))
		return error_set(err, ERROR_BAD_REQUEST, "a key or value is not simple");
	for (struct json_iter it = json_iter(root); json_next(&it);)
		if (json_type(it.value) == JSON_OBJECT || json_type(it.value) == JSON_ARRAY)
			return error_set(err, ERROR_BAD_REQUEST, "a key is not simple");
	if (keyed)
		json_sort_keys(root);
	json_print(root, &printed);
	*out = str_equal(buf_str(&printed), text)
		       ? text
		       : str_from(arena_string(arena, buf_text(&printed), printed.len),
				  printed.len);
	return true;
}

static bool parse_element(struct str key, struct arena *arena, struct fields_element *out,
			  struct error *err)
{
	struct str text = str_from(key.at + 2, key.len - 2);
	int64_t unused;

	if (key.len < 2 || key.at[1] != ':')
		return bad(err, key);
	*out = (struct fields_element){ key.at[0], text };
	switch (key.at[0]) {
	case 'f': return true;
	case 'k':
	case 'v':
		if (canonical(text, key.at[0] == 'k', arena, &out->text, err))
			return true;
		return error_context(err, "fieldsV1");
	case 'i': return str_to_i64(text, 0, INT32_MAX, &unused) || bad(err, key);
	default: return bad(err, key);
	}
}

struct parsing {
	struct arena *arena;
	size_t left; /* elements that may still come */
};

static bool parse(struct parsing *parsing, const struct json *value, struct fields_set *out,
		  bool *out_self, struct error *err)
{
	if (json_type(value) != JSON_OBJECT)
		return error_set(err, ERROR_BAD_REQUEST, "fieldsV1: a value is not an object");
	for (struct json_iter it = json_iter(value); json_next(&it);) {
		struct fields_set *below;
		struct fields_element element;
		bool member = false;

		if (str_is(it.key, ".")) {
			*out_self = true;
			continue;
		}
		if (parsing->left-- == 0)
			return error_set(err, ERROR_TOO_LARGE, "fieldsV1 has more than %d elements",
					 LIMIT_FIELDS);
		if (!parse_element(it.key, parsing->arena, &element, err))
			return false;
		if (json_count(it.value) == 0 && json_type(it.value) == JSON_OBJECT) {
			fields_append(out, parsing->arena, element, true, NULL);
			continue;
		}
		below = arena_zero(parsing->arena, sizeof(*below));
		if (!parse(parsing, it.value, below, &member, err))
			return false;
		fields_append(out, parsing->arena, element, member, below);
	}
	fields_finish(out, parsing->arena);
	return true;
}

bool fields_parse(const struct json *value, struct arena *arena, struct fields_set *out,
		  struct error *err)
{
	struct parsing parsing = { .arena = arena, .left = LIMIT_FIELDS };
	struct fields_set made = FIELDS_EMPTY;
	bool unused = false;

	if (value && !parse(&parsing, value, &made, &unused, err))
		return false;
	*out = made;
	return true;
}

static void print_below(const struct fields_set *set, bool self, struct json_doc *doc,
			struct json *into, struct buf *key)
{
	if (self)
		json_add_str(doc, into, STR("."), json_new_object(doc));
	for (size_t i = 0; i < set->count; i++) {
		const struct fields_entry *entry = &set->items[i];
		struct json *made = json_new_object(doc);

		buf_reset(key);
		buf_add_byte(key, entry->element.form);
		buf_add_byte(key, ':');
		buf_add_str(key, entry->element.text);
		json_add_str(doc, into, buf_str(key), made);
		if (entry->below)
			print_below(entry->below, entry->member, doc, made, key);
	}
}

struct json *fields_print(const struct fields_set *set, struct json_doc *doc)
{
	struct json *root = json_new_object(doc);
	auto_buf key = BUF_INIT;

	print_below(set, false, doc, root, &key);
	return root;
}

/* --- paths --- */

/* {"a":1,"b":"x"} as a=1,b="x" */
static void print_keys(struct str text, struct buf *out)
{
	bool in_value = false;

	for (size_t i = 1; i + 1 < text.len; i++) {
		char c = text.at[i];
		size_t end = i + 1;

		if (c != '"') {
			in_value = c == ':' ? true : c == ',' ? false : in_value;
			buf_add_byte(out, c == ':' ? '=' : c);
			continue;
		}
		while (end < text.len && text.at[end] != '"')
			end += text.at[end] == '\\' ? 2 : 1;
		if (end >= text.len)
			end = text.len - 1;
		if (in_value)
			buf_add(out, text.at + i, end - i + 1);
		else
			buf_add(out, text.at + i + 1, end - i - 1);
		i = end;
	}
}

void fields_print_element(struct fields_element element, struct buf *out)
{
	switch (element.form) {
	case 'f':
		buf_add_byte(out, '.');
		buf_add_str(out, element.text);
		break;
	case 'k':
		buf_add_byte(out, '[');
		print_keys(element.text, out);
		buf_add_byte(out, ']');
		break;
	case 'v': buf_add_print(out, "[=" STR_FMT "]", STR_ARG(element.text)); break;
	default: buf_add_print(out, "[" STR_FMT "]", STR_ARG(element.text)); break;
	}
}

/* Members of one level come before what is below them. */
static bool each(const struct fields_set *set, struct buf *path,
		 bool (*visit)(void *of, struct str path), void *of)
{
	size_t len = path->len;

	for (int below = 0; below < 2; below++) {
		for (size_t i = 0; i < set->count; i++) {
			const struct fields_entry *entry = &set->items[i];
			bool goes_on = true;

			if (below ? !entry->below : !entry->member)
				continue;
			fields_print_element(entry->element, path);
			goes_on = below ? each(entry->below, path, visit, of)
					: visit(of, buf_str(path));
			path->len = len;
			if (!goes_on)
				return false;
		}
	}
	return true;
}

void fields_each(const struct fields_set *set, bool (*visit)(void *of, struct str path), void *of)
{
	auto_buf path = BUF_INIT;

	each(set, &path, visit, of);
}
