/*
 * profile_args.c - one function a plugin that has arguments.
 */
#include "server/schedule/profile_args.h"

#include <inttypes.h>

#define SHAPE_MOST  100
#define WEIGHT_MOST 100

bool profile_knows(const struct json *object, const char *path, const char *const *names,
		   struct error *err)
{
	if (object && json_type(object) != JSON_OBJECT && json_type(object) != JSON_NULL)
		return error_set(err, ERROR_INVALID, "%s must be a mapping", path);
	for (struct json_iter it = json_iter(object); json_next(&it);) {
		size_t i = 0;

		while (names[i] && !str_is(it.key, names[i]))
			i++;
		if (!names[i])
			return error_set(err, ERROR_INVALID,
					 "%s has an unknown field \"" STR_FMT "\"", path,
					 STR_ARG(it.key));
	}
	return true;
}

bool profile_number(const struct json *object, const char *field, int64_t least, int64_t most,
		    int64_t *value, struct error *err)
{
	const struct json *said = json_get(object, field);

	if (!said || json_type(said) == JSON_NULL)
		return true;
	if (!json_is_int(said) || json_int(said) < least || json_int(said) > most)
		return error_set(err, ERROR_INVALID,
				 "%s must be a number from %" PRId64 " to %" PRId64, field, least,
				 most);
	*value = json_int(said);
	return true;
}

void profile_clear_weights(struct resource_weights *weights)
{
	for (size_t i = 0; i < weights->count; i++)
		free(weights->at[i].name);
	free(weights->at);
	*weights = (struct resource_weights){ 0 };
}

void profile_set_weights(struct resource_weights *weights, const struct json *list)
{
	profile_clear_weights(weights);
	weights->at = memory_zero((json_count(list) + 1) * sizeof(*weights->at));
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		int64_t weight = json_int(json_get(it.value, "weight"));
		struct resource_weight *one = &weights->at[weights->count++];

		one->name = str_copy(json_str(json_get(it.value, "name")));
		one->kind = amounts_kind(one->name);
		one->weight = weight ? weight : 1;
	}
}

static bool read_weights(struct resource_weights *weights, const struct json *list,
			 struct error *err)
{
	static const char *const names[] = { "name", "weight", NULL };

	if (json_count(list) == 0)
		return true;
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		int64_t weight = 1;

		if (!profile_knows(it.value, "resources", names, err) ||
		    !profile_number(it.value, "weight", 0, WEIGHT_MOST, &weight, err))
			return false;
		if (json_str(json_get(it.value, "name")).len == 0)
			return error_set(err, ERROR_INVALID, "a resource needs a name");
	}
	profile_set_weights(weights, list);
	return true;
}

/* --- NodeResourcesFitArgs --- */

static bool read_shape(struct profile *profile, const struct json *list, struct error *err)
{
	static const char *const names[] = { "utilization", "score", NULL };
	int64_t before = -1;

	if (json_count(list) == 0 || json_count(list) > SHAPE_MOST)
		return error_set(err, ERROR_INVALID,
				 "RequestedToCapacityRatio needs a shape of 1 to %d points",
				 SHAPE_MOST);
	profile->shape = memory_grow(profile->shape, json_count(list) * sizeof(*profile->shape));
	profile->shape_count = 0;
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct shape_point point = { 0, 0 };

		if (!profile_knows(it.value, "shape", names, err) ||
		    !profile_number(it.value, "utilization", 0, 100, &point.utilization, err) ||
		    !profile_number(it.value, "score", 0, 10, &point.score, err))
			return false;
		if (point.utilization <= before)
			return error_set(err, ERROR_INVALID,
					 "utilization must grow from point to point of a shape");
		before = point.utilization;
		profile->shape[profile->shape_count++] = point;
	}
	return true;
}

