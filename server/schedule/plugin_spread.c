/*
 * plugin_spread.c - pods of a kind over the domains of a topology: topologySpreadConstraints, and
 * those of the profile for pods that have none.
 *
 * Hard ones (DoNotSchedule) are checked, soft ones (ScheduleAnyway) scored.  Pods that are leaving
 * do not count.
 */
#include <math.h>

#include "server/schedule/cycle.h"
#include "server/schedule/waiting.h"

#define HOST_KEY   "kubernetes.io/hostname"
#define ZONE_KEY   "topology.kubernetes.io/zone"
#define SCORE_MOST 100

struct constraint {
	int64_t skew_most, domains_least;
	struct selector *selector; /* NULL: matches nothing */
	bool honours_affinity, honours_taints, matches_self, is_host;
	size_t topology;
	uint8_t *known;  /* one a class: 0 = not asked, 1 = no, 2 = yes */
	int64_t *counts; /* one a domain; -1 = no node of it counts */
	int64_t least;   /* of the domains that count */
	uint32_t domains;
	double weight; /* of a score */
};

struct spread {
	struct constraint *at;
	size_t count;
	bool needs_all; /* nodes without one of the keys do not count */
	bool *ignored;  /* scores: one a node */
};

/* --- reading --- */

static bool class_matches(const struct constraint *constraint, const struct label_class *class)
{
	uint8_t *known = &constraint->known[class->number];

	if (*known == 0)
		*known = constraint->selector && selector_match(constraint->selector, class->labels)
				 ? 2
				 : 1;
	return *known == 2;
}

static bool is_policy(const struct json *item, const char *field, const char *word, bool otherwise)
{
	struct str value = json_str(json_get(item, field));

	return value.len > 0 ? str_is(value, word) : otherwise;
}

static void begin_constraint(struct cycle *cycle, struct constraint *constraint, struct str key)
{
	const struct label_class *own = cycle->resident->class;

	constraint->topology = scene_topology(cycle->scene, key);
	constraint->is_host = str_is(key, HOST_KEY);
	constraint->known = arena_zero(cycle->arena, cycle->scene->class_numbers.end + 1);
	constraint->matches_self = class_matches(constraint, own);
}

static void read_constraint(struct cycle *cycle, const struct json *item, struct spread *spread)
{
	const struct json *labels = json_get(meta_of(object_json(cycle->resident->pod)), "labels");
	struct constraint *constraint = &spread->at[spread->count++];

	*constraint = (struct constraint){
		.skew_most = json_int(json_get(item, "maxSkew")),
		.domains_least = json_int(json_get(item, "minDomains")),
		.honours_affinity = is_policy(item, "nodeAffinityPolicy", "Honor", true),
		.honours_taints = is_policy(item, "nodeTaintsPolicy", "Honor", false),
	};
	constraint->selector =
		cycle_keep(cycle, selector_with_keys(json_get(item, "labelSelector"), labels,
						     json_get(item, "matchLabelKeys"), NULL));
	if (constraint->domains_least < 1)
		constraint->domains_least = 1;
	begin_constraint(cycle, constraint, json_str(json_get(item, "topologyKey")));
}

static struct spread *spread_new(struct cycle *cycle, size_t most)
{
	struct spread *spread = arena_zero(cycle->arena, sizeof(*spread));

	spread->at = arena_zero(cycle->arena, (most + 1) * sizeof(*spread->at));
	spread->needs_all = true;
	return spread;
}

/* --- selectors that nobody wrote: of the services and the owner that a pod has --- */

static void add_map(struct json_doc *doc, struct json *into, const struct json *map)
{
	for (struct json_iter it = json_iter(map); json_next(&it);)
		json_put_str(doc, into, it.key, json_clone(doc, it.value));
}

static void add_services(struct cycle *cycle, struct json_doc *doc, struct json *into)
{
	const struct sources *sources = &cycle->scene->sources;
	const struct object *labels = cycle->resident->class->labels, *service;

	for (size_t i = 0; (service = sources->next(sources->of, CONTROL_SERVICES, &i));) {
		const struct json *map;
		struct selector *selector;

		if (!str_equal(object_namespace(service), object_namespace(labels)))
			continue;
		map = json_path(object_json(service), "spec", "selector", NULL);
		selector = selector_from_map(map);
		if (json_count(map) > 0 && selector_match(selector, labels))
			add_map(doc, into, map);
		selector_free(selector);
		object_trim(service);
	}
}

