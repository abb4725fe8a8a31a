/*
 * job_backoff.c - failures since the last success.
 */
#include "server/control/job_backoff.h"

#include "base/clock.h"

#define FIRST_S 10
#define MOST_S  600

struct job_backoff job_backoff_after(struct job_backoff record, const struct job_pods *pods,
				     bool (*skip)(void *of, const struct job_pod *pod), void *of)
{
	int64_t success_s = INT64_MIN;

	for (size_t i = 0; i < pods->count; i++) {
		const struct job_pod *pod = &pods->items[i];

		if (pod->phase == MEMBER_SUCCEEDED && pod->uncounted && !skip(of, pod) &&
		    pod->ended_s > success_s)
			success_s = pod->ended_s;
	}
	if (success_s != INT64_MIN)
		record = (struct job_backoff){ 0 };
	for (size_t i = 0; i < pods->count; i++) {
		const struct job_pod *pod = &pods->items[i];

		if (!pod->failed || !pod->uncounted || skip(of, pod) || pod->ended_s <= success_s)
			continue;
		if (record.failures == 0 || pod->ended_s > record.last_s)
			record.last_s = pod->ended_s;
		record.failures++;
	}
	return record;
}

int64_t job_backoff_left_ms(const struct job_backoff *record)
{
	int64_t wait_s = FIRST_S, left_ms;

	if (record->failures == 0)
		return 0;
	for (int64_t i = 1; i < record->failures && wait_s < MOST_S; i++)
		wait_s *= 2;
	if (wait_s > MOST_S)
		wait_s = MOST_S;
	left_ms = (record->last_s + wait_s) * 1000 - clock_wall_us() / 1000;
	/* A clock that was set back does not make it longer. */
	if (left_ms > wait_s * 1000)
		left_ms = wait_s * 1000;
	return left_ms > 0 ? left_ms : 0;
}

int64_t job_backoff_index_left_ms(const struct job_pod *failed)
{
	struct job_backoff record = { .failures = job_pods_failures(failed->object) +
						  job_pods_ignored(failed->object) + 1,
				      .last_s = failed->ended_s };

	return job_backoff_left_ms(&record);
}
