/*
 * grpc_health.c - frames of the one stream (RFC 9113), and the message in it.
 */
#include "net/grpc_health.h"

#include <assert.h>
#include <inttypes.h>

#include "net/hpack.h"

#define FRAME_HEAD  9
#define FRAME_MAX   16384 /* what a peer may send before we allowed more, which we never do */
#define STREAM      1
#define MESSAGE_MAX 4096 /* a health answer has two bytes */

enum frame_type {
	FRAME_DATA,
	FRAME_HEADERS,
	FRAME_PRIORITY,
	FRAME_RESET,
	FRAME_SETTINGS,
	FRAME_PUSH,
	FRAME_PING,
	FRAME_GOAWAY,
	FRAME_WINDOW,
	FRAME_CONTINUATION,
};

#define FLAG_END_STREAM  0x1
#define FLAG_ACK         0x1
#define FLAG_END_HEADERS 0x4
#define FLAG_PADDED      0x8
#define FLAG_PRIORITY    0x20

struct frame {
	unsigned type, flags;
	uint32_t stream;
	struct str bytes;
};

/* --- the question --- */

static void add_u32(struct buf *out, uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_add_byte(out, (char)(value >> shift & 0xff));
}

static void add_frame(struct buf *out, unsigned type, unsigned flags, uint32_t stream,
		      struct str bytes)
{
	assert(bytes.len <= FRAME_MAX);
	buf_add_byte(out, (char)(bytes.len >> 16 & 0xff));
	buf_add_byte(out, (char)(bytes.len >> 8 & 0xff));
	buf_add_byte(out, (char)(bytes.len & 0xff));
	buf_add_byte(out, (char)type);
	buf_add_byte(out, (char)flags);
	add_u32(out, stream);
	buf_add_str(out, bytes);
}

/* HealthCheckRequest{service}, in the length-prefixed frame of gRPC. */
static void add_message(struct buf *out, struct str service)
{
	auto_buf proto = BUF_INIT;
	size_t len = service.len;

	if (len > 0) {
		buf_add_byte(&proto, 0x0a);
		for (; len >= 128; len >>= 7)
			buf_add_byte(&proto, (char)(0x80 | (len & 0x7f)));
		buf_add_byte(&proto, (char)len);
		buf_add_str(&proto, service);
	}
	buf_add_byte(out, 0); /* not compressed */
	add_u32(out, (uint32_t)proto.len);
	buf_add_str(out, buf_str(&proto));
}

void grpc_health_ask(const char *authority, struct str service, struct buf *out)
{
	static const char settings[] = { 0, 1, 0, 0, 0, 0,   /* no dynamic header table */
					 0, 2, 0, 0, 0, 0 }; /* no push */
	auto_buf headers = BUF_INIT, message = BUF_INIT;

	if (service.len > GRPC_SERVICE_MAX)
		service.len = GRPC_SERVICE_MAX;
	hpack_print(STR(":method"), STR("POST"), &headers);
	hpack_print(STR(":scheme"), STR("http"), &headers);
	hpack_print(STR(":path"), STR("/grpc.health.v1.Health/Check"), &headers);
	hpack_print(STR(":authority"), str_of(authority), &headers);
	hpack_print(STR("content-type"), STR("application/grpc"), &headers);
	hpack_print(STR("user-agent"), STR("kube-probe/1.32"), &headers);
	hpack_print(STR("te"), STR("trailers"), &headers);
	add_message(&message, service);
	buf_add_text(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	add_frame(out, FRAME_SETTINGS, 0, 0, str_from(settings, sizeof(settings)));
	add_frame(out, FRAME_HEADERS, FLAG_END_HEADERS, STREAM, buf_str(&headers));
	add_frame(out, FRAME_DATA, FLAG_END_STREAM, STREAM, buf_str(&message));
}

/* --- the answer --- */

static bool broken(struct error *err, const char *why)
{
	return error_set(err, ERROR_BAD_REQUEST, "the answer is not HTTP/2 as it should be: %s",
			 why);
}

static uint32_t number_at(const char *at)
{
	const unsigned char *bytes = (const unsigned char *)at;

	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static void on_field(void *of, struct str name, struct str value)
{
	struct grpc_health *health = of;
	int64_t number;

	if (str_is(name, ":status") && str_to_i64(value, 100, 999, &number))
		health->http_status = (unsigned)number;
	if (str_is(name, "grpc-status") && str_to_i64(value, 0, 1000, &number)) {
		health->grpc_status = (unsigned)number;
		health->has_grpc_status = true;
	}
	if (!str_is(name, "grpc-message"))
		return;
	buf_reset(&health->said);
	if (value.len > GRPC_SAID_MAX)
		value.len = GRPC_SAID_MAX;
	if (!buf_add_percent_decoded(&health->said, value, false))
		buf_add_str(&health->said, value);
}

/* HealthCheckResponse{status}: fields that we do not know are passed over. */
static bool read_varint(struct str *rest, uint64_t *out)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && rest->len > 0; shift += 7) {
		unsigned char byte = (unsigned char)rest->at[0];

		*rest = str_from(rest->at + 1, rest->len - 1);
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*out = value;
			return true;
		}
	}
	return false;
}

