/*
 * test_waiting.c - who is next, who sleeps, what wakes whom and when.
 */
#include "server/schedule/waiting.h"

#include "base/clock.h"
#include "tests/unit/harness.h"

static struct loop *loop;
static struct waiting *waiting;

static void on_ready(void *of)
{
	(void)of;
}

static void begin(void)
{
	struct waiting_owner owner = { NULL, on_ready };
	struct error err;

	CHECK(loop_open(&loop, &err));
	waiting = waiting_new(loop, &owner, 1, 10);
}

static void finish(void)
{
	waiting_free(waiting);
	loop_close(loop);
}

static void pass(int64_t ms)
{
	clock_shift(ms);
	loop_once(loop, 0);
	loop_once(loop, 0);
}

static void next_is(const char *key)
{
	CHECK_STR(waiting_next(waiting), key);
}

static void priority_then_time(void)
{
	begin();
	waiting_add(waiting, STR("a/1"), 0);
	waiting_add(waiting, STR("a/2"), 5);
	waiting_add(waiting, STR("a/3"), 0);
	waiting_add(waiting, STR("a/4"), 5);
	waiting_add(waiting, STR("a/5"), -1);
	waiting_remove(waiting, STR("a/3"));
	next_is("a/2");
	next_is("a/4");
	next_is("a/1");
	next_is("a/5");
	next_is(NULL);
	CHECK_INT((int64_t)waiting_count(waiting), 4);
	finish();
}

/* Goal: one in each state is counted there, and what is taken nowhere. */
static void tells_figures(void)
{
	struct amounts none = { 0 };
	size_t ready, backing_off, idle;

	begin();
	waiting_add(waiting, STR("a/1"), 3);
	waiting_add(waiting, STR("a/2"), 2);
	waiting_add(waiting, STR("a/3"), 1);
	waiting_add(waiting, STR("a/4"), 0);
	next_is("a/1");
	next_is("a/2");
	next_is("a/3");
	waiting_retry(waiting, STR("a/1"), WAKE_NODE_CAME, 0, &none);
	waiting_retry_soon(waiting, STR("a/2"));
	waiting_figures(waiting, &ready, &backing_off, &idle);
	CHECK_INT((int64_t)ready, 1);
	CHECK_INT((int64_t)backing_off, 1);
	CHECK_INT((int64_t)idle, 1);
	finish();
}

/* One that failed sleeps until its event, and not less than its back-off: 1, 2, 4, 8, 10, 10 s. */
static void backs_off(void)
{
	static const int64_t pauses_ms[] = { 1000, 2000, 4000, 8000, 10000, 10000 };
	struct amounts none = { 0 };

	begin();
	waiting_add(waiting, STR("a/1"), 0);
	next_is("a/1");
	for (size_t i = 0; i < ARRAY_LENGTH(pauses_ms); i++) {
		waiting_retry(waiting, STR("a/1"), WAKE_NODE_CAME, 0, &none);
		pass(100);
		waiting_wake(waiting, WAKE_POD_GONE, NULL);
		waiting_wake(waiting, WAKE_NODE_CAME, NULL);
		pass(pauses_ms[i] - 200);
		next_is(NULL);
		pass(200);
		next_is("a/1");
	}
	finish();
}

/* Room on a node wakes only those that it is enough for; what came while it was tried counts. */
static void wakes_who_fits(void)
{
	struct amounts small = { .cpu_milli = 100 }, large = { .cpu_milli = 900 },
		       has = { .cpu_milli = 1000 }, used = { .cpu_milli = 500 };
	struct waiting_room room = { &used, &has, false };

	begin();
	waiting_add(waiting, STR("a/small"), 0);
	waiting_add(waiting, STR("a/large"), 0);
	waiting_add(waiting, STR("a/other"), 0);
	for (int i = 0; i < 3; i++)
		CHECK(waiting_next(waiting));
	waiting_retry(waiting, STR("a/small"), 0, WAKE_POD_GONE, &small);
	waiting_retry(waiting, STR("a/large"), 0, WAKE_POD_GONE, &large);
	pass(5000);
	waiting_wake(waiting, WAKE_POD_GONE, &room);
	next_is("a/small");
	next_is(NULL);
	room.is_full = true;
	used.cpu_milli = 0;
	waiting_wake(waiting, WAKE_POD_GONE, &room);
	next_is(NULL);
	room.is_full = false;
	waiting_wake(waiting, WAKE_POD_GONE, &room);
	next_is("a/large");
	/* Events came while it was under way. */
	waiting_retry(waiting, STR("a/other"), 0, WAKE_POD_GONE, &large);
	pass(1100);
	next_is("a/other");
	finish();
}

/* An event that was missed delays for five minutes, not for ever; a change of the pod wakes it. */
static void never_for_ever(void)
{
	struct amounts none = { 0 };

	begin();
	waiting_add(waiting, STR("a/1"), 0);
	next_is("a/1");
	waiting_retry(waiting, STR("a/1"), WAKE_NODE_CAME, 0, &none);
	pass(299000);
	next_is(NULL);
	pass(2000);
	next_is("a/1");
	waiting_retry(waiting, STR("a/1"), WAKE_NODE_CAME, 0, &none);
	pass(20000);
	waiting_add(waiting, STR("a/1"), 3);
	next_is("a/1");
	waiting_retry_soon(waiting, STR("a/1"));
	pass(5000);
	next_is("a/1");
	finish();
}

static const struct test tests[] = {
	{ "priority then time", priority_then_time },
	{ "tells figures", tells_figures },
	{ "backs off", backs_off },
	{ "wakes who fits", wakes_who_fits },
	{ "never for ever", never_for_ever },
};
TEST_MAIN(tests)
