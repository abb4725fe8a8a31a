/*
 * clock.c - the two clocks, RFC 3339 texts and Go durations.
 */
#include "base/clock.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FLOOR_VARIABLE "MOTE_CLOCK_FLOOR" /* the floor's distance from the monotonic clock */

static _Atomic int64_t shift_ms, shift_wall_ms;
static _Atomic int64_t floor_us = INT64_MIN; /* ahead of the monotonic clock; INT64_MIN = none */

static int64_t read_us(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 + atomic_load(&shift_ms) * 1000;
}

int64_t clock_now_ms(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_now_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

static int64_t machine_us(void)
{
	return read_us(CLOCK_REALTIME) + atomic_load(&shift_wall_ms) * 1000;
}

int64_t clock_machine_s(void)
{
	return machine_us() / 1000000;
}

int64_t clock_wall_s(void)
{
	return clock_wall_us() / 1000000;
}

int64_t clock_wall_us(void)
{
	int64_t wall = machine_us(), ahead = atomic_load(&floor_us), least;

	if (ahead == INT64_MIN)
		return wall;
	least = clock_now_us() + ahead;
	return wall > least ? wall : least;
}

void clock_set_floor(int64_t wall_s)
{
	int64_t ahead = wall_s > 0 ? wall_s * 1000000 - clock_now_us() : INT64_MIN;

	atomic_store(&floor_us, ahead);
}

const char *clock_floor_word(char out[CLOCK_FLOOR_WORD])
{
	int64_t ahead = atomic_load(&floor_us);

	if (ahead == INT64_MIN)
		return NULL;
	snprintf(out, CLOCK_FLOOR_WORD, FLOOR_VARIABLE "=%" PRId64, ahead);
	return out;
}

void clock_inherit_floor(void)
{
	const char *text = getenv(FLOOR_VARIABLE);
	int64_t ahead;

	if (text && str_to_i64(str_of(text), INT64_MIN, INT64_MAX, &ahead))
		atomic_store(&floor_us, ahead);
}

void clock_shift(int64_t by_ms)
{
	atomic_fetch_add(&shift_ms, by_ms);
}

void clock_shift_wall(int64_t by_ms)
{
	atomic_fetch_add(&shift_wall_ms, by_ms);
}

/* "2026-11-20T17:14:06", without fraction and zone */
static int print_seconds(int64_t wall_s, char out[CLOCK_TEXT])
{
	time_t when = (time_t)wall_s;
	struct tm parts = { 0 };

	gmtime_r(&when, &parts);
	return snprintf(out, CLOCK_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d",
			parts.tm_year % 10000 + 1900, parts.tm_mon + 1, parts.tm_mday,
			parts.tm_hour, parts.tm_min, parts.tm_sec);
}

void clock_print(int64_t wall_s, char out[CLOCK_TEXT])
{
	int len = print_seconds(wall_s, out);

	snprintf(out + len, (size_t)(CLOCK_TEXT - len), "Z");
}

void clock_print_micro(int64_t wall_us, char out[CLOCK_TEXT])
{
	int len = print_seconds(wall_us / 1000000, out);

	snprintf(out + len, (size_t)(CLOCK_TEXT - len), ".%06dZ", (int)(wall_us % 1000000));
}

void clock_print_nano(int64_t wall_s, long nanos, char out[CLOCK_TEXT])
{
	int len = print_seconds(wall_s, out);

	snprintf(out + len, (size_t)(CLOCK_TEXT - len), ".%09ldZ", nanos);
}

/* `count` digits at the front of *text as a number. */
static bool take_number(struct str *text, size_t count, int *out)
{
	int64_t value;

	if (text->len < count || !str_to_i64(str_from(text->at, count), 0, 9999, &value))
		return false;
	*out = (int)value;
	*text = str_from(text->at + count, text->len - count);
	return true;
}

static bool take_byte(struct str *text, const char *any_of)
{
	if (text->len == 0 || text->at[0] == '\0' || !strchr(any_of, text->at[0]))
		return false;
	*text = str_from(text->at + 1, text->len - 1);
	return true;
}

static bool take_fraction(struct str *text, int32_t *out_nanos)
{
	int32_t scale = 100000000;

	*out_nanos = 0;
	if (!take_byte(text, "."))
		return true;
	if (text->len == 0 || text->at[0] < '0' || text->at[0] > '9')
		return false;
	while (text->len > 0 && text->at[0] >= '0' && text->at[0] <= '9') {
		*out_nanos += (text->at[0] - '0') * scale;
		scale /= 10;
		*text = str_from(text->at + 1, text->len - 1);
	}
	return true;
}

static bool take_zone(struct str *text, int *out_offset_s)
{
	int hours, minutes;
	bool negative;

	*out_offset_s = 0;
	if (take_byte(text, "Zz"))
		return true;
	negative = text->len > 0 && text->at[0] == '-';
	if (!take_byte(text, "+-") || !take_number(text, 2, &hours) || !take_byte(text, ":") ||
	    !take_number(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*out_offset_s = (hours * 60 + minutes) * (negative ? -60 : 60);
	return true;
}

static int days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (leap && month == 2);
}

bool clock_parse(struct str text, int64_t *out_wall_s, int32_t *out_nanos)
{
	struct tm parts = { 0 };
	int32_t nanos;
	int offset_s;

	if (!take_number(&text, 4, &parts.tm_year) || !take_byte(&text, "-") ||
	    !take_number(&text, 2, &parts.tm_mon) || !take_byte(&text, "-") ||
	    !take_number(&text, 2, &parts.tm_mday) || !take_byte(&text, "Tt ") ||
	    !take_number(&text, 2, &parts.tm_hour) || !take_byte(&text, ":") ||
	    !take_number(&text, 2, &parts.tm_min) || !take_byte(&text, ":") ||
	    !take_number(&text, 2, &parts.tm_sec) || !take_fraction(&text, &nanos) ||
	    !take_zone(&text, &offset_s) || text.len > 0)
		return false;
	if (parts.tm_mon < 1 || parts.tm_mon > 12 || parts.tm_mday < 1 ||
	    parts.tm_mday > days_of(parts.tm_year, parts.tm_mon) || parts.tm_hour > 23 ||
	    parts.tm_min > 59 || parts.tm_sec > 60)
		return false;
	parts.tm_year -= 1900;
	parts.tm_mon -= 1;
	*out_wall_s = (int64_t)timegm(&parts) - offset_s;
	if (out_nanos)
		*out_nanos = nanos;
	return true;
}

static bool take_unit(struct str *text, double *out_ms)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = {
		/* longer names before their beginnings */
		{ "ns", 1e-6 }, { "us", 1e-3 }, { "ms", 1 },
		{ "s", 1e3 },   { "m", 6e4 },   { "h", 36e5 },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
		struct str name = str_of(units[i].name);

		if (!str_starts(*text, name))
			continue;
		*out_ms = units[i].ms;
		*text = str_from(text->at + name.len, text->len - name.len);
		return true;
	}
	return false;
}

bool clock_parse_duration(struct str text, int64_t *out_ms)
{
	double total = 0;
	bool negative = take_byte(&text, "-");

	if (str_is(text, "0")) {
		*out_ms = 0;
		return true;
	}
	if (text.len == 0)
		return false;
	while (text.len > 0) {
		double value = 0, scale = 1, unit;
		size_t digits = 0;
		bool point = false;

		for (; text.len > 0; text = str_from(text.at + 1, text.len - 1)) {
			if (text.at[0] == '.' && !point) {
				point = true;
				continue;
			}
			if (text.at[0] < '0' || text.at[0] > '9')
				break;
			value = value * 10 + (text.at[0] - '0');
			scale *= point ? 10 : 1;
			if (++digits > 18)
				return false;
		}
		if (digits == 0 || !take_unit(&text, &unit))
			return false;
		total += value / scale * unit;
	}
	if (total > 9e15)
		return false;
	*out_ms = (int64_t)(negative ? -total : total);
	return true;
}
