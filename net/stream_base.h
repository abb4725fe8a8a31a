/*
 * stream_base.h - what every kind of stream needs: telling its owner, from the loop, at most one
 * thing at a time.
 *
 * A kind embeds struct stream_base first. It says what is there (readable, drained, broken, ended)
 * at any moment, also inside stream_ calls; the base calls the owner later, from a deferred task.
 * For implementers of streams only.
 *
 * The rules of reading: on_readable is called once for what is there. It is called again only
 * after the owner has read something (a kind says "readable" again when a read leaves bytes), has
 * unpaused or has changed. The rules of the end: a broken stream tells on_closed at once and
 * unread input is gone; a stream whose two directions have ended in peace tells on_closed(NULL).
 * Either is told once.
 */
#ifndef NET_STREAM_BASE_H
#define NET_STREAM_BASE_H

#include "net/stream.h"

struct stream_base {
	struct stream stream;
	struct loop_task task;
	struct error *why; /* of a broken stream */
	bool paused;
	bool readable; /* to be told */
	bool writable; /* to be told */
	bool over;     /* pending has been above STREAM_LOW */
	bool broken;
	bool ended;
	bool told; /* on_closed has been called */
};

void stream_base_init(struct stream_base *base, struct loop *loop, const struct stream_ops *ops);
void stream_base_clear(struct stream_base *base); /* no callback comes after it */

void stream_base_readable(struct stream_base *base); /* input or its end is there */
void stream_base_emptied(struct stream_base *base);  /* the owner has taken everything */
/* Pending has changed: remembers going over STREAM_LOW, tells on_writable when it falls back to
 * it. */
void stream_base_pending(struct stream_base *base, size_t pending);
void stream_base_break(struct stream_base *base,
		       const struct error *why); /* the first one counts */
void stream_base_end(struct stream_base *base);  /* both directions ended, nothing is pending */
void stream_base_pause(struct stream_base *base, bool paused);
/* What reading a broken stream gives: 0 until on_closed has been told, so that a cut is not taken
 * for an end. */
static inline ptrdiff_t stream_base_read_broken(const struct stream_base *base)
{
	return base->told ? -1 : 0;
}

#endif
