/*
 * fuzz_tunnel_frame.c - any bytes as a tunnel frame: no crash, and what parses prints to the same
 * bytes.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "tunnel/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct str message = str_from(bytes, size);
	auto_buf printed = BUF_INIT;
	struct frame frame, again;
	struct error err;

	if (!frame_parse(message, &frame, &err))
		return 0;
	frame_print(&frame, &printed);
	if (!frame_parse(buf_str(&printed), &again, &err))
		abort();
	/* Unknown error kinds are told as another one; all else is kept byte by byte. */
	if (again.type != frame.type || again.id != frame.id || again.kind != frame.kind ||
	    again.credit != frame.credit || again.priority != frame.priority ||
	    again.version != frame.version || !str_equal(again.bytes, frame.bytes))
		abort();
	return 0;
}
