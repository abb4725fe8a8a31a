/*
 * inflate.h - a decompressing source: plain, gzip (also of several members) and zstd, told apart by
 * their first bytes (zlib, libzstd).
 *
 * Memory is bounded: 128 KiB of buffers and the format's window (gzip 32 KiB; zstd at most 32 MiB,
 * more is refused).  How much comes out is for a tap above to limit.  Compressed data that ends
 * early or is followed by something else is an error.
 */
#ifndef RUNTIME_INFLATE_H
#define RUNTIME_INFLATE_H

#include "runtime/tar_source.h"

enum inflate_kind { INFLATE_PLAIN, INFLATE_GZIP, INFLATE_ZSTD };

struct inflate;
/* Reads the first bytes of `lower`, which must outlive it. */
MUST_CHECK bool inflate_open(struct tar_source *lower, struct inflate **out, struct error *err);
void inflate_close(struct inflate *inflate); /* NULL is fine */
DEFINE_AUTO(struct inflate *, inflate_close)

enum inflate_kind inflate_kind(const struct inflate *inflate);
struct tar_source *inflate_source(struct inflate *inflate); /* owned by the inflate */

/* zlib's CRC-32 of more bytes; the first time with 0. */
uint32_t inflate_crc32(uint32_t crc, const void *at, size_t len);

/* What bytes beginning like this are. */
enum inflate_kind inflate_guess(struct str begin);

#endif
