/*
 * autoscale_math.h - how many pods there should be: from what pods use, from one number for all,
 * and how fast that may be reached.
 *
 * Amounts are in thousandths, times in milliseconds of the monotonic clock.  Pure but for the
 * history, which its owner keeps.
 */
#ifndef SERVER_CONTROL_AUTOSCALE_MATH_H
#define SERVER_CONTROL_AUTOSCALE_MATH_H

#include "base/json.h"

#define AUTOSCALE_TOLERANCE 0.1

/* --- from pods --- */

enum autoscale_state {
	AUTOSCALE_READY,
	AUTOSCALE_UNREADY, /* pending, or too young to be believed */
	AUTOSCALE_MISSING, /* nothing is known of what it uses */
	AUTOSCALE_IGNORED, /* it goes, or has failed */
};
struct autoscale_pod {
	enum autoscale_state state;
	int64_t used, requested;
};
struct autoscale_ask {
	int64_t current; /* pods now */
	int64_t target;  /* percent of what is requested, or an amount a pod */
	bool percent;
};
struct autoscale_found {
	int64_t replicas;
	int64_t utilization; /* percent; only for a target of percents */
	int64_t average;     /* used by one pod */
};
/* Pods without a figure count as if they kept things as they are; `pods` is changed.
 * ERROR_INVALID in the words of the real controller. */
MUST_CHECK bool autoscale_from_pods(struct autoscale_pod *pods, size_t count,
				    const struct autoscale_ask *ask, struct autoscale_found *out,
				    struct error *err);

/* --- from one amount for all --- */

/* The amount against its target; `ready` pods share it.  With no pods: as many as it takes. */
int64_t autoscale_from_value(int64_t value, int64_t target, int64_t current, int64_t ready);
/* Each pod is to have `target` of it. */
int64_t autoscale_from_average(int64_t value, int64_t target, int64_t current);

/* --- how fast --- */

struct autoscale_history;
struct autoscale_history *autoscale_history_new(void);
void autoscale_history_free(struct autoscale_history *history); /* NULL is fine */
/* The first look: as it is counts as a wish. */
void autoscale_history_begin(struct autoscale_history *history, int64_t current, int64_t now_ms);
/* It was done. */
void autoscale_history_note(struct autoscale_history *history, const struct json *behavior,
			    int64_t before, int64_t after, int64_t now_ms);

struct autoscale_words {
	const char *reason, *message;
};
struct autoscale_limits {
	const struct json *behavior; /* of the spec, or NULL */
	int64_t least, most, current;
};
struct autoscale_step {
	int64_t replicas;
	struct autoscale_words able;    /* AbleToScale */
	struct autoscale_words limited; /* ScalingLimited */
	bool is_limited;
};
/* A wish, slowed down by windows and policies and kept within the limits. */
struct autoscale_step autoscale_next(struct autoscale_history *history,
				     const struct autoscale_limits *limits, int64_t wished,
				     int64_t now_ms);

#endif
