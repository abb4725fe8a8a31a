/*
 * web_fixture.h - a small web server of a test's own: one file, with the faults of the field.
 */
#ifndef TESTS_UNIT_OTA_WEB_FIXTURE_H
#define TESTS_UNIT_OTA_WEB_FIXTURE_H

#include "base/text.h"

struct web_plan {
	struct str file; /* what /file gives; /away leads to it, /round to itself, /lent to a place
			  * that answers once; all else 404 */
	size_t cut;      /* the connection ends after so many bytes of a body; 0 = never */
	bool whole;      /* knows no ranges */
	unsigned refusals; /* answers 503 so many times first */
	size_t flip_at;    /* this byte is wrong ... */
	unsigned flips;    /* ... in so many answers that have it */
};

/* Starts a process that serves at 127.0.0.1; it ends with the test. Gives "http://127.0.0.1:PORT".
 */
const char *web_start(const struct web_plan *plan);
/* Bytes of bodies that it sent so far. */
size_t web_sent(void);

#endif
