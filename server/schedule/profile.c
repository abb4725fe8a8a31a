/*
 * profile.c - reading of a KubeSchedulerConfiguration.
 */
#include "server/schedule/profile.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/yaml.h"
#include "server/schedule/cycle.h"
#include "server/schedule/profile_args.h"

#define DEFAULT_NAME  "default-scheduler"
#define PROFILES_MOST 32
#define WEIGHT_MOST   100

/* Words of the configuration for what is always so, or has nothing to do here. */
static const char *const fixed_plugins[] = { "SchedulingGates", "PrioritySort", "DefaultBinder",
					     "NodeVolumeLimits" };

static void set_defaults(struct profile *profile)
{
	static const struct resource_weight both[] = {
		{ .name = (char *)"cpu", .kind = AMOUNT_CPU, .weight = 1 },
		{ .name = (char *)"memory", .kind = AMOUNT_MEMORY, .weight = 1 },
	};
	struct resource_weights *lists[] = { &profile->fit, &profile->balance };

	*profile = (struct profile){
		.preempts = true,
		.preempt_percent = 10,
		.preempt_least = 100,
		.hard_pod_affinity_weight = 1,
		.volume_timeout_s = 600,
	};
	for (int id = 0; id < PLUGINS; id++) {
		profile->checks[id] = true;
		profile->weights[id] = cycle_plugins[id]->weight;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++) {
		lists[i]->at = memory_copy(both, sizeof(both));
		lists[i]->count = ARRAY_LENGTH(both);
		for (size_t k = 0; k < lists[i]->count; k++)
			lists[i]->at[k].name = memory_string(both[k].name);
	}
	profile->texts = json_doc_new();
}

static struct profiles *profiles_new(size_t most)
{
	struct profiles *profiles = memory_new(struct profiles);

	profiles->at = memory_zero((most + 1) * sizeof(*profiles->at));
	profiles->backoff_first_s = 1;
	profiles->backoff_most_s = 10;
	return profiles;
}

struct profiles *profiles_default(void)
{
	struct profiles *profiles = profiles_new(1);

	set_defaults(&profiles->at[profiles->count++]);
	profiles->at[0].name = memory_string(DEFAULT_NAME);
	return profiles;
}

static void free_texts(char **texts)
{
	for (size_t i = 0; texts && texts[i]; i++)
		free(texts[i]);
	free(texts);
}

void profiles_free(struct profiles *profiles)
{
	if (!profiles)
		return;
	for (size_t i = 0; i < profiles->count; i++) {
		struct profile *profile = &profiles->at[i];

		free(profile->name);
		profile_clear_weights(&profile->fit);
		profile_clear_weights(&profile->balance);
		free_texts(profile->ignored);
		free_texts(profile->ignored_groups);
		free(profile->shape);
		json_doc_free(profile->texts);
	}
	free(profiles->at);
	free(profiles);
}

const struct profile *profiles_find(const struct profiles *profiles, struct str name)
{
	for (size_t i = 0; i < profiles->count; i++)
		if (str_is(name, profiles->at[i].name))
			return &profiles->at[i];
	return NULL;
}

/* --- plugins that are on and off --- */

enum point { POINT_FILTER = 1, POINT_SCORE = 2, POINT_AFTER = 4 };

static const struct {
	const char *name;
	unsigned points;
} points[] = {
	{ "multiPoint", POINT_FILTER | POINT_SCORE | POINT_AFTER },
	{ "filter", POINT_FILTER },
	{ "score", POINT_SCORE },
	{ "postFilter", POINT_AFTER },
	{ "preEnqueue", 0 },
	{ "queueSort", 0 },
	{ "preFilter", 0 },
	{ "preScore", 0 },
	{ "reserve", 0 },
	{ "permit", 0 },
	{ "preBind", 0 },
	{ "bind", 0 },
	{ "postBind", 0 },
};

static bool find_plugin(struct str name, const char *path, int *out_id, struct error *err)
{
	for (*out_id = 0; *out_id < PLUGINS; ++*out_id)
		if (str_is(name, cycle_plugins[*out_id]->name))
			return true;
	if (str_is(name, "DefaultPreemption"))
		return true;
	for (size_t i = 0; i < ARRAY_LENGTH(fixed_plugins); i++)
		if (str_is(name, fixed_plugins[i])) {
			*out_id = -1;
			return true;
		}
	return error_set(err, ERROR_INVALID, "%s: there is no plugin \"" STR_FMT "\"", path,
			 STR_ARG(name));
}

static void switch_plugin(struct profile *profile, int id, unsigned at, bool on, int64_t weight)
{
	if (id < 0)
		return;
	if (id == PLUGINS) {
		if (at & POINT_AFTER)
			profile->preempts = on;
		return;
	}
	if (at & POINT_FILTER)
		profile->checks[id] = on;
	if (!(at & POINT_SCORE))
		return;
	if (weight == 0)
		weight = cycle_plugins[id]->weight ? cycle_plugins[id]->weight : 1;
	profile->weights[id] = on && cycle_plugins[id]->score ? weight : 0;
}

static bool read_switches(struct profile *profile, const struct json *list, unsigned at, bool on,
			  struct error *err)
{
	static const char *const names[] = { "name", "weight", NULL };
	const char *path = on ? "enabled" : "disabled";

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct str name = json_str(json_get(it.value, "name"));
		int64_t weight = 0;
		int id;

		if (!profile_knows(it.value, path, names, err) ||
		    !profile_number(it.value, "weight", 0, WEIGHT_MOST, &weight, err))
			return false;
		if (!on && str_is(name, "*")) {
			for (id = 0; id <= PLUGINS; id++)
				switch_plugin(profile, id, at, false, 0);
			continue;
		}
		if (!find_plugin(name, path, &id, err))
			return false;
		switch_plugin(profile, id, at, on, weight);
	}
	return true;
}

