/*
 * layer_check.h - is an unpacked layer still what was written?
 *
 * Cards lose and change bytes.  Each file of a layer carries the checksum of its content in an
 * attribute (trusted.mote.sum: containers see it as little as overlayfs' own), and a tally of the
 * layer's names is kept beside it, so that a file that is gone is missed.  A checksum finds
 * accidents, not attackers: digests were checked when the layer came.
 *
 * Any thread.
 */
#ifndef RUNTIME_LAYER_CHECK_H
#define RUNTIME_LAYER_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Of one file, while it is written.  Begin with zeros. */
struct layer_sum {
	uint32_t crc;
	uint64_t size;
};
void layer_sum_add(struct layer_sum *sum, const void *at, size_t len);
/* File systems without such attributes keep none: the file is then not checked later. */
void layer_sum_put(int fd, const struct layer_sum *sum);

struct layer_tally {
	uint64_t entries, names; /* how many, and a number made of all their paths and kinds */
};

/* Asked before each file and each mebibyte; false stops. */
typedef bool layer_go_on(void *of);

/* Walk the layer: count its names, and with `files` read all its content.  ERROR_BROKEN names the
 * first file that is not what it was; ERROR_UNAVAILABLE when it was stopped. */
MUST_CHECK bool layer_check(int folder, bool files, layer_go_on *go_on, void *of,
			    struct layer_tally *out, struct error *err);

#endif
