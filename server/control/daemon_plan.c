/*
 * daemon_plan.c - what a DaemonSet wants of each node.
 */
#include "server/control/daemon_plan.h"

#include <stdio.h>

#include "base/map.h"
#include "server/control/revisions.h"
#include "server/control/rolling.h"
#include "server/control/status_fields.h"

#define GENERATION       "deprecated.daemonset.template.generation"
#define GENERATION_LABEL "pod-template-generation"

/* --- the look --- */

static int by_order(const void *a, const void *b)
{
	const struct member *left = *(const struct member *const *)a;
	const struct member *right = *(const struct member *const *)b;

	if ((left->node != NULL) != (right->node != NULL))
		return left->node ? -1 : 1;
	if (left->created_s != right->created_s)
		return left->created_s < right->created_s ? -1 : 1;
	return str_compare(object_name(left->object), object_name(right->object));
}

static void put_pod(struct daemon_spot *spot, const struct member *pod)
{
	spot->pods = memory_grow(spot->pods, (spot->count + 1) * sizeof(pod));
	spot->pods[spot->count++] = pod;
}

/* Finished pods on their way out count for nothing. */
static bool is_over(const struct member *pod)
{
	return object_is_deleting(pod->object) && !member_is_active(pod) &&
	       (pod->phase == MEMBER_SUCCEEDED || pod->phase == MEMBER_FAILED);
}

static struct str target_of(const struct member *pod)
{
	if (pod->node)
		return str_of(pod->node);
	return daemon_target(json_get(object_json(pod->object), "spec"));
}

static void place_pods(struct daemon_plan *plan, const struct family *family, struct map *spots)
{
	const struct member *pod;

	for (size_t i = 0; (pod = family_next(family, object_uid(plan->set), &i));) {
		struct str target = is_over(pod) ? STR_NONE : target_of(pod);
		struct daemon_spot *spot = map_find(spots, target);

		if (target.len == 0)
			continue;
		if (!spot) {
			spot = &plan->spots[plan->spot_count++];
			*spot = (struct daemon_spot){ .node = target };
			map_put(spots, target, spot);
		}
		put_pod(spot, pod);
	}
}

static int64_t resolve(const struct daemon_plan *plan, const char *bound)
{
	int64_t nodes = 0;

	for (size_t i = 0; i < plan->spot_count; i++)
		nodes += plan->spots[i].run;
	return rolling_resolve(
		json_path(plan->spec, "updateStrategy", "rollingUpdate", bound, NULL), nodes, true);
}

static void take_bounds(struct daemon_plan *plan)
{
	plan->surge = resolve(plan, "maxSurge");
	plan->missing = resolve(plan, "maxUnavailable");
	if (plan->surge == 0 && plan->missing == 0)
		plan->missing = 1;
}

void daemon_plan_look(struct daemon_plan *plan, const struct control *control,
		      const struct daemon_nodes *nodes, const struct object *set, struct str hash)
{
	const struct family *family = control->families[CONTROL_PODS];
	size_t most = daemon_nodes_count(nodes) + family_count(family, object_uid(set)) + 1;
	auto_map spots = map_new();
	const struct daemon_node *node;
	struct daemon_rules *rules;

	*plan = (struct daemon_plan){ .set = set,
				      .spec = json_get(object_json(set), "spec"),
				      .hash = hash };
	plan->min_ready = json_int(json_get(plan->spec, "minReadySeconds"));
	snprintf(plan->generation, sizeof(plan->generation), STR_FMT,
		 STR_ARG(meta_annotation(object_json(set), GENERATION)));
	plan->spots = memory_get(most * sizeof(*plan->spots));
	rules = daemon_rules_new(json_path(plan->spec, "template", "spec", NULL));
	for (size_t i = 0; (node = daemon_nodes_next(nodes, &i));) {
		struct daemon_spot *spot = &plan->spots[plan->spot_count++];

		*spot = (struct daemon_spot){ .node = daemon_node_name(node), .is_node = true };
		daemon_rules_check(rules, node, &spot->run, &spot->stay);
		map_put(spots, spot->node, spot);
	}
	daemon_rules_free(rules);
	place_pods(plan, family, spots);
	for (size_t i = 0; i < plan->spot_count; i++)
		if (plan->spots[i].count > 1)
			qsort(plan->spots[i].pods, plan->spots[i].count, sizeof(struct member *),
			      by_order);
	take_bounds(plan);
	plan->nodes = memory_get((plan->spot_count + 1) * sizeof(*plan->nodes));
	plan->doomed =
		memory_get((family_count(family, object_uid(set)) + 1) * sizeof(struct member *));
}

