/*
 * proxy_target.c - names like https:web:8443, and the pods behind a service.
 */
#include "server/front/proxy_target.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>

#include "base/random.h"
#include "server/nodes.h"
#include "server/registry/registry.h"

#define NODE_PORT "10250" /* what a kubelet would listen on */

struct name {
	struct str scheme, name, port;
};

/* NAME, NAME:PORT, SCHEME:NAME:PORT */
static bool split_name(struct request *req, struct name *out, struct error *err)
{
	struct str parts[3], rest = req->name;
	size_t count = 0;

	while (count < 3) {
		ptrdiff_t colon = str_find(rest, ':');

		parts[count++] = str_cut(&rest, ':');
		if (colon < 0)
			break;
		if (count == 3)
			count++; /* a fourth part */
	}
	*out = (struct name){ .name = parts[0] };
	if (count == 2)
		*out = (struct name){ .name = parts[0], .port = parts[1] };
	if (count == 3)
		*out = (struct name){ .scheme = parts[0], .name = parts[1], .port = parts[2] };
	if (count <= 3 && out->name.len > 0 && (count < 2 || count == 3 || out->port.len > 0) &&
	    (out->scheme.len == 0 || str_is(out->scheme, "http") || str_is(out->scheme, "https")))
		return true;
	return error_set(err, ERROR_BAD_REQUEST, "invalid %s request \"" STR_FMT "\"",
			 strcmp(req->kind->plural, "pods") == 0       ? "pod"
			 : strcmp(req->kind->plural, "services") == 0 ? "service"
								      : "node",
			 STR_ARG(req->name));
}

static bool read_port(struct str text, unsigned *out)
{
	uint64_t port;

	if (!str_to_u64(text, 65535, &port) || port == 0)
		return false;
	*out = (unsigned)port;
	return true;
}

/* It becomes part of what the node is asked for: nothing but an address is let through.  Which ones
 * the node dials, it decides itself. */
static bool is_address(struct str text)
{
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr unused;

	if (text.len == 0 || text.len >= sizeof(copy) || str_find(text, '\0') >= 0)
		return false;
	snprintf(copy, sizeof(copy), STR_FMT, STR_ARG(text));
	return inet_pton(AF_INET, copy, &unused) == 1 || inet_pton(AF_INET6, copy, &unused) == 1;
}

static bool take_address(struct proxy_target *out, struct str address, struct error *err)
{
	if (!is_address(address))
		return error_set(err, ERROR_BAD_REQUEST, "address not allowed");
	snprintf(out->address, sizeof(out->address), STR_FMT, STR_ARG(address));
	return true;
}

static const struct object *find(struct request *req, const char *kind, struct str name)
{
	return registry_find(server_registry(req->server), kind_find_name(STR("v1"), str_of(kind)),
			     req->namespace, name);
}

static bool take_node(struct request *req, struct proxy_target *out, struct str node,
		      struct error *err)
{
	out->tunnel = server_node_tunnel(req->server, node);
	return out->tunnel ||
	       error_set(err, ERROR_UNAVAILABLE,
			 "error trying to reach service: node " STR_FMT " is not connected",
			 STR_ARG(node));
}

/* --- pods --- */

static unsigned first_port(const struct json *pod)
{
	for (struct json_iter it = json_iter(json_path(pod, "spec", "containers", NULL));
	     json_next(&it);) {
		const struct json *ports = json_get(it.value, "ports");

		if (json_count(ports) > 0)
			return (unsigned)json_int(json_get(json_at(ports, 0), "containerPort"));
	}
	return 0;
}

static bool find_pod(struct request *req, const struct name *name, struct proxy_target *out,
		     struct error *err)
{
	const struct object *object = find(req, "Pod", name->name);
	const struct json *pod;

	if (!object)
		return status_not_found(err, req->kind, name->name);
	pod = object_json(object);
	out->port = first_port(pod);
	if (name->port.len > 0 && !read_port(name->port, &out->port))
		return error_set(err, ERROR_BAD_REQUEST, "invalid pod request \"" STR_FMT "\"",
				 STR_ARG(req->name));
	if (out->port == 0)
		out->port = out->tls ? 443 : 80;
	return take_address(out, json_str(json_path(pod, "status", "podIP", NULL)), err) &&
	       take_node(req, out, json_str(json_path(pod, "spec", "nodeName", NULL)), err);
}

/* --- services --- */

/* One of the ready endpoints, each as likely as the others. */
struct search {
	struct server *server;
	struct str service, port_name;
	struct proxy_target *out;
	unsigned seen;
};

static bool is_ready(const struct json *endpoint)
{
	const struct json *ready = json_path(endpoint, "conditions", "ready", NULL);

	return !ready || json_bool(ready);
}

/* The slice's number for the service's port of this name. */
static unsigned find_port(const struct json *slice, struct str name)
{
	for (struct json_iter it = json_iter(json_get(slice, "ports")); json_next(&it);)
		if (str_equal(json_str(json_get(it.value, "name")), name))
			return (unsigned)json_int(json_get(it.value, "port"));
	return 0;
}

