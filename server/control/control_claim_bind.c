/*
 * control_claim_bind.c - claims and persistent volumes find each other; both say so.
 *
 *   claim: Pending --(volume chosen)--> volume names claim --> claim names volume --> Bound
 *                                                                Bound --(volume gone)--> Lost
 *   volume: Available --> Bound --(claim gone)--> Released --(not to be removed)--> Failed
 *
 * A pass makes one step; the change that it causes makes the next pass.  Every write names the
 * revision that it was thought out from, so two passes that want the same volume do not both get
 * it.  New volumes are made by control_provision, which also removes those released with the policy
 * Delete that it made.
 */
#include "api/validate_claim.h"
#include "base/map.h"
#include "server/control/binder.h"
#include "server/control/claim_words.h"
#include "server/control/controller.h"
#include "server/control/volume_index.h"
#include "server/registry/registry.h"

#define COMPONENT "persistentvolume-controller"

struct self {
	struct control *control;
	struct queue *queue; /* "c/namespace/name" and "v/name" */
	struct volume_index *index;
	struct map *unbound;   /* "namespace/name" of claims without a volume -> class */
	struct map *consumers; /* "namespace/name" of claims -> a pod without a node */
	struct map *told;      /* key -> the last event, so that each is told once */
};

static void on_end(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, NULL);
}

static void add_claim(struct self *self, struct str namespace, struct str name)
{
	auto_buf key = BUF_INIT;

	if (name.len == 0)
		return;
	buf_add_print(&key, "c/" STR_FMT "/" STR_FMT, STR_ARG(namespace), STR_ARG(name));
	queue_add(self->queue, buf_str(&key));
}

static void add_volume(struct self *self, struct str name)
{
	auto_buf key = BUF_INIT;

	if (name.len == 0)
		return;
	buf_add_print(&key, "v/" STR_FMT, STR_ARG(name));
	queue_add(self->queue, buf_str(&key));
}

/* --- telling --- */

static void tell(struct self *self, struct str key, const struct object *about, const char *type,
		 const char *reason, const char *text)
{
	if (control_is_news(self->told, key, reason, text))
		control_event(self->control, about, COMPONENT, type, reason, text);
}

static void forget(struct self *self, struct str key)
{
	free(map_remove(self->told, key));
}

/* --- binding, step by step --- */

static bool names_uid(const struct object *volume, const struct object *claim)
{
	return str_equal(json_str(json_path(object_json(volume), "spec", "claimRef", "uid", NULL)),
			 object_uid(claim));
}

static bool is_completed(const struct object *claim)
{
	return meta_annotation(object_json(claim), CLAIM_BIND_COMPLETED).at != NULL;
}

static void bind(struct batch *batch, const struct object *volume, const struct object *claim)
{
	struct self *self = batch->owner;
	struct str named = json_str(json_path(object_json(claim), "spec", "volumeName", NULL));

	if (!names_uid(volume, claim) || !volume_index_is_for(volume, claim)) {
		binder_claim_volume(batch, volume, claim);
		return;
	}
	if (!is_completed(claim) || !str_equal(named, object_name(volume)))
		binder_name_volume(batch, claim, volume);
	else if (binder_tell_claim(batch, claim, "Bound", volume))
		forget(self, str_of(batch->key));
	add_volume(self, object_name(volume));
}

/* --- claims that have no volume yet --- */

static const struct object *class_of(struct self *self, const struct object *claim)
{
	return cache_find(self->control->caches[CONTROL_STORAGECLASSES], STR_NONE,
			  claim_class(object_json(claim)));
}

/* A class came after the claim: who named none gets it now. */
static bool give_class(struct self *self, struct batch *batch, const struct object *claim)
{
	const struct json *root = object_json(claim);
	const struct object *class, *best = NULL;

	if (json_path(root, "spec", "storageClassName", NULL) || claim_class(root).at)
		return false;
	for (size_t i = 0; (class = cache_next(self->control->caches[CONTROL_STORAGECLASSES], &i));)
		if (str_is(meta_annotation(object_json(class), CLAIM_DEFAULT_CLASS), "true") &&
		    (!best || str_compare(meta_str(object_json(class), "creationTimestamp"),
					  meta_str(object_json(best), "creationTimestamp")) > 0))
			best = class;
	if (!best)
		return false;
	binder_give_class(batch, claim, best);
	return true;
}

/* Who would be the first consumer, if there is such a pod already. */
static void tell_waiting(struct self *self, struct str key, const struct object *claim)
{
	auto_buf text = BUF_INIT, own = BUF_INIT;
	const char *pod;

	object_key(claim, &own);
	pod = map_find(self->consumers, buf_str(&own));
	buf_add_print(&text, "waiting for pod %s to be scheduled", pod ? pod : "");
	if (pod)
		tell(self, key, claim, "Normal", "WaitForPodScheduled", buf_text(&text));
	else
		tell(self, key, claim, "Normal", "WaitForFirstConsumer",
		     "waiting for first consumer to be created before binding");
}

