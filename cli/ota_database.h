/*
 * ota_database.h - can this program read the database of a running server?  Tried on a copy.
 */
#ifndef CLI_OTA_DATABASE_H
#define CLI_OTA_DATABASE_H

#include "ota/slots.h"

/* What the copy takes on the disk; 0 = this machine has no database. */
uint64_t ota_database_size(const char *data_dir);
/*
 * Copy <data-dir>/server/db, open the copy, check its pages, read all objects; the copy goes away
 * again.  No database is fine.  ERROR_BROKEN: it cannot be used; ERROR_UNAVAILABLE: the server
 * wrote too much meanwhile to get a copy; ERROR_FULL.
 */
MUST_CHECK bool ota_database_try(const char *data_dir, const struct slots *slots,
				 struct error *err);
/* Remove the copy of one who was killed meanwhile. */
void ota_database_forget(const struct slots *slots);

#endif
