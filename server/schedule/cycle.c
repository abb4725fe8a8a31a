/*
 * cycle.c - the walk over plugins and nodes.
 *
 * cycle_begin reads the pod -> cycle_choose: prepare, check nodes from `start` until enough fit,
 * score those, take one of the best at random.
 */
#include "server/schedule/cycle.h"

#include <assert.h>
#include <inttypes.h>

#include "base/random.h"

#define ENOUGH_NODES   100
#define SCORE_MOST     100
#define PERCENT_FIRST  50
#define PERCENT_LEAST  5
#define NODES_PER_STEP 125

extern const struct plugin plugin_unschedulable, plugin_node_name, plugin_taints,
	plugin_node_affinity, plugin_ports, plugin_fit, plugin_volume_restrictions,
	plugin_volume_binding, plugin_volume_zone, plugin_spread, plugin_pod_affinity,
	plugin_balance, plugin_images;

const struct plugin *const cycle_plugins[PLUGINS] = {
	[PLUGIN_UNSCHEDULABLE] = &plugin_unschedulable,
	[PLUGIN_NODE_NAME] = &plugin_node_name,
	[PLUGIN_TAINTS] = &plugin_taints,
	[PLUGIN_NODE_AFFINITY] = &plugin_node_affinity,
	[PLUGIN_PORTS] = &plugin_ports,
	[PLUGIN_FIT] = &plugin_fit,
	[PLUGIN_VOLUME_RESTRICTIONS] = &plugin_volume_restrictions,
	[PLUGIN_VOLUME_BINDING] = &plugin_volume_binding,
	[PLUGIN_VOLUME_ZONE] = &plugin_volume_zone,
	[PLUGIN_SPREAD] = &plugin_spread,
	[PLUGIN_POD_AFFINITY] = &plugin_pod_affinity,
	[PLUGIN_BALANCE] = &plugin_balance,
	[PLUGIN_IMAGES] = &plugin_images,
};

struct kept {
	struct selector *selector;
	const struct object *object; /* counted */
	struct kept *next;
};

/* --- the pod's words --- */

static void read_node_words(struct cycle *cycle)
{
	const struct json *affinity = json_path(cycle->spec, "affinity", "nodeAffinity", NULL),
			  *added = cycle->profile->added_affinity, *preferred;
	const char *required = "requiredDuringSchedulingIgnoredDuringExecution";
	size_t count;

	cycle->node_selector = json_get(cycle->spec, "nodeSelector");
	cycle->required = node_terms_of(json_path(affinity, required, "nodeSelectorTerms", NULL),
					cycle->arena);
	cycle->added =
		node_terms_of(json_path(added, required, "nodeSelectorTerms", NULL), cycle->arena);
	preferred = json_get(affinity, "preferredDuringSchedulingIgnoredDuringExecution");
	added = json_get(added, "preferredDuringSchedulingIgnoredDuringExecution");
	count = json_count(preferred) + json_count(added);
	cycle->preferences = arena_zero(cycle->arena, (count + 1) * sizeof(struct preference));
	for (int side = 0; side < 2; side++)
		for (struct json_iter it = json_iter(side ? added : preferred); json_next(&it);)
			cycle->preferences[cycle->preference_count++] = (struct preference){
				node_terms_of_one(json_get(it.value, "preference"), cycle->arena),
				json_int(json_get(it.value, "weight")),
			};
	cycle->only_node = node_terms_only_name(cycle->required);
}

void cycle_begin(struct cycle *cycle, struct scene *scene, const struct profile *profile,
		 struct resident *resident)
{
	*cycle = (struct cycle){ .scene = scene, .profile = profile, .resident = resident };
	scene_put_in_order(scene);
	cycle->arena = arena_new();
	cycle->refusals = map_new();
	cycle->nodes = scene->place_count;
	cycle->verdicts = arena_zero(cycle->arena, cycle->nodes + 1);
	cycle->spec = json_get(object_json(resident->pod), "spec");
	tolerations_of(cycle->spec, cycle->arena, &cycle->tolerations);
	read_node_words(cycle);
}

