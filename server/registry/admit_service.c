/*
 * admit_service.c - gives services their cluster address and node ports, and keeps them on updates.
 */
#include "api/validate_service.h"
#include "api/validate_values.h"
#include "server/registry/admit.h"
#include "server/registry/registry_inside.h"
#include "server/registry/service_address.h"

static const char *owner_of(const struct admit_work *work)
{
	return arena_print(work->arena, STR_FMT "/" STR_FMT, STR_ARG(work->namespace),
			   STR_ARG(meta_str(work->object, "name")));
}

/* A list that begins with the address stays: what else is in it is told of later. */
static void put_address(const struct admit_work *work, struct json *spec, struct str ip)
{
	struct json *list = json_new_array(work->doc);

	json_put(work->doc, spec, "clusterIP", json_new_str(work->doc, ip));
	if (str_equal(json_str(json_at(json_get(spec, "clusterIPs"), 0)), ip))
		return;
	json_append(list, json_new_str(work->doc, ip));
	json_put(work->doc, spec, "clusterIPs", list);
}

/* An update that leaves the address out keeps the old one. */
static void keep_address(const struct admit_work *work, struct json *spec)
{
	struct str old = json_str(json_path(work->old, "spec", "clusterIP", NULL));

	if (json_str(json_get(spec, "clusterIP")).len == 0 && old.len > 0 &&
	    !service_is_type(spec, "ExternalName"))
		put_address(work, spec, old);
}

static bool give_address(const struct admit_work *work, struct json *spec, struct error *err)
{
	struct addresses *addresses = work->registry->addresses;
	struct str wished = json_str(json_get(spec, "clusterIP"));
	auto_buf ip = BUF_INIT;

	if (service_is_type(spec, "ExternalName"))
		return true;
	if (str_is(wished, "None")) {
		put_address(work, spec, STR("None"));
		return true;
	}
	if (wished.len > 0 && values_ip_family(wished) == VALUES_NO_IP)
		return true; /* validation tells it */
	if (wished.len > 0) {
		if (!addresses_claim_ip(addresses, wished, str_of(owner_of(work)), err))
			return false;
		put_address(work, spec, str_of(str_copy_arena(wished, work->arena)));
		return true;
	}
	if (!addresses_take_ip(addresses, &ip, err))
		return false;
	put_address(work, spec, buf_str(&ip));
	return true;
}

/* The node port that the old service had for the same port, 0 if none. */
static int64_t old_node_port(const struct admit_work *work, const struct json *port)
{
	for (struct json_iter it = json_iter(json_path(work->old, "spec", "ports", NULL));
	     json_next(&it);)
		if (json_equal(json_get(it.value, "port"), json_get(port, "port")) &&
		    json_equal(json_get(it.value, "protocol"), json_get(port, "protocol")))
			return json_int(json_get(it.value, "nodePort"));
	return 0;
}

static bool give_port(const struct admit_work *work, struct json *port, struct error *err)
{
	struct addresses *addresses = work->registry->addresses;
	int64_t wished = json_int(json_get(port, "nodePort"));
	int taken;

	if (wished == 0)
		wished = old_node_port(work, port);
	if (wished > 0) {
		if (!addresses_claim_port(addresses, (int)wished, str_of(owner_of(work)), err))
			return false;
		taken = (int)wished;
	} else if (!addresses_take_port(addresses, &taken, err)) {
		return false;
	}
	json_put(work->doc, port, "nodePort", json_new_int(work->doc, taken));
	return true;
}

static bool give_ports(const struct admit_work *work, struct json *spec, struct error *err)
{
	if (!service_is_type(spec, "NodePort") && !service_is_type(spec, "LoadBalancer"))
		return true;
	for (struct json_iter it = json_iter(json_get(spec, "ports")); json_next(&it);)
		if (!give_port(work, it.value, err))
			return false;
	return true;
}

/* The port of the nodes at which a load balancer asks for pods. */
static bool give_health_port(const struct admit_work *work, struct json *spec, struct error *err)
{
	struct addresses *addresses = work->registry->addresses;
	int64_t wished = json_int(json_get(spec, "healthCheckNodePort"));
	int taken;

	if (!service_needs_health_port(spec))
		return true;
	if (wished == 0)
		wished = json_int(json_path(work->old, "spec", "healthCheckNodePort", NULL));
	if (wished > 0)
		taken = (int)wished;
	if (wished > 0 ? !addresses_claim_port(addresses, taken, str_of(owner_of(work)), err)
		       : !addresses_take_port(addresses, &taken, err))
		return false;
	json_put(work->doc, spec, "healthCheckNodePort", json_new_int(work->doc, taken));
	return true;
}

static bool admit(const struct admit_work *work, struct error *err)
{
	struct json *spec = json_get(work->object, "spec");

	if (strcmp(work->kind->name, "Service") != 0 || work->subresource[0] || !spec)
		return true;
	if (work->old)
		keep_address(work, spec);
	if (!give_address(work, spec, err) || !give_ports(work, spec, err) ||
	    !give_health_port(work, spec, err))
		return error_context(err, "Service \"" STR_FMT "\" is invalid",
				     STR_ARG(meta_str(work->object, "name")));
	return true;
}

const struct admit_row admit_service = { .name = "ServiceAddress", .admit = admit };
