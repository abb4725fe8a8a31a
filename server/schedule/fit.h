/*
 * fit.h - may a pod run on a node, and how well: pure functions over objects.
 */
#ifndef SERVER_SCHEDULE_FIT_H
#define SERVER_SCHEDULE_FIT_H

#include "api/object.h"

struct fit_amount {
	int64_t cpu_milli, memory, pods;
};

/* What a pod asks for (containers summed up, the largest init container if that is more). */
void fit_request(const struct json *pod, struct fit_amount *out);
/* What a node offers. */
void fit_allocatable(const struct json *node, struct fit_amount *out);

/* NULL = it may; else the words of the real scheduler, in a buffer of the caller. */
#define FIT_TEXT 160
const char *fit_check(const struct json *pod, const struct json *node,
		      const struct fit_amount *used, char text[FIT_TEXT]);
/* Higher is better: 0..100, by what is left after. */
int64_t fit_score(const struct json *pod, const struct json *node, const struct fit_amount *used);

#endif
