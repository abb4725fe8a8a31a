/*
 * bundle_check.c - proof of a whole file, and its signed copy.
 */
#include "ota/bundle_check.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/file.h"
#include "ota/unpacker.h"

#define COPY_ROOM (256u * 1024)

static bool pass_over(void *of, struct str bytes, struct error *err)
{
	(void)of;
	(void)bytes;
	(void)err;
	return true;
}

static bool check_entry(const struct bundle *bundle, const struct bundle_entry *entry, int fd,
			struct error *err)
{
	auto_unpacker unpacker = NULL;

	return unpacker_new(entry, STR_NONE, pass_over, NULL, &unpacker, err) &&
	       unpacker_run(bundle, &entry->piece, fd, unpacker, err);
}

static bool check_frames(const struct bundle *bundle, const struct bundle_piece *piece, int fd,
			 struct error *err)
{
	auto_buf bytes = BUF_INIT;

	for (size_t i = 0; i < piece->frame_count; i++)
		if (!bundle_read_frame(bundle, piece, i, fd, &bytes, err))
			return false;
	return true;
}

bool bundle_check_pieces(const struct bundle *bundle, int fd, struct error *err)
{
	for (size_t i = 0; i < bundle_entry_count(bundle); i++)
		if (!check_entry(bundle, bundle_entry(bundle, i), fd, err))
			return false;
	for (size_t i = 0; i < bundle_delta_count(bundle); i++)
		if (!check_frames(bundle, &bundle_delta(bundle, i)->piece, fd, err))
			return false;
	return true;
}

/* The whole section: lines, and zero bytes up to its end. */
static bool print_section(const struct bundle *bundle, struct str header,
			  const struct bundle_signing *signing, struct buf *out, struct error *err)
{
	uint64_t room = bundle_header(bundle)->signatures.size;
	auto_signatures list = SIGNATURE_LIST_INIT;
	auto_buf before = BUF_INIT;

	signature_list_print(bundle_signatures(bundle), &before);
	if (!signature_list_parse(buf_str(&before), &list, err))
		return false;
	for (size_t i = 0; i < signing->root_count; i++)
		if (!signature_list_add_root(&list, signing->roots[i], err))
			return false;
	for (size_t i = 0; i < signing->key_count; i++)
		if (!signature_list_sign(&list, header, signing->key_pems[i], err))
			return false;
	signature_list_print(&list, out);
	if (out->len > room)
		return error_set(err, ERROR_FULL,
				 "the bundle has room for %" PRIu64 " bytes of signatures, not %zu",
				 room, out->len);
	while (out->len < room)
		buf_add_byte(out, '\0');
	return true;
}

static bool copy_file(int from, int to, struct error *err)
{
	auto_free char *room = memory_get(COPY_ROOM);
	off_t at = 0;
	ssize_t got;

	while ((got = pread(from, room, COPY_ROOM, at)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_os(err, "read the bundle");
		if (!file_write_all(to, room, (size_t)got, err))
			return false;
		at += got;
	}
	return true;
}

static bool write_section(int fd, struct str section, uint64_t at, struct error *err)
{
	off_t to = (off_t)at;

	if (lseek(fd, to, SEEK_SET) != to)
		return error_os(err, "write the signatures");
	return file_write_all(fd, section.at, section.len, err);
}

static bool replace(const char *path, int from, struct str section, uint64_t at, struct error *err)
{
	auto_free char *beside = memory_print("%s.tmp", path);
	auto_fd fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_os(err, "make %s", beside);
	if (copy_file(from, fd, err) && write_section(fd, section, at, err)) {
		if (fsync(fd) == 0 && rename(beside, path) == 0)
			return true;
		error_os(err, "write %s", path);
	}
	unlink(beside);
	return false;
}

bool bundle_sign(const char *path, const struct bundle_signing *signing, struct error *err)
{
	struct bundle_range first = { 0, BUNDLE_HEADER };
	auto_bundle bundle = bundle_new_unsigned();
	auto_buf header = BUF_INIT, section = BUF_INIT;
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_os(err, "open %s", path);
	if (!bundle_read_fd(bundle, fd, err) || !bundle_check_pieces(bundle, fd, err) ||
	    !bundle_read_range(fd, first, &header, err))
		return error_context(err, "%s", path);
	assert(header.len == BUNDLE_HEADER);
	return print_section(bundle, buf_str(&header), signing, &section, err) &&
	       replace(path, fd, buf_str(&section), bundle_header(bundle)->signatures.offset, err);
}
