/*
 * volume_choice.c - claims and volumes of a pod: what is bound, what is free, what can be made.
 *
 * All that does not depend on a node is worked out once a pod.
 */
#include "server/schedule/volume_choice.h"

#include "api/quantity.h"

#define NO_PROVISIONER "kubernetes.io/no-provisioner"
#define SELECTED_NODE  "volume.kubernetes.io/selected-node"
#define BOUND_FOR_GOOD "pv.kubernetes.io/bind-completed"
#define OLD_CLASS      "volume.beta.kubernetes.io/storage-class"

static const struct object *find(struct cycle *cycle, enum control_kind kind, struct str namespace,
				 struct str name)
{
	return cycle->scene->sources.find(cycle->scene->sources.of, kind, namespace, name);
}

bool volume_claim_is_bound(const struct json *claim)
{
	return json_str(json_path(claim, "spec", "volumeName", NULL)).len > 0 &&
	       (meta_annotation(claim, BOUND_FOR_GOOD).len > 0 ||
		str_is(json_str(json_path(claim, "status", "phase", NULL)), "Bound"));
}

static struct str class_of(const struct json *object)
{
	struct str old = meta_annotation(object, OLD_CLASS);

	return old.len > 0 ? old : json_str(json_path(object, "spec", "storageClassName", NULL));
}

static bool refuse(struct cycle *cycle, const char *why)
{
	cycle->why = why;
	return false;
}

/* --- free volumes --- */

static bool has_modes(const struct json *volume, const struct json *claim)
{
	for (struct json_iter it = json_iter(json_path(claim, "spec", "accessModes", NULL));
	     json_next(&it);) {
		bool found = false;

		for (struct json_iter has =
			     json_iter(json_path(volume, "spec", "accessModes", NULL));
		     json_next(&has);)
			found = found || json_equal(has.value, it.value);
		if (!found)
			return false;
	}
	return true;
}

static int64_t bytes_at(const struct json *list)
{
	struct error unused;
	int64_t value;

	return quantity_value(json_str(json_get(list, "storage")), &value, &unused) ? value : 0;
}

/* Nobody's, or kept for this claim by its name. */
static bool is_open_to(const struct json *volume, const struct object *claim)
{
	const struct json *holder = json_path(volume, "spec", "claimRef", NULL);
	struct str uid = json_str(json_get(holder, "uid"));

	if (!holder)
		return str_is(json_str(json_path(volume, "status", "phase", NULL)), "Available");
	return str_equal(json_str(json_get(holder, "name")), object_name(claim)) &&
	       str_equal(json_str(json_get(holder, "namespace")), object_namespace(claim)) &&
	       (uid.len == 0 || str_equal(uid, object_uid(claim)));
}

static bool suits(struct cycle *cycle, const struct object *volume, const struct object *claim,
		  const struct selector *selector)
{
	const struct json *has = object_json(volume), *wants = object_json(claim);
	struct str mode = json_str(json_path(has, "spec", "volumeMode", NULL)),
		   wanted = json_str(json_path(wants, "spec", "volumeMode", NULL));

	return !object_is_deleting(volume) && is_open_to(has, claim) &&
	       !map_find(cycle->scene->volumes_taken, object_name(volume)) &&
	       str_equal(class_of(has), class_of(wants)) && has_modes(has, wants) &&
	       str_is(mode, "Block") == str_is(wanted, "Block") &&
	       bytes_at(json_path(has, "spec", "capacity", NULL)) >=
		       bytes_at(json_path(wants, "spec", "resources", "requests", NULL)) &&
	       (!selector || selector_match(selector, volume));
}

static struct node_terms *terms_of_volume(struct cycle *cycle, const struct json *volume)
{
	return node_terms_of(
		json_path(volume, "spec", "nodeAffinity", "required", "nodeSelectorTerms", NULL),
		cycle->arena);
}

static int compare_candidates(const void *a, const void *b)
{
	const struct volume_candidate *left = a, *right = b;

	if (left->capacity != right->capacity)
		return left->capacity < right->capacity ? -1 : 1;
	return str_compare(left->name, right->name);
}

static void find_candidates(struct cycle *cycle, struct volume_wish *wish)
{
	const struct sources *sources = &cycle->scene->sources;
	const struct json *label_selector =
		json_path(object_json(wish->claim), "spec", "selector", NULL);
	const struct object *volume;
	struct selector *selector = NULL;
	struct error unused;
	size_t count = 0;

	if (label_selector && !selector_from_json(label_selector, &selector, &unused))
		return;
	cycle_keep(cycle, selector);
	for (size_t i = 0; (volume = sources->next(sources->of, CONTROL_VOLUMES, &i));)
		count++;
	wish->candidates = arena_zero(cycle->arena, (count + 1) * sizeof(*wish->candidates));
	for (size_t i = 0; (volume = sources->next(sources->of, CONTROL_VOLUMES, &i));) {
		const struct json *json = cycle_json(cycle, volume);

		if (!suits(cycle, volume, wish->claim, selector))
			continue;
		wish->candidates[wish->candidate_count++] = (struct volume_candidate){
			.name = object_name(volume),
			.terms = terms_of_volume(cycle, json),
			.capacity = bytes_at(json_path(json, "spec", "capacity", NULL)),
		};
	}
	qsort(wish->candidates, wish->candidate_count, sizeof(*wish->candidates),
	      compare_candidates);
}

/* allowedTopologies: labels and values, as node terms. */
static struct node_terms *terms_of_topology(struct cycle *cycle, const struct json *item)
{
	auto_json_doc doc = json_doc_new();
	struct json *term = json_new_object(doc), *list;
	struct object *holder;