void cycle_end(struct cycle *cycle)
{
	for (struct kept *kept = cycle->kept; kept; kept = kept->next) {
		selector_free(kept->selector);
		if (kept->object)
			object_trim(kept->object);
		object_unref(kept->object);
	}
	object_trim(cycle->resident->pod);
	map_free(cycle->refusals);
	free(cycle->reasons);
	arena_free(cycle->arena);
}

/* --- for plugins --- */

struct selector *cycle_keep(struct cycle *cycle, struct selector *selector)
{
	struct kept *kept = arena_get(cycle->arena, sizeof(*kept));

	*kept = (struct kept){ .selector = selector, .next = cycle->kept };
	cycle->kept = kept;
	return selector;
}

const struct json *cycle_json(struct cycle *cycle, const struct object *object)
{
	struct kept *kept = arena_get(cycle->arena, sizeof(*kept));

	*kept = (struct kept){ .object = object_ref(object), .next = cycle->kept };
	cycle->kept = kept;
	return object_json(object);
}

enum verdict cycle_refuse(struct cycle *cycle, enum verdict verdict, const char *reason)
{
	if (cycle->reason_count == cycle->reason_room) {
		cycle->reason_room = cycle->reason_room ? 2 * cycle->reason_room : 8;
		cycle->reasons =
			memory_grow(cycle->reasons, cycle->reason_room * sizeof(*cycle->reasons));
	}
	cycle->reasons[cycle->reason_count++] = reason;
	return verdict;
}

bool cycle_node_meets(const struct cycle *cycle, const struct object *node)
{
	for (struct json_iter it = json_iter(cycle->node_selector); json_next(&it);) {
		struct str label = object_label(node, it.key);

		if (label.at == NULL || !str_equal(label, json_str(it.value)))
			return false;
	}
	return node_terms_match(cycle->required, node);
}

const struct taint *cycle_hard_taint(const struct cycle *cycle, const struct place *place)
{
	for (size_t i = 0; i < place->taint_count; i++) {
		const struct taint *taint = &place->taints[i];

		if (strcmp(taint->effect, "PreferNoSchedule") != 0 &&
		    !tolerations_match(&cycle->tolerations, str_of(taint->key),
				       str_of(taint->value), str_of(taint->effect)))
			return taint;
	}
	return NULL;
}

void cycle_normalize(int64_t *scores, size_t count, bool reverse)
{
	int64_t most = 0;

	for (size_t i = 0; i < count; i++)
		most = scores[i] > most ? scores[i] : most;
	for (size_t i = 0; i < count; i++) {
		int64_t score = most == 0 ? 0 : scores[i] * SCORE_MOST / most;

		scores[i] = reverse ? SCORE_MOST - score : score;
	}
}

uint32_t cycle_domains(struct cycle *cycle, size_t topology)
{
	for (size_t i = 0; i < cycle->nodes; i++)
		scene_domain(cycle->scene, topology, cycle->scene->places[i]);
	return cycle->scene->topologies[topology].count;
}

/* --- checks --- */

static enum verdict check_alone(struct cycle *cycle, struct place *place, unsigned *out_rejected_by)
{
	cycle->reason_count = 0;
	for (int id = 0; id < PLUGINS; id++) {
		const struct plugin *plugin = cycle_plugins[id];
		enum verdict verdict;

		if (!plugin->check || !cycle->profile->checks[id] ||
		    (plugin->prepare && !cycle->own[id]))
			continue;
		verdict = plugin->check(cycle, cycle->own[id], place);
		if (verdict == VERDICT_FITS)
			continue;
		*out_rejected_by |= 1u << id;
		return verdict;
	}
	return VERDICT_FITS;
}

void cycle_shift(struct cycle *cycle, struct place *place, const struct resident *resident, int by)
{
	for (int id = 0; id < PLUGINS; id++)
		if (cycle_plugins[id]->shift && cycle->own[id])
			cycle_plugins[id]->shift(cycle, cycle->own[id], place, resident, by);
}

