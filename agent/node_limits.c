/*
 * node_limits.c - one row an argument.
 */
#include "agent/node_limits.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/quantity.h"
#include "base/clock.h"

#define HARD_DEFAULT    "imagefs.available<5%,nodefs.available<5%"
#define RECLAIM_DEFAULT "imagefs.available=10%,nodefs.available=10%"
#define PERCENT_MAX     100

static const char *const signal_names[SIGNALS] = {
	[SIGNAL_MEMORY] = "memory.available",
	[SIGNAL_ALLOCATABLE_MEMORY] = "allocatableMemory.available",
	[SIGNAL_NODEFS] = "nodefs.available",
	[SIGNAL_NODEFS_INODES] = "nodefs.inodesFree",
	[SIGNAL_IMAGEFS] = "imagefs.available",
	[SIGNAL_IMAGEFS_INODES] = "imagefs.inodesFree",
	[SIGNAL_CONTAINERFS] = "containerfs.available",
	[SIGNAL_CONTAINERFS_INODES] = "containerfs.inodesFree",
	[SIGNAL_PID] = "pid.available",
};

const char *eviction_signal_name(enum eviction_signal signal)
{
	return signal_names[signal];
}

bool eviction_signal_find(struct str name, enum eviction_signal *out)
{
	for (size_t i = 0; i < SIGNALS; i++)
		if (i != SIGNAL_ALLOCATABLE_MEMORY && str_is(name, signal_names[i])) {
			*out = (enum eviction_signal)i;
			return true;
		}
	return false;
}

int64_t limit_amount_of(const struct limit_amount *amount, int64_t capacity)
{
	return amount->share > 0 ? (int64_t)(amount->share * (double)capacity) : amount->value;
}

/* --- values --- */

static bool read_percent(struct str text, double *out)
{
	char copy[24];
	char *end;
	double value;

	if (text.len < 2 || text.len >= sizeof(copy) || text.at[text.len - 1] != '%')
		return false;
	snprintf(copy, sizeof(copy), "%.*s", (int)(text.len - 1), text.at);
	value = strtod(copy, &end);
	if (*end != '\0' || !(value >= 0 && value <= PERCENT_MAX))
		return false;
	*out = value / PERCENT_MAX;
	return true;
}

static bool read_amount(struct str text, struct limit_amount *out, struct error *err)
{
	*out = (struct limit_amount){ 0 };
	snprintf(out->text, sizeof(out->text), STR_FMT, STR_ARG(text));
	if (str_ends(text, STR("%")))
		return read_percent(text, &out->share) ||
		       error_set(err, ERROR_INVALID, "\"" STR_FMT "\" is no percentage",
				 STR_ARG(text));
	if (text.len >= sizeof(out->text) || !quantity_value(text, &out->value, err) ||
	    out->value < 0)
		return error_set(err, ERROR_INVALID,
				 "\"" STR_FMT "\" is no amount such as 500Mi or 10%%",
				 STR_ARG(text));
	return true;
}

static bool read_duration(struct str text, int64_t *out_ms, struct error *err)
{
	return (clock_parse_duration(text, out_ms) && *out_ms >= 0) ||
	       error_set(err, ERROR_INVALID, "\"" STR_FMT "\" is no duration such as 1m30s",
			 STR_ARG(text));
}

static bool read_number(struct str text, int64_t min, int64_t max, int64_t *out, struct error *err)
{
	return str_to_i64(text, min, max, out) ||
	       error_set(err, ERROR_INVALID, "\"" STR_FMT "\" is no number from %lld to %lld",
			 STR_ARG(text), (long long)min, (long long)max);
}

/* --- thresholds --- */

/* "SIGNAL<AMOUNT" or "SIGNAL=VALUE", cut at the mark. */
static bool cut_signal(struct str *rest, char mark, enum eviction_signal *out, struct error *err)
{
	struct str whole = *rest, name = str_trim(str_cut(rest, mark));

	*rest = str_trim(*rest);
	if (rest->len == 0)
		return error_set(err, ERROR_INVALID, "\"" STR_FMT "\" is not SIGNAL%cAMOUNT",
				 STR_ARG(whole), mark);
	return eviction_signal_find(name, out) ||
	       error_set(err, ERROR_INVALID,
			 "\"" STR_FMT "\" is no eviction signal such as memory.available",
			 STR_ARG(name));
}

