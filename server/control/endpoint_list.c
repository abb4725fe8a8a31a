/*
 * endpoint_list.c - pods are read once, ports are compared as JSON.
 */
#include "server/control/endpoint_list.h"

#define GROUPS_MAX 256 /* pods of one service that name their ports differently */

bool endpoint_is_headless(const struct object *service)
{
	return str_is(json_str(json_path(object_json(service), "spec", "clusterIP", NULL)), "None");
}

void endpoint_list_init(struct endpoint_list *list, const struct object *service)
{
	*list = (struct endpoint_list){ .doc = json_doc_new() };
	list->all_ready = json_bool(
		json_path(object_json(service), "spec", "publishNotReadyAddresses", NULL));
}

void endpoint_list_clear(struct endpoint_list *list)
{
	json_doc_free(list->doc);
	free(list->all);
	free(list->ports);
}

/* --- ports --- */

static bool is_sidecar(const struct json *container)
{
	return str_is(json_str(json_get(container, "restartPolicy")), "Always");
}

static int64_t named_port(const struct json *spec, const char *list, const struct json *wanted)
{
	bool init = strcmp(list, "initContainers") == 0;

	for (struct json_iter it = json_iter(json_get(spec, list)); json_next(&it);)
		for (struct json_iter port = json_iter(json_get(it.value, "ports"));
		     (!init || is_sidecar(it.value)) && json_next(&port);)
			if (json_equal(json_get(port.value, "name"),
				       json_get(wanted, "targetPort")) &&
			    json_equal(json_get(port.value, "protocol"),
				       json_get(wanted, "protocol")))
				return json_int(json_get(port.value, "containerPort"));
	return 0;
}

/* The number that a port of the service means on the pod; 0: the pod has no port of that name. */
static int64_t number_of(const struct json *wanted, const struct json *pod)
{
	const struct json *target = json_get(wanted, "targetPort"), *spec = json_get(pod, "spec");
	int64_t number;

	if (json_type(target) != JSON_STRING)
		return target ? json_int(target) : json_int(json_get(wanted, "port"));
	number = named_port(spec, "containers", wanted);
	return number ? number : named_port(spec, "initContainers", wanted);
}

static struct json *ports_of(struct json_doc *doc, const struct object *service,
			     const struct json *pod)
{
	struct json *ports = json_new_array(doc);

	for (struct json_iter it =
		     json_iter(json_path(object_json(service), "spec", "ports", NULL));
	     json_next(&it);) {
		struct str name = json_str(json_get(it.value, "name"));
		int64_t number = number_of(it.value, pod);
		struct json *port;

		if (number == 0)
			continue;
		port = json_new_object(doc);
		json_append(ports, port);
		json_put(doc, port, "name", json_new_str(doc, name.at ? name : STR("")));
		json_put(doc, port, "port", json_new_int(doc, number));
		json_put(doc, port, "protocol", json_clone(doc, json_get(it.value, "protocol")));
		json_put(doc, port, "appProtocol",
			 json_clone(doc, json_get(it.value, "appProtocol")));
	}
	return ports;
}

static size_t group_of(struct endpoint_list *list, struct json *ports)
{
	for (size_t i = 0; i < list->group_count; i++)
		if (json_equal(list->ports[i], ports))
			return i;
	if (list->group_count == GROUPS_MAX)
		return 0;
	list->ports = memory_grow(list->ports, (list->group_count + 1) * sizeof(*list->ports));
	list->ports[list->group_count] = ports;
	return list->group_count++;
}

/* --- pods --- */

static bool has_address(const struct json *status)
{
	return json_str(json_get(status, "podIP")).len > 0 ||
	       json_count(json_get(status, "podIPs")) > 0;
}

/* A pod's name below a headless service. */
static struct str hostname_of(const struct object *service, const struct json *spec)
{
	struct str hostname = json_str(json_get(spec, "hostname"));

	return hostname.len > 0 && str_equal(json_str(json_get(spec, "subdomain")),
					     object_name(service))
		       ? hostname
		       : STR("");
}

void endpoint_list_add(struct endpoint_list *list, const struct object *service,
		       const struct object *pod)
{
	const struct json *root = object_json(pod), *spec = json_get(root, "spec");
	const struct json *status = json_get(root, "status");
	struct str phase = json_str(json_get(status, "phase"));

	if (!has_address(status) || str_is(phase, "Succeeded") || str_is(phase, "Failed"))
		return;
	if (list->count == list->room) {
		list->room = list->room ? list->room * 2 : 16;
		list->all = memory_grow(list->all, list->room * sizeof(*list->all));
	}
	list->all[list->count++] = (struct endpoint){
		.pod = pod,
		.uid = object_uid(pod),
		.node = json_str(json_get(spec, "nodeName")),
		.hostname = hostname_of(service, spec),
		.ips = json_get(status, "podIPs"),
		.ip = json_str(json_get(status, "podIP")),
		.ready = meta_condition_is_true(root, STR("Ready")),
		.leaving = object_is_deleting(pod),
		.ports = group_of(list, ports_of(list->doc, service, root)),
	};
}

struct str endpoint_address(const struct endpoint *endpoint, const char *family)
{
	bool six = strcmp(family, "IPv6") == 0;

	for (struct json_iter it = json_iter(endpoint->ips); json_next(&it);) {
		struct str ip = json_str(json_get(it.value, "ip"));

		if ((str_find(ip, ':') >= 0) == six)
			return ip;
	}
	return (str_find(endpoint->ip, ':') >= 0) == six ? endpoint->ip : STR("");
}

struct json *endpoint_target(struct json_doc *doc, const struct endpoint *endpoint)
{
	struct json *target = json_new_object(doc);

	json_put(doc, target, "kind", json_new_text(doc, "Pod"));
	json_put(doc, target, "namespace", json_new_str(doc, object_namespace(endpoint->pod)));
	json_put(doc, target, "name", json_new_str(doc, object_name(endpoint->pod)));
	json_put(doc, target, "uid", json_new_str(doc, endpoint->uid));
	return target;
}

struct str endpoint_list_time(const struct endpoint_list *list, const struct object *service)
{
	struct str newest = meta_str(object_json(service), "creationTimestamp");

	for (size_t i = 0; i < list->count; i++) {
		struct str since = json_str(
			json_get(meta_condition(object_json(list->all[i].pod), STR("Ready")),
				 "lastTransitionTime"));

		if (str_compare(since, newest) > 0)
			newest = since;
	}
	return newest.at ? newest : STR("");
}