/* Those that wait for this room and come before the pod; true when there are any. */
static bool weigh_nominated(struct cycle *cycle, struct place *place, int by)
{
	bool any = false;

	LIST_EACH(&place->nominated, link)
	{
		struct resident *waits = LIST_OWNER(link, struct resident, link);

		if (waits->priority < cycle->resident->priority ||
		    str_equal(object_uid(waits->pod), object_uid(cycle->resident->pod)))
			continue;
		resident_weigh(cycle->scene, waits, place, by);
		cycle_shift(cycle, place, waits, by);
		any = true;
	}
	return any;
}

/* A place has to do with them, and without: who waits may never come. */
enum verdict cycle_check(struct cycle *cycle, struct place *place, unsigned *out_rejected_by)
{
	if (place->nominated_count > 0 && weigh_nominated(cycle, place, 1)) {
		enum verdict verdict;

		cycle->with_nominated = true;
		verdict = check_alone(cycle, place, out_rejected_by);
		cycle->with_nominated = false;
		weigh_nominated(cycle, place, -1);
		if (verdict != VERDICT_FITS)
			return verdict;
	}
	return check_alone(cycle, place, out_rejected_by);
}

static bool prepare(struct cycle *cycle)
{
	for (int id = 0; id < PLUGINS; id++) {
		const struct plugin *plugin = cycle_plugins[id];

		if (!plugin->prepare || !cycle->profile->checks[id])
			continue;
		if (!plugin->prepare(cycle, &cycle->own[id])) {
			assert(cycle->why);
			cycle->rejected_by |= 1u << id;
			return false;
		}
	}
	return true;
}

static void note_refusal(struct cycle *cycle, const struct place *place, enum verdict verdict)
{
	cycle->verdicts[place->at] = (uint8_t)verdict;
	for (size_t i = 0; i < cycle->reason_count; i++) {
		struct str reason = str_of(cycle->reasons[i]);
		uintptr_t count = (uintptr_t)map_find(cycle->refusals, reason);

		map_put(cycle->refusals, reason, (void *)(count + 1));
	}
}

/* True when the place will do. */
static bool look_at(struct cycle *cycle, struct place *place)
{
	enum verdict verdict = cycle_check(cycle, place, &cycle->rejected_by);

	if (verdict != VERDICT_FITS)
		note_refusal(cycle, place, verdict);
	return verdict == VERDICT_FITS;
}

size_t cycle_enough(const struct profile *profile, size_t nodes)
{
	int64_t percent = profile->nodes_percent;
	size_t enough;

	if (nodes < ENOUGH_NODES || percent >= 100)
		return nodes;
	if (percent == 0) {
		percent = PERCENT_FIRST - (int64_t)(nodes / NODES_PER_STEP);
		percent = percent < PERCENT_LEAST ? PERCENT_LEAST : percent;
	}
	enough = nodes * (size_t)percent / 100;
	return enough < ENOUGH_NODES ? ENOUGH_NODES : enough;
}

/* The terms name one node: the others are not looked at. */
static size_t find_only(struct cycle *cycle, struct place **out)
{
	struct place *place = scene_place(cycle->scene, cycle->only_node);
	size_t others = cycle->nodes - (place ? 1 : 0);

	memset(cycle->verdicts, VERDICT_NEVER, cycle->nodes);
	if (others > 0)
		map_put(cycle->refusals, STR("node(s) didn't satisfy plugin(s) [NodeAffinity]"),
			(void *)others);
	cycle->rejected_by |= 1u << PLUGIN_NODE_AFFINITY;
	if (!place || !look_at(cycle, place))
		return 0;
	out[0] = place;
	return 1;
}