static bool read_strategy(struct profile *profile, const struct json *strategy, struct error *err)
{
	static const char *const names[] = { "type", "resources", "requestedToCapacityRatio",
					     NULL };
	static const char *const ratio_names[] = { "shape", NULL };
	static const char *const words[] = { [FIT_LEAST] = "LeastAllocated",
					     [FIT_MOST] = "MostAllocated",
					     [FIT_RATIO] = "RequestedToCapacityRatio" };
	const struct json *ratio = json_get(strategy, "requestedToCapacityRatio");
	struct str type = json_str(json_get(strategy, "type"));
	size_t i = 0;

	if (!strategy)
		return true;
	if (!profile_knows(strategy, "scoringStrategy", names, err) ||
	    !profile_knows(ratio, "requestedToCapacityRatio", ratio_names, err) ||
	    !read_weights(&profile->fit, json_get(strategy, "resources"), err))
		return false;
	while (i < ARRAY_LENGTH(words) && !str_is(type, words[i]))
		i++;
	if (i == ARRAY_LENGTH(words))
		return error_set(err, ERROR_INVALID,
				 "scoringStrategy.type must be LeastAllocated, MostAllocated or "
				 "RequestedToCapacityRatio, not \"" STR_FMT "\"",
				 STR_ARG(type));
	profile->strategy = (enum fit_strategy)i;
	return profile->strategy != FIT_RATIO || read_shape(profile, json_get(ratio, "shape"), err);
}

static char **texts_of(const struct json *list)
{
	char **texts = memory_zero((json_count(list) + 1) * sizeof(char *));
	size_t count = 0;

	for (struct json_iter it = json_iter(list); json_next(&it);)
		texts[count++] = str_copy(json_str(it.value));
	return texts;
}

static bool fit_args(struct profile *profile, const struct json *args, struct error *err)
{
	static const char *const names[] = { "apiVersion",       "kind",
					     "ignoredResources", "ignoredResourceGroups",
					     "scoringStrategy",  NULL };

	if (!profile_knows(args, "NodeResourcesFitArgs", names, err))
		return false;
	if (!profile->ignored)
		profile->ignored = texts_of(json_get(args, "ignoredResources"));
	if (!profile->ignored_groups)
		profile->ignored_groups = texts_of(json_get(args, "ignoredResourceGroups"));
	return read_strategy(profile, json_get(args, "scoringStrategy"), err);
}

/* --- the others --- */

static bool balance_args(struct profile *profile, const struct json *args, struct error *err)
{
	static const char *const names[] = { "apiVersion", "kind", "resources", NULL };

	return profile_knows(args, "NodeResourcesBalancedAllocationArgs", names, err) &&
	       read_weights(&profile->balance, json_get(args, "resources"), err);
}

static bool preemption_args(struct profile *profile, const struct json *args, struct error *err)
{
	static const char *const names[] = { "apiVersion", "kind", "minCandidateNodesPercentage",
					     "minCandidateNodesAbsolute", NULL };

	return profile_knows(args, "DefaultPreemptionArgs", names, err) &&
	       profile_number(args, "minCandidateNodesPercentage", 0, 100,
			      &profile->preempt_percent, err) &&
	       profile_number(args, "minCandidateNodesAbsolute", 0, INT32_MAX,
			      &profile->preempt_least, err);
}

static bool pod_affinity_args(struct profile *profile, const struct json *args, struct error *err)
{
	static const char *const names[] = { "apiVersion", "kind", "hardPodAffinityWeight",
					     "ignorePreferredTermsOfExistingPods", NULL };

	profile->ignores_preferred_terms =
		json_bool(json_get(args, "ignorePreferredTermsOfExistingPods"));
	return profile_knows(args, "InterPodAffinityArgs", names, err) &&
	       profile_number(args, "hardPodAffinityWeight", 0, 100,
			      &profile->hard_pod_affinity_weight, err);
}

