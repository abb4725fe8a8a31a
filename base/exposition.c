/*
 * exposition.c - lines of text.
 */
#include "base/exposition.h"

#include <inttypes.h>

#define NS_PER_S 1000000000u

void exposition_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_add_print(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void exposition_label(struct buf *labels, const char *name, struct str value)
{
	buf_add_print(labels, "%s%s=\"", labels->len > 0 ? "," : "", name);
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];

		if (c == '\\' || c == '"')
			buf_add_byte(labels, '\\');
		if (c == '\n')
			buf_add_text(labels, "\\n");
		else
			buf_add_byte(labels, c);
	}
	buf_add_byte(labels, '"');
}

static void begin(struct buf *out, const char *name, struct str labels)
{
	buf_add_text(out, name);
	if (labels.len > 0)
		buf_add_print(out, "{" STR_FMT "}", STR_ARG(labels));
}

static void end(struct buf *out, int64_t time_ms)
{
	if (time_ms != 0)
		buf_add_print(out, " %" PRId64, time_ms);
	buf_add_byte(out, '\n');
}

void exposition_int(struct buf *out, const char *name, struct str labels, int64_t value,
		    int64_t time_ms)
{
	begin(out, name, labels);
	buf_add_print(out, " %" PRId64, value);
	end(out, time_ms);
}

void exposition_ns(struct buf *out, const char *name, struct str labels, uint64_t ns,
		   int64_t time_ms)
{
	begin(out, name, labels);
	buf_add_print(out, " %" PRIu64 ".%09" PRIu64, ns / NS_PER_S, ns % NS_PER_S);
	end(out, time_ms);
}
