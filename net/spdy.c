/*
 * spdy.c - SPDY/3.1 frames from bytes and back.
 *
 *   HEAD ─(8 bytes of DATA)-> DATA ─(all of it)-> HEAD
 *     ├──(of a control frame that counts)-> BODY ─(all of it)-> HEAD
 *     └──(of another one)-> SKIP ─(all of it)-> HEAD
 */
#include "net/spdy.h"

#include <assert.h>

#define HEAD_BYTES 8
#define VERSION    3
#define FLAG_FIN   1
#define CONTROL    0x80000000u
#define LENGTH_MAX 0xffffffu

enum phase { PHASE_HEAD, PHASE_DATA, PHASE_BODY, PHASE_SKIP };

struct spdy {
	enum phase phase;
	struct buf gathered; /* the head, then the body of a control frame */
	size_t left;         /* of the frame, behind what was gathered or given out */
	struct spdy_frame frame;
	struct spdy_unpacker *unpacker;
	struct spdy_packer *packer;
};

/* What of a control frame's body is where; those of other types are skipped. */
static const struct row {
	size_t fixed;     /* bytes before the header block, or all of them */
	bool has_headers; /* a header block follows */
	bool has_stream;  /* the first word is a stream's number */
	bool has_number;  /* the last word of the fixed part is frame.number */
} rows[] = {
	[SPDY_SYN_STREAM] = { 10, true, true, false },
	[SPDY_SYN_REPLY] = { 4, true, true, false },
	[SPDY_RST_STREAM] = { 8, false, true, true },
	[SPDY_PING] = { 4, false, false, true },
	[SPDY_GOAWAY] = { 8, false, true, true },
	[SPDY_HEADERS] = { 4, true, true, false },
	[SPDY_WINDOW_UPDATE] = { 0 },
};

static bool is_known(unsigned type)
{
	return type < ARRAY_LENGTH(rows) && rows[type].fixed > 0;
}

struct spdy *spdy_new(void)
{
	return memory_new(struct spdy);
}

void spdy_free(struct spdy *spdy)
{
	if (!spdy)
		return;
	buf_clear(&spdy->gathered);
	spdy_unpacker_free(spdy->unpacker);
	spdy_packer_free(spdy->packer);
	free(spdy);
}

