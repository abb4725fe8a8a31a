/*
 * unpacker.c - libzstd's decompressor behind a push, with what was declared as its bounds.
 */
#include "ota/unpacker.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/limits.h"
#include "net/hash.h"
#include "ota/packer.h"

#define OUT_ROOM (128u * 1024)

struct unpacker {
	struct bundle_entry entry;
	struct str from;
	unpacker_put *put;
	void *of;
	ZSTD_DCtx *zstd; /* NULL: raw */
	struct hash *hash;
	uint64_t given;
	bool ended; /* the zstd frame */
	char out[OUT_ROOM];
};

static bool prepare(struct unpacker *unpacker, struct error *err)
{
	unsigned window = unpacker->from.at
				  ? packer_delta_window(unpacker->from.len, unpacker->entry.size)
				  : PACKER_WINDOW_LOG;

	unpacker->zstd = ZSTD_createDCtx();
	if (!unpacker->zstd)
		return error_set(err, ERROR_UNAVAILABLE, "there is no memory for unpacking");
	if (ZSTD_isError(
		    ZSTD_DCtx_setParameter(unpacker->zstd, ZSTD_d_windowLogMax, (int)window)) ||
	    (unpacker->from.at && ZSTD_isError(ZSTD_DCtx_refPrefix(
					  unpacker->zstd, unpacker->from.at, unpacker->from.len))))
		return error_set(err, ERROR_BROKEN, "libzstd cannot begin");
	return true;
}

bool unpacker_new(const struct bundle_entry *entry, struct str from, unpacker_put *put, void *of,
		  struct unpacker **out, struct error *err)
{
	auto_unpacker unpacker = NULL;

	assert(put);
	if (from.at && (from.len > LIMIT_DELTA_FILE || entry->size > LIMIT_DELTA_FILE))
		return error_set(err, ERROR_TOO_LARGE, "a delta of files over %u bytes",
				 LIMIT_DELTA_FILE);
	unpacker = memory_new(struct unpacker);
	unpacker->entry = *entry;
	unpacker->from = from;
	unpacker->put = put;
	unpacker->of = of;
	unpacker->hash = hash_new();
	if ((from.at || entry->codec == BUNDLE_ZSTD) && !prepare(unpacker, err))
		return false;
	*out = take_ptr(&unpacker);
	return true;
}

void unpacker_free(struct unpacker *unpacker)
{
	if (!unpacker)
		return;
	ZSTD_freeDCtx(unpacker->zstd);
	hash_free(unpacker->hash);
	free(unpacker);
}

static bool give(struct unpacker *unpacker, struct str bytes, struct error *err)
{
	if (bytes.len > unpacker->entry.size - unpacker->given)
		return error_set(err, ERROR_TOO_LARGE,
				 "%s has more than the %" PRIu64 " bytes that were declared",
				 unpacker->entry.name, unpacker->entry.size);
	unpacker->given += bytes.len;
	hash_add(unpacker->hash, bytes.at, bytes.len);
	return bytes.len == 0 || unpacker->put(unpacker->of, bytes, err);
}

/* Whose fault it is decides whether trying again helps. */
static bool fail(const struct unpacker *unpacker, size_t result, struct error *err)
{
	if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation)
		return error_set(err, ERROR_UNAVAILABLE, "there is no memory to unpack %s",
				 unpacker->entry.name);
	return error_set(err, ERROR_INVALID, "%s is damaged (%s)", unpacker->entry.name,
			 ZSTD_getErrorName(result));
}

bool unpacker_feed(struct unpacker *unpacker, struct str packed, struct error *err)
{
	ZSTD_inBuffer in = { packed.at, packed.len, 0 };
	bool more = true; /* the decoder may hold bytes when the input is used up */

	if (!unpacker->zstd)
		return give(unpacker, packed, err);
	while (in.pos < in.size || (more && !unpacker->ended)) {
		ZSTD_outBuffer out = { unpacker->out, sizeof(unpacker->out), 0 };
		size_t result;

		if (unpacker->ended)
			return error_set(err, ERROR_INVALID, "%s has bytes behind its end",
					 unpacker->entry.name);
		result = ZSTD_decompressStream(unpacker->zstd, &out, &in);
		if (ZSTD_isError(result))
			return fail(unpacker, result, err);
		unpacker->ended = result == 0;
		more = out.pos == out.size;
		if (!give(unpacker, str_from(out.dst, out.pos), err))
			return false;
	}
	return true;
}

bool unpacker_end(struct unpacker *unpacker, struct error *err)
{
	unsigned char sha256[HASH_SHA256];

	if (unpacker->given != unpacker->entry.size || (unpacker->zstd && !unpacker->ended))
		return error_set(err, ERROR_INVALID,
				 "%s ends after %" PRIu64 " of its %" PRIu64 " bytes",
				 unpacker->entry.name, unpacker->given, unpacker->entry.size);
	hash_end(unpacker->hash, sha256);
	if (!hash_equal(sha256, unpacker->entry.sha256, sizeof(sha256)))
		return error_set(err, ERROR_INVALID, "%s unpacks to other bytes than were signed",
				 unpacker->entry.name);
	return true;
}

bool unpacker_run(const struct bundle *bundle, const struct bundle_piece *piece, int fd,
		  struct unpacker *unpacker, struct error *err)
{
	auto_buf bytes = BUF_INIT;

	for (size_t i = 0; i < piece->frame_count; i++)
		if (!bundle_read_frame(bundle, piece, i, fd, &bytes, err) ||
		    !unpacker_feed(unpacker, buf_str(&bytes), err))
			return false;
	return unpacker_end(unpacker, err);
}
