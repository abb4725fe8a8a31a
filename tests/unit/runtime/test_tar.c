/*
 * test_tar.c - headers of every dialect, and headers that lie.
 */
#include <stdio.h>

#include "runtime/tar.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/tar_fixture.h"

struct reader {
	struct tar_source_text source;
	struct tar *tar;
	const struct tar_entry *entry;
	struct error err;
};

static void open_tar(struct reader *reader, const struct buf *bytes)
{
	tar_source_text_init(&reader->source, buf_str(bytes));
	reader->tar = tar_new(&reader->source.source);
}

static void next(struct reader *reader)
{
	CHECK_OK(tar_next(reader->tar, &reader->entry, &reader->err), &reader->err);
}

/* The first entry of an archive. */
static void open_first(struct reader *reader, const struct buf *bytes)
{
	open_tar(reader, bytes);
	next(reader);
	CHECK(reader->entry);
}

static void check_fails(struct buf *bytes, enum error_kind kind, const char *word)
{
	struct reader reader;
	bool done;

	open_tar(&reader, bytes);
	do
		done = tar_next(reader.tar, &reader.entry, &reader.err);
	while (done && reader.entry);
	if (done || reader.err.kind != kind || !strstr(reader.err.text, word))
		harness_fail(__FILE__, __LINE__, "\"%s\" instead of \"%s\"",
			     done ? "" : reader.err.text, word);
	tar_free(reader.tar);
	buf_reset(bytes);
}

static void check_content(struct reader *reader, const char *want)
{
	auto_buf have = BUF_INIT;
	char room[3];
	size_t got;

	do {
		CHECK_OK(tar_read(reader->tar, room, sizeof(room), &got, &reader->err),
			 &reader->err);
		buf_add(&have, room, got);
	} while (got > 0);
	CHECK_STR(buf_text(&have), want);
}

static void reads_entries(void)
{
	auto_buf bytes = BUF_INIT;
	struct reader reader;

	tar_put_folder(&bytes, "dir/");
	tar_put(&bytes, &(struct tar_item){ .type = '0',
					    .path = "dir/a",
					    .data = STR("content"),
					    .mode = 0100644,
					    .uid = 1,
					    .gid = 2 });
	tar_put_file(&bytes, "passed over", "nobody reads this");
	tar_put_link(&bytes, '2', "soft", "to/there");
	tar_put_device(&bytes, '4', "disk", 8, 17);
	tar_put_file(&bytes, "last", "");
	tar_end(&bytes);
	buf_add_text(&bytes, "what follows the end is not looked at");
	open_first(&reader, &bytes);
	CHECK_INT(reader.entry->type, TAR_FOLDER);
	CHECK_STR(reader.entry->path.at, "dir/");
	CHECK_INT(reader.entry->size, 0);
	next(&reader);
	CHECK_INT(reader.entry->type, TAR_FILE);
	CHECK_STR(reader.entry->path.at, "dir/a");
	CHECK_INT(reader.entry->mode, 0644);
	CHECK_INT(reader.entry->uid, 1);
	CHECK_INT(reader.entry->gid, 2);
	CHECK_INT(reader.entry->mtime_s, TAR_FIXTURE_TIME);
	CHECK_INT(reader.entry->size, 7);
	CHECK_INT(reader.entry->offset, 1024);
	check_content(&reader, "content");
	next(&reader);
	CHECK_STR(reader.entry->path.at, "passed over");
	next(&reader);
	CHECK_INT(reader.entry->type, TAR_SYMLINK);
	CHECK_STR(reader.entry->link.at, "to/there");
	next(&reader);
	CHECK_INT(reader.entry->type, TAR_BLOCK);
	CHECK_INT(reader.entry->major, 8);
	CHECK_INT(reader.entry->minor, 17);
	next(&reader);
	check_content(&reader, "");
	next(&reader);
	CHECK(!reader.entry);
	next(&reader);
	CHECK(!reader.entry);
	tar_free(reader.tar);
}

static void reads_names_of_every_dialect(void)
{
	auto_buf bytes = BUF_INIT, name = BUF_INIT;
	struct reader reader;

	for (int i = 0; i < 100; i++)
		buf_add_byte(&name, 'n'); /* fills the field: no NUL at its end */
	tar_put(&bytes, &(struct tar_item){ .type = '1',
					    .path = buf_text(&name),
					    .link = buf_text(&name),
					    .prefix = "before" });
	/* GNU's magic: what stands at the prefix is something else. */
	tar_put(&bytes,
		&(struct tar_item){ .type = '0', .path = "gnu", .prefix = "times", .gnu = true });
	tar_put(&bytes, &(struct tar_item){ .type = '\0', .path = "old/", .prefix = "" });
	tar_put_long(&bytes, 'L', "long/name");
	tar_put_long(&bytes, 'K', "long/link");
	tar_put_link(&bytes, '2', "short", "short");
	tar_put_link(&bytes, '2', "short", "short");
	open_first(&reader, &bytes);
	CHECK_INT(reader.entry->path.len, 107);
	CHECK(str_starts(reader.entry->path, STR("before/nnn")));
	CHECK_STR(reader.entry->link.at, buf_text(&name));
	next(&reader);
	CHECK_STR(reader.entry->path.at, "gnu");
	next(&reader);
	CHECK_INT(reader.entry->type, TAR_FOLDER);
	next(&reader);
	CHECK_STR(reader.entry->path.at, "long/name");
	CHECK_STR(reader.entry->link.at, "long/link");
	next(&reader);
	CHECK_STR(reader.entry->path.at, "short"); /* long names are of one entry only */
	CHECK_STR(reader.entry->link.at, "short");
	tar_free(reader.tar);
}

