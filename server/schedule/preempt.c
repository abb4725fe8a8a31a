/*
 * preempt.c - a dry run on each node that others' leaving could open.
 *
 * All pods of lower priority are lifted off; does the pod fit then, they are put back one after the
 * other, those first whose budget would break and the important ones, as long as it still fits.
 * Among the nodes: least broken budgets, least important victims, fewest of them, youngest.
 */
#include "server/schedule/preempt.h"

#include <assert.h>
#include <inttypes.h>

#include "base/random.h"

struct candidate {
	struct place *place;
	struct resident **victims;
	size_t count, broken; /* broken: victims whose budget does not allow it */
};

struct budget {
	const struct object *object;
	struct selector *selector;
	const struct json *disrupted; /* pods that it has paid for already */
	int64_t allowed, left;
};

struct search {
	struct cycle *cycle;
	struct budget *budgets;
	size_t budget_count;
	struct map *refusals;
	size_t looked_at;
};

/* --- budgets --- */

static void read_budgets(struct search *search)
{
	struct cycle *cycle = search->cycle;
	const struct sources *sources = &cycle->scene->sources;
	const struct object *object;
	struct selector *selector;
	struct error unused;
	size_t count = 0;

	for (size_t i = 0; (object = sources->next(sources->of, CONTROL_BUDGETS, &i));)
		count++;
	search->budgets = arena_zero(cycle->arena, (count + 1) * sizeof(*search->budgets));
	for (size_t i = 0; (object = sources->next(sources->of, CONTROL_BUDGETS, &i));) {
		const struct json *json = cycle_json(cycle, object),
				  *wanted = json_path(json, "spec", "selector", NULL);

		if (!wanted || !selector_from_json(wanted, &selector, &unused))
			continue;
		search->budgets[search->budget_count++] = (struct budget){
			.object = object,
			.selector = cycle_keep(cycle, selector),
			.disrupted = json_path(json, "status", "disruptedPods", NULL),
			.allowed = json_int(json_path(json, "status", "disruptionsAllowed", NULL)),
		};
	}
}

/* Takes one from each budget of the pod; true when one of them had none left. */
static bool breaks_budget(struct search *search, const struct resident *resident)
{
	const struct object *labels = resident->class->labels;
	bool breaks = false;

	for (size_t i = 0; i < search->budget_count; i++) {
		struct budget *budget = &search->budgets[i];

		if (!str_equal(object_namespace(budget->object), object_namespace(labels)) ||
		    selector_is_empty(budget->selector) ||
		    !selector_match(budget->selector, labels) ||
		    json_get_str(budget->disrupted, object_name(resident->pod)))
			continue;
		if (--budget->left < 0)
			breaks = true;
	}
	return breaks;
}

/* --- victims of one place --- */

static int64_t started(const struct resident *resident)
{
	return resident->since_s;
}

/* More important first: by priority, then who runs longer. */
static int compare_importance(const void *a, const void *b)
{
	const struct resident *left = *(struct resident *const *)a,
			      *right = *(struct resident *const *)b;

	if (left->priority != right->priority)
		return left->priority > right->priority ? -1 : 1;
	if (started(left) != started(right))
		return started(left) < started(right) ? -1 : 1;
	return 0;
}

static void lift(struct cycle *cycle, struct resident *resident, struct place *place)
{
	resident_lift(cycle->scene, resident);
	cycle_shift(cycle, place, resident, -1);
}

static void drop(struct cycle *cycle, struct resident *resident, struct place *place)
{
	resident_drop(cycle->scene, resident, place);
	cycle_shift(cycle, place, resident, 1);
}

static size_t lift_lesser(struct cycle *cycle, struct place *place, struct resident **out)
{
	size_t count = 0;

	LIST_EACH_SAFE(&place->residents, link)
	{
		struct resident *resident = LIST_OWNER(link, struct resident, link);

		if (resident->priority >= cycle->resident->priority)
			continue;
		out[count++] = resident;
		lift(cycle, resident, place);
	}
	return count;
}

static bool still_fits(struct cycle *cycle, struct resident *resident, struct place *place)
{
	unsigned unused = 0;

	drop(cycle, resident, place);
	if (cycle_check(cycle, place, &unused) == VERDICT_FITS)
		return true;
	lift(cycle, resident, place);
	return false;
}

/* Puts back who may stay; the others remain lifted and are the victims. */
static void reprieve(struct search *search, struct candidate *candidate, struct resident **lesser,
		     size_t count)
{
	struct cycle *cycle = search->cycle;
	bool *breaks = arena_zero(cycle->arena, count + 1);

	qsort(lesser, count, sizeof(*lesser), compare_importance);
	for (size_t i = 0; i < search->budget_count; i++)
		search->budgets[i].left = search->budgets[i].allowed;
	for (size_t i = 0; i < count; i++)
		breaks[i] = breaks_budget(search, lesser[i]);
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < count; i++) {
			if (breaks[i] != (round == 0) ||
			    still_fits(cycle, lesser[i], candidate->place))
				continue;
			candidate->victims[candidate->count++] = lesser[i];
			candidate->broken += round == 0;
		}
	qsort(candidate->victims, candidate->count, sizeof(*candidate->victims),
	      compare_importance);
}

static void note(struct search *search, const char *reason)
{
	uintptr_t count = (uintptr_t)map_find(search->refusals, str_of(reason));

	map_put(search->refusals, str_of(reason), (void *)(count + 1));
}

