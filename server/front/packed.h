/*
 * packed.h - large answers as gzip, for clients that take it.
 *
 * Compressing a list of some MiB takes tens of milliseconds: a servant thread does it, and those
 * who ask for the same thing at the same time share one result, which is kept for some seconds
 * more.
 *
 * Owner: one struct packing per front; loop thread only.
 */
#ifndef SERVER_FRONT_PACKED_H
#define SERVER_FRONT_PACKED_H

#include "server/request.h"

struct packing;

struct packing *packing_new(struct loop *loop);
/* Answers what is being compressed.  NULL is fine. */
void packing_free(struct packing *packing);
struct packing *server_packing(struct server *server); /* the one of its front */

/* A body of this many bytes goes out compressed if the client takes it. */
bool packed_is_wanted(const struct request *req, int status, size_t len);
/* Answer with what is kept, or is being made, under this key; false: there is nothing. */
bool packed_join(struct packing *packing, struct request *req, const char *key);
/* Compress `text` (taken, empty after) and answer 200 with it.  key: what it is the answer to, for
 * packed_join; NULL = nobody else asks for this. */
void packed_start(struct packing *packing, struct request *req, const char *content_type,
		  struct buf *text, const char *key);

#endif
