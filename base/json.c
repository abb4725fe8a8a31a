/*
 * json.c - JSON values over yyjson's mutable documents.  The only file that includes yyjson.h.
 *
 * A text is copied once and read in place into yyjson's compact form; one pass without recursion
 * makes of that the values of a mutable document, in a block of just the right size, and judges
 * depth and duplicate keys.  Strings stay in the text.  A struct json is a yyjson_mut_val.
 */
#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <yyjson.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/spare.h"

/* Up to so many keys are searched one by one, more by sorting or hashing. */
#define SMALL_OBJECT 16

struct json_doc {
	yyjson_mut_doc *mut;
	char *text;             /* that was read, NULL: none; its strings lie there ... */
	yyjson_mut_val *values; /* ... and its values here, in reading order */
};

static yyjson_mut_val *val_of(const struct json *value)
{
	return (yyjson_mut_val *)(void *)(uintptr_t)value;
}

static void *take(void *of, size_t size)
{
	(void)of;
	return spare_get(size);
}

static void *grow(void *of, void *old, size_t old_size, size_t size)
{
	(void)of;
	(void)old_size;
	return spare_grow(old, size);
}

static void give(void *of, void *old)
{
	(void)of;
	spare_free(old);
}

/* A document lives for a request: its pools come from what the last one gave back. */
static const yyjson_alc memory = { take, grow, give, NULL };

static struct json *json_of(yyjson_mut_val *value)
{
	return (struct json *)(void *)value;
}

static yyjson_mut_val *made(yyjson_mut_val *value)
{
	if (!value)
		abort(); /* only when memory is out */
	return value;
}

/* spare_get that does not fail. */
static void *taken(size_t size)
{
	void *got = spare_get(size);

	if (!got)
		abort();
	return got;
}

struct json_doc *json_doc_new(void)
{
	struct json_doc *doc = memory_new(struct json_doc);

	doc->mut = yyjson_mut_doc_new(&memory);
	if (!doc->mut)
		abort();
	return doc;
}

void json_doc_free(struct json_doc *doc)
{
	if (!doc)
		return;
	yyjson_mut_doc_free(doc->mut);
	spare_free(doc->text);
	spare_free(doc->values);
	free(doc);
}

struct json *json_root(const struct json_doc *doc)
{
	return json_of(doc->mut->root);
}

void json_set_root(struct json_doc *doc, struct json *root)
{
	doc->mut->root = val_of(root);
}

/* --- a read text becomes values; depth and duplicate keys are judged on the way --- */

struct level {
	yyjson_val *container, *end;
	yyjson_val *key;      /* of the entry that is being walked, objects only */
	yyjson_mut_val *last; /* that was made in it; itself at first */
	size_t index;
};

struct judge {
	yyjson_val *root;
	yyjson_mut_val *values; /* made of root and all that follows it */
	bool heeds_keys;
	struct level levels[LIMIT_JSON_DEPTH];
	size_t depth;
	struct buf duplicate; /* path of the first one */
};

static bool same_key(yyjson_val *a, yyjson_val *b)
{
	size_t len = yyjson_get_len(a);

	return len == yyjson_get_len(b) && memcmp(yyjson_get_str(a), yyjson_get_str(b), len) == 0;
}

/* A part of the hash tells nearly all keys apart without a look at their texts. */
struct slot {
	uint32_t hash;
	uint32_t place; /* of the key behind its object; 0: free */
};

/* The first key that was there before.  The hash is keyed: no text can make all collide. */
static yyjson_val *duplicate_in_large(yyjson_val *object, size_t count)
{
	yyjson_obj_iter it = yyjson_obj_iter_with(object);
	auto_free struct slot *slots = NULL;
	size_t room = 64;

	while (room < count + count / 3)
		room *= 2;
	slots = memory_zero(room * sizeof(*slots));
	for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));) {
		uint64_t hash = str_hash(str_from(yyjson_get_str(key), yyjson_get_len(key)));
		struct slot slot = { (uint32_t)(hash >> 32), (uint32_t)(key - object) };
		size_t at = (size_t)hash & (room - 1);

		for (; slots[at].place; at = (at + 1) & (room - 1))
			if (slots[at].hash == slot.hash && same_key(object + slots[at].place, key))
				return key;
		slots[at] = slot;
	}
	return NULL;
}

