/*
 * test_seen.c - a key is behind until the cache has come as far as its own writes.
 */
#include "server/control/seen.h"

#include "tests/unit/harness.h"

static void behind_until_seen(void)
{
	struct seen *seen = seen_new();

	CHECK(!seen_is_behind(seen, STR("a/b"), 0));
	seen_note(seen, STR("a/b"), 7);
	CHECK(seen_is_behind(seen, STR("a/b"), 6));
	CHECK(!seen_is_behind(seen, STR("a/b"), 7));
	CHECK(!seen_is_behind(seen, STR("a/c"), 0));
	seen_note(seen, STR("a/b"), 0); /* a pass that wrote nothing */
	CHECK(seen_is_behind(seen, STR("a/b"), 6));
	seen_note(seen, STR("a/b"), 9);
	CHECK(seen_is_behind(seen, STR("a/b"), 8));
	seen_forget(seen, STR("a/b"));
	CHECK(!seen_is_behind(seen, STR("a/b"), 0));
	seen_note(seen, STR("a/b"), 1);
	seen_free(seen);
}

static const struct test tests[] = {
	{ "behind until seen", behind_until_seen },
};

TEST_MAIN(tests)
