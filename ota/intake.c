/*
 * intake.c - staging and its map.
 */
#include "ota/intake.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "net/hash.h"

#define SYNC_BYTES  (4u * 1024 * 1024)
#define HEAD_MAX    (8u * 1024 * 1024 + 4 * LIMIT_BUNDLE_MANIFEST)
#define DAMAGED_MAX 3 /* readings that brought a frame which is not the signed one */
#define FRAMES_MAX  (LIMIT_BUNDLE / BUNDLE_FRAME + LIMIT_BUNDLE_ENTRIES * 2)

struct intake {
	const struct slots *slots;
	struct source *source;
	struct bundle *bundle;
	char *folder; /* of staging; NULL for a file */
	int data, map_fd;
	char *map; /* a byte a frame: 1 = there and proven */
	size_t frame_count;
	uint64_t unsynced;
};

/* A frame that is wanted. */
struct want {
	struct bundle_range range;
	const struct bundle_piece *piece;
	size_t index;
};

/* One reading of a stretch of the file. */
struct arrival {
	struct intake *intake;
	const struct want *wants;
	size_t count, next;
	struct buf frame;
	uint64_t missing;
	void (*tell)(void *of, uint64_t missing);
	void *of;
	bool damaged;
};

/* --- the head --- */

static bool add_bytes(void *of, uint64_t offset, struct str bytes, struct error *err)
{
	(void)offset;
	(void)err;
	buf_add_str(of, bytes);
	return true;
}

