/*
 * pod_address.h - the book of which pod has which address of this machine's range.
 *
 * Addresses never used are given out first, in order; after that the one that was freed longest
 * ago, so that a late packet for a pod that is gone seldom meets its successor.  The book is one
 * small JSON file, and it is on the disk before a call returns:
 *
 *	{"range":"10.42.1.2-10.42.1.254","next":5,"pods":{"web-0":"10.42.1.3"},"resting":[0,2]}
 *
 * `next` and `resting` count from the first address.  If writing failed, the next call writes again
 * first.  One thread at a time.
 */
#ifndef FLANNEL_LITE_POD_ADDRESS_H
#define FLANNEL_LITE_POD_ADDRESS_H

#include "base/text.h"

struct pod_address;

#define POD_ADDRESS_RANGE_MAX 65536 /* addresses: a /16 */
#define POD_ADDRESS_ID_MAX    127   /* bytes */

/*
 * Addresses `first` to `last`, host byte order.  A missing file is an empty book, and so is one of
 * another range.  A file that makes no sense: ERROR_BROKEN, for a book made up anew would give
 * addresses twice.
 */
MUST_CHECK bool pod_address_open(const char *path, uint32_t first, uint32_t last,
				 struct pod_address **out, struct error *err);
void pod_address_close(struct pod_address *book); /* NULL is fine */
DEFINE_AUTO(struct pod_address *, pod_address_close)

/* The pod's address: the one it has, or a new one.  None left: ERROR_FULL.  An id that is empty,
 * too long, not UTF-8 or has a '/': ERROR_INVALID. */
MUST_CHECK bool pod_address_assign(struct pod_address *book, const char *id, uint32_t *out_address,
				   struct error *err);
/* False when the id has none. */
bool pod_address_find(const struct pod_address *book, const char *id, uint32_t *out_address);
/* An unknown id is fine. */
MUST_CHECK bool pod_address_release(struct pod_address *book, const char *id, struct error *err);

/* for (size_t i = 0; pod_address_next(book, &i, &id);)  - the entry may be released inside. */
bool pod_address_next(const struct pod_address *book, size_t *at, struct str *out_id);

#endif
