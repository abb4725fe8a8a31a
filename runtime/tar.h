/*
 * tar.h - reads tar archives entry by entry: v7, ustar, star, GNU long names, PAX.
 *
 * Names come out as they stand in the archive: what they may be is for the user of the reader
 * (runtime/unpack.h).  PAX records path, linkpath, size, uid, gid, mtime and SCHILY.xattr.* are
 * used; global PAX headers are passed over, as Docker does.  Refused: sparse files, unknown types,
 * names over 4095 bytes or with NUL, sizes over 2^62, headers of headers without end.
 *
 * Memory: at most 1 MiB of PAX records and two names.  One thread at a time.
 */
#ifndef RUNTIME_TAR_H
#define RUNTIME_TAR_H

#include <sys/types.h>

#include "runtime/tar_source.h"

enum tar_type {
	TAR_FILE,
	TAR_HARDLINK,
	TAR_SYMLINK,
	TAR_CHAR,
	TAR_BLOCK,
	TAR_FOLDER,
	TAR_FIFO,
};

struct tar_xattr {
	struct str name;
	struct str value; /* any bytes */
};

/* Everything is valid until the next tar_next. Paths are terminated (at[len] == 0). */
struct tar_entry {
	enum tar_type type;
	struct str path; /* never empty */
	struct str link; /* target of a hard or symbolic link */
	unsigned mode;   /* permission, set-id and sticky bits only */
	int64_t uid, gid;
	int64_t mtime_s;
	long mtime_ns;
	unsigned major, minor;
	uint64_t size;   /* of a file's content, else 0 */
	uint64_t offset; /* of the content in the archive */
	const struct tar_xattr *xattrs;
	size_t xattr_count;
};

struct tar;
/* `source` must outlive the reader. */
struct tar *tar_new(struct tar_source *source);
void tar_free(struct tar *tar); /* NULL is fine */
DEFINE_AUTO(struct tar *, tar_free)

/* The next entry; what was not read of the last one is passed over.  *out_entry NULL: the end. */
MUST_CHECK bool tar_next(struct tar *tar, const struct tar_entry **out_entry, struct error *err);
/* Content of the current file; *out_len 0 is its end. */
MUST_CHECK bool tar_read(struct tar *tar, void *to, size_t room, size_t *out_len,
			 struct error *err);

#endif
