/*
 * tunnel_inside.h - what tunnel.c (the session), tunnel_stream.c (one stream) and tunnel_ask.c
 * (opening) share.
 */
#ifndef TUNNEL_TUNNEL_INSIDE_H
#define TUNNEL_TUNNEL_INSIDE_H

#include "net/fifo.h"
#include "net/stream_base.h"
#include "tunnel/frame.h"
#include "tunnel/tunnel.h"

/* What a stream may send before the reader has taken any of it. */
#define TUNNEL_WINDOW (256u * 1024)
/* A hash table of the open streams, by number. */
#define TUNNEL_BUCKETS 64

struct tunnel {
	struct loop *loop;
	struct link *link;
	const struct tunnel_events *events;
	void *owner;
	bool is_agent;
	bool up;
	bool leaving; /* a GOAWAY is on its way, then the session ends */
	bool down;    /* on_down has been called */
	struct error why;
	struct loop_task end;
	uint32_t next_id;     /* ours */
	uint32_t peer_last;   /* the highest the peer has opened */
	uint32_t peer_window; /* what we may send on a fresh stream */
	struct list table[TUNNEL_BUCKETS];
	size_t count;
	size_t unread; /* received and not yet taken, over all streams */
	struct list ready[TUNNEL_PRIORITIES];
	unsigned budget[TUNNEL_PRIORITIES];
	struct fifo control; /* small frames, each behind its length in two bytes */
	struct buf frame;    /* the one being sent */
};

struct tunnel_ask;

struct tunnel_stream {
	struct stream_base base;
	struct tunnel *tunnel;  /* NULL once the number is gone */
	struct tunnel_ask *ask; /* while we wait for OPENED */
	struct list in_table;
	struct list in_ready;
	struct loop_timer timer; /* of an orphan */
	uint32_t id;
	enum tunnel_priority priority;
	struct fifo in, out;
	uint32_t send_credit;
	uint32_t receive_credit; /* what the peer may still send */
	uint32_t taken;          /* read by the owner, not yet given back as credit */
	bool opened;             /* both sides agree that it exists */
	bool in_ended, end_read;
	bool finishing, fin_sent;
	bool orphan; /* the owner has closed it; what it wrote is still being sent */
};

/* --- tunnel.c --- */
void tunnel_send_control(struct tunnel *tunnel, const struct frame *frame);
void tunnel_send_error(struct tunnel *tunnel, enum frame_type type, uint32_t id,
		       const struct error *why);
struct tunnel_stream *tunnel_find(struct tunnel *tunnel, uint32_t id);

/* --- tunnel_stream.c --- */
struct tunnel_stream *tunnel_stream_new(struct tunnel *tunnel, uint32_t id,
					enum tunnel_priority priority);
void tunnel_stream_free(struct tunnel_stream *stream);
/* Take the number out of the session; an orphan dies with it. */
void tunnel_stream_detach(struct tunnel_stream *stream);
/* Detach, and tell the owner, or whoever waits for the opening. */
void tunnel_stream_break(struct tunnel_stream *stream, const struct error *why);
/* The same, and tell the peer. */
void tunnel_stream_reset(struct tunnel_stream *stream, const struct error *why);
void tunnel_stream_on_data(struct tunnel_stream *stream, struct str bytes);
void tunnel_stream_on_fin(struct tunnel_stream *stream);
void tunnel_stream_on_window(struct tunnel_stream *stream, uint32_t credit);
bool tunnel_stream_can_send(const struct tunnel_stream *stream);
/* Append its next frame to `out`; tunnel_stream_can_send must hold. */
void tunnel_stream_send(struct tunnel_stream *stream, struct buf *out);

/* --- tunnel_ask.c --- */
void tunnel_ask_on_opened(struct tunnel_stream *stream);
void tunnel_ask_on_refused(struct tunnel_stream *stream, const struct error *why);
/* The stream is gone: answer with the reason, later. */
void tunnel_ask_fail(struct tunnel_ask *ask, const struct error *why);
/* An OPEN came. */
void tunnel_ask_on_open(struct tunnel *tunnel, const struct frame *frame);

#endif
