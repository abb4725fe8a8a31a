/*
 * zone_clock.h - what the clock on the wall of a place shows: offsets from UTC over time, from the
 * files of the IANA database (TZif, RFC 9636), and calendar times.
 *
 * What comes after a file's last transition follows from its footer, a POSIX TZ rule.  A zone is
 * immutable once made.  Times lie within 30 million years.  Any thread.
 */
#ifndef BASE_ZONE_CLOCK_H
#define BASE_ZONE_CLOCK_H

#include <stdint.h>

#include "base/text.h"

struct zone_clock;

/* The bytes of a TZif file of version 2 or later; of version 1, too, without a rule.
 * ERROR_BAD_REQUEST: which part makes no sense. */
MUST_CHECK bool zone_clock_parse(struct str bytes, struct zone_clock **out, struct error *err);
/* A POSIX rule alone: "CET-1CEST,M3.5.0,M10.5.0/3".  ERROR_BAD_REQUEST. */
MUST_CHECK bool zone_clock_rule(struct str rule, struct zone_clock **out, struct error *err);
/* `name` ("Europe/Berlin") below `folder`; "UTC" and "" need no file.  ERROR_NOT_FOUND. */
MUST_CHECK bool zone_clock_load(const char *folder, struct str name, struct zone_clock **out,
				struct error *err);
void zone_clock_free(struct zone_clock *zone); /* NULL is fine */
DEFINE_AUTO(struct zone_clock *, zone_clock_free)

/* The offset at a time, and how long it lasts: from out_start to before out_end (INT64_MIN and
 * INT64_MAX: for ever).  Either may be NULL.  zone NULL = UTC. */
int64_t zone_clock_offset(const struct zone_clock *zone, int64_t at_s, int64_t *out_start,
			  int64_t *out_end);

struct zone_time {
	int64_t year;
	int month, day, hour, minute, second; /* 1-12, 1-31 */
	int weekday;                          /* 0 = Sunday */
};
/* What the clock shows at a time. */
struct zone_time zone_clock_show(const struct zone_clock *zone, int64_t at_s);
/* The time at which it shows this; parts out of their range carry over (month 13, day 0).  What is
 * shown twice, or never, becomes a time near it that is right by one of the two offsets. */
int64_t zone_clock_time(const struct zone_clock *zone, const struct zone_time *shown);

/* "2026-03-29T02:30:00+01:00"; "...Z" where the offset is 0. */
#define ZONE_CLOCK_TEXT 48
void zone_clock_print(const struct zone_clock *zone, int64_t at_s, char out[ZONE_CLOCK_TEXT]);

#endif
