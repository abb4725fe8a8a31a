/*
 * replicas.c - a pass puts right who belongs to the set, makes or removes what is missing or too
 * many, and when that has ended tells the status.
 *
 *   on_pass: claim (then wait for its effect) | adjust -> on_adjusted: tell_status -> on_told
 *
 * The next adjustment of the same set waits until the cache has seen what the last one did, so that
 * nothing is made twice.
 */
#include "server/control/replicas.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/map.h"
#include "server/control/family_claim.h"
#include "server/control/owner_selectors.h"
#include "server/control/pod_maker.h"
#include "server/control/seen.h"
#include "server/control/status_fields.h"

#define BURST_MAX 500
/* A pass over so many pods is not made for each of their changes: for 5,000 each 100 ms. */
#define PACED_MIN   500
#define PACE_PER_MS 50

struct replicas {
	struct control *control;
	const struct replicas_words *words;
	struct queue *queue;
	struct seen *seen; /* of pods */
	struct owner_selectors *selectors;
	struct map *paced; /* of large sets: key -> int64_t, when the next pass may be */
};

/* --- what is there --- */

struct census {
	const struct member **pods; /* active ones of this owner that match */
	size_t count, labeled, ready, available;
	int64_t due_ms; /* until the next becomes available by the clock, 0 = none */
};

static int64_t wanted_of(const struct object *set)
{
	return json_int(json_path(object_json(set), "spec", "replicas", NULL));
}

static void census_take(const struct replicas *self, const struct object *set, struct census *out)
{
	const struct family *family = self->control->families[CONTROL_PODS];
	const struct json *spec = json_get(object_json(set), "spec");
	int64_t min_ready = json_int(json_get(spec, "minReadySeconds"));
	struct selector *labels =
		selector_from_map(json_path(spec, "template", "metadata", "labels", NULL));
	const struct member *pod;

	*out = (struct census){ 0 };
	out->pods = memory_get((family_count(family, object_uid(set)) + 1) * sizeof(pod));
	for (size_t i = 0; (pod = family_next(family, object_uid(set), &i));) {
		int64_t due_ms = member_due_ms(pod, min_ready);

		if (!member_is_active(pod))
			continue;
		out->pods[out->count++] = pod;
		out->labeled += selector_match(labels, pod->object);
		out->ready += pod->ready;
		out->available += due_ms == 0;
		if (due_ms > 0 && (out->due_ms == 0 || due_ms < out->due_ms))
			out->due_ms = due_ms;
	}
	selector_free(labels);
}

/* --- who goes first --- */

static int phase_rank(const struct member *pod)
{
	return pod->phase == MEMBER_PENDING ? 0 : pod->phase == MEMBER_LOST ? 1 : 2;
}

static int magnitude(int64_t age_s)
{
	return age_s <= 0 ? -1 : 63 - __builtin_clzll((unsigned long long)age_s);
}

/* 0: equal times; the one of the lower magnitude first, among equals by uid. */
static int compare_ages(const struct replica *a, const struct replica *b, int64_t since_a,
			int64_t since_b, int64_t now_s)
{
	int rank_a = magnitude(now_s - since_a), rank_b = magnitude(now_s - since_b);

	if (since_a == since_b)
		return 0;
	if (rank_a != rank_b)
		return rank_a - rank_b;
	return str_compare(object_uid(a->pod->object), object_uid(b->pod->object));
}

