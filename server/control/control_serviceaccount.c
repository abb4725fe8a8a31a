/*
 * control_serviceaccount.c - each namespace has the account "default" and the config map
 * kube-root-ca.crt.
 */
#include "server/bootstrap.h"
#include "server/control/controller.h"

#define CA_MAP "kube-root-ca.crt"

struct self {
	struct control *control;
	struct queue *queue;
};

static void on_end(struct batch *batch)
{
	struct self *self = batch->owner;

	queue_done(self->queue, str_of(batch->key), !batch->failed);
	batch_free(batch);
}

static void create_account(struct batch *batch, struct str namespace)
{
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = batch->control->kinds[CONTROL_ACCOUNTS],
				  .namespace = namespace,
				  .body = STR("{\"metadata\":{\"name\":\"default\"}}") };

	batch_call(batch, &ask);
}

static void create_ca(struct batch *batch, struct str namespace)
{
	auto_json_doc doc = json_doc_new();
	struct json *map = json_new_object(doc);
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = batch->control->kinds[CONTROL_CONFIGMAPS],
				  .namespace = namespace };

	json_put(doc, json_sub_object(doc, map, "metadata"), "name", json_new_text(doc, CA_MAP));
	json_put(doc, json_sub_object(doc, map, "data"), "ca.crt",
		 json_new_str(doc, buf_str(&server_secrets(batch->control->server)->server_ca)));
	json_print(map, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

static void on_pass(void *owner, struct str name)
{
	struct self *self = owner;
	struct control *control = self->control;
	const struct object *namespace =
		cache_find(control->caches[CONTROL_NAMESPACES], STR_NONE, name);
	struct batch *batch = batch_new(control, name, self, on_end);

	if (namespace && !object_is_deleting(namespace)) {
		if (!cache_find(control->caches[CONTROL_ACCOUNTS], name, STR("default")))
			create_account(batch, name);
		if (!cache_find(control->caches[CONTROL_CONFIGMAPS], name, STR(CA_MAP)))
			create_ca(batch, name);
	}
	batch_seal(batch);
}

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	queue_free(self->queue);
	free(self);
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;

	if (kind == CONTROL_NAMESPACES && after)
		queue_add(self->queue, object_name(after));
	if ((kind == CONTROL_ACCOUNTS || kind == CONTROL_CONFIGMAPS) && before && !after)
		queue_add(self->queue, object_namespace(before));
}

const struct control_row control_serviceaccount = { "serviceaccount", start, stop, on_change };
