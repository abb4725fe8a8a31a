/*
 * kind_service.c - Service: one stable address for a set of pods.
 */
#include <inttypes.h>

#include "api/kinds/cells.h"
#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/validate_service.h"

static void put_absent(const struct kind_work *work, struct json *object, const char *key,
		       struct json *value)
{
	if (!json_get(object, key))
		json_put(work->doc, object, key, value);
}

/* The list of addresses and its first one say the same. */
static void fill_addresses(const struct kind_work *work, struct json *spec)
{
	const struct json *list = json_get(spec, "clusterIPs"),
			  *was = json_path(work->old, "spec", "clusterIPs", NULL),
			  *old = json_path(work->old, "spec", "clusterIP", NULL);
	struct str ip = json_str(json_get(spec, "clusterIP"));

	if (ip.len == 0 && json_count(list) > 0 && (!work->old || json_count(was) == 0))
		json_put(work->doc, spec, "clusterIP", json_clone(work->doc, json_at(list, 0)));
	else if (ip.len > 0 && json_count(list) == 0)
		json_append(json_sub_array(work->doc, spec, "clusterIPs"),
			    json_new_str(work->doc, ip));
	else if (ip.len == 0 && json_str(old).len > 0 && json_equal(list, was))
		json_remove(spec, STR("clusterIPs"));
	else if (ip.len > 0 && json_str(old).len > 0 && !str_equal(ip, json_str(old)) &&
		 json_equal(list, was)) {
		json_clear(json_get(spec, "clusterIPs"));
		json_append(json_get(spec, "clusterIPs"), json_new_str(work->doc, ip));
	}
}

/* Without a selector it may be answered in either family. */
static void fill_families(const struct kind_work *work, struct json *spec)
{
	bool any = service_is_headless(spec) && json_count(json_get(spec, "selector")) == 0;
	struct json *families;

	put_absent(work, spec, "ipFamilyPolicy",
		   json_new_text(work->doc, any ? "RequireDualStack" : "SingleStack"));
	if (json_count(json_get(spec, "ipFamilies")) > 0)
		return;
	families = json_sub_array(work->doc, spec, "ipFamilies");
	json_append(families, json_new_text(work->doc, "IPv4"));
	if (any && !str_is(json_str(json_get(spec, "ipFamilyPolicy")), "SingleStack"))
		json_append(families, json_new_text(work->doc, "IPv6"));
}

static void fill_affinity(const struct kind_work *work, struct json *spec)
{
	struct json_doc *doc = work->doc;

	if (str_is(json_str(json_get(spec, "sessionAffinity")), "None"))
		json_remove(spec, STR("sessionAffinityConfig"));
	if (str_is(json_str(json_get(spec, "sessionAffinity")), "ClientIP") &&
	    !json_path(spec, "sessionAffinityConfig", "clientIP", "timeoutSeconds", NULL))
		json_put(doc,
			 json_sub_object(doc, json_sub_object(doc, spec, "sessionAffinityConfig"),
					 "clientIP"),
			 "timeoutSeconds", json_new_int(doc, 10800));
}

static bool is_nothing(const struct json *port)
{
	return json_type(port) == JSON_STRING ? json_str(port).len == 0 : json_int(port) == 0;
}

/* An address of a load balancer is served by it unless it says otherwise. */
static void fill_points(const struct kind_work *work, const struct json *spec)
{
	struct json_iter it =
		json_iter(json_path(work->object, "status", "loadBalancer", "ingress", NULL));

	while (service_is_type(spec, "LoadBalancer") && json_next(&it))
		if (json_str(json_get(it.value, "ip")).len > 0)
			put_absent(work, it.value, "ipMode", json_new_text(work->doc, "VIP"));
}

