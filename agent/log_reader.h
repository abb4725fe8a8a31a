/*
 * log_reader.h - a container's log in CRI form, as kubectl logs wants it.
 *
 *   2026-03-01T10:15:02.114551123Z stdout F a whole line
 *   2026-03-01T10:15:02.114561123Z stderr P a part of a lo
 *
 * Reads the present file; following goes on over rotation and ends with the container.  Loop thread
 * only.
 */
#ifndef AGENT_LOG_READER_H
#define AGENT_LOG_READER_H

#include "base/loop.h"
#include "base/text.h"

struct log_reader_plan {
	const char *path;
	bool follow, timestamps;
	int64_t tail_lines;  /* -1 = all */
	int64_t limit_bytes; /* -1 = none */
	int64_t since_s;     /* wall clock; 0 = from the start */
	int32_t since_nanos;
	/* Is the container still running?  Asked when following reaches the end. */
	bool (*runs)(void *of);
	/* Text for the client; gives false to be called again only after log_reader_resume. */
	bool (*take)(void *of, struct str text);
	void (*on_end)(void *of); /* all has been given; free it */
	void *of;
};

struct log_reader;
/* ERROR_NOT_FOUND when there is no file. */
MUST_CHECK bool log_reader_open(struct loop *loop, const struct log_reader_plan *plan,
				struct log_reader **out, struct error *err);
void log_reader_resume(struct log_reader *stream);
void log_reader_free(struct log_reader *stream); /* no callback after it; NULL is fine */

/* The text of CRI lines without their heads, appended; `cut`: the first line is not whole and is
 * left out. */
void log_reader_plain(struct str lines, bool cut, struct buf *out);

#endif