static void consider(struct search *search, const struct json *endpoint, unsigned port)
{
	struct str node = json_str(json_get(endpoint, "nodeName"));
	struct str address = json_str(json_at(json_get(endpoint, "addresses"), 0));
	struct tunnel *tunnel = node.len > 0 ? server_node_tunnel(search->server, node)
					     : nodes_any_tunnel(server_nodes(search->server));
	struct proxy_target *out = search->out;

	if (!is_ready(endpoint) || !tunnel || !is_address(address))
		return;
	search->seen++;
	if (random_below(search->seen) != 0)
		return;
	out->tunnel = tunnel;
	out->port = port;
	snprintf(out->address, sizeof(out->address), STR_FMT, STR_ARG(address));
}

static bool visit_slice(void *of, const struct object *object)
{
	struct search *search = of;
	const struct json *slice = object_json(object);
	unsigned port;

	if (str_equal(json_str(json_path(slice, "metadata", "labels", "kubernetes.io/service-name",
					 NULL)),
		      search->service) &&
	    (port = find_port(slice, search->port_name)) > 0)
		for (struct json_iter it = json_iter(json_get(slice, "endpoints")); json_next(&it);)
			consider(search, it.value, port);
	object_trim(object);
	return true;
}

/* A number is the service's port; what is searched for is its name: a copy. */
static bool name_port(const struct proxy_service *asked, const struct json *service, char **out,
		      struct error *err)
{
	unsigned number;

	*out = NULL;
	if (!read_port(asked->port, &number))
		*out = str_copy(asked->port);
	for (struct json_iter it = json_iter(json_path(service, "spec", "ports", NULL));
	     !*out && json_next(&it);)
		if (json_int(json_get(it.value, "port")) == (int64_t)number)
			*out = str_copy(json_str(json_get(it.value, "name")));
	return *out || error_set(err, ERROR_UNAVAILABLE,
				 "no service port %u found for service \"" STR_FMT "\"", number,
				 STR_ARG(asked->name));
}

bool proxy_target_of_service(struct server *server, const struct proxy_service *service,
			     struct proxy_target *out, struct error *err)
{
	const struct kind *kind = kind_find_name(STR("v1"), STR("Service"));
	const struct object *object =
		registry_find(server_registry(server), kind, service->namespace, service->name);
	struct search search = { .server = server, .service = service->name, .out = out };
	auto_free char *port_name = NULL;

	if (!object)
		return status_not_found(err, kind, service->name);
	if (!name_port(service, object_json(object), &port_name, err))
		return false;
	search.port_name = str_of(port_name);
	registry_each(server_registry(server),
		      kind_find_name(STR("discovery.k8s.io/v1"), STR("EndpointSlice")),
		      service->namespace, visit_slice, &search);
	return search.seen > 0 || error_set(err, ERROR_UNAVAILABLE,
					    "no endpoints available for service \"" STR_FMT "\"",
					    STR_ARG(service->called));
}

static bool find_service(struct request *req, const struct name *name, struct proxy_target *out,
			 struct error *err)
{
	struct proxy_service service = { .namespace = req->namespace,
					 .name = name->name,
					 .port = name->port,
					 .called = req->name };

	return proxy_target_of_service(req->server, &service, out, err);
}

/* --- nodes --- */

static struct str internal_address(const struct json *node)
{
	for (struct json_iter it = json_iter(json_path(node, "status", "addresses", NULL));
	     json_next(&it);)
		if (str_is(json_str(json_get(it.value, "type")), "InternalIP"))
			return json_str(json_get(it.value, "address"));
	return STR_NONE;
}

static bool find_node(struct request *req, const struct name *name, struct proxy_target *out,
		      struct error *err)
{
	const struct object *object = find(req, "Node", name->name);

	if (!object)
		return status_not_found(err, req->kind, name->name);
	if (!take_node(req, out, name->name, err))
		return false;
	out->of_node = name->port.len == 0 || str_is(name->port, NODE_PORT);
	if (out->of_node) {
		out->tls = false;
		return true;
	}
	if (!read_port(name->port, &out->port))
		return error_set(err, ERROR_BAD_REQUEST, "invalid node request \"" STR_FMT "\"",
				 STR_ARG(req->name));
	return take_address(out, internal_address(object_json(object)), err);
}

bool proxy_target_find(struct request *req, struct proxy_target *out, struct error *err)
{
	static const struct {
		const char *plural;
		bool (*find)(struct request *req, const struct name *name, struct proxy_target *out,
			     struct error *err);
	} rows[] = { { "pods", find_pod }, { "services", find_service }, { "nodes", find_node } };
	struct name name;

	if (!split_name(req, &name, err))
		return false;
	*out = (struct proxy_target){ .tls = str_is(name.scheme, "https") };
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (strcmp(req->kind->plural, rows[i].plural) == 0)
			return rows[i].find(req, &name, out, err);
	return error_set(err, ERROR_NOT_FOUND, "nothing of this kind can be reached");
}
