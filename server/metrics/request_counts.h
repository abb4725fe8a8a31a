/*
 * request_counts.h - how many requests were answered, of what, how, and how long that took: the
 * figures apiserver_request_total and apiserver_request_duration_seconds.
 *
 * Loop thread only.
 */
#ifndef SERVER_METRICS_REQUEST_COUNTS_H
#define SERVER_METRICS_REQUEST_COUNTS_H

#include "server/request.h"

struct request_counts;
struct request_counts *request_counts_new(void);
void request_counts_free(struct request_counts *counts); /* NULL is fine */
/* server.c */
struct request_counts *server_request_counts(struct server *server);

/* An answer goes out.  Of what is no resource nothing is kept. */
void request_counts_note(struct request_counts *counts, const struct request *req, int status);
void request_counts_print(const struct request_counts *counts, struct buf *out);

#endif
