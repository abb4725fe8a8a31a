/*
 * test_inflate.c - plain, gzip and zstd sources, and the sources below and above them.
 */
#include <fcntl.h>
#include <unistd.h>

#include <zlib.h>
#include <zstd.h>

#include "base/file.h"
#include "runtime/inflate.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/tar_fixture.h"

/* Gives at most `step` bytes a time. */
struct slow {
	struct tar_source source;
	struct str left;
	size_t step;
};

static bool slow_read(struct tar_source *source, void *to, size_t room, size_t *out_len,
		      struct error *err)
{
	struct slow *slow = CONTAINER_OF(source, struct slow, source);

	(void)err;
	if (room > slow->step)
		room = slow->step;
	if (room > slow->left.len)
		room = slow->left.len;
	if (room > 0)
		memcpy(to, slow->left.at, room);
	slow->left = str_from(slow->left.at + room, slow->left.len - room);
	*out_len = room;
	return true;
}

static bool inflate_all(struct str bytes, size_t step, struct buf *out, struct error *err)
{
	struct slow slow = { .source = { .read = slow_read }, .left = bytes, .step = step };
	AUTO(inflate_close) struct inflate *inflate = NULL;

	return inflate_open(&slow.source, &inflate, err) &&
	       tar_source_take(inflate_source(inflate), 1 << 20, out, err);
}

static void check_gives(struct str bytes, struct str want)
{
	static const size_t steps[] = { 1, 7, 1000, 1 << 20 };

	for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
		auto_buf out = BUF_INIT;
		struct error err;

		CHECK_OK(inflate_all(bytes, steps[i], &out, &err), &err);
		CHECK_INT(out.len, want.len);
		CHECK_BYTES(out.at ? out.at : "", want.len ? want.at : "", want.len);
	}
}

static void check_fails(struct str bytes, const char *word)
{
	auto_buf out = BUF_INIT;
	struct error err;

	if (inflate_all(bytes, 1000, &out, &err))
		harness_fail(__FILE__, __LINE__, "not refused: %s", word);
	CHECK_INT(err.kind, ERROR_INVALID);
	if (!strstr(err.text, word))
		harness_fail(__FILE__, __LINE__, "%s", err.text);
}

/* 200 KB that do not compress to nothing. */
static void make_text(struct buf *text)
{
	unsigned state = 1;

	for (int i = 0; i < 200000; i++) {
		state = state * 1103515245u + 12345u;
		buf_add_byte(text, (char)('a' + (state >> 16) % 20));
	}
}

static void reads_plain(void)
{
	auto_buf text = BUF_INIT;

	make_text(&text);
	check_gives(buf_str(&text), buf_str(&text));
	check_gives(STR(""), STR(""));
	check_gives(STR("a"), STR("a"));
	check_gives(STR("\x1f\x8b"), STR("\x1f\x8b"));
}

static void reads_gzip_of_several_members(void)
{
	auto_buf text = BUF_INIT, packed = BUF_INIT, twice = BUF_INIT;

	make_text(&text);
	tar_gzip(buf_str(&text), &packed);
	CHECK_INT(inflate_guess(buf_str(&packed)), INFLATE_GZIP);
	check_gives(buf_str(&packed), buf_str(&text));
	tar_gzip(STR(""), &packed);
	tar_gzip(buf_str(&text), &packed);
	buf_add_str(&twice, buf_str(&text));
	buf_add_str(&twice, buf_str(&text));
	check_gives(buf_str(&packed), buf_str(&twice));
	for (int i = 0; i < 2000; i++)
		buf_add_byte(&packed, '\0'); /* blocks of a tape */
	check_gives(buf_str(&packed), buf_str(&twice));
	buf_add_byte(&packed, 'x');
	check_fails(buf_str(&packed), "follows");
}

