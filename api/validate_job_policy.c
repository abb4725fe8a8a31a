/*
 * validate_job_policy.c - what a failed pod means to a Job, when it has succeeded early, and lists
 * of indexes as text.
 */
#include <inttypes.h>

#include "api/names.h"
#include "api/validate.h"
#include "api/validate_job.h"
#include "base/map.h"

#define AT(...) field_path(work->errors, __VA_ARGS__)

#define FAILURE_RULES_MAX  20
#define EXIT_CODES_MAX     255
#define PATTERNS_MAX       20
#define SUCCESS_RULES_MAX  20
#define INDEXES_LENGTH_MAX (64 * 1024)

/* --- podFailurePolicy --- */

static void too_many(const struct kind_work *work, const char *path, size_t have, size_t most)
{
	if (have > most)
		field_errors_add(work->errors, FIELD_TOO_MANY, path, AT("%zu", have),
				 AT("must have at most %zu items", most));
}

/* One of the words, which stand in `words` as "valid values" and as "supported values" do. */
static void check_word(const struct kind_work *work, const struct json *value, const char *path,
		       const char *const *words)
{
	auto_buf list = BUF_INIT;
	bool known = false;

	for (const char *const *at = words; *at; at++) {
		known = known || str_is(json_str(value), *at);
		buf_add_print(&list, "%s\"%s\"",
			      at == words           ? ""
			      : json_str(value).len ? ", "
						    : " ",
			      *at);
	}
	if (known)
		return;
	if (json_str(value).len == 0)
		validate_required(work, path, AT("valid values: [%s]", buf_text(&list)));
	else
		field_errors_add(work->errors, FIELD_NOT_SUPPORTED, path,
				 field_value(work->errors, value),
				 AT("supported values: %s", buf_text(&list)));
}

/* []int32{1, 2} */
static const char *go_numbers(const struct kind_work *work, const struct json *list)
{
	auto_buf text = BUF_INIT;

	buf_add_text(&text, list ? "[]int32{" : "[]int32(nil)");
	for (struct json_iter it = json_iter(list); json_next(&it);)
		buf_add_print(&text, "%s%" PRId64, it.index ? ", " : "", json_int(it.value));
	if (list)
		buf_add_byte(&text, '}');
	return arena_string(work->errors->arena, text.at, text.len);
}

static void check_values(const struct kind_work *work, const struct json *codes, const char *path)
{
	const struct json *values = json_get(codes, "values");
	bool in = str_is(json_str(json_get(codes, "operator")), "In"), ordered = true;
	int64_t before = INT64_MIN;
	auto_map seen = map_new();

	if (json_count(values) == 0)
		field_errors_add(work->errors, FIELD_INVALID, path, go_numbers(work, values),
				 "at least one value is required");
	too_many(work, path, json_count(values), EXIT_CODES_MAX);
	for (struct json_iter it = json_iter(values); json_next(&it);) {
		const char *here = AT("%s[%zu]", path, it.index);
		int64_t value = json_int(it.value);

		if (in && value == 0)
			validate_invalid(work, here, it.value, "must not be 0 for the In operator");
		if (map_put(seen, str_of(AT("%" PRId64, value)), it.value))
			validate_duplicate(work, here, it.value);
		ordered = ordered && before <= value;
		before = value;
	}
	if (!ordered)
		field_errors_add(work->errors, FIELD_INVALID, path, go_numbers(work, values),
				 "must be ordered");
}

/* Names of the template's containers of both sorts. */
static struct map *containers_of(const struct json *spec)
{
	static const char *const lists[] = { "containers", "initContainers" };
	struct map *names = map_new();

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it =
			     json_iter(json_path(spec, "template", "spec", lists[i], NULL));
		     json_next(&it);)
			map_put(names, json_str(json_get(it.value, "name")), it.value);
	return names;
}

static void check_exit_codes(const struct kind_work *work, const struct map *containers,
			     const struct json *codes, const char *path)
{
	static const char *const operators[] = { "In", "NotIn", NULL };
	const struct json *container = json_get(codes, "containerName");

	check_word(work, json_get(codes, "operator"), AT("%s.operator", path), operators);
	if (container && !map_find(containers, json_str(container)))
		validate_invalid(work, AT("%s.containerName", path), container,
				 "must be one of the container or initContainer names in the pod "
				 "template");
	check_values(work, codes, AT("%s.values", path));
}

