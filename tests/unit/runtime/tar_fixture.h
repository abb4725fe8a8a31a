/*
 * tar_fixture.h - tar archives made in memory for tests, right ones and wrong ones.
 *
 * Everything is appended to a buf of the caller.  Nothing is checked: what a header says may be as
 * wrong as the test wants.
 */
#ifndef TESTS_UNIT_RUNTIME_TAR_FIXTURE_H
#define TESTS_UNIT_RUNTIME_TAR_FIXTURE_H

#include <sys/types.h>

#include "base/text.h"

#define TAR_FIXTURE_TIME 1000000000

struct tar_item {
	char type; /* the header's byte: '0' file, '1' hard link, '2' link, '5' folder, ... */
	const char *path;
	const char *link;
	struct str data;
	unsigned mode; /* 0: 0644, folders 0755 */
	int64_t uid, gid;
	int64_t mtime; /* 0: TAR_FIXTURE_TIME */
	int64_t size;  /* 0: data.len; what the header says, whatever the data is */
	unsigned major, minor;
	const char *prefix; /* of ustar */
	bool gnu;           /* GNU's magic instead of ustar's */
};

/* A header, its data and padding. */
void tar_put(struct buf *out, const struct tar_item *item);
void tar_put_file(struct buf *out, const char *path, const char *text);
void tar_put_folder(struct buf *out, const char *path);
/* type '1' or '2' */
void tar_put_link(struct buf *out, char type, const char *path, const char *target);
void tar_put_device(struct buf *out, char type, const char *path, unsigned major, unsigned minor);
/* A PAX header of one record; `records` of several are made with tar_add_record. */
void tar_put_pax(struct buf *out, const char *key, struct str value);
void tar_put_records(struct buf *out, char type, struct str records);
void tar_add_record(struct buf *records, const char *key, struct str value);
/* GNU's long name ('L') or long link ('K') of the next entry. */
void tar_put_long(struct buf *out, char type, const char *text);
/* Two blocks of zeros. */
void tar_end(struct buf *out);
/* Make the checksum of the header at `at` right again after a change. */
void tar_sign(struct buf *out, size_t at);

/* Appended to *out, as one member or frame. */
void tar_gzip(struct str plain, struct buf *out);
void tar_zstd(struct str plain, struct buf *out);

/* A whole file with these bytes. */
void tar_save(const char *path, struct str bytes);

#endif
