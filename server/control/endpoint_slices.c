/*
 * endpoint_slices.c - packing endpoints into slices of at most 100, with few writes.
 *
 * For each family of addresses and each group of equal ports: endpoints stay in the slices where
 * they are; those that are new fill slices that are written anyway, the fullest first; what is left
 * goes into one slice that has room for all of it, or into new ones.
 */
#include "server/control/endpoint_slices.h"

#include "base/map.h"
#include "base/random.h"

#define SLICE_MAX     100
#define SLICES_MAX    1000 /* of one service */
#define SERVICE_LABEL "kubernetes.io/service-name"
#define HEADLESS      "service.kubernetes.io/headless"
#define ZONE          "topology.kubernetes.io/zone"

struct sheet {
	const struct object *old; /* NULL: a new one */
	struct json *endpoints, *ports;
	bool changed, taken; /* taken: it belongs to a group */
};

struct packing {
	struct batch *batch;
	const struct object *service;
	const struct endpoint_list *list;
	struct json_doc *doc;
	const char *family;
	struct sheet *sheets;
	size_t count;
	size_t kept; /* endpoints of this family */
};

/* --- one endpoint --- */

static struct json *new_endpoint(struct packing *it, const struct endpoint *endpoint)
{
	struct json_doc *doc = it->doc;
	struct json *made = json_new_object(doc), *conditions;
	const struct object *node =
		cache_find(it->batch->control->caches[CONTROL_NODES], STR_NONE, endpoint->node);
	struct str zone = node ? object_label(node, STR(ZONE)) : STR_NONE;
	bool ready = it->list->all_ready || (endpoint->ready && !endpoint->leaving);

	json_append(json_sub_array(doc, made, "addresses"),
		    json_new_str(doc, endpoint_address(endpoint, it->family)));
	conditions = json_sub_object(doc, made, "conditions");
	json_put(doc, conditions, "ready", json_new_bool(doc, ready));
	json_put(doc, conditions, "serving", json_new_bool(doc, endpoint->ready));
	json_put(doc, conditions, "terminating", json_new_bool(doc, endpoint->leaving));
	if (endpoint->hostname.len > 0)
		json_put(doc, made, "hostname", json_new_str(doc, endpoint->hostname));
	json_put(doc, made, "targetRef", endpoint_target(doc, endpoint));
	if (endpoint->node.len > 0)
		json_put(doc, made, "nodeName", json_new_str(doc, endpoint->node));
	if (zone.len > 0)
		json_put(doc, made, "zone", json_new_str(doc, zone));
	return made;
}

/* --- sheets --- */

static struct sheet *new_sheet(struct packing *it, struct json *ports)
{
	struct sheet *sheet = &it->sheets[it->count++];

	*sheet = (struct sheet){
		.endpoints = json_new_array(it->doc), .ports = ports, .changed = true, .taken = true
	};
	return sheet;
}

/* The endpoints of an old slice that are still wished, as they are now. */
static void keep(struct packing *it, struct sheet *sheet, struct map *missing)
{
	const struct json *old = json_get(object_json(sheet->old), "endpoints");

	for (struct json_iter each = json_iter(old); json_next(&each);) {
		struct str uid = json_str(json_path(each.value, "targetRef", "uid", NULL));
		const struct endpoint *endpoint = map_remove(missing, uid);
		struct json *made = endpoint ? new_endpoint(it, endpoint) : NULL;

		if (made)
			json_append(sheet->endpoints, made);
		if (!made || !json_equal(made, each.value))
			sheet->changed = true;
	}
}

static bool is_of(const struct sheet *sheet, const struct json *ports)
{
	const struct json *old = sheet->old ? json_get(object_json(sheet->old), "ports") : NULL;

	return sheet->old && !sheet->taken &&
	       (json_count(ports) == 0 ? json_count(old) == 0 : json_equal(old, ports));
}

static void fill(struct packing *it, struct sheet *sheet, struct map *missing)
{
	struct str uid;
	void *endpoint;

	for (size_t i = 0;
	     json_count(sheet->endpoints) < SLICE_MAX && map_next(missing, &i, &uid, &endpoint);) {
		json_append(sheet->endpoints, new_endpoint(it, endpoint));
		map_remove(missing, uid);
		sheet->changed = true;
	}
}

