/*
 * heap_peak.h - how much memory a piece of work had at most: every allocation is counted.
 *
 * By hooks of the address sanitizer; without it (releases) nothing is known.  Whole process.
 */
#ifndef TESTS_UNIT_RUNTIME_HEAP_PEAK_H
#define TESTS_UNIT_RUNTIME_HEAP_PEAK_H

#include <stddef.h>

/* Begin to count: the peak of what is allocated from now on. */
void heap_peak_begin(void);
/* The peak since then; the test fails if it is above `max`.  0 = not known. */
size_t heap_peak_check(size_t max);

#endif
