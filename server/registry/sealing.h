/*
 * sealing.h - keeps objects of the kinds that say so (Secret) sealed on the disk: net/seal.h, with
 * the object's key as its name.  Memory, and what is read through the API, is open.
 *
 *   write of a Secret -> datastore (items.seal) -> sealing_close
 *   start             -> datastore (items.load) -> sealing_open; a plain or older one is noted
 *
 * Work is left when a value is plain (of a version that knew nothing of this) or sealed with
 * another than the first key, when the file has more than one key, or when the database was never
 * scrubbed. Then: all are written again -> the database's files are made anew -> the file's other
 * keys go. After a power cut in it the next start finds the same work left.  So a rotation is: put
 * a new key before the others (mote secrets-encrypt rotate-keys), and sealing_look sees it.
 *
 * Loop thread only.
 */
#ifndef SERVER_REGISTRY_SEALING_H
#define SERVER_REGISTRY_SEALING_H

#include "api/object.h"
#include "datastore/datastore.h"

struct sealing;

/* Reads the file of keys.  It may be missing: then sealing_start makes it, unless sealing_open has
 * met a sealed value.  ERROR_INVALID: it is empty, broken, or readable by others. */
MUST_CHECK bool sealing_new(const char *key_file, struct sealing **out, struct error *err);
void sealing_free(struct sealing *sealing); /* NULL is fine; after the store has closed */

/* As datastore_items has them; `of` is the sealing. */
bool sealing_close(void *of, struct str key, struct str bytes, struct buf *out);
MUST_CHECK bool sealing_open(void *of, struct str key, struct str bytes, struct object **out,
			     struct error *err);

/* The store is open: make the file of keys if there is none, do the work that is left, and return
 * when it is done.  A failure of that work (a full disk) is logged, not returned: the next start
 * tries again. */
MUST_CHECK bool sealing_start(struct sealing *sealing, struct loop *loop, struct datastore *store,
			      struct error *err);
/* Has the file of keys changed?  Then take it, and do the work.  Cheap; to be called every few
 * seconds. */
void sealing_look(struct sealing *sealing);

#endif