	list = json_sub_array(doc, term, "matchExpressions");
	for (struct json_iter it = json_iter(json_get(item, "matchLabelExpressions"));
	     json_next(&it);) {
		struct json *one = json_clone(doc, it.value);

		json_put(doc, one, "operator", json_new_text(doc, "In"));
		json_append(list, one);
	}
	json_set_root(doc, term);
	holder = object_new(take_ptr(&doc));
	term = (struct json *)(uintptr_t)cycle_json(cycle, holder);
	object_unref(holder);
	return node_terms_of_one(term, cycle->arena);
}

static void read_class(struct cycle *cycle, const struct json *class, struct volume_wish *wish)
{
	const struct json *topologies = json_get(class, "allowedTopologies");

	wish->can_be_made = !str_is(json_str(json_get(class, "provisioner")), NO_PROVISIONER);
	wish->topologies = arena_zero(cycle->arena, (json_count(topologies) + 1) * sizeof(void *));
	for (struct json_iter it = json_iter(topologies); json_next(&it);)
		wish->topologies[wish->topology_count++] = terms_of_topology(cycle, it.value);
}

/* --- claims --- */

static bool find_claim(struct cycle *cycle, const char *name, const struct object **out)
{
	const struct object *claim =
		find(cycle, CONTROL_CLAIMS, object_namespace(cycle->resident->pod), str_of(name));
	const struct json *json;

	if (!claim)
		return refuse(cycle, arena_print(cycle->arena,
						 "persistentvolumeclaim \"%s\" not found", name));
	json = cycle_json(cycle, claim);
	if (str_is(json_str(json_path(json, "status", "phase", NULL)), "Lost"))
		return refuse(cycle,
			      arena_print(cycle->arena,
					  "persistentvolumeclaim \"%s\" bound to non-existent "
					  "persistentvolume \"" STR_FMT "\"",
					  name,
					  STR_ARG(json_str(
						  json_path(json, "spec", "volumeName", NULL)))));
	if (object_is_deleting(claim))
		return refuse(cycle,
			      arena_print(cycle->arena,
					  "persistentvolumeclaim \"%s\" is being deleted", name));
	*out = claim;
	return true;
}

static void read_bound(struct cycle *cycle, struct volume_wish *wish)
{
	struct str name = json_str(json_path(object_json(wish->claim), "spec", "volumeName", NULL));
	const struct object *volume = find(cycle, CONTROL_VOLUMES, STR_NONE, name);

	wish->bound = true;
	if (!volume)
		return;
	wish->volume = cycle_json(cycle, volume);
	wish->volume_terms = terms_of_volume(cycle, wish->volume);
}

static bool read_claim(struct cycle *cycle, const char *name, struct volume_wish *wish)
{
	const struct json *json, *class;
	const struct object *object;
	struct str mode;

	if (!find_claim(cycle, name, &wish->claim))
		return false;
	json = object_json(wish->claim);
	if (volume_claim_is_bound(json)) {
		read_bound(cycle, wish);
		return true;
	}
	object = find(cycle, CONTROL_STORAGECLASSES, STR_NONE, class_of(json));
	class = object ? cycle_json(cycle, object) : NULL;
	mode = json_str(json_get(class, "volumeBindingMode"));
	if (!str_is(mode, "WaitForFirstConsumer") ||
	    json_str(json_path(json, "spec", "volumeName", NULL)).len > 0)
		return refuse(cycle, "pod has unbound immediate PersistentVolumeClaims");
	read_class(cycle, class, wish);
	find_candidates(cycle, wish);
	return true;
}

bool volume_wishes_of(struct cycle *cycle, struct volume_wishes *out)
{
	const struct resident *pod = cycle->resident;

	out->at = arena_zero(cycle->arena, (pod->claim_count + 1) * sizeof(*out->at));
	out->count = 0;
	for (size_t i = 0; i < pod->claim_count; i++)
		if (!read_claim(cycle, pod->claims[i], &out->at[out->count++]))
			return false;
	return true;
}

/* --- on a node --- */

static bool is_chosen(const struct volume_choices *choices, struct str volume)
{
	for (size_t i = 0; i < choices->count; i++)
		if (choices->at[i].volume.at && str_equal(choices->at[i].volume, volume))
			return true;
	return false;
}

static bool can_be_made_on(const struct volume_wish *wish, const struct place *place)
{
	if (!wish->can_be_made)
		return false;
	for (size_t i = 0; i < wish->topology_count; i++)
		if (node_terms_match(wish->topologies[i], place->node))
			return true;
	return wish->topology_count == 0;
}

static bool choose(const struct volume_wish *wish, const struct place *place,
		   const struct volume_choices *so_far, struct volume_choice *out)
{
	struct str selected = meta_annotation(object_json(wish->claim), SELECTED_NODE);

	*out = (struct volume_choice){ .claim = object_name(wish->claim) };
	if (selected.len > 0)
		return str_is(selected, place->name);
	for (size_t i = 0; i < wish->candidate_count; i++) {
		const struct volume_candidate *candidate = &wish->candidates[i];

		if (!is_chosen(so_far, candidate->name) &&
		    node_terms_match(candidate->terms, place->node)) {
			out->volume = candidate->name;
			return true;
		}
	}
	return can_be_made_on(wish, place);
}

bool volume_choices_on(struct cycle *cycle, const struct volume_wishes *wishes,
		       const struct place *place, struct volume_choices *out)
{
	out->at = arena_zero(cycle->arena, (wishes->count + 1) * sizeof(*out->at));
	out->count = 0;
	for (size_t i = 0; i < wishes->count; i++) {
		if (wishes->at[i].bound)
			continue;
		if (!choose(&wishes->at[i], place, out, &out->at[out->count]))
			return false;
		out->count++;
	}
	return true;
}
