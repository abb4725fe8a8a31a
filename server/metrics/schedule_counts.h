/*
 * schedule_counts.h - attempts to place a pod, by profile and result, how long each took, and how
 * many pods wait: the figures scheduler_schedule_attempts_total,
 * scheduler_scheduling_attempt_duration_seconds and scheduler_pending_pods.
 *
 * Loop thread only.
 */
#ifndef SERVER_METRICS_SCHEDULE_COUNTS_H
#define SERVER_METRICS_SCHEDULE_COUNTS_H

#include <stdint.h>

#include "base/text.h"

struct server;
struct schedule_counts;
struct schedule_counts *schedule_counts_new(void);
void schedule_counts_free(struct schedule_counts *counts); /* NULL is fine */
/* server.c */
struct schedule_counts *server_schedule_counts(struct server *server);

enum schedule_result { SCHEDULE_PLACED, SCHEDULE_NO_PLACE, SCHEDULE_ERROR };
/* An attempt has ended.  began_us: clock_now_us when it began. */
void schedule_counts_note(struct schedule_counts *counts, const char *profile,
			  enum schedule_result result, int64_t began_us);

/* Pods without a node, as the scheduler has them. */
struct schedule_pending {
	size_t ready, backing_off, asleep, gated;
};
/* Who knows it; fill NULL: nobody any more. */
void schedule_counts_source(struct schedule_counts *counts,
			    void (*fill)(void *of, struct schedule_pending *out), void *of);

void schedule_counts_print(const struct schedule_counts *counts, struct buf *out);

#endif
