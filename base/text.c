/*
 * text.c - borrowed and owned texts.
 */
#include "base/text.h"

#include <assert.h>
#include <endian.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/random.h"

/* --- str --- */

int str_compare(struct str a, struct str b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common ? memcmp(a.at, b.at, common) : 0;

	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool str_equal_case(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.at[i]) != lower(b.at[i]))
			return false;
	return true;
}

bool str_starts(struct str s, struct str with)
{
	return s.len >= with.len && (with.len == 0 || memcmp(s.at, with.at, with.len) == 0);
}

bool str_ends(struct str s, struct str with)
{
	return s.len >= with.len &&
	       (with.len == 0 || memcmp(s.at + s.len - with.len, with.at, with.len) == 0);
}

ptrdiff_t str_find(struct str s, char c)
{
	const char *found = s.len ? memchr(s.at, c, s.len) : NULL;

	return found ? found - s.at : -1;
}

ptrdiff_t str_search(struct str s, struct str needle)
{
	const char *found;

	if (needle.len == 0)
		return 0;
	found = s.len ? memmem(s.at, s.len, needle.at, needle.len) : NULL;
	return found ? found - s.at : -1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
	while (s.len > 0 && is_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

struct str str_cut(struct str *rest, char at)
{
	ptrdiff_t found = str_find(*rest, at);
	struct str head = *rest;

	if (found < 0) {
		*rest = str_from(rest->at ? rest->at + rest->len : NULL, 0);
		return head;
	}
	head.len = (size_t)found;
	rest->at += found + 1;
	rest->len -= (size_t)found + 1;
	return head;
}

char *str_copy(struct str s)
{
	char *copy = memory_get(s.len + 1);

	if (s.len > 0)
		memcpy(copy, s.at, s.len);
	copy[s.len] = '\0';
	return copy;
}

char *str_copy_arena(struct str s, struct arena *arena)
{
	return arena_string(arena, s.at, s.len);
}

bool str_to_u64(struct str s, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned char)s.at[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return false;
	}
	if (value > max)
		return false;
	*out = value;
	return true;
}

bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *out)
{
	bool negative = s.len > 0 && s.at[0] == '-';
	uint64_t size;
	int64_t value;

	if (negative)
		s = str_from(s.at + 1, s.len - 1);
	if (!str_to_u64(s, negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX, &size))
		return false;
	value = negative ? (int64_t)(0 - size) : (int64_t)size;
	if (value < min || value > max)
		return false;
	*out = value;
	return true;
}

/* Length of the UTF-8 sequence at `at`, 0 when it is malformed (RFC 3629: no overlongs, no
 * surrogates). */
static size_t sequence_length(const unsigned char *at, size_t left)
{
	static const struct {
		unsigned char first_min, first_max, second_min, second_max, length;
	} rows[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	if (at[0] < 0x80)
		return 1;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		if (at[0] < rows[i].first_min || at[0] > rows[i].first_max)
			continue;
		if (left < rows[i].length || at[1] < rows[i].second_min ||
		    at[1] > rows[i].second_max)
			return 0;
		for (size_t k = 2; k < rows[i].length; k++)
			if (at[k] < 0x80 || at[k] > 0xbf)
				return 0;
		return rows[i].length;
	}
	return 0;
}

bool str_is_utf8(struct str s)
{
	for (size_t i = 0; i < s.len;) {
		size_t step = sequence_length((const unsigned char *)s.at + i, s.len - i);

		if (step == 0)
			return false;
		i += step;
	}
	return true;
}

/* --- hash: SipHash-1-3 (Aumasson and Bernstein), one round a word and three at the end --- */

static uint64_t rotate(uint64_t word, int by)
{
	return word << by | word >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

/* Up to eight bytes, the first one lowest. */
static uint64_t word_of(const char *at, size_t count)
{
	uint64_t word = 0;

	if (count > 0)
		memcpy(&word, at, count);
	return le64toh(word);
}

uint64_t str_hash_keyed(struct str s, const uint64_t key[2])
{
	uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
			  key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
	uint64_t length = (uint64_t)(s.len & 0xff) << 56;

	for (; s.len >= 8; s = str_from(s.at + 8, s.len - 8))
		sip_word(v, word_of(s.at, 8));
	sip_word(v, length | word_of(s.at, s.len));
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t hash_key[2];
static pthread_once_t hash_once = PTHREAD_ONCE_INIT;

static void make_hash_key(void)
{
	random_bytes(hash_key, sizeof(hash_key));
}

/* Nobody outside knows the key, so nobody can choose texts that collide. */
uint64_t str_hash(struct str s)
{
	pthread_once(&hash_once, make_hash_key);
	return str_hash_keyed(s, hash_key);
}

/* --- buf --- */

void buf_clear(struct buf *buf)
{
	free(buf->at);
	*buf = BUF_INIT;
}

void buf_reset(struct buf *buf)
{
	buf->len = 0;
	if (buf->at)
		buf->at[0] = '\0';
}

void buf_reserve(struct buf *buf, size_t more)
{
	size_t need, room;

	if (__builtin_add_overflow(buf->len, more, &need) ||
	    __builtin_add_overflow(need, 1u, &need))
		abort();
	if (need <= buf->room)
		return;
	room = buf->room ? buf->room + buf->room / 2 : 64;
	if (room < need)
		room = need;
	buf->at = memory_grow(buf->at, room);
	buf->at[buf->len] = '\0';
	buf->room = room;
}

void buf_add(struct buf *buf, const void *at, size_t len)
{
	buf_reserve(buf, len);
	if (len > 0)
		memcpy(buf->at + buf->len, at, len);
	buf->len += len;
	buf->at[buf->len] = '\0';
}

void buf_add_str(struct buf *buf, struct str s)
{
	buf_add(buf, s.at, s.len);
}

void buf_add_text(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_add_byte(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

void buf_add_print(struct buf *buf, const char *format, ...)
{
	va_list args, again;
	int len;

	buf_reserve(buf, 64);
	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(buf->at + buf->len, buf->room - buf->len, format, args);
	va_end(args);
	assert(len >= 0);
	if ((size_t)len >= buf->room - buf->len) {
		buf_reserve(buf, (size_t)len);
		vsnprintf(buf->at + buf->len, buf->room - buf->len, format, again);
	}
	va_end(again);
	buf->len += (size_t)len;
}

void buf_drop_front(struct buf *buf, size_t count)
{
	assert(count <= buf->len);
	if (count == 0)
		return;
	memmove(buf->at, buf->at + count, buf->len - count);
	buf->len -= count;
	buf->at[buf->len] = '\0';
}

const char *buf_text(const struct buf *buf)
{
	return buf->at ? buf->at : "";
}

char *buf_take(struct buf *buf)
{
	char *taken;

	buf_reserve(buf, 0);
	buf->at[buf->len] = '\0';
	taken = buf->at;
	*buf = BUF_INIT;
	return taken;
}
