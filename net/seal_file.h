/*
 * seal_file.h - the file that the keys of seal.h are kept in: 0600, made once, replaced whole.
 *
 * A file that is empty, broken, or readable by others is refused with a sentence that says what to
 * do: a key that others know is none.  Blocking; any thread.
 */
#ifndef NET_SEAL_FILE_H
#define NET_SEAL_FILE_H

#include "net/seal.h"

/* The keys in the file.  ERROR_NOT_FOUND: there is no file.  ERROR_INVALID: it is refused. */
MUST_CHECK bool seal_file_read(const char *path, struct seal_keys **out, struct error *err);
/* Write a file with one fresh key, whatever was there, and its folders; then read it. */
MUST_CHECK bool seal_file_make(const char *path, struct seal_keys **out, struct error *err);
/* Put a fresh key before the others.  With SEAL_KEYS_MAX of them: ERROR_INVALID. */
MUST_CHECK bool seal_file_add(const char *path, struct seal_keys **out, struct error *err);
/* Keep the first key only.  ERROR_CONFLICT when that is not `id`: somebody has added another. */
MUST_CHECK bool seal_file_prune(const char *path, const char *id, struct seal_keys **out,
				struct error *err);

#endif
