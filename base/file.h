/*
 * file.h - whole files: read with a limit, replaced so that a power cut leaves old or new, never
 * half.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/types.h>

#include "base/text.h"

/* Append the file to *out.  Missing: ERROR_NOT_FOUND.  Over `max` bytes: ERROR_TOO_LARGE. */
MUST_CHECK bool file_read(const char *path, size_t max, struct buf *out, struct error *err);
/* write to path.tmp, fsync, rename, fsync of the folder */
MUST_CHECK bool file_replace(const char *path, struct str bytes, mode_t mode, struct error *err);
/* The same without waiting for the disk: after a power cut the file may be the old one, empty or
 * missing, until somebody has synced the file system.  For what can be made again. */
MUST_CHECK bool file_put(const char *path, struct str bytes, mode_t mode, struct error *err);
/* A new file, mode 0600, open for reading and writing, that has no name any more: its bytes go with
 * the descriptor.  For a moment it is called `prefix` and 16 letters, in the folder (AT_FDCWD: the
 * prefix is a path); only a power cut leaves that behind.  Not O_TMPFILE: some file systems of
 * boards lack it. */
MUST_CHECK bool file_nameless(int folder_fd, const char *prefix, int *out_fd, struct error *err);
/* mkdir -p; existing is fine */
MUST_CHECK bool file_make_dirs(const char *path, mode_t mode, struct error *err);
/* rm -rf of a tree of any depth: with few descriptors and 8 bytes of memory a level.  Does not
 * follow links; stops with an error at a mount point, `path` itself included; missing is fine. */
MUST_CHECK bool file_remove_tree(const char *path, struct error *err);
bool file_exists(const char *path);
/* Has somebody the regular file open for writing at this moment?  False too where the file system
 * or our rights cannot tell. */
bool file_has_writer(const char *path);
/* Writes all of it (retries EINTR and short writes). */
MUST_CHECK bool file_write_all(int fd, const void *at, size_t len, struct error *err);

#endif