static yyjson_val *duplicate_in_small(yyjson_val *object)
{
	yyjson_obj_iter it = yyjson_obj_iter_with(object);
	yyjson_val *key;

	while ((key = yyjson_obj_iter_next(&it))) {
		yyjson_obj_iter before = yyjson_obj_iter_with(object);
		yyjson_val *other;

		while ((other = yyjson_obj_iter_next(&before)) != key)
			if (same_key(other, key))
				return key;
	}
	return NULL;
}

static void print_path(struct judge *judge, yyjson_val *key)
{
	struct buf *out = &judge->duplicate;

	for (size_t i = 0; i < judge->depth; i++) {
		struct level *level = &judge->levels[i];
		yyjson_val *name = i + 1 == judge->depth ? key : level->key;

		if (yyjson_is_arr(level->container))
			buf_add_print(out, "[%zu]", level->index);
		else
			buf_add_print(out, "%s%s", out->len ? "." : "", yyjson_get_str(name));
	}
}

static yyjson_mut_val *made_of(const struct judge *judge, const yyjson_val *read)
{
	return judge->values + (read - judge->root);
}

/* What is copied of a container is its type and count; leave() gives it its entries. */
static yyjson_mut_val *make(struct judge *judge, const yyjson_val *read)
{
	yyjson_mut_val *value = made_of(judge, read);

	value->tag = read->tag;
	value->uni = read->uni;
	value->next = NULL;
	return value;
}

static bool enter(struct judge *judge, yyjson_val *container)
{
	struct level *level;
	yyjson_val *key = NULL;
	size_t count = unsafe_yyjson_get_len(container);

	if (judge->depth == LIMIT_JSON_DEPTH)
		return false;
	if (count == 0)
		return true;
	level = &judge->levels[judge->depth++];
	*level = (struct level){
		.container = container,
		.end = unsafe_yyjson_get_next(container),
		.last = made_of(judge, container),
		.index = (size_t)-1,
	};
	if (yyjson_is_obj(container) && count > 1 && judge->heeds_keys && judge->duplicate.len == 0)
		key = count > SMALL_OBJECT ? duplicate_in_large(container, count)
					   : duplicate_in_small(container);
	if (key)
		print_path(judge, key);
	return true;
}

static void add(struct judge *judge, struct level *level, const yyjson_val *read)
{
	yyjson_mut_val *value = make(judge, read);

	level->last->next = value;
	level->last = value;
}

/* A container points to its last entry; entries form a ring. */
static void leave(struct judge *judge)
{
	struct level *level = &judge->levels[--judge->depth];
	yyjson_mut_val *container = made_of(judge, level->container);

	level->last->next = container + 1;
	container->uni.ptr = level->key ? made_of(judge, level->key) : level->last;
	container->next = NULL;
}

/* Values lie one behind the other in reading order; a container knows its end.  False: too deep. */
static bool judge_values(struct judge *judge)
{
	yyjson_val *end = unsafe_yyjson_get_next(judge->root);

	make(judge, judge->root);
	if (yyjson_is_ctn(judge->root) && !enter(judge, judge->root))
		return false;
	for (yyjson_val *at = judge->root + 1; at < end; at++) {
		struct level *level;

		while (at >= judge->levels[judge->depth - 1].end)
			leave(judge);
		level = &judge->levels[judge->depth - 1];
		level->index++;
		if (yyjson_is_obj(level->container)) {
			level->key = at++; /* the value follows its key */
			add(judge, level, level->key);
		}
		add(judge, level, at);
		if (yyjson_is_ctn(at) && !enter(judge, at))
			return false;
	}
	while (judge->depth > 0)
		leave(judge);
	return true;
}

static void put_value(yyjson_mut_val *key, yyjson_mut_val *value)
{
	value->next = key->next->next;
	key->next = value;
}

/* Few keys are compared each with each: that needs no memory. */
static bool has_duplicates(const struct json *object)
{
	if (json_count(object) > SMALL_OBJECT)
		return true; /* perhaps */
	for (struct json_iter it = json_iter(object); json_next(&it);)
		if (json_get_str(object, it.key) != it.value)
			return true;
	return false;
}

struct str json_drop_duplicates(struct json *object)
{
	yyjson_mut_obj_iter it = yyjson_mut_obj_iter_with(val_of(object));
	auto_map seen = NULL; /* key -> its first yyjson_mut_val */
	struct str duplicate = STR_NONE;

