/*
 * zone_clock.c - files of time zones, their footers, and the calendar.
 *
 *   header(1) body(1: 32-bit times, passed over)  header(2) body(2: 64-bit times)  \n rule \n
 *
 * A body: times of transitions, for each the index of its type, the types (offset, is it summer
 * time, name), names, leap seconds (passed over: our clock has none), and two lists of marks.
 */
#include "base/zone_clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/file.h"
#include "base/limits.h"

#define DAY_S       86400
#define HOUR_S      3600
#define HEADER      44
#define OFFSET_MAX  (26 * HOUR_S) /* RFC 9636: more than -25 h, less than +26 h */
#define RULE_HOURS  167
#define YEARS_SWING 2                  /* around a time: those whose rule days may matter */
#define FAR_S       (INT64_C(1) << 50) /* beyond it sums might overflow */

/* A day of each year: "J60" (no leap days), "59", "M3.5.0"; and a time of that day. */
struct rule_day {
	char form; /* 'J', 'N', 'M' */
	int64_t day, week, month;
	int64_t time_s;
};
struct rule {
	bool present, has_summer;
	int64_t standard, summer; /* offsets, seconds east of Greenwich */
	struct rule_day start, end;
};

struct moment {
	int64_t at_s;
	int32_t offset;
};
struct zone_clock {
	struct moment *moments; /* in order */
	size_t count;
	int64_t first; /* the offset before all of them */
	struct rule rule;
};

void zone_clock_free(struct zone_clock *zone)
{
	if (!zone)
		return;
	free(zone->moments);
	free(zone);
}

/* --- the calendar: days since 1970 and back (proleptic Gregorian, eras of 400 years) --- */

static int64_t floor_div(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}

static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t from_march = (month + 9) % 12, era, of_era, of_year;

	year -= month <= 2;
	era = floor_div(year, 400);
	of_era = year - era * 400;
	of_year = (153 * from_march + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, struct zone_time *out)
{
	int64_t era = floor_div(days + 719468, 146097);
	int64_t of_era = days + 719468 - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t from_march = (5 * of_year + 2) / 153;

	out->day = (int)(of_year - (153 * from_march + 2) / 5 + 1);
	out->month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
	out->year = year + era * 400 + (out->month <= 2);
	out->weekday = (int)((days % 7 + 11) % 7);
}

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* --- rules --- */

/* Decimal digits at the front; false when there are none or the value is out of range. */
static bool take_number(struct str *rest, int64_t min, int64_t max, int64_t *out)
{
	size_t len = 0;

	while (len < rest->len && len < 4 && rest->at[len] >= '0' && rest->at[len] <= '9')
		len++;
	if (!str_to_i64(str_from(rest->at, len), min, max, out))
		return false;
	*rest = str_from(rest->at + len, rest->len - len);
	return true;
}

static bool take_byte(struct str *rest, char wanted)
{
	if (rest->len == 0 || rest->at[0] != wanted)
		return false;
	*rest = str_from(rest->at + 1, rest->len - 1);
	return true;
}

/* "CET" or "<+03>" */
static bool take_name(struct str *rest)
{
	bool quoted = take_byte(rest, '<');
	size_t len = 0;

	while (len < rest->len &&
	       (quoted ? rest->at[len] != '>'
		       : (rest->at[len] | 0x20) >= 'a' && (rest->at[len] | 0x20) <= 'z'))
		len++;
	if (len < 3)
		return false;
	*rest = str_from(rest->at + len, rest->len - len);
	return !quoted || take_byte(rest, '>');
}

/* "[+-]hh[:mm[:ss]]" */
static bool take_time(struct str *rest, int64_t *out_s)
{
	bool negative = take_byte(rest, '-');
	int64_t hours, minutes = 0, seconds = 0;

	if (!negative)
		take_byte(rest, '+');
	if (!take_number(rest, 0, RULE_HOURS, &hours))
		return false;
	if (take_byte(rest, ':')) {
		if (!take_number(rest, 0, 59, &minutes))
			return false;
		if (take_byte(rest, ':') && !take_number(rest, 0, 59, &seconds))
			return false;
	}
	*out_s = (hours * HOUR_S + minutes * 60 + seconds) * (negative ? -1 : 1);
	return true;
}

