/*
 * tar.c - blocks of 512 bytes: header, content, padding; and headers about the next header.
 *
 *   offset  0 name 100 | 100 mode 8 | 108 uid 8 | 116 gid 8 | 124 size 12 | 136 mtime 12
 *         148 checksum 8 | 156 type 1 | 157 link 100 | 257 magic 6 version 2 | 265 user 32
 *         297 group 32 | 329 major 8 | 337 minor 8 | 345 prefix 155 (131 in star)
 *
 * Numbers are octal text, or base 256 when the first bit is set.  Types x and g are PAX records
 * ("LENGTH KEY=VALUE\n"), L and K are GNU's long name and long link of the next entry.
 */
#include "runtime/tar.h"

#include <assert.h>
#include <inttypes.h>

#define BLOCK          512u
#define NAME_MAX_BYTES 4095u
#define LONG_NAME_MAX  8192u          /* of a GNU record, before its NUL */
#define PAX_MAX        (1024u * 1024) /* what Go's reader takes as well  */
#define XATTRS_MAX     64u
#define META_MAX       8u /* headers before one entry        */
#define SIZE_MAX_BYTES (1ull << 62)

/* What PAX and GNU records say about the next entry. */
struct extra {
	struct buf records; /* raw PAX text; the xattrs point into it */
	struct buf path, link;
	bool has_size, has_uid, has_gid, has_mtime;
	uint64_t size;
	int64_t uid, gid, mtime_s;
	long mtime_ns;
	size_t xattr_count;
};

struct tar {
	struct tar_source *source;
	struct tar_entry entry;
	struct extra extra;
	struct tar_xattr xattrs[XATTRS_MAX];
	struct buf path, link;
	uint64_t at;      /* bytes taken from the source  */
	uint64_t left;    /* of the current content       */
	uint64_t padding; /* after it                     */
	bool ended;
	unsigned char block[BLOCK];
};

struct tar *tar_new(struct tar_source *source)
{
	struct tar *tar = memory_new(struct tar);

	assert(source);
	tar->source = source;
	return tar;
}

void tar_free(struct tar *tar)
{
	if (!tar)
		return;
	buf_clear(&tar->extra.records);
	buf_clear(&tar->extra.path);
	buf_clear(&tar->extra.link);
	buf_clear(&tar->path);
	buf_clear(&tar->link);
	free(tar);
}

static void extra_reset(struct extra *extra)
{
	buf_reset(&extra->records);
	buf_reset(&extra->path);
	buf_reset(&extra->link);
	extra->has_size = extra->has_uid = extra->has_gid = extra->has_mtime = false;
	extra->xattr_count = 0;
}

static bool damaged(const char *what, struct error *err)
{
	return error_set(err, ERROR_INVALID, "the tar archive is damaged: %s", what);
}

/* --- fields of a header --- */

static struct str text_field(const struct tar *tar, size_t at, size_t len)
{
	const char *from = (const char *)tar->block + at;

	return str_from(from, strnlen(from, len));
}

static bool base256(const unsigned char *at, size_t len, int64_t *out)
{
	bool negative = (at[0] & 0x40) != 0;
	uint64_t value = negative ? UINT64_MAX : 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char byte =
			i == 0 ? (unsigned char)(negative ? at[0] : at[0] & 0x7f) : at[i];
		uint64_t top = value >> 55; /* what a shift would lose, and the sign */

		if (top != 0 && top != UINT64_MAX >> 55)
			return false;
		value = value << 8 | byte;
	}
	*out = (int64_t)value;
	return (*out < 0) == negative;
}

static bool number_field(const struct tar *tar, size_t at, size_t len, int64_t *out)
{
	const unsigned char *from = tar->block + at;
	const unsigned char *end = from + len;
	uint64_t value = 0;

	if (*from & 0x80)
		return base256(from, len, out);
	while (from < end && *from == ' ')
		from++;
	while (from < end && *from >= '0' && *from <= '7')
		value = value << 3 | (uint64_t)(*from++ - '0'); /* 12 digits: 36 bits */
	while (from < end && (*from == ' ' || *from == '\0'))
		from++;
	*out = (int64_t)value;
	return from == end;
}

/* Both ways of adding the bytes up have been in use. */
static bool checksum_fits(const struct tar *tar)
{
	int64_t wanted;
	int64_t plain = 0;
	int64_t with_sign = 0;

	if (!number_field(tar, 148, 8, &wanted))
		return false;
	for (size_t i = 0; i < BLOCK; i++) {
		unsigned char byte = i >= 148 && i < 156 ? ' ' : tar->block[i];

		plain += byte;
		with_sign += (signed char)byte;
	}
	return wanted == plain || wanted == with_sign;
}