static void fill(const struct kind_work *work)
{
	struct json_doc *doc = work->doc;
	struct json *spec = json_sub_object(doc, work->object, "spec");

	put_absent(work, spec, "type", json_new_text(doc, "ClusterIP"));
	put_absent(work, spec, "sessionAffinity", json_new_text(doc, "None"));
	for (struct json_iter it = json_iter(json_get(spec, "ports")); json_next(&it);) {
		put_absent(work, it.value, "protocol", json_new_text(doc, "TCP"));
		if (is_nothing(json_get(it.value, "targetPort")))
			json_put(doc, it.value, "targetPort",
				 json_clone(doc, json_get(it.value, "port")));
	}
	fill_affinity(work, spec);
	fill_points(work, spec);
	if (service_is_type(spec, "ExternalName"))
		return;
	fill_addresses(work, spec);
	fill_families(work, spec);
	put_absent(work, spec, "internalTrafficPolicy", json_new_text(doc, "Cluster"));
	if (service_is_external(spec))
		put_absent(work, spec, "externalTrafficPolicy", json_new_text(doc, "Cluster"));
	if (service_is_type(spec, "LoadBalancer"))
		put_absent(work, spec, "allocateLoadBalancerNodePorts", json_new_bool(doc, true));
}

/* --- fields that go with the type they were for --- */

static bool has_node_ports(const struct json *spec)
{
	return service_is_type(spec, "NodePort") || service_is_type(spec, "LoadBalancer");
}

static bool same_node_ports(const struct json *a, const struct json *b)
{
	struct json_iter left = json_iter(json_get(a, "ports")),
			 right = json_iter(json_get(b, "ports"));

	if (json_count(json_get(a, "ports")) != json_count(json_get(b, "ports")))
		return false;
	while (json_next(&left) && json_next(&right))
		if (json_int(json_get(left.value, "nodePort")) !=
		    json_int(json_get(right.value, "nodePort")))
			return false;
	return true;
}

/* Goes unless the caller has changed it. */
static void drop_same(struct json *spec, const struct json *old, const char *field)
{
	if (json_equal(json_get(spec, field), json_get(old, field)))
		json_remove(spec, str_of(field));
}

static void drop_by_type(struct json *spec, const struct json *old)
{
	bool named = service_is_type(spec, "ExternalName") && !service_is_type(old, "ExternalName"),
	     balanced =
		     service_is_type(old, "LoadBalancer") && !service_is_type(spec, "LoadBalancer");

	if (named) {
		drop_same(spec, old, "clusterIPs");
		drop_same(spec, old, "clusterIP");
		drop_same(spec, old, "ipFamilies");
		drop_same(spec, old, "ipFamilyPolicy");
	}
	if (has_node_ports(old) && !has_node_ports(spec) && same_node_ports(spec, old))
		for (struct json_iter it = json_iter(json_get(spec, "ports")); json_next(&it);)
			json_remove(it.value, STR("nodePort"));
	if (service_needs_health_port(old) && !service_needs_health_port(spec))
		drop_same(spec, old, "healthCheckNodePort");
	if (service_is_external(old) && !service_is_external(spec))
		drop_same(spec, old, "externalTrafficPolicy");
	if (balanced) {
		drop_same(spec, old, "allocateLoadBalancerNodePorts");
		drop_same(spec, old, "loadBalancerClass");
	}
}

static void on_update(const struct kind_work *work)
{
	struct json *spec = json_get(work->object, "spec"), *status;
	const struct json *old = json_get(work->old, "spec");

	if (work->subresource[0])
		return;
	drop_by_type(spec, old);
	if (service_is_type(old, "LoadBalancer") && !service_is_type(spec, "LoadBalancer")) {
		status = json_sub_object(work->doc, work->object, "status");
		json_put(work->doc, status, "loadBalancer", json_new_object(work->doc));
	}
}

static void on_create(const struct kind_work *work)
{
	struct json *status = json_new_object(work->doc);

	json_sub_object(work->doc, status, "loadBalancer");
	json_put(work->doc, work->object, "status", status);
}

static void validate(const struct kind_work *work)
{
	if (strcmp(work->subresource, "status") == 0) {
		service_status(work);
		return;
	}
	if (work->old)
		service_update(work);
	service_spec(work);
}

