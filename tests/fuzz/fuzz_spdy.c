/*
 * fuzz_spdy.c - any bytes as SPDY frames: the same frames whatever the pieces, and what is read
 * can be printed and read again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "net/spdy.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void add_frame(const struct spdy_frame *frame, struct buf *out)
{
	if (frame->type == SPDY_DATA) { /* pieces of data are one */
		for (size_t i = 0; i < frame->bytes.len; i++)
			buf_add_print(out, "%x:%02x;", frame->stream, frame->bytes.at[i] & 0xff);
		if (frame->fin)
			buf_add_print(out, "%x:fin;", frame->stream);
		return;
	}
	buf_add_print(out, "%d %x %x %d", frame->type, frame->stream, frame->number, frame->fin);
	for (size_t i = 0; i < frame->header_count; i++) {
		buf_add_str(out, frame->headers[i].name);
		buf_add_byte(out, '=');
		buf_add_str(out, frame->headers[i].value);
	}
	buf_add_byte(out, ';');
}

/* All frames as text; "broken" at the end when they end so. */
static void read_all(struct str bytes, size_t piece, struct buf *out, struct buf *printed)
{
	struct spdy *in = spdy_new(), *again = spdy_new();
	enum spdy_step step = SPDY_MORE;
	struct spdy_frame frame;
	struct error err;

	while (bytes.len > 0 && step != SPDY_BROKEN) {
		struct str part = str_from(bytes.at, piece < bytes.len ? piece : bytes.len);

		bytes = str_from(bytes.at + part.len, bytes.len - part.len);
		while ((step = spdy_next(in, &part, &frame, &err)) == SPDY_FRAME) {
			add_frame(&frame, out);
			if (frame.bytes.len <= SPDY_DATA_MAX)
				spdy_print(again, &frame, printed);
		}
		if (step == SPDY_MORE && part.len > 0)
			abort();
	}
	if (step == SPDY_BROKEN)
		buf_add_text(out, "broken");
	spdy_free(in);
	spdy_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	auto_buf whole = BUF_INIT, pieces = BUF_INIT, printed = BUF_INIT, unused = BUF_INIT;
	auto_buf second = BUF_INIT;

	read_all(str_from(at, len), len ? len : 1, &whole, &printed);
	read_all(str_from(at, len), 3, &pieces, &unused);
	if (!str_equal(buf_str(&whole), buf_str(&pieces)))
		abort();
	buf_reset(&unused);
	read_all(buf_str(&printed), printed.len ? printed.len : 1, &second, &unused);
	if (str_ends(buf_str(&whole), STR("broken")))
		whole.len -= strlen("broken");
	if (!str_equal(buf_str(&whole), buf_str(&second)))
		abort();
	return 0;
}
