/*
 * plugin_pod_affinity.c - pods near to or apart from others, by what either of them says.
 *
 * A pod's own terms are counted a domain: how many pods there match.  Anti-affinity of pods that
 * are there holds against the new one (symmetry).  Preferences of both sides are scored.
 */
#include "server/schedule/cycle.h"
#include "server/schedule/waiting.h"

#define SCORE_MOST 100

/* Counts a domain of one topology. */
struct counts {
	size_t topology;
	int64_t *at;
	int64_t all; /* of every domain */
};

struct own_terms {
	const struct pod_term_list *terms;
	struct counts *counts; /* one a term */
	uint8_t **known;       /* one a term, one a class: 0 = not asked, 1 = no, 2 = yes */
};

struct affinity {
	struct own_terms near, apart;
	struct counts *others; /* anti-affinity of those there, by topology */
	size_t other_count;
	uint8_t **others_known; /* one shared_terms: a byte a term */
	bool matches_self;      /* the pod would be its own company */
};

/* --- matching, once a class --- */

static bool matches(struct cycle *cycle, const struct pod_term *term, uint8_t *known,
		    const struct label_class *class)
{
	uint8_t *answer = &known[class->number];

	if (*answer == 0)
		*answer = pod_term_matches(
				  term, class->labels,
				  scene_namespace(cycle->scene, object_namespace(class->labels)))
				  ? 2
				  : 1;
	return *answer == 2;
}

static struct counts new_counts(struct cycle *cycle, const char *key)
{
	struct counts counts = { .topology = scene_topology(cycle->scene, str_of(key)) };

	counts.at = arena_zero(cycle->arena,
			       (cycle_domains(cycle, counts.topology) + 1) * sizeof(*counts.at));
	return counts;
}

static void count_at(struct cycle *cycle, struct counts *counts, struct place *place, int64_t by)
{
	uint32_t domain = scene_domain(cycle->scene, counts->topology, place);

	if (domain == SCENE_NO_DOMAIN)
		return;
	counts->at[domain] += by;
	counts->all += by;
}

static int64_t count_of(struct cycle *cycle, const struct counts *counts, struct place *place)
{
	uint32_t domain = scene_domain(cycle->scene, counts->topology, place);

	return domain == SCENE_NO_DOMAIN ? 0 : counts->at[domain];
}

/* --- the pod's own terms --- */

static void begin_terms(struct cycle *cycle, struct own_terms *own,
			const struct pod_term_list *terms)
{
	own->terms = terms;
	own->counts = arena_zero(cycle->arena, (terms->count + 1) * sizeof(*own->counts));
	own->known = arena_zero(cycle->arena, (terms->count + 1) * sizeof(*own->known));
	for (size_t i = 0; i < terms->count; i++) {
		own->counts[i] = new_counts(cycle, terms->at[i].topology_key);
		own->known[i] = arena_zero(cycle->arena, cycle->scene->class_numbers.end + 1);
	}
}

/* Company is a pod that meets all terms. */
static bool meets_all(struct cycle *cycle, const struct own_terms *own,
		      const struct label_class *class)
{
	for (size_t i = 0; i < own->terms->count; i++)
		if (!matches(cycle, &own->terms->at[i], own->known[i], class))
			return false;
	return true;
}

static void count_own(struct cycle *cycle, struct affinity *affinity, struct place *place,
		      const struct label_class *class, int64_t by)
{
	struct own_terms *near = &affinity->near, *apart = &affinity->apart;

	if (near->terms && near->terms->count > 0 && meets_all(cycle, near, class))
		for (size_t i = 0; i < near->terms->count; i++)
			count_at(cycle, &near->counts[i], place, by);
	for (size_t i = 0; apart->terms && i < apart->terms->count; i++)
		if (matches(cycle, &apart->terms->at[i], apart->known[i], class))
			count_at(cycle, &apart->counts[i], place, by);
}

/* --- what others say --- */

static struct counts *counts_of_key(struct cycle *cycle, struct affinity *affinity, const char *key)
{
	size_t topology = scene_topology(cycle->scene, str_of(key)), count = affinity->other_count;
	struct counts *grown;

