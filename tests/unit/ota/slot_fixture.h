/*
 * slot_fixture.h - slots that hold small files instead of versions, and a process that dies at a
 * chosen step.
 */
#ifndef TESTS_UNIT_OTA_SLOT_FIXTURE_H
#define TESTS_UNIT_OTA_SLOT_FIXTURE_H

#include "ota/slots.h"

/* Make a slot whose bin is `content`, with its right hash; gives its name. */
void fixture_slot(const struct slots *slots, const char *version, const char *content,
		  uint32_t epoch, char out[SLOT_NAME]);
/* Change a byte of a slot's bin. */
void fixture_damage(const struct slots *slots, const char *name);

/*
 * Run `work(of)` in a child that is killed before its n-th call (from 0) that changes a disk:
 * write, sync, rename, link, unlink, mkdir, truncate.  True: it came to its end without being
 * killed.
 */
bool fixture_cut(void (*work)(void *of), void *of, unsigned n);

#endif
