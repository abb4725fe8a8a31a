/*
 * autoscale_math.c - the arithmetic of HorizontalPodAutoscalers.
 *
 * What the real controller does with integers is done with integers here: both come to the same
 * numbers.
 */
#include "server/control/autoscale_math.h"

#include <math.h>

#define DOWN_WINDOW_S 300 /* without a word in the behaviour */
#define UP_FACTOR     2   /* without a behaviour: at most twice as many, or 4 */
#define UP_LEAST      4
#define HISTORY_MAX   1000 /* an hour of looks every 15 s is 240 */

/* --- from pods --- */

static bool counts(const struct autoscale_pod *pod)
{
	return pod->state == AUTOSCALE_READY;
}

/* Utilization or average against the target; over the pods that count. */
static bool ratio_of(const struct autoscale_pod *pods, size_t count,
		     const struct autoscale_ask *ask, struct autoscale_found *found, double *out,
		     struct error *err)
{
	int64_t used = 0, requested = 0, many = 0;

	for (size_t i = 0; i < count; i++) {
		if (!counts(&pods[i]))
			continue;
		used += pods[i].used;
		requested += pods[i].requested;
		many++;
	}
	if (many == 0)
		return error_set(err, ERROR_INVALID, "did not receive metrics for any ready pods");
	if (ask->percent && requested == 0)
		return error_set(err, ERROR_INVALID, "no metrics returned matched known pods");
	found->average = used / many;
	found->utilization = ask->percent ? used * 100 / requested : 0;
	*out = (double)(ask->percent ? found->utilization : found->average) / (double)ask->target;
	return true;
}

static bool is_close(double ratio)
{
	return fabs(1.0 - ratio) <= AUTOSCALE_TOLERANCE;
}

static size_t count_state(const struct autoscale_pod *pods, size_t count,
			  enum autoscale_state state)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found += pods[i].state == state;
	return found;
}

static void assume(struct autoscale_pod *pods, size_t count, enum autoscale_state state,
		   const struct autoscale_ask *ask, bool full)
{
	int64_t percent = ask->target > 100 ? ask->target : 100;

	for (size_t i = 0; i < count; i++) {
		if (pods[i].state != state)
			continue;
		pods[i].state = AUTOSCALE_READY;
		pods[i].used = 0;
		if (full)
			pods[i].used =
				ask->percent ? pods[i].requested * percent / 100 : ask->target;
	}
}

static int64_t many(double ratio, size_t pods)
{
	double wished = ceil(ratio * (double)pods);

	return wished > INT32_MAX ? INT32_MAX : (int64_t)wished;
}

bool autoscale_from_pods(struct autoscale_pod *pods, size_t count, const struct autoscale_ask *ask,
			 struct autoscale_found *out, struct error *err)
{
	size_t missing = count_state(pods, count, AUTOSCALE_MISSING);
	size_t unready = count_state(pods, count, AUTOSCALE_UNREADY);
	struct autoscale_found second;
	double ratio, again;

	if (!ratio_of(pods, count, ask, out, &ratio, err))
		return false;
	out->replicas = ask->current;
	if (missing == 0 && (unready == 0 || ratio <= 1.0)) {
		if (!is_close(ratio))
			out->replicas = many(ratio, count_state(pods, count, AUTOSCALE_READY));
		return true;
	}
	if (ratio != 1.0)
		assume(pods, count, AUTOSCALE_MISSING, ask, ratio < 1.0);
	if (ratio > 1.0)
		assume(pods, count, AUTOSCALE_UNREADY, ask, false);
	if (!ratio_of(pods, count, ask, &second, &again, err))
		return false;
	second.replicas = many(again, count_state(pods, count, AUTOSCALE_READY));
	/* Guesses may slow a change down, not turn it around. */
	if (is_close(again) || (ratio < 1.0 && again > 1.0) || (ratio > 1.0 && again < 1.0) ||
	    (again < 1.0 && second.replicas > ask->current) ||
	    (again > 1.0 && second.replicas < ask->current))
		return true;
	out->replicas = second.replicas;
	return true;
}

/* --- from one amount --- */