static void reads_pax(void)
{
	auto_buf bytes = BUF_INIT, records = BUF_INIT, global = BUF_INIT;
	struct reader reader;

	tar_add_record(&global, "path", STR("of no meaning"));
	tar_put_records(&bytes, 'g', buf_str(&global));
	tar_add_record(&records, "path", STR("p\xc3\xa4th"));
	tar_add_record(&records, "linkpath", STR("link"));
	tar_add_record(&records, "uid", STR("123456789"));
	tar_add_record(&records, "gid", STR("7"));
	tar_add_record(&records, "mtime", STR("-1.25"));
	tar_add_record(&records, "comment", STR("a=b\nc"));
	tar_add_record(&records, "SCHILY.xattr.user.a=b", STR(""));
	tar_add_record(&records, "SCHILY.xattr.user.n", STR("v\0w\n"));
	tar_put_records(&bytes, 'x', buf_str(&records));
	tar_put_link(&bytes, '2', "short", "short");
	tar_put_pax(&bytes, "size", STR("3"));
	tar_put(&bytes, &(struct tar_item){ .type = '0', .path = "f", .data = STR("abc") });
	tar_put_pax(&bytes, "path", STR("")); /* takes it back */
	tar_put_file(&bytes, "plain", "");
	open_first(&reader, &bytes);
	CHECK_STR(reader.entry->path.at, "p\xc3\xa4th");
	CHECK_STR(reader.entry->link.at, "link");
	CHECK_INT(reader.entry->uid, 123456789);
	CHECK_INT(reader.entry->gid, 7);
	CHECK_INT(reader.entry->mtime_s, -2);
	CHECK_INT(reader.entry->mtime_ns, 750000000);
	CHECK_INT(reader.entry->xattr_count, 2);
	CHECK(str_is(reader.entry->xattrs[0].name, "user.a"));
	CHECK(str_is(reader.entry->xattrs[0].value, "b="));
	CHECK(str_equal(reader.entry->xattrs[1].value, STR("v\0w\n")));
	next(&reader);
	CHECK_INT(reader.entry->xattr_count, 0);
	CHECK_INT(reader.entry->mtime_s, TAR_FIXTURE_TIME);
	check_content(&reader, "abc");
	next(&reader);
	CHECK_STR(reader.entry->path.at, "plain");
	next(&reader);
	CHECK(!reader.entry);
	tar_free(reader.tar);
}

static void refuses_wrong_pax(void)
{
	static const char *const records[] = {
		"0 a=b\n", "5 a=b\n",       "7 a=b\n",   "-6 a=b\n",
		" a=b\n",  "6 a=bc",        "6a=b\n",    "4 =\n",
		"5 =b\n",  "3 \n",          "6\n",       "99999999999999999999 a=b\n",
		"6 a:b\n", "6 a=b\n7",      "6 a=b\n\n", "x",
		"2 ",      "6 a=b\n6 a=bX", "1 a=b\n",
	};
	static const char *const numbers[][2] = {
		{ "uid", "-1" },
		{ "uid", "x" },
		{ "gid", "" },
		{ "size", "-5" },
		{ "size", "9223372036854775807" },
		{ "mtime", "1.2.3" },
		{ "mtime", ".5" },
		{ "mtime", "1e3" },
		{ "mtime", "99999999999999999999" },
	};
	auto_buf bytes = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LENGTH(records); i++) {
		tar_put_records(&bytes, 'x', str_of(records[i]));
		tar_put_file(&bytes, "f", "");
		check_fails(&bytes, ERROR_INVALID, "PAX record");
	}
	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
		tar_put_pax(&bytes, numbers[i][0], str_of(numbers[i][1]));
		tar_put_file(&bytes, "f", "");
		check_fails(&bytes, ERROR_INVALID, "PAX number");
	}
	tar_put_pax(&bytes, "SCHILY.xattr.", STR("v"));
	check_fails(&bytes, ERROR_INVALID, "proper name");
}