/* The name of a ustar header is "prefix/name". */
static void header_path(const struct tar *tar, struct buf *out)
{
	struct str name = text_field(tar, 0, 100);
	bool ustar = memcmp(tar->block + 257, "ustar\0", 6) == 0;
	bool star = ustar && memcmp(tar->block + 508, "tar\0", 4) == 0;
	struct str prefix = ustar ? text_field(tar, 345, star ? 131 : 155) : STR_NONE;

	buf_reset(out);
	if (prefix.len > 0) {
		buf_add_str(out, prefix);
		buf_add_byte(out, '/');
	}
	buf_add_str(out, name);
}

/* --- PAX records --- */

static bool pax_time(struct str text, int64_t *out_s, long *out_ns)
{
	struct str rest = text;
	struct str whole = str_cut(&rest, '.');
	long scale = 100000000;
	long nanos = 0;

	if (!str_to_i64(whole, -(1ll << 52), 1ll << 52, out_s))
		return false;
	for (size_t i = 0; i < rest.len; i++) {
		if (rest.at[i] < '0' || rest.at[i] > '9')
			return false;
		nanos += (rest.at[i] - '0') * scale;
		scale /= 10;
	}
	/* "-1.25" is a quarter of a second before -1. */
	if (text.len > 0 && text.at[0] == '-' && nanos > 0) {
		*out_s -= 1;
		nanos = 1000000000 - nanos;
	}
	*out_ns = nanos;
	return true;
}

static bool pax_name(struct buf *to, struct str value, struct error *err)
{
	if (value.len > NAME_MAX_BYTES || memchr(value.at, '\0', value.len))
		return damaged("a name is too long or has a NUL byte", err);
	buf_reset(to);
	buf_add_str(to, value);
	return true;
}

static bool pax_xattr(struct tar *tar, struct str name, struct str value, struct error *err)
{
	struct extra *extra = &tar->extra;

	if (name.len == 0 || memchr(name.at, '\0', name.len))
		return damaged("an attribute without a proper name", err);
	if (extra->xattr_count == XATTRS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "a file has more than %u attributes",
				 XATTRS_MAX);
	tar->xattrs[extra->xattr_count++] = (struct tar_xattr){ name, value };
	return true;
}

static bool pax_record(struct tar *tar, struct str key, struct str value, struct error *err)
{
	struct extra *extra = &tar->extra;
	struct str xattr = STR("SCHILY.xattr.");
	bool fits = true;

	if (str_is(key, "path"))
		return pax_name(&extra->path, value, err);
	if (str_is(key, "linkpath"))
		return pax_name(&extra->link, value, err);
	if (str_starts(key, xattr))
		return pax_xattr(tar, str_from(key.at + xattr.len, key.len - xattr.len), value,
				 err);
	if (str_starts(key, STR("GNU.sparse.")))
		return error_set(err, ERROR_INVALID, "sparse files in archives are not supported");
	if (str_is(key, "size"))
		fits = extra->has_size = str_to_u64(value, SIZE_MAX_BYTES, &extra->size);
	else if (str_is(key, "uid"))
		fits = extra->has_uid = str_to_i64(value, 0, INT64_MAX, &extra->uid);
	else if (str_is(key, "gid"))
		fits = extra->has_gid = str_to_i64(value, 0, INT64_MAX, &extra->gid);
	else if (str_is(key, "mtime"))
		fits = extra->has_mtime = pax_time(value, &extra->mtime_s, &extra->mtime_ns);
	return fits || damaged("a PAX number cannot be read", err);
}

/* "LENGTH KEY=VALUE\n", LENGTH counting the whole record. */
static bool pax_parse(struct tar *tar, struct error *err)
{
	struct str rest = buf_str(&tar->extra.records);

	while (rest.len > 0) {
		ptrdiff_t blank = str_find(rest, ' ');
		uint64_t len;
		struct str record, key;

		if (blank <= 0 || !str_to_u64(str_from(rest.at, (size_t)blank), rest.len, &len) ||
		    len < (uint64_t)blank + 2 || rest.at[len - 1] != '\n')
			return damaged("a PAX record cannot be read", err);
		record = str_from(rest.at + blank + 1, (size_t)len - (size_t)blank - 2);
		if (str_find(record, '=') <= 0)
			return damaged("a PAX record without a key", err);
		key = str_cut(&record, '=');
		if (!pax_record(tar, key, record, err))
			return false;
		rest = str_from(rest.at + len, rest.len - (size_t)len);
	}
	return true;
}

