/*
 * control_serviceaccount.c - each namespace has the account "default" and the config map
 * kube-root-ca.crt, which says what it should.
 */
#include "server/bootstrap.h"
#include "server/control/controller.h"

#define CA_MAP      "kube-root-ca.crt"
#define DESCRIPTION "kubernetes.io/description"

static const char description[] =
	"Contains a CA bundle that can be used to verify the kube-apiserver when using internal "
	"endpoints such as the internal service IP or kubernetes.default.svc. No other usage is "
	"guaranteed across distributions of Kubernetes clusters.";

static void create_account(struct batch *batch, struct str namespace)
{
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = batch->control->kinds[CONTROL_ACCOUNTS],
				  .namespace = namespace,
				  .body = STR("{\"metadata\":{\"name\":\"default\"}}") };

	batch_call(batch, &ask);
}

static struct str ca_of(struct control *control)
{
	return buf_str(&server_secrets(control->server)->server_ca);
}

static bool ca_is_right(struct control *control, const struct object *map)
{
	const struct json *all = json_get(object_json(map), "data");

	return json_count(all) == 1 &&
	       str_equal(json_str(json_get(all, "ca.crt")), ca_of(control)) &&
	       meta_annotation(object_json(map), DESCRIPTION).len > 0;
}

/* `now` is the wrong one, or NULL. */
static void write_ca(struct batch *batch, struct str namespace, const struct object *now)
{
	auto_json_doc doc = now ? object_thaw(now) : json_doc_new();
	struct json *map = now ? json_root(doc) : json_new_object(doc);
	struct json *metadata = json_sub_object(doc, map, "metadata"), *content;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = now ? CLIENT_UPDATE : CLIENT_CREATE,
				  .kind = batch->control->kinds[CONTROL_CONFIGMAPS],
				  .namespace = namespace,
				  .name = now ? STR(CA_MAP) : STR_NONE };

	json_put(doc, metadata, "name", json_new_text(doc, CA_MAP));
	json_put(doc, json_sub_object(doc, metadata, "annotations"), DESCRIPTION,
		 json_new_text(doc, description));
	json_put(doc, map, "data", content = json_new_object(doc));
	json_put(doc, content, "ca.crt", json_new_str(doc, ca_of(batch->control)));
	json_print(map, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

static void on_pass(void *owner, struct str name)
{
	struct controller *self = owner;
	struct control *control = self->control;
	const struct object *namespace =
		cache_find(control->caches[CONTROL_NAMESPACES], STR_NONE, name);
	const struct object *map =
		cache_find(control->caches[CONTROL_CONFIGMAPS], name, STR(CA_MAP));
	struct batch *batch = batch_new(control, name, self, controller_on_end);

	if (namespace && !object_is_deleting(namespace)) {
		if (!cache_find(control->caches[CONTROL_ACCOUNTS], name, STR("default")))
			create_account(batch, name);
		if (!map || !ca_is_right(control, map))
			write_ca(batch, name, map);
	}
	batch_seal(batch);
}

static void *start(struct control *control)
{
	return controller_start(control, on_pass);
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct controller *self = own;

	if (kind == CONTROL_NAMESPACES && after)
		queue_add(self->queue, object_name(after));
	if (kind == CONTROL_ACCOUNTS && before && !after)
		queue_add(self->queue, object_namespace(before));
	if (kind == CONTROL_CONFIGMAPS && before)
		queue_add(self->queue, object_namespace(before));
}

const struct control_row control_serviceaccount = { "serviceaccount", start, controller_stop,
						    on_change };
