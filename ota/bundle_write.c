/*
 * bundle_write.c - pieces first, into a nameless file beside the bundle; then, as all offsets are
 * known, what stands before them.
 */
#include "ota/bundle_write.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "net/hash.h"
#include "ota/bundle_inside.h"
#include "ota/packer.h"

#define COPY_ROOM (256u * 1024)

struct writing {
	const struct bundle_plan *plan;
	int pieces_fd;
	uint64_t end; /* of the pieces so far */
	struct buf frame, frames;
	struct bundle_contents contents;
};

struct mapping {
	void *at;
	size_t len;
};

static void mapping_end(struct mapping *mapping)
{
	if (mapping->len > 0)
		munmap(mapping->at, mapping->len);
}
#define auto_mapping __attribute__((cleanup(mapping_end))) struct mapping

static bool open_input(const char *path, uint64_t max, int *out_fd, uint64_t *out_size,
		       struct error *err)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return error_os(err, "open %s", path);
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return error_set(err, ERROR_INVALID, "%s is empty or no file", path);
	if ((uint64_t)st.st_size > max)
		return error_set(err, ERROR_TOO_LARGE, "%s is over %" PRIu64 " bytes", path, max);
	*out_size = (uint64_t)st.st_size;
	*out_fd = take_fd(&fd);
	return true;
}

static bool map_input(const char *path, struct mapping *out, struct error *err)
{
	uint64_t size;
	auto_fd fd = -1;
	void *at;

	if (!open_input(path, LIMIT_DELTA_FILE, &fd, &size, err))
		return false;
	at = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return error_os(err, "map %s", path);
	*out = (struct mapping){ at, (size_t)size };
	return true;
}

static void end_frame(struct writing *writing)
{
	unsigned char sha256[HASH_SHA256];

	if (writing->frame.len == 0)
		return;
	hash_sha256(buf_str(&writing->frame), sha256);
	buf_add(&writing->frames, sha256, sizeof(sha256));
	buf_reset(&writing->frame);
}

/* The put of packers, and of raw bytes. */
static bool put(void *of, struct str bytes, struct error *err)
{
	struct writing *writing = of;

	if (!file_write_all(writing->pieces_fd, bytes.at, bytes.len, err))
		return error_context(err, "write the pieces");
	writing->end += bytes.len;
	while (bytes.len > 0) {
		size_t part = BUNDLE_FRAME - writing->frame.len;

		if (part > bytes.len)
			part = bytes.len;
		buf_add(&writing->frame, bytes.at, part);
		bytes = str_from(bytes.at + part, bytes.len - part);
		if (writing->frame.len == BUNDLE_FRAME)
			end_frame(writing);
	}
	return true;
}

static void begin_piece(struct writing *writing, struct bundle_piece *piece)
{
	assert(writing->frame.len == 0);
	piece->packed.offset = writing->end;
	piece->first_frame = writing->frames.len / BUNDLE_SHA256;
}

static void end_piece(struct writing *writing, struct bundle_piece *piece)
{
	end_frame(writing);
	piece->packed.size = writing->end - piece->packed.offset;
	piece->frame_count = writing->frames.len / BUNDLE_SHA256 - piece->first_frame;
	assert(piece->frame_count == bundle_frames_of(piece->packed.size));
}

static bool drop_piece(struct writing *writing, const struct bundle_piece *piece, struct error *err)
{
	off_t to = (off_t)piece->packed.offset;

	if (ftruncate(writing->pieces_fd, to) != 0 || lseek(writing->pieces_fd, to, SEEK_SET) != to)
		return error_os(err, "write the pieces");
	writing->end = piece->packed.offset;
	writing->frames.len = piece->first_frame * BUNDLE_SHA256;
	buf_reset(&writing->frame);
	return true;
}

/* All of the file, hashed, through the packer or (NULL) as it is. */
static bool copy_input(struct writing *writing, int fd, struct packer *packer,
		       struct bundle_entry *entry, struct error *err)
{
	auto_free char *room = memory_get(COPY_ROOM);
	AUTO(hash_free) struct hash *hash = hash_new();
	uint64_t at = 0;
	ssize_t got;

	while ((got = pread(fd, room, COPY_ROOM, (off_t)at)) != 0) {
		struct str bytes = str_from(room, (size_t)got);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_os(err, "read %s", entry->name);
		hash_add(hash, bytes.at, bytes.len);
		if (!(packer ? packer_feed(packer, bytes, err) : put(writing, bytes, err)))
			return false;
		at += bytes.len;
	}
	if (at != entry->size)
		return error_set(err, ERROR_INVALID, "%s changed while it was read", entry->name);
	hash_end(hash, entry->sha256);
	return !packer || packer_end(packer, err);
}

static bool is_packed_already(int fd)
{
	static const struct str heads[] = {
		{ "\x1f\x8b", 2 },         /* gzip */
		{ "\x28\xb5\x2f\xfd", 4 }, /* zstd */
		{ "\xfd"
		  "7zXZ",
		  5 },        /* xz */
		{ "BZh", 3 }, /* bzip2 */
	};
	char head[8];
	ssize_t got = pread(fd, head, sizeof(head), 0);

	for (size_t i = 0; i < ARRAY_LENGTH(heads); i++)
		if (got > 0 && str_starts(str_from(head, (size_t)got), heads[i]))
			return true;
	return false;
}