void daemon_plan_clear(struct daemon_plan *plan)
{
	for (size_t i = 0; i < plan->spot_count; i++)
		free(plan->spots[i].pods);
	free(plan->spots);
	free(plan->nodes);
	free(plan->doomed);
	object_trim(plan->set);
	*plan = (struct daemon_plan){ 0 };
}

/* --- words about pods --- */

static bool is_available(const struct daemon_plan *plan, const struct member *pod)
{
	return member_due_ms(pod, plan->min_ready) == 0;
}

static bool is_updated(const struct daemon_plan *plan, const struct member *pod)
{
	struct str hash = object_label(pod->object, STR(REVISION_HASH_LABEL));
	struct str generation = object_label(pod->object, STR(GENERATION_LABEL));

	return (plan->hash.len > 0 && str_equal(hash, plan->hash)) ||
	       (plan->generation[0] && str_is(generation, plan->generation));
}

static void doom(struct daemon_plan *plan, const struct member *pod)
{
	for (size_t i = 0; i < plan->doomed_count; i++)
		if (plan->doomed[i] == pod)
			return;
	plan->doomed[plan->doomed_count++] = pod;
}

static void need(struct daemon_plan *plan, const struct daemon_spot *spot)
{
	plan->nodes[plan->node_count++] = spot->node;
}

/* --- one pod a node --- */

/* Those that run; finished ones are doomed. */
static size_t sift(struct daemon_plan *plan, const struct daemon_spot *spot,
		   const struct daemon_manners *manners, const struct member **running)
{
	size_t count = 0;

	for (size_t i = 0; i < spot->count; i++) {
		const struct member *pod = spot->pods[i];

		if (object_is_deleting(pod->object))
			continue;
		if (pod->phase == MEMBER_FAILED && !manners->may_retry(manners->of, spot->node))
			continue;
		if (pod->phase == MEMBER_FAILED || pod->phase == MEMBER_SUCCEEDED) {
			manners->on_finished(manners->of, pod, spot->node);
			doom(plan, pod);
		} else {
			running[count++] = pod;
		}
	}
	return count;
}

/* With a surge an old and a new one may be there, until one of them makes the other needless. */
static void keep_pair(struct daemon_plan *plan, const struct member **running, size_t count)
{
	const struct member *fresh = NULL, *old = NULL;

	for (size_t i = 0; i < count; i++) {
		const struct member **kept = is_updated(plan, running[i]) ? &fresh : &old;

		if (*kept)
			doom(plan, running[i]);
		else
			*kept = running[i];
	}
	if (fresh && old && (!old->ready || is_available(plan, fresh)))
		doom(plan, old);
}

static void manage_spot(struct daemon_plan *plan, const struct daemon_spot *spot,
			const struct daemon_manners *manners)
{
	auto_free const struct member **running =
		memory_get((spot->count + 1) * sizeof(struct member *));
	size_t count;

	if (spot->count == 0) {
		if (spot->run)
			need(plan, spot);
		return;
	}
	if (!spot->stay) {
		for (size_t i = 0; i < spot->count; i++)
			if (!object_is_deleting(spot->pods[i]->object) &&
			    (spot->is_node || !spot->pods[i]->node))
				doom(plan, spot->pods[i]);
		return;
	}
	count = sift(plan, spot, manners, running);
	if (plan->surge > 0 && count == 0 && spot->run)
		need(plan, spot);
	else if (plan->surge > 0 && count > 1)
		keep_pair(plan, running, count);
	for (size_t i = 1; plan->surge == 0 && i < count; i++)
		doom(plan, running[i]);
}

void daemon_plan_manage(struct daemon_plan *plan, const struct daemon_manners *manners)
{
	for (size_t i = 0; i < plan->spot_count; i++)
		manage_spot(plan, &plan->spots[i], manners);
}

/* --- rolling update --- */

/* The one new and the one old pod; false when there are two of a sort. */
static bool find_pair(const struct daemon_plan *plan, const struct daemon_spot *spot,
		      const struct member **out_fresh, const struct member **out_old)
{
	*out_fresh = *out_old = NULL;
	for (size_t i = 0; i < spot->count; i++) {
		const struct member **kept = is_updated(plan, spot->pods[i]) ? out_fresh : out_old;

		if (object_is_deleting(spot->pods[i]->object))
			continue;
		if (*kept)
			return false;
		*kept = spot->pods[i];
	}
	return true;
}

