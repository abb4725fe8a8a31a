/*
 * usage_book.h - what nodes and containers use of processors and memory: asked of the nodes while
 * somebody wants to know.
 *
 * A processor's use is a difference of two looks.  A node that was looked at less than 15 s ago is
 * not asked again; one that was not looked at for long is asked twice, a second apart.  When nobody
 * has asked for some minutes all is forgotten: an idle cluster is not looked at.
 *
 * comes from: apis/metrics.k8s.io (metrics_pass.h).  goes to: /metrics/resource of each node,
 * through its tunnel.  Loop thread only.
 */
#ifndef SERVER_METRICS_USAGE_BOOK_H
#define SERVER_METRICS_USAGE_BOOK_H

#include "base/text.h"
#include "server/server.h"

struct usage_book;
struct usage_book *usage_book_new(struct server *server);
void usage_book_free(struct usage_book *book); /* all who wait are told first; NULL is fine */
/* server.c */
struct usage_book *server_usage_book(struct server *server);

/* Somebody who waits for nodes; embedded in what the caller owns. */
struct usage_wait {
	void (*on_ready)(struct usage_wait *wait);
	size_t left; /* nodes that have not answered */
};
/* The caller wants to know of this node.  True: what the book has is fresh, or the node cannot be
 * asked.  False: on_ready comes later, once, when the last of its nodes has been heard or given up.
 */
bool usage_book_want(struct usage_book *book, struct str node, struct usage_wait *wait);

struct usage_figure {
	uint64_t cpu_nanos; /* nano cores */
	uint64_t memory;    /* bytes, working set */
	int64_t time_ms;    /* end of the window, since 1970 */
	int64_t window_ms;
};
/* False: nothing is known that says how much it uses. */
bool usage_book_node(const struct usage_book *book, struct str node, struct usage_figure *out);
bool usage_book_container(const struct usage_book *book, struct str node, struct str namespace,
			  struct str pod, struct str container, struct usage_figure *out);

#endif