	if (!has_duplicates(object))
		return STR_NONE;
	seen = map_new();
	while (it.idx < it.max) {
		yyjson_mut_val *key = yyjson_mut_obj_iter_next(&it), *first;
		struct str name = json_str(json_of(key));

		first = map_find(seen, name);
		if (!first) {
			map_put(seen, name, key);
			continue;
		}
		if (!duplicate.at)
			duplicate = name;
		yyjson_mut_obj_iter_remove(&it);
		put_value(first, key->next);
	}
	return duplicate;
}

static void drop_in_tree(struct json *value)
{
	for (struct json_iter it = json_iter(value); json_next(&it);)
		drop_in_tree(it.value);
	if (json_type(value) == JSON_OBJECT)
		json_drop_duplicates(value);
}

static bool too_deep(struct error *err)
{
	return error_set(err, ERROR_BAD_REQUEST, "JSON is nested deeper than %d levels",
			 LIMIT_JSON_DEPTH);
}

/* Takes the text. */
static struct json_doc *doc_of(struct judge *judge, char *text)
{
	struct json_doc *doc = json_doc_new();

	doc->text = text;
	doc->values = judge->values;
	doc->mut->root = judge->values;
	return doc;
}

/* Only a look at the brackets: what is nested without end is refused before anything is made of it.
 */
static bool is_deep(struct str text)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (quoted) {
			i += c == '\\';
			quoted = c != '"';
		} else if (c == '"') {
			quoted = true;
		} else if (c == '[' || c == '{') {
			if (++depth > LIMIT_JSON_DEPTH)
				return true;
		} else if ((c == ']' || c == '}') && depth > 0) {
			depth--;
		}
	}
	return false;
}

/* A copy with the zeroes behind it that the reader wants. */
static char *copy_text(struct str text)
{
	char *copy = taken(text.len + YYJSON_PADDING_SIZE);

	assert(text.len < UINT32_MAX);
	if (text.len > 0)
		memcpy(copy, text.at, text.len);
	memset(copy + text.len, 0, YYJSON_PADDING_SIZE);
	return copy;
}

/* The document, and the path of the first duplicate key.  Takes the copy. */
static bool read_copy(char *copy, size_t len, bool heeds_keys, struct json_doc **out,
		      struct buf *out_duplicate, struct error *err)
{
	yyjson_read_err why;
	yyjson_doc *read = yyjson_read_opts(copy, len, YYJSON_READ_INSITU, &memory, &why);
	auto_free struct judge *judge = memory_new(struct judge);
	bool sane;

	if (!read) {
		spare_free(copy);
		return error_set(err, ERROR_BAD_REQUEST, "invalid JSON at byte %zu: %s", why.pos,
				 why.msg);
	}
	judge->root = yyjson_doc_get_root(read);
	judge->heeds_keys = heeds_keys;
	judge->values = taken((size_t)(unsafe_yyjson_get_next(judge->root) - judge->root) *
			      sizeof(*judge->values));
	sane = judge_values(judge);
	yyjson_doc_free(read);
	*out_duplicate = judge->duplicate;
	if (sane) {
		*out = doc_of(judge, copy);
		return true;
	}
	spare_free(judge->values);
	spare_free(copy);
	return too_deep(err);
}

static bool parse(struct str text, bool kept, struct json_doc **out, const char **out_duplicate,
		  struct error *err)
{
	auto_buf duplicate = BUF_INIT;

	if (is_deep(text))
		return too_deep(err);
	if (!read_copy(copy_text(text), text.len, !kept || out_duplicate, out, &duplicate, err))
		return false;
	if (duplicate.len > 0 && !kept)
		drop_in_tree(json_root(*out));
	if (out_duplicate)
		*out_duplicate =
			duplicate.len ? json_str(json_new_str(*out, buf_str(&duplicate))).at : NULL;
	return true;
}

bool json_parse(struct str text, struct json_doc **out, const char **out_duplicate,
		struct error *err)
{
	return parse(text, false, out, out_duplicate, err);
}

bool json_parse_kept(struct str text, struct json_doc **out, struct error *err)
{
	return parse(text, true, out, NULL, err);
}

struct json_doc *json_parse_printed(struct str text)
{
	struct json_doc *doc = NULL;
	auto_buf unused = BUF_INIT;
	struct error err;

