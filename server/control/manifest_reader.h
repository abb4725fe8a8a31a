/*
 * manifest_reader.h - files of manifests are read, hashed and parsed by a thread, not by the loop.
 *
 * Loop thread only.
 */
#ifndef SERVER_CONTROL_MANIFEST_READER_H
#define SERVER_CONTROL_MANIFEST_READER_H

#include "base/loop.h"
#include "net/hash.h"
#include "server/control/manifest_text.h"

struct manifest_reading {
	char *name, *mark; /* as the listing has them */
	char *known;       /* hash of the bytes that need no parsing; "" = none */
	/* The result: */
	bool left;        /* not this time: enough was read */
	bool is_known;    /* the bytes are the known ones */
	struct error err; /* kind ERROR_NONE, or why it cannot be read */
	char hash[HASH_SHA256_HEX];
	struct manifest_text text;
};

struct manifest_reader;
struct manifest_reader_plan {
	struct loop *loop;
	const char *folder;                /* borrowed */
	struct manifest_reading *readings; /* taken over, on failure too */
	size_t count;
	/* Once, unless it is stopped; what on_done leaves in the readings is freed after it. */
	void (*on_done)(void *of, struct manifest_reading *readings, size_t count);
	void *of;
};
MUST_CHECK bool manifest_reader_start(const struct manifest_reader_plan *plan,
				      struct manifest_reader **out, struct error *err);
/* Waits for the file that is being read; NULL is fine.  Not after on_done. */
void manifest_reader_stop(struct manifest_reader *reader);
void manifest_readings_free(struct manifest_reading *readings, size_t count);

#endif
