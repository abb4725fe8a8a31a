/*
 * usage_text.h - reads what a node says of its use: the text of /metrics/resource (Prometheus'
 * text form), as far as processors and memory go.
 *
 * Pure; any thread.
 */
#ifndef SERVER_METRICS_USAGE_TEXT_H
#define SERVER_METRICS_USAGE_TEXT_H

#include "base/text.h"

/* One value of a node (all names empty) or of a container. */
struct usage_line {
	enum { USAGE_CPU, USAGE_MEMORY, USAGE_START } what;
	struct str namespace, pod, container; /* as written: names of Kubernetes need no escapes */
	int64_t whole;                        /* seconds of processor time, bytes, seconds 1970 */
	int32_t nanos;                        /* and the part behind the point */
	int64_t time_ms;                      /* of the sample, since 1970; 0 = it says none */
};

/* The next line that means something to us; false at the end.  *rest starts as the whole text.
 * Lines that make no sense are passed over. */
bool usage_text_next(struct str *rest, struct usage_line *out);

#endif
