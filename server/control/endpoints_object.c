/*
 * endpoints_object.c - the older form of the same: one object a service, a subset for each group of
 * equal ports, ready and not ready apart, 1000 addresses at most.
 */
#include <stdlib.h>

#include "server/control/endpoint_slices.h"

#define ADDRESSES_MAX 1000
#define OVER_CAPACITY "endpoints.kubernetes.io/over-capacity"
#define HEADLESS      "service.kubernetes.io/headless"

struct place {
	const struct endpoint *endpoint;
	struct str ip;
};

static int by_ip(const void *a, const void *b)
{
	const struct place *left = a, *right = b;
	int difference = str_compare(left->ip, right->ip);

	return difference ? difference : str_compare(left->endpoint->uid, right->endpoint->uid);
}

/* Who is told of: a pod that goes only where all are called ready. */
static bool is_told(const struct endpoint_list *list, const struct endpoint *endpoint)
{
	return !endpoint->leaving || list->all_ready;
}

static bool is_ready(const struct endpoint_list *list, const struct endpoint *endpoint)
{
	return endpoint->ready || list->all_ready;
}

static struct place *sorted(const struct endpoint_list *list, const char *family, size_t *out_count)
{
	struct place *places = memory_get((list->count + 1) * sizeof(*places));
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct str ip = endpoint_address(&list->all[i], family);

		if (ip.len > 0 && is_told(list, &list->all[i]))
			places[count++] = (struct place){ &list->all[i], ip };
	}
	qsort(places, count, sizeof(*places), by_ip);
	*out_count = count;
	return places;
}

static struct json *new_address(struct json_doc *doc, const struct place *place)
{
	struct json *address = json_new_object(doc);

	json_put(doc, address, "ip", json_new_str(doc, place->ip));
	if (place->endpoint->hostname.len > 0)
		json_put(doc, address, "hostname", json_new_str(doc, place->endpoint->hostname));
	if (place->endpoint->node.len > 0)
		json_put(doc, address, "nodeName", json_new_str(doc, place->endpoint->node));
	json_put(doc, address, "targetRef", endpoint_target(doc, place->endpoint));
	return address;
}

/* Here a port without a name has none. */
static struct json *new_ports(struct json_doc *doc, const struct json *ports)
{
	struct json *made = json_clone(doc, ports);

	for (struct json_iter it = json_iter(made); json_next(&it);)
		if (json_str(json_get(it.value, "name")).len == 0)
			json_remove(it.value, STR("name"));
	return made;
}

/* One walk for those that are ready, one for the others: they fill what room is left. */
static size_t add_addresses(struct json_doc *doc, struct json *const *groups,
			    const struct endpoint_list *list, const struct place *places,
			    size_t count, bool ready, size_t room)
{
	for (size_t i = 0; i < count && room > 0; i++) {
		if (is_ready(list, places[i].endpoint) != ready)
			continue;
		json_append(json_sub_array(doc, groups[places[i].endpoint->ports],
					   ready ? "addresses" : "notReadyAddresses"),
			    new_address(doc, &places[i]));
		room--;
	}
	return room;
}

/* *out_cut: not all of them are in. */
static struct json *new_subsets(struct json_doc *doc, const struct object *service,
				const struct endpoint_list *list, bool *out_cut)
{
	const struct json *families = json_path(object_json(service), "spec", "ipFamilies", NULL);
	bool six = str_is(json_str(json_at(families, 0)), "IPv6");
	struct json *subsets = json_new_array(doc);
	struct json **groups = memory_zero((list->group_count + 1) * sizeof(*groups));
	size_t count, room = ADDRESSES_MAX;
	struct place *places = sorted(list, six ? "IPv6" : "IPv4", &count);

	for (size_t i = 0; i < list->group_count; i++)
		groups[i] = json_new_object(doc);
	room = add_addresses(doc, groups, list, places, count, true, room);
	add_addresses(doc, groups, list, places, count, false, room);
	for (size_t i = 0; i < list->group_count; i++) {
		if (json_count(groups[i]) == 0)
			continue;
		if (json_count(list->ports[i]) > 0)
			json_put(doc, groups[i], "ports", new_ports(doc, list->ports[i]));
		else if (!endpoint_is_headless(service))
			continue; /* it offers none of the named ports */
		json_append(subsets, groups[i]);
	}
	*out_cut = count > ADDRESSES_MAX;
	free(groups);
	free(places);
	return subsets;
}

static void put_labels(struct json_doc *doc, struct json *metadata, const struct object *service)
{
	const struct json *own = json_get(meta_of(object_json(service)), "labels");
	struct json *labels = own ? json_clone(doc, own) : json_new_object(doc);

	json_remove(labels, STR(HEADLESS));
	if (endpoint_is_headless(service))
		json_put(doc, labels, HEADLESS, json_new_text(doc, ""));
	json_put(doc, metadata, "labels", json_count(labels) > 0 ? labels : NULL);
}

static void put_notes(struct json_doc *doc, struct json *metadata, struct str time, bool cut)
{
	struct json *notes = json_sub_object(doc, metadata, "annotations");

	json_put(doc, notes, OVER_CAPACITY, cut ? json_new_text(doc, "truncated") : NULL);
	json_put(doc, notes, ENDPOINTS_TIME, json_new_str(doc, time));
}

static bool equal_or_empty(const struct json *a, const struct json *b)
{
	return json_count(a) == 0 ? json_count(b) == 0 : json_equal(a, b);
}

/* All but the time is as it was: the time alone is no change. */
static bool is_same(const struct json *now, const struct object *old, bool cut)
{
	const struct json *was = object_json(old);

	return equal_or_empty(json_get(now, "subsets"), json_get(was, "subsets")) &&
	       equal_or_empty(json_get(meta_of(now), "labels"), json_get(meta_of(was), "labels")) &&
	       (meta_annotation(was, OVER_CAPACITY).at != NULL) == cut;
}

void endpoints_write(struct batch *batch, const struct object *service,
		     const struct endpoint_list *list, const struct object *old)
{
	auto_json_doc doc = old ? object_thaw(old) : json_doc_new();
	struct json *root = old ? json_root(doc) : json_new_object(doc);
	struct json *metadata = json_sub_object(doc, root, "metadata"), *subsets;
	auto_buf body = BUF_INIT;
	bool cut;
	struct client_ask ask = { .verb = old ? CLIENT_UPDATE : CLIENT_CREATE,
				  .kind = batch->control->kinds[CONTROL_ENDPOINTS],
				  .namespace = object_namespace(service),
				  .name = old ? object_name(service) : STR_NONE };

	subsets = new_subsets(doc, service, list, &cut);
	json_put(doc, metadata, "name", json_new_str(doc, object_name(service)));
	json_put(doc, root, "subsets", json_count(subsets) > 0 ? subsets : NULL);
	put_labels(doc, metadata, service);
	if (old && is_same(root, old, cut))
		return;
	put_notes(doc, metadata, endpoint_list_time(list, service), cut);
	json_print(root, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}