static bool take_day(struct str *rest, struct rule_day *out)
{
	out->time_s = 2 * (int64_t)HOUR_S;
	if (take_byte(rest, 'J')) {
		out->form = 'J';
		if (!take_number(rest, 1, 365, &out->day))
			return false;
	} else if (take_byte(rest, 'M')) {
		out->form = 'M';
		if (!take_number(rest, 1, 12, &out->month) || !take_byte(rest, '.') ||
		    !take_number(rest, 1, 5, &out->week) || !take_byte(rest, '.') ||
		    !take_number(rest, 0, 6, &out->day))
			return false;
	} else {
		out->form = 'N';
		if (!take_number(rest, 0, 365, &out->day))
			return false;
	}
	return !take_byte(rest, '/') || take_time(rest, &out->time_s);
}

/* The signs of a rule are turned: "CET-1" is one hour ahead of Greenwich. */
static bool parse_rule(struct str text, struct rule *out)
{
	static const struct str common = { ",M3.2.0,M11.1.0", 15 };
	int64_t west;

	*out = (struct rule){ .present = true };
	if (!take_name(&text) || !take_time(&text, &west) || west > OFFSET_MAX ||
	    west < -OFFSET_MAX)
		return false;
	out->standard = -west;
	if (text.len == 0)
		return true;
	out->has_summer = true;
	if (!take_name(&text))
		return false;
	out->summer = out->standard + HOUR_S;
	if (text.len > 0 && text.at[0] != ',') {
		if (!take_time(&text, &west) || west > OFFSET_MAX || west < -OFFSET_MAX)
			return false;
		out->summer = -west;
	}
	if (text.len == 0)
		text = common;
	return take_byte(&text, ',') && take_day(&text, &out->start) && take_byte(&text, ',') &&
	       take_day(&text, &out->end) && text.len == 0;
}

/* The time in `year` at which a rule's day begins a new offset, by the clock before it. */
static int64_t day_time(const struct rule_day *day, int64_t year, int64_t offset_before)
{
	int64_t days = days_of(year, 1, 1), first;

	switch (day->form) {
	case 'J': days += day->day - 1 + (day->day >= 60 && is_leap(year)); break;
	case 'M':
		first = days_of(year, day->month, 1);
		days = first + (day->day - ((first % 7 + 11) % 7) + 7) % 7 + (day->week - 1) * 7;
		while (days >= (day->month < 12 ? days_of(year, day->month + 1, 1)
						: days_of(year + 1, 1, 1)))
			days -= 7;
		break;
	default: days += day->day; break;
	}
	return days * DAY_S + day->time_s - offset_before;
}

/* The newest change at or before the time counts; both kinds of several years are looked at. */
static int64_t rule_offset(const struct rule *rule, int64_t at_s, int64_t *out_start,
			   int64_t *out_end)
{
	struct zone_time shown;
	int64_t offset = rule->standard;

	*out_start = INT64_MIN;
	*out_end = INT64_MAX;
	if (!rule->has_summer)
		return offset;
	date_of(floor_div(at_s, DAY_S), &shown);
	for (int64_t year = shown.year - YEARS_SWING; year <= shown.year + YEARS_SWING; year++)
		for (int i = 0; i < 2; i++) {
			int64_t when = day_time(i ? &rule->end : &rule->start, year,
						i ? rule->summer : rule->standard);

			if (when <= at_s && when >= *out_start) {
				*out_start = when;
				offset = i ? rule->standard : rule->summer;
			} else if (when > at_s && when < *out_end) {
				*out_end = when;
			}
		}
	return offset;
}

/* --- files --- */

struct header {
	uint32_t utc_marks, standard_marks, leaps, times, types, letters;
};

static int64_t read_number(const char *at, size_t len)
{
	uint64_t value = (unsigned char)at[0] & 0x80 ? UINT64_MAX : 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | (unsigned char)at[i];
	return (int64_t)value;
}

