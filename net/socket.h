/*
 * socket.h - TCP: listening, dialling, names. All sockets non-blocking, CLOEXEC, TCP_NODELAY,
 * keep-alive.
 */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include "net/stream.h"

/* "1.2.3.4:6443", "[::]:6443" or ":6443" (all addresses).  Gives a listening descriptor. */
MUST_CHECK bool socket_listen(struct str address, int *out_fd, struct error *err);

struct socket_listener {
	/* The owner takes fd. */
	void (*on_accept)(struct socket_listener *listener, int fd, struct str peer);
	struct loop_fd watch; /* private */
	/* Connections at once, LIMIT_CONNECTIONS if 0; the owner calls socket_release. */
	unsigned accepted_max;
	unsigned accepted;
	struct loop_timer retry; /* private: out of descriptors, try again */
};
/* Takes fd. */
MUST_CHECK bool socket_listener_start(struct loop *loop, struct socket_listener *listener, int fd,
				      struct error *err);
void socket_listener_stop(struct socket_listener *listener); /* closes */
void socket_release(struct socket_listener *listener);       /* one accepted connection has ended */

/* Dial host:port; host may be a name (resolved on a servant thread, all addresses tried) or an
 * address. Exactly one call of on_done: stream != NULL on success (the callee takes it), else
 * err. */
struct socket_dial;
struct socket_dial *
socket_dial(struct loop *loop, struct str host, unsigned port, int timeout_ms,
	    void (*on_done)(void *of, struct stream *stream, const struct error *err), void *of);
void socket_dial_cancel(struct socket_dial *dial); /* no callback comes after it */

/* Split "host:port" / "[v6]:port" / "host"; fallback when there is no port. */
bool socket_split(struct str text, unsigned fallback_port, struct str *out_host,
		  unsigned *out_port);

#endif
