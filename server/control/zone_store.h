/*
 * zone_store.h - the time zones of this machine, each read once.
 *
 * Below /usr/share/zoneinfo, or where the variable ZONEINFO says.  A zone that is not there is
 * looked for again the next time: the database may be installed meanwhile.
 *
 * Owner: the controller of CronJobs; loop thread only.
 */
#ifndef SERVER_CONTROL_ZONE_STORE_H
#define SERVER_CONTROL_ZONE_STORE_H

#include "base/zone_clock.h"

struct zone_store;
struct zone_store *zone_store_new(void);
void zone_store_free(struct zone_store *store); /* NULL is fine */

/* "Local" is the zone of this machine (/etc/localtime, else UTC).  Borrowed.  ERROR_NOT_FOUND:
 * "unknown time zone X". */
MUST_CHECK bool zone_store_find(struct zone_store *store, struct str name,
				const struct zone_clock **out, struct error *err);

#endif
