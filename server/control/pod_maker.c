/*
 * pod_maker.c - rounds of creations, and single deletions.
 */
#include "server/control/pod_maker.h"

#include <assert.h>
#include <stdio.h>

#define MESSAGE_MAX 1024

struct json *pod_maker_new(struct json_doc *doc, const struct object *owner,
			   const struct json *template)
{
	static const char *const kept[] = { "labels", "annotations", "finalizers" };
	struct json *pod = json_new_object(doc), *metadata = json_sub_object(doc, pod, "metadata");
	const struct json *spec = json_get(template, "spec");

	json_put(doc, metadata, "generateName",
		 json_new_print(doc, STR_FMT "-", STR_ARG(object_name(owner))));
	for (size_t i = 0; i < ARRAY_LENGTH(kept); i++)
		json_put(doc, metadata, kept[i],
			 json_clone(doc, json_path(template, "metadata", kept[i], NULL)));
	json_append(json_sub_array(doc, metadata, "ownerReferences"),
		    control_owner_reference(doc, owner));
	json_put(doc, pod, "spec", spec ? json_clone(doc, spec) : json_new_object(doc));
	return pod;
}

void pod_list_add(struct pod_list *list, const struct json *pod)
{
	auto_buf body = BUF_INIT;

	json_print(pod, &body);
	list->bodies = memory_grow(list->bodies, (list->count + 1) * sizeof(*list->bodies));
	list->bodies[list->count++] = buf_take(&body);
}

bool pod_maker_is_namespace_going(const struct error *err)
{
	return err->kind == ERROR_FORBIDDEN &&
	       strstr(err->text, "because it is being terminated") != NULL;
}

/* --- making --- */

struct making {
	struct batch *batch;
	const struct object *owner;
	const char *component; /* a constant text */
	struct pod_list list;
	size_t next, round, running;
	bool failed;
};

static void making_free(struct making *making)
{
	for (size_t i = 0; i < making->list.count; i++)
		free(making->list.bodies[i]);
	free(making->list.bodies);
	object_unref(making->owner);
	free(making);
}

static void start_round(struct making *making);

static void tell_made(const struct making *making, const struct json *pod, const struct error *err)
{
	char text[MESSAGE_MAX];

	if (!err) {
		snprintf(text, sizeof(text), "Created pod: " STR_FMT,
			 STR_ARG(meta_str(pod, "name")));
		control_event(making->batch->control, making->owner, making->component, "Normal",
			      "SuccessfulCreate", text);
		return;
	}
	snprintf(text, sizeof(text), "Error creating: %s", err->text);
	control_event(making->batch->control, making->owner, making->component, "Warning",
		      "FailedCreate", text);
}

static void note_revision(struct batch *batch, const struct json *pod)
{
	uint64_t revision;

	if (batch->watched && strcmp(batch->watched, "Pod") == 0 &&
	    str_to_u64(meta_str(pod, "resourceVersion"), UINT64_MAX, &revision) &&
	    revision > batch->revision)
		batch->revision = revision;
}

static void on_made(void *of, const struct json *result, const struct error *err)
{
	struct making *making = of;
	struct batch *batch = making->batch;
	bool is_going = err && pod_maker_is_namespace_going(err);

	note_revision(batch, result);
	making->failed = making->failed || err;
	if (!is_going)
		tell_made(making, result, err);
	making->running--;
	if (making->running == 0)
		start_round(making);
	batch_drop(batch, is_going ? NULL : err);
}

static void make_one(struct making *making)
{
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = making->batch->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(making->owner),
				  .body = str_of(making->list.bodies[making->next]),
				  .on_done = on_made,
				  .of = making };

	making->next++;
	batch_hold(making->batch);
	client_call(making->batch->control->client, &ask);
}

/* The last round frees it; the batch outlives that, since its last call is dropped after. */
static void start_round(struct making *making)
{
	size_t left = making->list.count - making->next;
	size_t size = making->round < left ? making->round : left;

	if (size == 0 || making->failed || making->batch->control->stopping) {
		making_free(making);
		return;
	}
	making->round = making->round < POD_ROUND_MAX ? making->round * 2 : POD_ROUND_MAX;
	making->running = size;
	for (size_t i = 0; i < size; i++)
		make_one(making);
}

void pod_maker_create(struct batch *batch, const struct object *owner, const char *component,
		      struct pod_list *list)
{
	struct making *making = memory_new(struct making);

	making->batch = batch;
	making->owner = object_ref(owner);
	making->component = component;
	making->list = *list;
	making->round = 1;
	*list = (struct pod_list){ 0 };
	start_round(making);
}

/* --- removing --- */

struct removing {
	struct batch *batch;
	const struct object *owner, *pod;
	const char *component;
};

static void on_removed(void *of, const struct json *result, const struct error *err)
{
	struct removing *removing = of;
	struct batch *batch = removing->batch;
	bool is_gone = err && err->kind == ERROR_NOT_FOUND;
	char text[MESSAGE_MAX];

	note_revision(batch, result);
	if (err && !is_gone) {
		snprintf(text, sizeof(text), "Error deleting: %s", err->text);
		control_event(batch->control, removing->owner, removing->component, "Warning",
			      "FailedDelete", text);
	} else if (!err) {
		snprintf(text, sizeof(text), "Deleted pod: " STR_FMT,
			 STR_ARG(object_name(removing->pod)));
		control_event(batch->control, removing->owner, removing->component, "Normal",
			      "SuccessfulDelete", text);
	}
	object_unref(removing->owner);
	object_unref(removing->pod);
	free(removing);
	batch_drop(batch, is_gone ? NULL : err);
}

void pod_maker_delete(struct batch *batch, const struct object *owner, const char *component,
		      const struct object *pod)
{
	struct removing *removing;
	struct client_ask ask = { .verb = CLIENT_DELETE,
				  .kind = batch->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(pod),
				  .name = object_name(pod),
				  .on_done = on_removed };

	if (batch->control->stopping)
		return;
	removing = memory_new(struct removing);
	*removing = (struct removing){ batch, object_ref(owner), object_ref(pod), component };
	ask.of = removing;
	batch_hold(batch);
	client_call(batch->control->client, &ask);
}