int64_t autoscale_from_value(int64_t value, int64_t target, int64_t current, int64_t ready)
{
	double ratio = (double)value / (double)target;

	if (current == 0)
		return many(ratio, 1);
	return is_close(ratio) ? current : many(ratio, (size_t)ready);
}

int64_t autoscale_from_average(int64_t value, int64_t target, int64_t current)
{
	double ratio = (double)value / ((double)target * (double)current);

	return current > 0 && is_close(ratio) ? current : many((double)value / (double)target, 1);
}

/* --- history --- */

struct mark {
	int64_t value, at_ms;
};
struct marks {
	struct mark *all;
	size_t count;
};
struct autoscale_history {
	struct marks wishes, ups, downs;
};

struct autoscale_history *autoscale_history_new(void)
{
	return memory_new(struct autoscale_history);
}

void autoscale_history_free(struct autoscale_history *history)
{
	if (!history)
		return;
	free(history->wishes.all);
	free(history->ups.all);
	free(history->downs.all);
	free(history);
}

/* What is older than `since_ms` is forgotten. */
static void add_mark(struct marks *marks, int64_t value, int64_t now_ms, int64_t since_ms)
{
	size_t kept = 0;

	for (size_t i = 0; i < marks->count; i++)
		if (marks->all[i].at_ms >= since_ms && marks->count - i < HISTORY_MAX)
			marks->all[kept++] = marks->all[i];
	marks->all = memory_grow(marks->all, (kept + 1) * sizeof(*marks->all));
	marks->all[kept] = (struct mark){ value, now_ms };
	marks->count = kept + 1;
}

static int64_t sum_since(const struct marks *marks, int64_t since_ms)
{
	int64_t sum = 0;

	for (size_t i = 0; i < marks->count; i++)
		if (marks->all[i].at_ms > since_ms)
			sum += marks->all[i].value;
	return sum;
}

void autoscale_history_begin(struct autoscale_history *history, int64_t current, int64_t now_ms)
{
	if (history->wishes.count == 0)
		add_mark(&history->wishes, current, now_ms, now_ms);
}

static int64_t longest_period_s(const struct json *rules)
{
	int64_t longest = 0;

	for (struct json_iter it = json_iter(json_get(rules, "policies")); json_next(&it);)
		if (json_int(json_get(it.value, "periodSeconds")) > longest)
			longest = json_int(json_get(it.value, "periodSeconds"));
	return longest;
}

void autoscale_history_note(struct autoscale_history *history, const struct json *behavior,
			    int64_t before, int64_t after, int64_t now_ms)
{
	int64_t up = longest_period_s(json_get(behavior, "scaleUp"));
	int64_t down = longest_period_s(json_get(behavior, "scaleDown"));
	int64_t since_ms = now_ms - 1000 * (up > down ? up : down);

	if (after > before)
		add_mark(&history->ups, after - before, now_ms, since_ms);
	else if (after < before)
		add_mark(&history->downs, before - after, now_ms, since_ms);
}

/* --- windows --- */

static int64_t window_s(const struct json *behavior, bool up)
{
	const struct json *seconds = json_path(behavior, up ? "scaleUp" : "scaleDown",
					       "stabilizationWindowSeconds", NULL);

	return seconds ? json_int(seconds) : up ? 0 : DOWN_WINDOW_S;
}

/* The lowest wish of the window when growing, the highest when shrinking. */
static int64_t stabilize(struct autoscale_history *history, const struct autoscale_limits *limits,
			 int64_t wished, int64_t now_ms)
{
	bool up = limits->behavior && wished >= limits->current;
	int64_t up_s = window_s(limits->behavior, true), down_s = window_s(limits->behavior, false);
	int64_t since_ms = now_ms - 1000 * (up ? up_s : down_s), result = wished;

	for (size_t i = 0; i < history->wishes.count; i++) {
		const struct mark *mark = &history->wishes.all[i];

		if (mark->at_ms > since_ms && (up ? mark->value < result : mark->value > result))
			result = mark->value;
	}
	add_mark(&history->wishes, wished, now_ms, now_ms - 1000 * (up_s > down_s ? up_s : down_s));
	return result;
}

/* --- policies --- */

