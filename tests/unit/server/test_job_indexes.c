/*
 * test_job_indexes.c - sets of indexes against a plain array of bits.
 */
#include "server/control/job_indexes.h"

#include <stdio.h>

#include "base/random.h"
#include "tests/unit/harness.h"

#define SIZE 64

static void reads_and_prints(void)
{
	static const struct {
		const char *text, *printed;
		int64_t completions, total;
	} rows[] = {
		{ "", "", 10, 0 },
		{ "0", "0", 10, 1 },
		{ "0,1", "0,1", 10, 2 },
		{ "0-2", "0-2", 10, 3 },
		{ "1,3-5,7", "1,3-5,7", 10, 5 },
		{ "0-9", "0-4", 5, 5 },
		{ "3,x,5", "3,5", 10, 2 },
		{ "7-5,2", "2", 10, 1 },
		{ "12", "", 10, 0 },
		{ "5,4,3", "3-5", 10, 3 },
		{ "-1,2", "2", 10, 1 },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_job_indexes set = { 0 };
		auto_buf text = BUF_INIT;

		printf("%s\n", rows[i].text);
		job_indexes_read(&set, str_of(rows[i].text), rows[i].completions);
		job_indexes_print(&set, &text);
		CHECK_STR(buf_text(&text), rows[i].printed);
		CHECK_INT(job_indexes_total(&set), rows[i].total);
	}
}

static void fill(struct job_indexes *set, bool *bits)
{
	for (int i = 0; i < 12; i++) {
		int64_t first = (int64_t)random_below(SIZE), last = first;

		if (random_below(2))
			last += (int64_t)random_below((uint64_t)(SIZE - first));
		job_indexes_add(set, first, last);
		for (int64_t k = first; k <= last; k++)
			bits[k] = true;
	}
}

/* Goal: whatever was added, all answers are those of the array. */
static void equals_an_array(void)
{
	for (int round = 0; round < 2000; round++) {
		auto_job_indexes a = { 0 };
		auto_job_indexes b = { 0 };
		bool in_a[SIZE + 1] = { false }, in_b[SIZE + 1] = { false };
		int64_t total = 0, common = 0, gap = SIZE;

		fill(&a, in_a);
		fill(&b, in_b);
		for (int64_t i = SIZE; i >= 0; i--) {
			if (!in_a[i])
				gap = i;
			total += in_a[i];
			common += in_a[i] && in_b[i];
			CHECK(job_indexes_have(&a, i) == in_a[i]);
			CHECK_INT(job_indexes_free_from(&a, i), gap);
		}
		CHECK_INT(job_indexes_total(&a), total);
		CHECK_INT(job_indexes_common(&a, &b), common);
		for (size_t i = 1; i < a.count; i++)
			CHECK(a.ranges[i].first > a.ranges[i - 1].last + 1);
	}
}

static const struct test tests[] = {
	{ "reads and prints", reads_and_prints },
	{ "equals an array", equals_an_array },
};
TEST_MAIN(tests)
