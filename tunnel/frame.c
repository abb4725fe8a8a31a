/*
 * frame.c - frames as bytes: a type, the stream's number, what the type carries; numbers
 * big-endian.
 */
#include "tunnel/frame.h"

#include <assert.h>

#include "tunnel/tunnel.h"

/* What a type carries behind its byte. */
enum {
	HAS_ID = 1,
	HAS_VERSION = 2,
	HAS_PRIORITY = 4,
	HAS_KIND = 8,
	HAS_CREDIT = 16,
	HAS_BYTES = 32,
};

struct frame_row {
	unsigned has;
	size_t bytes_min, bytes_max;
};

static const struct frame_row rows[FRAME_TYPES] = {
	[FRAME_HELLO] = { HAS_VERSION | HAS_CREDIT, 0, 0 },
	[FRAME_OPEN] = { HAS_ID | HAS_PRIORITY | HAS_BYTES, 1, FRAME_SERVICE_MAX },
	[FRAME_OPENED] = { HAS_ID, 0, 0 },
	[FRAME_REFUSED] = { HAS_ID | HAS_KIND | HAS_BYTES, 0, FRAME_TEXT_MAX },
	[FRAME_DATA] = { HAS_ID | HAS_BYTES, 1, FRAME_DATA_MAX },
	[FRAME_FIN] = { HAS_ID, 0, 0 },
	[FRAME_RESET] = { HAS_ID | HAS_KIND | HAS_BYTES, 0, FRAME_TEXT_MAX },
	[FRAME_WINDOW] = { HAS_ID | HAS_CREDIT, 0, 0 },
	[FRAME_GOAWAY] = { HAS_KIND | HAS_BYTES, 0, FRAME_TEXT_MAX },
};

/* Error kinds on the wire: these numbers never change, whatever enum error_kind does. */
static const enum error_kind kinds[] = {
	[1] = ERROR_BAD_REQUEST, [2] = ERROR_UNAUTHORIZED, [3] = ERROR_FORBIDDEN,
	[4] = ERROR_NOT_FOUND,   [5] = ERROR_METHOD,       [6] = ERROR_NOT_ACCEPTABLE,
	[7] = ERROR_EXISTS,      [8] = ERROR_CONFLICT,     [9] = ERROR_EXPIRED,
	[10] = ERROR_TOO_LARGE,  [11] = ERROR_MEDIA_TYPE,  [12] = ERROR_INVALID,
	[13] = ERROR_TOO_MANY,   [14] = ERROR_BROKEN,      [15] = ERROR_UNAVAILABLE,
	[16] = ERROR_TIMEOUT,    [17] = ERROR_FULL,        [18] = ERROR_PLAIN,
};

static enum error_kind kind_of(unsigned char code)
{
	return code > 0 && code < ARRAY_LENGTH(kinds) ? kinds[code] : ERROR_UNAVAILABLE;
}

static unsigned char code_of(enum error_kind kind)
{
	for (size_t i = 1; i < ARRAY_LENGTH(kinds); i++) {
		if (kinds[i] == kind)
			return (unsigned char)i;
	}
	return 15;
}

struct reader {
	struct str rest;
	bool short_of; /* the message ended early */
};

static uint32_t get(struct reader *reader, size_t size)
{
	uint32_t value = 0;

	if (reader->rest.len < size) {
		reader->short_of = true;
		return 0;
	}
	for (size_t i = 0; i < size; i++)
		value = value << 8 | (unsigned char)reader->rest.at[i];
	reader->rest = str_from(reader->rest.at + size, reader->rest.len - size);
	return value;
}

bool frame_parse(struct str message, struct frame *out, struct error *err)
{
	struct reader reader = { .rest = message };
	unsigned type = get(&reader, 1);
	const struct frame_row *row;
	struct frame frame = { .type = (enum frame_type)type };

	assert(out);
	if (type == 0 || type >= FRAME_TYPES)
		return error_set(err, ERROR_BAD_REQUEST, "a tunnel frame has the unknown type %u",
				 type);
	row = &rows[type];
	if (row->has & HAS_ID)
		frame.id = get(&reader, 4);
	if (row->has & HAS_VERSION)
		frame.version = get(&reader, 1);
	if (row->has & HAS_PRIORITY)
		frame.priority = get(&reader, 1);
	if (row->has & HAS_KIND)
		frame.kind = kind_of((unsigned char)get(&reader, 1));
	if (row->has & HAS_CREDIT)
		frame.credit = get(&reader, 4);
	if (reader.short_of)
		return error_set(err, ERROR_BAD_REQUEST, "a tunnel frame of type %u is cut off",
				 type);
	if (reader.rest.len < row->bytes_min || reader.rest.len > row->bytes_max)
		return error_set(err, ERROR_BAD_REQUEST,
				 "a tunnel frame of type %u carries %zu bytes", type,
				 reader.rest.len);
	if ((row->has & HAS_ID) && frame.id == 0)
		return error_set(err, ERROR_BAD_REQUEST, "a tunnel frame names stream 0");
	if ((row->has & HAS_CREDIT) && (frame.credit == 0 || frame.credit > FRAME_CREDIT_MAX))
		return error_set(err, ERROR_BAD_REQUEST, "a tunnel frame gives a credit of %u",
				 (unsigned)frame.credit);
	if (frame.priority >= TUNNEL_PRIORITIES)
		return error_set(err, ERROR_BAD_REQUEST, "a tunnel stream has the priority %u",
				 frame.priority);
	frame.bytes = reader.rest;
	*out = frame;
	return true;
}

static void put(struct buf *out, uint32_t value, size_t size)
{
	while (size-- > 0)
		buf_add_byte(out, (char)(value >> (8 * size) & 0xff));
}

void frame_print(const struct frame *frame, struct buf *out)
{
	const struct frame_row *row = &rows[frame->type];
	size_t len = frame->bytes.len;

	assert(frame->type > 0);
	assert(frame->type < FRAME_TYPES);
	put(out, frame->type, 1);
	if (row->has & HAS_ID)
		put(out, frame->id, 4);
	if (row->has & HAS_VERSION)
		put(out, frame->version, 1);
	if (row->has & HAS_PRIORITY)
		put(out, frame->priority, 1);
	if (row->has & HAS_KIND) {
		put(out, code_of(frame->kind), 1);
		if (len > FRAME_TEXT_MAX)
			len = FRAME_TEXT_MAX;
	}
	if (row->has & HAS_CREDIT)
		put(out, frame->credit, 4);
	if (row->has & HAS_BYTES) {
		assert(len >= row->bytes_min);
		assert(len <= row->bytes_max);
		buf_add(out, frame->bytes.at, len);
	}
}