	if (!read_copy(copy_text(text), text.len, false, &doc, &unused, &err))
		abort();
	return doc;
}

/* --- printing --- */

static void print_with(const struct json *value, yyjson_write_flag flags, struct buf *out)
{
	size_t len = 0;
	char *text = yyjson_mut_val_write_opts(val_of(value), flags, &memory, &len, NULL);

	if (!text) { /* absent, or a number that is not finite: JSON has no word for it */
		buf_add_text(out, "null");
		return;
	}
	buf_add(out, text, len);
	spare_free(text);
}

void json_print(const struct json *value, struct buf *out)
{
	print_with(value, YYJSON_WRITE_NOFLAG, out);
}

void json_print_pretty(const struct json *value, struct buf *out)
{
	print_with(value, YYJSON_WRITE_PRETTY_TWO_SPACES, out);
}

/* --- readers --- */

enum json_type json_type(const struct json *value)
{
	switch (yyjson_mut_get_type(val_of(value))) {
	case YYJSON_TYPE_NULL: return JSON_NULL;
	case YYJSON_TYPE_BOOL: return JSON_BOOL;
	case YYJSON_TYPE_NUM: return JSON_NUMBER;
	case YYJSON_TYPE_STR: return JSON_STRING;
	case YYJSON_TYPE_ARR: return JSON_ARRAY;
	case YYJSON_TYPE_OBJ: return JSON_OBJECT;
	default: return JSON_ABSENT;
	}
}

struct str json_str(const struct json *value)
{
	yyjson_mut_val *val = val_of(value);

	if (!yyjson_mut_is_str(val))
		return STR_NONE;
	return str_from(unsafe_yyjson_get_str(val), unsafe_yyjson_get_len(val));
}

bool json_bool(const struct json *value)
{
	return yyjson_mut_is_true(val_of(value));
}

bool json_is_int(const struct json *value)
{
	yyjson_mut_val *val = val_of(value);

	if (yyjson_mut_is_uint(val))
		return yyjson_mut_get_uint(val) <= INT64_MAX;
	if (yyjson_mut_is_sint(val))
		return true;
	return yyjson_mut_is_real(val) && fabs(yyjson_mut_get_real(val)) < 9.0e15 &&
	       trunc(yyjson_mut_get_real(val)) == yyjson_mut_get_real(val);
}

int64_t json_int(const struct json *value)
{
	yyjson_mut_val *val = val_of(value);

	if (yyjson_mut_is_uint(val))
		return yyjson_mut_get_uint(val) > INT64_MAX ? INT64_MAX
							    : (int64_t)yyjson_mut_get_uint(val);
	if (yyjson_mut_is_sint(val))
		return yyjson_mut_get_sint(val);
	if (!yyjson_mut_is_real(val))
		return 0;
	if (yyjson_mut_get_real(val) >= 9.2e18)
		return INT64_MAX;
	return yyjson_mut_get_real(val) <= -9.2e18 ? INT64_MIN : (int64_t)yyjson_mut_get_real(val);
}

double json_double(const struct json *value)
{
	return yyjson_mut_get_num(val_of(value));
}

size_t json_count(const struct json *value)
{
	return yyjson_mut_is_ctn(val_of(value)) ? unsafe_yyjson_get_len(val_of(value)) : 0;
}

struct json *json_get_str(const struct json *object, struct str key)
{
	return json_of(yyjson_mut_obj_getn(val_of(object), key.at, key.len));
}

struct json *json_get(const struct json *object, const char *key)
{
	return json_get_str(object, str_of(key));
}

struct json *json_path(const struct json *value, ...)
{
	struct json *at = json_of(val_of(value));
	const char *key;
	va_list keys;

	va_start(keys, value);
	while (at && (key = va_arg(keys, const char *)))
		at = json_get(at, key);
	va_end(keys);
	return at;
}

struct json *json_at(const struct json *array, size_t index)
{
	return json_of(yyjson_mut_arr_get(val_of(array), index));
}

/* A container points to its last entry; entries form a ring. */
struct json_iter json_iter(const struct json *container)
{
	yyjson_mut_val *val = val_of(container), *last;
	struct json_iter it = { 0 };

	it.left = json_count(container);
	it.is_object = yyjson_mut_is_obj(val);
	if (it.left > 0) {
		last = val->uni.ptr;
		it.next = it.is_object ? last->next->next : last->next;
	}
	it.index = (size_t)-1;
	return it;
}