static void bounds_headers_of_headers(void)
{
	auto_buf bytes = BUF_INIT, records = BUF_INIT;

	for (int i = 0; i < 65; i++)
		tar_add_record(&records, "SCHILY.xattr.user.x", STR("v"));
	tar_put_records(&bytes, 'x', buf_str(&records));
	check_fails(&bytes, ERROR_TOO_LARGE, "attributes");
	for (int i = 0; i < 9; i++)
		tar_put_pax(&bytes, "comment", STR("x"));
	check_fails(&bytes, ERROR_INVALID, "too many headers");
	for (const char *type = "xgLK"; *type; type++) {
		tar_put(&bytes,
			&(struct tar_item){ .type = *type, .path = "x", .size = 1ll << 40 });
		check_fails(&bytes, *type == 'g' ? ERROR_INVALID : ERROR_TOO_LARGE, "header");
		tar_put(&bytes, &(struct tar_item){ .type = *type, .path = "x", .size = 8000 });
		check_fails(&bytes, ERROR_INVALID, "cut short");
	}
}

/* Put a text into a field of the header at the beginning, sign it again. */
static void put_field(struct buf *bytes, size_t at, const void *text, size_t len)
{
	memcpy(bytes->at + at, text, len);
	tar_sign(bytes, 0);
}

static void reads_numbers(void)
{
	static const struct {
		const char *field; /* 8 bytes */
		int64_t want;
	} good[] = {
		{ "0000012\0", 10 },
		{ "     12\0", 10 },
		{ "12 \0\0\0\0\0", 10 },
		{ "00000012", 10 },
		{ "\0\0\0\0\0\0\0\0", 0 },
		{ "        ", 0 },
		{ "\x80\0\0\0\0\0\x01\x02", 258 },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff", -1 },
		{ "\xff\xff\xff\xff\xff\xff\xff\x00", -256 },
	};
	static const char *const wrong[] = { "000001x\0", "1 2\0\0\0\0\0", "-000001\0", "0000018\0",
					     "\0\0\0\0\0\0\0001" };
	auto_buf bytes = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
		struct reader reader;

		buf_reset(&bytes);
		tar_put_file(&bytes, "f", "");
		put_field(&bytes, 108, good[i].field, 8);
		open_first(&reader, &bytes);
		CHECK_INT(reader.entry->uid, good[i].want);
		tar_free(reader.tar);
	}
	buf_reset(&bytes);
	for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
		tar_put_file(&bytes, "f", "");
		put_field(&bytes, 108, wrong[i], 8);
		check_fails(&bytes, ERROR_INVALID, "number");
	}
	tar_put_file(&bytes, "f", ""); /* 2^64: does not fit */
	put_field(&bytes, 136, "\x80\0\0\x01\0\0\0\0\0\0\0\0", 12);
	check_fails(&bytes, ERROR_INVALID, "number");
	tar_put_file(&bytes, "f", ""); /* 2^63 */
	put_field(&bytes, 136, "\x80\0\0\0\x80\0\0\0\0\0\0\0", 12);
	check_fails(&bytes, ERROR_INVALID, "number");
	tar_put_file(&bytes, "f", "");
	put_field(&bytes, 124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
	check_fails(&bytes, ERROR_INVALID, "size");
}

static void checks_headers(void)
{
	auto_buf bytes = BUF_INIT;
	struct reader reader;
	int sum = 0;
	char text[8];

	tar_put_file(&bytes, "f", "");
	bytes.at[0] = 'g';
	check_fails(&bytes, ERROR_INVALID, "checksum");
	tar_put_file(&bytes, "f", "");
	bytes.at[150] = 'x';
	check_fails(&bytes, ERROR_INVALID, "checksum");
	for (const char *type = "8AVMDNX\x7f"; *type; type++) {
		tar_put(&bytes, &(struct tar_item){ .type = *type, .path = "f" });
		check_fails(&bytes, ERROR_INVALID, "not supported");
	}
	tar_put_file(&bytes, "f", "");
	for (int i = 0; i < 512; i++)
		buf_add_byte(&bytes, '\0');
	tar_put_file(&bytes, "hidden", "");
	check_fails(&bytes, ERROR_INVALID, "zeros in the middle");
	tar_put_file(&bytes, "f", "text");
	bytes.len -= 300;
	check_fails(&bytes, ERROR_INVALID, "cut short");
	/* Some old writers added the bytes up with their sign. */
	buf_reset(&bytes);
	tar_put_file(&bytes, "\xff\xfe", "");
	memset(bytes.at + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (signed char)bytes.at[i];
	snprintf(text, sizeof(text), "%06o", (unsigned)sum);
	memcpy(bytes.at + 148, text, 7);
	open_first(&reader, &bytes);
	CHECK_STR(reader.entry->path.at, "\xff\xfe");
	tar_free(reader.tar);
}

static const struct test tests[] = {
	{ "reads entries", reads_entries },
	{ "reads names of every dialect", reads_names_of_every_dialect },
	{ "reads PAX", reads_pax },
	{ "refuses wrong PAX", refuses_wrong_pax },
	{ "bounds headers of headers", bounds_headers_of_headers },
	{ "reads numbers", reads_numbers },
	{ "checks headers", checks_headers },
};
TEST_MAIN(tests)
