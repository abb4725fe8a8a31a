/*
 * log.c - log lines to standard error, text or JSON.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log_sink.h"

static _Atomic int level_now = LOG_INFO;
static _Atomic bool json_now;

static const char *const level_names[] = { "error", "warn", "info", "debug" };

void log_set(enum log_level level, bool as_json)
{
	atomic_store(&level_now, (int)level);
	atomic_store(&json_now, as_json);
}

bool log_wants(enum log_level level)
{
	return (int)level <= atomic_load(&level_now);
}

static void print_time(struct buf *out)
{
	int64_t now_us = clock_wall_us();
	char text[CLOCK_TEXT];

	clock_print_micro(now_us, text);
	buf_add_print(out, "%.23sZ", text); /* milliseconds */
}

/* One character of UTF-8, or U+FFFD for a byte that is none; gives the bytes used. */
static size_t add_character(struct buf *out, struct str s)
{
	for (size_t len = 2; len <= 4 && len <= s.len; len++)
		if (str_is_utf8(str_from(s.at, len))) {
			buf_add(out, s.at, len);
			return len;
		}
	buf_add_text(out, "\xef\xbf\xbd");
	return 1;
}

static void add_quoted(struct buf *out, struct str s)
{
	buf_add_byte(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if (c == '"' || c == '\\')
			buf_add_print(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_add_print(out, "\\u%04x", c);
		else if (c < 0x80)
			buf_add_byte(out, (char)c);
		else
			i += add_character(out, str_from(s.at + i, s.len - i)) - 1;
	}
	buf_add_byte(out, '"');
}

/* Is this empty, or does it begin with " key="? */
static bool begins_field(struct str rest)
{
	struct str key = str_trim(rest);

	if (rest.len == 0)
		return true;
	if (rest.at[0] != ' ')
		return false;
	for (size_t i = 0; i < key.len; i++) {
		char c = key.at[i];

		if (c == '=')
			return i > 0;
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
			return false;
	}
	return key.len == 0;
}

/* Up to the closing quote.  Texts of others come in as they are, so a quote closes only where the
 * fields end or another one begins; and it may be escaped. */
static struct str cut_quoted(struct str *rest, struct buf *value)
{
	size_t i = 0;

	for (; i < rest->len; i++) {
		char c = rest->at[i];

		if (c == '"' && begins_field(str_from(rest->at + i + 1, rest->len - i - 1)))
			break;
		if (c == '\\' && i + 1 < rest->len &&
		    (rest->at[i + 1] == '"' || rest->at[i + 1] == '\\'))
			c = rest->at[++i];
		buf_add_byte(value, c);
	}
	i += i < rest->len;
	*rest = str_from(rest->at + i, rest->len - i);
	return buf_str(value);
}

/* key=value and key="a value" pairs into "key":"value". */
static void add_json_fields(struct buf *out, struct str fields)
{
	while (fields.len > 0) {
		auto_buf text = BUF_INIT;
		struct str key = str_cut(&fields, '=');
		struct str value;

		if (fields.len > 0 && fields.at[0] == '"') {
			fields = str_from(fields.at + 1, fields.len - 1);
			value = cut_quoted(&fields, &text);
		} else {
			value = str_cut(&fields, ' ');
		}
		fields = str_trim(fields);
		buf_add_byte(out, ',');
		add_quoted(out, str_trim(key));
		buf_add_byte(out, ':');
		add_quoted(out, value);
	}
}

static void print_json(struct buf *out, enum log_level level, const char *room, const char *message,
		       struct str fields)
{
	buf_add_text(out, "{\"time\":\"");
	print_time(out);
	buf_add_print(out, "\",\"level\":\"%s\",\"room\":\"%s\",\"message\":", level_names[level],
		      room);
	add_quoted(out, str_of(message));
	add_json_fields(out, fields);
	buf_add_text(out, "}\n");
}

/* Texts of others must neither end the line nor command the terminal. */
static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static void print_text(struct buf *out, enum log_level level, const char *room, const char *message,
		       struct str fields)
{
	print_time(out);
	buf_add_print(out, " %-5s %-12s %s", level_names[level], room, message);
	if (fields.len > 0) {
		buf_add_text(out, "  ");
		for (size_t i = 0; i < fields.len; i++)
			buf_add_byte(out, is_control(fields.at[i]) ? ' ' : fields.at[i]);
	}
	buf_add_byte(out, '\n');
}

void log_line(enum log_level level, const char *room, const char *message, const char *fields, ...)
{
	auto_buf line = BUF_INIT;
	char text[2048];
	va_list args;

	if (!log_wants(level))
		return;
	va_start(args, fields);
	vsnprintf(text, sizeof(text), fields, args);
	va_end(args);
	if (atomic_load(&json_now))
		print_json(&line, level, room, message, str_of(text));
	else
		print_text(&line, level, room, message, str_of(text));
	log_sink_write(buf_str(&line));
}
