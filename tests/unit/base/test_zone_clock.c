/*
 * test_zone_clock.c - offsets of zones from rules and files, against the C library where the
 * machine has zone files; what is damaged is refused.
 */
#include "base/zone_clock.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/harness.h"

#define FOLDER "/usr/share/zoneinfo"

static int64_t at(const char *text)
{
	int64_t seconds = 0;

	CHECK(clock_parse(str_of(text), &seconds, NULL));
	return seconds;
}

static struct zone_clock *rule(const char *text)
{
	struct zone_clock *zone;
	struct error err;

	CHECK_OK(zone_clock_rule(str_of(text), &zone, &err), &err);
	return zone;
}

/* Goal: rules of all forms give the offsets of both halves of the year and of their edges. */
static void follows_rules(void)
{
	static const struct {
		const char *rule, *at;
		int64_t offset;
	} rows[] = {
		{ "UTC0", "2026-07-01T00:00:00Z", 0 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-01-01T00:00:00Z", 3600 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z", 3600 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z", 7200 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T00:59:59Z", 7200 },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z", 3600 },
		{ "EST5EDT", "2026-03-08T06:59:59Z", -18000 },
		{ "EST5EDT", "2026-03-08T07:00:00Z", -14400 },
		{ "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-01-01T00:00:00Z", 39600 },
		{ "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-06-01T00:00:00Z", 37800 },
		{ "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-07-01T00:00:00Z", -3600 },
		{ "QQQ3RRR,J60/0,J300/0", "2024-03-01T02:59:59Z", -10800 },
		{ "QQQ3RRR,J60/0,J300/0", "2024-03-01T03:00:00Z", -7200 },
		{ "QQQ3RRR,59/0,J300/0", "2024-02-29T03:00:00Z", -7200 },
		{ "QQQ3EDT4,0/0,J365/23", "2026-01-01T03:30:00Z", -14400 },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		AUTO(zone_clock_free) struct zone_clock *zone = rule(rows[i].rule);

		printf("%s at %s\n", rows[i].rule, rows[i].at);
		CHECK_INT(zone_clock_offset(zone, at(rows[i].at), NULL, NULL), rows[i].offset);
	}
}

static void refuses_rules(void)
{
	static const char *const rows[] = {
		"",       "CE-1",     "CET",         "CET-1CEST,",          "CET-1CEST,M3.5.0",
		"CET-99", "CET-1x",   "<+03-3",      "CET-1CEST,M13.1.0,0", "CET-1CEST,J0,J1",
		"CET-27", "CET-1:99", "A1BCD-2,0,0",
	};
	struct zone_clock *zone;
	struct error err;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		printf("%s\n", rows[i]);
		CHECK(!zone_clock_rule(str_of(rows[i]), &zone, &err));
	}
}

/* Goal: what clocks show and the time of it are each other's inverse, also in 1900 and 2400;
 * an hour that is shown twice has two times. */
static void shows_and_finds(void)
{
	AUTO(zone_clock_free) struct zone_clock *zone = rule("CET-1CEST,M3.5.0,M10.5.0/3");
	char text[ZONE_CLOCK_TEXT];
	struct zone_time gap = { 2026, 3, 29, 2, 30, 0, 0 }, twice = { 2026, 10, 25, 2, 30, 0, 0 },
			 over = { 2026, 14, 0, 25, 0, 0, 0 };

	for (int64_t time = at("1900-01-01T00:00:00Z"); time < at("2400-01-01T00:00:00Z");
	     time += 86400 * 11 + 3607) {
		struct zone_time shown = zone_clock_show(zone, time), again;
		int64_t found = zone_clock_time(zone, &shown);

		again = zone_clock_show(zone, found);
		CHECK_BYTES(&again, &shown, sizeof(shown));
		CHECK(found == time || found - time == 3600 || time - found == 3600);
	}
	zone_clock_print(zone, zone_clock_time(zone, &gap), text);
	CHECK_STR(text, "2026-03-29T03:30:00+02:00");
	zone_clock_print(zone, zone_clock_time(zone, &twice), text);
	CHECK_STR(text, "2026-10-25T02:30:00+01:00");
	zone_clock_print(zone, zone_clock_time(zone, &over), text);
	CHECK_STR(text, "2027-02-01T01:00:00+01:00");
	zone_clock_print(NULL, 0, text);
	CHECK_STR(text, "1970-01-01T00:00:00Z");
	CHECK_INT(zone_clock_show(NULL, 0).weekday, 4);
	CHECK_INT(zone_clock_show(NULL, -1).weekday, 3);
}