static bool skip_field(struct str *rest, unsigned wire)
{
	uint64_t len = wire == 1 ? 8 : 4;

	if (wire == 0)
		return read_varint(rest, &len);
	if (wire == 2 && !read_varint(rest, &len))
		return false;
	if ((wire != 1 && wire != 2 && wire != 5) || len > rest->len)
		return false;
	*rest = str_from(rest->at + len, rest->len - (size_t)len);
	return true;
}

static bool read_response(struct str rest, uint64_t *out)
{
	*out = HEALTH_UNKNOWN;
	while (rest.len > 0) {
		uint64_t tag;

		if (!read_varint(&rest, &tag))
			return false;
		if (tag == 0x08 ? !read_varint(&rest, out) : !skip_field(&rest, tag & 7))
			return false;
	}
	return true;
}

/* All of the stream is there. */
static bool finish(struct grpc_health *health, struct error *err)
{
	struct str body = buf_str(&health->body);

	health->ended = true;
	if (health->http_status != 200 || !health->has_grpc_status ||
	    health->grpc_status != GRPC_OK)
		return true;
	if (body.len < 5 || body.at[0] != 0 || number_at(body.at + 1) != body.len - 5 ||
	    !read_response(str_from(body.at + 5, body.len - 5), &health->word))
		return broken(err, "its message is no health answer");
	return true;
}

static bool read_block(struct grpc_health *health, struct error *err)
{
	bool done;

	health->in_block = false;
	done = hpack_read(buf_str(&health->block), on_field, health, err);
	buf_reset(&health->block);
	return done && (!health->block_ends || finish(health, err));
}

/* What padding and priority leave of it. */
static bool strip(struct frame *frame, struct error *err)
{
	struct str bytes = frame->bytes;
	size_t pad = 0, skip = 0;

	if (frame->flags & FLAG_PADDED) {
		if (bytes.len == 0)
			return broken(err, "a frame without its padding");
		pad = (unsigned char)bytes.at[0];
		skip = 1;
	}
	if (frame->type == FRAME_HEADERS && (frame->flags & FLAG_PRIORITY))
		skip += 5;
	if (skip + pad > bytes.len)
		return broken(err, "more padding than frame");
	frame->bytes = str_from(bytes.at + skip, bytes.len - skip - pad);
	return true;
}

static bool on_headers(struct grpc_health *health, struct frame *frame, struct error *err)
{
	bool first = frame->type == FRAME_HEADERS;

	if (frame->stream != STREAM || first == health->in_block)
		return broken(err, "headers of another stream");
	if (first && !strip(frame, err))
		return false;
	if (first)
		health->block_ends = frame->flags & FLAG_END_STREAM;
	health->in_block = true;
	buf_add_str(&health->block, frame->bytes);
	if (health->block.len > HPACK_BLOCK_MAX)
		return broken(err, "its headers are too long");
	return !(frame->flags & FLAG_END_HEADERS) || read_block(health, err);
}

static bool on_data(struct grpc_health *health, struct frame *frame, struct error *err)
{
	if (frame->stream != STREAM)
		return broken(err, "data of another stream");
	if (!strip(frame, err))
		return false;
	if (health->body.len + frame->bytes.len > MESSAGE_MAX)
		return broken(err, "its message is too long");
	buf_add_str(&health->body, frame->bytes);
	return !(frame->flags & FLAG_END_STREAM) || finish(health, err);
}

static bool on_settings(const struct frame *frame, struct buf *out, struct error *err)
{
	if (frame->stream != 0 || frame->bytes.len % 6 != 0)
		return broken(err, "settings of no shape");
	if (!(frame->flags & FLAG_ACK))
		add_frame(out, FRAME_SETTINGS, FLAG_ACK, 0, STR(""));
	return true;
}

