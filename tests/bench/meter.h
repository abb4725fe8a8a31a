/*
 * meter.h - what the tasks of the meter share: a client with the administrator's certificate, calls
 * that are waited for, times.
 *
 * A task that cannot go on ends the program with one sentence; figures are lines "name value unit".
 */
#ifndef BENCH_METER_H
#define BENCH_METER_H

#include "client/cache.h"
#include "client/client.h"

#define METER_NAMESPACE STR("default")
#define METER_MAX       100000 /* objects or pods of one task */

struct meter {
	struct loop *loop;
	struct client *client;
	const char *image;
	int64_t deadline_ms; /* monotonic; the whole task */
};

_Noreturn void meter_fail(const char *format, ...) PRINTF_LIKE(1, 2);
/* The row of a kind that must exist: ("apps", "v1", "deployments"). */
const struct kind *meter_kind(const char *group, const char *plural);
/* Makes the call and waits for its reply; a failure ends the program. */
void meter_call(struct meter *meter, struct client_ask ask);
/* Runs the loop until *value has reached `wanted`. */
void meter_until(struct meter *meter, const size_t *value, size_t wanted, const char *what);

/* Samples of microseconds, printed as percentiles in milliseconds. */
struct samples {
	int64_t *at;
	size_t count;
};
void samples_add(struct samples *samples, int64_t micros);
void samples_print(struct samples *samples, const char *name); /* sorts and frees them */

/* The tasks.  count comes from the command line, 1..METER_MAX; word may be NULL. */
struct task {
	const char *name;
	void (*run)(struct meter *meter, size_t count, const char *word);
	const char *help;
};
extern const struct task task_ready, task_one_by_one, task_together, task_deployment,
	task_deployment_end, task_watches, task_lists, task_schedule, task_churn;

#endif
