/*
 * cron.c - checks of schedules.
 */
#include "api/cron.h"

#include <inttypes.h>

#include "api/time_zones.h"
#include "base/clock.h"

#define FIELDS 5

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

/* "5", "1-5", "*" */
static const char *parse_range(struct str range, struct str whole, const struct bounds *of,
			       struct arena *arena, int64_t *out_start, int64_t *out_end)
{
	size_t hyphens = count(range, '-');
	struct str low = str_cut(&range, '-');
	const char *why;

	if (str_is(low, "*") || str_is(low, "?")) {
		*out_start = of->min;
		*out_end = of->max;
		return NULL;
	}
	why = parse_value(low, of, arena, out_start);
	if (why)
		return why;
	*out_end = *out_start;
	if (hyphens > 1)
		return arena_print(arena, "too many hyphens: " STR_FMT, STR_ARG(whole));
	return hyphens ? parse_value(range, of, arena, out_end) : NULL;
}

static const char *check_range(struct str whole, const struct bounds *of, struct arena *arena)
{
	struct str step_text = whole, range = str_cut(&step_text, '/');
	size_t slashes = count(whole, '/');
	int64_t start, end, step = 1;
	const char *why = parse_range(range, whole, of, arena, &start, &end);

	if (why)
		return why;
	if (slashes > 1)
		return arena_print(arena, "too many slashes: " STR_FMT, STR_ARG(whole));
	if (slashes == 1) {
		why = parse_number(step_text, arena, &step);
		if (why)
			return why;
		if (count(range, '-') == 0)
			end = of->max;
	}
	if (start < of->min)
		return arena_print(arena,
				   "beginning of range (%" PRId64 ") below minimum (%" PRId64
				   "): " STR_FMT,
				   start, of->min, STR_ARG(whole));
	if (end > of->max)
		return arena_print(
			arena, "end of range (%" PRId64 ") above maximum (%" PRId64 "): " STR_FMT,
			end, of->max, STR_ARG(whole));
	if (start > end)
		return arena_print(arena,
				   "beginning of range (%" PRId64 ") beyond end of range (%" PRId64
				   "): " STR_FMT,
				   start, end, STR_ARG(whole));
	if (step == 0)
		return arena_print(arena, "step of range should be a positive number: " STR_FMT,
				   STR_ARG(whole));
	return NULL;
}

static const char *check_field(struct str field, const struct bounds *of, struct arena *arena)
{
	while (field.len > 0) {
		struct str range = str_cut(&field, ',');
		const char *why = range.len > 0 ? check_range(range, of, arena) : NULL;

		if (why)
			return why;
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

static const char *check_fields(struct str schedule, struct arena *arena)
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
		const char *why = check_field(fields[i], &bounds[i], arena);

		if (why)
			return why;
	}
	return NULL;
}

static const char *check_descriptor(struct str text, struct arena *arena)
{
	static const char *const names[] = { "@yearly", "@annually", "@monthly", "@weekly",
					     "@daily",  "@midnight", "@hourly" };
	struct str every = STR("@every ");
	int64_t unused;

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (str_is(text, names[i]))
			return NULL;
	if (!str_starts(text, every))
		return arena_print(arena, "unrecognized descriptor: " STR_FMT, STR_ARG(text));
	every = str_from(text.at + every.len, text.len - every.len);
	if (clock_parse_duration(every, &unused))
		return NULL;
	return arena_print(arena,
			   "failed to parse duration " STR_FMT ": time: invalid duration \"" STR_FMT
			   "\"",
			   STR_ARG(text), STR_ARG(every));
}

const char *cron_check(struct str schedule, struct arena *arena)
{
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
		schedule = trim(schedule);
	}
	if (schedule.len > 0 && schedule.at[0] == '@')
		return check_descriptor(schedule, arena);
	return check_fields(schedule, arena);
}
