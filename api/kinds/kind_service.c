/*
 * kind_service.c - Service: one stable address for a set of pods.
 */
#include <inttypes.h>

#include "api/kinds/cells.h"
#include "api/names.h"
#include "api/object.h"
#include "api/validate.h"
#include "base/map.h"

static bool is_type(const struct json *spec, const char *type)
{
	return str_is(json_str(json_get(spec, "type")), type);
}

static void put_absent(const struct kind_work *work, struct json *object, const char *key,
		       struct json *value)
{
	if (!json_get(object, key))
		json_put(work->doc, object, key, value);
}

static void fill(const struct kind_work *work)
{
	struct json_doc *doc = work->doc;
	struct json *spec = json_sub_object(doc, work->object, "spec");
	bool outside = is_type(spec, "NodePort") || is_type(spec, "LoadBalancer");

	for (struct json_iter it = json_iter(json_get(spec, "ports")); json_next(&it);) {
		put_absent(work, it.value, "protocol", json_new_text(doc, "TCP"));
		put_absent(work, it.value, "targetPort",
			   json_clone(doc, json_get(it.value, "port")));
	}
	if (is_type(spec, "ExternalName"))
		return;
	if (!json_get(spec, "ipFamilies")) {
		struct json *families = json_sub_array(doc, spec, "ipFamilies");

		json_append(families, json_new_text(doc, "IPv4"));
	}
	put_absent(work, spec, "ipFamilyPolicy", json_new_text(doc, "SingleStack"));
	put_absent(work, spec, "internalTrafficPolicy", json_new_text(doc, "Cluster"));
	if (outside)
		put_absent(work, spec, "externalTrafficPolicy", json_new_text(doc, "Cluster"));
	if (is_type(spec, "LoadBalancer"))
		put_absent(work, spec, "allocateLoadBalancerNodePorts", json_new_bool(doc, true));
	if (str_is(json_str(json_get(spec, "sessionAffinity")), "ClientIP") &&
	    !json_get(spec, "sessionAffinityConfig"))
		json_put(doc,
			 json_sub_object(doc, json_sub_object(doc, spec, "sessionAffinityConfig"),
					 "clientIP"),
			 "timeoutSeconds", json_new_int(doc, 10800));
}

static void on_create(const struct kind_work *work)
{
	struct json *status = json_new_object(work->doc);

	json_sub_object(work->doc, status, "loadBalancer");
	json_put(work->doc, work->object, "status", status);
}

/* Names are unique, and so is what is listened on. */
static void check_unique(const struct kind_work *work, const struct json_iter *at, struct map *seen)
{
	const struct json *name = json_get(at->value, "name");
	struct str protocol = json_str(json_get(at->value, "protocol"));
	const char *listens = field_path(work->errors, "%" PRId64 "/" STR_FMT,
					 json_int(json_get(at->value, "port")), STR_ARG(protocol)),
		   *path = field_path(work->errors, "spec.ports[%zu]", at->index);

	if (json_str(name).len > 0 && map_put(seen, json_str(name), at->value))
		validate_duplicate(work, field_path(work->errors, "%s.name", path), name);
	if (map_put(seen, str_of(listens), at->value)) /* no name has a slash */
		validate_duplicate(work, path, at->value);
}

static void check_port(const struct kind_work *work, const struct json *ports,
		       const struct json_iter *at)
{
	const struct json *port = json_get(at->value, "port"), *name = json_get(at->value, "name");
	const struct json *target = json_get(at->value, "targetPort");
	const char *why = json_str(name).len ? name_check(NAME_LABEL, json_str(name)) : NULL;

	if (json_int(port) < 1 || json_int(port) > 65535)
		validate_invalid(work, field_path(work->errors, "spec.ports[%zu].port", at->index),
				 port, "must be between 1 and 65535, inclusive");
	if (json_count(ports) > 1 && json_str(name).len == 0)
		validate_required(work, field_path(work->errors, "spec.ports[%zu].name", at->index),
				  "");
	if (why)
		validate_invalid(work, field_path(work->errors, "spec.ports[%zu].name", at->index),
				 name, why);
	if (json_type(target) == JSON_STRING)
		why = name_check_port(json_str(target));
	else
		why = json_int(target) < 1 || json_int(target) > 65535
			      ? "must be between 1 and 65535, inclusive"
			      : NULL;
	if (target && why)
		validate_invalid(work,
				 field_path(work->errors, "spec.ports[%zu].targetPort", at->index),
				 target, why);
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec"), *ports = json_get(spec, "ports");
	const struct json *old_ip = json_path(work->old, "spec", "clusterIP", NULL);
	auto_map seen = map_new();

	if (json_count(ports) == 0 && !is_type(spec, "ExternalName") &&
	    !str_is(json_str(json_get(spec, "clusterIP")), "None"))
		validate_required(work, "spec.ports", "");
	for (struct json_iter it = json_iter(ports); json_next(&it);) {
		check_port(work, ports, &it);
		check_unique(work, &it, seen);
	}
	validate_labels(work, json_get(spec, "selector"), "spec.selector");
	if (is_type(spec, "ExternalName") && json_str(json_get(spec, "externalName")).len == 0)
		validate_required(work, "spec.externalName", "");
	if (json_str(old_ip).len > 0 && !is_type(spec, "ExternalName") &&
	    !json_equal(old_ip, json_get(spec, "clusterIP")))
		validate_invalid(work, "spec.clusterIPs[0]", json_get(spec, "clusterIPs"),
				 "may not change once set");
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
	if (is_type(spec, "ExternalName"))
		buf_add_str(out, json_str(json_get(spec, "externalName")));
	if (out->len == before)
		buf_add_text(out, is_type(spec, "LoadBalancer") ? "<pending>" : "<none>");
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
static const char *const categories[] = { "all", NULL };
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
	.categories = categories,
	.type_name = "io.k8s.api.core.v1.Service",
	.namespaced = true,
	.put_creates = true,
	.returns_object = true,
	.name_rule = NAME_LABEL_1035,
	.verbs = VERB_ALL,
	.fill = fill,
	.on_create = on_create,
	.validate = validate,
	.subresources = subresources,
	.columns = columns,
	.field_labels = field_labels,
};
