/*
 * tar_source.h - bytes in order, from wherever they come: a piece of a file, a decompressor,
 * memory.
 *
 * A source is embedded in its owner (CONTAINER_OF).  Sources are stacked: file, tap (digest of the
 * compressed bytes), decompressor, tap (diff id, limit), tar reader.
 *
 * One thread at a time.
 */
#ifndef RUNTIME_TAR_SOURCE_H
#define RUNTIME_TAR_SOURCE_H

#include <stdint.h>

#include "base/text.h"
#include "net/hash.h"

struct tar_source {
	/* Give 1 .. room bytes; *out_len 0 is the end. */
	bool (*read)(struct tar_source *source, void *to, size_t room, size_t *out_len,
		     struct error *err);
	/* Pass over `count` bytes without reading them; NULL: they are read. */
	bool (*skip)(struct tar_source *source, uint64_t count, struct error *err);
};

/* Up to `room` bytes: less only at the end. */
MUST_CHECK bool tar_source_fill(struct tar_source *source, void *to, size_t room, size_t *out_len,
				struct error *err);
/* Pass over exactly `count` bytes; an earlier end is an error ("cut short"). */
MUST_CHECK bool tar_source_skip(struct tar_source *source, uint64_t count, struct error *err);
/* Read to the end, so that taps below have seen everything. */
MUST_CHECK bool tar_source_drain(struct tar_source *source, struct error *err);
/* The whole rest, at most `max` bytes (ERROR_TOO_LARGE beyond), appended to *out. */
MUST_CHECK bool tar_source_take(struct tar_source *source, size_t max, struct buf *out,
				struct error *err);

/* A piece of a seekable file, read with pread: the file's own position does not matter.  A file
 * that ends early is an error ("cut short").  The descriptor stays the caller's. */
struct tar_source_file {
	struct tar_source source;
	int fd;
	uint64_t at, end;
};
void tar_source_file_init(struct tar_source_file *file, int fd, uint64_t at, uint64_t len);

/* A descriptor that can only be read on (pipe); stays the caller's. */
struct tar_source_pipe {
	struct tar_source source;
	int fd;
};
void tar_source_pipe_init(struct tar_source_pipe *pipe, int fd);

/* Bytes in memory; they stay the caller's. */
struct tar_source_text {
	struct tar_source source;
	struct str left;
};
void tar_source_text_init(struct tar_source_text *text, struct str bytes);

/* Counts and digests what passes; more than `max` bytes is ERROR_TOO_LARGE. */
struct tar_source_tap {
	struct tar_source source;
	struct tar_source *lower;
	struct hash *hash;
	uint64_t count, max;
};
void tar_source_tap_init(struct tar_source_tap *tap, struct tar_source *lower, uint64_t max);
/* Digest of what has passed, as lower-case hex; may be called once. */
void tar_source_tap_end(struct tar_source_tap *tap, char out[HASH_SHA256_HEX]);
void tar_source_tap_clear(struct tar_source_tap *tap); /* once or never ended: both fine */

#endif