static bool read_plugins(struct profile *profile, const struct json *plugins, struct error *err)
{
	static const char *const names[] = { "enabled", "disabled", NULL };
	const char *known[ARRAY_LENGTH(points) + 1] = { NULL };

	for (size_t i = 0; i < ARRAY_LENGTH(points); i++)
		known[i] = points[i].name;
	if (!profile_knows(plugins, "plugins", known, err))
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(points); i++) {
		const struct json *set = json_get(plugins, points[i].name);

		if (!profile_knows(set, points[i].name, names, err) ||
		    !read_switches(profile, json_get(set, "disabled"), points[i].points, false,
				   err) ||
		    !read_switches(profile, json_get(set, "enabled"), points[i].points, true, err))
			return error_context(err, "plugins.%s", points[i].name);
	}
	return true;
}

/* --- profiles --- */

static bool read_profile(struct profiles *profiles, const struct json *from, int64_t percent,
			 struct error *err)
{
	static const char *const names[] = { "schedulerName", "percentageOfNodesToScore", "plugins",
					     "pluginConfig", NULL };
	struct profile *profile = &profiles->at[profiles->count];
	struct str name = json_str(json_get(from, "schedulerName"));

	name = name.len > 0 ? name : STR(DEFAULT_NAME);
	if (profiles_find(profiles, name))
		return error_set(err, ERROR_INVALID,
				 "two profiles have the schedulerName \"" STR_FMT "\"",
				 STR_ARG(name));
	set_defaults(profile);
	profiles->count++;
	profile->name = str_copy(name);
	profile->nodes_percent = percent;
	json_set_root(profile->texts, json_clone(profile->texts, from));
	from = json_root(profile->texts);
	if (!profile_knows(from, "profiles", names, err) ||
	    !profile_number(from, "percentageOfNodesToScore", 0, 100, &profile->nodes_percent,
			    err) ||
	    !read_plugins(profile, json_get(from, "plugins"), err))
		return false;
	for (struct json_iter it = json_iter(json_get(from, "pluginConfig")); json_next(&it);) {
		auto_free char *path = memory_print("pluginConfig[%zu]", it.index);

		if (!profile_args_apply(profile, it.value, path, err))
			return false;
	}
	return true;
}

static bool check_head(const struct json *root, struct error *err)
{
	static const char *const names[] = { "apiVersion",
					     "kind",
					     "parallelism",
					     "leaderElection",
					     "clientConnection",
					     "enableProfiling",
					     "enableContentionProfiling",
					     "percentageOfNodesToScore",
					     "podInitialBackoffSeconds",
					     "podMaxBackoffSeconds",
					     "profiles",
					     "extenders",
					     "delayCacheUntilActive",
					     NULL };

	if (!str_is(json_str(json_get(root, "kind")), "KubeSchedulerConfiguration") ||
	    !str_is(json_str(json_get(root, "apiVersion")), "kubescheduler.config.k8s.io/v1"))
		return error_set(err, ERROR_INVALID,
				 "it must be a KubeSchedulerConfiguration of "
				 "kubescheduler.config.k8s.io/v1");
	if (json_count(json_get(root, "extenders")) > 0)
		return error_set(err, ERROR_INVALID, "extenders are not offered");
	if (json_count(json_get(root, "profiles")) > PROFILES_MOST)
		return error_set(err, ERROR_INVALID, "there are more than %d profiles",
				 PROFILES_MOST);
	return profile_knows(root, "the configuration", names, err);
}

static bool read_all(struct profiles *profiles, const struct json *root, struct error *err)
{
	int64_t percent = 0;

	if (!profile_number(root, "percentageOfNodesToScore", 0, 100, &percent, err) ||
	    !profile_number(root, "podInitialBackoffSeconds", 1, 86400, &profiles->backoff_first_s,
			    err) ||
	    !profile_number(root, "podMaxBackoffSeconds", 1, 86400, &profiles->backoff_most_s, err))
		return false;
	if (profiles->backoff_most_s < profiles->backoff_first_s)
		return error_set(err, ERROR_INVALID,
				 "podMaxBackoffSeconds must not be less than "
				 "podInitialBackoffSeconds");
	for (struct json_iter it = json_iter(json_get(root, "profiles")); json_next(&it);)
		if (!read_profile(profiles, it.value, percent, err))
			return error_context(err, "profiles[%zu]", it.index);
	if (profiles->count == 0) {
		set_defaults(&profiles->at[profiles->count++]);
		profiles->at[0].name = memory_string(DEFAULT_NAME);
		profiles->at[0].nodes_percent = percent;
	}
	return true;
}

bool profiles_parse(struct str yaml, struct profiles **out, struct error *err)
{
	auto_json_doc doc = NULL;
	const char *duplicate = NULL;
	struct profiles *profiles;

	if (!yaml_parse(yaml, &doc, &duplicate, err))
		return false;
	if (duplicate)
		return error_set(err, ERROR_INVALID, "key \"%s\" comes twice", duplicate);
	if (!check_head(json_root(doc), err))
		return false;
	profiles = profiles_new(json_count(json_get(json_root(doc), "profiles")));
	if (!read_all(profiles, json_root(doc), err)) {
		profiles_free(profiles);
		return false;
	}
	*out = profiles;
	return true;
}

bool profiles_read(const char *path, struct profiles **out, struct error *err)
{
	auto_buf text = BUF_INIT;

	return (file_read(path, LIMIT_CONFIG_FILE, &text, err) &&
		profiles_parse(buf_str(&text), out, err)) ||
	       error_context(err, "scheduler configuration %s", path);
}
