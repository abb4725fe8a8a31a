/*
 * fuzz_quantity.c - quantities: what is taken has one canonical form, which means the same number.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/quantity.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void must(bool fine)
{
	if (!fine)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct str text = str_from(at, len);
	auto_buf first = BUF_INIT;
	auto_buf second = BUF_INIT;
	auto_buf third = BUF_INIT;
	int64_t milli, value, again;
	struct error err;

	if (!quantity_canonical(text, &first, &err)) {
		must(err.kind == ERROR_BAD_REQUEST && err.text[0]);
		must(quantity_sign(text) == 0);
		return 0;
	}
	must(quantity_canonical(buf_str(&first), &second, &err));
	/* 7300312.5Ki is 7475520000, which is 7475520k; that stays */
	must(quantity_canonical(buf_str(&second), &third, &err));
	must(str_equal(buf_str(&second), buf_str(&third)));
	must(quantity_sign(text) == quantity_sign(buf_str(&first)));
	must(quantity_milli(text, &milli, &err));
	must(quantity_value(text, &value, &err));
	must(quantity_milli(buf_str(&first), &again, &err));
	/* the canonical form stops at 2^63-1 units */
	must(milli == again || milli == INT64_MAX || milli == INT64_MIN);
	must((milli > 0) - (milli < 0) == quantity_sign(text));
	must(value == 0 || (value > 0) == (milli > 0));
	return 0;
}
