/*
 * control_slice_mirror.c - Endpoints that people write for a service without a selector are told
 * again as slices, for those who read only these.
 *
 * A slice for each subset and family of addresses; it is the Endpoints object's and goes with it.
 */
#include "server/control/endpoint_slices.h"
#include "server/control/seen.h"
#include "server/control/service_index.h"

#define SERVICE_LABEL "kubernetes.io/service-name"
#define MANAGED_BY    "endpointslice.kubernetes.io/managed-by"
#define MANAGER       "endpointslicemirroring-controller.k8s.io"
#define SKIP          "endpointslice.kubernetes.io/skip-mirror"
#define LEADER        "control-plane.alpha.kubernetes.io/leader"
#define LAST_APPLIED  "kubectl.kubernetes.io/last-applied-configuration"
#define CHANGE_TIME   "endpoints.kubernetes.io/last-change-trigger-time"
#define ADDRESSES_MAX 1000 /* of a slice */

struct self {
	struct control *control;
	struct queue *queue;         /* "namespace/name" of Endpoints */
	struct service_index *index; /* of mirrored slices only */
	struct seen *seen;
};

static void on_end(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, self->seen);
}

/* --- what is wished --- */

struct mirror {
	struct batch *batch;
	const struct object *endpoints;
	struct json_doc *doc;
	struct json *slices; /* wished ones: {"addressType","endpoints","ports"} */
	const struct object **old;
	size_t old_count;
};

static struct json *new_endpoint(struct json_doc *doc, const struct json *address, bool ready)
{
	static const char *const fields[] = { "hostname", "nodeName", "targetRef" };
	struct json *made = json_new_object(doc);

	json_append(json_sub_array(doc, made, "addresses"),
		    json_clone(doc, json_get(address, "ip")));
	json_put(doc, json_sub_object(doc, made, "conditions"), "ready", json_new_bool(doc, ready));
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		json_put(doc, made, fields[i], json_clone(doc, json_get(address, fields[i])));
	return made;
}

static void add_addresses(struct mirror *it, struct json *list, const struct json *addresses,
			  bool six, bool ready)
{
	for (struct json_iter each = json_iter(addresses);
	     json_count(list) < ADDRESSES_MAX && json_next(&each);)
		if ((str_find(json_str(json_get(each.value, "ip")), ':') >= 0) == six)
			json_append(list, new_endpoint(it->doc, each.value, ready));
}

/* A slice's port has a name, be it empty. */
static struct json *new_ports(struct json_doc *doc, const struct json *ports)
{
	struct json *made = json_new_array(doc);

	for (struct json_iter it = json_iter(ports); json_next(&it);) {
		struct json *port = json_clone(doc, it.value);

		if (!json_get(port, "name"))
			json_put(doc, port, "name", json_new_text(doc, ""));
		json_append(made, port);
	}
	return made;
}

static void wish_subset(struct mirror *it, const struct json *subset, bool six)
{
	struct json *slice = json_new_object(it->doc), *list;

	list = json_sub_array(it->doc, slice, "endpoints");
	add_addresses(it, list, json_get(subset, "addresses"), six, true);
	add_addresses(it, list, json_get(subset, "notReadyAddresses"), six, false);
	if (json_count(list) == 0)
		return;
	json_put(it->doc, slice, "addressType", json_new_text(it->doc, six ? "IPv6" : "IPv4"));
	json_put(it->doc, slice, "ports", new_ports(it->doc, json_get(subset, "ports")));
	json_append(it->slices, slice);
}

static bool is_mirrored(struct self *self, const struct object *endpoints)
{
	const struct object *service =
		cache_find(self->control->caches[CONTROL_SERVICES], object_namespace(endpoints),
			   object_name(endpoints));

	return service && !object_is_deleting(endpoints) &&
	       json_count(json_path(object_json(service), "spec", "selector", NULL)) == 0 &&
	       !str_is(object_label(endpoints, STR(SKIP)), "true") &&
	       !meta_annotation(object_json(endpoints), LEADER).at;
}

/* --- what is there --- */

static void find_old(struct self *self, struct mirror *it)
{
	struct str namespace = object_namespace(it->endpoints), name;

	for (size_t i = 0; (name = service_index_next_slice(self->index, namespace,
							    object_name(it->endpoints), &i))
				   .len > 0;) {
		const struct object *slice =
			cache_find(self->control->caches[CONTROL_SLICES], namespace, name);

		if (!slice || object_is_deleting(slice))
			continue;
		it->old = memory_grow(it->old, (it->old_count + 1) * sizeof(*it->old));
		it->old[it->old_count++] = slice;
	}
}

static bool has_shape(const struct object *slice, const struct json *wished)
{
	const struct json *root = object_json(slice), *ports = json_get(wished, "ports");

	return json_equal(json_get(root, "addressType"), json_get(wished, "addressType")) &&
	       (json_count(ports) == 0 ? json_count(json_get(root, "ports")) == 0
				       : json_equal(json_get(root, "ports"), ports));
}

/* Taken out of the list: it is used once. */
static const struct object *take_old(struct mirror *it, const struct json *wished)
{
	for (size_t i = 0; i < it->old_count; i++) {
		const struct object *slice = it->old[i];

		if (!has_shape(slice, wished))
			continue;
		it->old[i] = it->old[--it->old_count];
		return slice;
	}
	return NULL;
}

/* --- writing --- */

static struct json *own_words(struct mirror *it, struct json_doc *doc, const char *field)
{
	const struct json *from = json_get(meta_of(object_json(it->endpoints)), field);
	struct json *words = from ? json_clone(doc, from) : json_new_object(doc);