static bool read_header(struct str bytes, struct header *out)
{
	const char *at = bytes.at + 20;
	uint32_t *const fields[] = { &out->utc_marks, &out->standard_marks, &out->leaps,
				     &out->times,     &out->types,          &out->letters };

	if (bytes.len < HEADER || !str_starts(bytes, STR("TZif")))
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
		*fields[i] = (uint32_t)read_number(at + 4 * i, 4);
		if (*fields[i] > LIMIT_ZONE_FILE)
			return false;
	}
	return out->types > 0;
}

static size_t body_size(const struct header *header, size_t time_size)
{
	return header->times * (time_size + 1) + header->types * 6ul + header->letters +
	       header->leaps * (time_size + 4) + header->standard_marks + header->utc_marks;
}

static bool read_body(const char *at, const struct header *header, size_t time_size,
		      struct zone_clock *zone)
{
	const char *indexes = at + header->times * time_size, *types = indexes + header->times;

	zone->count = header->times;
	zone->moments = memory_get((zone->count + 1) * sizeof(*zone->moments));
	for (size_t i = 0; i < zone->count; i++) {
		size_t type = (unsigned char)indexes[i];
		int64_t offset;

		if (type >= header->types)
			return false;
		offset = read_number(types + type * 6, 4);
		zone->moments[i].at_s = read_number(at + i * time_size, time_size);
		zone->moments[i].offset = (int32_t)offset;
		if (offset > OFFSET_MAX || offset < -OFFSET_MAX ||
		    (i > 0 && zone->moments[i].at_s <= zone->moments[i - 1].at_s))
			return false;
	}
	zone->first = read_number(types, 4);
	return zone->first <= OFFSET_MAX && zone->first >= -OFFSET_MAX;
}

static bool read_footer(struct str rest, struct rule *out)
{
	struct str rule;

	if (!take_byte(&rest, '\n') || str_find(rest, '\n') < 0)
		return false;
	rule = str_cut(&rest, '\n');
	return rule.len == 0 || parse_rule(rule, out);
}

static bool parse(struct str bytes, struct zone_clock *zone)
{
	struct header header;
	size_t skipped;

	if (!read_header(bytes, &header))
		return false;
	skipped = HEADER + body_size(&header, 4);
	if (skipped > bytes.len)
		return false;
	if (bytes.at[4] == '\0')
		return read_body(bytes.at + HEADER, &header, 4, zone);
	bytes = str_from(bytes.at + skipped, bytes.len - skipped);
	if (!read_header(bytes, &header) || HEADER + body_size(&header, 8) > bytes.len ||
	    !read_body(bytes.at + HEADER, &header, 8, zone))
		return false;
	skipped = HEADER + body_size(&header, 8);
	return read_footer(str_from(bytes.at + skipped, bytes.len - skipped), &zone->rule);
}

bool zone_clock_parse(struct str bytes, struct zone_clock **out, struct error *err)
{
	AUTO(zone_clock_free) struct zone_clock *zone = memory_new(struct zone_clock);

	if (bytes.len > LIMIT_ZONE_FILE)
		return error_set(err, ERROR_TOO_LARGE, "this file of a time zone is too large");
	if (!parse(bytes, zone))
		return error_set(err, ERROR_BAD_REQUEST, "malformed time zone information");
	*out = take_ptr(&zone);
	return true;
}

bool zone_clock_rule(struct str rule, struct zone_clock **out, struct error *err)
{
	AUTO(zone_clock_free) struct zone_clock *zone = memory_new(struct zone_clock);

	if (!parse_rule(rule, &zone->rule))
		return error_set(err, ERROR_BAD_REQUEST, "malformed rule of a time zone");
	zone->first = zone->rule.standard;
	*out = take_ptr(&zone);
	return true;
}

/* No way out of the folder, and nothing that is hidden. */
static bool is_plain(struct str name)
{
	while (name.len > 0) {
		struct str part = str_cut(&name, '/');

		if (part.len == 0 || part.at[0] == '.' || memchr(part.at, '\0', part.len))
			return false;
	}
	return true;
}

bool zone_clock_load(const char *folder, struct str name, struct zone_clock **out,
		     struct error *err)
{
	auto_buf bytes = BUF_INIT, path = BUF_INIT;

