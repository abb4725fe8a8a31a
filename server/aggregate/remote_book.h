/*
 * remote_book.h - what other API servers have told of their resources, for discovery.
 *
 * comes from: control_apiservice, which asks them.  goes to: front/documents.c.
 *
 * Owner: the server.  Loop thread only.
 */
#ifndef SERVER_AGGREGATE_REMOTE_BOOK_H
#define SERVER_AGGREGATE_REMOTE_BOOK_H

#include "api/discovery_remote.h"

struct remote_book;
struct server;

struct remote_book *remote_book_new(void);
void remote_book_free(struct remote_book *book); /* NULL is fine */
struct remote_book *server_remote_book(struct server *server);

/* Of the APIService of that name and spec.  `list`: the APIResourceList that its server answered
 * with, or NULL when it did not; one that is none counts as none. */
void remote_book_put(struct remote_book *book, struct str name, const struct json *spec,
		     const struct json *list);
void remote_book_drop(struct remote_book *book, struct str name); /* fine when there is none */

/* All of them, in order; valid until the next change. */
const struct discovery_remotes *remote_book_list(struct remote_book *book);
/* Another number after each change of what is told. */
uint64_t remote_book_revision(const struct remote_book *book);

#endif