static void check_patterns(const struct kind_work *work, const struct json *patterns,
			   const char *path)
{
	static const char *const statuses[] = { "False", "True", "Unknown", NULL };

	too_many(work, path, json_count(patterns), PATTERNS_MAX);
	for (struct json_iter it = json_iter(patterns); json_next(&it);) {
		const struct json *type = json_get(it.value, "type");
		const char *why = name_check_qualified(json_str(type));

		if (why)
			field_errors_add(work->errors, FIELD_INVALID,
					 AT("%s[%zu].type", path, it.index),
					 type ? field_value(work->errors, type) : "\"\"", why);
		check_word(work, json_get(it.value, "status"), AT("%s[%zu].status", path, it.index),
			   statuses);
	}
}

static void check_failure_rule(const struct kind_work *work, const struct map *containers,
			       const struct json *spec, const struct json *rule, const char *path)
{
	static const char *const actions[] = { "Count", "FailIndex", "FailJob", "Ignore", NULL };
	const struct json *action = json_get(rule, "action"),
			  *codes = json_get(rule, "onExitCodes"),
			  *patterns = json_get(rule, "onPodConditions");

	check_word(work, action, AT("%s.action", path), actions);
	if (str_is(json_str(action), "FailIndex") && !json_get(spec, "backoffLimitPerIndex"))
		validate_invalid(work, AT("%s.action", path), action,
				 "requires the backoffLimitPerIndex to be set");
	if (codes)
		check_exit_codes(work, containers, codes, AT("%s.onExitCodes", path));
	if (json_count(patterns) > 0)
		check_patterns(work, patterns, AT("%s.onPodConditions", path));
	if (codes && json_count(patterns) > 0)
		field_errors_add(
			work->errors, FIELD_INVALID, path, NULL,
			"specifying both OnExitCodes and OnPodConditions is not supported");
	if (!codes && json_count(patterns) == 0)
		field_errors_add(work->errors, FIELD_INVALID, path, NULL,
				 "specifying one of OnExitCodes and OnPodConditions is required");
}

void job_validate_failure_policy(const struct kind_work *work, const struct json *spec,
				 const char *path)
{
	const struct json *rules = json_path(spec, "podFailurePolicy", "rules", NULL);
	auto_map containers = containers_of(spec);

	too_many(work, AT("%s.rules", path), json_count(rules), FAILURE_RULES_MAX);
	/* More is not told anyway. */
	for (struct json_iter it = json_iter(rules);
	     work->errors->count < FIELD_ERRORS_MAX && json_next(&it);)
		check_failure_rule(work, containers, spec, it.value,
				   AT("%s.rules[%zu]", path, it.index));
}

/* --- lists of indexes --- */

struct interval {
	int64_t first, last;
};

static bool parse_index(struct str text, int64_t completions, struct arena *arena, int64_t *out,
			const char **out_why)
{
	struct str digits = text;

	if (digits.len > 1 && (digits.at[0] == '+' || digits.at[0] == '-'))
		digits = str_from(digits.at + 1, digits.len - 1);
	if (!str_to_i64(digits, 0, INT64_MAX, out)) {
		*out_why = arena_print(
			arena, "cannot convert string to integer for index: \"" STR_FMT "\"",
			STR_ARG(text));
		return false;
	}
	if (*out >= completions) {
		*out_why = arena_print(arena, "too large index: \"" STR_FMT "\"", STR_ARG(text));
		return false;
	}
	return true;
}

/* One part of the list: "4" or "4-7". */
static bool parse_interval(struct str text, int64_t completions, struct arena *arena,
			   struct interval *out, const char **out_why)
{
	bool is_range = str_find(text, '-') >= 0;
	struct str rest = text, first = str_cut(&rest, '-');

	if (is_range && str_find(rest, '-') >= 0) {
		*out_why = arena_print(arena,
				       "the fragment \"" STR_FMT
				       "\" violates the requirement that an index interval can "
				       "have at most two parts separated by '-'",
				       STR_ARG(text));
		return false;
	}
	if (!parse_index(first, completions, arena, &out->first, out_why))
		return false;
	out->last = out->first;
	if (!is_range)
		return true;
	if (!parse_index(rest, completions, arena, &out->last, out_why))
		return false;
	if (out->first < out->last)
		return true;
	*out_why =
		arena_print(arena, "non-increasing order, previous: %" PRId64 ", current: %" PRId64,
			    out->first, out->last);
	return false;
}

