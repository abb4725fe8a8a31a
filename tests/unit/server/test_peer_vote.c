/*
 * test_peer_vote.c - how many nodes of a site prove that one of them is dead.
 */
#include "server/control/peer_vote.h"

#include "tests/unit/harness.h"

static bool proves(unsigned others, unsigned there, unsigned gone)
{
	struct peer_tally tally = { .others = others, .there = there, .gone = gone };

	return peer_tally_proves(&tally);
}

/* Goal: more than half of the others, never fewer than two, eight at most; one that finds it is
 * enough to the contrary. */
static void tallies(void)
{
	CHECK(!proves(0, 0, 0));
	CHECK(!proves(1, 0, 1));
	CHECK(proves(2, 0, 2));
	CHECK(!proves(2, 0, 1));
	CHECK(proves(3, 0, 2));
	CHECK(!proves(4, 0, 2));
	CHECK(proves(4, 0, 3));
	CHECK(!proves(4, 1, 3));
	CHECK(!proves(13, 0, 6));
	CHECK(proves(13, 0, 7));
	CHECK(!proves(400, 0, 7));
	CHECK(proves(400, 0, 8));
	CHECK(!proves(400, 1, 15));
}

static const struct test tests[] = { { "tallies", tallies } };
TEST_MAIN(tests)
