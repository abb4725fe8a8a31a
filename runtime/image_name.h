/*
 * image_name.h - names of images, read and completed as docker and containerd do.
 *
 * "web" is docker.io/library/web:latest, "team/web" is docker.io/team/web:latest; a first part with
 * a dot, a colon or upper case, or "localhost", is a host.  A name with a digest needs no tag; one
 * that has both keeps the tag for messages only and is printed without it.
 *
 * Pure functions, any thread.
 */
#ifndef RUNTIME_IMAGE_NAME_H
#define RUNTIME_IMAGE_NAME_H

#include "base/text.h"

/* A value without pointers: copied freely.  Every text is terminated. */
struct image_name {
	char host[256];       /* "docker.io", "example.test:5000", "[::1]:5000" */
	char repository[256]; /* "library/web"                                  */
	char tag[129];        /* "latest"; "" only when there is a digest       */
	char digest[72];      /* "sha256:<64 hex>" or ""                        */
};

/* ERROR_INVALID with a sentence that names the wrong part. */
MUST_CHECK bool image_name_parse(struct str text, struct image_name *out, struct error *err);

/* Append "host/repository:tag", or "host/repository@digest" when there is a digest. */
void image_name_print(const struct image_name *name, struct buf *out);

/* Parse and print in one: "web" -> "docker.io/library/web:latest".  Appends to *out. */
MUST_CHECK bool image_name_normalise(struct str text, struct buf *out, struct error *err);

/* "sha256:" and 64 lower case hex digits. */
bool image_name_is_digest(struct str text);

#endif
