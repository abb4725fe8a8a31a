/*
 * quota_use.h - what an object uses of the resources that a ResourceQuota may bound, and whether
 * the quota is about it.  Pure functions.
 *
 * Amounts are thousandths, as exact as those go; beyond int64 they stay at its edge.
 */
#ifndef SERVER_REGISTRY_QUOTA_USE_H
#define SERVER_REGISTRY_QUOTA_USE_H

#include "base/json.h"

struct quota_amount {
	char *name; /* "pods", "requests.cpu", "count/deployments.apps" */
	int64_t milli;
	bool binary; /* shown as 1Gi, not as 1G */
};
struct quota_sum {
	struct quota_amount *items;
	size_t count, room;
};
void quota_sum_clear(struct quota_sum *sum);
static inline void quota_sum_clear_slot(struct quota_sum *sum)
{
	quota_sum_clear(sum);
}
#define auto_quota_sum AUTO(quota_sum_clear) struct quota_sum
void quota_sum_add(struct quota_sum *sum, struct str name, int64_t milli, bool binary);
const struct quota_amount *quota_sum_find(const struct quota_sum *sum, struct str name);
/* "500m", "1Gi" */
void quota_amount_print(const struct quota_amount *amount, struct buf *out);
/* Of a quantity's text; saturates. */
int64_t quota_milli(struct str quantity, bool *out_binary);

/* Adds what the object of this resource ("" and "pods", "apps" and "deployments") uses. */
void quota_use_add(struct quota_sum *sum, struct str group, struct str plural,
		   const struct json *object);
/* May a bound of this name be about objects of this resource? */
bool quota_use_is_of(struct str name, struct str group, struct str plural);
/* Do the scopes of the quota's spec let it be about the object? */
bool quota_use_in_scope(const struct json *spec, struct str group, struct str plural,
			const struct json *object);
/* The containers of a new pod that do not say what the quota bounds: "must specify cpu for: a;
 * memory for: a,b" into out; false when all do. */
bool quota_use_lacks(const struct json *hard, const struct json *pod, struct buf *out);

#endif