/* --- blocks --- */

static bool take_block(struct tar *tar, size_t *out_len, struct error *err)
{
	if (!tar_source_fill(tar->source, tar->block, BLOCK, out_len, err))
		return false;
	if (*out_len != 0 && *out_len != BLOCK)
		return error_set(err, ERROR_INVALID, "the archive is cut short");
	tar->at += *out_len;
	return true;
}

static bool pass_over(struct tar *tar, uint64_t count, struct error *err)
{
	tar->at += count;
	return tar_source_skip(tar->source, count, err);
}

static uint64_t padding_of(uint64_t size)
{
	return (BLOCK - size % BLOCK) % BLOCK;
}

/* The content of a header about headers. */
static bool take_meta(struct tar *tar, uint64_t size, uint64_t max, struct buf *out,
		      struct error *err)
{
	size_t got;

	if (size > max)
		return error_set(err, ERROR_TOO_LARGE,
				 "a tar header has more than %" PRIu64 " bytes", max);
	buf_reset(out);
	buf_reserve(out, (size_t)size);
	if (!tar_source_fill(tar->source, out->at, (size_t)size, &got, err))
		return false;
	if (got < size)
		return error_set(err, ERROR_INVALID, "the archive is cut short");
	out->len = (size_t)size;
	out->at[out->len] = '\0';
	tar->at += size;
	return pass_over(tar, padding_of(size), err);
}

static bool take_long_name(struct tar *tar, uint64_t size, struct buf *out, struct error *err)
{
	if (!take_meta(tar, size, LONG_NAME_MAX, out, err))
		return false;
	out->len = strnlen(out->at, out->len);
	if (out->len > NAME_MAX_BYTES)
		return damaged("a name is too long", err);
	return true;
}

/* --- entries --- */

static bool entry_type(unsigned char flag, enum tar_type *out, struct error *err)
{
	switch (flag) {
	case '\0':
	case '0':
	case '7': *out = TAR_FILE; return true;
	case '1': *out = TAR_HARDLINK; return true;
	case '2': *out = TAR_SYMLINK; return true;
	case '3': *out = TAR_CHAR; return true;
	case '4': *out = TAR_BLOCK; return true;
	case '5': *out = TAR_FOLDER; return true;
	case '6': *out = TAR_FIFO; return true;
	case 'S':
		return error_set(err, ERROR_INVALID, "sparse files in archives are not supported");
	default:
		return error_set(err, ERROR_INVALID, "tar entries of type 0x%02x are not supported",
				 flag);
	}
}

static bool entry_names(struct tar *tar, struct error *err)
{
	struct tar_entry *entry = &tar->entry;
	struct extra *extra = &tar->extra;

	if (extra->path.len > 0)
		entry->path = str_from(buf_text(&extra->path), extra->path.len);
	else {
		header_path(tar, &tar->path);
		entry->path = str_from(buf_text(&tar->path), tar->path.len);
	}
	if (extra->link.len > 0)
		entry->link = str_from(buf_text(&extra->link), extra->link.len);
	else {
		buf_reset(&tar->link);
		buf_add_str(&tar->link, text_field(tar, 157, 100));
		entry->link = str_from(buf_text(&tar->link), tar->link.len);
	}
	if (entry->path.len == 0)
		return damaged("an entry without a name", err);
	/* Before there was a type for folders, a slash at the end made one. */
	if (entry->type == TAR_FILE && tar->block[156] != '7' &&
	    entry->path.at[entry->path.len - 1] == '/')
		entry->type = TAR_FOLDER;
	return true;
}

static bool entry_numbers(struct tar *tar, int64_t size, struct error *err)
{
	struct tar_entry *entry = &tar->entry;
	struct extra *extra = &tar->extra;
	int64_t mode, major = 0, minor = 0;

	if (!number_field(tar, 100, 8, &mode) || !number_field(tar, 108, 8, &entry->uid) ||
	    !number_field(tar, 116, 8, &entry->gid) || !number_field(tar, 136, 12, &entry->mtime_s))
		return damaged("a number cannot be read", err);
	if ((entry->type == TAR_CHAR || entry->type == TAR_BLOCK) &&
	    (!number_field(tar, 329, 8, &major) || !number_field(tar, 337, 8, &minor) ||
	     major < 0 || minor < 0 || major > UINT32_MAX || minor > UINT32_MAX))
		return damaged("a device number cannot be read", err);
	entry->mode = (unsigned)mode & 07777u;
	entry->major = (unsigned)major;
	entry->minor = (unsigned)minor;
	entry->mtime_ns = 0;
	if (extra->has_uid)
		entry->uid = extra->uid;
	if (extra->has_gid)
		entry->gid = extra->gid;
	if (extra->has_mtime) {
		entry->mtime_s = extra->mtime_s;
		entry->mtime_ns = extra->mtime_ns;
	}
	entry->size = 0;
	if (entry->type == TAR_FILE)
		entry->size = extra->has_size ? extra->size : (uint64_t)size;
	return true;
}

