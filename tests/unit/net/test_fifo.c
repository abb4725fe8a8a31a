/*
 * test_fifo.c - bytes come out in order through growing, moving and emptying.
 */
#include "net/fifo.h"
#include "tests/unit/harness.h"

static void keeps_order(void)
{
	struct fifo fifo = { 0 };
	unsigned char in = 0, out = 0;
	unsigned char piece[700];

	for (size_t round = 1; round < 2000; round++) {
		size_t add = round * 37 % sizeof(piece);
		size_t take = round * 53 % sizeof(piece);
		size_t got;

		for (size_t i = 0; i < add; i++)
			piece[i] = in++;
		fifo_add(&fifo, str_from(piece, add));
		got = fifo_take(&fifo, piece, take);
		for (size_t i = 0; i < got; i++)
			CHECK_INT(piece[i], out++);
	}
	fifo_clear(&fifo);
	CHECK_INT(fifo_len(&fifo), 0);
}

static void gives_memory_back(void)
{
	struct fifo fifo = { 0 };
	char big[10000] = { 0 };

	fifo_add(&fifo, str_from(big, sizeof(big)));
	CHECK_INT(fifo_len(&fifo), sizeof(big));
	fifo_drop(&fifo, 9999);
	CHECK_INT(fifo_front(&fifo).len, 1);
	fifo_drop(&fifo, 1);
	CHECK_INT(fifo.room, 0);
	CHECK(fifo.at == NULL);
}

static const struct test tests[] = {
	{ "keeps order", keeps_order },
	{ "gives memory back", gives_memory_back },
};
TEST_MAIN(tests)