/* The next part of *rest; an empty one when the text ends with a comma. */
static bool next_part(struct str *rest, bool *more, struct str *out)
{
	if (!*more)
		return false;
	*more = str_find(*rest, ',') >= 0;
	*out = str_cut(rest, ',');
	return true;
}

int64_t job_count_indexes(struct str text, int64_t completions, struct arena *arena,
			  const char **out_why)
{
	int64_t total = 0, before = -1;
	bool more = text.len > 0;
	struct interval interval;
	struct str part;

	while (next_part(&text, &more, &part)) {
		if (!parse_interval(part, completions, arena, &interval, out_why))
			return -1;
		if (before >= interval.first) {
			*out_why = arena_print(arena,
					       "non-increasing order, previous: %" PRId64
					       ", current: %" PRId64,
					       before, interval.first);
			return -1;
		}
		total += interval.last - interval.first + 1;
		before = interval.last;
	}
	return total;
}

/* The next part that can be read. */
static bool next_interval(struct str *rest, bool *more, int64_t completions, struct arena *arena,
			  struct interval *out)
{
	const char *unused;
	struct str part;

	while (next_part(rest, more, &part))
		if (parse_interval(part, completions, arena, out, &unused))
			return true;
	return false;
}

int64_t job_shared_index(struct str completed, struct str failed, int64_t completions)
{
	auto_arena arena = arena_new();
	bool more_c = completed.len > 0, more_f = failed.len > 0;
	struct interval c, f;
	bool has_c = next_interval(&completed, &more_c, completions, arena, &c),
	     has_f = next_interval(&failed, &more_f, completions, arena, &f);

	while (has_c && has_f) {
		if (c.first <= f.last && f.first <= c.last)
			return c.first > f.first ? c.first : f.first;
		if (c.first <= f.first)
			has_c = next_interval(&completed, &more_c, completions, arena, &c);
		else
			has_f = next_interval(&failed, &more_f, completions, arena, &f);
	}
	return -1;
}

/* --- successPolicy --- */

static int64_t check_indexes(const struct kind_work *work, const struct json *indexes,
			     int64_t completions, const char *path)
{
	struct str text = json_str(indexes);
	const char *why;
	int64_t total;

	if (text.len > INDEXES_LENGTH_MAX)
		field_errors_add(work->errors, FIELD_TOO_LONG, path, NULL,
				 AT("may not be more than %d bytes", INDEXES_LENGTH_MAX));
	total = job_count_indexes(text, completions, work->errors->arena, &why);
	if (total >= 0)
		return total;
	validate_invalid(work, path, indexes, AT("error parsing succeededIndexes: %s", why));
	return 0;
}

static void check_success_rule(const struct kind_work *work, const struct json *rule,
			       int64_t completions, const char *path)
{
	const struct json *indexes = json_get(rule, "succeededIndexes"),
			  *count = json_get(rule, "succeededCount");
	const char *here = AT("%s.succeededCount", path);
	int64_t total = 0;

	if (!indexes && !count)
		validate_required(work, path,
				  "at least one of succeededCount or succeededIndexes must be "
				  "specified");
	if (indexes)
		total = check_indexes(work, indexes, completions, AT("%s.succeededIndexes", path));
	validate_not_negative(work, count, here);
	if (json_int(count) > completions)
		validate_invalid(work, here, count,
				 AT("must be less than or equal to %" PRId64
				    " (the number of specified completions)",
				    completions));
	if (indexes && json_int(count) > total)
		validate_invalid(work, here, count,
				 AT("must be less than or equal to %" PRId64
				    " (the number of indexes in the specified succeededIndexes "
				    "field)",
				    total));
}

void job_validate_success_policy(const struct kind_work *work, const struct json *spec,
				 const char *path)
{
	const struct json *rules = json_path(spec, "successPolicy", "rules", NULL);

	if (json_count(rules) == 0)
		validate_required(work, AT("%s.rules", path),
				  "at least one rules must be specified when the successPolicy is "
				  "specified");
	too_many(work, AT("%s.rules", path), json_count(rules), SUCCESS_RULES_MAX);
	for (struct json_iter it = json_iter(rules); json_next(&it);)
		check_success_rule(work, it.value, json_int(json_get(spec, "completions")),
				   AT("%s.rules[%zu]", path, it.index));
}
