/*
 * exposition.h - Prometheus' text form, version 0.0.4: metrics, their labels, their values.
 *
 * A family is its head and then its lines.  Pure; any thread.
 */
#ifndef BASE_EXPOSITION_H
#define BASE_EXPOSITION_H

#include "base/text.h"

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* "# HELP" and "# TYPE"; type "counter", "gauge", "histogram". */
void exposition_head(struct buf *out, const char *name, const char *type, const char *help);
/* One more label for a text of labels; the value is escaped. */
void exposition_label(struct buf *labels, const char *name, struct str value);
/* A line; labels may be "".  time_ms 0 = none. */
void exposition_int(struct buf *out, const char *name, struct str labels, int64_t value,
		    int64_t time_ms);
/* The value in seconds, exactly. */
void exposition_ns(struct buf *out, const char *name, struct str labels, uint64_t ns,
		   int64_t time_ms);

#endif
