/*
 * spdy_block.h - the header blocks of SPDY/3.1: names and values through zlib with the protocol's
 * dictionary.
 *
 * Both directions of a connection have one zlib stream each that goes on from block to block, so
 * every block must pass through here in its order, wanted or not.  A block may have at most
 * SPDY_BLOCK_MAX bytes unpacked and SPDY_HEADERS_MAX headers; what would be more is refused before
 * it is unpacked.  Memory: 40 KiB for reading, 16 KiB for writing.
 */
#ifndef NET_SPDY_BLOCK_H
#define NET_SPDY_BLOCK_H

#include "base/text.h"

#define SPDY_BLOCK_MAX   16384
#define SPDY_HEADERS_MAX 64

struct spdy_header {
	struct str name, value;
};

/* One direction in. */
struct spdy_unpacker;
struct spdy_unpacker *spdy_unpacker_new(void);
void spdy_unpacker_free(struct spdy_unpacker *it); /* NULL is fine */
/* The headers live until the next call.  A failure is for good: the zlib stream is lost. */
MUST_CHECK bool spdy_unpack(struct spdy_unpacker *it, struct str block,
			    const struct spdy_header **out, size_t *out_count, struct error *err);

/* One direction out. */
struct spdy_packer;
struct spdy_packer *spdy_packer_new(void);
void spdy_packer_free(struct spdy_packer *it); /* NULL is fine */
/* Appends the block; within the limits above. */
void spdy_pack(struct spdy_packer *it, const struct spdy_header *headers, size_t count,
	       struct buf *out);

#endif
