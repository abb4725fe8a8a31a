/*
 * control_ephemeral.c - a pod's ephemeral volumes get their claims, which go with the pod.
 *
 * The claim is called POD-VOLUME; one of that name that is not the pod's is left alone, and the pod
 * waits until it is gone.
 */
#include "server/control/controller.h"

#define COMPONENT "ephemeral_volume"

static void create_claim(struct batch *batch, const struct object *pod, struct str name,
			 const struct json *template)
{
	static const char *const words[] = { "labels", "annotations" };
	auto_json_doc doc = json_doc_new();
	struct json *claim = json_new_object(doc),
		    *metadata = json_sub_object(doc, claim, "metadata");
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = batch->control->kinds[CONTROL_CLAIMS],
				  .namespace = object_namespace(pod) };

	json_put(doc, metadata, "name", json_new_str(doc, name));
	for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
		json_put(doc, metadata, words[i],
			 json_clone(doc, json_path(template, "metadata", words[i], NULL)));
	json_append(json_sub_array(doc, metadata, "ownerReferences"),
		    control_owner_reference(doc, pod));
	json_put(doc, claim, "spec", json_clone(doc, json_get(template, "spec")));
	json_print(claim, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

static void see_to(struct controller *self, struct batch *batch, const struct object *pod,
		   const struct json *volume)
{
	const struct json *template = json_path(volume, "ephemeral", "volumeClaimTemplate", NULL);
	auto_buf name = BUF_INIT, text = BUF_INIT;
	const struct object *claim;

	buf_add_print(&name, STR_FMT "-" STR_FMT, STR_ARG(object_name(pod)),
		      STR_ARG(json_str(json_get(volume, "name"))));
	claim = cache_find(self->control->caches[CONTROL_CLAIMS], object_namespace(pod),
			   buf_str(&name));
	if (!claim) {
		create_claim(batch, pod, buf_str(&name), template);
	} else if (!str_equal(control_owner_uid(claim), object_uid(pod))) {
		buf_add_print(&text,
			      "PVC " STR_FMT "/%s was not created for pod " STR_FMT "/" STR_FMT
			      " (pod is not owner)",
			      STR_ARG(object_namespace(pod)), buf_text(&name),
			      STR_ARG(object_namespace(pod)), STR_ARG(object_name(pod)));
		control_event(self->control, pod, COMPONENT, "Warning", "FailedCreate",
			      buf_text(&text));
	}
}

static void on_pass(void *owner, struct str key)
{
	struct controller *self = owner;
	const struct object *pod = control_find(self->control, CONTROL_PODS, key);
	struct batch *batch = batch_new(self->control, key, self, controller_on_end);

	if (pod && !object_is_deleting(pod))
		for (struct json_iter it =
			     json_iter(json_path(object_json(pod), "spec", "volumes", NULL));
		     json_next(&it);)
			if (json_path(it.value, "ephemeral", "volumeClaimTemplate", NULL))
				see_to(self, batch, pod, it.value);
	batch_seal(batch);
}

static void *start(struct control *control)
{
	return controller_start(control, on_pass);
}

static bool has_ephemeral(const struct object *pod)
{
	for (struct json_iter it = json_iter(json_path(object_json(pod), "spec", "volumes", NULL));
	     json_next(&it);)
		if (json_get(it.value, "ephemeral"))
			return true;
	return false;
}

/* A claim that goes while its pod is there is made again: the pod's controller is in it. */
static void on_claim(struct controller *self, const struct object *before)
{
	const struct json *owner = meta_controller(object_json(before));
	auto_buf key = BUF_INIT;

	if (!str_is(json_str(json_get(owner, "kind")), "Pod"))
		return;
	buf_add_print(&key, STR_FMT "/" STR_FMT, STR_ARG(object_namespace(before)),
		      STR_ARG(json_str(json_get(owner, "name"))));
	queue_add(self->queue, buf_str(&key));
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct controller *self = own;

	if (kind == CONTROL_CLAIMS && !after)
		on_claim(self, before);
	/* Volumes never change: only a pod that is new matters. */
	if (kind != CONTROL_PODS || !after ||
	    (before && str_equal(object_uid(before), object_uid(after))) || !has_ephemeral(after))
		return;
	control_queue(self->queue, after);
}

const struct control_row control_ephemeral = { "ephemeral", start, controller_stop, on_change };