static int compare(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

int replicas_compare(const struct replica *a, const struct replica *b, int64_t now_s)
{
	const struct member *left = a->pod, *right = b->pod;
	int order = compare(left->node != NULL, right->node != NULL);

	if (order == 0)
		order = compare(phase_rank(left), phase_rank(right));
	if (order == 0)
		order = compare(left->ready, right->ready);
	if (order == 0)
		order = compare(left->deletion_cost, right->deletion_cost);
	if (order == 0)
		order = compare((int64_t)b->crowd, (int64_t)a->crowd);
	if (order == 0 && left->ready)
		order = compare_ages(a, b, left->ready_since_s, right->ready_since_s, now_s);
	if (order == 0)
		order = compare(right->restarts, left->restarts);
	if (order == 0)
		order = compare_ages(a, b, left->created_s, right->created_s, now_s);
	return order;
}

static int by_order(const void *a, const void *b, void *now_s)
{
	return replicas_compare(a, b, *(const int64_t *)now_s);
}

/* --- crowds: how many related pods each node has --- */

static void count_crowd(struct map *crowd, const struct family *pods, struct str owner_uid)
{
	const struct member *pod;

	for (size_t i = 0; (pod = family_next(pods, owner_uid, &i));) {
		struct str node = str_of(pod->node ? pod->node : "");
		uintptr_t count = (uintptr_t)map_find(crowd, node);

		if (member_is_active(pod))
			map_put(crowd, node, (void *)(count + 1));
	}
}

/* Sets of one deployment share their nodes. */
static void count_crowds(struct map *crowd, const struct replicas *self, const struct object *set)
{
	const struct family *pods = self->control->families[CONTROL_PODS];
	const struct family *sets = self->control->families[CONTROL_REPLICASETS];
	struct str owner = control_owner_uid(set);
	const struct member *sibling;

	if (owner.len == 0 || self->words->kind != CONTROL_REPLICASETS) {
		count_crowd(crowd, pods, object_uid(set));
		return;
	}
	for (size_t i = 0; (sibling = family_next(sets, owner, &i));)
		count_crowd(crowd, pods, object_uid(sibling->object));
}

static struct replica *rank(const struct replicas *self, const struct object *set,
			    const struct census *census)
{
	struct replica *ranked = memory_get((census->count + 1) * sizeof(*ranked));
	auto_map crowd = map_new();
	int64_t now_s = clock_wall_s();

	count_crowds(crowd, self, set);
	for (size_t i = 0; i < census->count; i++) {
		const char *node = census->pods[i]->node;

		ranked[i].pod = census->pods[i];
		ranked[i].crowd = (size_t)(uintptr_t)map_find(crowd, str_of(node ? node : ""));
	}
	qsort_r(ranked, census->count, sizeof(*ranked), by_order, &now_s);
	return ranked;
}

/* --- more and fewer --- */

static void make_pods(struct batch *batch, const struct replicas *self, const struct object *set,
		      size_t count)
{
	auto_json_doc doc = json_doc_new();
	struct json *pod =
		pod_maker_new(doc, set, json_path(object_json(set), "spec", "template", NULL));
	struct pod_list list = { 0 };

	for (size_t i = 0; i < count; i++)
		pod_list_add(&list, pod);
	pod_maker_create(batch, set, self->words->component, &list);
}

static void adjust(struct batch *batch, const struct replicas *self, const struct object *set)
{
	struct census census;
	int64_t missing;

	census_take(self, set, &census);
	missing = wanted_of(set) - (int64_t)census.count;
	if (missing > 0) {
		make_pods(batch, self, set, (size_t)(missing < BURST_MAX ? missing : BURST_MAX));
	} else if (missing < 0) {
		struct replica *ranked = rank(self, set, &census);

		for (int64_t i = 0; i < -missing && i < BURST_MAX; i++)
			pod_maker_delete(batch, set, self->words->component, ranked[i].pod->object);
		free(ranked);
	}
	free(census.pods);
}

/* --- status --- */

static struct json *failure_condition(struct json_doc *doc, bool too_few, const char *why)
{
	struct json *condition = json_new_object(doc);
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	json_put(doc, condition, "type", json_new_text(doc, "ReplicaFailure"));
	json_put(doc, condition, "status", json_new_text(doc, "True"));
	json_put(doc, condition, "lastTransitionTime", json_new_text(doc, now));
	json_put(doc, condition, "reason",
		 json_new_text(doc, too_few ? "FailedCreate" : "FailedDelete"));
	json_put(doc, condition, "message", json_new_text(doc, why));
	return condition;
}

/* True when nothing changes.  `why` is NULL when all went well. */
static bool put_conditions(struct json_doc *doc, struct json *status, const struct json *old,
			   bool too_few, const char *why)
{
	struct json *list = json_new_array(doc);
	bool was = false;

	for (struct json_iter it = json_iter(json_get(old, "conditions")); json_next(&it);) {
		bool is_ours = str_is(json_str(json_get(it.value, "type")), "ReplicaFailure");

		was = was || is_ours;
		if (!is_ours || why)
			json_append(list, json_clone(doc, it.value));
	}
	if (why && !was)
		json_append(list, failure_condition(doc, too_few, why));
	if (was == (why != NULL))
		return true;
	json_put(doc, status, "conditions", json_count(list) > 0 ? list : json_new_null(doc));
	return false;
}

/* manage: whether this pass adjusted, so that its failure or success counts. */
static void tell_status(struct batch *batch, const struct replicas *self, const struct object *set,
			bool adjusted, const char *why)
{
	const struct json *old = json_get(object_json(set), "status");
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc), *status = json_sub_object(doc, patch, "status");
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = self->control->kinds[self->words->kind],
				  .namespace = object_namespace(set),
				  .name = object_name(set),
				  .subresource = "status" };
	struct census now;
	bool same;

	census_take(self, set, &now);
	free(now.pods);
	/* minReadySeconds: only the clock makes these available, no change tells of it. */
	if (now.due_ms > 0)
		queue_add_after(self->queue, str_of(batch->key), now.due_ms);
	same = status_put_number(doc, status, old, "fullyLabeledReplicas", (int64_t)now.labeled);
	same &= status_put_number(doc, status, old, "readyReplicas", (int64_t)now.ready);
	same &= status_put_number(doc, status, old, "availableReplicas", (int64_t)now.available);
	same &= status_put_number(doc, status, old, "observedGeneration",
				  json_int(json_get(meta_of(object_json(set)), "generation")));
	same &= json_get(old, "replicas") &&
		json_int(json_get(old, "replicas")) == (int64_t)now.count;
	json_put(doc, status, "replicas", json_new_int(doc, (int64_t)now.count));
	if (adjusted)
		same &= put_conditions(doc, status, old, (int64_t)now.count < wanted_of(set), why);
	if (!same) {
		json_print(patch, &body);
		ask.body = buf_str(&body);
		batch_call(batch, &ask);
	}
	object_trim(set); /* thousands of sets are usual */
}

