/*
 * sink.h - for tests of streams: an owner that records what it hears, and loops that run until
 * something holds.
 */
#ifndef TESTS_UNIT_NET_SINK_H
#define TESTS_UNIT_NET_SINK_H

#include "net/stream.h"

struct sink {
	struct stream *stream;
	struct buf got;
	size_t take;     /* bytes a read; 0 = 4096 */
	size_t take_max; /* leave the rest unread after so many; 0 = no limit */
	unsigned readable, writable, closed;
	bool ended;  /* read gave -1 */
	bool broken; /* on_closed with a reason */
	bool echo;   /* write back what comes, finish when it ends */
	struct error why;
};

/* Become the owner; the sink is all zero but for its settings. */
void sink_own(struct sink *sink, struct stream *stream);
void sink_read(struct sink *sink);  /* what on_readable does */
void sink_clear(struct sink *sink); /* closes the stream too */

struct loop *sink_loop(void);
/* Run rounds until *flag, or fail the test after two seconds. */
void sink_until(struct loop *loop, const bool *flag);
void sink_until_count(struct loop *loop, const unsigned *count, unsigned at_least);
void sink_until_bytes(struct loop *loop, const struct sink *sink, size_t at_least);
void sink_rounds(struct loop *loop, int count); /* without waiting long */
/* A connected pair of TCP sockets over loopback, as streams. */
void sink_tcp_pair(struct loop *loop, struct stream **out_a, struct stream **out_b);
/* `len` bytes that depend on their place and on seed. */
void sink_pattern(struct buf *out, size_t len, unsigned seed);

#endif
