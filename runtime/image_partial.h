/*
 * image_partial.h - a layer on its way in, kept over failures: <store>/incoming/<hex of its
 * digest>.
 *
 * On a slow line a pull that was cut goes on where it ended, also after a restart.  What is kept is
 * only believed when the whole has its digest.  One user a file: a second one gets a nameless file.
 *
 * Any thread.
 */
#ifndef RUNTIME_IMAGE_PARTIAL_H
#define RUNTIME_IMAGE_PARTIAL_H

#include "base/error.h"
#include "net/hash.h"

#define IMAGE_PARTIAL_FOLDER "incoming"
/* Kept parts that nobody asked for in so long go with the next sweep. */
#define IMAGE_PARTIAL_SECONDS (3 * 24 * 3600)

struct image_partial {
	int fd;                     /* at its end; -1 = none */
	char name[HASH_SHA256_HEX]; /* "" = nameless */
	uint64_t have;              /* bytes that are there */
	struct hash *hash;          /* of these */
};

/* More than size bytes there: it begins anew.  root_fd: the store's folder. */
MUST_CHECK bool image_partial_open(int root_fd, const char *hex, uint64_t size,
				   struct image_partial *out, struct error *err);
/* Throw away what is there: it was not what it should be. */
MUST_CHECK bool image_partial_restart(struct image_partial *partial, struct error *err);
/* `over`: the file is not needed any more; else it is kept for the next time, if it has bytes. */
void image_partial_close(int root_fd, struct image_partial *partial, bool over);
/* Remove what is older than IMAGE_PARTIAL_SECONDS and not in use; all that is not in use with
 * `all`. */
void image_partial_sweep(int root_fd, bool all);

#endif
