/*
 * text.h - the two text types: struct str (borrowed, by value) and struct buf (owned, grows).
 *
 * A str need not be terminated and may hold NUL bytes.  A buf is never NULL and always terminated.
 * Any thread, one at a time for a buf.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

struct str {
	const char *at;
	size_t len;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_FMT      "%.*s"
#define STR_ARG(s)   (int)(s).len, (s).at
#define STR_NONE     ((struct str){ NULL, 0 })

static inline struct str str_of(const char *text)
{
	return (struct str){ text, text ? strlen(text) : 0 };
}
static inline struct str str_from(const void *at, size_t len)
{
	return (struct str){ at, len };
}
static inline bool str_equal(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}
static inline bool str_is(struct str a, const char *text)
{
	return str_equal(a, str_of(text));
}
int str_compare(struct str a, struct str b);     /* like strcmp, bytes */
bool str_equal_case(struct str a, struct str b); /* ASCII case folded */
bool str_starts(struct str s, struct str with);
bool str_ends(struct str s, struct str with);
ptrdiff_t str_find(struct str s, char c);              /* index or -1 */
ptrdiff_t str_search(struct str s, struct str needle); /* index or -1 */
struct str str_trim(struct str s);                     /* spaces and tabs at both ends */
/* Text before the first `at`; *rest becomes what follows it (empty when there was none). */
struct str str_cut(struct str *rest, char at);
/* Terminated copies. */
char *str_copy(struct str s) __attribute__((returns_nonnull));
char *str_copy_arena(struct str s, struct arena *arena) __attribute__((returns_nonnull));
/* Decimal, whole text, in the range; false leaves *out alone. */
bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *out);
bool str_to_u64(struct str s, uint64_t max, uint64_t *out);
bool str_is_utf8(struct str s);
uint64_t str_hash(struct str s);                              /* keyed per process */
uint64_t str_hash_keyed(struct str s, const uint64_t key[2]); /* SipHash-1-3 */

struct buf {
	char *at;
	size_t len;
	size_t room;
};

#define BUF_INIT ((struct buf){ NULL, 0, 0 })
void buf_clear(struct buf *buf); /* empty, frees */
void buf_reset(struct buf *buf); /* empty, keeps its memory */
static inline void buf_clear_slot(struct buf *buf)
{
	buf_clear(buf);
}
#define auto_buf __attribute__((cleanup(buf_clear_slot))) struct buf
void buf_reserve(struct buf *buf, size_t more); /* room for `more` further bytes */
void buf_add(struct buf *buf, const void *at, size_t len);
void buf_add_str(struct buf *buf, struct str s);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_byte(struct buf *buf, char c);
void buf_add_print(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_drop_front(struct buf *buf, size_t count);
static inline struct str buf_str(const struct buf *buf)
{
	return (struct str){ buf->len ? buf->at : "", buf->len };
}
const char *buf_text(const struct buf *buf); /* terminated, "" when empty */
char *buf_take(struct buf *buf);             /* terminated; caller frees; buf is empty after */

/* base64: url form has no padding; decode accepts both padded and not; false on a bad character.
 * A decoder that gives false leaves the buf as it was. */
void buf_add_base64(struct buf *buf, struct str bytes);
void buf_add_base64url(struct buf *buf, struct str bytes);
bool buf_add_base64_decoded(struct buf *buf, struct str text);
bool buf_add_base64url_decoded(struct buf *buf, struct str text);
void buf_add_hex(struct buf *buf, struct str bytes); /* lower case */
bool buf_add_hex_decoded(struct buf *buf, struct str text);
/* Percent-decoding of a URL part; plus_is_space for query parts.  False on a malformed escape. */
bool buf_add_percent_decoded(struct buf *buf, struct str text, bool plus_is_space);
void buf_add_percent_encoded(struct buf *buf, struct str text); /* keeps A-Za-z0-9-._~ */

#endif
