/*
 * stream_splice.c - two streams joined by copying, each direction with its own end.
 *
 * A side that cannot take more is not read for: the bytes stay in the other side's source.
 */
#include "net/stream.h"

#include <assert.h>

#include "base/memory.h"

#define PIECE         (16u * 1024)
#define PIECES_A_TURN 8
/* What a side may take to deliver its last bytes. */
#define LINGER_MS 10000

struct splice_side {
	struct splice *splice;
	struct stream *stream;
	bool ended; /* its input has ended */
};

struct splice {
	struct splice_side sides[2];
	void (*on_done)(void *of);
	void *of;
};

static struct splice_side *other_of(struct splice_side *side)
{
	struct splice *splice = side->splice;

	return side == &splice->sides[0] ? &splice->sides[1] : &splice->sides[0];
}

/* In peace both sides may still have bytes to deliver; after a break, only the one that is left. */
static void splice_end(struct splice *splice, struct splice_side *broken)
{
	void (*on_done)(void *of) = splice->on_done;
	void *of = splice->of;

	for (int i = 0; i < 2; i++) {
		struct splice_side *side = &splice->sides[i];

		if (side == broken || (broken && stream_pending(side->stream) == 0))
			stream_close(side->stream);
		else
			stream_close_after_flush(side->stream, LINGER_MS);
	}
	free(splice);
	if (on_done)
		on_done(of);
}

static void on_readable(void *owner)
{
	struct splice_side *side = owner;
	struct splice_side *other = other_of(side);
	char piece[PIECE];

	for (int i = 0; i < PIECES_A_TURN && stream_pending(other->stream) <= STREAM_HIGH; i++) {
		ptrdiff_t got = stream_read(side->stream, piece, sizeof(piece));

		if (got == 0)
			return;
		if (got > 0) {
			stream_write(other->stream, str_from(piece, (size_t)got));
			continue;
		}
		if (side->ended)
			return;
		side->ended = true;
		if (other->ended)
			splice_end(side->splice, NULL);
		else
			stream_finish(other->stream);
		return;
	}
}

/* This side takes more again, so the other may be read again. */
static void on_writable(void *owner)
{
	on_readable(other_of(owner));
}

static void on_closed(void *owner, const struct error *why)
{
	struct splice_side *side = owner;

	if (why)
		splice_end(side->splice, side);
	else if (side->ended && other_of(side)->ended)
		splice_end(side->splice, NULL);
}

static const struct stream_events events = {
	.on_readable = on_readable,
	.on_writable = on_writable,
	.on_closed = on_closed,
};

void stream_splice(struct stream *a, struct stream *b, void (*on_done)(void *of), void *of)
{
	struct splice *splice = memory_new(struct splice);

	assert(a);
	assert(b);
	assert(a != b);
	splice->sides[0] = (struct splice_side){ .splice = splice, .stream = a };
	splice->sides[1] = (struct splice_side){ .splice = splice, .stream = b };
	splice->on_done = on_done;
	splice->of = of;
	stream_own(a, &events, &splice->sides[0]);
	stream_own(b, &events, &splice->sides[1]);
}