static uint32_t number_at(const char *bytes)
{
	const unsigned char *at = (const unsigned char *)bytes;

	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* --- in --- */

/* Gather up to `want` bytes; true when they are all there. */
static bool gather(struct spdy *spdy, struct str *in, size_t want)
{
	size_t more = want - spdy->gathered.len;

	if (more > in->len)
		more = in->len;
	buf_add(&spdy->gathered, in->at, more);
	*in = str_from(in->at + more, in->len - more);
	return spdy->gathered.len == want;
}

static bool take_head(struct spdy *spdy, struct error *err)
{
	uint32_t first = number_at(spdy->gathered.at), second = number_at(spdy->gathered.at + 4);
	unsigned version = first >> 16 & 0x7fff, type = first & 0xffff;

	spdy->frame = (struct spdy_frame){ .fin = second >> 24 & FLAG_FIN };
	spdy->left = second & LENGTH_MAX;
	buf_reset(&spdy->gathered);
	if (!(first & CONTROL)) {
		spdy->frame.stream = first;
		spdy->phase = PHASE_DATA;
		return first != 0 || error_set(err, ERROR_BAD_REQUEST, "SPDY data of no stream");
	}
	if (version != VERSION)
		return error_set(err, ERROR_BAD_REQUEST, "SPDY version %u is not spoken", version);
	spdy->frame.type = type;
	spdy->phase = is_known(type) ? PHASE_BODY : PHASE_SKIP;
	if (spdy->phase == PHASE_SKIP)
		return true;
	if (spdy->left > SPDY_CONTROL_MAX)
		return error_set(err, ERROR_TOO_LARGE,
				 "a SPDY frame of type %u has %zu bytes; %d are allowed", type,
				 spdy->left, SPDY_CONTROL_MAX);
	if (rows[type].has_headers ? spdy->left < rows[type].fixed : spdy->left != rows[type].fixed)
		return error_set(err, ERROR_BAD_REQUEST, "a SPDY frame of type %u has %zu bytes",
				 type, spdy->left);
	return true;
}

static bool take_body(struct spdy *spdy, struct error *err)
{
	struct spdy_frame *frame = &spdy->frame;
	const struct row *row = &rows[frame->type];
	struct str body = buf_str(&spdy->gathered);

	if (row->has_stream)
		frame->stream = number_at(body.at) & ~CONTROL;
	if (row->has_number)
		frame->number = number_at(body.at + row->fixed - 4);
	if (row->has_stream && frame->stream == 0 && frame->type != SPDY_GOAWAY)
		return error_set(err, ERROR_BAD_REQUEST, "a SPDY frame of no stream");
	if (!row->has_headers)
		return true;
	if (!spdy->unpacker)
		spdy->unpacker = spdy_unpacker_new();
	return spdy_unpack(spdy->unpacker, str_from(body.at + row->fixed, body.len - row->fixed),
			   &frame->headers, &frame->header_count, err);
}

/* A piece of data; true when there is something to tell. */
static bool take_data(struct spdy *spdy, struct str *in, struct spdy_frame *out)
{
	size_t len = spdy->left < in->len ? spdy->left : in->len;

	*out = spdy->frame;
	out->bytes = str_from(in->at, len);
	*in = str_from(in->at + len, in->len - len);
	spdy->left -= len;
	if (spdy->left > 0)
		out->fin = false;
	else
		spdy->phase = PHASE_HEAD;
	return len > 0 || out->fin;
}

static void skip(struct spdy *spdy, struct str *in)
{
	size_t len = spdy->left < in->len ? spdy->left : in->len;

	*in = str_from(in->at + len, in->len - len);
	spdy->left -= len;
	if (spdy->left == 0)
		spdy->phase = PHASE_HEAD;
}

/* The whole body of a control frame is at hand. */
static enum spdy_step give_control(struct spdy *spdy, struct spdy_frame *out, struct error *err)
{
	spdy->phase = PHASE_HEAD;
	if (!take_body(spdy, err))
		return SPDY_BROKEN;
	*out = spdy->frame;
	buf_clear(&spdy->gathered);
	return SPDY_FRAME;
}

enum spdy_step spdy_next(struct spdy *spdy, struct str *in, struct spdy_frame *out,
			 struct error *err)
{
	for (;;) {
		switch (spdy->phase) {
		case PHASE_HEAD:
			if (!gather(spdy, in, HEAD_BYTES))
				return SPDY_MORE;
			if (!take_head(spdy, err))
				return SPDY_BROKEN;
			break;
		case PHASE_DATA:
			if (take_data(spdy, in, out))
				return SPDY_FRAME;
			break;
		case PHASE_BODY:
			if (gather(spdy, in, spdy->left))
				return give_control(spdy, out, err);
			return SPDY_MORE;
		case PHASE_SKIP: skip(spdy, in); break;
		}
		if (in->len == 0 && spdy->left > 0)
			return SPDY_MORE;
	}
}

struct str spdy_header(const struct spdy_frame *frame, const char *name)
{
	for (size_t i = 0; i < frame->header_count; i++)
		if (str_equal_case(frame->headers[i].name, str_of(name)))
			return frame->headers[i].value;
	return STR_NONE;
}

/* --- out --- */

static void add_number(struct buf *out, uint32_t number)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_add_byte(out, (char)(unsigned char)(number >> shift));
}

static void print_data(const struct spdy_frame *frame, struct buf *out)
{
	assert(frame->bytes.len <= SPDY_DATA_MAX);
	add_number(out, frame->stream);
	add_number(out, (frame->fin ? 1u << 24 : 0) | (uint32_t)frame->bytes.len);
	buf_add_str(out, frame->bytes);
}

void spdy_print(struct spdy *spdy, const struct spdy_frame *frame, struct buf *out)
{
	const struct row *row;
	auto_buf body = BUF_INIT;

	if (frame->type == SPDY_DATA) {
		print_data(frame, out);
		return;
	}
	assert(is_known(frame->type));
	row = &rows[frame->type];
	if (row->has_stream)
		add_number(&body, frame->stream);
	if (row->has_number)
		add_number(&body, frame->number);
	while (body.len < row->fixed) /* no other stream, priority and slot of a new one */
		buf_add_byte(&body, 0);
	if (row->has_headers) {
		if (!spdy->packer)
			spdy->packer = spdy_packer_new();
		spdy_pack(spdy->packer, frame->headers, frame->header_count, &body);
	}
	add_number(out, CONTROL | VERSION << 16 | (uint32_t)frame->type);
	add_number(out, (frame->fin ? 1u << 24 : 0) | (uint32_t)body.len);
	buf_add_str(out, buf_str(&body));
}
