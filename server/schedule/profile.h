/*
 * profile.h - how pods of one schedulerName are placed: which rules count, and how much.
 *
 * Read from a KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1); without one there is the
 * profile default-scheduler with everything as Kubernetes has it.
 */
#ifndef SERVER_SCHEDULE_PROFILE_H
#define SERVER_SCHEDULE_PROFILE_H

#include "server/schedule/amounts.h"

/* In the order in which nodes are checked. */
enum plugin_id {
	PLUGIN_UNSCHEDULABLE,
	PLUGIN_NODE_NAME,
	PLUGIN_TAINTS,
	PLUGIN_NODE_AFFINITY,
	PLUGIN_PORTS,
	PLUGIN_FIT,
	PLUGIN_VOLUME_RESTRICTIONS,
	PLUGIN_VOLUME_BINDING,
	PLUGIN_VOLUME_ZONE,
	PLUGIN_SPREAD,
	PLUGIN_POD_AFFINITY,
	PLUGIN_BALANCE,
	PLUGIN_IMAGES,
	PLUGINS
};

enum fit_strategy { FIT_LEAST, FIT_MOST, FIT_RATIO };

struct resource_weight {
	char *name;
	enum amount_kind kind;
	int64_t weight;
};
struct resource_weights {
	struct resource_weight *at;
	size_t count;
};
struct shape_point {
	int64_t utilization, score; /* 0..100, 0..10 */
};

struct profile {
	char *name; /* schedulerName */
	bool checks[PLUGINS];
	int64_t weights[PLUGINS]; /* of scores; 0 = not scored */
	bool preempts;
	int64_t preempt_percent, preempt_least; /* nodes looked at */
	int64_t nodes_percent;                  /* of nodes to score; 0 = by their number */
	enum fit_strategy strategy;
	struct resource_weights fit, balance;
	char **ignored, **ignored_groups; /* extended resources; NULL-terminated or NULL */
	struct shape_point *shape;
	size_t shape_count;
	struct json_doc *texts;            /* owns the three below */
	const struct json *added_affinity; /* a NodeAffinity, or NULL */
	const struct json *spread;         /* default constraints; NULL = those of the system */
	int64_t hard_pod_affinity_weight;
	bool ignores_preferred_terms; /* of pods that are there */
	int64_t volume_timeout_s;
};

struct profiles {
	struct profile *at;
	size_t count;
	int64_t backoff_first_s, backoff_most_s;
};

/* Everything as it is without a file. */
struct profiles *profiles_default(void);
/* ERROR_INVALID with a sentence that names the field. */
MUST_CHECK bool profiles_parse(struct str yaml, struct profiles **out, struct error *err);
MUST_CHECK bool profiles_read(const char *path, struct profiles **out, struct error *err);
void profiles_free(struct profiles *profiles); /* NULL is fine */
const struct profile *profiles_find(const struct profiles *profiles, struct str name); /* or NULL */

#endif
