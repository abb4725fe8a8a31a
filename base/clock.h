/*
 * clock.h - time: monotonic for waiting, wall for telling.  Any thread.  Tests can set an offset.
 *
 * A board without a battery wakes up in 1970: below the floor (base/time_floor.h) the wall clock is
 * not believed; it goes on from the floor then, second by second, until the machine's is ahead.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#include "base/text.h"

int64_t clock_now_ms(void);           /* monotonic, milliseconds                     */
int64_t clock_now_us(void);           /* monotonic, microseconds                     */
int64_t clock_wall_s(void);           /* seconds since 1970 UTC                      */
int64_t clock_wall_us(void);          /* microseconds since 1970 UTC                 */
void clock_shift(int64_t by_ms);      /* tests only: moves both clocks               */
void clock_shift_wall(int64_t by_ms); /* tests only: the machine's wall clock is set */

int64_t clock_machine_s(void); /* the machine's wall clock, whatever the floor is */
/* From now on the wall clock is `wall_s` and what passes, if the machine's is not ahead; 0 takes
 * the floor away. */
void clock_set_floor(int64_t wall_s);
/* The floor as a word of an environment, NULL = none: a process of ours that starts with it and
 * calls clock_inherit_floor has the same one. */
#define CLOCK_FLOOR_WORD 48
const char *clock_floor_word(char out[CLOCK_FLOOR_WORD]);
void clock_inherit_floor(void);

/* RFC 3339 in UTC: "2026-11-20T17:14:06Z"; micro: "...06.123456Z"; nano: "...06.123456789Z". */
#define CLOCK_TEXT 40
void clock_print(int64_t wall_s, char out[CLOCK_TEXT]);
void clock_print_micro(int64_t wall_us, char out[CLOCK_TEXT]);
void clock_print_nano(int64_t wall_s, long nanos, char out[CLOCK_TEXT]);
/* Any RFC 3339 time with any zone; *out_nanos may be NULL. */
bool clock_parse(struct str text, int64_t *out_wall_s, int32_t *out_nanos);
/* Go duration text such as "1h30m", "500ms", "32s" into milliseconds. */
bool clock_parse_duration(struct str text, int64_t *out_ms);

#endif