static bool try_place(struct search *search, struct place *place, struct candidate *out)
{
	struct cycle *cycle = search->cycle;
	struct resident **lesser =
		arena_get(cycle->arena, (place->pod_count + 1) * sizeof(*lesser));
	size_t count = lift_lesser(cycle, place, lesser);
	unsigned unused = 0;
	bool helps = false;

	search->looked_at++;
	*out = (struct candidate){ .place = place };
	out->victims = arena_get(cycle->arena, (count + 1) * sizeof(*out->victims));
	if (count == 0) {
		note(search, "No preemption victims found for incoming pod");
		return false;
	}
	if (cycle_check(cycle, place, &unused) == VERDICT_FITS) {
		helps = true;
		reprieve(search, out, lesser, count);
	} else {
		for (size_t i = 0; i < cycle->reason_count; i++)
			note(search, cycle->reasons[i]);
	}
	for (size_t i = 0; i < count; i++)
		if (!lesser[i]->place)
			drop(cycle, lesser[i], place);
	return helps && out->count > 0;
}

/* --- the best of them --- */

static int64_t sum_of_priorities(const struct candidate *candidate)
{
	int64_t sum = 0;

	for (size_t i = 0; i < candidate->count; i++)
		sum += (int64_t)candidate->victims[i]->priority + INT32_MAX + 1;
	return sum;
}

/* When the longest running one of the most important victims began. */
static int64_t earliest(const struct candidate *candidate)
{
	int64_t since = INT64_MAX;

	for (size_t i = 0; i < candidate->count; i++)
		if (candidate->victims[i]->priority == candidate->victims[0]->priority &&
		    started(candidate->victims[i]) < since)
			since = started(candidate->victims[i]);
	return since;
}

static bool is_better(const struct candidate *a, const struct candidate *b)
{
	if (a->broken != b->broken)
		return a->broken < b->broken;
	if (a->victims[0]->priority != b->victims[0]->priority)
		return a->victims[0]->priority < b->victims[0]->priority;
	if (sum_of_priorities(a) != sum_of_priorities(b))
		return sum_of_priorities(a) < sum_of_priorities(b);
	if (a->count != b->count)
		return a->count < b->count;
	return earliest(a) > earliest(b);
}

static size_t enough(const struct cycle *cycle, size_t places)
{
	size_t count = places * (size_t)cycle->profile->preempt_percent / 100;

	if (count < (size_t)cycle->profile->preempt_least)
		count = (size_t)cycle->profile->preempt_least;
	return count > places ? places : count;
}

static size_t open_places(struct cycle *cycle, struct place **out)
{
	size_t count = 0;

	for (size_t i = 0; i < cycle->nodes; i++)
		if (cycle->verdicts[i] == VERDICT_NOT_NOW)
			out[count++] = cycle->scene->places[i];
	return count;
}

static void search_places(struct search *search, struct preemption *out)
{
	struct cycle *cycle = search->cycle;
	struct place **places = arena_get(cycle->arena, (cycle->nodes + 1) * sizeof(*places));
	size_t count = open_places(cycle, places), found = 0, start;
	struct candidate best = { 0 }, one;

	start = count > 0 ? random_below(count) : 0;
	for (size_t i = 0; i < count && found < enough(cycle, count); i++) {
		if (!try_place(search, places[(start + i) % count], &one))
			continue;
		if (found++ == 0 || is_better(&one, &best))
			best = one;
	}
	out->place = best.place;
	out->victims = best.victims;
	out->count = best.count;
}

/* --- is it to be tried? --- */

/* Victims of before are still on the way out of the nominated node. */
static bool others_are_leaving(const struct cycle *cycle)
{
	struct str name = json_str(
		json_path(object_json(cycle->resident->pod), "status", "nominatedNodeName", NULL));
	const struct place *place = name.len > 0 ? scene_place(cycle->scene, name) : NULL;

	if (!place || cycle->verdicts[place->at] == VERDICT_NEVER)
		return false;
	LIST_EACH(&place->residents, link)
	{
		const struct resident *resident = LIST_OWNER(link, struct resident, link);
		const struct json *condition;
		bool ours;

		if (!resident->leaving || resident->priority >= cycle->resident->priority)
			continue;
		condition = meta_condition(object_json(resident->pod), STR("DisruptionTarget"));
		ours = str_is(json_str(json_get(condition, "status")), "True") &&
		       str_is(json_str(json_get(condition, "reason")), "PreemptionByScheduler");
		object_trim(resident->pod);
		if (ours)
			return true;
	}
	return false;
}

static const char *no_use(struct search *search)
{
	struct cycle *cycle = search->cycle;
	auto_buf text = BUF_INIT;

	if (cycle->nodes > search->looked_at)
		map_put(search->refusals, STR("Preemption is not helpful for scheduling"),
			(void *)(cycle->nodes - search->looked_at));
	buf_add_print(&text, "0/%zu nodes are available: ", cycle->nodes);
	cycle_print_counts(search->refusals, &text);
	buf_add_byte(&text, '.');
	return arena_string(cycle->arena, text.at, text.len);
}

void preempt_find(struct cycle *cycle, struct preemption *out)
{
	struct search search = { .cycle = cycle };

	assert(!cycle->chosen);
	*out = (struct preemption){ 0 };
	if (!cycle->profile->preempts || cycle->nodes == 0)
		return;
	if (str_is(json_str(json_get(cycle->spec, "preemptionPolicy")), "Never")) {
		out->why = "not eligible due to preemptionPolicy=Never.";
		return;
	}
	if (others_are_leaving(cycle)) {
		out->why = "not eligible due to a terminating pod on the nominated node.";
		out->keeps_nominated = true;
		return;
	}
	search.refusals = map_new();
	read_budgets(&search);
	search_places(&search, out);
	if (!out->place)
		out->why = no_use(&search);
	map_free(search.refusals);
}
