/*
 * slot_maker.c - from bytes that were proven to files that are there to stay.
 */
#include "ota/slot_maker.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "ota/lines.h"

#define COPY_PIECE (256u * 1024)
#define SYNC_BYTES (4u * 1024 * 1024)

/* A file that is being written: synced now and then, so that the last sync is short. */
struct writing {
	int fd;
	uint64_t unsynced;
};

static bool put_bytes(void *of, struct str bytes, struct error *err)
{
	struct writing *writing = of;

	if (!file_write_all(writing->fd, bytes.at, bytes.len, err))
		return false;
	writing->unsynced += bytes.len;
	if (writing->unsynced < SYNC_BYTES)
		return true;
	writing->unsynced = 0;
	return fdatasync(writing->fd) == 0 || error_os(err, "sync what was written");
}

static void hex_of(const unsigned char sha256[BUNDLE_SHA256], char out[DIGEST_HEX])
{
	auto_buf hex = BUF_INIT;

	buf_add_hex(&hex, str_from(sha256, BUNDLE_SHA256));
	assert(hex.len == DIGEST_HEX - 1);
	memcpy(out, hex.at, DIGEST_HEX);
}

static bool hash_path(const char *path, char out[DIGEST_HEX])
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 && digest_fd(fd, out);
}

/* --- facts --- */

static void print_facts(const struct slot_facts *facts, struct buf *out)
{
	buf_add_print(out, "version %s\nepoch %" PRIu32 "\nfloor %" PRIu32 "\n", facts->version,
		      facts->epoch, facts->floor);
}

static bool take_number(struct lines *lines, const char *word, uint32_t *out, struct error *err)
{
	struct str value;
	uint64_t number;

	if (!lines_take(lines, word, &value, 1, err))
		return false;
	if (!lines_number(value, UINT32_MAX, &number))
		return lines_refuse(lines, err, "no number");
	*out = (uint32_t)number;
	return true;
}

bool slot_maker_facts(const struct slots *slots, const char *name, struct slot_facts *out,
		      struct error *err)
{
	auto_free char *path = memory_print("%s/slots/%s/manifest", slots->root, name);
	struct lines lines = { .what = path };
	struct slot_facts facts;
	auto_buf text = BUF_INIT;
	struct str version;

	if (!file_read(path, SLOTS_MANIFEST, &text, err))
		return false;
	lines.rest = buf_str(&text);
	if (!lines_take(&lines, "version", &version, 1, err) ||
	    !take_number(&lines, "epoch", &facts.epoch, err) ||
	    !take_number(&lines, "floor", &facts.floor, err))
		return false;
	snprintf(facts.version, sizeof(facts.version), STR_FMT, STR_ARG(version));
	*out = facts;
	return true;
}

/* --- a copy --- */

static bool copy_bytes_of(int from, struct writing *writing, struct error *err)
{
	auto_free char *piece = memory_get(COPY_PIECE);

	for (;;) {
		ssize_t got = read(from, piece, COPY_PIECE);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_os(err, "read the program");
		if (got == 0)
			return true;
		if (!put_bytes(writing, str_from(piece, (size_t)got), err))
			return false;
	}
}

/* True: there is one, with these bytes.  Else *out_bin is to be filled: one that was damaged since
 * it was made is made again. */
static bool begin(const struct slots *slots, const char *name, const char sha256[DIGEST_HEX],
		  int *out_bin, bool *out_there, struct error *err)
{
	struct launch_mark mark;

	*out_there = false;
	if (slots_begin(slots, name, out_bin, err))
		return true;
	if (err->kind != ERROR_EXISTS)
		return false;
	*out_bin = -1;
	*out_there = launch_mark_read(slots->folder, name, &mark) &&
		     strcmp(mark.sha256, sha256) == 0 && launch_slot_whole(slots->folder, name);
	return *out_there ||
	       (slots_drop(slots, name, err) && slots_begin(slots, name, out_bin, err));
}

/* What fails leaves nothing, least of all on a disk that is full. */
static bool give_up(const struct slots *slots, const char *name)
{
	struct error ignored;

	(void)!slots_drop(slots, name, &ignored);
	return false;
}

bool slot_maker_copy(const struct slots *slots, const char *path, const struct slot_facts *facts,
		     char out_name[SLOT_NAME], bool *out_made, struct error *err)
{
	auto_fd from = open(path, O_RDONLY | O_CLOEXEC);
	struct launch_mark mark = { .epoch = facts->epoch };
	struct writing writing = { .fd = -1 };
	auto_buf manifest = BUF_INIT;
	char name[SLOT_NAME];
	auto_fd bin = -1;
	bool there;

	if (from < 0 || !digest_fd(from, mark.sha256) || lseek(from, 0, SEEK_SET) != 0)
		return error_os(err, "read %s", path);
	if (!slots_name(facts->version, mark.sha256, name, err) ||
	    !begin(slots, name, mark.sha256, &bin, &there, err))
		return false;
	print_facts(facts, &manifest);
	writing.fd = bin;
	if (!there) {
		if (!copy_bytes_of(from, &writing, err))
			return give_up(slots, name) || error_context(err, "%s", name);
		close(take_fd(&bin));
		if (!slots_finish(slots, name, buf_str(&manifest), &mark, err))
			return give_up(slots, name);
	}
	memcpy(out_name, name, SLOT_NAME);
	*out_made = !there;
	return true;
}

/* --- a bundle's binary --- */

bool slot_maker_name(const struct bundle *bundle, char out[SLOT_NAME], struct error *err)
{
	char hex[DIGEST_HEX];

	hex_of(bundle_binary(bundle)->sha256, hex);
	return slots_name(bundle_header(bundle)->version, hex, out, err);
}

