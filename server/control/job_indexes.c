/*
 * job_indexes.c - an array of ranges; a new one swallows those that it meets.
 */
#include "server/control/job_indexes.h"

#include <assert.h>
#include <inttypes.h>

void job_indexes_clear(struct job_indexes *set)
{
	free(set->ranges);
	*set = (struct job_indexes){ 0 };
}

/* The first range that ends at `index` or later. */
static size_t find(const struct job_indexes *set, int64_t index)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->ranges[middle].last >= index)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void make_gap(struct job_indexes *set, size_t at)
{
	if (set->count == set->room) {
		set->room = set->room ? set->room * 2 : 8;
		set->ranges = memory_grow(set->ranges, set->room * sizeof(*set->ranges));
	}
	memmove(&set->ranges[at + 1], &set->ranges[at], (set->count - at) * sizeof(*set->ranges));
	set->count++;
}

void job_indexes_add(struct job_indexes *set, int64_t first, int64_t last)
{
	size_t at = find(set, first - 1), end = at;

	assert(first >= 0 && first <= last);
	while (end < set->count && set->ranges[end].first <= last + 1)
		end++;
	if (end == at) {
		make_gap(set, at);
		set->ranges[at] = (struct job_range){ first, last };
		return;
	}
	if (set->ranges[at].first < first)
		first = set->ranges[at].first;
	if (set->ranges[end - 1].last > last)
		last = set->ranges[end - 1].last;
	set->ranges[at] = (struct job_range){ first, last };
	memmove(&set->ranges[at + 1], &set->ranges[end], (set->count - end) * sizeof(*set->ranges));
	set->count -= end - at - 1;
}

void job_indexes_merge(struct job_indexes *set, const struct job_indexes *other)
{
	for (size_t i = 0; i < other->count; i++)
		job_indexes_add(set, other->ranges[i].first, other->ranges[i].last);
}

void job_indexes_read(struct job_indexes *set, struct str text, int64_t completions)
{
	while (text.len > 0) {
		struct str part = str_cut(&text, ',');
		struct str low = str_cut(&part, '-');
		int64_t first, last;

		if (!str_to_i64(low, 0, INT32_MAX, &first) || first >= completions)
			continue;
		last = first;
		if (part.len > 0 && !str_to_i64(part, first, INT32_MAX, &last))
			continue;
		job_indexes_add(set, first, last < completions ? last : completions - 1);
	}
}

void job_indexes_print(const struct job_indexes *set, struct buf *out)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct job_range *range = &set->ranges[i];

		buf_add_print(out, "%s%" PRId64, i ? "," : "", range->first);
		if (range->last > range->first)
			buf_add_print(out, "%c%" PRId64,
				      range->last == range->first + 1 ? ',' : '-', range->last);
	}
}

bool job_indexes_have(const struct job_indexes *set, int64_t index)
{
	size_t at = find(set, index);

	return at < set->count && set->ranges[at].first <= index;
}

int64_t job_indexes_total(const struct job_indexes *set)
{
	int64_t total = 0;

	for (size_t i = 0; i < set->count; i++)
		total += set->ranges[i].last - set->ranges[i].first + 1;
	return total;
}

int64_t job_indexes_common(const struct job_indexes *a, const struct job_indexes *b)
{
	int64_t total = 0;

	for (size_t i = 0, k = 0; i < a->count && k < b->count;) {
		const struct job_range *left = &a->ranges[i], *right = &b->ranges[k];
		int64_t first = left->first > right->first ? left->first : right->first;
		int64_t last = left->last < right->last ? left->last : right->last;

		if (last >= first)
			total += last - first + 1;
		i += left->last == last;
		k += right->last == last;
	}
	return total;
}

int64_t job_indexes_free_from(const struct job_indexes *set, int64_t from)
{
	size_t at = find(set, from);

	return at < set->count && set->ranges[at].first <= from ? set->ranges[at].last + 1 : from;
}
