/*
 * service_sync.c - two caches in, one table out.
 */
#include "agent/service_sync.h"

#include <arpa/inet.h>

#include "agent/kept_list.h"
#include "base/log.h"
#include "base/map.h"

#define GATHER_MS     20
#define RETRY_MS      2000
#define ENDPOINTS_MAX 1000 /* of one port: what EndpointSlices hold altogether in practice */

struct service_sync {
	struct service_sync_plan plan;
	struct cache *services, *slices;
	struct kept_list *kept_services, *kept_slices;
	bool remembered; /* both are known from the disk */
	char *pod_cidr;
	struct service_endpoint relay;
	struct loop_timer timer;
	bool failed;
};

/* Everything of one table, while it is made. */
struct table {
	struct service_sync *sync;
	struct arena *arena;
	struct map *slices; /* "namespace/service" -> struct slice_list */
	struct service_port *ports;
	size_t count, room;
	struct host_port *host_ports;
	size_t host_count, host_room;
	struct service_endpoint found[ENDPOINTS_MAX]; /* of the port that is being looked at */
};

struct slice_list {
	const struct json *slices[64];
	size_t count;
};

/* --- small things --- */

static bool read_address(struct str text, uint32_t *out)
{
	auto_free char *copy = str_copy(text);
	struct in_addr address;

	if (inet_pton(AF_INET, copy, &address) != 1)
		return false;
	*out = ntohl(address.s_addr);
	return true;
}

static int protocol_of(const struct json *port)
{
	struct str name = json_str(json_get(port, "protocol"));

	return str_is(name, "UDP")    ? SERVICE_UDP
	       : str_is(name, "SCTP") ? SERVICE_SCTP
				      : SERVICE_TCP;
}

/* --- endpoints --- */

static void gather_slices(struct table *table)
{
	const struct object *object;

	for (size_t i = 0; (object = cache_next(table->sync->slices, &i));) {
		struct str service = object_label(object, STR("kubernetes.io/service-name"));
		const char *key = arena_print(table->arena, STR_FMT "/" STR_FMT,
					      STR_ARG(object_namespace(object)), STR_ARG(service));
		struct slice_list *list = map_find(table->slices, str_of(key));

		if (service.len == 0)
			continue;
		if (!list) {
			list = arena_zero(table->arena, sizeof(*list));
			map_put(table->slices, str_of(key), list);
		}
		if (list->count < ARRAY_LENGTH(list->slices))
			list->slices[list->count++] = object_json(object);
	}
}

/* The slice's port of that name (both may be nameless); 0 = it has none. */
static unsigned slice_port(const struct json *slice, const struct json *service_port)
{
	struct str name = json_str(json_get(service_port, "name"));

	for (struct json_iter it = json_iter(json_get(slice, "ports")); json_next(&it);)
		if (str_equal(json_str(json_get(it.value, "name")), name) &&
		    protocol_of(it.value) == protocol_of(service_port))
			return (unsigned)json_int(json_get(it.value, "port"));
	return 0;
}

enum { ENDPOINT_READY, ENDPOINT_LEAVING, ENDPOINT_NO };

/* Unset ready means ready; a leaving one that still serves is used when nothing else is left. */
static int endpoint_use(const struct json *endpoint, bool even_unready)
{
	const struct json *conditions = json_get(endpoint, "conditions");
	const struct json *ready = json_get(conditions, "ready");

	if (even_unready || json_type(ready) != JSON_BOOL || json_bool(ready))
		return ENDPOINT_READY;
	if (json_bool(json_get(conditions, "serving")) &&
	    json_bool(json_get(conditions, "terminating")))
		return ENDPOINT_LEAVING;
	return ENDPOINT_NO;
}

struct picking {
	struct table *table;
	const struct json *service, *port;
	int use;
	bool local;
	struct service_endpoint *list;
	size_t count;
};

