/*
 * spdy_block.c - header blocks: unpacked with a bound, packed with a small window.
 */
#include "net/spdy_block.h"

#include <assert.h>

#include <zlib.h>

#define PACK_WINDOW 11 /* 2 KiB: the dictionary and some; what goes out is short */
#define PACK_MEMORY 3

/* clang-format off */
/* SPDY/3, section 2.6.10.1: what both sides begin with.  Each word is behind its length. */
static const char dictionary[] =
	"\0\0\0\7" "options" "\0\0\0\4" "head" "\0\0\0\4" "post" "\0\0\0\3" "put"
	"\0\0\0\6" "delete" "\0\0\0\5" "trace" "\0\0\0\6" "accept"
	"\0\0\0\16" "accept-charset" "\0\0\0\17" "accept-encoding"
	"\0\0\0\17" "accept-language" "\0\0\0\15" "accept-ranges" "\0\0\0\3" "age"
	"\0\0\0\5" "allow" "\0\0\0\15" "authorization" "\0\0\0\15" "cache-control"
	"\0\0\0\12" "connection" "\0\0\0\14" "content-base" "\0\0\0\20" "content-encoding"
	"\0\0\0\20" "content-language" "\0\0\0\16" "content-length"
	"\0\0\0\20" "content-location" "\0\0\0\13" "content-md5"
	"\0\0\0\15" "content-range" "\0\0\0\14" "content-type" "\0\0\0\4" "date"
	"\0\0\0\4" "etag" "\0\0\0\6" "expect" "\0\0\0\7" "expires" "\0\0\0\4" "from"
	"\0\0\0\4" "host" "\0\0\0\10" "if-match" "\0\0\0\21" "if-modified-since"
	"\0\0\0\15" "if-none-match" "\0\0\0\10" "if-range"
	"\0\0\0\23" "if-unmodified-since" "\0\0\0\15" "last-modified"
	"\0\0\0\10" "location" "\0\0\0\14" "max-forwards" "\0\0\0\6" "pragma"
	"\0\0\0\22" "proxy-authenticate" "\0\0\0\23" "proxy-authorization"
	"\0\0\0\5" "range" "\0\0\0\7" "referer" "\0\0\0\13" "retry-after"
	"\0\0\0\6" "server" "\0\0\0\2" "te" "\0\0\0\7" "trailer"
	"\0\0\0\21" "transfer-encoding" "\0\0\0\7" "upgrade" "\0\0\0\12" "user-agent"
	"\0\0\0\4" "vary" "\0\0\0\3" "via" "\0\0\0\7" "warning"
	"\0\0\0\20" "www-authenticate" "\0\0\0\6" "method" "\0\0\0\3" "get"
	"\0\0\0\6" "status" "\0\0\0\6" "200 OK" "\0\0\0\7" "version" "\0\0\0\10" "HTTP/1.1"
	"\0\0\0\3" "url" "\0\0\0\6" "public" "\0\0\0\12" "set-cookie"
	"\0\0\0\12" "keep-alive" "\0\0\0\6" "origin"
	"100101201202205206300302303304305306307402405406407408409410411412413414415416417502"
	"504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Re"
	"quest401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Impl"
	"emented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00"
	":00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,imag"
	"e/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivate"
	"max-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";
/* clang-format on */
#define DICTIONARY_LEN (sizeof(dictionary) - 1)
static_assert(DICTIONARY_LEN == 1423, "the dictionary is a constant of the protocol");

struct spdy_unpacker {
	z_stream zlib;
	size_t len;
	struct spdy_header headers[SPDY_HEADERS_MAX];
	char text[SPDY_BLOCK_MAX];
};

struct spdy_packer {
	z_stream zlib;
};

static const unsigned char *dictionary_bytes(void)
{
	return (const unsigned char *)dictionary;
}

/* --- in --- */

struct spdy_unpacker *spdy_unpacker_new(void)
{
	struct spdy_unpacker *it = memory_new(struct spdy_unpacker);

	if (inflateInit(&it->zlib) != Z_OK)
		abort(); /* no memory */
	return it;
}

void spdy_unpacker_free(struct spdy_unpacker *it)
{
	if (!it)
		return;
	inflateEnd(&it->zlib);
	free(it);
}

static bool damaged(const struct spdy_unpacker *it, struct error *err)
{
	return error_set(err, ERROR_BAD_REQUEST, "a header block is damaged (%s)",
			 it->zlib.msg ? it->zlib.msg : "zlib");
}

