/*
 * control_statefulset.c - pods with names of their own: made in order of their ordinals, each with
 * its claims, updated from the last to the first.
 *
 *   on_pass: claim pods and revisions | revision of the template | steps -> on_stepped: status
 *
 * OrderedReady goes on only when all before are running, ready and available; Parallel does all at
 * once.  The next pass waits until the cache has seen what this one did to pods.
 */
#include "server/control/family_claim.h"
#include "server/control/owner_selectors.h"
#include "server/control/seen.h"
#include "server/control/stateful.h"
#include "server/control/stateful_claims.h"
#include "server/control/stateful_maker.h"

#define BURST_MAX 500

struct self {
	struct control *control;
	struct queue *queue;
	struct seen *seen; /* of pods */
	struct owner_selectors *selectors;
};

static const struct object *find_set(const struct self *self, struct str key)
{
	return control_find(self->control, CONTROL_STATEFULSETS, key);
}

/* --- the revisions of a look --- */

/* Without one of the template (its making is under way): false. */
static bool take_revisions(struct stateful *view, const struct revisions *revisions,
			   const struct revision *update)
{
	struct str current =
		json_str(json_path(object_json(view->set), "status", "currentRevision", NULL));

	view->update = update;
	view->current = revisions_find(revisions, current);
	if (!view->current)
		view->current = update;
	return update != NULL;
}

/* --- steps: each true when the pass is to end there --- */

static bool process_there(struct batch *batch, const struct stateful *view,
			  const struct stateful_pod *pod, struct stateful_orders *orders)
{
	const struct object *object = pod->member->object;

	if (pod->member->phase == MEMBER_FAILED || pod->member->phase == MEMBER_SUCCEEDED) {
		if (!stateful_is_terminating(pod))
			stateful_delete(batch, view->set, object);
		return true;
	}
	if (pod->member->phase == MEMBER_PENDING)
		stateful_order_claims(orders, view, batch->control, pod);
	if (!view->parallel && !stateful_is_well(view, pod))
		return true;
	stateful_mend_identity(batch, view, pod);
	stateful_claim_own(batch, view, pod);
	return false;
}

static bool process_missing(struct batch *batch, const struct stateful *view, int64_t ordinal,
			    struct stateful_orders *orders)
{
	/* Its going may be told by nobody: the pass comes again, later and later. */
	if (stateful_claim_is_stale(view, batch->control, ordinal)) {
		batch->failed = true;
		return true;
	}
	stateful_order_pod(orders, view, batch->control, ordinal);
	return !view->parallel || orders->count >= BURST_MAX;
}

static bool process_replicas(struct batch *batch, const struct stateful *view,
			     struct stateful_orders *orders)
{
	for (int64_t i = 0; i < view->replicas; i++) {
		const struct stateful_pod *pod = stateful_find(view, view->start + i);
		bool ends = pod ? process_there(batch, view, pod, orders)
				: process_missing(batch, view, view->start + i, orders);

		if (ends && (!view->parallel || orders->count >= BURST_MAX))
			return true;
	}
	return false;
}

/* The first that is not well, by ordinal: of two that block each other it may go. */
static const struct stateful_pod *find_unwell(const struct stateful *view)
{
	const struct stateful_pod *found = NULL;

	for (size_t i = 0; i < view->count; i++) {
		const struct stateful_pod *pod = &view->pods[i];

		if (stateful_is_well(view, pod))
			continue;
		if (stateful_is_in_range(view, pod->ordinal))
			return pod;
		if (!found)
			found = pod;
	}
	return found;
}

static bool own_condemned(struct batch *batch, const struct stateful *view)
{
	bool called = false;

	for (size_t i = 0; i < view->count; i++)
		if (!stateful_is_in_range(view, view->pods[i].ordinal))
			called = stateful_claim_own(batch, view, &view->pods[i]) || called;
	return called;
}

static bool process_condemned(struct batch *batch, const struct stateful *view)
{
	const struct stateful_pod *unwell = find_unwell(view);
	bool called = false;

	for (size_t i = view->count; i-- > 0;) {
		const struct stateful_pod *pod = &view->pods[i];

		if (stateful_is_in_range(view, pod->ordinal))
			continue;
		if (stateful_is_terminating(pod)) {
			if (!view->parallel)
				return true;
			continue;
		}
		if (!view->parallel && !stateful_is_available(view, pod) && pod != unwell)
			return true;
		stateful_delete(batch, view->set, pod->member->object);
		called = true;
		if (!view->parallel)
			return true;
	}
	return called;
}

/* One at a time, the last first. */
static void roll(struct batch *batch, const struct stateful *view)
{
	struct str update = object_name(view->update->object);

	for (int64_t i = view->replicas; i-- > view->partition;) {
		const struct stateful_pod *pod = stateful_find(view, view->start + i);

		if (!pod)
			return;
		if (!str_equal(pod->revision, update) && !stateful_is_terminating(pod)) {
			stateful_delete(batch, view->set, pod->member->object);
			return;
		}
		if (!stateful_is_well(view, pod))
			return;
	}
}

static void take_steps(struct batch *batch, const struct stateful *view)
{
	struct stateful_orders orders = { 0 };
	bool ends = process_replicas(batch, view, &orders);
	bool makes = orders.count > 0;

	if (makes)
		stateful_make(batch, view->set, &orders);
	if (ends || own_condemned(batch, view) || process_condemned(batch, view) || makes)
		return;
	if (view->rolling)
		roll(batch, view);
}

/* --- history --- */

struct live {
	const struct stateful *view;
};