static bool open_staging(struct intake *intake, struct str header, struct error *err)
{
	char hex[HASH_SHA256_HEX];
	auto_free char *parent = memory_print("%s/staging", intake->slots->root);
	auto_free char *data = NULL;

	hash_sha256_hex(header, hex);
	intake->folder = memory_print("%s/%.32s", parent, hex);
	data = memory_print("%s/data", intake->folder);
	if (!file_make_dirs(intake->folder, 0700, err))
		return false;
	intake->data = open(data, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return intake->data >= 0 || error_os(err, "create %s", data);
}

/* The sections behind the header, from what an earlier try kept. */
static bool feed_kept(struct intake *intake, const struct root_of_trust *root, struct str header)
{
	auto_free char *path = memory_print("%s/head", intake->folder);
	struct bundle *bundle = bundle_new(root);
	struct bundle_range range;
	auto_buf kept = BUF_INIT;
	struct error ignored;
	struct str rest;
	bool done =
		bundle_feed(bundle, header, &ignored) && file_read(path, HEAD_MAX, &kept, &ignored);

	rest = buf_str(&kept);
	while (done && bundle_needs(bundle, &range)) {
		done = range.size <= rest.len &&
		       bundle_feed(bundle, str_from(rest.at, (size_t)range.size), &ignored);
		if (done)
			rest = str_from(rest.at + range.size, rest.len - (size_t)range.size);
	}
	if (!done)
		bundle_free(bundle);
	else
		intake->bundle = bundle;
	return done;
}

static bool feed_sections(struct intake *intake, const struct root_of_trust *root,
			  struct str header, struct error *err)
{
	auto_free char *path = memory_print("%s/head", intake->folder ? intake->folder : "");
	struct bundle_range range;
	auto_buf kept = BUF_INIT;

	intake->bundle = bundle_new(root);
	if (!bundle_feed(intake->bundle, header, err))
		return false;
	while (bundle_needs(intake->bundle, &range)) {
		size_t before = kept.len;

		if (before + range.size > HEAD_MAX)
			return error_set(err, ERROR_TOO_LARGE,
					 "the head of the bundle is too large");
		if (!source_read(intake->source, range.offset, range.size, add_bytes, &kept, err) ||
		    !bundle_feed(intake->bundle, str_from(kept.at + before, (size_t)range.size),
				 err))
			return false;
	}
	return !intake->folder || file_replace(path, buf_str(&kept), 0600, err);
}

/* --- the map --- */

static size_t count_frames(const struct bundle *bundle)
{
	size_t count = 0;

	for (size_t i = 0; i < bundle_entry_count(bundle); i++)
		count += bundle_entry(bundle, i)->piece.frame_count;
	for (size_t i = 0; i < bundle_delta_count(bundle); i++)
		count += bundle_delta(bundle, i)->piece.frame_count;
	return count;
}

/* A frame that the map names may not have come to the disk before a power cut. */
static void doubt_piece(struct intake *intake, const struct bundle_piece *piece)
{
	auto_free char *bytes = memory_get(BUNDLE_FRAME);

	for (size_t i = 0; i < piece->frame_count; i++) {
		struct bundle_range range = bundle_frame_range(piece, i);
		char *mark = &intake->map[piece->first_frame + i];
		ssize_t got;

		assert(range.size <= BUNDLE_FRAME);
		if (*mark != 1)
			continue;
		got = pread(intake->data, bytes, (size_t)range.size, (off_t)range.offset);
		*mark = got == (ssize_t)range.size &&
			bundle_check_frame(intake->bundle, piece, i, str_from(bytes, (size_t)got));
	}
}

static bool open_map(struct intake *intake, struct error *err)
{
	auto_free char *path = memory_print("%s/map", intake->folder);

	intake->frame_count = count_frames(intake->bundle);
	assert(intake->frame_count <= FRAMES_MAX);
	intake->map = memory_zero(intake->frame_count + 1);
	intake->map_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (intake->map_fd < 0)
		return error_os(err, "create %s", path);
	if (pread(intake->map_fd, intake->map, intake->frame_count, 0) < 0)
		return error_os(err, "read %s", path);
	for (size_t i = 0; i < bundle_entry_count(intake->bundle); i++)
		doubt_piece(intake, &bundle_entry(intake->bundle, i)->piece);
	for (size_t i = 0; i < bundle_delta_count(intake->bundle); i++)
		doubt_piece(intake, &bundle_delta(intake->bundle, i)->piece);
	return true;
}

static bool sync_map(struct intake *intake, struct error *err)
{
	intake->unsynced = 0;
	if (fdatasync(intake->data) != 0 || fdatasync(intake->map_fd) != 0)
		return error_os(err, "sync %s", intake->folder);
	return true;
}

/* At once, so that nothing is lost with this process; on the disk with the next sync. */
static bool mark_frame(struct intake *intake, size_t frame, struct error *err)
{
	intake->map[frame] = 1;
	return pwrite(intake->map_fd, &intake->map[frame], 1, (off_t)frame) == 1 ||
	       error_os(err, "write %s/map", intake->folder);
}

/* --- opening and closing --- */

static bool open_head(struct intake *intake, const struct root_of_trust *root, struct error *err)
{
	auto_buf header = BUF_INIT;

	if (!source_read(intake->source, 0, BUNDLE_HEADER, add_bytes, &header, err))
		return false;
	if (!source_is_remote(intake->source))
		return feed_sections(intake, root, buf_str(&header), err);
	if (!open_staging(intake, buf_str(&header), err))
		return false;
	return (feed_kept(intake, root, buf_str(&header)) ||
		feed_sections(intake, root, buf_str(&header), err)) &&
	       open_map(intake, err);
}

bool intake_open(const struct slots *slots, const char *source, const struct root_of_trust *root,
		 struct intake **out, struct error *err)
{
	auto_intake intake = memory_new(struct intake);

	intake->slots = slots;
	intake->data = intake->map_fd = -1;
	if (!source_open(source, &intake->source, err) || !open_head(intake, root, err))
		return error_context(err, "%s", source);
	*out = take_ptr(&intake);
	return true;
}

void intake_close(struct intake *intake)
{
	if (!intake)
		return;
	source_close(intake->source);
	bundle_free(intake->bundle);
	if (intake->data >= 0)
		close(intake->data);
	if (intake->map_fd >= 0)
		close(intake->map_fd);
	free(intake->map);
	free(intake->folder);
	free(intake);
}

bool intake_discard(const struct slots *slots, struct error *err)
{
	auto_free char *path = memory_print("%s/staging", slots->root);

	return file_remove_tree(path, err);
}

static int only_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

bool intake_discard_others(const struct intake *intake, struct error *err)
{
	auto_free char *parent = memory_print("%s/staging", intake->slots->root);
	struct dirent **entries = NULL;
	int count = scandir(parent, &entries, only_visible, alphasort);
	bool done = true;

	for (int i = 0; i < count; i++) {
		auto_free char *path = memory_print("%s/%s", parent, entries[i]->d_name);

		if (!intake->folder || strcmp(path, intake->folder) != 0)
			done = done && file_remove_tree(path, err);
		free(entries[i]);
	}
	free(entries);
	return done;
}

const struct bundle *intake_bundle(const struct intake *intake)
{
	return intake->bundle;
}

const struct source *intake_source(const struct intake *intake)
{
	return intake->source;
}

/* --- pieces --- */

static int by_offset(const void *a, const void *b)
{
	const struct want *one = a, *two = b;

	return one->range.offset < two->range.offset   ? -1
	       : one->range.offset > two->range.offset ? 1
						       : 0;
}

/* The frames that are not here, in the order of the file; the caller frees them. */
static struct want *list_missing(const struct intake *intake,
				 const struct bundle_piece *const *pieces, size_t count,
				 size_t *out_count, uint64_t *out_bytes)
{
	struct want *wants;
	size_t room = 0, at = 0;

	*out_bytes = 0;
	for (size_t i = 0; i < count; i++)
		room += pieces[i]->frame_count;
	wants = memory_get((room + 1) * sizeof(*wants));
	for (size_t i = 0; i < count; i++)
		for (size_t frame = 0; frame < pieces[i]->frame_count; frame++) {
			if (!intake->map || intake->map[pieces[i]->first_frame + frame] == 1)
				continue;
			wants[at] = (struct want){ bundle_frame_range(pieces[i], frame), pieces[i],
						   frame };
			*out_bytes += wants[at++].range.size;
		}
	qsort(wants, at, sizeof(*wants), by_offset);
	*out_count = at;
	return wants;
}

uint64_t intake_missing(const struct intake *intake, const struct bundle_piece *const *pieces,
			size_t count)
{
	auto_free struct want *wants = NULL;
	uint64_t bytes;
	size_t frames;

	wants = list_missing(intake, pieces, count, &frames, &bytes);
	return bytes;
}

static bool keep_frame(struct arrival *arrival, struct error *err)
{
	const struct want *want = &arrival->wants[arrival->next];
	struct intake *intake = arrival->intake;
	struct str bytes = buf_str(&arrival->frame);
	ssize_t put;

	if (!bundle_check_frame(intake->bundle, want->piece, want->index, bytes)) {
		arrival->damaged = true;
		return error_set(err, ERROR_INVALID,
				 "what came at byte %llu is not what was signed",
				 (unsigned long long)want->range.offset);
	}
	put = pwrite(intake->data, bytes.at, bytes.len, (off_t)want->range.offset);
	if (put != (ssize_t)bytes.len) {
		errno = put < 0 ? errno : ENOSPC;
		return error_os(err, "write %s/data", intake->folder);
	}
	if (!mark_frame(intake, want->piece->first_frame + want->index, err))
		return false;
	intake->unsynced += bytes.len;
	arrival->missing -= bytes.len;
	arrival->next++;
	buf_reset(&arrival->frame);
	if (intake->unsynced < SYNC_BYTES)
		return true;
	if (arrival->tell)
		arrival->tell(arrival->of, arrival->missing);
	return sync_map(intake, err);
}

/* Bytes of frames that are wanted are gathered, those between are passed over. */
static bool take_bytes(void *of, uint64_t offset, struct str bytes, struct error *err)
{
	struct arrival *arrival = of;

	while (bytes.len > 0 && arrival->next < arrival->count) {
		const struct bundle_range *range = &arrival->wants[arrival->next].range;
		uint64_t begin = range->offset + arrival->frame.len;
		size_t part;

		if (offset < begin) {
			part = begin - offset < bytes.len ? (size_t)(begin - offset) : bytes.len;
		} else {
			assert(offset == begin);
			part = (size_t)(range->size - arrival->frame.len);
			part = part < bytes.len ? part : bytes.len;
			buf_add(&arrival->frame, bytes.at, part);
		}
		offset += part;
		bytes = str_from(bytes.at + part, bytes.len - part);
		if (arrival->frame.len == range->size && !keep_frame(arrival, err))
			return false;
	}
	return true;
}

/* The first stretch without a hole, or all of it from a server that knows no ranges. */
static struct bundle_range next_stretch(const struct arrival *arrival)
{
	const struct want *wants = arrival->wants;
	size_t last = arrival->next;

	while (last + 1 < arrival->count &&
	       (!source_has_ranges(arrival->intake->source) ||
		wants[last].range.offset + wants[last].range.size == wants[last + 1].range.offset))
		last++;
	return (struct bundle_range){ wants[arrival->next].range.offset,
				      wants[last].range.offset + wants[last].range.size -
					      wants[arrival->next].range.offset };
}

static bool fetch_missing(struct arrival *arrival, struct error *err)
{
	unsigned damaged = 0;

	while (arrival->next < arrival->count) {
		struct bundle_range stretch = next_stretch(arrival);

		arrival->damaged = false;
		if (source_read(arrival->intake->source, stretch.offset, stretch.size, take_bytes,
				arrival, err))
			continue;
		/* A line or a cache in between may have done it. */
		if (!arrival->damaged || ++damaged == DAMAGED_MAX)
			return false;
		buf_reset(&arrival->frame);
	}
	return true;
}

bool intake_fetch(struct intake *intake, const struct bundle_piece *const *pieces, size_t count,
		  void (*tell)(void *of, uint64_t missing), void *of, struct error *err)
{
	struct arrival arrival = { .intake = intake, .tell = tell, .of = of, .frame = BUF_INIT };
	auto_free struct want *wants = NULL;
	struct error ignored;
	bool done;

	if (!intake->folder)
		return true;
	wants = list_missing(intake, pieces, count, &arrival.count, &arrival.missing);
	arrival.wants = wants;
	done = fetch_missing(&arrival, err);
	buf_clear(&arrival.frame);
	/* What came before a failure is kept for the next try. */
	return (sync_map(intake, done ? err : &ignored) || !done) && done;
}

bool intake_unpack(struct intake *intake, const struct bundle_entry *entry,
		   const struct bundle_piece *piece, struct str from, unpacker_put *put, void *of,
		   struct error *err)
{
	int fd = intake->folder ? intake->data : source_fd(intake->source);
	auto_unpacker unpacker = NULL;

	return unpacker_new(entry, from, put, of, &unpacker, err) &&
	       unpacker_run(intake->bundle, piece, fd, unpacker, err);
}
