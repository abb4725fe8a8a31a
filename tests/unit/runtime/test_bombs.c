/*
 * test_bombs.c - small archives that would become large (attack case 27): they stop at their
 * limits, and whoever reads them never has more than 64 MiB of memory.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/images.h"
#include "runtime/inflate.h"
#include "runtime/unpack.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/heap_peak.h"
#include "tests/unit/runtime/tar_fixture.h"

#define MEMORY_MAX (64u << 20)
#define FILE_BYTES (256u << 20) /* what the file of a bomb has */
#define DOCUMENT   (4u << 20)   /* LIMIT_IMAGE_MANIFEST */

static char *at_home(const char *name)
{
	return memory_print("%s/%s", harness_folder(), name);
}

/* --- layers --- */

static bool unpack(struct str bytes, uint64_t bytes_max, size_t entries_max, struct error *err)
{
	struct unpack_plan plan = { .bytes_max = bytes_max, .entries_max = entries_max };
	struct tar_source_text text;
	AUTO(inflate_close) struct inflate *inflate = NULL;
	auto_free char *layer = at_home("layer");
	uint64_t made;
	bool done;

	if (geteuid() != 0)
		harness_skip("not root");
	CHECK_INT(mkdir(layer, 0755), 0);
	plan.folder = open(layer, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(plan.folder >= 0);
	heap_peak_begin();
	tar_source_text_init(&text, bytes);
	done = inflate_open(&text.source, &inflate, err) &&
	       unpack_layer(&plan, inflate_source(inflate), &made, err);
	close(plan.folder);
	return done;
}

static void stops_at(struct str bytes, const char *word)
{
	struct error err;

	CHECK(!unpack(bytes, 8u << 20, 100, &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	CHECK(strstr(err.text, word));
	heap_peak_check(MEMORY_MAX);
}

/* The header of a file with FILE_BYTES, and behind it nothing. */
static void put_header(struct buf *out)
{
	tar_put(out, &(struct tar_item){ .type = '0', .path = "x", .size = FILE_BYTES });
}

static void gzip_bombs_stop(void)
{
	auto_free char *zeros = memory_zero(FILE_BYTES / 8);
	auto_buf plain = BUF_INIT, bomb = BUF_INIT;

	tar_put(&plain,
		&(struct tar_item){ .type = '0', .path = "x", .data = { zeros, 7u << 20 } });
	tar_put(&plain,
		&(struct tar_item){ .type = '0', .path = "y", .data = { zeros, FILE_BYTES / 8 } });
	tar_gzip(buf_str(&plain), &bomb);
	buf_clear(&plain);
	CHECK(bomb.len < FILE_BYTES / 8 / 500);
	stops_at(buf_str(&bomb), "bytes");
}

/* A frame with the widest window that is read: a block of 4 bytes becomes 128 KiB. */
static void put_zstd_bomb(struct buf *out, struct str begin)
{
	static const unsigned char head[] = { 0x28, 0xb5, 0x2f, 0xfd, 0, 15 << 3 };
	unsigned raw = (unsigned)begin.len << 3, zeros = (128u * 1024) << 3 | 1 << 1;

	buf_add(out, head, sizeof(head));
	buf_add_byte(out, (char)raw);
	buf_add_byte(out, (char)(raw >> 8));
	buf_add_byte(out, (char)(raw >> 16));
	buf_add_str(out, begin);
	for (unsigned i = 0; i < FILE_BYTES / (128 * 1024); i++) {
		buf_add_byte(out, (char)zeros);
		buf_add_byte(out, (char)(zeros >> 8));
		buf_add_byte(out, (char)(zeros >> 16));
		buf_add_byte(out, 0);
	}
}

static void zstd_bombs_stop(void)
{
	auto_buf plain = BUF_INIT, bomb = BUF_INIT;

	put_header(&plain);
	put_zstd_bomb(&bomb, buf_str(&plain));
	CHECK(bomb.len < FILE_BYTES / 10000);
	stops_at(buf_str(&bomb), "bytes");
}

/* What is remembered of each folder, and what a header may carry. */
static void many_entries_stop(void)
{
	auto_buf tar = BUF_INIT, path = BUF_INIT, long_part = BUF_INIT;
	auto_free char *large = memory_zero(1 << 20), *layer = at_home("layer");
	struct error err;

	for (unsigned i = 0; i < 250; i++)
		buf_add_byte(&long_part, 'n');
	for (unsigned i = 0; i < 15; i++)
		buf_add_print(&path, "%s/", buf_text(&long_part));
	for (unsigned i = 0; i < 6000; i++) {
		auto_buf name = BUF_INIT;

		buf_add_print(&name, "%s%u/", buf_text(&path), i);
		tar_put_pax(&tar, "path", buf_str(&name));
		tar_put_folder(&tar, "x");
	}
	CHECK(!unpack(buf_str(&tar), 1 << 20, 5000, &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	heap_peak_check(MEMORY_MAX);
	buf_reset(&tar);
	memset(large, 'v', (1 << 20) - 1);
	for (unsigned i = 0; i < 8; i++)
		tar_put_pax(&tar, "SCHILY.xattr.user.a", str_of(large));
	tar_put_file(&tar, "x", "");
	CHECK_OK(file_remove_tree(layer, &err), &err);
	CHECK(!unpack(buf_str(&tar), 1 << 20, 5000, &err));
	heap_peak_check(MEMORY_MAX);
}

/* --- documents --- */

/* `document` of the largest size, of the smallest values. */
static void fill(struct buf *out, const char *begin, const char *piece, const char *end)
{
	size_t len = strlen(piece);

	buf_add_text(out, begin);
	while (out->len + 2 * len + strlen(end) < DOCUMENT)
		buf_add_text(out, piece);
	buf_add(out, piece, len - 1); /* without its comma */
	buf_add_text(out, end);
}

static void import_stops(const struct buf *tar)
{
	auto_free char *archive = at_home("archive"), *store = at_home("store");
	struct images *images;
	struct error err;

	tar_save(archive, buf_str(tar));
	CHECK_OK(images_open(store, &images, &err), &err);
	heap_peak_begin();
	CHECK(!images_import(images, archive, NULL, &err));
	CHECK(err.kind == ERROR_INVALID || err.kind == ERROR_TOO_LARGE);
	heap_peak_check(MEMORY_MAX);
	images_close(images);
}

static void documents_stop(void)
{
	static const struct {
		const char *file, *begin, *piece, *end;
	} rows[] = {
		{ "manifest.json", "[", "0,", "]" },
		{ "manifest.json", "[", "{},", "]" },
		{ "manifest.json", "[{\"Config\":\"c\",\"Layers\":[", "0,", "]}]" },
		{ "manifest.json", "[{\"Config\":\"c\",\"RepoTags\":[", "\"\",",
		  "],\"Layers\":[]}]" },
		{ "index.json", "{\"schemaVersion\":2,\"manifests\":[", "{},", "]}" },
		{ "index.json", "{\"schemaVersion\":2,\"manifests\":[", "[],", "]}" },
		{ "index.json", "{\"schemaVersion\":2,\"manifests\":[", "0,", "]}" },
		{ "index.json", "{", "\"\":0,", "}" },
	};

	if (geteuid() != 0)
		harness_skip("not root");
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_buf tar = BUF_INIT, text = BUF_INIT;

		fill(&text, rows[i].begin, rows[i].piece, rows[i].end);
		tar_put_file(&tar, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
		tar_put_file(&tar, "c", "{\"rootfs\":{\"diff_ids\":[]}}");
		tar_put(&tar, &(struct tar_item){
				      .type = '0', .path = rows[i].file, .data = buf_str(&text) });
		tar_end(&tar);
		buf_clear(&text);
		import_stops(&tar);
	}
}

static void configurations_stop(void)
{
	auto_buf tar = BUF_INIT, text = BUF_INIT;

	if (geteuid() != 0)
		harness_skip("not root");
	fill(&text, "{\"rootfs\":{\"diff_ids\":[", "0,", "]}}");
	tar_put(&tar, &(struct tar_item){ .type = '0', .path = "c", .data = buf_str(&text) });
	tar_put_file(&tar, "manifest.json", "[{\"Config\":\"c\",\"Layers\":[]}]");
	tar_end(&tar);
	buf_clear(&text);
	import_stops(&tar);
}

static const struct test tests[] = {
	{ "gzip bombs stop", gzip_bombs_stop, .time_limit_s = 30 },
	{ "zstd bombs stop", zstd_bombs_stop, .time_limit_s = 30 },
	{ "many entries stop", many_entries_stop, .time_limit_s = 60 },
	{ "documents stop", documents_stop, .time_limit_s = 60 },
	{ "configurations stop", configurations_stop, .time_limit_s = 30 },
};
TEST_MAIN(tests)