	json_remove(words, STR(LAST_APPLIED));
	json_remove(words, STR(CHANGE_TIME));
	return words;
}

static void put_metadata(struct mirror *it, struct json_doc *doc, struct json *metadata)
{
	struct json *labels = own_words(it, doc, "labels");
	struct json *notes = own_words(it, doc, "annotations");

	json_put(doc, labels, MANAGED_BY, json_new_text(doc, MANAGER));
	json_put(doc, labels, SERVICE_LABEL, json_new_str(doc, object_name(it->endpoints)));
	json_put(doc, metadata, "labels", labels);
	json_put(doc, metadata, "annotations", json_count(notes) > 0 ? notes : NULL);
}

static bool is_same(struct mirror *it, const struct object *old, const struct json *wished)
{
	const struct json *metadata = meta_of(object_json(old)), *notes;
	auto_json_doc doc = json_doc_new();
	struct json *mine = json_new_object(doc);

	put_metadata(it, doc, mine);
	notes = json_get(mine, "annotations");
	return json_equal(json_get(mine, "labels"), json_get(metadata, "labels")) &&
	       (notes ? json_equal(notes, json_get(metadata, "annotations"))
		      : json_count(json_get(metadata, "annotations")) == 0) &&
	       json_equal(json_get(object_json(old), "endpoints"), json_get(wished, "endpoints"));
}

static void write_slice(struct mirror *it, const struct object *old, const struct json *wished)
{
	static const char *const fields[] = { "addressType", "endpoints", "ports" };
	auto_json_doc doc = old ? object_thaw(old) : json_doc_new();
	struct json *slice = old ? json_root(doc) : json_new_object(doc);
	struct json *metadata = json_sub_object(doc, slice, "metadata");
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = old ? CLIENT_UPDATE : CLIENT_CREATE,
				  .kind = it->batch->control->kinds[CONTROL_SLICES],
				  .namespace = object_namespace(it->endpoints),
				  .name = old ? object_name(old) : STR_NONE };

	if (!old)
		endpoint_slices_name(doc, metadata, it->endpoints);
	put_metadata(it, doc, metadata);
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		json_put(doc, slice, fields[i], json_clone(doc, json_get(wished, fields[i])));
	json_print(slice, &body);
	ask.body = buf_str(&body);
	batch_call(it->batch, &ask);
}

static void write_all(struct mirror *it)
{
	for (struct json_iter each = json_iter(it->slices); json_next(&each);) {
		const struct object *old = take_old(it, each.value);

		if (!old || !is_same(it, old, each.value))
			write_slice(it, old, each.value);
	}
	for (size_t i = 0; i < it->old_count; i++) {
		struct client_ask ask = { .verb = CLIENT_DELETE,
					  .kind = it->batch->control->kinds[CONTROL_SLICES],
					  .namespace = object_namespace(it->old[i]),
					  .name = object_name(it->old[i]) };

		batch_call(it->batch, &ask);
	}
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	struct cache **caches = self->control->caches;
	auto_json_doc doc = NULL;
	struct mirror it = { .endpoints = control_find(self->control, CONTROL_ENDPOINTS, key) };

	if (!it.endpoints ||
	    seen_is_behind(self->seen, key, cache_revision(caches[CONTROL_SLICES]))) {
		if (!it.endpoints)
			seen_forget(self->seen, key);
		queue_done(self->queue, key, true);
		return;
	}
	it.batch = batch_new_watching(self->control, key, self, on_end, "EndpointSlice");
	it.doc = doc = json_doc_new();
	it.slices = json_new_array(doc);
	for (struct json_iter subset = json_iter(json_get(object_json(it.endpoints), "subsets"));
	     is_mirrored(self, it.endpoints) && json_next(&subset);) {
		wish_subset(&it, subset.value, false);
		wish_subset(&it, subset.value, true);
	}
	find_old(self, &it);
	write_all(&it);
	free(it.old);
	batch_seal(it.batch);
}

/* --- the row --- */

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->index = service_index_new();
	self->seen = seen_new();
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	queue_free(self->queue);
	service_index_free(self->index);
	seen_free(self->seen);
	free(self);
}

static void add(struct self *self, struct str namespace, struct str name)
{
	auto_buf key = BUF_INIT;

	buf_add_print(&key, STR_FMT "/" STR_FMT, STR_ARG(namespace), STR_ARG(name));
	queue_add(self->queue, buf_str(&key));
}

static bool has_selector(const struct object *service)
{
	return json_count(json_path(object_json(service), "spec", "selector", NULL)) > 0;
}

static void on_slice(struct self *self, const struct object *before, const struct object *after)
{
	const struct object *slice = after ? after : before;

	if (!str_is(object_label(slice, STR(MANAGED_BY)), MANAGER))
		return;
	service_index_slice(self->index, before, after);
	add(self, object_namespace(slice), service_index_of_slice(slice));
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;
	const struct object *object = after ? after : before;

	if (kind == CONTROL_SLICES) {
		on_slice(self, before, after);
		return;
	}
	/* Nearly all services have a selector, and so do nearly all Endpoints' services. */
	if (kind == CONTROL_SERVICES && before && after && has_selector(before) &&
	    has_selector(after))
		return;
	if (kind == CONTROL_SERVICES || kind == CONTROL_ENDPOINTS)
		add(self, object_namespace(object), object_name(object));
}

const struct control_row control_slice_mirror = { "slice-mirror", start, stop, on_change };
