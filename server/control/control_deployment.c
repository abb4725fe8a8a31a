/*
 * control_deployment.c - one ReplicaSet a template: the new one grows, the old ones shrink, within
 * the strategy's bounds.
 *
 *   on_pass: claim sets | steps (one kind of change each) -> on_stepped: status, revision ->
 * on_told
 *
 * The next pass waits until the cache has seen what this one did.  Undo works by itself: an old set
 * whose template is wished again becomes the new one, with the next revision.
 */
#include <inttypes.h>
#include <stdio.h>

#include "server/control/controller.h"
#include "server/control/deployment_status.h"
#include "server/control/deployment_steps.h"
#include "server/control/family_claim.h"
#include "server/control/owner_selectors.h"
#include "server/control/seen.h"

struct self {
	struct control *control;
	struct queue *queue;
	struct seen *seen; /* of sets */
	struct owner_selectors *selectors;
};

static const struct object *find_deployment(const struct self *self, struct str key)
{
	return control_find(self->control, CONTROL_DEPLOYMENTS, key);
}

/* --- telling --- */

static void on_told(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, NULL);
}

/* The deployment carries the revision of its new set. */
static bool put_revision(struct json_doc *doc, struct json *root,
			 const struct deployment_sets *sets, const struct deployment_news *news)
{
	char revision[32];

	snprintf(revision, sizeof(revision), "%" PRId64,
		 news->created ? news->revision
		 : sets->fresh ? sets->fresh->revision
			       : 0);
	if (str_is(STR("0"), revision) ||
	    str_is(meta_annotation(root, DEPLOYMENT_REVISION), revision))
		return false;
	json_put(doc, json_sub_object(doc, json_sub_object(doc, root, "metadata"), "annotations"),
		 DEPLOYMENT_REVISION, json_new_text(doc, revision));
	return true;
}

static void tell(struct batch *batch, const struct deployment_sets *sets,
		 const struct deployment_news *news)
{
	const struct json *old = object_json(sets->deployment);
	auto_json_doc doc = json_doc_new();
	struct json *status = deployment_status_make(doc, sets, news), *root;
	struct self *self = batch->owner;
	auto_buf body = BUF_INIT;
	int64_t due_ms = news->is_rollout ? deployment_status_due_ms(sets, status) : -1;
	struct client_ask ask = { .verb = CLIENT_UPDATE,
				  .kind = batch->control->kinds[CONTROL_DEPLOYMENTS],
				  .namespace = object_namespace(sets->deployment),
				  .name = object_name(sets->deployment),
				  .subresource = "status" };
	bool same = json_equal(status, json_get(old, "status"));

	if (due_ms >= 0)
		queue_add_after(self->queue, str_of(batch->key), due_ms);
	root = json_clone(doc, old);
	json_put(doc, root, "status", status);
	if (!put_revision(doc, root, sets, news) && same)
		return;
	json_print(root, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

static void start_telling(struct self *self, struct str key, const struct object *deployment,
			  const struct deployment_news *news, bool failed)
{
	struct batch *batch = batch_new(self->control, key, self, on_told);
	struct deployment_sets sets;

	batch->failed = failed;
	deployment_sets_look(&sets, deployment, self->control->families[CONTROL_REPLICASETS]);
	tell(batch, &sets, news);
	deployment_sets_clear(&sets);
	batch_seal(batch);
}

/* --- passes --- */

/* The steps' own batch: what they did is told when all of it has been answered. */
struct pass {
	struct self *self;
	struct deployment_news news;
};

static void on_stepped(struct batch *batch)
{
	struct pass *pass = batch->owner;
	struct self *self = pass->self;
	struct str key = str_of(batch->key);
	const struct object *deployment = find_deployment(self, key);

	seen_note(self->seen, key, batch->revision);
	if (deployment && !self->control->stopping)
		start_telling(self, key, deployment, &pass->news, batch->failed);
	else
		queue_done(self->queue, key, !batch->failed);
	free(pass);
	batch_free(batch);
}

static void on_claimed(struct batch *batch)
{
	struct pass *pass = batch->owner;
	struct self *self = pass->self;

	batch_end_pass(batch, self->queue, self->seen);
	free(pass);
}

static void start_steps(struct self *self, struct str key, const struct object *deployment)
{
	struct pass *pass = memory_new(struct pass);
	struct batch *batch =
		batch_new_watching(self->control, key, pass, on_stepped, "ReplicaSet");
	struct family_claim claim = { .kind = CONTROL_REPLICASETS,
				      .owner_kind = CONTROL_DEPLOYMENTS,
				      .owner = deployment };
	struct deployment_sets sets;

	pass->self = self;
	claim.selector = owner_selectors_find(self->selectors, object_namespace(deployment),
					      object_name(deployment));
	if (family_claim(batch, &claim)) {
		batch->on_end = on_claimed;
	} else {
		deployment_sets_look(&sets, deployment,
				     self->control->families[CONTROL_REPLICASETS]);
		deployment_steps(batch, &sets, &pass->news);
		deployment_sets_clear(&sets);
	}
	batch_seal(batch);
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	const struct object *deployment = find_deployment(self, key);
	struct deployment_news nothing = { 0 };

	if (!deployment) {
		seen_forget(self->seen, key);
		queue_done(self->queue, key, true);
	} else if (object_is_deleting(deployment)) {
		start_telling(self, key, deployment, &nothing, false);
	} else if (seen_is_behind(self->seen, key,
				  cache_revision(self->control->caches[CONTROL_REPLICASETS]))) {
		queue_done(self->queue, key, true); /* the change that it waits for comes here */
	} else {
		start_steps(self, key, deployment);
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

/* Recreate waits until the last old pod is gone, and no set's status tells of that. */
static void wake_of_gone_pod(struct self *self, const struct object *pod)
{
	const struct json *owner = meta_controller(object_json(pod)), *above;
	const struct object *set;
	auto_buf key = BUF_INIT;

	if (!str_is(json_str(json_get(owner, "kind")), "ReplicaSet"))
		return;
	set = cache_find(self->control->caches[CONTROL_REPLICASETS], object_namespace(pod),
			 json_str(json_get(owner, "name")));
	above = set ? meta_controller(object_json(set)) : NULL;
	if (!str_is(json_str(json_get(above, "kind")), "Deployment"))
		return;
	buf_add_print(&key, STR_FMT "/" STR_FMT, STR_ARG(object_namespace(pod)),
		      STR_ARG(json_str(json_get(above, "name"))));
	if (deployment_is_recreated(find_deployment(self, buf_str(&key))))
		queue_add(self->queue, buf_str(&key));
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;

	if (kind == CONTROL_PODS && !after)
		wake_of_gone_pod(self, before);
	if (kind == CONTROL_REPLICASETS)
		owner_selectors_wake(self->selectors, self->queue, "Deployment", before, after);
	if (kind != CONTROL_DEPLOYMENTS)
		return;
	owner_selectors_note(self->selectors, before, after);
	control_queue(self->queue, after ? after : before);
}

const struct control_row control_deployment = { "deployment", start, stop, on_change };