/* Fields that mean nothing beside the others. */
static void warn(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec");
	bool named = service_is_type(spec, "ExternalName");

	if (work->subresource[0])
		return;
	if (!named && service_is_headless(spec)) {
		if (json_str(json_get(spec, "loadBalancerIP")).len > 0)
			kind_warn(work, "spec.loadBalancerIP is ignored for headless services");
		if (json_count(json_get(spec, "externalIPs")) > 0)
			kind_warn(work, "spec.externalIPs is ignored for headless services");
		if (str_is(json_str(json_get(spec, "sessionAffinity")), "ClientIP"))
			kind_warn(work, "spec.SessionAffinity is ignored for headless services");
	}
	if (!named && json_str(json_get(spec, "externalName")).len > 0)
		kind_warn(work, "spec.externalName is ignored when spec.type is not "
				"\"ExternalName\"");
}

static void print_ip(const struct json *object, struct buf *out)
{
	struct str ip = json_str(json_path(object, "spec", "clusterIP", NULL));

	buf_add_str(out, ip.len ? ip : STR("<none>"));
}

static void print_external(const struct json *object, struct buf *out)
{
	const struct json *spec = json_get(object, "spec");
	size_t before = out->len;

	for (struct json_iter it =
		     json_iter(json_path(object, "status", "loadBalancer", "ingress", NULL));
	     json_next(&it);) {
		struct str ip = json_str(json_get(it.value, "ip"));

		buf_add_print(out, "%s" STR_FMT, out->len > before ? "," : "",
			      STR_ARG(ip.len ? ip : json_str(json_get(it.value, "hostname"))));
	}
	for (struct json_iter it = json_iter(json_get(spec, "externalIPs")); json_next(&it);)
		buf_add_print(out, "%s" STR_FMT, out->len > before ? "," : "",
			      STR_ARG(json_str(it.value)));
	if (service_is_type(spec, "ExternalName"))
		buf_add_str(out, json_str(json_get(spec, "externalName")));
	if (out->len == before)
		buf_add_text(out, service_is_type(spec, "LoadBalancer") ? "<pending>" : "<none>");
}

static void print_ports(const struct json *object, struct buf *out)
{
	const struct json *ports = json_path(object, "spec", "ports", NULL);

	if (json_count(ports) == 0)
		buf_add_text(out, "<none>");
	for (struct json_iter it = json_iter(ports); json_next(&it);) {
		int64_t node = json_int(json_get(it.value, "nodePort"));

		buf_add_print(out, "%s%" PRId64, it.index ? "," : "",
			      json_int(json_get(it.value, "port")));
		if (node > 0)
			buf_add_print(out, ":%" PRId64, node);
		buf_add_print(out, "/" STR_FMT, STR_ARG(json_str(json_get(it.value, "protocol"))));
	}
}

static void print_selector(const struct json *object, struct buf *out)
{
	cells_map(json_path(object, "spec", "selector", NULL), out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Type", .path = ".spec.type" },
	{ .name = "Cluster-IP", .print = print_ip },
	{ .name = "External-IP", .print = print_external },
	{ .name = "Port(s)", .print = print_ports },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "Selector", .priority = 1, .print = print_selector },
	{ 0 },
};
static const char *const short_names[] = { "svc", NULL };
static const struct field_label field_labels[] = { { "spec.clusterIP", NULL },
						   { "spec.type", NULL },
						   { 0 } };
static const struct subresource subresources[] = {
	{ "proxy", "ServiceProxyOptions", "", "v1",
	  VERB_GET | VERB_CREATE | VERB_UPDATE | VERB_PATCH | VERB_DELETE },
	{ .name = "status", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ 0 },
};

const struct kind kind_service = {
	.group = "",
	.version = "v1",
	.name = "Service",
	.plural = "services",
	.short_names = short_names,
	.categories = categories_all,
	.type_name = "io.k8s.api.core.v1.Service",
	.namespaced = true,
	.put_creates = true,
	.returns_object = true,
	.name_rule = NAME_LABEL_1035,
	.verbs = VERB_ALL,
	.fill = fill,
	.own_enums = true,
	.on_create = on_create,
	.on_update = on_update,
	.validate = validate,
	.warn = warn,
	.subresources = subresources,
	.columns = columns,
	.field_labels = field_labels,
};
