/*
 * time_floor.h - the earliest time that it can be, remembered on the disk.
 *
 * At a start the wall clock's floor (base/clock.h) becomes the later of two times: when this
 * program was built, and what `path` says.  The file is written when it is a day behind, and at the
 * end.  A kernel whose clock is synchronised is believed, whatever the floor; the file follows it
 * then, also backwards.  A file that is damaged, or says a time more than thirty years after the
 * build, is not believed.
 *
 * Loop thread only.  One a process.
 */
#ifndef BASE_TIME_FLOOR_H
#define BASE_TIME_FLOOR_H

#include "base/loop.h"

struct time_floor;
/* The folder of `path` must exist.  What the disk does not take is logged, no more. */
struct time_floor *time_floor_open(struct loop *loop, const char *path);
void time_floor_close(struct time_floor *floor); /* NULL is fine */

/* When this program was built (its last commit), seconds since 1970. */
int64_t time_floor_built_s(void);

#endif
