/*
 * test_map.c - the hash map against what it should hold.
 */
#include "base/map.h"

#include <stdio.h>

#include "tests/unit/harness.h"

/* Goal: thousands of puts, replacements and removals leave exactly what they should. */
static void holds_what_it_should(void)
{
	auto_map map = map_new();
	char key[16];
	size_t seen = 0;
	struct str name;
	void *value;

	for (uintptr_t i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "k%u", (unsigned)i);
		CHECK(map_put(map, str_of(key), (void *)(i + 1)) == NULL);
	}
	for (uintptr_t i = 0; i < 5000; i += 2) {
		snprintf(key, sizeof(key), "k%u", (unsigned)i);
		CHECK(map_remove(map, str_of(key)) == (void *)(i + 1));
		CHECK(map_remove(map, str_of(key)) == NULL);
	}
	for (uintptr_t i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "k%u", (unsigned)i);
		CHECK(map_find(map, str_of(key)) == (i % 2 ? (void *)(i + 1) : NULL));
	}
	CHECK_INT(map_count(map), 2500);
	for (size_t i = 0; map_next(map, &i, &name, &value); seen++)
		CHECK((uintptr_t)value == seen * 2 + 2); /* order of insertion */
	CHECK_INT(seen, 2500);
}

/* Values of their own go with the map, but for those that were taken out (a leak, or one that is
 * freed twice, is told by the sanitizer). */
static void frees_its_values(void)
{
	struct map *map = map_new();
	char *taken;

	map_put(map, STR("first"), memory_string("one"));
	map_put(map, STR("second"), memory_string("two"));
	taken = map_remove(map, STR("first"));
	map_free_all(map);
	CHECK_STR(taken, "one");
	free(taken);
	map_free_all(NULL);
}

static const struct test tests[] = {
	{ "holds what it should", holds_what_it_should },
	{ "frees its values", frees_its_values },
};
TEST_MAIN(tests)
