/*
 * stream_prefix.h - a stream with bytes put in front of what it will read: for hand-overs after an
 * upgrade.
 */
#ifndef NET_STREAM_PREFIX_H
#define NET_STREAM_PREFIX_H

#include "net/stream.h"

/* Takes the lower stream over; the bytes are copied.  Gives the upper one. */
struct stream *stream_prefix(struct stream *lower, struct str front);

#endif