/* All of the block into `text`. */
static bool inflate_block(struct spdy_unpacker *it, struct str block, struct error *err)
{
	z_stream *zlib = &it->zlib;
	int result;

	zlib->next_in = (unsigned char *)(uintptr_t)block.at;
	zlib->avail_in = (unsigned)block.len;
	zlib->next_out = (unsigned char *)it->text;
	zlib->avail_out = sizeof(it->text);
	do {
		result = inflate(zlib, Z_SYNC_FLUSH);
		if (result == Z_NEED_DICT)
			result = inflateSetDictionary(zlib, dictionary_bytes(), DICTIONARY_LEN);
		if (result != Z_OK && result != Z_BUF_ERROR)
			return damaged(it, err);
	} while (result == Z_OK && zlib->avail_in > 0 && zlib->avail_out > 0);
	if (zlib->avail_out == 0)
		return error_set(err, ERROR_TOO_LARGE,
				 "a header block has more than %d bytes unpacked", SPDY_BLOCK_MAX);
	it->len = sizeof(it->text) - zlib->avail_out;
	return true;
}

static bool take_number(struct str *rest, uint32_t *out)
{
	const unsigned char *at = (const unsigned char *)rest->at;

	if (rest->len < 4)
		return false;
	*out = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
	*rest = str_from(rest->at + 4, rest->len - 4);
	return true;
}

static bool take_text(struct str *rest, struct str *out)
{
	uint32_t len;

	if (!take_number(rest, &len) || len > rest->len)
		return false;
	*out = str_from(rest->at, len);
	*rest = str_from(rest->at + len, rest->len - len);
	return true;
}

bool spdy_unpack(struct spdy_unpacker *it, struct str block, const struct spdy_header **out,
		 size_t *out_count, struct error *err)
{
	struct str rest;
	uint32_t count;

	if (!inflate_block(it, block, err))
		return false;
	rest = str_from(it->text, it->len);
	if (!take_number(&rest, &count))
		return error_set(err, ERROR_BAD_REQUEST, "a header block is cut short");
	if (count > SPDY_HEADERS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "a header block has more than %d headers",
				 SPDY_HEADERS_MAX);
	for (uint32_t i = 0; i < count; i++)
		if (!take_text(&rest, &it->headers[i].name) ||
		    !take_text(&rest, &it->headers[i].value) || it->headers[i].name.len == 0)
			return error_set(err, ERROR_BAD_REQUEST, "a header block is cut short");
	if (rest.len > 0)
		return error_set(err, ERROR_BAD_REQUEST, "something follows the last header");
	*out = it->headers;
	*out_count = count;
	return true;
}

/* --- out --- */

struct spdy_packer *spdy_packer_new(void)
{
	struct spdy_packer *it = memory_new(struct spdy_packer);

	if (deflateInit2(&it->zlib, Z_BEST_SPEED, Z_DEFLATED, PACK_WINDOW, PACK_MEMORY,
			 Z_DEFAULT_STRATEGY) != Z_OK ||
	    deflateSetDictionary(&it->zlib, dictionary_bytes(), DICTIONARY_LEN) != Z_OK)
		abort(); /* no memory */
	return it;
}

void spdy_packer_free(struct spdy_packer *it)
{
	if (!it)
		return;
	deflateEnd(&it->zlib);
	free(it);
}

static void add_number(struct buf *out, size_t number)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_add_byte(out, (char)(unsigned char)(number >> shift));
}

void spdy_pack(struct spdy_packer *it, const struct spdy_header *headers, size_t count,
	       struct buf *out)
{
	auto_buf plain = BUF_INIT;
	z_stream *zlib = &it->zlib;

	assert(count <= SPDY_HEADERS_MAX);
	add_number(&plain, count);
	for (size_t i = 0; i < count; i++) {
		add_number(&plain, headers[i].name.len);
		buf_add_str(&plain, headers[i].name);
		add_number(&plain, headers[i].value.len);
		buf_add_str(&plain, headers[i].value);
	}
	assert(plain.len <= SPDY_BLOCK_MAX);
	zlib->next_in = (unsigned char *)plain.at;
	zlib->avail_in = (unsigned)plain.len;
	do {
		buf_reserve(out, 1024);
		zlib->next_out = (unsigned char *)out->at + out->len;
		zlib->avail_out = 1024;
		if (deflate(zlib, Z_SYNC_FLUSH) == Z_STREAM_ERROR)
			abort(); /* its state was overwritten */
		out->len += 1024 - zlib->avail_out;
	} while (zlib->avail_out == 0);
	out->at[out->len] = '\0';
}
