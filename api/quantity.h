/*
 * quantity.h - Kubernetes quantities ("100m", "1Gi", "1e3"): exact integer arithmetic in nano units
 * where it fits.
 */
#ifndef API_QUANTITY_H
#define API_QUANTITY_H

#include "base/text.h"

/* ERROR_BAD_REQUEST with the words of resource.ParseQuantity. */
MUST_CHECK bool quantity_canonical(struct str text, struct buf *out, struct error *err);
MUST_CHECK bool quantity_milli(struct str text, int64_t *out,
			       struct error *err); /* rounded up, saturating */
MUST_CHECK bool quantity_value(struct str text, int64_t *out,
			       struct error *err); /* rounded up, saturating */
int quantity_sign(struct str text);

#endif
