/*
 * bundle.c - the order in which a bundle is believed.
 *
 *	HEADER --form--> SIGNATURES --k of n over the header--> MANIFEST --hash--> FRAMES --hash-->
 *WHOLE
 *
 * bundle_feed() makes each move; a step that fails goes to FAILED.
 */
#include "ota/bundle_inside.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/hash.h"

enum stage { HEADER, SIGNATURES, MANIFEST, FRAMES, WHOLE, FAILED };

struct bundle {
	enum stage stage;
	struct root_of_trust *root; /* NULL: looking only */
	struct bundle_header header;
	unsigned char header_bytes[BUNDLE_HEADER];
	struct signature_list signatures;
	struct buf manifest, frames;
	struct bundle_contents contents;
};

struct bundle *bundle_new_unsigned(void)
{
	return memory_new(struct bundle);
}

struct bundle *bundle_new(const struct root_of_trust *root)
{
	struct bundle *bundle = bundle_new_unsigned();

	assert(root);
	bundle->root = root_copy(root);
	return bundle;
}

void bundle_free(struct bundle *bundle)
{
	if (!bundle)
		return;
	root_free(bundle->root);
	signature_list_clear(&bundle->signatures);
	buf_clear(&bundle->manifest);
	buf_clear(&bundle->frames);
	bundle_contents_clear(&bundle->contents);
	free(bundle);
}

bool bundle_needs(const struct bundle *bundle, struct bundle_range *out)
{
	static const struct bundle_range header = { 0, BUNDLE_HEADER };
	const struct bundle_range *const ranges[] = {
		[HEADER] = &header,
		[SIGNATURES] = &bundle->header.signatures,
		[MANIFEST] = &bundle->header.manifest.range,
		[FRAMES] = &bundle->header.frames.range,
	};

	if (bundle->stage >= WHOLE)
		return false;
	*out = *ranges[bundle->stage];
	assert(out->size > 0);
	return true;
}

static bool feed_header(struct bundle *bundle, struct str bytes, struct error *err)
{
	memcpy(bundle->header_bytes, bytes.at, sizeof(bundle->header_bytes));
	return bundle_header_parse(bytes, &bundle->header, err);
}

/* Lines, then zero bytes up to the end: room for more signatures. */
static bool feed_signatures(struct bundle *bundle, struct str bytes, struct error *err)
{
	struct str header = str_from(bundle->header_bytes, sizeof(bundle->header_bytes));
	struct str text = bytes;

	while (text.len > 0 && text.at[text.len - 1] == '\0')
		text.len--;
	if (!signature_list_parse(text, &bundle->signatures, err))
		return false;
	if (!bundle->root)
		return true;
	return root_follow_chain(&bundle->root, &bundle->signatures, err) &&
	       root_verify(bundle->root, header, &bundle->signatures, err);
}

static bool check_hash(struct str bytes, const struct bundle_section *section, const char *what,
		       struct error *err)
{
	unsigned char sha256[HASH_SHA256];

	hash_sha256(bytes, sha256);
	if (!hash_equal(sha256, section->sha256, sizeof(sha256)))
		return error_set(err, ERROR_INVALID,
				 "the bundle's %s are not those that its header names", what);
	return true;
}

static bool feed_manifest(struct bundle *bundle, struct str bytes, struct error *err)
{
	if (!check_hash(bytes, &bundle->header.manifest, "contents", err) ||
	    !bundle_manifest_parse(bytes, &bundle->header, &bundle->contents, err))
		return false;
	buf_add_str(&bundle->manifest, bytes);
	return true;
}

static bool feed_frames(struct bundle *bundle, struct str bytes, struct error *err)
{
	if (!check_hash(bytes, &bundle->header.frames, "frames", err))
		return false;
	assert(bytes.len == bundle->contents.frame_count * BUNDLE_SHA256);
	buf_add_str(&bundle->frames, bytes);
	return true;
}

bool bundle_feed(struct bundle *bundle, struct str bytes, struct error *err)
{
	static bool (*const feeds[])(struct bundle *, struct str, struct error *) = {
		[HEADER] = feed_header,
		[SIGNATURES] = feed_signatures,
		[MANIFEST] = feed_manifest,
		[FRAMES] = feed_frames,
	};
	struct bundle_range range;
	bool needed = bundle_needs(bundle, &range);

	assert(needed);
	if (bytes.len != range.size || !feeds[bundle->stage](bundle, bytes, err)) {
		bool short_read = bytes.len != range.size;

		bundle->stage = FAILED;
		return short_read ? error_set(err, ERROR_INVALID,
					      "the bundle is cut off: %zu bytes instead of %" PRIu64
					      " at byte %" PRIu64,
					      bytes.len, range.size, range.offset)
				  : false;
	}
	bundle->stage++;
	return true;
}

