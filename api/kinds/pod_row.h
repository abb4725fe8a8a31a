/*
 * pod_row.h - what a row says of a pod's containers.
 */
#ifndef API_KINDS_POD_ROW_H
#define API_KINDS_POD_ROW_H

#include "base/json.h"

struct pod_row {
	struct buf status; /* "Running", "Init:0/1", "CrashLoopBackOff", ... */
	size_t ready, total;
	int64_t restarts;
	struct str last_restart; /* a time; borrowed from the pod */
};
void pod_row_init(struct pod_row *row, const struct json *pod);
void pod_row_clear(struct pod_row *row);

#endif
