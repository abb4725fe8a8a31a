/*
 * hpack.h - reading header blocks of HTTP/2 (RFC 7541), for a client that allows no dynamic table.
 *
 * Who says SETTINGS_HEADER_TABLE_SIZE 0 gets blocks that name nothing but the static table: what a
 * block wants to have remembered is forgotten at once, as the rules are for a table of no size.
 * So there is no state between blocks.  Pure functions, any thread.
 */
#ifndef NET_HPACK_H
#define NET_HPACK_H

#include "base/text.h"

/* All names and values of one block together, decoded. */
#define HPACK_BLOCK_MAX 16384

/*
 * Each field in its order; its texts live during the call.  ERROR_BAD_REQUEST: the block breaks
 * the rules, names an entry that there cannot be, or is longer than HPACK_BLOCK_MAX.
 */
MUST_CHECK bool hpack_read(struct str block,
			   void (*on_field)(void *of, struct str name, struct str value), void *of,
			   struct error *err);
/* A literal that nobody remembers, its name in lower case; not Huffman-coded. */
void hpack_print(struct str name, struct str value, struct buf *out);

#endif
