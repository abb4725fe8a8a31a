/*
 * rows.h - parts of kinds' rows that many of them have.
 */
#ifndef API_KINDS_ROWS_H
#define API_KINDS_ROWS_H

#include "api/kind.h"

extern const struct subresource subresources_status[];
extern const struct subresource subresources_scale_status[];
/* What `kubectl get all` shows. */
extern const char *const categories_all[];

#endif
