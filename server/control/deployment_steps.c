/*
 * deployment_steps.c - the steps of a rollout, and scaling beside one.
 *
 *   paused, or the wanted number changed -> resize (in the middle of a rollout: by proportion)
 *   Recreate      -> old sets to 0 -> their pods gone -> the new set whole
 *   RollingUpdate -> the new set as large as the surge allows -> old sets as small as may be
 * missing complete      -> history beyond its limit goes
 */
#include "server/control/deployment_steps.h"

#include <inttypes.h>
#include <stdio.h>

#include "server/control/fresh_set.h"
#include "server/control/pod_maker.h"
#include "server/control/rolling.h"

#define COMPONENT "deployment-controller"

bool deployment_is_recreated(const struct object *deployment)
{
	return deployment && str_is(json_str(json_path(object_json(deployment), "spec", "strategy",
						       "type", NULL)),
				    "Recreate");
}

/* --- sizes --- */

static void tell_scaled(struct batch *batch, const struct deployment_sets *sets,
			const struct deployment_set *set, int64_t from)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "Scaled %s replica set " STR_FMT " from %" PRId64 " to %" PRId64,
		 set->size > from ? "up" : "down", STR_ARG(object_name(set->object)), from,
		 set->size);
	control_event(batch->control, sets->deployment, COMPONENT, "Normal", "ScalingReplicaSet",
		      text);
}

static bool has_annotation(const struct deployment_set *set, const char *name, int64_t value)
{
	int64_t now;

	return deployment_set_number(set, name, &now) && now == value;
}

/* True when anything was called: the size, or what the set says of the deployment's size. */
static bool resize(struct batch *batch, const struct deployment_sets *sets,
		   struct deployment_set *set, int64_t size)
{
	int64_t from = set->size, max = sets->wanted + sets->surge;
	char body[256];
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = batch->control->kinds[CONTROL_REPLICASETS],
				  .namespace = object_namespace(set->object),
				  .name = object_name(set->object) };

	if (size == from && has_annotation(set, DEPLOYMENT_DESIRED, sets->wanted) &&
	    has_annotation(set, DEPLOYMENT_MAX, max))
		return false;
	snprintf(body, sizeof(body),
		 "{\"metadata\":{\"annotations\":{\"" DEPLOYMENT_DESIRED "\":\"%" PRId64
		 "\",\"" DEPLOYMENT_MAX "\":\"%" PRId64 "\"}},\"spec\":{\"replicas\":%" PRId64 "}}",
		 sets->wanted, max, size);
	ask.body = str_of(body);
	batch_call(batch, &ask);
	set->size = size;
	if (size != from)
		tell_scaled(batch, sets, set, from);
	return true;
}

static bool is_old(const struct deployment_sets *sets, const struct deployment_set *set)
{
	return set != sets->fresh;
}

static bool empty_old(struct batch *batch, struct deployment_sets *sets)
{
	bool called = false;

	for (size_t i = 0; i < sets->count; i++)
		if (is_old(sets, &sets->items[i]) && sets->items[i].size > 0)
			called = resize(batch, sets, &sets->items[i], 0) || called;
	return called;
}

/* --- the wanted number changed, or all is paused --- */

static struct rolling sum_up(const struct deployment_sets *sets)
{
	const struct deployment_set *fresh = sets->fresh;

	return (struct rolling){ .wanted = sets->wanted,
				 .surge = sets->surge,
				 .missing = sets->missing,
				 .all = deployment_sets_size(sets),
				 .available = deployment_sets_available(sets),
				 .fresh = fresh ? fresh->size : 0,
				 .fresh_available = fresh ? fresh->available : 0 };
}

/* The only set with pods; when there is none, the new one or else the youngest; NULL when there
 * are several. */
static struct deployment_set *find_only(struct deployment_sets *sets)
{
	struct deployment_set *only = NULL;

	for (size_t i = 0; i < sets->count; i++) {
		if (sets->items[i].size == 0)
			continue;
		if (only)
			return NULL;
		only = &sets->items[i];
	}
	if (only || sets->count == 0)
		return only;
	return sets->fresh ? sets->fresh : &sets->items[sets->count - 1];
}

