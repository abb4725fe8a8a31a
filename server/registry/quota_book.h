/*
 * quota_book.h - what each namespace with a ResourceQuota uses, to the moment: committed objects by
 * the feed, and those that are on their way.
 *
 * A creation is charged here before it is written, and its charge goes when it is committed (it is
 * counted then) or has failed.  So many creators at once never get more than the quota together,
 * and what was deleted is free again at once.  status.used is only a copy for people, written by
 * the controller (control/control_quota.c).
 *
 * Owner: the registry; loop thread only.
 */
#ifndef SERVER_REGISTRY_QUOTA_BOOK_H
#define SERVER_REGISTRY_QUOTA_BOOK_H

#include "server/registry/admit.h"

struct quota_book;
struct quota_charge;

/* Reads what is there; to be called when the store is open. */
struct quota_book *quota_book_new(struct registry *registry);
/* Before the store closes: charges under way are still given back. */
void quota_book_stop(struct quota_book *book); /* NULL is fine */
void quota_book_free(struct quota_book *book); /* NULL is fine */

/*
 * The last word on a creation or a change, after validation.  ERROR_FORBIDDEN with the words of the
 * real server; else *out is what was charged (NULL: nothing), to be given back by
 * quota_book_release whatever becomes of it.  A dry run is charged nothing.
 */
MUST_CHECK bool quota_book_charge(struct quota_book *book, const struct admit_work *work,
				  struct quota_charge **out, struct error *err);
void quota_book_release(struct quota_charge *charge); /* NULL is fine */

/* What a quota's bounds have used now: {"pods": "2"} in `doc`; NULL when it is not known. */
struct json *quota_book_used(const struct quota_book *book, struct str namespace, struct str name,
			     struct json_doc *doc);
/* Called when that has changed; one listener. */
void quota_book_listen(struct quota_book *book,
		       void (*on_use)(void *of, struct str namespace, struct str name), void *of);
struct quota_book *quota_book_of(struct registry *registry);

#endif
