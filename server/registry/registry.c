/*
 * registry.c - the registry's keys, direct reads, and the dispatch by verb.
 */
#include "server/registry/registry.h"

#include <assert.h>

#include "api/face.h"
#include "base/limits.h"
#include "server/registry/event_age.h"
#include "server/registry/quota_book.h"
#include "server/registry/reading.h"
#include "server/registry/component_status.h"
#include "server/registry/registry_inside.h"
#include "server/registry/sealing.h"
#include "server/registry/service_address.h"

static void *load_item(void *of, struct str key, struct str bytes, struct error *err)
{
	struct object *object;

	return sealing_open(of, key, bytes, &object, err) ? object : NULL;
}

static struct str item_bytes(const void *item)
{
	return object_bytes(item);
}

static void item_ref(void *item)
{
	object_ref(item);
}

static void item_unref(void *item)
{
	object_unref(item);
}

bool registry_open(const struct registry_plan *plan, struct registry **out, struct error *err)
{
	struct registry *registry = memory_new(struct registry);
	struct datastore_items items = {
		.load = load_item,
		.bytes = item_bytes,
		.seal = sealing_close,
		.ref = item_ref,
		.unref = item_unref,
	};

	registry->loop = plan->loop;
	registry->server = plan->server;
	if (!sealing_new(plan->key_file, &registry->sealing, err)) {
		registry_close(registry);
		return false;
	}
	items.of = registry->sealing;
	if (!datastore_open(plan->loop, plan->folder, &items, &registry->store, err) ||
	    !sealing_start(registry->sealing, plan->loop, registry->store, err) ||
	    !addresses_open(registry->store, plan->service_cidr, plan->node_port_min,
			    plan->node_port_max, &registry->addresses, err)) {
		registry_close(registry);
		return false;
	}
	registry->hub = hub_new(registry);
	registry->quotas = quota_book_new(registry);
	registry->event_age = event_age_new(plan->loop, registry->store);
	if (!component_status_write(registry, err)) {
		registry_close(registry);
		return false;
	}
	*out = registry;
	return true;
}

void registry_close(struct registry *registry)
{
	if (!registry)
		return;
	reading_stop();
	quota_book_stop(registry->quotas);
	event_age_free(registry->event_age);
	hub_free(registry->hub);
	addresses_close(registry->addresses);
	datastore_close(registry->store);
	quota_book_free(registry->quotas);
	sealing_free(registry->sealing);
	free(registry);
}

struct datastore *registry_store(struct registry *registry)
{
	return registry->store;
}

void registry_key(const struct kind *kind, struct str namespace, struct str name, struct buf *out)
{
	kind = face_kept(kind);
	buf_add_byte(out, '/');
	buf_add_text(out, kind->group[0] ? kind->group : "core");
	buf_add_byte(out, '/');
	buf_add_text(out, kind->plural);
	buf_add_byte(out, '/');
	if (kind->namespaced && namespace.len > 0) {
		buf_add_str(out, namespace);
		buf_add_byte(out, '/');
	}
	buf_add_str(out, name);
}

const struct object *registry_find(struct registry *registry, const struct kind *kind,
				   struct str namespace, struct str name)
{
	auto_buf key = BUF_INIT;
	const struct record *record;

	registry_key(kind, namespace, name, &key);
	record = datastore_find(registry->store, buf_str(&key));
	return record ? record->item : NULL;
}

void registry_each(struct registry *registry, const struct kind *kind, struct str namespace,
		   bool (*visit)(void *of, const struct object *object), void *of)
{
	auto_buf prefix = BUF_INIT;
	const struct record *record;

	registry_key(kind, namespace, STR(""), &prefix);
	record = datastore_first(registry->store, buf_str(&prefix), STR_NONE);
	while (record && visit(of, record->item))
		record = datastore_next(record, buf_str(&prefix));
}

void registry_look(struct registry *registry)
{
	sealing_look(registry->sealing);
}

void registry_stop_watches(struct registry *registry)
{
	reading_stop();
	hub_stop(registry->hub);
}

size_t registry_watch_count(const struct registry *registry)
{
	return hub_count(registry->hub);
}

enum step registry_pass(struct request *req, struct error *err)
{
	enum step step;

	assert(req->kind);
	if (req->sub && subresource_pass(req, &step, err))
		return step;
	switch (req->verb) {
	case REQUEST_GET: return fetch_get(req, err);
	case REQUEST_LIST: return fetch_list(req, err);
	case REQUEST_WATCH: return hub_watch(req, err);
	case REQUEST_CREATE: return create_pass(req, err);
	case REQUEST_UPDATE: return update_pass(req, err);
	case REQUEST_PATCH: return patch_pass(req, err);
	case REQUEST_DELETE: return removal_pass(req, err);
	case REQUEST_DELETE_COLLECTION: return removal_collection_pass(req, err);
	case REQUEST_NONE:
	case REQUEST_CONNECT: break;
	}
	error_set(err, ERROR_METHOD,
		  "the server does not allow this method on the requested resource");
	return STEP_FAIL;
}