/* The bytes of the slot that a delta starts from, mapped; STR_NONE: there is none to start from. */
static struct str map_base(const struct slot_maker_plan *plan,
			   const struct bundle_delta **out_delta)
{
	const struct bundle *bundle = intake_bundle(plan->intake);
	const struct bundle_entry *binary = bundle_binary(bundle);
	auto_free char *path = NULL;
	unsigned char sum[BUNDLE_SHA256];
	char have[DIGEST_HEX];
	auto_buf raw = BUF_INIT;
	struct stat facts;
	auto_fd fd = -1;
	void *at;

	if (!plan->base || !*plan->base)
		return STR_NONE;
	path = memory_print("%s/slots/%s/bin", plan->slots->root, plan->base);
	if (!hash_path(path, have) || !buf_add_hex_decoded(&raw, str_of(have)))
		return STR_NONE;
	memcpy(sum, raw.at, sizeof(sum));
	*out_delta = bundle_delta_from(bundle, binary, sum);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (!*out_delta || (*out_delta)->piece.packed.size >= binary->piece.packed.size || fd < 0 ||
	    fstat(fd, &facts) != 0 || facts.st_size <= 0)
		return STR_NONE;
	at = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	return at == MAP_FAILED ? STR_NONE : str_from(at, (size_t)facts.st_size);
}

static bool fetch_and_unpack(const struct slot_maker_plan *plan, const struct bundle_entry *entry,
			     const struct bundle_piece *piece, struct str from, int fd,
			     struct error *err)
{
	struct writing writing = { .fd = fd };

	if (lseek(fd, 0, SEEK_SET) != 0 || ftruncate(fd, 0) != 0)
		return error_os(err, "begin %s", entry->name);
	return intake_fetch(plan->intake, &piece, 1, plan->tell, plan->of, err) &&
	       intake_unpack(plan->intake, entry, piece, from, put_bytes, &writing, err);
}

/* A delta that cannot be had or used is no harm: the whole is in the bundle too.  A full disk is.
 */
static bool fill_bin(const struct slot_maker_plan *plan, int bin, struct error *err)
{
	const struct bundle_entry *binary = bundle_binary(intake_bundle(plan->intake));
	const struct bundle_delta *delta = NULL;
	struct str base = map_base(plan, &delta);
	bool done = base.at && fetch_and_unpack(plan, binary, &delta->piece, base, bin, err);

	if (base.at)
		munmap((void *)(uintptr_t)base.at, base.len);
	if (done)
		return true;
	if (base.at && (err->kind == ERROR_FULL || err->kind == ERROR_UNAVAILABLE))
		return false;
	return fetch_and_unpack(plan, binary, &binary->piece, STR_NONE, bin, err);
}

bool slot_maker_bundle(const struct slot_maker_plan *plan, char out_name[SLOT_NAME], bool *out_made,
		       struct error *err)
{
	const struct bundle *bundle = intake_bundle(plan->intake);
	const struct bundle_header *header = bundle_header(bundle);
	struct launch_mark mark = { .epoch = header->epoch };
	struct slot_facts facts = { .epoch = header->epoch, .floor = header->floor };
	auto_buf manifest = BUF_INIT;
	char name[SLOT_NAME];
	auto_fd bin = -1;
	bool there;

	snprintf(facts.version, sizeof(facts.version), "%s", header->version);
	hex_of(bundle_binary(bundle)->sha256, mark.sha256);
	if (!slot_maker_name(bundle, name, err) ||
	    !begin(plan->slots, name, mark.sha256, &bin, &there, err))
		return false;
	print_facts(&facts, &manifest);
	buf_add_str(&manifest, bundle_manifest_text(bundle));
	if (!there) {
		if (!fill_bin(plan, bin, err))
			return give_up(plan->slots, name) || error_context(err, "%s", name);
		close(take_fd(&bin));
		if (!slots_finish(plan->slots, name, buf_str(&manifest), &mark, err))
			return give_up(plan->slots, name);
	}
	memcpy(out_name, name, SLOT_NAME);
	*out_made = !there;
	return true;
}

/* --- other files --- */

static bool sync_folder_of(const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	auto_free char *folder = str_copy(str_from(path, (size_t)(slash - path)));
	auto_fd fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		return error_os(err, "sync %s", folder);
	return true;
}

static bool put_file(const struct slot_maker_plan *plan, const struct bundle_entry *entry,
		     const char *part, mode_t mode, struct error *err)
{
	auto_fd fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);

	if (fd < 0 || fchmod(fd, mode) != 0)
		return error_os(err, "create %s", part);
	if (!fetch_and_unpack(plan, entry, &entry->piece, STR_NONE, fd, err))
		return false;
	return fsync(fd) == 0 || error_os(err, "sync %s", part);
}

bool slot_maker_place(const struct slot_maker_plan *plan, const struct bundle_entry *entry,
		      const char *path, mode_t mode, bool *out_put, struct error *err)
{
	auto_free char *folder = str_copy(str_from(path, (size_t)(strrchr(path, '/') - path)));
	auto_free char *part = memory_print("%s/.%s.part", folder, entry->name);
	char want[DIGEST_HEX], have[DIGEST_HEX];

	assert(*path == '/');
	*out_put = false;
	hex_of(entry->sha256, want);
	if (hash_path(path, have) && strcmp(have, want) == 0)
		return true;
	if (!file_make_dirs(folder, 0700, err) || !put_file(plan, entry, part, mode, err) ||
	    !slots_read_back(part, want, err)) {
		unlink(part);
		return error_context(err, "%s", path);
	}
	if (rename(part, path) != 0)
		return error_os(err, "rename %s to %s", part, path);
	*out_put = true;
	return sync_folder_of(path, err);
}
