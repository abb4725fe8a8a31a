/*
 * lines.c - taking lines apart, and the values in them.
 */
#include "ota/lines.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

bool lines_refuse(const struct lines *lines, struct error *err, const char *format, ...)
{
	char text[256];
	va_list args;

	assert(lines->what);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return error_set(err, ERROR_INVALID, "%s, line %zu: %s", lines->what, lines->number, text);
}

/* The next line without its end; false when it is not ended. */
static bool peek(const struct lines *lines, struct str *out)
{
	ptrdiff_t end = str_find(lines->rest, '\n');

	if (end < 0)
		return false;
	*out = str_from(lines->rest.at, (size_t)end);
	return true;
}

bool lines_next_is(const struct lines *lines, const char *word)
{
	struct str line;

	return peek(lines, &line) && str_is(str_cut(&line, ' '), word);
}

bool lines_take(struct lines *lines, const char *word, struct str *out, size_t count,
		struct error *err)
{
	struct str line;

	assert(count >= 1);
	assert(count <= LINES_VALUES);
	lines->number++;
	if (!peek(lines, &line))
		return lines_refuse(lines, err, "the line \"%s ...\" is missing or not ended",
				    word);
	lines->rest = str_from(line.at + line.len + 1, lines->rest.len - line.len - 1);
	if (!str_is(str_cut(&line, ' '), word))
		return lines_refuse(lines, err, "this should be the line \"%s ...\"", word);
	for (size_t i = 0; i < count; i++) {
		out[i] = i + 1 < count ? str_cut(&line, ' ') : line;
		if (out[i].len == 0)
			return lines_refuse(lines, err, "\"%s\" needs %zu values", word, count);
	}
	if (str_find(out[count - 1], ' ') >= 0)
		return lines_refuse(lines, err, "\"%s\" has more than %zu values", word, count);
	return true;
}

bool lines_number(struct str value, uint64_t max, uint64_t *out)
{
	return (value.len <= 1 || value.at[0] != '0') && str_to_u64(value, max, out);
}

bool lines_sha256(struct str value, unsigned char out[32])
{
	auto_buf bytes = BUF_INIT, again = BUF_INIT;

	if (value.len != 64 || !buf_add_hex_decoded(&bytes, value))
		return false;
	assert(bytes.len == 32);
	buf_add_hex(&again, buf_str(&bytes));
	if (!str_equal(buf_str(&again), value))
		return false;
	memcpy(out, bytes.at, 32);
	return true;
}

bool lines_base64(struct str value, struct buf *out)
{
	auto_buf bytes = BUF_INIT, again = BUF_INIT;

	if (value.len == 0 || !buf_add_base64_decoded(&bytes, value))
		return false;
	buf_add_base64(&again, buf_str(&bytes));
	if (!str_equal(buf_str(&again), value))
		return false;
	buf_add_str(out, buf_str(&bytes));
	return true;
}

bool lines_time(struct str value, int64_t *out_wall_s)
{
	char again[CLOCK_TEXT];
	int64_t wall_s;

	if (value.len != strlen("2026-11-21T00:00:00Z") || !clock_parse(value, &wall_s, NULL))
		return false;
	clock_print(wall_s, again);
	if (!str_is(value, again))
		return false;
	*out_wall_s = wall_s;
	return true;
}

bool lines_is_word(struct str value, const char *others, size_t longest)
{
	if (value.len == 0 || value.len > longest)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    (c == '\0' || !strchr(others, c)))
			return false;
	}
	return true;
}