	for (size_t i = 0; i < count; i++)
		if (affinity->others[i].topology == topology)
			return &affinity->others[i];
	grown = arena_zero(cycle->arena, (count + 1) * sizeof(*grown));
	if (count > 0)
		memcpy(grown, affinity->others, count * sizeof(*grown));
	grown[count] = new_counts(cycle, key);
	affinity->others = grown;
	affinity->other_count = count + 1;
	return &grown[count];
}

static bool speaks_of_us(struct cycle *cycle, const struct pod_term *term)
{
	const struct object *labels = cycle->resident->class->labels;

	return pod_term_matches(term, labels,
				scene_namespace(cycle->scene, object_namespace(labels)));
}

static void count_other(struct cycle *cycle, struct affinity *affinity, struct place *place,
			const struct shared_terms *shared, int64_t by)
{
	const struct pod_term_list *terms = &shared->terms->lists[TERM_APART];
	uint8_t **known = &affinity->others_known[shared->number];

	if (terms->count == 0)
		return;
	if (!*known) {
		*known = arena_zero(cycle->arena, terms->count);
		for (size_t i = 0; i < terms->count; i++)
			(*known)[i] = speaks_of_us(cycle, &terms->at[i]);
	}
	for (size_t i = 0; i < terms->count; i++)
		if ((*known)[i])
			count_at(cycle, counts_of_key(cycle, affinity, terms->at[i].topology_key),
				 place, by);
}

static void count_place(struct cycle *cycle, struct affinity *affinity, struct place *place)
{
	for (size_t i = 0; i < place->terms.count; i++)
		count_other(cycle, affinity, place, place->terms.at[i].what,
			    place->terms.at[i].total);
	for (size_t i = 0; cycle->resident->terms && i < place->classes.count; i++)
		count_own(cycle, affinity, place, place->classes.at[i].what,
			  place->classes.at[i].total);
}

static bool prepare(struct cycle *cycle, void **out_own)
{
	const struct shared_terms *own = cycle->resident->terms;
	struct affinity *affinity;

	if (map_count(cycle->scene->terms) == 0)
		return true;
	affinity = arena_zero(cycle->arena, sizeof(*affinity));
	affinity->others_known =
		arena_zero(cycle->arena, (cycle->scene->terms_numbers.end + 1) * sizeof(uint8_t *));
	if (own) {
		begin_terms(cycle, &affinity->near, &own->terms->lists[TERM_NEAR]);
		begin_terms(cycle, &affinity->apart, &own->terms->lists[TERM_APART]);
		affinity->matches_self = meets_all(cycle, &affinity->near, cycle->resident->class);
	}
	for (size_t i = 0; i < cycle->nodes; i++)
		count_place(cycle, affinity, cycle->scene->places[i]);
	*out_own = affinity;
	return true;
}

static void shift(struct cycle *cycle, void *own, struct place *place,
		  const struct resident *resident, int by)
{
	if (resident->terms)
		count_other(cycle, own, place, resident->terms, by);
	if (cycle->resident->terms)
		count_own(cycle, own, place, resident->class, by);
}

/* --- the check --- */

/* The first of a group that wants its own company may go anywhere. */
static bool has_company(struct cycle *cycle, const struct affinity *affinity, struct place *place)
{
	const struct own_terms *near = &affinity->near;
	bool all = true, any = false;

	for (size_t i = 0; near->terms && i < near->terms->count; i++) {
		if (scene_domain(cycle->scene, near->counts[i].topology, place) == SCENE_NO_DOMAIN)
			return false;
		all = all && count_of(cycle, &near->counts[i], place) > 0;
		any = any || near->counts[i].all > 0;
	}
	return all || (!any && affinity->matches_self);
}

static enum verdict check(struct cycle *cycle, void *own, struct place *place)
{
	const struct affinity *affinity = own;
	const struct own_terms *apart = &affinity->apart;

	if (!has_company(cycle, affinity, place))
		return cycle_refuse(cycle, VERDICT_NEVER,
				    "node(s) didn't match pod affinity rules");
	for (size_t i = 0; apart->terms && i < apart->terms->count; i++)
		if (count_of(cycle, &apart->counts[i], place) > 0)
			return cycle_refuse(cycle, VERDICT_NOT_NOW,
					    "node(s) didn't match pod anti-affinity rules");
	for (size_t i = 0; i < affinity->other_count; i++)
		if (count_of(cycle, &affinity->others[i], place) > 0)
			return cycle_refuse(cycle, VERDICT_NOT_NOW,
					    "node(s) didn't satisfy existing pods anti-affinity "
					    "rules");
	return VERDICT_FITS;
}

