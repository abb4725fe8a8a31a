/*
 * component_status.c - the three objects that clients know, under the names of the real server.
 */
#include "server/registry/component_status.h"

#include <assert.h>
#include <inttypes.h>

#include "api/object.h"
#include "datastore/datastore.h"
#include "server/registry/registry_inside.h"

static void on_done(void *of, const struct error *err)
{
	(void)of;
	(void)err; /* nothing is written to a disk that could fail */
}

static struct object *new_status(const char *name, uint64_t revision)
{
	struct json_doc *doc = json_doc_new();
	struct json *root = json_new_object(doc), *metadata, *condition = json_new_object(doc);

	json_set_root(doc, root);
	json_put(doc, root, "apiVersion", json_new_text(doc, "v1"));
	json_put(doc, root, "kind", json_new_text(doc, "ComponentStatus"));
	metadata = json_sub_object(doc, root, "metadata");
	json_put(doc, metadata, "name", json_new_text(doc, name));
	json_put(doc, metadata, "resourceVersion", json_new_print(doc, "%" PRIu64, revision));
	json_put(doc, condition, "type", json_new_text(doc, "Healthy"));
	json_put(doc, condition, "status", json_new_text(doc, "True"));
	json_put(doc, condition, "message", json_new_text(doc, "ok"));
	json_append(json_sub_array(doc, root, "conditions"), condition);
	return object_new(doc);
}

bool component_status_write(struct registry *registry, struct error *err)
{
	static const char *const names[] = { "controller-manager", "etcd-0", "scheduler" };
	const struct kind *kind = kind_find(STR(""), STR("v1"), STR("componentstatuses"));

	assert(kind);
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		uint64_t revision = datastore_reserve(registry->store);
		auto_object item = new_status(names[i], revision);
		auto_buf key = BUF_INIT;
		struct datastore_write write = {
			.expected = DATASTORE_ABSENT,
			.revision = revision,
			.item = (void *)item,
			.in_memory = true,
			.on_done = on_done,
		};

		registry_key(kind, STR_NONE, str_of(names[i]), &key);
		write.key = buf_str(&key);
		if (!datastore_write(registry->store, &write, err))
			return error_context(err, "component status %s", names[i]);
	}
	return true;
}