static void reads_zstd_of_several_frames(void)
{
	auto_buf text = BUF_INIT, packed = BUF_INIT, twice = BUF_INIT;

	make_text(&text);
	buf_add(&packed, "\x51\x2a\x4d\x18\x03\0\0\0abc", 11); /* a skippable frame */
	CHECK_INT(inflate_guess(buf_str(&packed)), INFLATE_ZSTD);
	tar_zstd(buf_str(&text), &packed);
	check_gives(buf_str(&packed), buf_str(&text));
	tar_zstd(STR(""), &packed);
	tar_zstd(buf_str(&text), &packed);
	buf_add(&packed, "\x5f\x2a\x4d\x18\x00\0\0\0", 8);
	buf_add_str(&twice, buf_str(&text));
	buf_add_str(&twice, buf_str(&text));
	check_gives(buf_str(&packed), buf_str(&twice));
	buf_add_text(&packed, "something else");
	check_fails(buf_str(&packed), "damaged");
}

static void refuses_cut_data(void)
{
	auto_buf text = BUF_INIT, gzip = BUF_INIT, zstd = BUF_INIT;

	for (int i = 0; i < 200; i++)
		buf_add_print(&text, "%d", i * i);
	tar_gzip(buf_str(&text), &gzip);
	tar_zstd(buf_str(&text), &zstd);
	for (size_t len = 4; len < gzip.len; len++)
		check_fails(str_from(gzip.at, len), "cut short");
	for (size_t len = 4; len < zstd.len; len++)
		check_fails(str_from(zstd.at, len), "cut short");
}

static void refuses_damaged_data(void)
{
	auto_buf text = BUF_INIT, gzip = BUF_INIT, zstd = BUF_INIT;

	make_text(&text);
	tar_gzip(buf_str(&text), &gzip);
	gzip.at[gzip.len - 6] ^= 1; /* the checksum */
	check_fails(buf_str(&gzip), "damaged");
	gzip.at[gzip.len - 6] ^= 1;
	gzip.at[gzip.len / 2] ^= 0x55;
	check_fails(buf_str(&gzip), "damaged");
	tar_zstd(buf_str(&text), &zstd);
	zstd.at[zstd.len / 2] ^= 0x55;
	check_fails(buf_str(&zstd), "damaged");
}

/* A frame may ask for a window of gigabytes: for that much memory we are not asked. */
static void refuses_wide_windows(void)
{
	auto_buf text = BUF_INIT, packed = BUF_INIT;
	ZSTD_CCtx *context = ZSTD_createCCtx();
	ZSTD_inBuffer in;
	ZSTD_outBuffer out;

	make_text(&text);
	for (int log = 25; log <= 26; log++) {
		buf_reset(&packed);
		buf_reserve(&packed, ZSTD_compressBound(text.len));
		ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
		CHECK(!ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, log)));
		in = (ZSTD_inBuffer){ text.at, text.len, 0 };
		out = (ZSTD_outBuffer){ packed.at, packed.room - 1, 0 };
		/* In two pieces: a size that is known would make the window small. */
		in.size = 100;
		CHECK(!ZSTD_isError(ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush)));
		in.size = text.len;
		CHECK_INT(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end), 0);
		packed.len = out.pos;
		if (log == 25)
			check_gives(buf_str(&packed), buf_str(&text));
		else
			check_fails(buf_str(&packed), "memory");
	}
	ZSTD_freeCCtx(context);
}

/* A thousand times what is on the wire: the tap above stops it. */
static void taps_stop_bombs(void)
{
	for (int kind = 0; kind < 2; kind++) {
		auto_buf packed = BUF_INIT;
		auto_free char *zeros = memory_zero(8 << 20);
		AUTO(inflate_close) struct inflate *inflate = NULL;
		struct tar_source_text text;
		struct tar_source_tap tap;
		struct error err;

		(kind == 0 ? tar_gzip : tar_zstd)(str_from(zeros, 8 << 20), &packed);
		tar_source_text_init(&text, buf_str(&packed));
		CHECK_OK(inflate_open(&text.source, &inflate, &err), &err);
		tar_source_tap_init(&tap, inflate_source(inflate), 1 << 20);
		CHECK(!tar_source_drain(&tap.source, &err));
		CHECK_INT(err.kind, ERROR_TOO_LARGE);
		CHECK(tap.count <= 1 << 20);
		tar_source_tap_clear(&tap);
	}
}

