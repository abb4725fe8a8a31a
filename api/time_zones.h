/*
 * time_zones.h - which names are time zones.
 */
#ifndef API_TIME_ZONES_H
#define API_TIME_ZONES_H

#include "base/text.h"

/* Is it in the IANA database, letter for letter ("Europe/Berlin", "UTC")? */
bool time_zone_known(struct str name);

#endif