static bool finish_entry(struct tar *tar, int64_t size, struct error *err)
{
	struct tar_entry *entry = &tar->entry;

	if (!entry_type(tar->block[156], &entry->type, err) || !entry_names(tar, err) ||
	    !entry_numbers(tar, size, err))
		return false;
	entry->xattrs = tar->xattrs;
	entry->xattr_count = tar->extra.xattr_count;
	entry->offset = tar->at;
	tar->left = entry->size;
	tar->padding = padding_of(entry->size);
	return true;
}

/* A header about the next header; *out_meta false: it is an entry's own. */
static bool take_if_meta(struct tar *tar, uint64_t size, bool *out_meta, struct error *err)
{
	struct extra *extra = &tar->extra;

	*out_meta = true;
	switch (tar->block[156]) {
	case 'x':
		/* A second one replaces the first, as in other readers. */
		extra_reset(extra);
		return take_meta(tar, size, PAX_MAX, &extra->records, err) && pax_parse(tar, err);
	case 'g':
		if (size > PAX_MAX)
			return damaged("a global header is too large", err);
		return pass_over(tar, size + padding_of(size), err);
	case 'L': return take_long_name(tar, size, &extra->path, err);
	case 'K': return take_long_name(tar, size, &extra->link, err);
	default: *out_meta = false; return true;
	}
}

static bool is_zero(const struct tar *tar)
{
	for (size_t i = 0; i < BLOCK; i++)
		if (tar->block[i] != 0)
			return false;
	return true;
}

/* A header block with its checksum and size read; *out_end: two blocks of zeros, or no more. */
static bool take_header(struct tar *tar, int64_t *out_size, bool *out_end, struct error *err)
{
	size_t got;

	if (!take_block(tar, &got, err))
		return false;
	*out_end = got == 0;
	if (got > 0 && is_zero(tar)) {
		if (!take_block(tar, &got, err))
			return false;
		if (got > 0 && !is_zero(tar))
			return damaged("a block of zeros in the middle", err);
		*out_end = true;
	}
	if (*out_end)
		return true;
	if (!checksum_fits(tar))
		return damaged("the checksum of a header is wrong", err);
	if (!number_field(tar, 124, 12, out_size) || *out_size < 0 ||
	    (uint64_t)*out_size > SIZE_MAX_BYTES)
		return damaged("the size of an entry cannot be", err);
	return true;
}

bool tar_next(struct tar *tar, const struct tar_entry **out_entry, struct error *err)
{
	bool meta = true;
	unsigned metas = 0;
	int64_t size = 0;

	*out_entry = NULL;
	if (tar->ended)
		return true;
	if (!pass_over(tar, tar->left + tar->padding, err))
		return false;
	tar->left = tar->padding = 0;
	extra_reset(&tar->extra);
	while (meta) {
		if (!take_header(tar, &size, &tar->ended, err))
			return false;
		if (tar->ended && metas > 0)
			return error_set(err, ERROR_INVALID, "the archive is cut short");
		if (tar->ended)
			return true;
		if (!take_if_meta(tar, (uint64_t)size, &meta, err))
			return false;
		if (meta && ++metas > META_MAX)
			return damaged("too many headers for one entry", err);
	}
	if (!finish_entry(tar, size, err))
		return false;
	*out_entry = &tar->entry;
	return true;
}

bool tar_read(struct tar *tar, void *to, size_t room, size_t *out_len, struct error *err)
{
	if (room > tar->left)
		room = (size_t)tar->left;
	*out_len = 0;
	if (room == 0)
		return true;
	if (!tar->source->read(tar->source, to, room, out_len, err))
		return false;
	if (*out_len == 0)
		return error_set(err, ERROR_INVALID, "the archive is cut short");
	tar->left -= *out_len;
	tar->at += *out_len;
	return true;
}