static void pick_endpoint(struct picking *it, const struct json *endpoint, unsigned port)
{
	bool unready = json_bool(json_path(it->service, "spec", "publishNotReadyAddresses", NULL));
	uint32_t address;

	if (endpoint_use(endpoint, unready) != it->use || it->count == ENDPOINTS_MAX ||
	    (it->local &&
	     !str_is(json_str(json_get(endpoint, "nodeName")), it->table->sync->plan.node->name)) ||
	    !read_address(json_str(json_at(json_get(endpoint, "addresses"), 0)), &address))
		return;
	it->list[it->count++] =
		(struct service_endpoint){ .address = address, .port = (uint16_t)port };
}

static size_t pick(struct picking *it)
{
	const char *key = arena_print(it->table->arena, STR_FMT "/" STR_FMT,
				      STR_ARG(meta_str(it->service, "namespace")),
				      STR_ARG(meta_str(it->service, "name")));
	const struct slice_list *slices = map_find(it->table->slices, str_of(key));

	it->count = 0;
	for (size_t i = 0; slices && i < slices->count; i++) {
		unsigned port = slice_port(slices->slices[i], it->port);

		if (port == 0)
			continue;
		for (struct json_iter e = json_iter(json_get(slices->slices[i], "endpoints"));
		     json_next(&e);)
			pick_endpoint(it, e.value, port);
	}
	return it->count;
}

static void find_endpoints(struct table *table, const struct json *service, const struct json *port,
			   bool local, struct picking *out)
{
	*out = (struct picking){ .table = table,
				 .service = service,
				 .port = port,
				 .use = ENDPOINT_READY,
				 .local = local,
				 .list = table->found };
	if (pick(out) == 0) {
		out->use = ENDPOINT_LEAVING;
		pick(out);
	}
	out->list = arena_get(table->arena, (out->count + 1) * sizeof(*out->list));
	memcpy(out->list, table->found, out->count * sizeof(*out->list));
}

/* --- services --- */

static struct service_port *new_port(struct table *table)
{
	if (table->count == table->room) {
		table->room = table->room ? table->room * 2 : 64;
		table->ports = memory_grow(table->ports, table->room * sizeof(*table->ports));
	}
	table->ports[table->count] = (struct service_port){ 0 };
	return &table->ports[table->count++];
}

static size_t service_addresses(const struct json *service, struct arena *arena, uint32_t **out)
{
	const struct json *spec = json_get(service, "spec");
	const struct json *external = json_get(spec, "externalIPs");
	const struct json *ingress = json_path(service, "status", "loadBalancer", "ingress", NULL);
	uint32_t *list =
		arena_get(arena, (1 + json_count(external) + json_count(ingress)) * sizeof(*list));
	size_t count = 0;

	count += read_address(json_str(json_get(spec, "clusterIP")), &list[count]);
	for (struct json_iter it = json_iter(external); json_next(&it);)
		count += read_address(json_str(it.value), &list[count]);
	for (struct json_iter it = json_iter(ingress); json_next(&it);)
		count += read_address(json_str(json_get(it.value, "ip")), &list[count]);
	*out = list;
	return count;
}

static int affinity_of(const struct json *spec)
{
	if (!str_is(json_str(json_get(spec, "sessionAffinity")), "ClientIP"))
		return 0;
	return (int)json_int(
		       json_path(spec, "sessionAffinityConfig", "clientIP", "timeoutSeconds", NULL))
		       ?: 10800;
}

static void add_port(struct table *table, const struct json *service, const struct json *port)
{
	const struct json *spec = json_get(service, "spec");
	struct service_port *out = new_port(table);
	struct picking all, local;
	uint32_t *addresses;

	out->protocol = protocol_of(port);
	out->address_count = service_addresses(service, table->arena, &addresses);
	out->addresses = addresses;
	out->port = (uint16_t)json_int(json_get(port, "port"));
	out->node_port = (uint16_t)json_int(json_get(port, "nodePort"));
	out->affinity_s = affinity_of(spec);
	out->local_only = str_is(json_str(json_get(spec, "externalTrafficPolicy")), "Local");
	find_endpoints(table, service, port,
		       str_is(json_str(json_get(spec, "internalTrafficPolicy")), "Local"), &all);
	out->endpoints = all.list;
	out->endpoint_count = all.count;
	if (out->local_only) {
		find_endpoints(table, service, port, true, &local);
		out->local_endpoints = local.list;
		out->local_endpoint_count = local.count;
	}
	if (str_is(json_str(json_get(spec, "clusterIP")),
		   table->sync->plan.service_address)) { /* the API: through our tunnel */
		out->endpoints = &table->sync->relay;
		out->endpoint_count = 1;
	}
}