	if (name.len == 0 || str_is(name, "UTC"))
		return zone_clock_rule(STR("UTC0"), out, err);
	buf_add_print(&path, "%s/" STR_FMT, folder, STR_ARG(name));
	if (!is_plain(name) || !file_read(buf_text(&path), LIMIT_ZONE_FILE, &bytes, err))
		return error_set(err, ERROR_NOT_FOUND, "unknown time zone " STR_FMT, STR_ARG(name));
	return zone_clock_parse(buf_str(&bytes), out, err);
}

/* --- questions --- */

/* How many moments are at or before the time. */
static size_t moments_before(const struct zone_clock *zone, int64_t at_s)
{
	size_t low = 0, high = zone->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (zone->moments[middle].at_s <= at_s)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int64_t find_offset(const struct zone_clock *zone, int64_t at_s, int64_t *start,
			   int64_t *end)
{
	size_t before = moments_before(zone, at_s);
	int64_t last = zone->count > 0 ? zone->moments[zone->count - 1].at_s : INT64_MIN, offset;

	if (zone->rule.present && before == zone->count) {
		offset = rule_offset(&zone->rule, at_s, start, end);
		if (*start < last)
			*start = last;
		return offset;
	}
	*start = before > 0 ? zone->moments[before - 1].at_s : INT64_MIN;
	*end = before < zone->count ? zone->moments[before].at_s : INT64_MAX;
	return before > 0 ? zone->moments[before - 1].offset : zone->first;
}

int64_t zone_clock_offset(const struct zone_clock *zone, int64_t at_s, int64_t *out_start,
			  int64_t *out_end)
{
	int64_t start = INT64_MIN, end = INT64_MAX, offset = 0;

	assert(at_s > -FAR_S && at_s < FAR_S);
	if (zone)
		offset = find_offset(zone, at_s, &start, &end);
	if (out_start)
		*out_start = start;
	if (out_end)
		*out_end = end;
	return offset;
}

struct zone_time zone_clock_show(const struct zone_clock *zone, int64_t at_s)
{
	int64_t local = at_s + zone_clock_offset(zone, at_s, NULL, NULL);
	int64_t days = floor_div(local, DAY_S), of_day = local - days * DAY_S;
	struct zone_time shown = { .hour = (int)(of_day / HOUR_S),
				   .minute = (int)(of_day / 60 % 60),
				   .second = (int)(of_day % 60) };

	date_of(days, &shown);
	return shown;
}

int64_t zone_clock_time(const struct zone_clock *zone, const struct zone_time *shown)
{
	int64_t months = shown->year * 12 + shown->month - 1, year = floor_div(months, 12);
	int64_t local = (days_of(year, months - year * 12 + 1, 1) + shown->day - 1) * DAY_S +
			shown->hour * (int64_t)HOUR_S + shown->minute * 60ll + shown->second;
	int64_t start, end, offset = zone_clock_offset(zone, local, &start, &end);

	/* A first guess, as if the clock were Greenwich's; it may lie beyond a change. */
	if (offset != 0 && (local - offset < start || local - offset >= end))
		offset = zone_clock_offset(zone, local - offset, NULL, NULL);
	return local - offset;
}

void zone_clock_print(const struct zone_clock *zone, int64_t at_s, char out[ZONE_CLOCK_TEXT])
{
	struct zone_time shown = zone_clock_show(zone, at_s);
	int64_t offset = zone_clock_offset(zone, at_s, NULL, NULL);
	int64_t minutes = (offset < 0 ? -offset : offset) / 60;
	int len =
		snprintf(out, ZONE_CLOCK_TEXT, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02d", shown.year,
			 shown.month, shown.day, shown.hour, shown.minute, shown.second);

	assert(len > 0 && len + 7 < ZONE_CLOCK_TEXT);
	if (offset == 0)
		snprintf(out + len, (size_t)(ZONE_CLOCK_TEXT - len), "Z");
	else
		snprintf(out + len, (size_t)(ZONE_CLOCK_TEXT - len), "%c%02" PRId64 ":%02" PRId64,
			 offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
}
