/*
 * control_endpointslice.c - the addresses behind each service that has a selector: in slices, and
 * in an Endpoints object for those who still read that.
 *
 * A pass is one service: the pods of its namespace that it selects are read once for both.  What it
 * wrote has to be in the caches before the next pass of the same service.
 */
#include "api/selector.h"
#include "base/map.h"
#include "server/control/controller.h"
#include "server/control/endpoint_slices.h"
#include "server/control/seen.h"
#include "server/control/service_index.h"

#define LARGE   100 /* endpoints: their changes are gathered for a moment */
#define WAIT_MS 200
#define ZONE    "topology.kubernetes.io/zone"

struct self {
	struct control *control;
	struct queue *queue; /* "namespace/name" of services */
	struct service_index *index;
	struct seen *slices;
	struct map *large; /* keys of services with many endpoints */
};

static void on_end(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, self->slices);
}

/* --- a pass --- */

static bool is_followed(const struct object *service)
{
	const struct json *spec = json_get(object_json(service), "spec");

	return json_count(json_get(spec, "selector")) > 0 &&
	       !str_is(json_str(json_get(spec, "type")), "ExternalName");
}

static void gather(struct self *self, const struct object *service, struct endpoint_list *list)
{
	struct selector *selector =
		selector_from_map(json_path(object_json(service), "spec", "selector", NULL));
	struct str name;

	endpoint_list_init(list, service);
	for (size_t i = 0;
	     (name = service_index_next_pod(self->index, object_namespace(service), &i)).len > 0;) {
		const struct object *pod = cache_find(self->control->caches[CONTROL_PODS],
						      object_namespace(service), name);

		if (pod && selector_match(selector, pod))
			endpoint_list_add(list, service, pod);
	}
	selector_free(selector);
}

/* The slices of the service that are ours. */
static const struct object **slices_of(struct self *self, const struct object *service,
				       size_t *out_count)
{
	const struct object **slices = NULL;
	size_t count = 0;
	struct str name;

	for (size_t i = 0; (name = service_index_next_slice(self->index, object_namespace(service),
							    object_name(service), &i))
				   .len > 0;) {
		const struct object *slice = cache_find(self->control->caches[CONTROL_SLICES],
							object_namespace(service), name);

		if (!slice || object_is_deleting(slice) ||
		    !str_is(object_label(slice, STR(SLICE_MANAGED_BY)), SLICE_MANAGER))
			continue;
		slices = memory_grow(slices, (count + 1) * sizeof(*slices));
		slices[count++] = slice;
	}
	*out_count = count;
	return slices;
}

static void note_size(struct self *self, struct str key, size_t count)
{
	if (count > LARGE)
		map_put(self->large, key, self);
	else
		map_remove(self->large, key);
}

static void write_both(struct self *self, struct batch *batch, const struct object *service)
{
	struct endpoint_list list;
	const struct object **slices;
	size_t count;

	gather(self, service, &list);
	note_size(self, str_of(batch->key), list.count);
	slices = slices_of(self, service, &count);
	endpoint_slices_write(batch, service, &list, slices, count);
	endpoints_write(batch, service, &list,
			cache_find(self->control->caches[CONTROL_ENDPOINTS],
				   object_namespace(service), object_name(service)));
	free(slices);
	endpoint_list_clear(&list);
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	struct cache **caches = self->control->caches;
	const struct object *service = control_find(self->control, CONTROL_SERVICES, key);
	struct batch *batch;

	if (!service || object_is_deleting(service) || !is_followed(service)) {
		seen_forget(self->slices, key);
		map_remove(self->large, key);
		queue_done(self->queue, key, true);
		return;
	}
	if (seen_is_behind(self->slices, key, cache_revision(caches[CONTROL_SLICES]))) {
		queue_done(self->queue, key, true); /* the change that is to come adds it again */
		return;
	}
	batch = batch_new_watching(self->control, key, self, on_end, "EndpointSlice");
	write_both(self, batch, service);
	batch_seal(batch);
}

/* --- the row --- */

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->index = service_index_new();
	self->slices = seen_new();
	self->large = map_new();
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	queue_free(self->queue);
	service_index_free(self->index);
	seen_free(self->slices);
	map_free(self->large);
	free(self);
}

static void add(struct self *self, struct str namespace, struct str name)
{
	auto_buf key = BUF_INIT;

	buf_add_print(&key, STR_FMT "/" STR_FMT, STR_ARG(namespace), STR_ARG(name));
	if (map_find(self->large, buf_str(&key)))
		queue_add_after(self->queue, buf_str(&key), WAIT_MS);
	else
		queue_add(self->queue, buf_str(&key));
}

static void add_selecting(struct self *self, const struct object *pod)
{
	struct str name;

	for (size_t i = 0; (name = service_index_next_service(self->index, pod, &i)).len > 0;)
		add(self, object_namespace(pod), name);
}

/* Both states: after a change of its labels a service may have lost it. */
static void on_pod(struct self *self, const struct object *before, const struct object *after)
{
	service_index_pod(self->index, before, after);
	if (before)
		add_selecting(self, before);
	if (after)
		add_selecting(self, after);
}

/* Endpoints have no owner: they go here. */
static void on_service(struct self *self, const struct object *before, const struct object *after)
{
	const struct object *service = after ? after : before;
	struct client_ask ask = { .verb = CLIENT_DELETE,
				  .kind = self->control->kinds[CONTROL_ENDPOINTS],
				  .namespace = object_namespace(service),
				  .name = object_name(service) };

	service_index_service(self->index, before, after);
	add(self, object_namespace(service), object_name(service));
	if (!after && cache_find(self->control->caches[CONTROL_ENDPOINTS],
				 object_namespace(service), object_name(service)))
		client_call(self->control->client, &ask);
}

static void on_slice(struct self *self, const struct object *before, const struct object *after)
{
	const struct object *slice = after ? after : before;
	struct str service = service_index_of_slice(slice);

	service_index_slice(self->index, before, after);
	if (service.len > 0)
		add(self, object_namespace(slice), service);
}

/* Endpoints tell their node's zone. */
static void on_node(struct self *self, const struct object *before, const struct object *after)
{
	const struct object *service;

	if (!before || !after ||
	    str_equal(object_label(before, STR(ZONE)), object_label(after, STR(ZONE))))
		return;
	for (size_t i = 0; (service = cache_next(self->control->caches[CONTROL_SERVICES], &i));)
		add(self, object_namespace(service), object_name(service));
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;
	const struct object *object = after ? after : before;

	if (kind == CONTROL_SERVICES)
		on_service(self, before, after);
	if (kind == CONTROL_SLICES)
		on_slice(self, before, after);
	if (kind == CONTROL_ENDPOINTS)
		add(self, object_namespace(object), object_name(object));
	if (kind == CONTROL_NODES)
		on_node(self, before, after);
	if (kind == CONTROL_PODS)
		on_pod(self, before, after);
}

const struct control_row control_endpointslice = { "endpointslice", start, stop, on_change };