static void taps_digest(void)
{
	auto_buf packed = BUF_INIT;
	AUTO(inflate_close) struct inflate *inflate = NULL;
	struct tar_source_text text;
	struct tar_source_tap lower, upper;
	char found[HASH_SHA256_HEX], want[HASH_SHA256_HEX];
	struct error err;

	tar_gzip(STR("some bytes"), &packed);
	tar_source_text_init(&text, buf_str(&packed));
	tar_source_tap_init(&lower, &text.source, 1000);
	CHECK_OK(inflate_open(&lower.source, &inflate, &err), &err);
	tar_source_tap_init(&upper, inflate_source(inflate), 10);
	CHECK_OK(tar_source_skip(&upper.source, 4, &err), &err);
	CHECK_OK(tar_source_drain(&upper.source, &err), &err);
	CHECK_INT(lower.count, packed.len);
	CHECK_INT(upper.count, 10);
	tar_source_tap_end(&lower, found);
	hash_sha256_hex(buf_str(&packed), want);
	CHECK_STR(found, want);
	tar_source_tap_end(&upper, found);
	hash_sha256_hex(STR("some bytes"), want);
	CHECK_STR(found, want);
	tar_source_tap_clear(&upper);
}

static void reads_pieces_of_files_and_pipes(void)
{
	auto_free char *path = memory_print("%s/file", harness_folder());
	auto_buf out = BUF_INIT;
	struct tar_source_file file;
	struct tar_source_pipe from;
	struct error err;
	size_t got;
	char room[8];
	int ends[2];
	auto_fd fd = -1;

	tar_save(path, STR("0123456789"));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	tar_source_file_init(&file, fd, 2, 5);
	CHECK_OK(tar_source_skip(&file.source, 1, &err), &err);
	CHECK_OK(tar_source_fill(&file.source, room, 8, &got, &err), &err);
	CHECK_INT(got, 4);
	CHECK_BYTES(room, "3456", 4);
	CHECK(!tar_source_skip(&file.source, 1, &err) && err.kind == ERROR_INVALID);
	tar_source_file_init(&file, fd, 8, 3); /* the file is shorter than was said */
	CHECK(!tar_source_take(&file.source, 100, &out, &err) && err.kind == ERROR_INVALID);
	buf_reset(&out);
	tar_source_file_init(&file, fd, 0, 10);
	CHECK(!tar_source_take(&file.source, 9, &out, &err) && err.kind == ERROR_TOO_LARGE);
	CHECK_INT(pipe(ends), 0);
	CHECK_OK(file_write_all(ends[1], "piped", 5, &err), &err);
	close(ends[1]);
	tar_source_pipe_init(&from, ends[0]);
	buf_reset(&out);
	CHECK_OK(tar_source_take(&from.source, 100, &out, &err), &err);
	CHECK_STR(buf_text(&out), "piped");
	CHECK(!tar_source_skip(&from.source, 1, &err) && err.kind == ERROR_INVALID);
	close(ends[0]);
}

static const struct test tests[] = {
	{ "reads plain bytes", reads_plain },
	{ "reads gzip of several members", reads_gzip_of_several_members },
	{ "reads zstd of several frames", reads_zstd_of_several_frames },
	{ "refuses cut data", refuses_cut_data },
	{ "refuses damaged data", refuses_damaged_data },
	{ "refuses wide windows", refuses_wide_windows },
	{ "taps stop bombs", taps_stop_bombs },
	{ "taps digest what passes", taps_digest },
	{ "reads pieces of files and pipes", reads_pieces_of_files_and_pipes },
};
TEST_MAIN(tests)