static bool is_saturated(const struct deployment_sets *sets)
{
	const struct deployment_set *fresh = sets->fresh;

	return fresh && fresh->size == sets->wanted && fresh->available == sets->wanted &&
	       has_annotation(fresh, DEPLOYMENT_DESIRED, sets->wanted);
}

static bool goes_before(const struct deployment_set *a, const struct deployment_set *b, bool grows)
{
	if (a->size != b->size)
		return a->size > b->size;
	return grows ? a > b : a < b; /* they stand by age */
}

/* Largest first; of equal ones the younger when it grows, the older when it shrinks. */
static size_t sort_active(struct deployment_sets *sets, bool grows, struct deployment_set **out)
{
	size_t count = 0;

	for (size_t i = 0; i < sets->count; i++) {
		size_t at = count;

		if (sets->items[i].size == 0)
			continue;
		for (; at > 0 && goes_before(&sets->items[i], out[at - 1], grows); at--)
			out[at] = out[at - 1];
		out[at] = &sets->items[i];
		count++;
	}
	return count;
}

static void share_out(struct batch *batch, struct deployment_sets *sets)
{
	struct rolling rolling = sum_up(sets);
	int64_t to_add = (sets->wanted > 0 ? sets->wanted + sets->surge : 0) - rolling.all;
	int64_t added = 0, size;
	auto_free struct deployment_set **order =
		memory_get((sets->count + 1) * sizeof(struct deployment_set *));
	auto_free int64_t *shares = memory_zero((sets->count + 1) * sizeof(int64_t));
	size_t count = sort_active(sets, to_add > 0, order);

	for (size_t i = 0; i < count; i++) {
		int64_t max;

		if (!deployment_set_number(order[i], DEPLOYMENT_MAX, &max))
			max = json_int(json_path(object_json(sets->deployment), "status",
						 "replicas", NULL));
		shares[i] = rolling_share(&rolling, order[i]->size, max, to_add, added);
		added += shares[i];
	}
	for (size_t i = 0; i < count; i++) {
		size = order[i]->size + shares[i] + (i == 0 ? to_add - added : 0);
		resize(batch, sets, order[i], size > 0 ? size : 0);
	}
}

static void scale(struct batch *batch, struct deployment_sets *sets)
{
	struct deployment_set *only = find_only(sets);

	if (only)
		resize(batch, sets, only, sets->wanted);
	else if (is_saturated(sets))
		empty_old(batch, sets);
	else if (sets->rolling && sets->count > 0)
		share_out(batch, sets);
}

/* A set with pods was made for another number. */
static bool is_scaled(const struct deployment_sets *sets)
{
	for (size_t i = 0; i < sets->count; i++) {
		int64_t desired;

		if (sets->items[i].size > 0 &&
		    deployment_set_number(&sets->items[i], DEPLOYMENT_DESIRED, &desired) &&
		    desired != sets->wanted)
			return true;
	}
	return false;
}

/* --- rolling update --- */

/* Old pods that are not available go first: they help nobody. */
static int64_t drop_sick(struct deployment_sets *sets, int64_t may_go)
{
	int64_t gone = 0;

	for (size_t i = 0; i < sets->count && gone < may_go; i++) {
		struct deployment_set *set = &sets->items[i];
		int64_t sick = set->size - set->available;

		if (!is_old(sets, set) || set->size == 0 || sick <= 0)
			continue;
		sick = sick < may_go - gone ? sick : may_go - gone;
		set->size -= sick;
		gone += sick;
	}
	return gone;
}

/* Then available ones, as far as the bound allows. */
static void drop_healthy(struct deployment_sets *sets, int64_t may_go)
{
	for (size_t i = 0; i < sets->count && may_go > 0; i++) {
		struct deployment_set *set = &sets->items[i];
		int64_t drop = set->size < may_go ? set->size : may_go;

		if (!is_old(sets, set))
			continue;
		set->size -= drop;
		may_go -= drop;
	}
}

static bool shrink_old(struct batch *batch, struct deployment_sets *sets)
{
	struct rolling rolling = sum_up(sets);
	int64_t spare = rolling.available - (sets->wanted - sets->missing);
	auto_free int64_t *before = memory_get((sets->count + 1) * sizeof(int64_t));
	bool called = false;

	if (rolling.all == rolling.fresh || rolling_shrink(&rolling) == 0)
		return false;
	for (size_t i = 0; i < sets->count; i++)
		before[i] = sets->items[i].size;
	drop_sick(sets, rolling_shrink(&rolling));
	drop_healthy(sets, spare);
	for (size_t i = 0; i < sets->count; i++) {
		int64_t size = sets->items[i].size;

		sets->items[i].size = before[i];
		if (size != before[i])
			called = resize(batch, sets, &sets->items[i], size) || called;
	}
	return called;
}

