/*
 * test_unpacker.c - packed and unpacked again in parts of any size; damage and bombs in between.
 */
#include <string.h>

#include "net/hash.h"
#include "ota/packer.h"
#include "ota/unpacker.h"
#include "tests/unit/harness.h"

static struct error err;

struct sink {
	struct buf bytes;
	size_t room; /* refuses more */
};

static bool put(void *of, struct str bytes, struct error *why)
{
	struct sink *sink = of;

	if (sink->bytes.len + bytes.len > sink->room)
		return error_set(why, ERROR_FULL, "no room");
	buf_add_str(&sink->bytes, bytes);
	return true;
}

static void pack(struct str bytes, struct str from, struct sink *out)
{
	struct packer_plan plan = { PACKER_LEVEL_QUICK, bytes.len, from, put, out };
	auto_packer packer = NULL;

	CHECK_OK(packer_new(&plan, &packer, &err), &err);
	CHECK_OK(packer_feed(packer, bytes, &err), &err);
	CHECK_OK(packer_end(packer, &err), &err);
}

static struct bundle_entry entry_of(struct str bytes, enum bundle_codec codec)
{
	struct bundle_entry entry = { .name = "thing", .codec = codec, .size = bytes.len };

	hash_sha256(bytes, entry.sha256);
	return entry;
}

static bool unpack(const struct bundle_entry *entry, struct str packed, struct str from,
		   size_t part, struct sink *out)
{
	auto_unpacker unpacker = NULL;

	CHECK_OK(unpacker_new(entry, from, put, out, &unpacker, &err), &err);
	for (size_t at = 0; at < packed.len; at += part)
		if (!unpacker_feed(unpacker,
				   str_from(packed.at + at,
					    packed.len - at < part ? packed.len - at : part),
				   &err))
			return false;
	return unpacker_end(unpacker, &err);
}

static void make_text(struct buf *out, size_t lines, const char *word)
{
	for (size_t i = 0; i < lines; i++)
		buf_add_print(out, "line %zu of the %s, which is %zu\n", i, word, i * i % 1013);
}

static void parts_of_any_size(void)
{
	static const size_t parts[] = { 1, 2, 3, 7, 100, 4096, 1000000 };
	auto_buf text = BUF_INIT;
	struct sink packed = { BUF_INIT, SIZE_MAX };
	struct bundle_entry entry;

	make_text(&text, 20000, "text");
	entry = entry_of(buf_str(&text), BUNDLE_ZSTD);
	pack(buf_str(&text), STR_NONE, &packed);
	for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
		struct sink out = { BUF_INIT, SIZE_MAX };

		if (!unpack(&entry, buf_str(&packed.bytes), STR_NONE, parts[i], &out))
			harness_fail(__FILE__, __LINE__, "%s", err.text);
		CHECK(str_equal(buf_str(&out.bytes), buf_str(&text)));
		buf_clear(&out.bytes);
	}
	buf_clear(&packed.bytes);
}

static void raw(void)
{
	struct bundle_entry entry = entry_of(STR("hello"), BUNDLE_RAW);
	struct sink out = { BUF_INIT, 5 };

	CHECK(unpack(&entry, STR("hello"), STR_NONE, 2, &out));
	CHECK_STR(buf_text(&out.bytes), "hello");
	buf_reset(&out.bytes);
	CHECK(!unpack(&entry, STR("hell"), STR_NONE, 2, &out));
	CHECK_INT(err.kind, ERROR_INVALID);
	buf_reset(&out.bytes);
	CHECK(!unpack(&entry, STR("hello!"), STR_NONE, 3, &out));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	buf_reset(&out.bytes);
	CHECK(!unpack(&entry, STR("hallo"), STR_NONE, 5, &out));
	CHECK_INT(err.kind, ERROR_INVALID);
	buf_clear(&out.bytes);
}

/* 64 MiB of nothing in a few KB: not one byte more than declared comes out. */
static void bomb(void)
{
	struct sink packed = { BUF_INIT, SIZE_MAX }, out = { BUF_INIT, 100000 };
	struct packer_plan plan = { 3, 64u << 20, STR_NONE, put, &packed };
	struct bundle_entry entry = { .name = "bomb", .codec = BUNDLE_ZSTD, .size = 100000 };
	auto_free char *zeros = memory_zero(1u << 20);
	auto_packer packer = NULL;

	CHECK_OK(packer_new(&plan, &packer, &err), &err);
	for (int i = 0; i < 64; i++)
		CHECK_OK(packer_feed(packer, str_from(zeros, 1u << 20), &err), &err);
	CHECK_OK(packer_end(packer, &err), &err);
	CHECK(packed.bytes.len < 20000);
	CHECK(!unpack(&entry, buf_str(&packed.bytes), STR_NONE, 65536, &out));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	CHECK(out.bytes.len <= 100000);
	buf_clear(&packed.bytes);
	buf_clear(&out.bytes);
}

/* A frame that wants more window than the 8 MiB that small boards have to spare. */
static void window_is_bounded(void)
{
	static const char frame[] = "\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00"; /* 2^24, one block */
	struct bundle_entry entry = { .name = "wide", .codec = BUNDLE_ZSTD, .size = 1 };
	struct sink out = { BUF_INIT, 1 };

	CHECK(!unpack(&entry, str_from(frame, sizeof(frame) - 1), STR_NONE, 100, &out));
	CHECK_INT(err.kind, ERROR_INVALID);
	CHECK(strstr(err.text, "memory") != NULL);
}

