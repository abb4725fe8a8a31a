/*
 * test_eviction_judge.c - when a threshold counts, for how long pressure is told, and which one is
 * acted upon.
 */
#include "agent/eviction_judge.h"

#include "tests/unit/harness.h"

#define MIB (1024ll * 1024)

static void read_limits(struct node_limits *out, const char **arguments, size_t count)
{
	struct option_list list = { arguments, count };
	struct error err;

	CHECK_OK(node_limits_read(&list, out, &err), &err);
}

static void see(struct observation seen[SIGNALS], enum eviction_signal signal, int64_t available,
		int64_t capacity)
{
	seen[signal] = (struct observation){ true, available, capacity };
}

/* Goal: a hard threshold counts at once, holds until its minimum reclaim is free too, and its
 * pressure is told for the transition period. */
static void hard_ones(void)
{
	const char *arguments[] = { "eviction-hard=memory.available<100Mi",
				    "eviction-minimum-reclaim=memory.available=50Mi",
				    "eviction-pressure-transition-period=30s" };
	struct eviction_judge judge = { 0 };
	struct observation seen[SIGNALS] = { 0 };
	struct node_pressure pressure;
	struct node_limits limits;
	const struct eviction_threshold *found;

	read_limits(&limits, arguments, 3);
	CHECK(!eviction_judge_look(&judge, &limits, seen, 500, &pressure)); /* nothing known */
	see(seen, SIGNAL_MEMORY, 100 * MIB, 1000 * MIB);
	CHECK(!eviction_judge_look(&judge, &limits, seen, 1000, &pressure));
	CHECK(!pressure.memory);
	see(seen, SIGNAL_MEMORY, 100 * MIB - 1, 1000 * MIB);
	found = eviction_judge_look(&judge, &limits, seen, 2000, &pressure);
	CHECK(found);
	CHECK_INT(found->signal, SIGNAL_MEMORY);
	CHECK(pressure.memory && !pressure.disk && !pressure.pids);
	see(seen, SIGNAL_MEMORY, 149 * MIB, 1000 * MIB);
	CHECK(eviction_judge_look(&judge, &limits, seen, 3000, &pressure));
	see(seen, SIGNAL_MEMORY, 151 * MIB, 1000 * MIB);
	CHECK(!eviction_judge_look(&judge, &limits, seen, 4000, &pressure));
	CHECK(pressure.memory);
	see(seen, SIGNAL_MEMORY, 101 * MIB, 1000 * MIB); /* between the two: not crossed anew */
	CHECK(!eviction_judge_look(&judge, &limits, seen, 32000, &pressure));
	CHECK(pressure.memory);
	CHECK(!eviction_judge_look(&judge, &limits, seen, 33001, &pressure));
	CHECK(!pressure.memory);
}

/* Goal: a soft one must have been crossed all through its grace period, but its pressure is told
 * from the first moment. */
static void soft_ones(void)
{
	const char *arguments[] = { "eviction-hard=", "eviction-soft=nodefs.available<10%",
				    "eviction-soft-grace-period=nodefs.available=1m" };
	struct eviction_judge judge = { 0 };
	struct observation seen[SIGNALS] = { 0 };
	struct node_pressure pressure;
	struct node_limits limits;

	read_limits(&limits, arguments, 3);
	CHECK_INT(limits.threshold_count, 1);
	see(seen, SIGNAL_NODEFS, 9, 100);
	CHECK(!eviction_judge_look(&judge, &limits, seen, 1000, &pressure));
	CHECK(pressure.disk);
	CHECK(!eviction_judge_look(&judge, &limits, seen, 60000, &pressure));
	CHECK(eviction_judge_look(&judge, &limits, seen, 61000, &pressure));
	see(seen, SIGNAL_NODEFS, 50, 100);
	CHECK(!eviction_judge_look(&judge, &limits, seen, 62000, &pressure));
	see(seen, SIGNAL_NODEFS, 9, 100);
	CHECK(!eviction_judge_look(&judge, &limits, seen, 63000, &pressure));
}

/* Goal: memory before all others; each signal says what is short and which condition it makes. */
static void order_and_words(void)
{
	const char *arguments[] = { "eviction-hard=pid.available<10,nodefs.inodesFree<5%,"
				    "memory.available<1Mi" };
	struct eviction_judge judge = { 0 };
	struct observation seen[SIGNALS] = { 0 };
	struct node_pressure pressure;
	struct node_limits limits;
	const struct eviction_threshold *found;

	read_limits(&limits, arguments, 1);
	see(seen, SIGNAL_PID, 3, 1000);
	found = eviction_judge_look(&judge, &limits, seen, 1000, &pressure);
	CHECK_INT(found->signal, SIGNAL_PID);
	CHECK(pressure.pids);
	CHECK_STR(eviction_resource(found->signal), "pids");
	see(seen, SIGNAL_NODEFS_INODES, 3, 100);
	see(seen, SIGNAL_ALLOCATABLE_MEMORY, 0, 100 * MIB);
	found = eviction_judge_look(&judge, &limits, seen, 2000, &pressure);
	CHECK_INT(found->signal, SIGNAL_ALLOCATABLE_MEMORY);
	CHECK(pressure.memory && pressure.disk && pressure.pids);
	CHECK(eviction_judge_is_crossed(found, seen));
	CHECK_STR(eviction_resource(SIGNAL_NODEFS_INODES), "inodes");
	CHECK_STR(eviction_resource(SIGNAL_IMAGEFS), "ephemeral-storage");
}

static const struct test tests[] = {
	{ "hard ones", hard_ones },
	{ "soft ones", soft_ones },
	{ "order and words", order_and_words },
};
TEST_MAIN(tests)
