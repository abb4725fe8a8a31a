/*
 * text_codec.c - base64 (RFC 4648), hex and percent encoding (RFC 3986) into owned texts.
 */
#include "base/text.h"

/* After a failure: as it was before. */
static bool cut(struct buf *buf, size_t before)
{
	buf->len = before;
	if (buf->at)
		buf->at[before] = '\0';
	return false;
}

static const char base64_plain[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void add_base64(struct buf *buf, struct str bytes, const char *alphabet, bool pad)
{
	const unsigned char *at = (const unsigned char *)bytes.at;

	buf_reserve(buf, bytes.len / 3 * 4 + 4);
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		unsigned word = (unsigned)at[i] << 16;
		char text[4];

		if (left > 1)
			word |= (unsigned)at[i + 1] << 8;
		if (left > 2)
			word |= at[i + 2];
		for (int k = 0; k < 4; k++)
			text[k] = alphabet[(word >> (18 - 6 * k)) & 63];
		if (left < 3 && pad)
			text[3] = '=';
		if (left < 2 && pad)
			text[2] = '=';
		buf_add(buf, text, pad || left > 2 ? 4 : left + 1);
	}
}

void buf_add_base64(struct buf *buf, struct str bytes)
{
	add_base64(buf, bytes, base64_plain, true);
}

void buf_add_base64url(struct buf *buf, struct str bytes)
{
	add_base64(buf, bytes, base64_url, false);
}

static int base64_value(char c, const char *alphabet)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == alphabet[62])
		return 62;
	return c == alphabet[63] ? 63 : -1;
}

/* Padding only at the end and only where it belongs; no bits left over. */
static bool strip_padding(struct str *text)
{
	size_t pads = 0;

	while (text->len > 0 && text->at[text->len - 1] == '=') {
		text->len--;
		pads++;
	}
	if (pads > 2 || text->len % 4 == 1)
		return false;
	return pads == 0 || (text->len + pads) % 4 == 0;
}

static bool add_base64_decoded(struct buf *buf, struct str text, const char *alphabet)
{
	size_t before = buf->len;
	unsigned word = 0;
	int bits = 0;

	if (!strip_padding(&text))
		return false;
	buf_reserve(buf, text.len / 4 * 3 + 3);
	for (size_t i = 0; i < text.len; i++) {
		int value = base64_value(text.at[i], alphabet);

		if (value < 0) {
			return cut(buf, before);
		}
		word = (word << 6 | (unsigned)value) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_add_byte(buf, (char)(word >> bits));
		}
	}
	return true;
}

bool buf_add_base64_decoded(struct buf *buf, struct str text)
{
	return add_base64_decoded(buf, text, base64_plain);
}

bool buf_add_base64url_decoded(struct buf *buf, struct str text)
{
	return add_base64_decoded(buf, text, base64_url);
}

void buf_add_hex(struct buf *buf, struct str bytes)
{
	static const char digits[] = "0123456789abcdef";

	buf_reserve(buf, bytes.len * 2);
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char byte = (unsigned char)bytes.at[i];

		buf_add_byte(buf, digits[byte >> 4]);
		buf_add_byte(buf, digits[byte & 15]);
	}
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool buf_add_hex_decoded(struct buf *buf, struct str text)
{
	size_t before = buf->len;

	if (text.len % 2 != 0)
		return false;
	for (size_t i = 0; i < text.len; i += 2) {
		int high = hex_value(text.at[i]), low = hex_value(text.at[i + 1]);

		if (high < 0 || low < 0) {
			return cut(buf, before);
		}
		buf_add_byte(buf, (char)(high << 4 | low));
	}
	return true;
}

bool buf_add_percent_decoded(struct buf *buf, struct str text, bool plus_is_space)
{
	size_t before = buf->len;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c == '%') {
			if (text.len - i < 3 ||
			    !buf_add_hex_decoded(buf, str_from(text.at + i + 1, 2))) {
				return cut(buf, before);
			}
			i += 2;
		} else {
			buf_add_byte(buf, c == '+' && plus_is_space ? ' ' : c);
		}
	}
	return true;
}

static bool is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

void buf_add_percent_encoded(struct buf *buf, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (is_unreserved(text.at[i]))
			buf_add_byte(buf, text.at[i]);
		else
			buf_add_print(buf, "%%%02X", (unsigned char)text.at[i]);
	}
}
