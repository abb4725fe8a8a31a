/*
 * rows.c - parts of kinds' rows that many of them have.
 */
#include "api/kinds/rows.h"

#define READ_AND_CHANGE (VERB_GET | VERB_UPDATE | VERB_PATCH)

const struct subresource subresources_status[] = {
	{ .name = "status", .verbs = READ_AND_CHANGE },
	{ 0 },
};
const struct subresource subresources_scale_status[] = {
	{ "scale", "Scale", "autoscaling", "v1", READ_AND_CHANGE },
	{ .name = "status", .verbs = READ_AND_CHANGE },
	{ 0 },
};
const char *const categories_all[] = { "all", NULL };
