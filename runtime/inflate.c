/*
 * inflate.c - zlib and libzstd behind one source; the only file that knows them.
 */
#include "runtime/inflate.h"

#include <assert.h>

#include <zlib.h>
#include <zstd.h>

#define IN_BYTES        (64u * 1024)
#define ZSTD_WINDOW_LOG 25 /* 32 MiB: levels up to 20; more only with --ultra or --long */

struct inflate {
	struct tar_source source;
	struct tar_source *lower;
	enum inflate_kind kind;
	bool lower_ended;
	bool ended;   /* nothing more will come out */
	bool between; /* a member or frame is complete and no byte of a next one was seen */
	size_t at, len;
	z_stream gzip;
	ZSTD_DStream *zstd;
	unsigned char in[IN_BYTES];
};

uint32_t inflate_crc32(uint32_t crc, const void *at, size_t len)
{
	return (uint32_t)crc32_z(crc, at, len);
}

enum inflate_kind inflate_guess(struct str begin)
{
	const unsigned char *at = (const unsigned char *)begin.at;

	if (begin.len >= 3 && at[0] == 0x1f && at[1] == 0x8b && at[2] == 8)
		return INFLATE_GZIP;
	if (begin.len >= 4 && at[0] == 0x28 && at[1] == 0xb5 && at[2] == 0x2f && at[3] == 0xfd)
		return INFLATE_ZSTD;
	/* A skippable frame: chunked layers may begin with one. */
	if (begin.len >= 4 && (at[0] & 0xf0) == 0x50 && at[1] == 0x2a && at[2] == 0x4d &&
	    at[3] == 0x18)
		return INFLATE_ZSTD;
	return INFLATE_PLAIN;
}

/* Make bytes available, unless the lower source has ended. */
static bool refill(struct inflate *it, struct error *err)
{
	if (it->at < it->len || it->lower_ended)
		return true;
	it->at = 0;
	it->len = 0;
	if (!it->lower->read(it->lower, it->in, IN_BYTES, &it->len, err))
		return false;
	it->lower_ended = it->len == 0;
	return true;
}

static bool read_plain(struct inflate *it, void *to, size_t room, size_t *out_len,
		       struct error *err)
{
	size_t have = it->len - it->at;

	if (have == 0)
		return it->lower->read(it->lower, to, room, out_len, err);
	if (have > room)
		have = room;
	memcpy(to, it->in + it->at, have);
	it->at += have;
	*out_len = have;
	return true;
}

/* After a member: another one, padding with zeros (as gzip itself allows), or the end. */
static bool begin_member(struct inflate *it, struct error *err)
{
	while (it->at < it->len && it->in[it->at] == 0)
		it->at++;
	if (it->at == it->len)
		return true;
	if (it->in[it->at] != 0x1f)
		return error_set(err, ERROR_INVALID, "something follows the compressed data");
	if (inflateReset(&it->gzip) != Z_OK)
		return error_set(err, ERROR_BROKEN, "zlib cannot begin again");
	it->between = false;
	return true;
}

static bool step_gzip(struct inflate *it, void *to, size_t room, size_t *out_len, struct error *err)
{
	z_stream *gzip = &it->gzip;
	int result;

	if (it->between && !begin_member(it, err))
		return false;
	if (it->between)
		return true;
	gzip->next_in = it->in + it->at;
	gzip->avail_in = (unsigned)(it->len - it->at);
	gzip->next_out = to;
	gzip->avail_out = room > 0x40000000 ? 0x40000000 : (unsigned)room;
	room = gzip->avail_out;
	result = inflate(gzip, Z_NO_FLUSH);
	it->at = it->len - gzip->avail_in;
	*out_len = room - gzip->avail_out;
	if (result == Z_STREAM_END)
		it->between = true;
	else if (result != Z_OK && result != Z_BUF_ERROR)
		return error_set(err, ERROR_INVALID, "the gzip data is damaged (%s)",
				 gzip->msg ? gzip->msg : "wrong header");
	return true;
}

static bool step_zstd(struct inflate *it, void *to, size_t room, size_t *out_len, struct error *err)
{
	ZSTD_inBuffer in = { it->in, it->len, it->at };
	ZSTD_outBuffer out = { to, room, 0 };
	size_t result;

	/* Called without input too: the decompressor may hold bytes back. */
	if (it->between && it->at == it->len)
		return true;
	result = ZSTD_decompressStream(it->zstd, &out, &in);
	if (ZSTD_isError(result))
		return error_set(err, ERROR_INVALID, "the zstd data is damaged (%s)",
				 ZSTD_getErrorName(result));
	it->at = in.pos;
	*out_len = out.pos;
	it->between = result == 0;
	return true;
}

static bool inflate_read(struct tar_source *source, void *to, size_t room, size_t *out_len,
			 struct error *err)
{
	struct inflate *it = CONTAINER_OF(source, struct inflate, source);

	*out_len = 0;
	if (it->kind == INFLATE_PLAIN)
		return read_plain(it, to, room, out_len, err);
	while (*out_len == 0 && !it->ended && room > 0) {
		if (!refill(it, err))
			return false;
		if (it->kind == INFLATE_GZIP ? !step_gzip(it, to, room, out_len, err)
					     : !step_zstd(it, to, room, out_len, err))
			return false;
		if (*out_len > 0 || !it->lower_ended)
			continue;
		if (!it->between)
			return error_set(err, ERROR_INVALID, "the compressed data is cut short");
		it->ended = true;
	}
	return true;
}

static bool begin(struct inflate *it, struct error *err)
{
	if (it->kind == INFLATE_GZIP && inflateInit2(&it->gzip, 15 + 16) != Z_OK)
		return error_set(err, ERROR_BROKEN, "zlib cannot begin");
	if (it->kind == INFLATE_ZSTD) {
		it->zstd = ZSTD_createDStream();
		if (!it->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(it->zstd, ZSTD_d_windowLogMax,
								     ZSTD_WINDOW_LOG)))
			return error_set(err, ERROR_BROKEN, "libzstd cannot begin");
	}
	return true;
}

bool inflate_open(struct tar_source *lower, struct inflate **out, struct error *err)
{
	AUTO(inflate_close) struct inflate *it = memory_zero(sizeof(*it));

	assert(lower);
	it->source.read = inflate_read;
	it->lower = lower;
	if (!tar_source_fill(lower, it->in, 4, &it->len, err))
		return false;
	it->kind = inflate_guess(str_from(it->in, it->len));
	if (!begin(it, err))
		return false;
	*out = take_ptr(&it);
	return true;
}

void inflate_close(struct inflate *it)
{
	if (!it)
		return;
	if (it->kind == INFLATE_GZIP)
		inflateEnd(&it->gzip);
	ZSTD_freeDStream(it->zstd);
	free(it);
}

enum inflate_kind inflate_kind(const struct inflate *it)
{
	return it->kind;
}

struct tar_source *inflate_source(struct inflate *it)
{
	return &it->source;
}