bool json_next(struct json_iter *it)
{
	yyjson_mut_val *at = val_of(it->next);

	if (it->left == 0)
		return false;
	it->left--;
	it->index++;
	if (it->is_object) {
		it->key = json_str(json_of(at));
		at = at->next;
	}
	it->value = json_of(at);
	it->next = at->next;
	return true;
}

/* --- order of keys, and equality without it --- */

struct pair {
	yyjson_mut_val *key, *value;
};

static int compare_pairs(const void *a, const void *b)
{
	const struct pair *left = a, *right = b;

	return str_compare(json_str(json_of(left->key)), json_str(json_of(right->key)));
}

/* What is left of the walk of an object; the caller frees. */
static struct pair *sorted_pairs(struct json_iter it)
{
	size_t count = it.left;
	struct pair *pairs = memory_get((count + 1) * sizeof(*pairs));

	for (size_t i = 0; i < count; i++) {
		pairs[i].key = val_of(it.next);
		pairs[i].value = pairs[i].key->next;
		json_next(&it);
	}
	qsort(pairs, count, sizeof(*pairs), compare_pairs);
	return pairs;
}

static bool equal_sorted(struct json_iter a, struct json_iter b)
{
	auto_free struct pair *left = sorted_pairs(a);
	auto_free struct pair *right = sorted_pairs(b);

	for (size_t i = 0; i < a.left; i++)
		if (compare_pairs(&left[i], &right[i]) != 0 ||
		    !json_equal(json_of(left[i].value), json_of(right[i].value)))
			return false;
	return true;
}

/* Entries in the same order are compared as they come; from the first other key on, sorted. */
static bool equal_entries(struct json_iter a, struct json_iter b)
{
	struct json_iter left = a, right = b;

	while (json_next(&left) && json_next(&right)) {
		if (a.is_object && !str_equal(left.key, right.key))
			return equal_sorted(a, b);
		if (!json_equal(left.value, right.value))
			return false;
		a = left;
		b = right;
	}
	return true;
}

bool json_equal(const struct json *a, const struct json *b)
{
	if (!a || !b)
		return !a && !b;
	if (json_type(a) != json_type(b) || json_count(a) != json_count(b))
		return false;
	if (json_type(a) == JSON_OBJECT || json_type(a) == JSON_ARRAY)
		return equal_entries(json_iter(a), json_iter(b));
	return yyjson_mut_equals(val_of(a), val_of(b));
}

/* --- makers --- */

struct json *json_new_null(struct json_doc *doc)
{
	return json_of(made(yyjson_mut_null(doc->mut)));
}

struct json *json_new_bool(struct json_doc *doc, bool value)
{
	return json_of(made(yyjson_mut_bool(doc->mut, value)));
}

/* Not negative = unsigned, as the reader makes them: equal numbers then have equal forms. */
struct json *json_new_int(struct json_doc *doc, int64_t value)
{
	if (value < 0)
		return json_of(made(yyjson_mut_sint(doc->mut, value)));
	return json_of(made(yyjson_mut_uint(doc->mut, (uint64_t)value)));
}

struct json *json_new_uint(struct json_doc *doc, uint64_t value)
{
	return json_of(made(yyjson_mut_uint(doc->mut, value)));
}

struct json *json_new_double(struct json_doc *doc, double value)
{
	return json_of(made(yyjson_mut_real(doc->mut, value)));
}

struct json *json_new_str(struct json_doc *doc, struct str value)
{
	return json_of(made(yyjson_mut_strncpy(doc->mut, value.len ? value.at : "", value.len)));
}

struct json *json_new_text(struct json_doc *doc, const char *value)
{
	return json_new_str(doc, str_of(value));
}

struct json *json_new_print(struct json_doc *doc, const char *format, ...)
{
	char room[256];
	auto_free char *text = NULL;
	va_list args, again;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(room, sizeof(room), format, args);
	va_end(args);
	assert(len >= 0);
	if ((size_t)len >= sizeof(room)) {
		text = memory_get((size_t)len + 1);
		vsnprintf(text, (size_t)len + 1, format, again);
	}
	va_end(again);
	return json_new_str(doc, str_from(text ? text : room, (size_t)len));
}

struct json *json_new_array(struct json_doc *doc)
{
	return json_of(made(yyjson_mut_arr(doc->mut)));
}

