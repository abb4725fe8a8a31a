/*
 * test_source.c - goal: the bytes of a range come whole and in order, whatever line or server do.
 * Method: a file, and a web server with each fault.
 */
#include "ota/source.h"

#include <stdio.h>

#include "base/file.h"
#include "tests/unit/harness.h"
#include "tests/unit/ota/web_fixture.h"

#define SIZE 300000u

static char content[SIZE + 1];

struct taken {
	uint64_t next;
	size_t count;
};

static bool take(void *of, uint64_t offset, struct str bytes, struct error *err)
{
	struct taken *taken = of;

	(void)err;
	CHECK_INT(offset, taken->next);
	CHECK_BYTES(bytes.at, content + offset, bytes.len);
	taken->next += bytes.len;
	taken->count += bytes.len;
	return true;
}

static struct web_plan plan_of(void)
{
	for (size_t i = 0; i < SIZE; i++)
		content[i] = (char)(i * 31 + i / 251);
	return (struct web_plan){ .file = str_from(content, SIZE) };
}

static struct source *open_at(const struct web_plan *plan, const char *path)
{
	auto_free char *url = memory_print("%s%s", web_start(plan), path);
	struct source *source;
	struct error err;

	CHECK_OK(source_open(url, &source, &err), &err);
	CHECK(source_is_remote(source));
	return source;
}

static void reads(struct source *source, uint64_t offset, uint64_t size)
{
	struct taken taken = { .next = offset };
	struct error err;

	CHECK_OK(source_read(source, offset, size, take, &taken, &err), &err);
	CHECK_INT(taken.count, size);
}

static void from_a_file(void)
{
	struct web_plan plan = plan_of();
	auto_free char *path = memory_print("%s/b", harness_folder());
	struct taken taken = { .next = SIZE - 10 };
	auto_source source = NULL;
	struct error err;

	CHECK(!source_open(path, &source, &err));
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	CHECK_OK(file_put(path, plan.file, 0600, &err), &err);
	CHECK_OK(source_open(path, &source, &err), &err);
	CHECK(source_fd(source) >= 0);
	reads(source, 0, SIZE);
	reads(source, 12345, 1);
	CHECK(!source_read(source, SIZE - 10, 11, take, &taken, &err));
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
}

static void by_ranges(void)
{
	struct web_plan plan = plan_of();
	auto_source source = open_at(&plan, "/file");

	reads(source, 1000, 70000);
	reads(source, SIZE - 5, 5);
	CHECK(source_has_ranges(source));
	CHECK_INT(source_received(source), 70005);
	CHECK_INT(web_sent(), 70005);
}

/* Nothing comes twice, though a cut comes in the middle of everything. */
static void over_lines_that_are_cut(void)
{
	struct web_plan plan = plan_of();
	auto_source source = NULL;

	plan.cut = 40000;
	source = open_at(&plan, "/file");
	reads(source, 7, SIZE - 7);
	CHECK_INT(web_sent(), SIZE - 7);
}

static void without_ranges(void)
{
	struct web_plan plan = plan_of();
	auto_source source = NULL;

	plan.whole = true;
	source = open_at(&plan, "/file");
	reads(source, 1000, 2000);
	CHECK(!source_has_ranges(source));
	reads(source, 0, SIZE);
}

static void by_way_of_others(void)
{
	struct web_plan plan = plan_of();
	auto_source source = open_at(&plan, "/away");
	auto_source round = NULL;
	struct taken taken = { .next = 0 };
	struct error err;

	reads(source, 5, 500);
	round = open_at(&plan, "/round");
	CHECK(!source_read(round, 0, 1, take, &taken, &err));
	CHECK_INT(err.kind, ERROR_INVALID);
}

/* More cuts than anybody may be led on, and a place that is only lent. */
static void by_way_of_others_over_lines_that_are_cut(void)
{
	struct web_plan plan = plan_of();
	auto_source source = NULL;

	plan.cut = 40000;
	source = open_at(&plan, "/lent");
	reads(source, 7, SIZE - 7);
	reads(source, 5, 500);
}

static void servers_that_refuse(void)
{
	struct web_plan plan = plan_of();
	struct taken taken = { .next = 0 };
	auto_source source = NULL;
	auto_source nothing = NULL;
	struct error err;

	plan.refusals = 2;
	source = open_at(&plan, "/file");
	reads(source, 5, 500);
	/* Beyond the end. */
	taken.next = SIZE;
	CHECK(!source_read(source, SIZE, 1, take, &taken, &err));
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	plan.refusals = 0;
	nothing = open_at(&plan, "/nothing");
	CHECK(!source_read(nothing, 0, 1, take, &taken, &err));
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	CHECK(strstr(err.text, "the server answers 404"));
}

static bool refuse(void *of, uint64_t offset, struct str bytes, struct error *err)
{
	(void)of;
	(void)offset;
	(void)bytes;
	return error_set(err, ERROR_FULL, "no room");
}

static void what_the_taker_says_counts(void)
{
	struct web_plan plan = plan_of();
	auto_source source = open_at(&plan, "/file");
	struct error err;

	CHECK(!source_read(source, 0, SIZE, refuse, NULL, &err));
	CHECK_INT(err.kind, ERROR_FULL);
	reads(source, 0, 10);
}

static void bad_urls(void)
{
	auto_free char *longest = memory_zero(SOURCE_URL_MAX + 20);
	auto_source source = NULL;
	struct error err;

	CHECK(!source_open("http://host/a b", &source, &err));
	CHECK_INT(err.kind, ERROR_INVALID);
	CHECK(!source_open("http://host/a\nHost: x", &source, &err));
	memset(longest, 'a', SOURCE_URL_MAX + 10);
	memcpy(longest, "http://", 7);
	CHECK(!source_open(longest, &source, &err));
}

static const struct test tests[] = {
	{ "from a file", from_a_file },
	{ "by ranges", by_ranges },
	{ "over lines that are cut", over_lines_that_are_cut },
	{ "without ranges", without_ranges },
	{ "by way of others", by_way_of_others },
	{ "by way of others over lines that are cut", by_way_of_others_over_lines_that_are_cut },
	{ "servers that refuse", servers_that_refuse },
	{ "what the taker says counts", what_the_taker_says_counts },
	{ "bad urls", bad_urls },
};
TEST_MAIN(tests)
