/*
 * job_indexes.h - sets of completion indexes, kept as ranges in order: "1,3-5,7".
 *
 * A set is small while its indexes stand together, however many they are.
 */
#ifndef SERVER_CONTROL_JOB_INDEXES_H
#define SERVER_CONTROL_JOB_INDEXES_H

#include "base/text.h"

struct job_range {
	int64_t first, last;
};
struct job_indexes {
	struct job_range *ranges; /* apart from each other by one index at least */
	size_t count, room;
};

void job_indexes_clear(struct job_indexes *set);
static inline void job_indexes_clear_slot(struct job_indexes *set)
{
	job_indexes_clear(set);
}
#define auto_job_indexes AUTO(job_indexes_clear) struct job_indexes

/* Adds those of the text that are below `completions`; parts that make no sense are passed over. */
void job_indexes_read(struct job_indexes *set, struct str text, int64_t completions);
void job_indexes_print(const struct job_indexes *set, struct buf *out);
void job_indexes_add(struct job_indexes *set, int64_t first, int64_t last);
void job_indexes_merge(struct job_indexes *set, const struct job_indexes *other);
bool job_indexes_have(const struct job_indexes *set, int64_t index);
int64_t job_indexes_total(const struct job_indexes *set);
/* How many are in both. */
int64_t job_indexes_common(const struct job_indexes *a, const struct job_indexes *b);
/* The first index from `from` on that is not in the set. */
int64_t job_indexes_free_from(const struct job_indexes *set, int64_t from);

#endif