static struct eviction_threshold *find(struct node_limits *limits, enum eviction_signal signal,
				       bool soft)
{
	for (size_t i = 0; i < limits->threshold_count; i++)
		if (limits->thresholds[i].signal == signal && limits->thresholds[i].is_soft == soft)
			return &limits->thresholds[i];
	return NULL;
}

static void drop_all(struct node_limits *limits, bool soft)
{
	size_t kept = 0;

	for (size_t i = 0; i < limits->threshold_count; i++)
		if (limits->thresholds[i].is_soft != soft)
			limits->thresholds[kept++] = limits->thresholds[i];
	limits->threshold_count = kept;
}

static bool add(struct node_limits *limits, enum eviction_signal signal, bool soft,
		const struct limit_amount *below, struct error *err)
{
	if (find(limits, signal, soft))
		return error_set(err, ERROR_INVALID, "the eviction signal %s is said twice",
				 signal_names[signal]);
	/* 0 % and 100 % mean: not this one. */
	if (below->text[0] && str_ends(str_of(below->text), STR("%")) &&
	    (below->share <= 0 || below->share >= 1))
		return true;
	limits->thresholds[limits->threshold_count++] = (struct eviction_threshold){
		.signal = signal, .is_soft = soft, .below = *below, .grace_ms = -1
	};
	return true;
}

static bool take_thresholds(struct node_limits *limits, struct str value, bool soft,
			    struct error *err)
{
	drop_all(limits, soft);
	while (value.len > 0) {
		struct str one = str_cut(&value, ',');
		enum eviction_signal signal;
		struct limit_amount below;

		if (!cut_signal(&one, '<', &signal, err) || !read_amount(one, &below, err) ||
		    !add(limits, signal, soft, &below, err))
			return false;
	}
	return true;
}

static bool take_hard(struct node_limits *limits, struct str value, struct error *err)
{
	return take_thresholds(limits, value, false, err);
}

static bool take_soft(struct node_limits *limits, struct str value, struct error *err)
{
	return take_thresholds(limits, value, true, err);
}

/* Whether the threshold comes before or after it on the command line: kept until all is read. */
static bool take_grace(struct node_limits *limits, struct str value, struct error *err)
{
	while (value.len > 0) {
		struct str one = str_cut(&value, ',');
		struct eviction_threshold *threshold;
		enum eviction_signal signal;
		int64_t ms;

		if (!cut_signal(&one, '=', &signal, err) || !read_duration(one, &ms, err))
			return false;
		threshold = find(limits, signal, true);
		if (!threshold)
			return error_set(err, ERROR_INVALID,
					 "eviction-soft says nothing of %s, which has a grace "
					 "period",
					 signal_names[signal]);
		threshold->grace_ms = ms;
	}
	return true;
}

static bool take_reclaim(struct node_limits *limits, struct str value, struct error *err)
{
	while (value.len > 0) {
		struct str one = str_cut(&value, ',');
		struct limit_amount reclaim;
		enum eviction_signal signal;

		if (!cut_signal(&one, '=', &signal, err) || !read_amount(one, &reclaim, err))
			return false;
		for (size_t i = 0; i < limits->threshold_count; i++)
			if (limits->thresholds[i].signal == signal)
				limits->thresholds[i].reclaim = reclaim;
	}
	return true;
}

/* --- reservations --- */

static bool take_reservation(struct reservation *to, struct str value, struct error *err)
{
	*to = (struct reservation){ 0 };
	while (value.len > 0) {
		struct str amount = str_cut(&value, ','), name = str_trim(str_cut(&amount, '='));
		bool good;

		amount = str_trim(amount);
		if (str_is(name, "cpu"))
			good = quantity_milli(amount, &to->cpu_milli, err);
		else if (str_is(name, "memory"))
			good = quantity_value(amount, &to->memory, err);
		else if (str_is(name, "ephemeral-storage"))
			good = quantity_value(amount, &to->ephemeral, err);
		else if (str_is(name, "pid"))
			good = quantity_value(amount, &to->pids, err);
		else
			return error_set(err, ERROR_INVALID,
					 "cannot reserve \"" STR_FMT "\" resource: only cpu, "
					 "memory, ephemeral-storage and pid",
					 STR_ARG(name));
		if (!good)
			return false;
		if (quantity_sign(amount) < 0)
			return error_set(err, ERROR_INVALID,
					 "resource quantity for \"" STR_FMT
					 "\" cannot be negative: " STR_FMT,
					 STR_ARG(name), STR_ARG(amount));
	}
	return true;
}

