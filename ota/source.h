/*
 * source.h - where the bytes of a bundle come from: a file or block device, or a URL of http(s).
 *
 * By HTTP a range is asked for, and what a cut connection still owes is asked for again, with
 * pauses that grow, from the name that was given and not from where it led; only without any
 * progress it gives up.  A server that knows no ranges sends all
 * from its start, of which only the wanted part is handed on: ask for one long range then.  Nothing
 * that comes is believed here.
 *
 * Blocking; one thread at a time.
 */
#ifndef OTA_SOURCE_H
#define OTA_SOURCE_H

#include "base/text.h"

#define SOURCE_URL_MAX 2048
/* Without a byte for so long a connection is given up. */
#define SOURCE_STALL_MS 20000
/* Connections in a row that brought nothing. */
#define SOURCE_TRIES 6

struct source;

/* A file must be there; a URL is only looked at.  ERROR_NOT_FOUND, ERROR_INVALID. */
MUST_CHECK bool source_open(const char *name, struct source **out, struct error *err);
void source_close(struct source *source); /* NULL is fine */
DEFINE_AUTO(struct source *, source_close)
#define auto_source AUTO(source_close) struct source *

bool source_is_remote(const struct source *source);
/* Of a file; -1 for a URL. */
int source_fd(const struct source *source);
/* False after a server sent a whole file instead of a range. */
bool source_has_ranges(const struct source *source);
/* Bytes that came over the wire so far, whether wanted or not. */
uint64_t source_received(const struct source *source);

/* Takes the bytes at this offset; false with *err ends the reading. */
typedef bool source_take(void *of, uint64_t offset, struct str bytes, struct error *err);
/*
 * Hand on the bytes [offset, offset + size) in order.  ERROR_NOT_FOUND: the server has no such
 * file, or it is shorter; ERROR_UNAVAILABLE: given up, and what came before was handed on.
 */
MUST_CHECK bool source_read(struct source *source, uint64_t offset, uint64_t size,
			    source_take *take, void *of, struct error *err);

#endif