struct json *json_new_object(struct json_doc *doc)
{
	return json_of(made(yyjson_mut_obj(doc->mut)));
}

struct json *json_clone(struct json_doc *doc, const struct json *value)
{
	return value ? json_of(made(yyjson_mut_val_mut_copy(doc->mut, val_of(value)))) : NULL;
}

/* --- changers --- */

void json_put_str(struct json_doc *doc, struct json *object, struct str key, struct json *value)
{
	yyjson_mut_val *container = val_of(object);
	yyjson_mut_obj_iter it = yyjson_mut_obj_iter_with(container);
	yyjson_mut_val *at;

	assert(yyjson_mut_is_obj(container));
	if (!value) {
		json_remove(object, key);
		return;
	}
	while (it.idx < it.max && (at = yyjson_mut_obj_iter_next(&it)))
		if (str_equal(json_str(json_of(at)), key)) {
			put_value(at, val_of(value));
			return;
		}
	yyjson_mut_obj_add(container, val_of(json_new_str(doc, key)), val_of(value));
}

void json_add_str(struct json_doc *doc, struct json *object, struct str key, struct json *value)
{
	assert(json_type(object) == JSON_OBJECT && value);
	yyjson_mut_obj_add(val_of(object), val_of(json_new_str(doc, key)), val_of(value));
}

void json_put(struct json_doc *doc, struct json *object, const char *key, struct json *value)
{
	json_put_str(doc, object, str_of(key), value);
}

bool json_remove(struct json *object, struct str key)
{
	yyjson_mut_obj_iter it = yyjson_mut_obj_iter_with(val_of(object));
	yyjson_mut_val *at;

	if (!yyjson_mut_is_obj(val_of(object)))
		return false;
	while (it.idx < it.max && (at = yyjson_mut_obj_iter_next(&it)))
		if (str_equal(json_str(json_of(at)), key)) {
			yyjson_mut_obj_iter_remove(&it);
			return true;
		}
	return false;
}

void json_append(struct json *array, struct json *value)
{
	if (!yyjson_mut_arr_append(val_of(array), val_of(value)))
		assert(!"append to something that is no array");
}

void json_insert(struct json *array, size_t index, struct json *value)
{
	if (!yyjson_mut_arr_insert(val_of(array), val_of(value), index))
		assert(!"insert behind the end of an array");
}

struct json *json_remove_at(struct json *array, size_t index)
{
	return json_of(yyjson_mut_arr_remove(val_of(array), index));
}

void json_clear(struct json *container)
{
	if (yyjson_mut_is_arr(val_of(container)))
		yyjson_mut_arr_clear(val_of(container));
	else
		yyjson_mut_obj_clear(val_of(container));
}

void json_replace_values(struct json *object, struct json *const *values)
{
	struct json_iter it = json_iter(object);

	assert(json_type(object) == JSON_OBJECT);
	while (it.left > 0) {
		yyjson_mut_val *key = val_of(it.next);

		json_next(&it);
		if (values[it.index])
			put_value(key, val_of(values[it.index]));
	}
}

void json_move_entries(struct json *to, struct json *from)
{
	struct json_iter it = json_iter(from);

	assert(json_type(to) == JSON_OBJECT && to != from);
	json_clear(from);
	while (it.left > 0) {
		yyjson_mut_val *key = val_of(it.next), *value = key->next;

		json_next(&it);
		yyjson_mut_obj_add(val_of(to), key, value);
	}
}

void json_sort_keys(struct json *object)
{
	size_t count = json_count(object);
	auto_free struct pair *pairs = sorted_pairs(json_iter(object));

	json_clear(object);
	for (size_t i = 0; i < count; i++)
		yyjson_mut_obj_add(val_of(object), pairs[i].key, pairs[i].value);
}

struct json *json_sub_object(struct json_doc *doc, struct json *object, const char *key)
{
	struct json *sub = json_get(object, key);

	if (json_type(sub) == JSON_OBJECT)
		return sub;
	sub = json_new_object(doc);
	json_put(doc, object, key, sub);
	return sub;
}

struct json *json_sub_array(struct json_doc *doc, struct json *object, const char *key)
{
	struct json *sub = json_get(object, key);

	if (json_type(sub) == JSON_ARRAY)
		return sub;
	sub = json_new_array(doc);
	json_put(doc, object, key, sub);
	return sub;
}