/* The fullest slice of the group with room for `more`; changed or unchanged ones. */
static struct sheet *best(struct packing *it, const struct json *ports, bool changed, size_t more)
{
	struct sheet *found = NULL;

	for (size_t i = 0; i < it->count; i++) {
		struct sheet *sheet = &it->sheets[i];

		if (sheet->ports == ports && sheet->changed == changed &&
		    json_count(sheet->endpoints) + more <= SLICE_MAX &&
		    (!found || json_count(sheet->endpoints) > json_count(found->endpoints)))
			found = sheet;
	}
	return found;
}

static void place(struct packing *it, struct json *ports, struct map *missing)
{
	struct sheet *sheet;

	while (map_count(missing) > 0 && (sheet = best(it, ports, true, 1)))
		fill(it, sheet, missing);
	while (map_count(missing) >= SLICE_MAX && it->count < SLICES_MAX)
		fill(it, new_sheet(it, ports), missing);
	if (map_count(missing) == 0)
		return;
	sheet = best(it, ports, false, map_count(missing));
	if (sheet || it->count < SLICES_MAX)
		fill(it, sheet ? sheet : new_sheet(it, ports), missing);
}

static void pack_group(struct packing *it, size_t group)
{
	struct map *missing = map_new();
	struct json *ports = it->list->ports[group];

	for (size_t i = 0; i < it->list->count; i++) {
		struct endpoint *endpoint = &it->list->all[i];

		if (endpoint->ports == group && endpoint_address(endpoint, it->family).len > 0)
			map_put(missing, endpoint->uid, endpoint);
	}
	it->kept += map_count(missing);
	for (size_t i = 0; i < it->count; i++) {
		if (!is_of(&it->sheets[i], ports))
			continue;
		it->sheets[i].taken = true;
		it->sheets[i].ports = ports;
		keep(it, &it->sheets[i], missing);
	}
	place(it, ports, missing);
	map_free(missing);
}

/* --- writing --- */

static void put_labels(struct packing *it, struct json_doc *doc, struct json *metadata)
{
	const struct json *own = json_get(meta_of(object_json(it->service)), "labels");
	struct json *labels = json_new_object(doc);

	for (struct json_iter each = json_iter(own); json_next(&each);)
		if (!str_is(each.key, SERVICE_LABEL) && !str_is(each.key, SLICE_MANAGED_BY) &&
		    !str_is(each.key, HEADLESS))
			json_put_str(doc, labels, each.key, json_clone(doc, each.value));
	json_put(doc, labels, SLICE_MANAGED_BY, json_new_text(doc, SLICE_MANAGER));
	json_put(doc, labels, SERVICE_LABEL, json_new_str(doc, object_name(it->service)));
	if (endpoint_is_headless(it->service))
		json_put(doc, labels, HEADLESS, json_new_text(doc, ""));
	json_put(doc, metadata, "labels", labels);
}

static bool labels_are_right(struct packing *it, const struct sheet *sheet)
{
	auto_json_doc doc = json_doc_new();
	struct json *metadata = json_new_object(doc);

	put_labels(it, doc, metadata);
	return json_equal(json_get(metadata, "labels"),
			  json_get(meta_of(object_json(sheet->old)), "labels"));
}

void endpoint_slices_name(struct json_doc *doc, struct json *metadata, const struct object *owner)
{
	char suffix[6];

	random_suffix(suffix, 5);
	json_put(doc, metadata, "generateName",
		 json_new_print(doc, STR_FMT "-", STR_ARG(object_name(owner))));
	json_put(doc, metadata, "name",
		 json_new_print(doc, STR_FMT "-%s", STR_ARG(object_name(owner)), suffix));
	json_append(json_sub_array(doc, metadata, "ownerReferences"),
		    control_owner_reference(doc, owner));
}

