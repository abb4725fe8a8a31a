/*
 * deployment_sets.c - one look at a deployment and its sets.
 */
#include "server/control/deployment_sets.h"

#include <assert.h>
#include <stdio.h>

#include "base/clock.h"
#include "server/control/rolling.h"

/* --- templates --- */

static bool is_same_without_hash(const struct json *metadata, const struct json *wished)
{
	auto_json_doc doc = json_doc_new();
	struct json *own = metadata ? json_clone(doc, metadata) : json_new_object(doc);
	struct json *other = wished ? json_clone(doc, wished) : json_new_object(doc);

	json_remove(json_get(own, "labels"), STR(DEPLOYMENT_HASH));
	json_remove(json_get(other, "labels"), STR(DEPLOYMENT_HASH));
	return json_equal(own, other);
}

bool deployment_sets_is_same_template(const struct json *set, const struct json *template)
{
	const struct json *own = json_path(set, "spec", "template", NULL);

	return json_equal(json_get(own, "spec"), json_get(template, "spec")) &&
	       is_same_without_hash(json_get(own, "metadata"), json_get(template, "metadata"));
}

/* --- the look --- */

static int64_t number(const struct json *set, const char *part, const char *field)
{
	return json_int(json_path(set, part, field, NULL));
}

static void take_set(struct deployment_set *set, const struct member *member)
{
	const struct json *json = object_json(member->object);

	*set = (struct deployment_set){ .object = member->object,
					.size = number(json, "spec", "replicas"),
					.has = number(json, "status", "replicas"),
					.ready = number(json, "status", "readyReplicas"),
					.available = number(json, "status", "availableReplicas"),
					.created_s = member->created_s };
	if (!deployment_set_number(set, DEPLOYMENT_REVISION, &set->revision))
		set->revision = 0;
}

static int by_age(const void *a, const void *b)
{
	const struct deployment_set *left = a, *right = b;

	if (left->created_s != right->created_s)
		return left->created_s < right->created_s ? -1 : 1;
	return str_compare(object_name(left->object), object_name(right->object));
}

static void take_strategy(struct deployment_sets *sets)
{
	const struct json *strategy = json_get(sets->spec, "strategy");

	sets->wanted = json_int(json_get(sets->spec, "replicas"));
	sets->paused = json_bool(json_get(sets->spec, "paused"));
	sets->rolling = !str_is(json_str(json_get(strategy, "type")), "Recreate");
	if (sets->rolling)
		rolling_bounds(json_get(strategy, "rollingUpdate"), sets->wanted, &sets->surge,
			       &sets->missing);
}

void deployment_sets_look(struct deployment_sets *sets, const struct object *deployment,
			  const struct family *family)
{
	struct str uid = object_uid(deployment);
	const struct member *member;

	*sets = (struct deployment_sets){ .deployment = deployment,
					  .spec = json_get(object_json(deployment), "spec") };
	take_strategy(sets);
	sets->items = memory_get((family_count(family, uid) + 1) * sizeof(*sets->items));
	for (size_t i = 0; (member = family_next(family, uid, &i));)
		if (!object_is_deleting(member->object))
			take_set(&sets->items[sets->count++], member);
	qsort(sets->items, sets->count, sizeof(*sets->items), by_age);
	/* Should there be two of one template: the older one, so that each look gives the same. */
	for (size_t i = 0; i < sets->count && !sets->fresh; i++)
		if (deployment_sets_is_same_template(object_json(sets->items[i].object),
						     json_get(sets->spec, "template")))
			sets->fresh = &sets->items[i];
}

void deployment_sets_clear(struct deployment_sets *sets)
{
	for (size_t i = 0; i < sets->count; i++)
		object_trim(sets->items[i].object);
	object_trim(sets->deployment);
	free(sets->items);
	*sets = (struct deployment_sets){ 0 };
}

/* --- sums --- */

int64_t deployment_sets_old_revision(const struct deployment_sets *sets)
{
	int64_t newest = 0;

	for (size_t i = 0; i < sets->count; i++)
		if (&sets->items[i] != sets->fresh && sets->items[i].revision > newest)
			newest = sets->items[i].revision;
	return newest;
}

int64_t deployment_sets_size(const struct deployment_sets *sets)
{
	int64_t sum = 0;

	for (size_t i = 0; i < sets->count; i++)
		sum += sets->items[i].size;
	return sum;
}

int64_t deployment_sets_available(const struct deployment_sets *sets)
{
	int64_t sum = 0;

	for (size_t i = 0; i < sets->count; i++)
		sum += sets->items[i].available;
	return sum;
}

bool deployment_set_number(const struct deployment_set *set, const char *annotation, int64_t *out)
{
	return str_to_i64(meta_annotation(object_json(set->object), annotation), 0, INT64_MAX, out);
}
