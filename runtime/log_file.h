/*
 * log_file.h - what a container prints, as lines in a file that kubelet's readers understand,
 * rotated by size.
 *
 *   2016-10-06T00:17:09.669794202Z stdout F a whole line
 *   2016-10-06T00:17:09.669794202Z stdout P the first 16 KiB of a longer one, or a rest at the end
 *
 * When the file has reached size_max it becomes PATH.1, the former PATH.1 becomes PATH.2 and so on;
 * of all these, the current one included, files_max are kept.  A full disk loses lines, never the
 * container.
 *
 * Owner: one file for each container, used from one thread.
 */
#ifndef RUNTIME_LOG_FILE_H
#define RUNTIME_LOG_FILE_H

#include "base/text.h"

#define LOG_FILE_LINE_MAX (16u * 1024)

/* Open a file of logs with flags of open(2): a regular file, and neither it nor the two folders
 * above it (of the container, of the pod) a link, for whoever can write there must not choose what
 * is read or written.  -1 with errno. */
int log_file_open_plain(const char *path, int flags);

struct log_file;

/* Appends to what is there.  0 means 10 MiB and 5 files. */
MUST_CHECK bool log_file_open(const char *path, uint64_t size_max, unsigned files_max,
			      struct log_file **out, struct error *err);
void log_file_close(struct log_file *file); /* NULL is fine */

/* One of the container's outputs; embedded in its owner. */
struct log_stream {
	struct log_file *file; /* NULL: all is dropped */
	const char *name;      /* "stdout" or "stderr" */
	struct buf rest;       /* of a line whose end has not come yet */
};
void log_stream_add(struct log_stream *stream, struct str bytes);
/* The end of the output: what is left is written as a partial line. */
void log_stream_end(struct log_stream *stream);

#endif
