/*
 * test_quantity.c - quantities: canonical forms, values, refusals.
 */
#include "api/quantity.h"

#include "tests/unit/harness.h"

static const struct {
	const char *text, *canonical;
	int64_t milli, value;
} rows[] = {
	{ "0", "0", 0, 0 },
	{ "100m", "100m", 100, 1 },
	{ "1000m", "1", 1000, 1 },
	{ "1.5", "1500m", 1500, 2 },
	{ "0.5Gi", "512Mi", 536870912000, 536870912 },
	{ "1024Mi", "1Gi", 1073741824000, 1073741824 },
	{ "1Ki", "1Ki", 1024000, 1024 },
	{ "1500Ki", "1500Ki", 1536000000, 1536000 },
	{ "1e3", "1e3", 1000000, 1000 },
	{ "12e6", "12e6", 12000000000, 12000000 },
	{ "5k", "5k", 5000000, 5000 },
	{ "5000", "5k", 5000000, 5000 },
	{ "-1.5k", "-1500", -1500000, -1500 },
	{ "1n", "1n", 1, 1 },
	{ "0.1Mi", "104857600m", 104857600, 104858 },
	{ "8Ei", "9223372036854775807", INT64_MAX, INT64_MAX },
	{ ".5", "500m", 500, 1 },
	{ "+3", "3", 3000, 3 },
	{ "0.0000000001", "1n", 1, 1 },
	{ "1.0000000001", "1000000001n", 1001, 2 },
	{ "12345678901.1", "12345678901100m", 12345678901100, 12345678902 },
	{ "12345678901.123456789", "12345678901123456790n", 12345678901124, 12345678902 },
	{ "1234567890123456789012n", "1234567890123456790u", 1234567890123457, 1234567890124 },
	{ "9e18", "9e18", INT64_MAX, 9000000000000000000 },
	{ "10E", "9223372036854775807", INT64_MAX, INT64_MAX },
};

/* Goal: each text becomes the real server's canonical form, and rounds up. */
static void canonical_and_values(void)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_buf text = BUF_INIT;
		struct error err;
		int64_t milli, value;

		CHECK_OK(quantity_canonical(str_of(rows[i].text), &text, &err), &err);
		CHECK_STR(buf_text(&text), rows[i].canonical);
		CHECK_OK(quantity_milli(str_of(rows[i].text), &milli, &err), &err);
		CHECK_INT(milli, rows[i].milli);
		CHECK_OK(quantity_value(str_of(rows[i].text), &value, &err), &err);
		CHECK_INT(value, rows[i].value);
	}
}

/* Goal: what is no quantity is refused. */
static void refuses(void)
{
	static const char *const bad[] = { "",   "a", "1 ",    "1..2", "--1", "1Kib",
					   "1e", "m", "1e999", "0x1",  "." };
	auto_buf text = BUF_INIT;
	struct error err;

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
		CHECK(!quantity_canonical(str_of(bad[i]), &text, &err));
}

static const struct test tests[] = {
	{ "canonical and values", canonical_and_values },
	{ "refuses", refuses },
};
TEST_MAIN(tests)