static bool node_affinity_args(struct profile *profile, const struct json *args, struct error *err)
{
	static const char *const names[] = { "apiVersion", "kind", "addedAffinity", NULL };
	static const char *const affinity_names[] = {
		"requiredDuringSchedulingIgnoredDuringExecution",
		"preferredDuringSchedulingIgnoredDuringExecution", NULL
	};

	profile->added_affinity = json_get(args, "addedAffinity");
	return profile_knows(args, "NodeAffinityArgs", names, err) &&
	       profile_knows(profile->added_affinity, "addedAffinity", affinity_names, err);
}

static bool check_default_constraint(const struct json *item, struct error *err)
{
	static const char *const names[] = { "maxSkew", "topologyKey", "whenUnsatisfiable", NULL };
	struct str action = json_str(json_get(item, "whenUnsatisfiable"));
	int64_t skew = 0;

	if (json_get(item, "labelSelector"))
		return error_set(err, ERROR_INVALID,
				 "defaultConstraints: labelSelector must not be set, it is made "
				 "from services and owners of the pod");
	if (!profile_knows(item, "defaultConstraints", names, err) ||
	    !profile_number(item, "maxSkew", 1, INT32_MAX, &skew, err))
		return false;
	if (skew == 0 || json_str(json_get(item, "topologyKey")).len == 0 ||
	    !(str_is(action, "DoNotSchedule") || str_is(action, "ScheduleAnyway")))
		return error_set(err, ERROR_INVALID,
				 "defaultConstraints: each needs maxSkew, topologyKey, and "
				 "whenUnsatisfiable DoNotSchedule or ScheduleAnyway");
	return true;
}

static bool spread_args(struct profile *profile, const struct json *args, struct error *err)
{
	static const char *const names[] = { "apiVersion", "kind", "defaultConstraints",
					     "defaultingType", NULL };
	const struct json *list = json_get(args, "defaultConstraints");
	struct str type = json_str(json_get(args, "defaultingType"));

	if (!profile_knows(args, "PodTopologySpreadArgs", names, err))
		return false;
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (!check_default_constraint(it.value, err))
			return false;
	if (str_is(type, "List")) {
		profile->spread = list ? list : json_new_array(profile->texts);
		return true;
	}
	if (type.len > 0 && !str_is(type, "System"))
		return error_set(err, ERROR_INVALID,
				 "defaultingType must be System or List, not \"" STR_FMT "\"",
				 STR_ARG(type));
	return json_count(list) == 0 ||
	       error_set(err, ERROR_INVALID, "defaultConstraints go with defaultingType List only");
}

static bool volume_args(struct profile *profile, const struct json *args, struct error *err)
{
	static const char *const names[] = { "apiVersion", "kind", "bindTimeoutSeconds", NULL };

	return profile_knows(args, "VolumeBindingArgs", names, err) &&
	       profile_number(args, "bindTimeoutSeconds", 0, INT32_MAX, &profile->volume_timeout_s,
			      err);
}

static const struct {
	const char *name;
	bool (*apply)(struct profile *profile, const struct json *args, struct error *err);
} rows[] = {
	{ "NodeResourcesFit", fit_args },
	{ "NodeResourcesBalancedAllocation", balance_args },
	{ "DefaultPreemption", preemption_args },
	{ "InterPodAffinity", pod_affinity_args },
	{ "NodeAffinity", node_affinity_args },
	{ "PodTopologySpread", spread_args },
	{ "VolumeBinding", volume_args },
};

bool profile_args_apply(struct profile *profile, const struct json *entry, const char *path,
			struct error *err)
{
	static const char *const names[] = { "name", "args", NULL };
	struct str name = json_str(json_get(entry, "name"));

	if (!profile_knows(entry, path, names, err))
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (str_is(name, rows[i].name))
			return rows[i].apply(profile, json_get(entry, "args"), err) ||
			       error_context(err, "%s", path);
	return error_set(err, ERROR_INVALID, "%s: plugin \"" STR_FMT "\" has no arguments here",
			 path, STR_ARG(name));
}
