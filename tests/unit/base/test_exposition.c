/*
 * test_exposition.c - heads, labels with all that must be escaped, values.
 */
#include "base/exposition.h"

#include "tests/unit/harness.h"

static void prints_lines(void)
{
	auto_buf labels = BUF_INIT;
	auto_buf out = BUF_INIT;

	exposition_label(&labels, "a", STR("plain"));
	exposition_label(&labels, "b", STR("q\" b\\ n\n"));
	exposition_head(&out, "x_total", "counter", "Help.");
	exposition_int(&out, "x_total", buf_str(&labels), -5, 0);
	exposition_ns(&out, "y_seconds", STR(""), 1500000001, 42);
	CHECK_STR(buf_text(&out), "# HELP x_total Help.\n# TYPE x_total counter\n"
				  "x_total{a=\"plain\",b=\"q\\\" b\\\\ n\\n\"} -5\n"
				  "y_seconds 1.500000001 42\n");
}

static const struct test tests[] = { { "prints lines", prints_lines } };
TEST_MAIN(tests)