bool bundle_read_range(int fd, struct bundle_range range, struct buf *out, struct error *err)
{
	buf_reserve(out, (size_t)range.size);
	while (out->len < range.size) {
		ssize_t got = pread(fd, out->at + out->len, (size_t)range.size - out->len,
				    (off_t)(range.offset + out->len));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_os(err, "read the bundle");
		if (got == 0)
			break;
		out->len += (size_t)got;
	}
	out->at[out->len] = '\0';
	return true;
}

/* A file has its length from the start; what follows the signed end would be nobody's. */
static bool check_length(const struct bundle *bundle, int fd, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return error_os(err, "look at the bundle");
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size != bundle->header.length)
		return error_set(err, ERROR_INVALID,
				 "the file has %lld bytes and the bundle %" PRIu64,
				 (long long)st.st_size, bundle->header.length);
	return true;
}

bool bundle_read_fd(struct bundle *bundle, int fd, struct error *err)
{
	struct bundle_range range;

	while (bundle_needs(bundle, &range)) {
		auto_buf bytes = BUF_INIT;

		if (!bundle_read_range(fd, range, &bytes, err) ||
		    !bundle_feed(bundle, buf_str(&bytes), err))
			return false;
	}
	return check_length(bundle, fd, err);
}

const struct bundle_header *bundle_header(const struct bundle *bundle)
{
	assert(bundle->stage == WHOLE);
	return &bundle->header;
}

const struct signature_list *bundle_signatures(const struct bundle *bundle)
{
	assert(bundle->stage == WHOLE);
	return &bundle->signatures;
}

const struct root_of_trust *bundle_root(const struct bundle *bundle)
{
	assert(bundle->stage == WHOLE);
	return bundle->root;
}

size_t bundle_entry_count(const struct bundle *bundle)
{
	assert(bundle->stage == WHOLE);
	return bundle->contents.entry_count;
}

const struct bundle_entry *bundle_entry(const struct bundle *bundle, size_t i)
{
	assert(i < bundle_entry_count(bundle));
	return &bundle->contents.entries[i];
}

const struct bundle_entry *bundle_binary(const struct bundle *bundle)
{
	size_t i = 0;

	while (bundle_entry(bundle, i)->role != BUNDLE_BINARY)
		i++;
	return bundle_entry(bundle, i);
}

const struct bundle_entry *bundle_find(const struct bundle *bundle, const char *name)
{
	for (size_t i = 0; i < bundle_entry_count(bundle); i++)
		if (strcmp(bundle_entry(bundle, i)->name, name) == 0)
			return bundle_entry(bundle, i);
	return NULL;
}

size_t bundle_delta_count(const struct bundle *bundle)
{
	assert(bundle->stage == WHOLE);
	return bundle->contents.delta_count;
}

const struct bundle_delta *bundle_delta(const struct bundle *bundle, size_t i)
{
	assert(i < bundle_delta_count(bundle));
	return &bundle->contents.deltas[i];
}

const struct bundle_delta *bundle_delta_from(const struct bundle *bundle,
					     const struct bundle_entry *entry,
					     const unsigned char from_sha256[BUNDLE_SHA256])
{
	for (size_t i = 0; i < bundle_delta_count(bundle); i++) {
		const struct bundle_delta *delta = bundle_delta(bundle, i);

		if (bundle_entry(bundle, delta->entry) == entry &&
		    memcmp(delta->from_sha256, from_sha256, BUNDLE_SHA256) == 0)
			return delta;
	}
	return NULL;
}

struct str bundle_manifest_text(const struct bundle *bundle)
{
	assert(bundle->stage == WHOLE);
	return buf_str(&bundle->manifest);
}

struct bundle_range bundle_frame_range(const struct bundle_piece *piece, size_t i)
{
	uint64_t before = (uint64_t)i * BUNDLE_FRAME, left;

	assert(i < piece->frame_count);
	left = piece->packed.size - before;
	return (struct bundle_range){ piece->packed.offset + before,
				      left < BUNDLE_FRAME ? left : BUNDLE_FRAME };
}

bool bundle_check_frame(const struct bundle *bundle, const struct bundle_piece *piece, size_t i,
			struct str bytes)
{
	unsigned char sha256[HASH_SHA256];
	size_t number = piece->first_frame + i;

	assert(bundle->stage == WHOLE);
	assert(number < bundle->contents.frame_count);
	if (bytes.len != bundle_frame_range(piece, i).size)
		return false;
	hash_sha256(bytes, sha256);
	return hash_equal(sha256, bundle->frames.at + number * BUNDLE_SHA256, sizeof(sha256));
}

bool bundle_read_frame(const struct bundle *bundle, const struct bundle_piece *piece, size_t i,
		       int fd, struct buf *out, struct error *err)
{
	struct bundle_range range = bundle_frame_range(piece, i);

	buf_reset(out);
	if (!bundle_read_range(fd, range, out, err))
		return false;
	if (!bundle_check_frame(bundle, piece, i, buf_str(out)))
		return error_set(err, ERROR_INVALID, "the bundle is damaged at byte %" PRIu64,
				 range.offset);
	return true;
}
