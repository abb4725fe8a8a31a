/*
 * fuzz_selector.c - selectors: what parses is printed, and the print parses to the same print.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/kind.h"
#include "api/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct selector *selector, *again;
	auto_buf text = BUF_INIT;
	auto_buf second = BUF_INIT;
	struct error err;

	if (selector_parse_fields(str_from(at, len), kind_find_name(STR("v1"), STR("Pod")),
				  &selector, &err))
		selector_free(selector);
	if (!selector_parse_labels(str_from(at, len), &selector, &err))
		return 0;
	selector_print(selector, &text);
	if (!selector_parse_labels(buf_str(&text), &again, &err))
		abort();
	selector_print(again, &second);
	if (!str_equal(buf_str(&text), buf_str(&second)))
		abort();
	selector_free(again);
	selector_free(selector);
	return 0;
}
