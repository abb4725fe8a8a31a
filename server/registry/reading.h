/*
 * reading.h - which state a read asks for: resourceVersion, resourceVersionMatch, continue and
 * sendInitialEvents of its URL.  Wire contract 2.4 and 9.
 *
 * Pure but for reading_wait: that one lets a request wait until a revision that is yet to come is
 * there.  Loop thread only.
 */
#ifndef SERVER_REGISTRY_READING_H
#define SERVER_REGISTRY_READING_H

#include "api/status.h"
#include "server/road.h"

struct datastore;

struct reading {
	uint64_t at_least; /* not older than this; 0 = anything */
	uint64_t exact;    /* the state of this revision; 0 = the newest */
	struct str after;  /* the page begins behind this key; STR_NONE = with the first */
	int64_t remaining; /* how many the page before left; -1 = not known */
	bool initial;      /* watch: the current state comes first */
	bool from_now;     /* watch: only what is yet to come */
};

/* The combinations that are refused, with the real server's words; fills errors (its arena is set).
 */
void reading_check(const struct request *req, bool watch, struct field_errors *errors);
/* Of a list whose keys start with `prefix`.  ERROR_BAD_REQUEST: the token; ERROR_BROKEN: the
 * number. */
MUST_CHECK bool reading_of_list(const struct request *req, struct str prefix, struct reading *out,
				struct error *err);
/* Of a get: at_least only.  ERROR_BROKEN: the number. */
MUST_CHECK bool reading_of_get(const struct request *req, struct reading *out, struct error *err);
/* Of a watch.  ERROR_INVALID: the number. */
MUST_CHECK bool reading_of_watch(const struct request *req, struct reading *out, struct error *err);

/* The token of the next page; in the request's arena.  revision 0: of the newest state by then. */
const char *reading_token(const struct request *req, uint64_t revision, int64_t remaining,
			  struct str last_key);

/*
 * STEP_NEXT: the revision is there.  STEP_WAIT: the road is walked again when it is.  STEP_FAIL
 * after three seconds of waiting: Timeout with the cause ResourceVersionTooLarge.
 */
enum step reading_wait(struct request *req, struct datastore *store, uint64_t revision,
		       struct error *err);
/* All that wait are refused: the server ends. */
void reading_stop(void);

#endif
