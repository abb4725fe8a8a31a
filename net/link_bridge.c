/*
 * link_bridge.c - the two directions between a stream and libwebsockets' local socket.
 */
#include "net/link_bridge.h"

#include <assert.h>

#include "base/memory.h"

#define PIECE         (32u * 1024)
#define PIECES_A_TURN 4
/* A close frame and the last messages may still be on their way. */
#define LINGER_MS 2000

struct link_bridge {
	struct stream *outer;
	struct stream *inner;
	unsigned head_state; /* how much of CR LF CR LF has come; 4 = through */
};

static void bridge_end(struct link_bridge *bridge)
{
	stream_close_after_flush(bridge->outer, LINGER_MS);
	stream_close_after_flush(bridge->inner, LINGER_MS);
	free(bridge);
}

/* Bytes of the piece that belong to the handshake's answer. */
static size_t skip(struct link_bridge *bridge, struct str piece)
{
	size_t at = 0;

	while (at < piece.len && bridge->head_state < 4) {
		char want = bridge->head_state % 2 == 0 ? '\r' : '\n';

		if (piece.at[at] == want)
			bridge->head_state++;
		else
			bridge->head_state = piece.at[at] == '\r';
		at++;
	}
	return at;
}

/* False when the bridge is gone. */
static bool carry(struct link_bridge *bridge, struct stream *from, struct stream *to)
{
	char bytes[PIECE];

	for (int i = 0; i < PIECES_A_TURN && stream_pending(to) <= STREAM_HIGH; i++) {
		ptrdiff_t got = stream_read(from, bytes, sizeof(bytes));
		struct str piece = str_from(bytes, got > 0 ? (size_t)got : 0);
		size_t skipped = 0;

		if (got == 0)
			return true;
		if (got < 0) {
			bridge_end(bridge);
			return false;
		}
		if (from == bridge->inner)
			skipped = skip(bridge, piece);
		stream_write(to, str_from(piece.at + skipped, piece.len - skipped));
	}
	return true;
}

static void on_outer_readable(void *owner)
{
	struct link_bridge *bridge = owner;

	carry(bridge, bridge->outer, bridge->inner);
}

static void on_inner_readable(void *owner)
{
	struct link_bridge *bridge = owner;

	carry(bridge, bridge->inner, bridge->outer);
}

static void on_closed(void *owner, const struct error *why)
{
	(void)why; /* what broke is told to libwebsockets by the end of its socket */
	bridge_end(owner);
}

static const struct stream_events outer_events = {
	.on_readable = on_outer_readable,
	.on_writable = on_inner_readable,
	.on_closed = on_closed,
};

static const struct stream_events inner_events = {
	.on_readable = on_inner_readable,
	.on_writable = on_outer_readable,
	.on_closed = on_closed,
};

void link_bridge(struct stream *outer, int fd, bool skip_head)
{
	struct link_bridge *bridge = memory_new(struct link_bridge);

	assert(outer);
	assert(fd >= 0);
	bridge->outer = outer;
	bridge->inner = stream_of_fd(outer->loop, fd);
	bridge->head_state = skip_head ? 0 : 4;
	stream_own(bridge->inner, &inner_events, bridge);
	stream_own(bridge->outer, &outer_events, bridge);
}