static bool roll(struct batch *batch, struct deployment_sets *sets)
{
	struct rolling rolling = sum_up(sets);

	if (rolling_fresh(&rolling) != rolling.fresh)
		return resize(batch, sets, sets->fresh, rolling_fresh(&rolling));
	return shrink_old(batch, sets);
}

/* --- recreate --- */

static bool has_running_pod(const struct control *control, const struct deployment_set *set)
{
	const struct family *pods = control->families[CONTROL_PODS];
	const struct member *pod;

	for (size_t i = 0; (pod = family_next(pods, object_uid(set->object), &i));)
		if (pod->phase != MEMBER_SUCCEEDED && pod->phase != MEMBER_FAILED)
			return true;
	return false;
}

static bool old_pods_are_there(const struct control *control, const struct deployment_sets *sets)
{
	for (size_t i = 0; i < sets->count; i++)
		if (is_old(sets, &sets->items[i]) &&
		    (sets->items[i].has > 0 || has_running_pod(control, &sets->items[i])))
			return true;
	return false;
}

/* --- history --- */

static int by_revision(const void *a, const void *b)
{
	const struct deployment_set *left = *(struct deployment_set *const *)a;
	const struct deployment_set *right = *(struct deployment_set *const *)b;

	if (left->revision != right->revision)
		return left->revision < right->revision ? -1 : 1;
	return (left > right) - (left < right);
}

static bool is_idle(const struct deployment_set *set)
{
	const struct json *root = object_json(set->object);

	return set->has == 0 && set->size == 0 &&
	       json_int(json_get(meta_of(root), "generation")) <=
		       json_int(json_path(root, "status", "observedGeneration", NULL));
}

static void clean_up(struct batch *batch, const struct deployment_sets *sets)
{
	const struct json *limit = json_get(sets->spec, "revisionHistoryLimit");
	auto_free struct deployment_set **old =
		memory_get((sets->count + 1) * sizeof(struct deployment_set *));
	size_t count = 0;

	if (!limit || json_int(limit) == INT32_MAX)
		return;
	for (size_t i = 0; i < sets->count; i++)
		if (is_old(sets, &sets->items[i]))
			old[count++] = &sets->items[i];
	qsort(old, count, sizeof(struct deployment_set *), by_revision);
	for (size_t i = 0; (int64_t)(count - i) > json_int(limit) && i < count; i++) {
		struct client_ask ask = { .verb = CLIENT_DELETE,
					  .kind = batch->control->kinds[CONTROL_REPLICASETS],
					  .namespace = object_namespace(old[i]->object),
					  .name = object_name(old[i]->object) };

		if (is_idle(old[i]))
			batch_call(batch, &ask);
	}
}

/* --- the pass --- */

static bool is_complete(const struct deployment_sets *sets)
{
	return deployment_status_is_complete(sets,
					     json_get(object_json(sets->deployment), "status"));
}

void deployment_steps(struct batch *batch, struct deployment_sets *sets,
		      struct deployment_news *news)
{
	bool called;

	if (sets->fresh && fresh_set_renew(batch, sets)) {
		news->is_rollout = !sets->paused && !is_scaled(sets);
		return;
	}
	if (sets->paused || is_scaled(sets)) {
		scale(batch, sets);
		if (sets->paused)
			clean_up(batch, sets);
		return;
	}
	news->is_rollout = true;
	if (!sets->rolling && (empty_old(batch, sets) || old_pods_are_there(batch->control, sets)))
		return;
	if (!sets->fresh) {
		struct rolling rolling = sum_up(sets);

		fresh_set_create(batch, sets,
				 sets->rolling ? rolling_fresh(&rolling) : sets->wanted, news);
		return;
	}
	called = sets->rolling ? roll(batch, sets) : resize(batch, sets, sets->fresh, sets->wanted);
	if (!called && is_complete(sets))
		clean_up(batch, sets);
}