static void gather_services(struct table *table)
{
	const struct object *object;

	for (size_t i = 0; (object = cache_next(table->sync->services, &i));) {
		const struct json *service = object_json(object);
		struct str address = json_str(json_path(service, "spec", "clusterIP", NULL));

		if (address.len == 0 || str_is(address, "None"))
			continue;
		for (struct json_iter it = json_iter(json_path(service, "spec", "ports", NULL));
		     json_next(&it);)
			if (table->count < SERVICE_RULES_PORTS_MAX)
				add_port(table, service, it.value);
	}
}

/* --- host ports --- */

static void add_host_port(struct table *table, const struct pod *pod, const struct json *port)
{
	struct host_port *out;
	uint32_t address;

	if (json_int(json_get(port, "hostPort")) == 0 ||
	    table->host_count == SERVICE_RULES_PORTS_MAX ||
	    !read_address(str_of(pod_address(pod)), &address))
		return;
	if (table->host_count == table->host_room) {
		table->host_room = table->host_room ? table->host_room * 2 : 16;
		table->host_ports = memory_grow(table->host_ports, table->host_room * sizeof(*out));
	}
	out = &table->host_ports[table->host_count++];
	*out = (struct host_port){
		.protocol = protocol_of(port),
		.port = (uint16_t)json_int(json_get(port, "hostPort")),
		.pod = { address, (uint16_t)json_int(json_get(port, "containerPort")) },
	};
	(void)!read_address(json_str(json_get(port, "hostIP")), &out->host_address);
}

static void add_host_ports(struct table *table, const struct pod *pod, const struct json *container)
{
	for (struct json_iter it = json_iter(json_get(container, "ports")); json_next(&it);)
		add_host_port(table, pod, it.value);
}

/* A pod that is over has let go of its ports, though its object is still there. */
static bool is_over(const struct json *pod)
{
	struct str phase = json_str(json_path(pod, "status", "phase", NULL));

	return str_is(phase, "Succeeded") || str_is(phase, "Failed");
}

static void gather_host_ports(struct table *table)
{
	const struct pod *pod;

	for (size_t i = 0; (pod = pods_next(table->sync->plan.pods, &i));) {
		const struct json *spec = json_get(pod_object(pod), "spec");

		if (json_bool(json_get(spec, "hostNetwork")) || is_over(pod_object(pod)))
			continue;
		for (struct json_iter c = json_iter(json_get(spec, "containers")); json_next(&c);)
			add_host_ports(table, pod, c.value);
		/* Sidecars are containers that happen to stand among those that come first. */
		for (struct json_iter c = json_iter(json_get(spec, "initContainers"));
		     json_next(&c);)
			if (str_is(json_str(json_get(c.value, "restartPolicy")), "Always"))
				add_host_ports(table, pod, c.value);
	}
}

/* --- the table --- */

static void write_table(struct service_sync *sync, struct table *table)
{
	struct service_rules_plan plan = { .cluster_cidr = sync->plan.cluster_cidr,
					   .pod_cidr = sync->pod_cidr,
					   .ports = table->ports,
					   .port_count = table->count,
					   .host_ports = table->host_ports,
					   .host_port_count = table->host_count };
	struct error err;
	bool done = service_rules_replace(&plan, &err);

	if (!done && !sync->failed)
		log_error("agent.services", "the packet rules cannot be written; trying again",
			  "why=\"%s\"", err.text);
	if (done && sync->failed)
		log_info("agent.services", "the packet rules are written again", "ports=%zu",
			 table->count);
	sync->failed = !done;
	if (!done)
		loop_timer_set(sync->plan.node->loop, &sync->timer, RETRY_MS);
}