static bool is_looked_at(const struct daemon_spot *spot)
{
	return spot->run || spot->count > 0;
}

/* Without a surge: old pods go, available ones as far as may be missing; manage makes new ones. */
static void replace(struct daemon_plan *plan)
{
	auto_free const struct member **candidates =
		memory_get((plan->spot_count + 1) * sizeof(struct member *));
	int64_t left = plan->missing;
	size_t count = 0;

	for (size_t i = 0; i < plan->spot_count; i++) {
		const struct member *fresh, *old;

		if (!is_looked_at(&plan->spots[i]))
			continue;
		if (!find_pair(plan, &plan->spots[i], &fresh, &old) || !fresh == !old) {
			left--; /* manage puts this node right */
		} else if (fresh) {
			left -= !is_available(plan, fresh);
		} else if (!is_available(plan, old)) {
			doom(plan, old);
			left--;
		} else {
			candidates[count++] = old;
		}
	}
	for (size_t i = 0; i < count && (int64_t)i < left; i++)
		doom(plan, candidates[i]);
}

/* With one: new pods come beside old ones, which go when those are available. */
static void surge(struct daemon_plan *plan)
{
	auto_free const struct daemon_spot **candidates =
		memory_get((plan->spot_count + 1) * sizeof(struct daemon_spot *));
	int64_t left = plan->surge;
	size_t count = 0;

	for (size_t i = 0; i < plan->spot_count; i++) {
		const struct daemon_spot *spot = &plan->spots[i];
		const struct member *fresh, *old;

		if (!is_looked_at(spot) || !spot->is_node)
			continue;
		if (!find_pair(plan, spot, &fresh, &old))
			left--;
		else if (!old)
			continue;
		else if (fresh && is_available(plan, fresh))
			doom(plan, old);
		else if (fresh)
			left--;
		else if (!is_available(plan, old) && spot->run)
			need(plan, spot);
		else if (spot->run)
			candidates[count++] = spot;
	}
	for (size_t i = 0; i < count && (int64_t)i < left; i++)
		need(plan, candidates[i]);
}

void daemon_plan_roll(struct daemon_plan *plan)
{
	if (plan->surge > 0)
		surge(plan);
	else
		replace(plan);
}

/* --- status --- */

struct figures {
	int64_t desired, current, misplaced, ready, updated, available;
};

static void count_spot(const struct daemon_plan *plan, const struct daemon_spot *spot,
		       struct figures *sum)
{
	const struct member *pod = spot->count > 0 ? spot->pods[0] : NULL;

	sum->misplaced += pod && !spot->run && spot->is_node;
	if (!spot->run)
		return;
	sum->desired++;
	if (!pod)
		return;
	sum->current++;
	sum->ready += pod->ready;
	sum->available += is_available(plan, pod);
	sum->updated += is_updated(plan, pod);
}

bool daemon_plan_put_status(struct json_doc *doc, struct json *status,
			    const struct daemon_plan *plan, bool observed)
{
	const struct json *root = object_json(plan->set), *old = json_get(root, "status");
	struct figures now = { 0 };
	bool same = true;

	for (size_t i = 0; i < plan->spot_count; i++)
		count_spot(plan, &plan->spots[i], &now);
	same &= status_put_zero_too(doc, status, old, "currentNumberScheduled", now.current);
	same &= status_put_zero_too(doc, status, old, "numberMisscheduled", now.misplaced);
	same &= status_put_zero_too(doc, status, old, "desiredNumberScheduled", now.desired);
	same &= status_put_zero_too(doc, status, old, "numberReady", now.ready);
	same &= status_put_number(doc, status, old, "updatedNumberScheduled", now.updated);
	same &= status_put_number(doc, status, old, "numberAvailable", now.available);
	same &= status_put_number(doc, status, old, "numberUnavailable",
				  now.desired - now.available);
	if (observed)
		same &= status_put_number(doc, status, old, "observedGeneration",
					  json_int(json_get(meta_of(root), "generation")));
	return same;
}

int64_t daemon_plan_due_ms(const struct daemon_plan *plan)
{
	int64_t soonest = 0;

	for (size_t i = 0; i < plan->spot_count; i++)
		for (size_t j = 0; j < plan->spots[i].count; j++) {
			int64_t due = member_due_ms(plan->spots[i].pods[j], plan->min_ready);

			if (due > 0 && (soonest == 0 || due < soonest))
				soonest = due;
		}
	return soonest;
}