static int64_t policy_limit(const struct json *policy, int64_t start, bool up)
{
	int64_t value = json_int(json_get(policy, "value"));

	if (str_is(json_str(json_get(policy, "type")), "Pods"))
		return up ? start + value : start - value;
	return up ? (int64_t)ceil((double)start * (1 + (double)value / 100))
		  : (int64_t)((double)start * (1 - (double)value / 100));
}

/* The farthest that the policies of this direction let it go now. */
static int64_t rate_limit(const struct autoscale_history *history,
			  const struct autoscale_limits *limits, bool up, int64_t now_ms)
{
	const struct json *rules = json_get(limits->behavior, up ? "scaleUp" : "scaleDown");
	struct str select = json_str(json_get(rules, "selectPolicy"));
	bool widest = !str_is(select, "Min");
	int64_t result = up ? (widest ? 0 : INT32_MAX) : (widest ? INT32_MAX : INT32_MIN);

	if (str_is(select, "Disabled"))
		return limits->current;
	for (struct json_iter it = json_iter(json_get(rules, "policies")); json_next(&it);) {
		int64_t since = now_ms - 1000 * json_int(json_get(it.value, "periodSeconds"));
		int64_t start = limits->current - sum_since(&history->ups, since) +
				sum_since(&history->downs, since);
		int64_t limit = policy_limit(it.value, start, up);

		if (up == widest ? limit > result : limit < result)
			result = limit;
	}
	/* What happened already is not taken back. */
	if (up ? result < limits->current : result > limits->current)
		return limits->current;
	return result;
}

static const struct autoscale_words within = { "DesiredWithinRange",
					       "the desired count is within the acceptable range" };
static const struct autoscale_words too_many = {
	"TooManyReplicas", "the desired replica count is more than the maximum replica count"
};
static const struct autoscale_words too_few = {
	"TooFewReplicas", "the desired replica count is less than the minimum replica count"
};
static const struct autoscale_words too_fast = {
	"ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate"
};
static const struct autoscale_words too_fast_down = {
	"ScaleDownLimit",
	"the desired replica count is decreasing faster than the maximum scale rate"
};

static void limit_up(struct autoscale_step *step, const struct autoscale_limits *limits,
		     int64_t rate, int64_t wished)
{
	bool by_rate = limits->most > rate;
	int64_t most = by_rate ? rate : limits->most;

	if (wished <= most)
		return;
	step->replicas = most;
	step->limited = by_rate ? too_fast : too_many;
}

static void limit_down(struct autoscale_step *step, const struct autoscale_limits *limits,
		       int64_t rate, int64_t wished)
{
	bool by_rate = limits->least < rate;
	int64_t least = by_rate ? rate : limits->least;

	if (wished >= least)
		return;
	step->replicas = least;
	step->limited = by_rate ? too_fast_down : too_few;
}

static void limit_plainly(struct autoscale_step *step, const struct autoscale_limits *limits,
			  int64_t wished)
{
	int64_t rate = limits->current * UP_FACTOR;

	limit_up(step, limits, rate > UP_LEAST ? rate : UP_LEAST, wished);
	limit_down(step, limits, INT32_MIN, wished);
}

static struct autoscale_words able_words(int64_t wished, int64_t stable)
{
	if (stable < wished)
		return (struct autoscale_words){
			"ScaleUpStabilized", "recent recommendations were lower than current one, "
					     "applying the lowest recent recommendation"
		};
	if (stable > wished)
		return (struct autoscale_words){
			"ScaleDownStabilized", "recent recommendations were higher than current "
					       "one, applying the highest recent recommendation"
		};
	return (struct autoscale_words){ "ReadyForNewScale",
					 "recommended size matches current size" };
}

struct autoscale_step autoscale_next(struct autoscale_history *history,
				     const struct autoscale_limits *limits, int64_t wished,
				     int64_t now_ms)
{
	int64_t stable = stabilize(history, limits, wished, now_ms);
	struct autoscale_step step = { .replicas = stable,
				       .able = able_words(wished, stable),
				       .limited = within };

	if (!limits->behavior)
		limit_plainly(&step, limits, stable);
	else if (stable > limits->current)
		limit_up(&step, limits, rate_limit(history, limits, true, now_ms), stable);
	else if (stable < limits->current)
		limit_down(&step, limits, rate_limit(history, limits, false, now_ms), stable);
	step.is_limited = step.replicas != stable;
	return step;
}
