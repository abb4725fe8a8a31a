/*
 * packer.h - a file becomes a piece of a bundle: zstd, or a delta against an old file.
 *
 * Push, as unpacker.h.  The same bytes and settings give the same piece, on every machine.  Memory:
 * some 90 MiB, for a delta up to five times old and new file: for where bundles are built, not for
 * boards.  One thread at a time.
 */
#ifndef OTA_PACKER_H
#define OTA_PACKER_H

#include "base/text.h"

/* What an unpacker needs for a piece that is no delta: 8 MiB. */
#define PACKER_WINDOW_LOG 23
/* Level 19 of zstd for what every device fetches, else a quicker one.  Both by the optimal parser:
 * the library may be built without the other strategies. */
#define PACKER_LEVEL_BEST  19
#define PACKER_LEVEL_QUICK 16

struct packer;
typedef bool packer_put(void *of, struct str bytes, struct error *err);

struct packer_plan {
	int level;
	uint64_t size;   /* of what will be fed, exactly */
	struct str from; /* the old file of a delta, alive until the end; or STR_NONE */
	packer_put *put;
	void *of;
};

/* ERROR_TOO_LARGE: a delta of files over LIMIT_DELTA_FILE. */
MUST_CHECK bool packer_new(const struct packer_plan *plan, struct packer **out, struct error *err);
void packer_free(struct packer *packer);
DEFINE_AUTO(struct packer *, packer_free)
#define auto_packer AUTO(packer_free) struct packer *

MUST_CHECK bool packer_feed(struct packer *packer, struct str bytes, struct error *err);
/* ERROR_INVALID: not as many bytes as were announced. */
MUST_CHECK bool packer_end(struct packer *packer, struct error *err);

/* The window that both ends need for a delta between files of these sizes. */
unsigned packer_delta_window(uint64_t from, uint64_t to);

#endif
