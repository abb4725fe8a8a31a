/*
 * unpack.h - one image layer into one folder, in the form overlayfs reads (OCI image spec,
 * "Image Layer Filesystem Changeset").
 *
 * Whiteouts become character devices 0:0, opaque folders get trusted.overlay.opaque.  Every name is
 * reached by descriptors below the folder: links of the layer are followed as if the folder were
 * the whole world, ".." is refused, a hard link's target is looked up in the same way.  Attributes
 * that overlayfs or a security module gives a meaning are dropped, security.capability is kept.
 * What a later entry says replaces what an earlier one made, as tar does.
 *
 * Blocking; any thread, one folder a thread.
 */
#ifndef RUNTIME_UNPACK_H
#define RUNTIME_UNPACK_H

#include "runtime/tar.h"

struct unpack_plan {
	int folder;        /* the layer's folder, empty                                        */
	const int *lowers; /* folders of the layers below, lowest first: parents that the layer
			    * does not describe get their owner and mode there                 */
	size_t lower_count;
	uint64_t bytes_max; /* of all files; ERROR_TOO_LARGE beyond                            */
	size_t entries_max;
};

/* Reads `source` to its end.  On failure the folder holds a part, for the caller to remove.
 * *out_bytes: of all files. */
MUST_CHECK bool unpack_layer(const struct unpack_plan *plan, struct tar_source *source,
			     uint64_t *out_bytes, struct error *err);

#endif
