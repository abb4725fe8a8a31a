/*
 * packer.c - libzstd's compressor behind a push.
 */
#include "ota/packer.h"

#include <assert.h>
#include <zstd.h>

#include "base/limits.h"

#define OUT_ROOM (128u * 1024)

struct packer {
	struct packer_plan plan;
	ZSTD_CCtx *zstd;
	uint64_t fed;
	char out[OUT_ROOM];
};

unsigned packer_delta_window(uint64_t from, uint64_t to)
{
	unsigned log = 17;

	while (((uint64_t)1 << log) < from + to)
		log++;
	return log;
}

/* Each gives an error or a value; the first error counts. */
static size_t prepare(struct packer *packer)
{
	const struct packer_plan *plan = &packer->plan;
	bool is_delta = plan->from.at != NULL;
	unsigned window =
		is_delta ? packer_delta_window(plan->from.len, plan->size) : PACKER_WINDOW_LOG;
	const size_t results[] = {
		ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_compressionLevel, plan->level),
		ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_windowLog, (int)window),
		ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_enableLongDistanceMatching, is_delta),
		ZSTD_CCtx_setPledgedSrcSize(packer->zstd, plan->size),
		is_delta ? ZSTD_CCtx_refPrefix(packer->zstd, plan->from.at, plan->from.len) : 0,
	};

	for (size_t i = 0; i < ARRAY_LENGTH(results); i++)
		if (ZSTD_isError(results[i]))
			return results[i];
	return 0;
}

bool packer_new(const struct packer_plan *plan, struct packer **out, struct error *err)
{
	auto_packer packer = NULL;
	size_t result;

	assert(plan->put);
	if (plan->from.at && (plan->from.len > LIMIT_DELTA_FILE || plan->size > LIMIT_DELTA_FILE))
		return error_set(err, ERROR_TOO_LARGE, "a delta of files over %u bytes",
				 LIMIT_DELTA_FILE);
	packer = memory_new(struct packer);
	packer->plan = *plan;
	packer->zstd = ZSTD_createCCtx();
	if (!packer->zstd)
		return error_set(err, ERROR_UNAVAILABLE, "there is no memory for packing");
	result = prepare(packer);
	if (ZSTD_isError(result))
		return error_set(err, ERROR_BROKEN, "libzstd cannot begin (%s)",
				 ZSTD_getErrorName(result));
	*out = take_ptr(&packer);
	return true;
}

void packer_free(struct packer *packer)
{
	if (!packer)
		return;
	ZSTD_freeCCtx(packer->zstd);
	free(packer);
}

static bool step(struct packer *packer, ZSTD_inBuffer *in, ZSTD_EndDirective how, size_t *out_left,
		 struct error *err)
{
	ZSTD_outBuffer out = { packer->out, sizeof(packer->out), 0 };

	*out_left = ZSTD_compressStream2(packer->zstd, &out, in, how);
	if (ZSTD_isError(*out_left))
		return error_set(err, ERROR_INVALID, "cannot pack (%s)",
				 ZSTD_getErrorName(*out_left));
	return out.pos == 0 || packer->plan.put(packer->plan.of, str_from(out.dst, out.pos), err);
}

bool packer_feed(struct packer *packer, struct str bytes, struct error *err)
{
	ZSTD_inBuffer in = { bytes.at, bytes.len, 0 };
	size_t left;

	packer->fed += bytes.len;
	if (packer->fed > packer->plan.size)
		return error_set(err, ERROR_INVALID, "the file grew while it was packed");
	while (in.pos < in.size)
		if (!step(packer, &in, ZSTD_e_continue, &left, err))
			return false;
	return true;
}

bool packer_end(struct packer *packer, struct error *err)
{
	ZSTD_inBuffer in = { NULL, 0, 0 };
	size_t left = 1;

	if (packer->fed != packer->plan.size)
		return error_set(err, ERROR_INVALID, "the file shrank while it was packed");
	while (left > 0)
		if (!step(packer, &in, ZSTD_e_end, &left, err))
			return false;
	return true;
}
