/*
 * hpack.c - integers, texts (plain or Huffman-coded), and the static table.
 *
 * The Huffman code is canonical: codes of one length follow each other in the order of their
 * symbols, so the lengths say it all.
 */
#include "net/hpack.h"

#include <assert.h>

#define STATIC_COUNT 61
#define SYMBOLS      257 /* bytes, and the end that may not stand in a text */
#define CODE_MAX     30

struct entry {
	const char *name, *value;
};

static const struct entry entries[STATIC_COUNT] = {
	{ ":authority", "" },
	{ ":method", "GET" },
	{ ":method", "POST" },
	{ ":path", "/" },
	{ ":path", "/index.html" },
	{ ":scheme", "http" },
	{ ":scheme", "https" },
	{ ":status", "200" },
	{ ":status", "204" },
	{ ":status", "206" },
	{ ":status", "304" },
	{ ":status", "400" },
	{ ":status", "404" },
	{ ":status", "500" },
	{ "accept-charset", "" },
	{ "accept-encoding", "gzip, deflate" },
	{ "accept-language", "" },
	{ "accept-ranges", "" },
	{ "accept", "" },
	{ "access-control-allow-origin", "" },
	{ "age", "" },
	{ "allow", "" },
	{ "authorization", "" },
	{ "cache-control", "" },
	{ "content-disposition", "" },
	{ "content-encoding", "" },
	{ "content-language", "" },
	{ "content-length", "" },
	{ "content-location", "" },
	{ "content-range", "" },
	{ "content-type", "" },
	{ "cookie", "" },
	{ "date", "" },
	{ "etag", "" },
	{ "expect", "" },
	{ "expires", "" },
	{ "from", "" },
	{ "host", "" },
	{ "if-match", "" },
	{ "if-modified-since", "" },
	{ "if-none-match", "" },
	{ "if-range", "" },
	{ "if-unmodified-since", "" },
	{ "last-modified", "" },
	{ "link", "" },
	{ "location", "" },
	{ "max-forwards", "" },
	{ "proxy-authenticate", "" },
	{ "proxy-authorization", "" },
	{ "range", "" },
	{ "referer", "" },
	{ "refresh", "" },
	{ "retry-after", "" },
	{ "server", "" },
	{ "set-cookie", "" },
	{ "strict-transport-security", "" },
	{ "transfer-encoding", "" },
	{ "user-agent", "" },
	{ "vary", "" },
	{ "via", "" },
	{ "www-authenticate", "" },
};

/* Bits of each symbol's code (RFC 7541, appendix B). */
static const unsigned char lengths[SYMBOLS] = {
	13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, /*   0 */
	28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, /*  16 */
	6,  10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,  /*  32 */
	5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8,  15, 6,  12, 10, /*  48 */
	13, 6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  /*  64 */
	7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8,  13, 19, 13, 14, 6,  /*  80 */
	15, 5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,  /*  96 */
	6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7,  15, 11, 14, 13, 28, /* 112 */
	20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, /* 128 */
	24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, /* 144 */
	22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, /* 160 */
	21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, /* 176 */
	26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, /* 192 */
	19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, /* 208 */
	20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, /* 224 */
	26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, /* 240 */
	30,                                                             /* the end */
};

/* The code in the shape that decoding wants: of each length, the first code and how many. */
struct code {
	uint32_t first[CODE_MAX + 1];
	uint16_t count[CODE_MAX + 1], at[CODE_MAX + 1];
	uint16_t symbols[SYMBOLS]; /* in the order of their codes */
};

static void make_code(struct code *out)
{
	uint32_t next = 0;
	uint16_t place = 0;

	memset(out, 0, sizeof(*out));
	for (unsigned bits = 1; bits <= CODE_MAX; bits++) {
		next <<= 1;
		out->first[bits] = next;
		out->at[bits] = place;
		for (uint16_t symbol = 0; symbol < SYMBOLS; symbol++)
			if (lengths[symbol] == bits)
				out->symbols[place++] = symbol;
		out->count[bits] = (uint16_t)(place - out->at[bits]);
		next += out->count[bits];
	}
	assert(place == SYMBOLS);
	assert(next == 1u << CODE_MAX); /* a whole code: every bit leads somewhere */
}

static bool broken(struct error *err, const char *why)
{
	return error_set(err, ERROR_BAD_REQUEST, "the header block makes no sense: %s", why);
}

/* At the end there may be up to seven bits, all ones: the beginning of the end's code. */
static bool read_huffman(const struct code *code, struct str text, struct buf *out,
			 struct error *err)
{
	uint32_t word = 0;
	unsigned bits = 0;