static bool put_packed(struct writing *writing, int fd, struct bundle_entry *entry,
		       struct error *err)
{
	struct packer_plan plan = { .level = entry->role == BUNDLE_BINARY ? PACKER_LEVEL_BEST
									  : PACKER_LEVEL_QUICK,
				    .size = entry->size,
				    .put = put,
				    .of = writing };
	auto_packer packer = NULL;

	return packer_new(&plan, &packer, err) && copy_input(writing, fd, packer, entry, err);
}

static bool put_entry(struct writing *writing, const struct bundle_input *input,
		      struct bundle_entry *entry, struct error *err)
{
	struct bundle_piece *piece = &entry->piece;
	auto_fd fd = -1;

	if (!open_input(input->path, LIMIT_BUNDLE, &fd, &entry->size, err))
		return false;
	entry->codec = input->raw || is_packed_already(fd) ? BUNDLE_RAW : BUNDLE_ZSTD;
	begin_piece(writing, piece);
	if (entry->codec == BUNDLE_ZSTD) {
		if (!put_packed(writing, fd, entry, err))
			return false;
		end_piece(writing, piece);
		if (piece->packed.size < entry->size - entry->size / 16)
			return true;
		if (!drop_piece(writing, piece, err))
			return false;
		entry->codec = BUNDLE_RAW;
	}
	if (!copy_input(writing, fd, NULL, entry, err))
		return false;
	end_piece(writing, piece);
	return true;
}

static bool put_delta(struct writing *writing, const struct mapping *old, const struct mapping *new,
		      struct bundle_delta *delta, struct error *err)
{
	struct packer_plan plan = { .level = PACKER_LEVEL_BEST,
				    .size = new->len,
				    .from = str_from(old->at, old->len),
				    .put = put,
				    .of = writing };
	auto_packer packer = NULL;

	begin_piece(writing, &delta->piece);
	if (!packer_new(&plan, &packer, err) ||
	    !packer_feed(packer, str_from(new->at, new->len), err) || !packer_end(packer, err))
		return false;
	end_piece(writing, &delta->piece);
	return true;
}

/* The same old file twice, or one that is the new one, says nothing. */
static bool is_useful(const struct bundle_contents *contents, const struct bundle_delta *delta)
{
	for (size_t i = 0; i < contents->delta_count; i++)
		if (contents->deltas[i].entry == delta->entry &&
		    memcmp(contents->deltas[i].from_sha256, delta->from_sha256, BUNDLE_SHA256) == 0)
			return false;
	return memcmp(contents->entries[delta->entry].sha256, delta->from_sha256, BUNDLE_SHA256) !=
	       0;
}

static bool add_delta(struct writing *writing, const struct bundle_input *input, const char *from,
		      struct error *err)
{
	struct bundle_contents *contents = &writing->contents;
	struct bundle_delta delta = { .entry = contents->entry_count - 1 };
	auto_mapping old = { 0 }, new = { 0 };

	if (!map_input(from, &old, err) || !map_input(input->path, &new, err))
		return false;
	hash_sha256(str_from(old.at, old.len), delta.from_sha256);
	if (!is_useful(contents, &delta))
		return true;
	if (!put_delta(writing, &old, &new, &delta, err))
		return false;
	if (delta.piece.packed.size >= contents->entries[delta.entry].piece.packed.size)
		return drop_piece(writing, &delta.piece, err);
	contents->deltas = memory_grow(contents->deltas,
				       (contents->delta_count + 1) * sizeof(*contents->deltas));
	contents->deltas[contents->delta_count++] = delta;
	return true;
}

static bool add_input(struct writing *writing, const struct bundle_input *input, struct error *err)
{
	struct bundle_entry *entry = &writing->contents.entries[writing->contents.entry_count];

	if (!bundle_name_is_valid(str_of(input->name)))
		return error_set(err, ERROR_INVALID,
				 "\"%s\" cannot be a name in a bundle: only [A-Za-z0-9._-], not "
				 "first a dot or dash",
				 input->name);
	for (size_t i = 0; i < writing->contents.entry_count; i++)
		if (strcmp(writing->contents.entries[i].name, input->name) == 0)
			return error_set(err, ERROR_INVALID, "the name %s is given twice",
					 input->name);
	memcpy(entry->name, input->name, strlen(input->name));
	entry->role = input->role;
	writing->contents.entry_count++;
	if (!put_entry(writing, input, entry, err))
		return false;
	for (size_t i = 0; i < input->from_count; i++)
		if (!add_delta(writing, input, input->from[i], err))
			return false;
	return true;
}

