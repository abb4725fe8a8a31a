/*
 * version_order.h - which of two versions is newer: semantic versioning 2.0.0.
 *
 * "1.2.3", "1.2.3-rc.1", "1.2.3+build".  What follows a plus sign does not count.  Pure.
 */
#ifndef OTA_VERSION_ORDER_H
#define OTA_VERSION_ORDER_H

#include "base/text.h"

#define VERSION_LONGEST 64

/* Three numbers below 2^32, at most 64 bytes, characters [0-9A-Za-z.+-] only. */
bool version_is_valid(struct str version);
/* Like strcmp, of two valid ones. */
int version_compare(struct str a, struct str b);

#endif
