/*
 * json.h - JSON values: parsed with limits, changed in place, printed.
 *
 * A json_doc owns all values that were made in it; they die with it.  A value may be put into a
 * container of its own doc only, and into one place only (json_clone copies between docs).
 * Object keys keep their order.  Numbers keep integers exact (int64/uint64), else double.
 * A const struct json * is read-only; NULL is accepted by every reader and means "absent".
 * A finished doc may be read by several threads; changing is for one.
 * Built on yyjson (RFC 8259).
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

struct json_doc;
struct json;

enum json_type {
	JSON_ABSENT,
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json_doc *json_doc_new(void);
void json_doc_free(struct json_doc *doc); /* NULL is fine */
DEFINE_AUTO(struct json_doc *, json_doc_free)
#define auto_json_doc AUTO(json_doc_free) struct json_doc *

/* Parse a whole text: depth <= LIMIT_JSON_DEPTH, valid UTF-8, finite numbers, no trailing garbage.
 * Duplicate keys: the last one wins, and the first duplicate's dotted path is given in
 * *out_duplicate (in the doc's memory, NULL when none; the pointer itself may be NULL).
 * ERROR_BAD_REQUEST with position. */
MUST_CHECK bool json_parse(struct str text, struct json_doc **out, const char **out_duplicate,
			   struct error *err);
/* The same with all entries of equal keys: for telling what is wrong with a text. */
MUST_CHECK bool json_parse_kept(struct str text, struct json_doc **out, struct error *err);
/* A text that json_print has made, or json_parse has taken without a duplicate: its keys are not
 * judged again.  Aborts when it is none. */
struct json_doc *json_parse_printed(struct str text);
struct json *json_root(const struct json_doc *doc);
void json_set_root(struct json_doc *doc, struct json *root);

void json_print(const struct json *value, struct buf *out);        /* compact, as Go's encoding/json
									  without HTML escapes */
void json_print_pretty(const struct json *value, struct buf *out); /* 2 blanks */

/* --- readers; every one accepts NULL --- */
enum json_type json_type(const struct json *value);
struct str json_str(const struct json *value); /* STR_NONE (at == NULL) unless a string */
bool json_bool(const struct json *value);      /* false unless true */
bool json_is_int(const struct json *value);    /* a number without fraction that fits int64 */
int64_t json_int(const struct json *value);    /* 0 unless a number; doubles are truncated */
double json_double(const struct json *value);
size_t json_count(const struct json *value); /* entries of an array or object */
struct json *json_get(const struct json *object, const char *key);
struct json *json_get_str(const struct json *object, struct str key);
/* Walk: json_path(pod, "spec", "nodeName", NULL) */
struct json *json_path(const struct json *value, ...) __attribute__((sentinel));
struct json *json_at(const struct json *array, size_t index); /* O(n): iterate instead */
bool json_equal(const struct json *a, const struct json *b);  /* key order does not matter */

/* for (struct json_iter it = json_iter(v); json_next(&it);) ... it.key, it.value, it.index
 * Changing it.value in place is fine; adding or removing entries inside is not. */
struct json_iter {
	struct str key; /* objects only */
	struct json *value;
	size_t index;
	const void *next; /* private */
	size_t left;      /* private */
	bool is_object;   /* private */
};
struct json_iter json_iter(const struct json *container);
bool json_next(struct json_iter *it);

/* --- makers: strings are copied into the doc --- */
struct json *json_new_null(struct json_doc *doc);
struct json *json_new_bool(struct json_doc *doc, bool value);
struct json *json_new_int(struct json_doc *doc, int64_t value);
struct json *json_new_uint(struct json_doc *doc, uint64_t value);
struct json *json_new_double(struct json_doc *doc, double value);
struct json *json_new_str(struct json_doc *doc, struct str value);
struct json *json_new_text(struct json_doc *doc, const char *value);
struct json *json_new_print(struct json_doc *doc, const char *format, ...) PRINTF_LIKE(2, 3);
struct json *json_new_array(struct json_doc *doc);
struct json *json_new_object(struct json_doc *doc);
struct json *json_clone(struct json_doc *doc, const struct json *value); /* deep; NULL gives NULL */

/* --- changers.  object_put replaces in place or appends; putting NULL removes. --- */
void json_put(struct json_doc *doc, struct json *object, const char *key, struct json *value);
void json_put_str(struct json_doc *doc, struct json *object, struct str key, struct json *value);
bool json_remove(struct json *object, struct str key); /* true when it was there */
/* Append an entry without looking for the key: json_put walks the object at each call, so a large
 * one is built with this.  When keys may come twice, end with json_drop_duplicates. */
void json_add_str(struct json_doc *doc, struct json *object, struct str key, struct json *value);
/* Of equal keys the last value wins, in the place of the first (this level only).  Gives the first
 * key that came again, in the doc's memory, or STR_NONE. */
struct str json_drop_duplicates(struct json *object);
void json_append(struct json *array, struct json *value);
void json_insert(struct json *array, size_t index, struct json *value);
struct json *json_remove_at(struct json *array, size_t index);
void json_clear(struct json *container); /* no entries */
/* Entry by entry the value that it gets; NULL: it keeps its own. */
void json_replace_values(struct json *object, struct json *const *values);
/* All entries of `from` behind those of `to`, another object of the same doc; equal keys stay. */
void json_move_entries(struct json *to, struct json *from);
void json_sort_keys(struct json *object); /* this level only, bytes order */
/* The object under `key`, made when absent (replaces null). */
struct json *json_sub_object(struct json_doc *doc, struct json *object, const char *key);
struct json *json_sub_array(struct json_doc *doc, struct json *object, const char *key);

#endif