static void write_sheet(struct packing *it, const struct sheet *sheet)
{
	auto_json_doc doc = sheet->old ? object_thaw(sheet->old) : json_doc_new();
	struct json *slice = sheet->old ? json_root(doc) : json_new_object(doc);
	struct json *metadata = json_sub_object(doc, slice, "metadata");
	struct str time = endpoint_list_time(it->list, it->service);
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = sheet->old ? CLIENT_UPDATE : CLIENT_CREATE,
				  .kind = it->batch->control->kinds[CONTROL_SLICES],
				  .namespace = object_namespace(it->service),
				  .name = sheet->old ? object_name(sheet->old) : STR_NONE };

	if (!sheet->old)
		endpoint_slices_name(doc, metadata, it->service);
	put_labels(it, doc, metadata);
	json_put(doc, json_sub_object(doc, metadata, "annotations"), ENDPOINTS_TIME,
		 json_new_str(doc, time));
	json_put(doc, slice, "addressType", json_new_text(doc, it->family));
	json_put(doc, slice, "endpoints", json_clone(doc, sheet->endpoints));
	json_put(doc, slice, "ports",
		 sheet->ports ? json_clone(doc, sheet->ports) : json_new_array(doc));
	json_print(slice, &body);
	ask.body = buf_str(&body);
	batch_call(it->batch, &ask);
}

static void delete_sheet(struct packing *it, const struct sheet *sheet)
{
	struct client_ask ask = { .verb = CLIENT_DELETE,
				  .kind = it->batch->control->kinds[CONTROL_SLICES],
				  .namespace = object_namespace(sheet->old),
				  .name = object_name(sheet->old) };

	batch_call(it->batch, &ask);
}

/* A service without pods has one slice that says so: the first one, emptied if need be. */
static void write_empty_slice(struct packing *it)
{
	struct sheet *first = it->count > 0 ? &it->sheets[0] : new_sheet(it, NULL);

	first->taken = true;
	first->changed = !first->old ||
			 json_count(json_get(object_json(first->old), "ports")) > 0 ||
			 json_count(json_get(object_json(first->old), "endpoints")) > 0;
	first->ports = NULL;
	for (size_t i = 1; i < it->count; i++)
		delete_sheet(it, &it->sheets[i]);
	if (first->changed || !labels_are_right(it, first))
		write_sheet(it, first);
}

static void write_all(struct packing *it)
{
	for (size_t i = 0; i < it->count; i++) {
		struct sheet *sheet = &it->sheets[i];
		bool empty = json_count(sheet->endpoints) == 0;

		if (sheet->old && (empty || !sheet->taken))
			delete_sheet(it, sheet);
		else if (!empty && (sheet->changed || !labels_are_right(it, sheet)))
			write_sheet(it, sheet);
	}
}

static void pack_family(struct batch *batch, const struct object *service,
			const struct endpoint_list *list, const struct object *const *old,
			size_t old_count, const char *family)
{
	auto_json_doc doc = json_doc_new();
	struct packing it = {
		.batch = batch, .service = service, .list = list, .doc = doc, .family = family
	};

	it.sheets = memory_zero((old_count + SLICES_MAX) * sizeof(*it.sheets));
	for (size_t i = 0; i < old_count; i++)
		if (str_is(json_str(json_get(object_json(old[i]), "addressType")), family))
			it.sheets[it.count++] =
				(struct sheet){ .old = old[i], .endpoints = json_new_array(doc) };
	for (size_t group = 0; group < list->group_count; group++)
		pack_group(&it, group);
	if (it.kept > 0)
		write_all(&it);
	else
		write_empty_slice(&it);
	free(it.sheets);
}

static bool has_family(const struct json *families, const char *family)
{
	if (json_count(families) == 0)
		return strcmp(family, "IPv4") == 0;
	for (struct json_iter it = json_iter(families); json_next(&it);)
		if (str_is(json_str(it.value), family))
			return true;
	return false;
}

void endpoint_slices_write(struct batch *batch, const struct object *service,
			   const struct endpoint_list *list, const struct object *const *old,
			   size_t old_count)
{
	static const char *const families[] = { "IPv4", "IPv6" };
	const struct json *spec = json_get(object_json(service), "spec");

	for (size_t i = 0; i < ARRAY_LENGTH(families); i++)
		if (has_family(json_get(spec, "ipFamilies"), families[i]))
			pack_family(batch, service, list, old, old_count, families[i]);
}
