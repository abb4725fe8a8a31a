/*
 * test_ctr_table.c - columns are as wide as they must be.
 */
#include "cli/ctr_table.h"
#include "tests/unit/harness.h"

static const char *const heads[] = { "A", "LONG", "C" };

static void only_heads(void)
{
	struct ctr_table *table = ctr_table_new(heads, 3);
	auto_buf out = BUF_INIT;

	ctr_table_print(table, &out);
	CHECK_STR(buf_text(&out), "A   LONG   C\n");
	ctr_table_free(table);
}

/* Widths are those of letters; what would move the cursor is made harmless. */
static void cells_are_aligned(void)
{
	struct ctr_table *table = ctr_table_new(heads, 3);
	auto_buf out = BUF_INIT;

	ctr_table_add(table, STR("wide"));
	ctr_table_add(table, STR("\xc3\xa9"));
	ctr_table_add(table, STR("x\x1b[2J\ny"));
	ctr_table_add(table, STR_NONE);
	ctr_table_add(table, STR("b"));
	ctr_table_add(table, STR(""));
	ctr_table_print(table, &out);
	CHECK_STR(buf_text(&out), "A      LONG   C\n"
				  "wide   \xc3\xa9      x?[2J?y\n"
				  "       b      \n");
	ctr_table_free(table);
}

static const struct test tests[] = {
	{ "only heads", only_heads },
	{ "cells are aligned", cells_are_aligned },
};
TEST_MAIN(tests)