	for (size_t i = 0; i < text.len * 8; i++) {
		unsigned char byte = (unsigned char)text.at[i / 8];

		word = word << 1 | ((unsigned)byte >> (7 - i % 8) & 1u);
		bits++;
		if (word - code->first[bits] < code->count[bits]) {
			uint16_t symbol =
				code->symbols[code->at[bits] + (word - code->first[bits])];

			if (symbol == SYMBOLS - 1)
				return broken(err, "a text holds its end");
			buf_add_byte(out, (char)symbol);
			word = bits = 0;
		} else if (bits == CODE_MAX) {
			return broken(err, "no such code");
		}
	}
	if (bits > 7 || word != (1u << bits) - 1)
		return broken(err, "a text ends in the middle of a character");
	return true;
}

/* An integer whose first bits share a byte with a pattern. */
static bool read_number(struct str *rest, unsigned prefix_bits, uint32_t *out, struct error *err)
{
	uint32_t most = (1u << prefix_bits) - 1, value;

	if (rest->len == 0)
		return broken(err, "it ends too early");
	value = (unsigned char)rest->at[0] & most;
	*rest = str_from(rest->at + 1, rest->len - 1);
	if (value < most) {
		*out = value;
		return true;
	}
	for (unsigned shift = 0; shift <= 14; shift += 7) {
		unsigned char byte;

		if (rest->len == 0)
			return broken(err, "it ends too early");
		byte = (unsigned char)rest->at[0];
		*rest = str_from(rest->at + 1, rest->len - 1);
		value += (uint32_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*out = value;
			return true;
		}
	}
	return broken(err, "a number is too large");
}

static bool read_text(const struct code *code, struct str *rest, struct buf *out, struct error *err)
{
	bool coded = rest->len > 0 && (rest->at[0] & 0x80);
	uint32_t len;
	struct str text;

	if (!read_number(rest, 7, &len, err))
		return false;
	if (len > rest->len)
		return broken(err, "a text is longer than the block");
	text = str_from(rest->at, len);
	*rest = str_from(rest->at + len, rest->len - len);
	if (coded)
		return read_huffman(code, text, out, err);
	buf_add_str(out, text);
	return true;
}

struct reading {
	struct code code;
	void (*on_field)(void *of, struct str name, struct str value);
	void *of;
	size_t total;
};

static bool tell(struct reading *reading, struct str name, struct str value, struct error *err)
{
	reading->total += name.len + value.len;
	if (reading->total > HPACK_BLOCK_MAX)
		return broken(err, "it is too long");
	reading->on_field(reading->of, name, value);
	return true;
}

/* index 0: a new name follows. */
static bool read_literal(struct reading *reading, struct str *rest, unsigned prefix_bits,
			 struct error *err)
{
	auto_buf name = BUF_INIT, value = BUF_INIT;
	uint32_t index;

	if (!read_number(rest, prefix_bits, &index, err))
		return false;
	if (index > STATIC_COUNT)
		return broken(err, "it names what nobody remembers");
	if (index > 0)
		buf_add_text(&name, entries[index - 1].name);
	else if (!read_text(&reading->code, rest, &name, err))
		return false;
	return read_text(&reading->code, rest, &value, err) &&
	       tell(reading, buf_str(&name), buf_str(&value), err);
}

static bool read_field(struct reading *reading, struct str *rest, struct error *err)
{
	unsigned char first = (unsigned char)rest->at[0];
	uint32_t number;

	if (first & 0x80) { /* both from the table */
		if (!read_number(rest, 7, &number, err))
			return false;
		if (number == 0 || number > STATIC_COUNT)
			return broken(err, "it names what nobody remembers");
		return tell(reading, str_of(entries[number - 1].name),
			    str_of(entries[number - 1].value), err);
	}
	if (first & 0x40) /* to be remembered */
		return read_literal(reading, rest, 6, err);
	if (first & 0x20) /* the size of the table, which may not be more than we said */
		return read_number(rest, 5, &number, err) &&
		       (number == 0 || broken(err, "its table is larger than we allow"));
	return read_literal(reading, rest, 4, err);
}

bool hpack_read(struct str block, void (*on_field)(void *of, struct str name, struct str value),
		void *of, struct error *err)
{
	struct reading reading = { .on_field = on_field, .of = of };

	make_code(&reading.code);
	while (block.len > 0)
		if (!read_field(&reading, &block, err))
			return false;
	return true;
}

static void print_text(struct str text, struct buf *out)
{
	assert(text.len < 127 + (1u << 14));
	if (text.len < 127) {
		buf_add_byte(out, (char)text.len);
	} else {
		size_t left = text.len - 127;

		buf_add_byte(out, 127);
		for (; left >= 128; left >>= 7)
			buf_add_byte(out, (char)(0x80 | (left & 0x7f)));
		buf_add_byte(out, (char)left);
	}
	buf_add_str(out, text);
}

void hpack_print(struct str name, struct str value, struct buf *out)
{
	buf_add_byte(out, 0);
	print_text(name, out);
	print_text(value, out);
}