static const struct {
	const char *kind;
	enum control_kind cache;
} owners[] = {
	{ "ReplicaSet", CONTROL_REPLICASETS },
	{ "StatefulSet", CONTROL_STATEFULSETS },
	{ "ReplicationController", CONTROL_REPLICATIONCONTROLLERS },
};

static const struct object *find_owner(struct cycle *cycle)
{
	const struct sources *sources = &cycle->scene->sources;
	const struct json *owner = meta_controller(object_json(cycle->resident->pod));

	for (size_t i = 0; i < ARRAY_LENGTH(owners); i++)
		if (str_is(json_str(json_get(owner, "kind")), owners[i].kind))
			return sources->find(sources->of, owners[i].cache,
					     object_namespace(cycle->resident->pod),
					     json_str(json_get(owner, "name")));
	return NULL;
}

static void add_owner(struct cycle *cycle, struct json_doc *doc, struct json *selector)
{
	const struct object *owner = find_owner(cycle);
	const struct json *own;

	if (!owner)
		return;
	own = json_path(object_json(owner), "spec", "selector", NULL);
	if (str_is(object_kind(owner), "ReplicationController")) {
		add_map(doc, json_sub_object(doc, selector, "matchLabels"), own);
	} else {
		add_map(doc, json_sub_object(doc, selector, "matchLabels"),
			json_get(own, "matchLabels"));
		for (struct json_iter it = json_iter(json_get(own, "matchExpressions"));
		     json_next(&it);)
			json_append(json_sub_array(doc, selector, "matchExpressions"),
				    json_clone(doc, it.value));
	}
	object_trim(owner);
}

/* Kept by the class until services or owners change: pods of one template ask the same. */
static struct selector *own_selector(struct cycle *cycle)
{
	struct label_class *class = cycle->resident->class;
	struct str owner = control_owner_uid(cycle->resident->pod);
	auto_json_doc doc = NULL;
	struct json *selector;
	struct error unused;

	if (class->spread_epoch == cycle->scene->spread_epoch && class->spread_owner &&
	    str_is(owner, class->spread_owner))
		return class->spread;
	selector_free(class->spread);
	free(class->spread_owner);
	class->spread = NULL;
	class->spread_owner = str_copy(owner);
	class->spread_epoch = cycle->scene->spread_epoch;
	doc = json_doc_new();
	selector = json_new_object(doc);
	add_services(cycle, doc, json_sub_object(doc, selector, "matchLabels"));
	add_owner(cycle, doc, selector);
	if ((json_count(json_get(selector, "matchLabels")) > 0 ||
	     json_count(json_get(selector, "matchExpressions")) > 0) &&
	    !selector_from_json(selector, &class->spread, &unused))
		class->spread = NULL;
	return class->spread;
}

static void add_own(struct cycle *cycle, struct spread *spread, struct constraint like,
		    struct str key)
{
	struct constraint *constraint = &spread->at[spread->count++];

	*constraint = like;
	constraint->selector = cycle->resident->class->spread;
	constraint->domains_least = like.domains_least < 1 ? 1 : like.domains_least;
	begin_constraint(cycle, constraint, key);
}

static void read_defaults(struct cycle *cycle, bool hard, struct spread *spread)
{
	const struct json *list = cycle->profile->spread;
	const char *word = hard ? "DoNotSchedule" : "ScheduleAnyway";

	if ((list ? json_count(list) == 0 : hard) || !own_selector(cycle))
		return;
	if (!list) {
		spread->needs_all = false;
		add_own(cycle, spread,
			(struct constraint){ .skew_most = 3, .honours_affinity = true },
			STR(HOST_KEY));
		add_own(cycle, spread,
			(struct constraint){ .skew_most = 5, .honours_affinity = true },
			STR(ZONE_KEY));
		return;
	}
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "whenUnsatisfiable")), word))
			add_own(cycle, spread,
				(struct constraint){
					.skew_most = json_int(json_get(it.value, "maxSkew")),
					.honours_affinity = true },
				json_str(json_get(it.value, "topologyKey")));
}

static struct spread *read_spread(struct cycle *cycle, bool hard)
{
	const struct json *list = json_get(cycle->spec, "topologySpreadConstraints");
	const char *word = hard ? "DoNotSchedule" : "ScheduleAnyway";
	size_t most = json_count(list) + json_count(cycle->profile->spread) + 2;
	struct spread *spread;

