/*
 * seen.h - what a controller's own writes have to show up as before it looks again, so that nothing
 * is made twice (Kubernetes' word: expectations).
 *
 * A pass that wrote notes the newest revision of its answers; until the cache of the written kind
 * has come that far, the key is behind.  Loop thread only.
 */
#ifndef SERVER_CONTROL_SEEN_H
#define SERVER_CONTROL_SEEN_H

#include "base/text.h"

struct seen;
struct seen *seen_new(void);
void seen_free(struct seen *seen); /* NULL is fine */

/* Revision 0 (nothing was written) changes nothing. */
void seen_note(struct seen *seen, struct str key, uint64_t revision);
/* `now`: the newest revision that the cache has seen (cache_revision). */
bool seen_is_behind(const struct seen *seen, struct str key, uint64_t now);
void seen_forget(struct seen *seen, struct str key); /* the key's object is gone */

#endif