static size_t find_places(struct cycle *cycle, struct place **out, size_t *start)
{
	struct str nominated = json_str(
		json_path(object_json(cycle->resident->pod), "status", "nominatedNodeName", NULL));
	struct place *place = nominated.len > 0 ? scene_place(cycle->scene, nominated) : NULL;
	size_t enough = cycle_enough(cycle->profile, cycle->nodes), found = 0, seen = 0;
	unsigned unused = 0;

	if (place && cycle_check(cycle, place, &unused) == VERDICT_FITS) {
		out[0] = place;
		return 1;
	}
	if (cycle->only_node.at != NULL && cycle->profile->checks[PLUGIN_NODE_AFFINITY])
		return find_only(cycle, out);
	for (; seen < cycle->nodes && found < enough; seen++) {
		place = cycle->scene->places[(*start + seen) % cycle->nodes];
		if (look_at(cycle, place))
			out[found++] = place;
	}
	*start = (*start + seen) % cycle->nodes;
	return found;
}

/* --- scores --- */

static void add_score(struct cycle *cycle, int id, struct place **places, int64_t *totals,
		      size_t count)
{
	const struct plugin *plugin = cycle_plugins[id];
	int64_t *scores;
	void *own;

	if (!plugin->score || cycle->profile->weights[id] == 0)
		return;
	own = plugin->score_prepare(cycle, places, count);
	if (!own)
		return;
	scores = arena_get(cycle->arena, count * sizeof(*scores));
	for (size_t i = 0; i < count; i++)
		scores[i] = plugin->score(cycle, own, places[i]);
	if (plugin->normalize)
		plugin->normalize(cycle, own, places, scores, count);
	for (size_t i = 0; i < count; i++)
		totals[i] += scores[i] * cycle->profile->weights[id];
}

/* One of those with the highest total, each as likely as the other. */
static struct place *best_of(struct cycle *cycle, struct place **places, size_t count)
{
	int64_t *totals = arena_zero(cycle->arena, count * sizeof(*totals)), best = INT64_MIN;
	size_t equals = 0, nth;

	for (int id = 0; id < PLUGINS; id++)
		add_score(cycle, id, places, totals, count);
	for (size_t i = 0; i < count; i++) {
		equals = totals[i] > best ? 1 : equals + (totals[i] == best);
		best = totals[i] > best ? totals[i] : best;
	}
	nth = equals > 1 ? random_below(equals) : 0;
	for (size_t i = 0; i < count; i++)
		if (totals[i] == best && nth-- == 0)
			return places[i];
	return places[0];
}

void cycle_choose(struct cycle *cycle, size_t *start)
{
	struct place **places;
	size_t count;

	if (cycle->nodes == 0)
		return;
	if (!prepare(cycle)) {
		memset(cycle->verdicts, VERDICT_NEVER, cycle->nodes);
		return;
	}
	places = arena_get(cycle->arena, cycle->nodes * sizeof(struct place *));
	count = find_places(cycle, places, start);
	if (count == 1)
		cycle->chosen = places[0];
	else if (count > 1)
		cycle->chosen = best_of(cycle, places, count);
}

/* --- words --- */

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void cycle_print_counts(struct map *refusals, struct buf *out)
{
	size_t count = map_count(refusals), filled = 0;
	auto_free char **texts = memory_get((count + 1) * sizeof(char *));
	struct str why;
	void *nodes;

	for (size_t i = 0; map_next(refusals, &i, &why, &nodes);)
		texts[filled++] =
			memory_print("%" PRIuPTR " " STR_FMT, (uintptr_t)nodes, STR_ARG(why));
	qsort(texts, filled, sizeof(char *), compare_texts);
	for (size_t i = 0; i < filled; i++) {
		buf_add_print(out, "%s%s", i > 0 ? ", " : "", texts[i]);
		free(texts[i]);
	}
}

void cycle_print_refusals(const struct cycle *cycle, struct buf *out)
{
	if (cycle->nodes == 0) {
		buf_add_text(out, "no nodes available to schedule pods");
		return;
	}
	buf_add_print(out, "0/%zu nodes are available:", cycle->nodes);
	if (cycle->why) {
		buf_add_print(out, " %s.", cycle->why);
	} else if (map_count(cycle->refusals) > 0) {
		buf_add_byte(out, ' ');
		cycle_print_counts(cycle->refusals, out);
		buf_add_byte(out, '.');
	}
}