	if (hard && json_count(list) == 0 && !cycle->profile->spread)
		return NULL;
	spread = spread_new(cycle, most);
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "whenUnsatisfiable")), word))
			read_constraint(cycle, it.value, spread);
	if (json_count(list) == 0)
		read_defaults(cycle, hard, spread);
	return spread->count > 0 ? spread : NULL;
}

/* --- counting --- */

static bool has_all_keys(struct cycle *cycle, const struct spread *spread, struct place *place)
{
	for (size_t i = 0; i < spread->count; i++)
		if (scene_domain(cycle->scene, spread->at[i].topology, place) == SCENE_NO_DOMAIN)
			return false;
	return true;
}

static bool place_counts(const struct cycle *cycle, const struct constraint *constraint,
			 const struct place *place)
{
	if (constraint->honours_affinity && !cycle_node_meets(cycle, place->node))
		return false;
	return !constraint->honours_taints || !cycle_hard_taint(cycle, place);
}

static int64_t pods_that_match(const struct cycle *cycle, const struct constraint *constraint,
			       const struct place *place)
{
	struct str namespace = object_namespace(cycle->resident->pod);
	int64_t count = 0;

	for (size_t i = 0; i < place->classes.count; i++) {
		const struct tally *tally = &place->classes.at[i];
		const struct label_class *class = tally->what;

		if (class_matches(constraint, class) &&
		    str_equal(object_namespace(class->labels), namespace))
			count += tally->total - tally->leaving;
	}
	return count;
}

static void begin_counts(struct cycle *cycle, struct constraint *constraint)
{
	constraint->domains = cycle_domains(cycle, constraint->topology);
	constraint->counts =
		arena_get(cycle->arena, (constraint->domains + 1) * sizeof(*constraint->counts));
	for (uint32_t i = 0; i < constraint->domains; i++)
		constraint->counts[i] = -1;
}

static void count_place(struct cycle *cycle, struct constraint *constraint, struct place *place)
{
	int64_t *count;

	if (!place_counts(cycle, constraint, place))
		return;
	count = &constraint->counts[scene_domain(cycle->scene, constraint->topology, place)];
	*count = (*count < 0 ? 0 : *count) + pods_that_match(cycle, constraint, place);
}

static int64_t least_of(const struct constraint *constraint)
{
	int64_t least = INT64_MAX, domains = 0;

	for (uint32_t i = 0; i < constraint->domains; i++) {
		if (constraint->counts[i] < 0)
			continue;
		domains++;
		least = constraint->counts[i] < least ? constraint->counts[i] : least;
	}
	return domains < constraint->domains_least ? 0 : least;
}

static bool prepare(struct cycle *cycle, void **out_own)
{
	struct spread *spread = read_spread(cycle, true);

	if (!spread)
		return true;
	for (size_t i = 0; i < spread->count; i++)
		begin_counts(cycle, &spread->at[i]);
	for (size_t n = 0; n < cycle->nodes; n++) {
		struct place *place = cycle->scene->places[n];

		if (!has_all_keys(cycle, spread, place))
			continue;
		for (size_t i = 0; i < spread->count; i++)
			count_place(cycle, &spread->at[i], place);
	}
	for (size_t i = 0; i < spread->count; i++)
		spread->at[i].least = least_of(&spread->at[i]);
	*out_own = spread;
	return true;
}

/* --- the check --- */

static enum verdict check(struct cycle *cycle, void *own, struct place *place)
{
	const struct spread *spread = own;

	for (size_t i = 0; i < spread->count; i++) {
		const struct constraint *constraint = &spread->at[i];
		uint32_t domain = scene_domain(cycle->scene, constraint->topology, place);
		int64_t count;

		if (domain == SCENE_NO_DOMAIN)
			return cycle_refuse(cycle, VERDICT_NEVER,
					    "node(s) didn't match pod topology spread constraints "
					    "(missing required label)");
		count = constraint->counts[domain] < 0 ? 0 : constraint->counts[domain];
		if (count + constraint->matches_self - constraint->least > constraint->skew_most)
			return cycle_refuse(cycle, VERDICT_NOT_NOW,
					    "node(s) didn't match pod topology spread constraints");
	}
	return VERDICT_FITS;
}