/* --- passes --- */

static const struct object *find_set(const struct replicas *self, struct str key)
{
	return control_find(self->control, self->words->kind, key);
}

static void on_told(struct batch *batch)
{
	struct replicas *self = batch->owner;

	batch_end_pass(batch, self->queue, NULL);
}

/* After an adjustment that failed the pass has failed, when the status has been told. */
static void start_telling(struct replicas *self, struct str key, const struct object *set,
			  const struct batch *adjusted)
{
	struct batch *batch = batch_new(self->control, key, self, on_told);

	batch->failed = adjusted && adjusted->failed;
	tell_status(batch, self, set, adjusted != NULL, batch->failed ? adjusted->why.text : NULL);
	batch_seal(batch);
}

static void on_adjusted(struct batch *batch)
{
	struct replicas *self = batch->owner;
	struct str key = str_of(batch->key);
	const struct object *set = find_set(self, key);

	seen_note(self->seen, key, batch->revision);
	if (set && !self->control->stopping)
		start_telling(self, key, set, batch);
	else
		queue_done(self->queue, key, !batch->failed);
	batch_free(batch);
}

static void on_claimed(struct batch *batch)
{
	struct replicas *self = batch->owner;

	batch_end_pass(batch, self->queue, self->seen);
}

/* False: too soon after the last pass; it comes again in time. */
static bool keep_pace(struct replicas *self, struct str key, const struct object *set)
{
	size_t count = family_count(self->control->families[CONTROL_PODS], object_uid(set));
	int64_t now = clock_now_ms(), *next = map_find(self->paced, key);

	if (count < PACED_MIN) {
		free(map_remove(self->paced, key));
		return true;
	}
	if (next && now < *next) {
		queue_add_after(self->queue, key, *next - now);
		return false;
	}
	if (!next) {
		next = memory_new(int64_t);
		map_put(self->paced, key, next);
	}
	*next = now + (int64_t)count / PACE_PER_MS;
	return true;
}

static void on_pass(void *owner, struct str key)
{
	struct replicas *self = owner;
	const struct object *set = find_set(self, key);
	struct family_claim claim = { .kind = CONTROL_PODS,
				      .owner_kind = self->words->kind,
				      .owner = set,
				      .active_only = true };
	struct batch *batch;

	if (!set) {
		seen_forget(self->seen, key);
		free(map_remove(self->paced, key));
		queue_done(self->queue, key, true);
		return;
	}
	if (!keep_pace(self, key, set)) {
		queue_done(self->queue, key, true);
		return;
	}
	if (object_is_deleting(set) ||
	    seen_is_behind(self->seen, key, cache_revision(self->control->caches[CONTROL_PODS]))) {
		start_telling(self, key, set, NULL);
		return;
	}
	claim.selector =
		owner_selectors_find(self->selectors, object_namespace(set), object_name(set));
	batch = batch_new_watching(self->control, key, self, on_adjusted, "Pod");
	if (family_claim(batch, &claim))
		batch->on_end = on_claimed;
	else
		adjust(batch, self, set);
	batch_seal(batch);
}

struct replicas *replicas_start(struct control *control, const struct replicas_words *words)
{
	struct replicas *self = memory_new(struct replicas);

	self->control = control;
	self->words = words;
	self->queue = queue_new(control->loop, on_pass, self);
	self->seen = seen_new();
	self->selectors = owner_selectors_new();
	self->paced = map_new();
	return self;
}

void replicas_stop(struct replicas *self)
{
	map_free_all(self->paced);
	owner_selectors_free(self->selectors);
	seen_free(self->seen);
	queue_free(self->queue);
	free(self);
}

void replicas_on_change(struct replicas *self, enum control_kind kind, const struct object *before,
			const struct object *after)
{
	if (kind == CONTROL_PODS)
		owner_selectors_wake(self->selectors, self->queue, self->words->owner_kind, before,
				     after);
	if (kind != self->words->kind)
		return;
	owner_selectors_note(self->selectors, before, after);
	control_queue(self->queue, after ? after : before);
}