static bool take_kube(struct node_limits *limits, struct str value, struct error *err)
{
	return take_reservation(&limits->kube, value, err);
}

static bool take_system(struct node_limits *limits, struct str value, struct error *err)
{
	return take_reservation(&limits->system, value, err);
}

/* --- the rest --- */

static bool take_transition(struct node_limits *limits, struct str value, struct error *err)
{
	return read_duration(value, &limits->transition_ms, err);
}

static bool take_pod_grace(struct node_limits *limits, struct str value, struct error *err)
{
	return read_number(value, 0, INT32_MAX, &limits->pod_grace_max_s, err);
}

static bool take_image_high(struct node_limits *limits, struct str value, struct error *err)
{
	return read_number(value, 0, PERCENT_MAX, &limits->image_high, err);
}

static bool take_image_low(struct node_limits *limits, struct str value, struct error *err)
{
	return read_number(value, 0, PERCENT_MAX, &limits->image_low, err);
}

static bool take_image_age(struct node_limits *limits, struct str value, struct error *err)
{
	return read_duration(value, &limits->image_age_min_ms, err);
}

static bool take_image_age_max(struct node_limits *limits, struct str value, struct error *err)
{
	return read_duration(value, &limits->image_age_max_ms, err);
}

static bool take_log_size(struct node_limits *limits, struct str value, struct error *err)
{
	return quantity_value(value, &limits->log_size_max, err) &&
	       (limits->log_size_max > 0 ||
		error_set(err, ERROR_INVALID, "container-log-max-size must be more than 0"));
}

static bool take_log_files(struct node_limits *limits, struct str value, struct error *err)
{
	return read_number(value, 2, 100, &limits->log_files_max, err);
}

static bool take_pids(struct node_limits *limits, struct str value, struct error *err)
{
	return read_number(value, -1, INT32_MAX, &limits->pids_max, err);
}

/* Groups of the system are not ours to limit. */
static bool take_enforce(struct node_limits *limits, struct str value, struct error *err)
{
	limits->enforce_pods = str_is(value, "pods");
	return limits->enforce_pods || value.len == 0 || str_is(value, "none") ||
	       error_set(err, ERROR_INVALID, "it is \"pods\" or \"none\", not \"" STR_FMT "\"",
			 STR_ARG(value));
}

static const struct {
	const char *name;
	bool (*take)(struct node_limits *limits, struct str value, struct error *err);
	bool late; /* needs what others say */
} rows[] = {
	{ "eviction-hard", take_hard, false },
	{ "eviction-soft", take_soft, false },
	{ "eviction-soft-grace-period", take_grace, true },
	{ "eviction-minimum-reclaim", take_reclaim, true },
	{ "eviction-pressure-transition-period", take_transition, false },
	{ "eviction-max-pod-grace-period", take_pod_grace, false },
	{ "kube-reserved", take_kube, false },
	{ "system-reserved", take_system, false },
	{ "enforce-node-allocatable", take_enforce, false },
	{ "image-gc-high-threshold", take_image_high, false },
	{ "image-gc-low-threshold", take_image_low, false },
	{ "minimum-image-ttl-duration", take_image_age, false },
	{ "image-maximum-gc-age", take_image_age_max, false },
	{ "container-log-max-size", take_log_size, false },
	{ "container-log-max-files", take_log_files, false },
	{ "pod-max-pids", take_pids, false },
};

bool node_limits_knows(struct str name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (str_is(name, rows[i].name))
			return true;
	return false;
}

