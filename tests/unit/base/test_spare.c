/*
 * test_spare.c - pieces of every size hold their bytes, and growing keeps them.
 */
#include "base/spare.h"

#include <stdint.h>
#include <string.h>

#include "tests/unit/harness.h"

static void *held[64];
static size_t sizes[64];

/* First and last byte of a piece are still those that were put there. */
static void let_go(size_t at)
{
	const unsigned char *piece = held[at];

	if (piece && sizes[at] > 0) {
		CHECK_INT(piece[0], sizes[at] & 0xff);
		CHECK_INT(piece[sizes[at] - 1], sizes[at] & 0xff);
	}
	spare_free(held[at]);
	held[at] = NULL;
}

static void every_size_holds(void)
{

	for (size_t size = 0; size < 40000; size += size < 1100 ? 1 : 61) {
		void **slot = &held[size % 64];

		let_go(size % 64);
		*slot = spare_get(size);
		sizes[size % 64] = size;
		CHECK(*slot != NULL);
		CHECK_INT((uintptr_t)*slot % 16, 0);
		memset(*slot, (int)(size & 0xff), size);
	}
	for (size_t i = 0; i < 64; i++)
		let_go(i);
	spare_end_thread();
}

static void growing_keeps_the_bytes(void)
{
	unsigned char *at = spare_grow(NULL, 1);
	size_t was = 1;

	at[0] = 7;
	for (size_t size = 2; size < 70000; size += size / 3 + 1) {
		at = spare_grow(at, size);
		CHECK_INT(at[0], 7);
		CHECK_INT(at[was - 1], 7);
		memset(at, 7, size);
		was = size;
	}
	spare_free(at);
	spare_free(NULL);
	CHECK(spare_get(SIZE_MAX) == NULL);
}

static const struct test tests[] = {
	{ "every size holds", every_size_holds },
	{ "growing keeps the bytes", growing_keeps_the_bytes },
};

TEST_MAIN(tests)
