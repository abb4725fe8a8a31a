/*
 * tar_fixture.c - headers as they are written on the disk, byte by byte.
 */
#include "tests/unit/runtime/tar_fixture.h"

#include <stdio.h>

#include <zlib.h>
#include <zstd.h>

#include "base/file.h"
#include "tests/unit/harness.h"

#define BLOCK 512

static void put_text(char *field, size_t room, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (len > 0)
		memcpy(field, text, len < room ? len : room);
}

/* Octal when it fits, else base 256. */
static void put_number(char *field, size_t room, int64_t value)
{
	if (value >= 0 && value < 1ll << (3 * (room - 1))) {
		char text[32];

		snprintf(text, sizeof(text), "%0*llo", (int)room - 1, (unsigned long long)value);
		memcpy(field, text, room - 1);
		return;
	}
	for (size_t i = room; i > 0; i--) {
		field[i - 1] = (char)(value & 0xff);
		value >>= 8;
	}
	field[0] = (char)(field[0] | (char)0x80);
}

void tar_sign(struct buf *out, size_t at)
{
	char *header = out->at + at;
	unsigned sum = 0;
	char text[16];

	memset(header + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)header[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(header + 148, text, 7);
}

static void pad(struct buf *out)
{
	static const char zeros[BLOCK];

	if (out->len % BLOCK > 0)
		buf_add(out, zeros, BLOCK - out->len % BLOCK);
}

void tar_put(struct buf *out, const struct tar_item *item)
{
	char header[BLOCK] = { 0 };
	unsigned usual = item->type == '5' ? 0755 : 0644;

	put_text(header, 100, item->path);
	put_number(header + 100, 8, item->mode ? item->mode : usual);
	put_number(header + 108, 8, item->uid);
	put_number(header + 116, 8, item->gid);
	put_number(header + 124, 12, item->size ? item->size : (int64_t)item->data.len);
	put_number(header + 136, 12, item->mtime ? item->mtime : TAR_FIXTURE_TIME);
	header[156] = item->type;
	put_text(header + 157, 100, item->link);
	memcpy(header + 257, item->gnu ? "ustar  " : "ustar\00000", 8);
	if (item->type == '3' || item->type == '4') {
		put_number(header + 329, 8, item->major);
		put_number(header + 337, 8, item->minor);
	}
	put_text(header + 345, 155, item->prefix);
	buf_add(out, header, BLOCK);
	tar_sign(out, out->len - BLOCK);
	buf_add_str(out, item->data);
	pad(out);
}

void tar_put_file(struct buf *out, const char *path, const char *text)
{
	tar_put(out, &(struct tar_item){ .type = '0', .path = path, .data = str_of(text) });
}

void tar_put_folder(struct buf *out, const char *path)
{
	tar_put(out, &(struct tar_item){ .type = '5', .path = path });
}

void tar_put_link(struct buf *out, char type, const char *path, const char *target)
{
	tar_put(out, &(struct tar_item){ .type = type, .path = path, .link = target });
}

void tar_put_device(struct buf *out, char type, const char *path, unsigned major, unsigned minor)
{
	tar_put(out,
		&(struct tar_item){ .type = type, .path = path, .major = major, .minor = minor });
}

/* The length counts itself. */
void tar_add_record(struct buf *records, const char *key, struct str value)
{
	size_t body = strlen(key) + value.len + 3;
	size_t len = body;

	for (;;) {
		char digits[24];
		size_t whole = body + (size_t)snprintf(digits, sizeof(digits), "%zu", len);

		if (whole == len)
			break;
		len = whole;
	}
	buf_add_print(records, "%zu %s=", len, key);
	buf_add_str(records, value);
	buf_add_byte(records, '\n');
}

void tar_put_records(struct buf *out, char type, struct str records)
{
	tar_put(out, &(struct tar_item){ .type = type, .path = "PaxHeaders/x", .data = records });
}

void tar_put_pax(struct buf *out, const char *key, struct str value)
{
	auto_buf records = BUF_INIT;

	tar_add_record(&records, key, value);
	tar_put_records(out, 'x', buf_str(&records));
}

void tar_put_long(struct buf *out, char type, const char *text)
{
	tar_put(out, &(struct tar_item){ .type = type,
					 .path = "././@LongLink",
					 .data = str_from(text, strlen(text) + 1),
					 .gnu = true });
}

void tar_end(struct buf *out)
{
	static const char zeros[2 * BLOCK];

	buf_add(out, zeros, sizeof(zeros));
}

void tar_gzip(struct str plain, struct buf *out)
{
	z_stream z = { 0 };
	size_t room;

	CHECK_INT(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	room = deflateBound(&z, plain.len);
	buf_reserve(out, room);
	z.next_in = (unsigned char *)(uintptr_t)plain.at;
	z.avail_in = (unsigned)plain.len;
	z.next_out = (unsigned char *)out->at + out->len;
	z.avail_out = (unsigned)room;
	CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len += room - z.avail_out;
	out->at[out->len] = '\0';
	deflateEnd(&z);
}

void tar_zstd(struct str plain, struct buf *out)
{
	size_t room = ZSTD_compressBound(plain.len), made;

	buf_reserve(out, room);
	made = ZSTD_compress(out->at + out->len, room, plain.at, plain.len, 3);
	CHECK(!ZSTD_isError(made));
	out->len += made;
	out->at[out->len] = '\0';
}

void tar_save(const char *path, struct str bytes)
{
	struct error err;

	CHECK_OK(file_replace(path, bytes, 0600, &err), &err);
}