bool node_limits_take(struct node_limits *limits, struct str name, struct str value,
		      struct error *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (str_is(name, rows[i].name))
			return rows[i].take(limits, value, err) ||
			       error_context(err, "--kubelet-arg %s", rows[i].name);
	return error_set(err, ERROR_INVALID, "\"" STR_FMT "\" is no limit of a node",
			 STR_ARG(name));
}

void node_limits_init(struct node_limits *out)
{
	struct error impossible;

	*out = (struct node_limits){ .transition_ms = 300000,
				     .image_high = 85,
				     .image_low = 80,
				     .image_age_min_ms = 120000,
				     .log_size_max = 10 * 1024 * 1024,
				     .log_files_max = 5,
				     .enforce_pods = true };
	if (!take_hard(out, STR(HARD_DEFAULT), &impossible) ||
	    !take_reclaim(out, STR(RECLAIM_DEFAULT), &impossible))
		abort();
}

static bool check(const struct node_limits *limits, struct error *err)
{
	for (size_t i = 0; i < limits->threshold_count; i++)
		if (limits->thresholds[i].is_soft && limits->thresholds[i].grace_ms < 0)
			return error_set(err, ERROR_INVALID,
					 "grace period must be specified for the soft eviction "
					 "threshold %s",
					 signal_names[limits->thresholds[i].signal]);
	if (limits->image_high < 100 && limits->image_low >= limits->image_high)
		return error_set(err, ERROR_INVALID,
				 "image-gc-high-threshold must be greater than "
				 "image-gc-low-threshold");
	return true;
}

static bool take_listed(const struct option_list *arguments, bool late, struct node_limits *out,
			struct error *err)
{
	for (size_t i = 0; i < arguments->count; i++) {
		struct str value = str_of(arguments->items[i]), name = str_cut(&value, '=');

		for (size_t row = 0; row < ARRAY_LENGTH(rows); row++)
			if (rows[row].late == late && str_is(name, rows[row].name) &&
			    !node_limits_take(out, name, value, err))
				return false;
	}
	return true;
}

/* What pods may have together is watched as the machine's memory is. */
static void watch_pods(struct node_limits *limits)
{
	const struct eviction_threshold *memory = find(limits, SIGNAL_MEMORY, false);
	struct eviction_threshold copy;

	if (!limits->enforce_pods || !memory || limits->threshold_count == NODE_THRESHOLDS_MAX)
		return;
	copy = *memory;
	copy.signal = SIGNAL_ALLOCATABLE_MEMORY;
	limits->thresholds[limits->threshold_count++] = copy;
}

bool node_limits_read(const struct option_list *arguments, struct node_limits *out,
		      struct error *err)
{
	struct error impossible;

	node_limits_init(out);
	if (!take_listed(arguments, false, out, err))
		return false;
	/* For thresholds that were said anew. */
	if (!take_reclaim(out, STR(RECLAIM_DEFAULT), &impossible))
		abort();
	if (!take_listed(arguments, true, out, err) || !check(out, err))
		return false;
	watch_pods(out);
	return true;
}

/* --- what is left --- */

static int64_t less(int64_t from, int64_t taken)
{
	return from > taken ? from - taken : 0;
}

struct reservation node_limits_allocatable(const struct node_limits *limits,
					   const struct reservation *capacity)
{
	struct reservation left = {
		.cpu_milli = less(capacity->cpu_milli,
				  limits->system.cpu_milli + limits->kube.cpu_milli),
		.memory = less(capacity->memory, limits->system.memory + limits->kube.memory),
		.ephemeral = less(capacity->ephemeral,
				  limits->system.ephemeral + limits->kube.ephemeral),
		.pids = less(capacity->pids, limits->system.pids + limits->kube.pids),
	};

	for (size_t i = 0; i < limits->threshold_count; i++) {
		const struct eviction_threshold *one = &limits->thresholds[i];

		if (!one->is_soft && one->signal == SIGNAL_MEMORY)
			left.memory =
				less(left.memory, limit_amount_of(&one->below, capacity->memory));
		if (!one->is_soft && one->signal == SIGNAL_NODEFS)
			left.ephemeral = less(left.ephemeral,
					      limit_amount_of(&one->below, capacity->ephemeral));
	}
	return left;
}
