/*
 * tar_source.c - the plain sources (file, pipe, memory), the tap, and what can be done with any.
 */
#include "runtime/tar_source.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define STEP_BYTES (64u * 1024)

bool tar_source_fill(struct tar_source *source, void *to, size_t room, size_t *out_len,
		     struct error *err)
{
	size_t have = 0;

	while (have < room) {
		size_t got;

		if (!source->read(source, (char *)to + have, room - have, &got, err))
			return false;
		assert(got <= room - have);
		if (got == 0)
			break;
		have += got;
	}
	*out_len = have;
	return true;
}

bool tar_source_skip(struct tar_source *source, uint64_t count, struct error *err)
{
	auto_free char *room = NULL;

	if (source->skip)
		return source->skip(source, count, err);
	if (count > 0)
		room = memory_get(STEP_BYTES);
	while (count > 0) {
		size_t got;

		if (!source->read(source, room, count < STEP_BYTES ? (size_t)count : STEP_BYTES,
				  &got, err))
			return false;
		if (got == 0)
			return error_set(err, ERROR_INVALID, "the archive is cut short");
		count -= got;
	}
	return true;
}

bool tar_source_drain(struct tar_source *source, struct error *err)
{
	auto_free char *room = memory_get(STEP_BYTES);
	size_t got;

	do {
		if (!source->read(source, room, STEP_BYTES, &got, err))
			return false;
	} while (got > 0);
	return true;
}

bool tar_source_take(struct tar_source *source, size_t max, struct buf *out, struct error *err)
{
	auto_free char *room = memory_get(STEP_BYTES);
	size_t before = out->len;
	size_t got;

	for (;;) {
		if (!source->read(source, room, STEP_BYTES, &got, err))
			return false;
		if (got == 0)
			return true;
		if (out->len - before + got > max)
			return error_set(err, ERROR_TOO_LARGE, "it has more than %zu bytes", max);
		buf_add(out, room, got);
	}
}

static bool file_read_some(struct tar_source *source, void *to, size_t room, size_t *out_len,
			   struct error *err)
{
	struct tar_source_file *file = CONTAINER_OF(source, struct tar_source_file, source);
	uint64_t left = file->end - file->at;
	ssize_t got;

	if (room > left)
		room = (size_t)left;
	*out_len = 0;
	if (room == 0)
		return true;
	do
		got = pread(file->fd, to, room, (off_t)file->at);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_os(err, "read");
	if (got == 0)
		return error_set(err, ERROR_INVALID, "the archive is cut short");
	file->at += (size_t)got;
	*out_len = (size_t)got;
	return true;
}

static bool file_skip(struct tar_source *source, uint64_t count, struct error *err)
{
	struct tar_source_file *file = CONTAINER_OF(source, struct tar_source_file, source);

	if (count > file->end - file->at)
		return error_set(err, ERROR_INVALID, "the archive is cut short");
	file->at += count;
	return true;
}

void tar_source_file_init(struct tar_source_file *file, int fd, uint64_t at, uint64_t len)
{
	assert(fd >= 0);
	assert(at + len >= at);
	*file = (struct tar_source_file){
		.source = { .read = file_read_some, .skip = file_skip },
		.fd = fd,
		.at = at,
		.end = at + len,
	};
}

static bool pipe_read_some(struct tar_source *source, void *to, size_t room, size_t *out_len,
			   struct error *err)
{
	struct tar_source_pipe *pipe = CONTAINER_OF(source, struct tar_source_pipe, source);
	ssize_t got;

	do
		got = read(pipe->fd, to, room);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_os(err, "read");
	*out_len = (size_t)got;
	return true;
}

void tar_source_pipe_init(struct tar_source_pipe *pipe, int fd)
{
	assert(fd >= 0);
	*pipe = (struct tar_source_pipe){ .source = { .read = pipe_read_some }, .fd = fd };
}

static bool text_read_some(struct tar_source *source, void *to, size_t room, size_t *out_len,
			   struct error *err)
{
	struct tar_source_text *text = CONTAINER_OF(source, struct tar_source_text, source);

	(void)err;
	if (room > text->left.len)
		room = text->left.len;
	if (room > 0)
		memcpy(to, text->left.at, room);
	text->left =
		str_from(room > 0 ? text->left.at + room : text->left.at, text->left.len - room);
	*out_len = room;
	return true;
}

void tar_source_text_init(struct tar_source_text *text, struct str bytes)
{
	*text = (struct tar_source_text){ .source = { .read = text_read_some }, .left = bytes };
}

static bool tap_read_some(struct tar_source *source, void *to, size_t room, size_t *out_len,
			  struct error *err)
{
	struct tar_source_tap *tap = CONTAINER_OF(source, struct tar_source_tap, source);

	if (!tap->lower->read(tap->lower, to, room, out_len, err))
		return false;
	if (*out_len > tap->max - tap->count)
		return error_set(err, ERROR_TOO_LARGE, "it has more than %" PRIu64 " bytes",
				 tap->max);
	tap->count += *out_len;
	hash_add(tap->hash, to, *out_len);
	return true;
}

void tar_source_tap_init(struct tar_source_tap *tap, struct tar_source *lower, uint64_t max)
{
	assert(lower);
	*tap = (struct tar_source_tap){
		.source = { .read = tap_read_some },
		.lower = lower,
		.hash = hash_new(),
		.max = max,
	};
}

void tar_source_tap_end(struct tar_source_tap *tap, char out[HASH_SHA256_HEX])
{
	unsigned char digest[HASH_SHA256];

	assert(tap->hash);
	hash_end(tap->hash, digest);
	for (size_t i = 0; i < sizeof(digest); i++) {
		out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
	}
	out[HASH_SHA256_HEX - 1] = '\0';
	hash_free(tap->hash);
	tap->hash = NULL;
}

void tar_source_tap_clear(struct tar_source_tap *tap)
{
	hash_free(tap->hash);
	tap->hash = NULL;
}
