/*
 * stats_summary.h - /stats/summary as kubelets answer it (stats.k8s.io v1alpha1).
 */
#ifndef AGENT_STATS_SUMMARY_H
#define AGENT_STATS_SUMMARY_H

#include "agent/metrics_text.h"

/* short_form: processors and memory only, with nothing of files. */
void stats_summary_print(const struct metrics_plan *plan, bool short_form, struct buf *out);

#endif