static bool is_live(void *of, const struct revision *revision)
{
	const struct stateful *view = ((struct live *)of)->view;

	if (revision->object == view->current->object || revision->object == view->update->object)
		return true;
	for (size_t i = 0; i < view->count; i++)
		if (str_equal(view->pods[i].revision, object_name(revision->object)))
			return true;
	return false;
}

/* --- status --- */

static void on_told(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, NULL);
}

static void tell(struct batch *batch, const struct stateful *view)
{
	struct self *self = batch->owner;
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc);
	auto_buf body = BUF_INIT;
	int64_t due_ms = stateful_due_ms(view);
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = batch->control->kinds[CONTROL_STATEFULSETS],
				  .namespace = object_namespace(view->set),
				  .name = object_name(view->set),
				  .subresource = "status" };

	/* minReadySeconds: no change tells of that moment. */
	if (due_ms > 0)
		queue_add_after(self->queue, str_of(batch->key), due_ms);
	if (stateful_put_status(doc, json_sub_object(doc, patch, "status"), view))
		return;
	json_print(patch, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

/* Of a set whose revision is the newest there is. */
static void start_telling(struct self *self, struct str key, const struct object *set, bool failed)
{
	struct batch *batch = batch_new(self->control, key, self, on_told);
	struct revisions revisions;
	struct stateful view;

	batch->failed = failed;
	revisions_look(&revisions, self->control, CONTROL_STATEFULSETS, set);
	stateful_look(&view, self->control, set);
	if (take_revisions(&view, &revisions,
			   revisions.count ? &revisions.items[revisions.count - 1] : NULL))
		tell(batch, &view);
	stateful_clear(&view);
	revisions_clear(&revisions);
	batch_seal(batch);
}

/* --- passes --- */

static void on_stepped(struct batch *batch)
{
	struct self *self = batch->owner;
	struct str key = str_of(batch->key);
	const struct object *set = find_set(self, key);

	seen_note(self->seen, key, batch->revision);
	if (set && !self->control->stopping)
		start_telling(self, key, set, batch->failed);
	else
		queue_done(self->queue, key, !batch->failed);
	batch_free(batch);
}

/* Claimed, or a revision made: nothing to tell yet. */
static void on_prepared(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, self->seen);
}

static bool claim(struct batch *batch, const struct self *self, const struct object *set)
{
	struct family_claim claim = { .kind = CONTROL_PODS,
				      .owner_kind = CONTROL_STATEFULSETS,
				      .owner = set,
				      .fits = stateful_owns_name };
	bool pods;

	claim.selector =
		owner_selectors_find(self->selectors, object_namespace(set), object_name(set));
	pods = family_claim(batch, &claim);
	claim.kind = CONTROL_REVISIONS;
	claim.fits = NULL;
	return family_claim(batch, &claim) || pods;
}

static void start_steps(struct self *self, struct str key, const struct object *set)
{
	struct batch *batch = batch_new_watching(self->control, key, self, on_stepped, "Pod");
	struct revisions revisions;
	struct stateful view;
	struct live live = { &view };

	if (claim(batch, self, set)) {
		batch->on_end = on_prepared;
		batch_seal(batch);
		return;
	}
	revisions_look(&revisions, self->control, CONTROL_STATEFULSETS, set);
	stateful_look(&view, self->control, set);
	if (take_revisions(&view, &revisions, revisions_update(batch, &revisions))) {
		take_steps(batch, &view);
		revisions_truncate(batch, &revisions, is_live, &live);
	} else {
		batch->on_end = on_prepared;
	}
	stateful_clear(&view);
	revisions_clear(&revisions);
	batch_seal(batch);
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	const struct object *set = find_set(self, key);

	if (!set) {
		seen_forget(self->seen, key);
		queue_done(self->queue, key, true);
	} else if (object_is_deleting(set) ||
		   seen_is_behind(self->seen, key,
				  cache_revision(self->control->caches[CONTROL_PODS]))) {
		start_telling(self, key, set, false);
	} else {
		start_steps(self, key, set);
	}
}

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->seen = seen_new();
	self->selectors = owner_selectors_new();
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	owner_selectors_free(self->selectors);
	seen_free(self->seen);
	queue_free(self->queue);
	free(self);
}

/* A claim changed hands or is gone: the set that waits for that. */
static void wake_of_claim(struct self *self, const struct object *claim)
{
	for (struct json_iter it =
		     json_iter(json_get(meta_of(object_json(claim)), "ownerReferences"));
	     json_next(&it);) {
		struct str set = json_str(json_get(it.value, "name"));
		auto_buf key = BUF_INIT;
		int64_t ordinal;

		if (str_is(json_str(json_get(it.value, "kind")), "Pod") &&
		    !stateful_parse_name(set, &set, &ordinal))
			continue;
		buf_add_print(&key, STR_FMT "/" STR_FMT, STR_ARG(object_namespace(claim)),
			      STR_ARG(set));
		if (find_set(self, buf_str(&key)))
			queue_add(self->queue, buf_str(&key));
	}
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;

	if (kind == CONTROL_PODS || kind == CONTROL_REVISIONS)
		owner_selectors_wake(self->selectors, self->queue, "StatefulSet", before, after);
	if (kind == CONTROL_CLAIMS && before)
		wake_of_claim(self, before);
	if (kind == CONTROL_CLAIMS && after)
		wake_of_claim(self, after);
	if (kind != CONTROL_STATEFULSETS)
		return;
	owner_selectors_note(self->selectors, before, after);
	control_queue(self->queue, after ? after : before);
}

const struct control_row control_statefulset = { "statefulset", start, stop, on_change };