/* Parsed forms are several times as large as the objects' bytes, and needed for a moment. */
static void trim(const struct cache *cache)
{
	const struct object *object;

	for (size_t i = 0; (object = cache_next(cache, &i));)
		object_trim(object);
}

/* Half of the lists would be worse than the table of an earlier life. */
static bool may_write(const struct service_sync *sync)
{
	return (cache_is_synced(sync->services) && cache_is_synced(sync->slices)) ||
	       sync->remembered;
}

static void on_timer(struct loop_timer *timer)
{
	struct service_sync *sync = CONTAINER_OF(timer, struct service_sync, timer);
	auto_arena arena = arena_new();
	struct table *table = arena_zero(arena, sizeof(*table));

	if (!sync->pod_cidr || !may_write(sync))
		return;
	table->sync = sync;
	table->arena = arena;
	table->slices = map_new();
	gather_slices(table);
	gather_services(table);
	gather_host_ports(table);
	write_table(sync, table);
	trim(sync->services);
	trim(sync->slices);
	map_free(table->slices);
	free(table->ports);
	free(table->host_ports);
}

void service_sync_again(struct service_sync *sync)
{
	if (sync->timer.heap_at == 0)
		loop_timer_set(sync->plan.node->loop, &sync->timer, GATHER_MS);
}

static void keep(struct service_sync *sync)
{
	if (sync->kept_slices) { /* not while the caches are being seeded */
		kept_list_changed(sync->kept_services);
		kept_list_changed(sync->kept_slices);
	}
	service_sync_again(sync);
}

static void on_change(void *owner, const struct object *before, const struct object *after)
{
	(void)before;
	(void)after;
	keep(owner);
}

static void on_synced(void *owner)
{
	keep(owner);
}

/* What was true last, for a start without the server. */
static void remember(struct service_sync *sync)
{
	struct node *node = sync->plan.node;
	struct kept_list *services = kept_list_open(node, "services", sync->services);
	struct kept_list *slices = kept_list_open(node, "endpointslices", sync->slices);
	bool all = kept_list_load(services);

	sync->remembered = kept_list_load(slices) && all;
	sync->kept_services = services;
	sync->kept_slices = slices;
}

struct service_sync *service_sync_start(const struct service_sync_plan *plan)
{
	static const struct cache_events events = { .on_change = on_change,
						    .on_synced = on_synced };
	struct service_sync *sync = memory_new(struct service_sync);
	struct client *client = plan->node->client;

	sync->plan = *plan;
	sync->timer.on_timer = on_timer;
	sync->services =
		cache_start(client, kind_find_name(STR("v1"), STR("Service")), NULL, &events, sync);
	sync->slices = cache_start(client,
				   kind_find_name(STR("discovery.k8s.io/v1"), STR("EndpointSlice")),
				   NULL, &events, sync);
	remember(sync);
	plan->node->services = sync->services;
	return sync;
}

void service_sync_stop(struct service_sync *sync)
{
	if (!sync)
		return;
	sync->plan.node->services = NULL;
	kept_list_close(sync->kept_services);
	kept_list_close(sync->kept_slices);
	loop_timer_stop(&sync->timer);
	cache_stop(sync->services);
	cache_stop(sync->slices);
	free(sync->pod_cidr);
	free(sync);
}

void service_sync_network(struct service_sync *sync, const char *pod_cidr,
			  const struct service_endpoint *relay)
{
	free(sync->pod_cidr);
	sync->pod_cidr = memory_string(pod_cidr);
	sync->relay = *relay;
	service_sync_again(sync);
}

void service_sync_poke(struct service_sync *sync)
{
	cache_poke(sync->services);
	cache_poke(sync->slices);
}
