/*
 * control_endpointslice.c - the addresses behind each Service that has a selector, in one slice.
 */
#include "api/selector.h"
#include "base/random.h"
#include "server/control/controller.h"

#define SERVICE_LABEL "kubernetes.io/service-name"
#define MANAGED_LABEL "endpointslice.kubernetes.io/managed-by"
#define MANAGER       "endpointslice-controller.k8s.io"
#define ENDPOINTS_MAX 1000

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

/* The container port that a service port means; 0 when the pod has no port of that name. */
static int64_t target_of(const struct json *port, const struct json *pod)
{
	const struct json *target = json_get(port, "targetPort");

	if (json_type(target) != JSON_STRING)
		return target ? json_int(target) : json_int(json_get(port, "port"));
	for (struct json_iter it = json_iter(json_path(pod, "spec", "containers", NULL));
	     json_next(&it);)
		for (struct json_iter each = json_iter(json_get(it.value, "ports"));
		     json_next(&each);)
			if (json_equal(json_get(each.value, "name"), target))
				return json_int(json_get(each.value, "containerPort"));
	return 0;
}

static struct json *endpoint_of(struct json_doc *doc, const struct object *pod)
{
	const struct json *root = object_json(pod);
	struct json *endpoint = json_new_object(doc), *conditions, *target;
	bool ready = control_pod_is_ready(pod), leaving = object_is_deleting(pod);

	json_append(json_sub_array(doc, endpoint, "addresses"),
		    json_clone(doc, json_path(root, "status", "podIP", NULL)));
	conditions = json_sub_object(doc, endpoint, "conditions");
	json_put(doc, conditions, "ready", json_new_bool(doc, ready && !leaving));
	json_put(doc, conditions, "serving", json_new_bool(doc, ready));
	json_put(doc, conditions, "terminating", json_new_bool(doc, leaving));
	target = json_sub_object(doc, endpoint, "targetRef");
	json_put(doc, target, "kind", json_new_text(doc, "Pod"));
	json_put(doc, target, "namespace", json_new_str(doc, object_namespace(pod)));
	json_put(doc, target, "name", json_new_str(doc, object_name(pod)));
	json_put(doc, target, "uid", json_new_str(doc, object_uid(pod)));
	json_put(doc, endpoint, "nodeName",
		 json_clone(doc, json_path(root, "spec", "nodeName", NULL)));
	return endpoint;
}

static bool is_shown(const struct object *pod, const struct object *service)
{
	const struct json *root = object_json(pod);
	struct str phase = json_str(json_path(root, "status", "phase", NULL));

	return str_equal(object_namespace(pod), object_namespace(service)) &&
	       json_str(json_path(root, "status", "podIP", NULL)).len > 0 &&
	       !str_is(phase, "Succeeded") && !str_is(phase, "Failed");
}

/* endpoints and ports as they should be. */
static void wish(struct self *self, const struct object *service, struct json_doc *doc,
		 struct json *endpoints, struct json *ports)
{
	const struct json *spec = json_get(object_json(service), "spec");
	struct selector *selector = selector_from_map(json_get(spec, "selector"));
	const struct object *pod, *first = NULL;

	for (size_t i = 0; (pod = cache_next(self->control->caches[CONTROL_PODS], &i));) {
		if (!is_shown(pod, service) || !selector_match(selector, pod) ||
		    json_count(endpoints) >= ENDPOINTS_MAX)
			continue;
		first = first ? first : pod;
		json_append(endpoints, endpoint_of(doc, pod));
	}
	selector_free(selector);
	for (struct json_iter it = json_iter(json_get(spec, "ports")); json_next(&it);) {
		struct json *port = json_new_object(doc);
		struct str name = json_str(json_get(it.value, "name"));
		int64_t number = target_of(it.value, first ? object_json(first) : NULL);

		if (number == 0)
			continue;
		json_put(doc, port, "name", json_new_str(doc, name.at ? name : STR("")));
		json_put(doc, port, "port", json_new_int(doc, number));
		json_put(doc, port, "protocol", json_clone(doc, json_get(it.value, "protocol")));
		json_append(ports, port);
	}
}