/* --- scores --- */

static void add_own(struct cycle *cycle, struct affinity *sums, const struct pod_term_list *terms,
		    int64_t sign)
{
	for (size_t t = 0; t < terms->count; t++) {
		const struct pod_term *term = &terms->at[t];
		uint8_t *known = arena_zero(cycle->arena, cycle->scene->class_numbers.end + 1);
		struct counts *counts = counts_of_key(cycle, sums, term->topology_key);

		for (size_t n = 0; n < cycle->nodes; n++) {
			struct place *place = cycle->scene->places[n];

			for (size_t i = 0; i < place->classes.count; i++)
				if (matches(cycle, term, known, place->classes.at[i].what))
					count_at(cycle, counts, place,
						 sign * term->weight * place->classes.at[i].total);
		}
	}
}

static void add_other(struct cycle *cycle, struct affinity *sums, struct place *place,
		      const struct tally *tally)
{
	static const int signs[TERM_KINDS] = {
		[TERM_NEAR] = 1, [TERM_PREFER_NEAR] = 1, [TERM_PREFER_APART] = -1
	};
	const struct shared_terms *shared = tally->what;

	for (int kind = 0; kind < TERM_KINDS; kind++) {
		const struct pod_term_list *terms = &shared->terms->lists[kind];

		if (kind != TERM_NEAR && cycle->profile->ignores_preferred_terms &&
		    !cycle->resident->terms)
			continue;
		for (size_t i = 0; signs[kind] != 0 && i < terms->count; i++) {
			int64_t weight = kind == TERM_NEAR
						 ? cycle->profile->hard_pod_affinity_weight
						 : terms->at[i].weight;

			if (weight != 0 && speaks_of_us(cycle, &terms->at[i]))
				count_at(cycle,
					 counts_of_key(cycle, sums, terms->at[i].topology_key),
					 place, signs[kind] * weight * tally->total);
		}
	}
}

static void *score_prepare(struct cycle *cycle, struct place **places, size_t count)
{
	const struct shared_terms *own = cycle->resident->terms;
	struct affinity *sums;

	(void)places;
	(void)count;
	if (map_count(cycle->scene->terms) == 0)
		return NULL;
	sums = arena_zero(cycle->arena, sizeof(*sums));
	if (own) {
		add_own(cycle, sums, &own->terms->lists[TERM_PREFER_NEAR], 1);
		add_own(cycle, sums, &own->terms->lists[TERM_PREFER_APART], -1);
	}
	for (size_t n = 0; n < cycle->nodes; n++) {
		struct place *place = cycle->scene->places[n];

		for (size_t i = 0; i < place->terms.count; i++)
			add_other(cycle, sums, place, &place->terms.at[i]);
	}
	return sums->other_count > 0 ? sums : NULL;
}

static int64_t score(struct cycle *cycle, void *own, struct place *place)
{
	const struct affinity *sums = own;
	int64_t sum = 0;

	for (size_t i = 0; i < sums->other_count; i++)
		sum += count_of(cycle, &sums->others[i], place);
	return sum;
}

static void normalize(struct cycle *cycle, void *own, struct place **places, int64_t *scores,
		      size_t count)
{
	int64_t least = INT64_MAX, most = INT64_MIN;

	(void)cycle;
	(void)own;
	(void)places;
	for (size_t i = 0; i < count; i++) {
		least = scores[i] < least ? scores[i] : least;
		most = scores[i] > most ? scores[i] : most;
	}
	for (size_t i = 0; i < count; i++)
		scores[i] = most > least
				    ? (int64_t)((double)SCORE_MOST * ((double)(scores[i] - least) /
								      (double)(most - least)))
				    : 0;
}

const struct plugin plugin_pod_affinity = {
	.name = "InterPodAffinity",
	.prepare = prepare,
	.check = check,
	.shift = shift,
	.score_prepare = score_prepare,
	.score = score,
	.normalize = normalize,
	.weight = 2,
	.wakes = WAKE_NODE_CAME | WAKE_NODE_LABELS | WAKE_POD_CAME | WAKE_POD_GONE | WAKE_NAMESPACE,
};