/* Somebody else makes the volume: say who is meant. */
static void ask_provisioner(struct self *self, struct batch *batch, const struct object *claim,
			    struct str name)
{
	struct str key = str_of(batch->key);
	auto_buf text = BUF_INIT;

	if (str_starts(name, STR("kubernetes.io/"))) {
		buf_add_print(&text, "no volume plugin matched name: " STR_FMT, STR_ARG(name));
		tell(self, key, claim, "Warning", "ProvisioningFailed", buf_text(&text));
		return;
	}
	buf_add_print(&text,
		      "Waiting for a volume to be created either by the external provisioner "
		      "'" STR_FMT
		      "' or manually by the system administrator. If volume creation is "
		      "delayed, please verify that the provisioner is running and correctly "
		      "registered.",
		      STR_ARG(name));
	tell(self, key, claim, "Normal", "ExternalProvisioning", buf_text(&text));
	if (!str_equal(meta_annotation(object_json(claim), CLAIM_PROVISIONER), name))
		binder_name_provisioner(batch, claim, name);
}

static void wait_for_volume(struct self *self, struct batch *batch, const struct object *claim,
			    bool delayed)
{
	struct str key = str_of(batch->key), name = claim_class(object_json(claim));
	const struct object *class = class_of(self, claim);
	auto_buf text = BUF_INIT;

	if (delayed && meta_annotation(object_json(claim), CLAIM_SELECTED_NODE).len == 0) {
		tell_waiting(self, key, claim);
	} else if (name.len == 0) {
		tell(self, key, claim, "Normal", "FailedBinding",
		     "no persistent volumes available for this claim and no storage class is set");
	} else if (!class) {
		buf_add_print(&text, "storageclass.storage.k8s.io \"" STR_FMT "\" not found",
			      STR_ARG(name));
		tell(self, key, claim, "Warning", "ProvisioningFailed", buf_text(&text));
	} else {
		ask_provisioner(self, batch, claim,
				json_str(json_get(object_json(class), "provisioner")));
	}
}

static void find_volume(struct self *self, struct batch *batch, const struct object *claim)
{
	const struct object *class = class_of(self, claim), *volume;
	bool delayed = class && str_is(json_str(json_get(object_json(class), "volumeBindingMode")),
				       "WaitForFirstConsumer");
	struct str found = volume_index_match(self->index, claim, delayed);

	volume = found.len > 0 ? cache_find(self->control->caches[CONTROL_VOLUMES], STR_NONE, found)
			       : NULL;
	if (volume)
		bind(batch, volume, claim);
	else if (!give_class(self, batch, claim))
		wait_for_volume(self, batch, claim, delayed);
}

/* The claim asks for a volume by its name. */
static void take_named(struct self *self, struct batch *batch, const struct object *claim,
		       const struct object *volume)
{
	struct str key = str_of(batch->key), name = object_name(volume);
	bool is_free = !json_path(object_json(volume), "spec", "claimRef", NULL);
	const char *why = is_free ? volume_index_mismatch(volume, claim) : NULL;
	auto_buf text = BUF_INIT;

	if (!why && (is_free || volume_index_is_for(volume, claim))) {
		bind(batch, volume, claim);
		return;
	}
	if (why)
		buf_add_print(&text, "Cannot bind to requested volume \"" STR_FMT "\": %s",
			      STR_ARG(name), why);
	else
		buf_add_print(&text, "volume \"" STR_FMT "\" already bound to a different claim.",
			      STR_ARG(name));
	tell(self, key, claim, "Warning", why ? "VolumeMismatch" : "FailedBinding",
	     buf_text(&text));
	binder_tell_claim(batch, claim, "Pending", NULL);
}

static void pass_unbound(struct self *self, struct batch *batch, const struct object *claim)
{
	struct str name = json_str(json_path(object_json(claim), "spec", "volumeName", NULL));
	const struct object *volume =
		cache_find(self->control->caches[CONTROL_VOLUMES], STR_NONE, name);

	if (name.len == 0)
		find_volume(self, batch, claim);
	else if (volume)
		take_named(self, batch, claim, volume);
	else
		binder_tell_claim(batch, claim, "Pending", NULL);
}

/* --- claims that have one --- */

static void lose(struct self *self, struct batch *batch, const struct object *claim,
		 const char *reason, const char *text)
{
	if (binder_is_phase(claim, "Lost"))
		return;
	binder_tell_claim(batch, claim, "Lost", NULL);
	tell(self, str_of(batch->key), claim, "Warning", reason, text);
}