static void damage_is_found(void)
{
	struct sink packed = { BUF_INIT, SIZE_MAX };
	auto_buf text = BUF_INIT;
	struct bundle_entry entry;

	make_text(&text, 300, "text");
	entry = entry_of(buf_str(&text), BUNDLE_ZSTD);
	pack(buf_str(&text), STR_NONE, &packed);
	for (size_t i = 0; i < packed.bytes.len; i++) {
		struct sink out = { BUF_INIT, text.len };

		packed.bytes.at[i] ^= 0x10;
		CHECK(!unpack(&entry, buf_str(&packed.bytes), STR_NONE, 512, &out) ||
		      str_equal(buf_str(&out.bytes), buf_str(&text)));
		packed.bytes.at[i] ^= 0x10;
		buf_clear(&out.bytes);
	}
	for (size_t len = 0; len < packed.bytes.len; len += 11) {
		struct sink out = { BUF_INIT, text.len };

		CHECK(!unpack(&entry, str_from(packed.bytes.at, len), STR_NONE, 512, &out));
		CHECK_INT(err.kind, ERROR_INVALID);
		buf_clear(&out.bytes);
	}
	buf_add_byte(&packed.bytes, 0);
	CHECK(!unpack(&entry, buf_str(&packed.bytes), STR_NONE, 512,
		      &(struct sink){ BUF_INIT, 0 }));
	buf_clear(&packed.bytes);
}

static void bytes_behind_the_end(void)
{
	struct sink packed = { BUF_INIT, SIZE_MAX }, out = { BUF_INIT, SIZE_MAX };
	struct bundle_entry entry = entry_of(STR("hello"), BUNDLE_ZSTD);

	pack(STR("hello"), STR_NONE, &packed);
	buf_add_byte(&packed.bytes, 'x');
	CHECK(!unpack(&entry, buf_str(&packed.bytes), STR_NONE, 512, &out));
	CHECK(strstr(err.text, "behind its end") != NULL);
	buf_clear(&out.bytes);
	packed.bytes.len--;
	CHECK(unpack(&entry, buf_str(&packed.bytes), STR_NONE, 512, &out));
	buf_clear(&out.bytes);
	buf_clear(&packed.bytes);
}

static void failing_sink_ends_it(void)
{
	struct sink packed = { BUF_INIT, SIZE_MAX }, out = { BUF_INIT, 1000 };
	struct bundle_entry entry;
	auto_buf text = BUF_INIT;

	make_text(&text, 300, "text");
	entry = entry_of(buf_str(&text), BUNDLE_ZSTD);
	pack(buf_str(&text), STR_NONE, &packed);
	CHECK(!unpack(&entry, buf_str(&packed.bytes), STR_NONE, 512, &out));
	CHECK_INT(err.kind, ERROR_FULL);
	buf_clear(&packed.bytes);
}

static void deltas(void)
{
	struct sink patch = { BUF_INIT, SIZE_MAX }, out = { BUF_INIT, SIZE_MAX };
	auto_buf old = BUF_INIT, new = BUF_INIT;
	struct bundle_entry entry;

	make_text(&old, 20000, "old text");
	buf_add_text(&new, "something before\n");
	buf_add_str(&new, buf_str(&old));
	new.at[400000] ^= 1;
	entry = entry_of(buf_str(&new), BUNDLE_RAW); /* its codec is that of its own piece */
	pack(buf_str(&new), buf_str(&old), &patch);
	CHECK(patch.bytes.len < 300);
	CHECK(unpack(&entry, buf_str(&patch.bytes), buf_str(&old), 10, &out));
	CHECK(str_equal(buf_str(&out.bytes), buf_str(&new)));
	buf_clear(&out.bytes);
	CHECK(!unpack(&entry, buf_str(&patch.bytes), STR("other"), 10, &out));
	buf_clear(&patch.bytes);
	buf_clear(&out.bytes);
}

static void announced_sizes_count(void)
{
	struct sink packed = { BUF_INIT, SIZE_MAX };
	struct packer_plan plan = { 3, 10, STR_NONE, put, &packed };
	auto_packer packer = NULL;
	auto_packer second = NULL;

	CHECK_OK(packer_new(&plan, &packer, &err), &err);
	CHECK(!packer_feed(packer, STR("more than ten"), &err));
	CHECK_OK(packer_new(&plan, &second, &err), &err);
	CHECK_OK(packer_feed(second, STR("nine byte"), &err), &err);
	CHECK(!packer_end(second, &err));
	buf_clear(&packed.bytes);
	CHECK_INT(packer_delta_window(1, 1), 17);
	CHECK_INT(packer_delta_window(4u << 20, 4u << 20), 23);
	CHECK_INT(packer_delta_window(4u << 20, (4u << 20) + 1), 24);
}

static const struct test tests[] = {
	{ "parts of any size", parts_of_any_size, .time_limit_s = 60 },
	{ "raw", raw },
	{ "bomb", bomb, .time_limit_s = 60 },
	{ "window is bounded", window_is_bounded },
	{ "damage is found", damage_is_found, .time_limit_s = 60 },
	{ "bytes behind the end", bytes_behind_the_end },
	{ "failing sink ends it", failing_sink_ends_it },
	{ "deltas", deltas },
	{ "announced sizes count", announced_sizes_count },
};

TEST_MAIN(tests)
