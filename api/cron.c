/*
 * cron.c - schedules: read, and the next time of one.
 */
#include "api/cron.h"

#include <assert.h>
#include <inttypes.h>

#include "api/time_zones.h"
#include "base/clock.h"

#define FIELDS       CRON_UNITS
#define EVERY_MAX_MS (INT64_MAX / 1000000) /* what fits nanoseconds: 292 years */

struct bounds {
	int64_t min, max;
	const char *const *names; /* of min, min + 1, ...; ends with NULL */
};

static const char *const months[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul",
				      "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const days[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };
static const struct bounds bounds[FIELDS] = {
	{ 0, 59, NULL }, { 0, 23, NULL }, { 1, 31, NULL }, { 1, 12, months }, { 0, 6, days },
};

/* --- one field --- */

static const char *parse_number(struct str text, struct arena *arena, int64_t *out)
{
	struct str digits = text;

	if (digits.len > 1 && digits.at[0] == '+')
		digits = str_from(digits.at + 1, digits.len - 1);
	if (!str_to_i64(digits, INT64_MIN, INT64_MAX, out)) {
		bool number = digits.len > 0;

		for (size_t i = 0; i < digits.len; i++)
			number = number && digits.at[i] >= '0' && digits.at[i] <= '9';
		return arena_print(arena,
				   "failed to parse int from " STR_FMT
				   ": strconv.Atoi: parsing \"" STR_FMT "\": %s",
				   STR_ARG(text), STR_ARG(text),
				   number ? "value out of range" : "invalid syntax");
	}
	if (*out < 0)
		return arena_print(arena, "negative number (%" PRId64 ") not allowed: " STR_FMT,
				   *out, STR_ARG(text));
	return NULL;
}

static const char *parse_value(struct str text, const struct bounds *of, struct arena *arena,
			       int64_t *out)
{
	for (size_t i = 0; of->names && of->names[i]; i++)
		if (str_equal_case(text, str_of(of->names[i]))) {
			*out = of->min + (int64_t)i;
			return NULL;
		}
	return parse_number(text, arena, out);
}

static size_t count(struct str text, char c)
{
	size_t found = 0;

	for (size_t i = 0; i < text.len; i++)
		found += text.at[i] == c;
	return found;
}

struct range {
	int64_t start, end, step;
	bool star;
};

/* "5", "1-5", "*" */
static const char *parse_range(struct str range, struct str whole, const struct bounds *of,
			       struct arena *arena, struct range *out)
{
	size_t hyphens = count(range, '-');
	struct str low = str_cut(&range, '-');
	const char *why;

	if (str_is(low, "*") || str_is(low, "?")) {
		*out = (struct range){ .start = of->min, .end = of->max, .step = 1, .star = true };
		return NULL;
	}
	*out = (struct range){ .step = 1 };
	why = parse_value(low, of, arena, &out->start);
	if (why)
		return why;
	out->end = out->start;
	if (hyphens > 1)
		return arena_print(arena, "too many hyphens: " STR_FMT, STR_ARG(whole));
	return hyphens ? parse_value(range, of, arena, &out->end) : NULL;
}

static const char *check_range(const struct range *range, const struct bounds *of, struct str whole,
			       struct arena *arena)
{
	if (range->start < of->min)
		return arena_print(arena,
				   "beginning of range (%" PRId64 ") below minimum (%" PRId64
				   "): " STR_FMT,
				   range->start, of->min, STR_ARG(whole));
	if (range->end > of->max)
		return arena_print(
			arena, "end of range (%" PRId64 ") above maximum (%" PRId64 "): " STR_FMT,
			range->end, of->max, STR_ARG(whole));
	if (range->start > range->end)
		return arena_print(arena,
				   "beginning of range (%" PRId64 ") beyond end of range (%" PRId64
				   "): " STR_FMT,
				   range->start, range->end, STR_ARG(whole));
	if (range->step == 0)
		return arena_print(arena, "step of range should be a positive number: " STR_FMT,
				   STR_ARG(whole));
	return NULL;
}

/* "1-5/2", with a step or without */
static const char *parse_stepped(struct str whole, const struct bounds *of, struct arena *arena,
				 struct range *out)
{
	struct str step_text = whole, text = str_cut(&step_text, '/');
	size_t slashes = count(whole, '/');
	const char *why = parse_range(text, whole, of, arena, out);

	if (why)
		return why;
	if (slashes > 1)
		return arena_print(arena, "too many slashes: " STR_FMT, STR_ARG(whole));
	if (slashes == 1) {
		why = parse_number(step_text, arena, &out->step);
		if (why)
			return why;
		if (count(text, '-') == 0)
			out->end = of->max;
	}
	return check_range(out, of, whole, arena);
}

static const char *parse_field(struct str field, const struct bounds *of, struct arena *arena,
			       struct cron_field *out)
{
	while (field.len > 0) {
		struct str text = str_cut(&field, ',');
		struct range range;
		const char *why;

		if (text.len == 0)
			continue;
		why = parse_stepped(text, of, arena, &range);
		if (why)
			return why;
		for (int64_t i = range.start; i <= range.end; i += range.step) {
			out->bits |= UINT64_C(1) << i;
			if (range.step > of->max)
				break;
		}
		out->star = out->star || (range.star && range.step == 1);
	}
	return NULL;
}

/* --- the whole --- */

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct str trim(struct str text)
{
	while (text.len > 0 && is_blank(text.at[0]))
		text = str_from(text.at + 1, text.len - 1);
	while (text.len > 0 && is_blank(text.at[text.len - 1]))
		text.len--;
	return text;
}

/* The next field; false at the end. */
static bool next_field(struct str *rest, struct str *out)
{
	size_t len = 0;

	*rest = trim(*rest);
	while (len < rest->len && !is_blank(rest->at[len]))
		len++;
	*out = str_from(rest->at, len);
	*rest = str_from(rest->at + len, rest->len - len);
	return len > 0;
}

static const char *parse_fields(struct str schedule, struct arena *arena, struct cron *out)
{
	struct str fields[FIELDS], field, rest = schedule;
	auto_buf all = BUF_INIT;
	size_t found = 0;

	while (next_field(&rest, &field)) {
		buf_add_print(&all, "%s" STR_FMT, found ? " " : "", STR_ARG(field));
		if (found < FIELDS)
			fields[found] = field;
		found++;
	}
	if (found != FIELDS)
		return arena_print(arena, "expected exactly %d fields, found %zu: [%s]", FIELDS,
				   found, buf_text(&all));
	for (size_t i = 0; i < FIELDS; i++) {
		const char *why = parse_field(fields[i], &bounds[i], arena, &out->fields[i]);

		if (why)
			return why;
	}
	return NULL;
}

static const struct {
	const char *name, *fields;
} descriptors[] = {
	{ "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" }, { "@monthly", "0 0 1 * *" },
	{ "@weekly", "0 0 * * 0" }, { "@daily", "0 0 * * *" },    { "@midnight", "0 0 * * *" },
	{ "@hourly", "0 * * * *" },
};

static const char *parse_descriptor(struct str text, struct arena *arena, struct cron *out)
{
	struct str every = STR("@every ");
	int64_t ms;

	for (size_t i = 0; i < ARRAY_LENGTH(descriptors); i++)
		if (str_is(text, descriptors[i].name))
			return parse_fields(str_of(descriptors[i].fields), arena, out);
	if (!str_starts(text, every))
		return arena_print(arena, "unrecognized descriptor: " STR_FMT, STR_ARG(text));
	every = str_from(text.at + every.len, text.len - every.len);
	if (!clock_parse_duration(every, &ms) || ms > EVERY_MAX_MS)
		return arena_print(arena,
				   "failed to parse duration " STR_FMT
				   ": time: invalid duration \"" STR_FMT "\"",
				   STR_ARG(text), STR_ARG(every));
	/* Whole seconds, one at least. */
	out->every_s = ms < 1000 ? 1 : ms / 1000;
	return NULL;
}

const char *cron_parse(struct str schedule, struct arena *arena, struct cron *out)
{
	*out = (struct cron){ .zone = STR_NONE };
	if (schedule.len == 0)
		return "empty spec string";
	if (str_starts(schedule, STR("TZ=")) || str_starts(schedule, STR("CRON_TZ="))) {
		struct str zone = str_cut(&schedule, ' ');

		str_cut(&zone, '=');
		if (zone.len > 0 && !time_zone_known(zone) && !str_is(zone, "Local"))
			return arena_print(arena,
					   "provided bad location " STR_FMT
					   ": unknown time zone " STR_FMT,
					   STR_ARG(zone), STR_ARG(zone));
		out->zone = zone;
		schedule = trim(schedule);
	}
	if (schedule.len > 0 && schedule.at[0] == '@')
		return parse_descriptor(schedule, arena, out);
	return parse_fields(schedule, arena, out);
}

const char *cron_check(struct str schedule, struct arena *arena)
{
	struct cron unused;

	return cron_parse(schedule, arena, &unused);
}

/* --- the next time --- */

/*
 * From the largest unit to the smallest: whenever one does not fit, the next of its kind, from its
 * beginning; and from the month again when a larger unit has changed by it.  `fresh`: the smaller
 * units still are those of the start.
 */
struct search {
	const struct cron *cron;
	const struct zone_clock *zone;
	int64_t at_s;
	bool fresh;
};

static bool has(const struct cron *cron, enum cron_unit unit, int value)
{
	return cron->fields[unit].bits >> value & 1;
}

/* Day of month and day of week: either will do, unless one of them is open. */
static bool fits_day(const struct cron *cron, const struct zone_time *shown)
{
	bool of_month = has(cron, CRON_DAY, shown->day),
	     of_week = has(cron, CRON_WEEKDAY, shown->weekday);

	if (cron->fields[CRON_DAY].star || cron->fields[CRON_WEEKDAY].star)
		return of_month && of_week;
	return of_month || of_week;
}

/* The parts below `unit` at their beginning, when nothing has been moved yet. */
static void begin(struct search *search, enum cron_unit unit)
{
	struct zone_time shown = zone_clock_show(search->zone, search->at_s);

	if (!search->fresh)
		return;
	search->fresh = false;
	if (unit == CRON_MINUTE) {
		search->at_s -= (search->at_s % 60 + 60) % 60;
		return;
	}
	shown.second = shown.minute = 0;
	if (unit != CRON_HOUR)
		shown.hour = 0;
	if (unit == CRON_MONTH)
		shown.day = 1;
	search->at_s = zone_clock_time(search->zone, &shown);
}

static void next_month(struct search *search)
{
	struct zone_time shown;

	begin(search, CRON_MONTH);
	shown = zone_clock_show(search->zone, search->at_s);
	shown.month++;
	search->at_s = zone_clock_time(search->zone, &shown);
}

/* Where clocks change at midnight, a day's beginning may be 23:00 or 1:00. */
static void next_day(struct search *search)
{
	struct zone_time shown;

	begin(search, CRON_DAY);
	shown = zone_clock_show(search->zone, search->at_s);
	shown.day++;
	search->at_s = zone_clock_time(search->zone, &shown);
	shown = zone_clock_show(search->zone, search->at_s);
	if (shown.hour > 12)
		search->at_s += (24 - shown.hour) * INT64_C(3600);
	else
		search->at_s -= shown.hour * INT64_C(3600);
}

/* One step towards a time that fits; true: it is one. */
static bool step(struct search *search)
{
	struct zone_time shown = zone_clock_show(search->zone, search->at_s);

	if (!has(search->cron, CRON_MONTH, shown.month)) {
		next_month(search);
	} else if (!fits_day(search->cron, &shown)) {
		next_day(search);
	} else if (!has(search->cron, CRON_HOUR, shown.hour)) {
		begin(search, CRON_HOUR);
		search->at_s += 3600;
	} else if (!has(search->cron, CRON_MINUTE, shown.minute)) {
		begin(search, CRON_MINUTE);
		search->at_s += 60;
	} else if (shown.second != 0) {
		search->fresh = false;
		search->at_s += 60 - shown.second;
	} else {
		return true;
	}
	return false;
}

bool cron_next(const struct cron *cron, const struct zone_clock *zone, int64_t after_s,
	       int64_t *out_s)
{
	struct search search = { .cron = cron, .zone = zone, .at_s = after_s + 1, .fresh = true };
	int64_t last_year;

	if (cron->every_s > 0) {
		*out_s = after_s + cron->every_s;
		return true;
	}
	/* "," is a field without values: nothing to look for. */
	for (size_t i = 0; i < FIELDS; i++)
		if (cron->fields[i].bits == 0)
			return false;
	last_year = zone_clock_show(zone, search.at_s).year + CRON_YEARS;
	while (!step(&search))
		if (zone_clock_show(zone, search.at_s).year > last_year)
			return false;
	assert(search.at_s > after_s);
	*out_s = search.at_s;
	return true;
}
