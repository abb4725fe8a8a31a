/*
 * fuzz_usage_text.c - what a node says of its use: every line that is taken lies in the text, and
 * no number is out of its range.
 */
#include <stdint.h>
#include <stdlib.h>

#include "server/metrics/usage_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void check_inside(struct str whole, struct str part)
{
	if (part.len > 0 && (part.at < whole.at || part.at + part.len > whole.at + whole.len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct str whole = str_from(at, len), rest = whole;
	struct usage_line line;

	while (usage_text_next(&rest, &line)) {
		check_inside(whole, line.namespace);
		check_inside(whole, line.pod);
		check_inside(whole, line.container);
		if (line.whole < 0 || line.nanos < 0 || line.nanos > 999999999 || line.time_ms < 0)
			abort();
	}
	return 0;
}
