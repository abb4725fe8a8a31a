/*
 * test_event_sums.c - events that come again, events alike, and too many of them.
 */
#include "server/control/event_sums.h"

#include <stdio.h>

#include "tests/unit/harness.h"

static bool tell(struct event_sums *sums, const char *uid, const char *reason, const char *message,
		 int64_t now_ms, struct event_sum *out)
{
	struct event_word word = { STR("c"), str_of(uid), "Normal", reason, message };

	return event_sums_take(sums, &word, now_ms, now_ms / 1000, out);
}

/* Goal: the same again is the same object with a greater number; another object is another. */
static void counts(void)
{
	struct event_sums *sums = event_sums_new();
	struct event_sum first, again, other;

	CHECK(tell(sums, "a", "R", "m", 5000, &first));
	CHECK_INT(first.count, 1);
	CHECK_INT(first.first_s, 5);
	CHECK_INT(strlen(first.suffix), 16);
	CHECK(tell(sums, "a", "R", "m", 9000, &again));
	CHECK_INT(again.count, 2);
	CHECK_INT(again.first_s, 5);
	CHECK_STR(again.suffix, first.suffix);
	CHECK(tell(sums, "b", "R", "m", 9000, &other));
	CHECK_INT(other.count, 1);
	CHECK(strcmp(other.suffix, first.suffix) != 0);
	event_sums_free(sums);
	event_sums_free(NULL);
}

/* Goal: the eleventh message of one reason within the time is combined, and counted with the next;
 * known messages and other reasons are not. */
static void combines(void)
{
	struct event_sums *sums = event_sums_new();
	struct event_sum sum;
	char message[16];

	for (int i = 0; i < 13; i++) {
		snprintf(message, sizeof(message), "m%d", i);
		CHECK(tell(sums, "a", "R", message, 1000, &sum));
		CHECK_INT(sum.combined, i >= EVENT_SUMS_ALIKE);
		CHECK_INT(sum.count, i > EVENT_SUMS_ALIKE ? i - EVENT_SUMS_ALIKE + 1 : 1);
	}
	CHECK(tell(sums, "a", "R", "m0", 1000, &sum));
	CHECK(!sum.combined);
	CHECK_INT(sum.count, 2);
	CHECK(tell(sums, "a", "S", "new", 1000, &sum) && !sum.combined);
	CHECK(tell(sums, "a", "R", "late", 1000 + EVENT_SUMS_TIME_MS + 1, &sum) && !sum.combined);
	event_sums_free(sums);
}

/* Goal: of one object no more than the burst; then one a time; others do not suffer. */
static void limits(void)
{
	struct event_sums *sums = event_sums_new();
	struct event_sum sum;

	for (int i = 0; i < EVENT_SUMS_BURST; i++)
		CHECK(tell(sums, "a", "R", "m", 1000, &sum));
	CHECK(!tell(sums, "a", "R", "m", 1000, &sum));
	CHECK(!tell(sums, "a", "other", "m", 1000 + EVENT_SUMS_EVERY / 2, &sum));
	CHECK(tell(sums, "b", "R", "m", 1000, &sum));
	CHECK(tell(sums, "a", "R", "m", 1000 + EVENT_SUMS_EVERY + 1, &sum));
	CHECK(!tell(sums, "a", "R", "m", 1000 + EVENT_SUMS_EVERY + 2, &sum));
	event_sums_free(sums);
}

/* Goal: what is remembered has a limit. */
static void forgets(void)
{
	struct event_sums *sums = event_sums_new();
	struct event_sum sum;
	char uid[16];

	for (int i = 0; i < EVENT_SUMS_KEPT + 1; i++) {
		snprintf(uid, sizeof(uid), "u%d", i);
		CHECK(tell(sums, uid, "R", "m", 1000, &sum));
	}
	CHECK(tell(sums, "u2", "R", "m", 1000, &sum));
	CHECK_INT(sum.count, 2);
	CHECK(tell(sums, "u0", "R", "m", 1000, &sum));
	CHECK_INT(sum.count, 1);
	event_sums_free(sums);
}

static const struct test tests[] = {
	{ "counts", counts },
	{ "combines", combines },
	{ "limits", limits },
	{ "forgets", forgets },
};

TEST_MAIN(tests)
