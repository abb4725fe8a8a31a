/*
 * fuzz_websocket.c - any bytes as heads of WebSocket frames: the verdict over a beginning is never
 * taken back, and a head that was understood says what its bytes say.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* RFC 6455, 5.2, read once more. */
static void check_frame(const uint8_t *at, size_t len, const struct websocket_frame *frame)
{
	uint64_t length = at[1] & 0x7f;
	size_t head = 2;

	if (length == 126) {
		length = (uint64_t)at[2] << 8 | at[3];
		head = 4;
	} else if (length == 127) {
		length = 0;
		for (int i = 0; i < 8; i++)
			length = length << 8 | at[2 + i];
		head = 10;
	}
	must(frame->masked == (at[1] >= 0x80));
	if (frame->masked)
		must(memcmp(frame->mask, at + head, 4) == 0);
	must(frame->head_size == head + (frame->masked ? 4 : 0) && frame->head_size <= len);
	must(frame->length == length && frame->fin == (at[0] >= 0x80));
	must(frame->opcode == (at[0] & 0xf) && (at[0] & 0x70) == 0);
	must(frame->opcode < 8 || (frame->fin && length < 126));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	enum websocket_parse before = WEBSOCKET_MORE;

	for (size_t part = 0; part <= len && part < 32; part++) {
		/* Of its own, so that a read behind it is seen. */
		auto_free char *copy = memory_get(part > 0 ? part : 1);
		struct websocket_frame frame = { 0 }, again = { 0 };
		enum websocket_parse now;

		memcpy(copy, at, part);
		now = websocket_frame_parse(str_from(copy, part), &frame);
		must(before == WEBSOCKET_MORE || now == before);
		must(now == websocket_frame_parse(str_from(copy, part), &again));
		if (now == WEBSOCKET_FRAME)
			check_frame(at, part, &frame);
		before = now;
	}
	return 0;
}