static bool on_ping(const struct frame *frame, struct buf *out, struct error *err)
{
	if (frame->stream != 0 || frame->bytes.len != 8)
		return broken(err, "a ping of no shape");
	if (!(frame->flags & FLAG_ACK))
		add_frame(out, FRAME_PING, FLAG_ACK, 0, frame->bytes);
	return true;
}

static bool on_reset(const struct frame *frame, struct error *err)
{
	if (frame->stream != STREAM || frame->bytes.len != 4)
		return broken(err, "a reset of no shape");
	return error_set(err, ERROR_UNAVAILABLE, "the server reset the call: code %" PRIu32,
			 number_at(frame->bytes.at));
}

/* Streams up to the one that it names are still answered. */
static bool on_goaway(const struct frame *frame, struct error *err)
{
	if (frame->stream != 0 || frame->bytes.len < 8)
		return broken(err, "a farewell of no shape");
	if ((number_at(frame->bytes.at) & 0x7fffffffu) >= STREAM)
		return true;
	return error_set(err, ERROR_UNAVAILABLE, "the server sends us away: code %" PRIu32,
			 number_at(frame->bytes.at + 4));
}

static bool on_frame(struct grpc_health *health, struct frame *frame, struct buf *out,
		     struct error *err)
{
	if (health->in_block && frame->type != FRAME_CONTINUATION)
		return broken(err, "a frame between headers");
	switch (frame->type) {
	case FRAME_DATA: return on_data(health, frame, err);
	case FRAME_HEADERS:
	case FRAME_CONTINUATION: return on_headers(health, frame, err);
	case FRAME_RESET: return on_reset(frame, err);
	case FRAME_SETTINGS: return on_settings(frame, out, err);
	case FRAME_PUSH: return broken(err, "a push that we did not allow");
	case FRAME_PING: return on_ping(frame, out, err);
	case FRAME_GOAWAY: return on_goaway(frame, err);
	default: return true;
	}
}

/* False: not all of it is there yet. */
static bool take_frame(struct grpc_health *health, struct frame *out, size_t *out_len)
{
	const unsigned char *at = (const unsigned char *)health->in.at;
	size_t len;

	if (health->in.len < FRAME_HEAD)
		return false;
	len = (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2];
	*out = (struct frame){ .type = at[3],
			       .flags = at[4],
			       .stream = number_at(health->in.at + 5) & 0x7fffffffu };
	*out_len = FRAME_HEAD + len;
	if (len > FRAME_MAX)
		return true; /* the caller sees it by its length */
	if (health->in.len < *out_len)
		return false;
	out->bytes = str_from(health->in.at + FRAME_HEAD, len);
	return true;
}

bool grpc_health_feed(struct grpc_health *health, struct str bytes, struct buf *out,
		      struct error *err)
{
	struct frame frame;
	size_t len;

	health->read += bytes.len;
	if (health->read > GRPC_ANSWER_MAX)
		return broken(err, "it does not end");
	buf_add_str(&health->in, bytes);
	while (!health->ended && take_frame(health, &frame, &len)) {
		if (len > FRAME_HEAD + FRAME_MAX)
			return broken(err, "a frame is too long");
		if (!on_frame(health, &frame, out, err))
			return false;
		buf_drop_front(&health->in, len);
	}
	return true;
}

void grpc_health_clear(struct grpc_health *health)
{
	buf_clear(&health->in);
	buf_clear(&health->block);
	buf_clear(&health->body);
	buf_clear(&health->said);
	*health = (struct grpc_health){ 0 };
}

/* --- words --- */

void grpc_health_print(uint64_t word, struct buf *out)
{
	static const char *const words[] = { "UNKNOWN", "SERVING", "NOT_SERVING",
					     "SERVICE_UNKNOWN" };

	if (word < ARRAY_LENGTH(words))
		buf_add_text(out, words[word]);
	else
		buf_add_print(out, "%" PRIu64, word);
}

const char *grpc_code_name(unsigned code)
{
	static const char *const names[] = { "OK",
					     "Canceled",
					     "Unknown",
					     "InvalidArgument",
					     "DeadlineExceeded",
					     "NotFound",
					     "AlreadyExists",
					     "PermissionDenied",
					     "ResourceExhausted",
					     "FailedPrecondition",
					     "Aborted",
					     "OutOfRange",
					     "Unimplemented",
					     "Internal",
					     "Unavailable",
					     "DataLoss",
					     "Unauthenticated" };

	return code < ARRAY_LENGTH(names) ? names[code] : "Unknown";
}