static void shift(struct cycle *cycle, void *own, struct place *place,
		  const struct resident *resident, int by)
{
	struct spread *spread = own;

	if (resident->leaving || !has_all_keys(cycle, spread, place) ||
	    !str_equal(object_namespace(resident->pod), object_namespace(cycle->resident->pod)))
		return;
	for (size_t i = 0; i < spread->count; i++) {
		struct constraint *constraint = &spread->at[i];
		int64_t *count;

		if (!class_matches(constraint, resident->class) ||
		    !place_counts(cycle, constraint, place))
			continue;
		count = &constraint
				 ->counts[scene_domain(cycle->scene, constraint->topology, place)];
		*count = (*count < 0 ? 0 : *count) + by;
		constraint->least = least_of(constraint);
	}
}

/* --- scores: fewer pods that match are better --- */

static void see_domains(struct cycle *cycle, struct spread *spread, struct place **places,
			size_t count)
{
	for (size_t i = 0; i < spread->count; i++) {
		struct constraint *constraint = &spread->at[i];
		size_t size = 0;

		begin_counts(cycle, constraint);
		for (size_t n = 0; n < count; n++) {
			uint32_t domain =
				scene_domain(cycle->scene, constraint->topology, places[n]);

			if (domain == SCENE_NO_DOMAIN || spread->ignored[places[n]->at])
				continue;
			size += constraint->is_host || constraint->counts[domain] < 0;
			constraint->counts[domain] = 0;
		}
		constraint->weight = log((double)size + 2);
	}
}

static void count_soft(struct cycle *cycle, struct constraint *constraint, struct place *place)
{
	uint32_t domain = scene_domain(cycle->scene, constraint->topology, place);

	if (constraint->is_host || domain == SCENE_NO_DOMAIN || constraint->counts[domain] < 0 ||
	    !place_counts(cycle, constraint, place))
		return;
	constraint->counts[domain] += pods_that_match(cycle, constraint, place);
}

static void *score_prepare(struct cycle *cycle, struct place **places, size_t count)
{
	struct spread *spread = read_spread(cycle, false);

	if (!spread)
		return NULL;
	spread->ignored = arena_zero(cycle->arena, cycle->nodes + 1);
	for (size_t n = 0; n < count; n++)
		spread->ignored[places[n]->at] =
			spread->needs_all && !has_all_keys(cycle, spread, places[n]);
	see_domains(cycle, spread, places, count);
	for (size_t n = 0; n < cycle->nodes; n++) {
		struct place *place = cycle->scene->places[n];

		if (spread->needs_all && !has_all_keys(cycle, spread, place))
			continue;
		for (size_t i = 0; i < spread->count; i++)
			count_soft(cycle, &spread->at[i], place);
	}
	return spread;
}

static int64_t score(struct cycle *cycle, void *own, struct place *place)
{
	const struct spread *spread = own;
	double sum = 0;

	if (spread->ignored[place->at])
		return 0;
	for (size_t i = 0; i < spread->count; i++) {
		const struct constraint *constraint = &spread->at[i];
		uint32_t domain = scene_domain(cycle->scene, constraint->topology, place);
		int64_t pods;

		if (domain == SCENE_NO_DOMAIN)
			continue;
		pods = constraint->is_host ? pods_that_match(cycle, constraint, place)
					   : constraint->counts[domain];
		sum += (double)pods * constraint->weight + (double)(constraint->skew_most - 1);
	}
	return (int64_t)(sum + 0.5);
}

static void normalize(struct cycle *cycle, void *own, struct place **places, int64_t *scores,
		      size_t count)
{
	const struct spread *spread = own;
	int64_t least = INT64_MAX, most = 0;

	(void)cycle;
	for (size_t i = 0; i < count; i++) {
		if (spread->ignored[places[i]->at])
			continue;
		least = scores[i] < least ? scores[i] : least;
		most = scores[i] > most ? scores[i] : most;
	}
	for (size_t i = 0; i < count; i++) {
		if (spread->ignored[places[i]->at])
			scores[i] = 0;
		else
			scores[i] = most == 0 ? SCORE_MOST
					      : SCORE_MOST * (most + least - scores[i]) / most;
	}
}

const struct plugin plugin_spread = {
	.name = "PodTopologySpread",
	.prepare = prepare,
	.check = check,
	.shift = shift,
	.score_prepare = score_prepare,
	.score = score,
	.normalize = normalize,
	.weight = 2,
	.wakes = WAKE_NODE_CAME | WAKE_NODE_LABELS | WAKE_NODE_TAINTS | WAKE_NODE_GONE |
		 WAKE_POD_CAME | WAKE_POD_GONE,
};