/* A size that somebody else would have to see to. */
static void tell_expansion(struct self *self, struct batch *batch, const struct object *claim)
{
	if (binder_is_phase(claim, "Bound") && volume_index_wants_more(claim))
		tell(self, str_of(batch->key), claim, "Normal", "ExternalExpanding",
		     "waiting for an external controller to expand this PVC");
}

static void pass_bound(struct self *self, struct batch *batch, const struct object *claim)
{
	struct str name = json_str(json_path(object_json(claim), "spec", "volumeName", NULL));
	const struct object *volume =
		cache_find(self->control->caches[CONTROL_VOLUMES], STR_NONE, name);

	if (name.len == 0)
		lose(self, batch, claim, "ClaimLost",
		     "Bound claim has lost reference to PersistentVolume. Data on the volume is "
		     "lost!");
	else if (!volume)
		lose(self, batch, claim, "ClaimLost",
		     "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
	else if (json_path(object_json(volume), "spec", "claimRef", NULL) &&
		 !names_uid(volume, claim))
		lose(self, batch, claim, "ClaimMisbound",
		     "Two claims are bound to the same volume, this one is bound incorrectly");
	else
		bind(batch, volume, claim);
	tell_expansion(self, batch, claim);
}

/* --- volumes --- */

/* What the store says, not the cache: data depends on it. */
static const struct object *claim_of(struct self *self, const struct json *reference)
{
	const struct object *claim = registry_find(
		server_registry(self->control->server), self->control->kinds[CONTROL_CLAIMS],
		json_str(json_get(reference, "namespace")), json_str(json_get(reference, "name")));

	return claim && str_equal(object_uid(claim), json_str(json_get(reference, "uid"))) ? claim
											   : NULL;
}

static bool is_provisioned(const struct object *volume)
{
	return meta_annotation(object_json(volume), CLAIM_PROVISIONED_BY).at != NULL;
}

static bool is_policy(const struct object *volume, const char *policy)
{
	return str_is(json_str(json_path(object_json(volume), "spec",
					 "persistentVolumeReclaimPolicy", NULL)),
		      policy);
}

static void fail(struct self *self, struct batch *batch, const struct object *volume,
		 const char *reason, const char *text)
{
	if (binder_tell_volume(batch, volume, "Failed", text))
		tell(self, str_of(batch->key), volume, "Warning", reason, text);
}

/* Nobody has a claim to it any more.  Who made the volume removes it. */
static void release(struct self *self, struct batch *batch, const struct object *volume)
{
	auto_buf text = BUF_INIT;

	if (!binder_is_phase(volume, "Released") && !binder_is_phase(volume, "Failed")) {
		binder_tell_volume(batch, volume, "Released", NULL);
		return;
	}
	if (is_policy(volume, "Recycle"))
		fail(self, batch, volume, "VolumeFailedRecycle",
		     "No recycler plugin found for the volume!");
	if (!is_policy(volume, "Delete") || is_provisioned(volume))
		return;
	buf_add_print(&text,
		      "error getting deleter volume plugin for volume \"" STR_FMT
		      "\": no deletable volume plugin matched",
		      STR_ARG(object_name(volume)));
	fail(self, batch, volume, "VolumeFailedDelete", buf_text(&text));
}

static void pass_claimed(struct self *self, struct batch *batch, const struct object *volume,
			 const struct json *reference)
{
	const struct object *claim = claim_of(self, reference);
	struct str named =
		claim ? json_str(json_path(object_json(claim), "spec", "volumeName", NULL))
		      : STR_NONE;

	if (!claim)
		release(self, batch, volume);
	else if (named.len == 0)
		add_claim(self, object_namespace(claim), object_name(claim));
	else if (str_equal(named, object_name(volume)))
		binder_tell_volume(batch, volume, "Bound", NULL);
	else if (is_provisioned(volume) && is_policy(volume, "Delete"))
		release(self, batch, volume);
	else
		binder_undo(batch, volume);
}

static void pass_volume(struct self *self, struct batch *batch, const struct object *volume)
{
	const struct json *reference = json_path(object_json(volume), "spec", "claimRef", NULL);

	if (json_str(json_get(reference, "uid")).len > 0) {
		pass_claimed(self, batch, volume, reference);
		return;
	}
	binder_tell_volume(batch, volume, "Available", NULL);
	add_claim(self, json_str(json_get(reference, "namespace")),
		  json_str(json_get(reference, "name")));
}

/* --- passes --- */

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	struct cache **caches = self->control->caches;
	struct batch *batch = batch_new(self->control, key, self, on_end);
	struct str rest = key, what = str_cut(&rest, '/'), namespace = STR_NONE;
	const struct object *object;

	if (str_is(what, "c"))
	namespace = str_cut(&rest, '/');
	object = cache_find(caches[str_is(what, "c") ? CONTROL_CLAIMS : CONTROL_VOLUMES], namespace,
			    rest);
	if (!object)
		forget(self, key);
	else if (str_is(what, "v"))
		pass_volume(self, batch, object);
	else if (is_completed(object))
		pass_bound(self, batch, object);
	else if (!object_is_deleting(object))
		pass_unbound(self, batch, object);
	batch_seal(batch);
}