static void add_number(struct buf *out, int64_t value, int bytes)
{
	while (bytes-- > 0)
		buf_add_byte(out, (char)((uint64_t)value >> (8 * bytes)));
}

/* A version 2 file: +1:00 until 2000, +2:00 until 2010, then the rule. */
static void make_file(struct buf *out)
{
	for (int version = 0; version < 2; version++) {
		int64_t counts[] = { 0, 0, 0, version ? 2 : 0, version ? 2 : 1, 4 };

		buf_add_text(out, "TZif2");
		for (int i = 0; i < 15; i++)
			buf_add_byte(out, '\0');
		for (size_t i = 0; i < ARRAY_LENGTH(counts); i++)
			add_number(out, counts[i], 4);
		if (version) {
			add_number(out, at("2000-01-01T00:00:00Z"), 8);
			add_number(out, at("2010-01-01T00:00:00Z"), 8);
			buf_add(out, "\1\0", 2);
		}
		for (int type = 0; type < counts[4]; type++) {
			add_number(out, 3600 * (type + 1), 4);
			buf_add(out, "\0\0", 2);
		}
		buf_add(out, "ABC", 4);
	}
	buf_add_text(out, "\nCET-1CEST,M3.5.0,M10.5.0/3\n");
}

/* Goal: a file of our own is understood; each of its beginnings is refused. */
static void reads_files(void)
{
	AUTO(zone_clock_free) struct zone_clock *zone = NULL;
	auto_buf file = BUF_INIT;
	struct zone_clock *none;
	struct error err;

	make_file(&file);
	CHECK_OK(zone_clock_parse(buf_str(&file), &zone, &err), &err);
	CHECK_INT(zone_clock_offset(zone, at("1980-07-01T00:00:00Z"), NULL, NULL), 3600);
	CHECK_INT(zone_clock_offset(zone, at("2005-01-01T00:00:00Z"), NULL, NULL), 7200);
	CHECK_INT(zone_clock_offset(zone, at("2010-01-01T00:00:00Z"), NULL, NULL), 3600);
	CHECK_INT(zone_clock_offset(zone, at("2026-07-01T00:00:00Z"), NULL, NULL), 7200);
	for (size_t len = 0; len < file.len; len++) {
		auto_free char *part = str_copy(str_from(file.at, len));

		CHECK(!zone_clock_parse(str_from(part, len), &none, &err));
	}
	file.at[20 + 16] = 127; /* so many types are not there */
	CHECK(!zone_clock_parse(buf_str(&file), &none, &err));
}

static void stays_in_the_folder(void)
{
	static const char *const names[] = { "../passwd", "/etc/passwd", "a//b", ".", "No/Where" };
	struct zone_clock *zone;
	struct error err;

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		CHECK(!zone_clock_load("/etc", str_of(names[i]), &zone, &err));
		CHECK_INT(err.kind, ERROR_NOT_FOUND);
	}
	CHECK(zone_clock_load("/nowhere", STR("UTC"), &zone, &err));
	zone_clock_free(zone);
}

/* Goal: the same offsets as the C library's, hour by hour around and between changes. */
static void equals_the_library(void)
{
	static const char *const names[] = { "Europe/Berlin",       "America/New_York",
					     "Australia/Lord_Howe", "America/Sao_Paulo",
					     "Asia/Kathmandu",      "Africa/Casablanca",
					     "Asia/Beirut",         "Pacific/Apia" };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		AUTO(zone_clock_free) struct zone_clock *zone = NULL;
		struct error err;

		if (!zone_clock_load(FOLDER, str_of(names[i]), &zone, &err))
			harness_skip("this machine has no " FOLDER);
		setenv("TZ", names[i], 1);
		tzset();
		for (int64_t time = at("1950-01-01T00:00:00Z"); time < at("2060-01-01T00:00:00Z");
		     time += 86400 + 1800) {
			time_t moment = (time_t)time;
			struct tm shown;

			localtime_r(&moment, &shown);
			if (zone_clock_offset(zone, time, NULL, NULL) != shown.tm_gmtoff)
				harness_fail(__FILE__, __LINE__, "%s at %" PRId64, names[i], time);
		}
	}
}

static const struct test tests[] = {
	{ "follows rules", follows_rules },
	{ "refuses rules", refuses_rules },
	{ "shows and finds", shows_and_finds },
	{ "reads files", reads_files },
	{ "stays in the folder", stays_in_the_folder },
	{ "equals the library", equals_the_library, .time_limit_s = 30 },
};
TEST_MAIN(tests)