static const struct object *slice_of(struct self *self, const struct object *service)
{
	const struct object *slice;

	for (size_t i = 0; (slice = cache_next(self->control->caches[CONTROL_SLICES], &i));)
		if (str_equal(object_namespace(slice), object_namespace(service)) &&
		    str_equal(object_label(slice, STR(SERVICE_LABEL)), object_name(service)) &&
		    str_is(object_label(slice, STR(MANAGED_LABEL)), MANAGER))
			return slice;
	return NULL;
}

static void write_slice(struct batch *batch, const struct object *service, const struct object *old,
			struct json_doc *doc, struct json *slice)
{
	struct json *metadata = json_sub_object(doc, slice, "metadata"), *labels;
	auto_buf body = BUF_INIT;
	char suffix[6];
	struct client_ask ask = { .verb = old ? CLIENT_UPDATE : CLIENT_CREATE,
				  .kind = batch->control->kinds[CONTROL_SLICES],
				  .namespace = object_namespace(service),
				  .name = old ? object_name(old) : STR_NONE };

	random_suffix(suffix, 5);
	json_put(doc, metadata, "name",
		 old ? json_new_str(doc, object_name(old))
		     : json_new_print(doc, STR_FMT "-%s", STR_ARG(object_name(service)), suffix));
	labels = json_sub_object(doc, metadata, "labels");
	json_put(doc, labels, SERVICE_LABEL, json_new_str(doc, object_name(service)));
	json_put(doc, labels, MANAGED_LABEL, json_new_text(doc, MANAGER));
	json_append(json_sub_array(doc, metadata, "ownerReferences"),
		    control_owner_reference(doc, service));
	json_put(doc, slice, "addressType", json_new_text(doc, "IPv4"));
	json_print(slice, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	struct str rest = key, namespace = str_cut(&rest, '/');
	const struct object *service =
		cache_find(self->control->caches[CONTROL_SERVICES], namespace, rest);
	struct batch *batch = batch_new(self->control, key, self, on_end);

	if (service && !object_is_deleting(service) &&
	    json_count(json_path(object_json(service), "spec", "selector", NULL)) > 0) {
		auto_json_doc doc = json_doc_new();
		struct json *slice = json_new_object(doc);
		struct json *endpoints = json_sub_array(doc, slice, "endpoints");
		struct json *ports = json_sub_array(doc, slice, "ports");
		const struct object *old = slice_of(self, service);

		wish(self, service, doc, endpoints, ports);
		if (!old || !json_equal(endpoints, json_get(object_json(old), "endpoints")) ||
		    !json_equal(ports, json_get(object_json(old), "ports")))
			write_slice(batch, service, old, doc, slice);
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

static void add(struct self *self, struct str namespace, struct str name)
{
	auto_buf key = BUF_INIT;

	buf_add_print(&key, STR_FMT "/" STR_FMT, STR_ARG(namespace), STR_ARG(name));
	queue_add(self->queue, buf_str(&key));
}

/* The services that select a pod, before or after its change. */
static void add_selecting(struct self *self, const struct object *pod)
{
	const struct object *service;

	for (size_t i = 0; (service = cache_next(self->control->caches[CONTROL_SERVICES], &i));) {
		struct selector *selector;

		if (!str_equal(object_namespace(service), object_namespace(pod)))
			continue;
		selector = selector_from_map(
			json_path(object_json(service), "spec", "selector", NULL));
		if (!selector_is_empty(selector) && selector_match(selector, pod))
			add(self, object_namespace(service), object_name(service));
		selector_free(selector);
	}
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;
	const struct object *object = after ? after : before;

	if (kind == CONTROL_SERVICES)
		add(self, object_namespace(object), object_name(object));
	if (kind == CONTROL_SLICES && !after && object_label(before, STR(SERVICE_LABEL)).len > 0)
		add(self, object_namespace(before), object_label(before, STR(SERVICE_LABEL)));
	if (kind == CONTROL_PODS && before)
		add_selecting(self, before);
	if (kind == CONTROL_PODS && after)
		add_selecting(self, after);
}

const struct control_row control_endpointslice = { "endpointslice", start, stop, on_change };
