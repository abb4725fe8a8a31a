/*
 * lines.h - strict text in lines "word value value": one space between, each line ended, nothing
 * that could be written in two ways.  What the parsers of this room read.
 *
 * Borrowed text; any thread, one at a time for one struct lines.
 */
#ifndef OTA_LINES_H
#define OTA_LINES_H

#include "base/text.h"

#define LINES_VALUES 8

struct lines {
	const char *what; /* "the header of the bundle": how errors begin */
	struct str rest;
	size_t number; /* of the line that was taken last */
};

static inline bool lines_end(const struct lines *lines)
{
	return lines->rest.len == 0;
}
/* Does the next line begin with this word? */
bool lines_next_is(const struct lines *lines, const char *word);
/* Take the next line, which must be the word and `count` values; ERROR_INVALID if it is not. */
MUST_CHECK bool lines_take(struct lines *lines, const char *word, struct str *out, size_t count,
			   struct error *err);
/* ERROR_INVALID about the line that was taken last; gives false. */
bool lines_refuse(const struct lines *lines, struct error *err, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* Values, whole and in their one form; false leaves *out as it was. */
bool lines_number(struct str value, uint64_t max, uint64_t *out); /* no leading zero */
bool lines_sha256(struct str value, unsigned char out[32]);       /* lower case hex */
bool lines_base64(struct str value, struct buf *out);             /* padded; not empty */
bool lines_time(struct str value, int64_t *out_wall_s);           /* 2026-11-21T00:00:00Z */
/* 1 to `longest` of A-Z a-z 0-9 and the characters of `others`. */
bool lines_is_word(struct str value, const char *others, size_t longest);

#endif