/* --- the row --- */

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->index = volume_index_new(control->caches[CONTROL_VOLUMES]);
	self->unbound = map_new();
	self->consumers = map_new();
	self->told = map_new();
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	queue_free(self->queue);
	volume_index_free(self->index);
	map_free_all(self->unbound);
	map_free_all(self->consumers);
	map_free_all(self->told);
	free(self);
}

static void on_claim(struct self *self, const struct object *before, const struct object *after)
{
	const struct object *claim = after ? after : before;
	auto_buf key = BUF_INIT;

	object_key(claim, &key);
	if (after && !is_completed(after))
		free(map_put(self->unbound, buf_str(&key),
			     str_copy(claim_class(object_json(after)))));
	else
		free(map_remove(self->unbound, buf_str(&key)));
	if (!after || !before)
		add_volume(self, volume_index_of(self->index, buf_str(&key)));
	if (after)
		add_volume(self,
			   json_str(json_path(object_json(after), "spec", "volumeName", NULL)));
	add_claim(self, object_namespace(claim), object_name(claim));
}

/* class NULL: of any */
static void add_unbound(struct self *self, const struct str *class)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_next(self->unbound, &i, &key, &value);) {
		struct str rest = key, namespace = str_cut(&rest, '/');

		if (!class || str_is(*class, value))
			add_claim(self, namespace, rest);
	}
}

static void on_volume(struct self *self, const struct object *before, const struct object *after)
{
	const struct json *root = object_json(after ? after : before);
	const struct json *reference = json_path(root, "spec", "claimRef", NULL);
	struct str class = claim_class(root);

	volume_index_note(self->index, before, after);
	add_volume(self, object_name(after ? after : before));
	add_claim(self, json_str(json_get(reference, "namespace")),
		  json_str(json_get(reference, "name")));
	if (after && !reference && binder_is_phase(after, "Available"))
		add_unbound(self, &class);
	if (!before)
		add_unbound(self, &class); /* one of them may ask for it by name */
}

static void note_consumer(struct self *self, const struct object *pod, struct str claim, bool waits)
{
	auto_buf key = BUF_INIT;
	const char *known;

	buf_add_print(&key, STR_FMT "/" STR_FMT, STR_ARG(object_namespace(pod)), STR_ARG(claim));
	known = map_find(self->consumers, buf_str(&key));
	if (waits && !known)
		map_put(self->consumers, buf_str(&key), str_copy(object_name(pod)));
	else if (!waits && known && str_is(object_name(pod), known))
		free(map_remove(self->consumers, buf_str(&key)));
	if (waits && !known && map_find(self->unbound, buf_str(&key)))
		add_claim(self, object_namespace(pod), claim);
}

static void on_pod(struct self *self, const struct object *before, const struct object *after)
{
	const struct json *spec = json_get(object_json(after ? after : before), "spec");
	bool waits = after && json_str(json_get(spec, "nodeName")).len == 0;

	if (before && !waits &&
	    json_str(json_path(object_json(before), "spec", "nodeName", NULL)).len > 0)
		return; /* it did not wait before */
	for (struct json_iter it = json_iter(json_get(spec, "volumes")); json_next(&it);) {
		const struct object *pod = after ? after : before;
		struct str claim =
			json_str(json_path(it.value, "persistentVolumeClaim", "claimName", NULL));
		auto_buf own = BUF_INIT;

		if (json_get(it.value, "ephemeral")) {
			buf_add_print(&own, STR_FMT "-" STR_FMT, STR_ARG(object_name(pod)),
				      STR_ARG(json_str(json_get(it.value, "name"))));
			claim = buf_str(&own);
		}
		if (claim.len > 0)
			note_consumer(self, pod, claim, waits);
	}
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	if (kind == CONTROL_CLAIMS)
		on_claim(own, before, after);
	if (kind == CONTROL_VOLUMES)
		on_volume(own, before, after);
	if (kind == CONTROL_STORAGECLASSES && after)
		add_unbound(own, NULL);
	if (kind == CONTROL_PODS)
		on_pod(own, before, after);
}

const struct control_row control_claim_bind = { "claim-bind", start, stop, on_change };