/* Lines in the order of the pieces; `base` is where these begin in the file. */
static void print_manifest(const struct bundle_contents *contents, uint64_t base, struct buf *out)
{
	for (size_t i = 0; i < contents->entry_count; i++) {
		struct bundle_entry entry = contents->entries[i];

		entry.piece.packed.offset += base;
		bundle_entry_print(&entry, out);
		for (size_t k = 0; k < contents->delta_count; k++) {
			struct bundle_delta delta = contents->deltas[k];

			delta.piece.packed.offset += base;
			if (delta.entry == i)
				bundle_delta_print(&delta, entry.name, out);
		}
	}
}

/* The manifest's length depends on offsets, these on its length: until they agree.  Both only grow.
 */
static bool settle(struct writing *writing, struct bundle_header *header, struct buf *manifest,
		   struct error *err)
{
	uint64_t front = BUNDLE_HEADER + BUNDLE_SIGNATURE_ROOM + writing->frames.len;
	size_t before;

	do {
		before = manifest->len;
		buf_reset(manifest);
		print_manifest(&writing->contents, front + before, manifest);
	} while (manifest->len != before);
	if (manifest->len > LIMIT_BUNDLE_MANIFEST)
		return error_set(err, ERROR_TOO_LARGE, "the list of contents is over %u bytes",
				 LIMIT_BUNDLE_MANIFEST);
	header->signatures = (struct bundle_range){ BUNDLE_HEADER, BUNDLE_SIGNATURE_ROOM };
	header->manifest.range =
		(struct bundle_range){ BUNDLE_HEADER + BUNDLE_SIGNATURE_ROOM, manifest->len };
	header->frames.range = (struct bundle_range){ header->manifest.range.offset + manifest->len,
						      writing->frames.len };
	header->length = front + manifest->len + writing->end;
	if (header->length > LIMIT_BUNDLE)
		return error_set(err, ERROR_TOO_LARGE, "the bundle is over %llu bytes",
				 LIMIT_BUNDLE);
	hash_sha256(buf_str(manifest), header->manifest.sha256);
	hash_sha256(buf_str(&writing->frames), header->frames.sha256);
	return true;
}

static bool copy_pieces(const struct writing *writing, int to, struct error *err)
{
	auto_free char *room = memory_get(COPY_ROOM);
	uint64_t at = 0;

	while (at < writing->end) {
		ssize_t got = pread(writing->pieces_fd, room, COPY_ROOM, (off_t)at);

		if (got <= 0)
			return error_os(err, "read the pieces");
		if (!file_write_all(to, room, (size_t)got, err))
			return false;
		at += (uint64_t)got;
	}
	return true;
}

/* What a reader would refuse is not written: both are parsed again. */
static bool print_front(struct writing *writing, struct buf *out, struct error *err)
{
	struct bundle_header header = writing->plan->header, again;
	struct bundle_contents contents = { 0 };
	auto_buf manifest = BUF_INIT;

	if (!settle(writing, &header, &manifest, err))
		return false;
	bundle_header_print(&header, out);
	if (!bundle_header_parse(buf_str(out), &again, err) ||
	    !bundle_manifest_parse(buf_str(&manifest), &again, &contents, err))
		return false;
	bundle_contents_clear(&contents);
	while (out->len < BUNDLE_HEADER + BUNDLE_SIGNATURE_ROOM)
		buf_add_byte(out, '\0');
	buf_add_str(out, buf_str(&manifest));
	buf_add_str(out, buf_str(&writing->frames));
	return true;
}

static bool write_out(struct writing *writing, const char *path, struct error *err)
{
	auto_free char *beside = memory_print("%s.tmp", path);
	auto_buf front = BUF_INIT;
	auto_fd fd = -1;

	if (!print_front(writing, &front, err))
		return false;
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_os(err, "make %s", beside);
	if (file_write_all(fd, front.at, front.len, err) && copy_pieces(writing, fd, err)) {
		if (fsync(fd) == 0 && rename(beside, path) == 0)
			return true;
		error_os(err, "write %s", path);
	}
	unlink(beside);
	return false;
}

static bool write_all(struct writing *writing, const char *path, struct error *err)
{
	for (size_t i = 0; i < writing->plan->input_count; i++)
		if (!add_input(writing, &writing->plan->inputs[i], err))
			return false;
	return write_out(writing, path, err);
}

bool bundle_write(const struct bundle_plan *plan, const char *path, struct error *err)
{
	struct writing writing = { .plan = plan, .pieces_fd = -1 };
	auto_free char *prefix = memory_print("%s.", path);
	bool done;

	if (plan->input_count > LIMIT_BUNDLE_ENTRIES)
		return error_set(err, ERROR_TOO_LARGE, "more than %d files", LIMIT_BUNDLE_ENTRIES);
	if (!file_nameless(AT_FDCWD, prefix, &writing.pieces_fd, err))
		return false;
	writing.contents.entries =
		memory_zero((plan->input_count + 1) * sizeof(*writing.contents.entries));
	done = write_all(&writing, path, err);
	close(writing.pieces_fd);
	buf_clear(&writing.frame);
	buf_clear(&writing.frames);
	bundle_contents_clear(&writing.contents);
	return done;
}
