/*
 * fuzz_cron.c - schedules and lists of indexes: whatever is wrong with one is told, and one that is
 * right is right with blanks around it.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/cron.h"
#include "api/validate_job.h"

#define COMPLETIONS 1000

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct str text = str_from(at, len);
	auto_arena arena = arena_new();
	auto_buf wide = BUF_INIT;
	const char *why = NULL;

	if (!cron_check(text, arena) && at[0] != '@' && at[0] != 'T' && at[0] != 'C') {
		buf_add_byte(&wide, ' ');
		buf_add_str(&wide, text); /* also what is behind a NUL */
		buf_add_byte(&wide, '\t');
		if (cron_check(buf_str(&wide), arena))
			abort();
	}
	if (job_count_indexes(text, COMPLETIONS, arena, &why) < 0 && !why)
		abort();
	/* Nothing is in a list that is in no list. */
	if (job_shared_index(text, STR(""), COMPLETIONS) != -1)
		abort();
	if (!why && len > 0 && job_shared_index(text, text, COMPLETIONS) < 0)
		abort();
	return 0;
}
