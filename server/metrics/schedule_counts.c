/*
 * schedule_counts.c - a map by the labels as they are printed.
 */
#include "server/metrics/schedule_counts.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/exposition.h"
#include "base/map.h"

#define LABELS_MAX 300 /* profiles are few */
#define ATTEMPTS   "scheduler_schedule_attempts_total"
#define DURATION   "scheduler_scheduling_attempt_duration_seconds"
#define PENDING    "scheduler_pending_pods"

/* Upper bounds as the real scheduler has them: 1 ms, doubling. */
static const char *const bounds[] = { "0.001", "0.002", "0.004", "0.008", "0.016",
				      "0.032", "0.064", "0.128", "0.256", "0.512",
				      "1.024", "2.048", "4.096", "8.192", "16.384" };
#define FIRST_US 1000

static const char *const results[] = { [SCHEDULE_PLACED] = "scheduled",
				       [SCHEDULE_NO_PLACE] = "unschedulable",
				       [SCHEDULE_ERROR] = "error" };

struct attempts {
	uint64_t sum_us, count;
	uint64_t below[ARRAY_LENGTH(bounds)]; /* of this bound alone, not of those under it */
};

struct schedule_counts {
	struct map *attempts; /* labels -> struct attempts */
	void (*fill)(void *of, struct schedule_pending *out);
	void *of;
};

struct schedule_counts *schedule_counts_new(void)
{
	struct schedule_counts *counts = memory_new(struct schedule_counts);

	counts->attempts = map_new();
	return counts;
}

void schedule_counts_free(struct schedule_counts *counts)
{
	if (!counts)
		return;
	map_free_all(counts->attempts);
	free(counts);
}

void schedule_counts_source(struct schedule_counts *counts,
			    void (*fill)(void *of, struct schedule_pending *out), void *of)
{
	counts->fill = fill;
	counts->of = of;
}

void schedule_counts_note(struct schedule_counts *counts, const char *profile,
			  enum schedule_result result, int64_t began_us)
{
	int64_t us = clock_now_us() - began_us, bound = FIRST_US;
	struct attempts *attempts;
	auto_buf labels = BUF_INIT;
	size_t i = 0;

	exposition_label(&labels, "profile", str_of(profile));
	exposition_label(&labels, "result", str_of(results[result]));
	attempts = map_find(counts->attempts, buf_str(&labels));
	if (!attempts) {
		if (map_count(counts->attempts) >= LABELS_MAX)
			return;
		attempts = memory_new(struct attempts);
		map_put(counts->attempts, buf_str(&labels), attempts);
	}
	for (; i < ARRAY_LENGTH(bounds) && us > bound; i++)
		bound *= 2;
	if (i < ARRAY_LENGTH(bounds))
		attempts->below[i]++;
	attempts->count++;
	attempts->sum_us += (uint64_t)(us > 0 ? us : 0);
}

static void print_durations(struct str labels, const struct attempts *attempts, struct buf *out)
{
	uint64_t below = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(bounds); i++) {
		below += attempts->below[i];
		buf_add_print(out, DURATION "_bucket{" STR_FMT ",le=\"%s\"} %" PRIu64 "\n",
			      STR_ARG(labels), bounds[i], below);
	}
	buf_add_print(out, DURATION "_bucket{" STR_FMT ",le=\"+Inf\"} %" PRIu64 "\n",
		      STR_ARG(labels), attempts->count);
	exposition_ns(out, DURATION "_sum", labels, attempts->sum_us * 1000, 0);
	exposition_int(out, DURATION "_count", labels, (int64_t)attempts->count, 0);
}

static void print_pending(const struct schedule_counts *counts, struct buf *out)
{
	struct schedule_pending pending = { 0 };
	const struct {
		const char *queue;
		const size_t *count;
	} rows[] = { { "active", &pending.ready },
		     { "backoff", &pending.backing_off },
		     { "gated", &pending.gated },
		     { "unschedulable", &pending.asleep } };

	if (counts->fill)
		counts->fill(counts->of, &pending);
	exposition_head(
		out, PENDING, "gauge",
		"[STABLE] Number of pending pods, by the queue type. 'active' means number of pods "
		"in activeQ; 'backoff' means number of pods in backoffQ; 'unschedulable' means "
		"number of pods in unschedulablePods that the scheduler attempted to schedule and "
		"failed; 'gated' is the number of unschedulable pods that the "
		"scheduler never attempted to schedule because they are gated.");
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_buf labels = BUF_INIT;

		exposition_label(&labels, "queue", str_of(rows[i].queue));
		exposition_int(out, PENDING, buf_str(&labels), (int64_t)*rows[i].count, 0);
	}
}

void schedule_counts_print(const struct schedule_counts *counts, struct buf *out)
{
	struct str labels;
	void *value;

	print_pending(counts, out);
	exposition_head(out, ATTEMPTS, "counter",
			"[STABLE] Number of attempts to schedule pods, by the result. "
			"'unschedulable' means a pod could not be scheduled, while 'error' means "
			"an internal scheduler problem.");
	for (size_t i = 0; map_next(counts->attempts, &i, &labels, &value);)
		exposition_int(out, ATTEMPTS, labels,
			       (int64_t)((const struct attempts *)value)->count, 0);
	exposition_head(out, DURATION, "histogram",
			"[STABLE] Scheduling attempt latency in seconds (scheduling algorithm + "
			"binding)");
	for (size_t i = 0; map_next(counts->attempts, &i, &labels, &value);)
		print_durations(labels, value, out);
}
