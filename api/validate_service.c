/*
 * validate_service.c - types, ports, addresses and policies of services.
 */
#include "api/validate_service.h"

#include <inttypes.h>

#include "api/object.h"
#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"
#include "base/map.h"

#define AT(...)        field_path(work->errors, __VA_ARGS__)
#define AFFINITY_MAX_S 86400
#define RANGES_KEY     "service.beta.kubernetes.io/load-balancer-source-ranges"
#define HINTS_KEY      "service.kubernetes.io/topology-aware-hints"
#define TOPOLOGY_KEY   "service.kubernetes.io/topology-mode"
#define ONLY_BALANCERS "may only be used when `type` is 'LoadBalancer'"

bool service_is_type(const struct json *spec, const char *type)
{
	return str_is(json_str(json_get(spec, "type")), type);
}

bool service_is_headless(const struct json *spec)
{
	const struct json *list = json_get(spec, "clusterIPs");

	if (!list)
		return str_is(json_str(json_get(spec, "clusterIP")), "None");
	return json_count(list) == 1 && str_is(json_str(json_at(list, 0)), "None");
}

bool service_is_external(const struct json *spec)
{
	return service_is_type(spec, "LoadBalancer") || service_is_type(spec, "NodePort") ||
	       (service_is_type(spec, "ClusterIP") &&
		json_count(json_get(spec, "externalIPs")) > 0);
}

bool service_needs_health_port(const struct json *spec)
{
	return service_is_type(spec, "LoadBalancer") &&
	       str_is(json_str(json_get(spec, "externalTrafficPolicy")), "Local");
}

/* --- by type --- */

static void check_external_name(const struct kind_work *work, const struct json *spec)
{
	static const char words[] = "may not be set for ExternalName services";
	const struct json *value = json_get(spec, "externalName");
	struct str name = json_str(value);

	if (json_count(json_get(spec, "clusterIPs")) > 0)
		words_forbidden(work, "spec.clusterIPs", words);
	if (json_count(json_get(spec, "ipFamilies")) > 0)
		words_forbidden(work, "spec.ipFamilies", words);
	if (json_get(spec, "ipFamilyPolicy"))
		words_forbidden(work, "spec.ipFamilyPolicy", words);
	if (str_ends(name, STR(".")))
		name.len--;
	if (name.len == 0)
		validate_required(work, "spec.externalName", "");
	else
		values_key(work, "spec.externalName", name, name_subdomain);
}

static void check_type(const struct kind_work *work, const struct json *spec)
{
	static const char *const with_ports[] = { "LoadBalancer", "NodePort" };

	if (json_count(json_get(spec, "ports")) == 0 && !service_is_headless(spec) &&
	    !service_is_type(spec, "ExternalName"))
		validate_required(work, "spec.ports", "");
	for (size_t i = 0; i < ARRAY_LENGTH(with_ports); i++)
		if (service_is_type(spec, with_ports[i]) && service_is_headless(spec))
			field_errors_add(
				work->errors, FIELD_INVALID, "spec.clusterIPs[0]", "\"None\"",
				AT("may not be set to 'None' for %s services", with_ports[i]));
	if (service_is_type(spec, "ExternalName"))
		check_external_name(work, spec);
}

/* --- ports --- */

static void check_port(const struct kind_work *work, const struct json *port, bool alone,
		       struct map *names, const char *path)
{
	static const char *const protocols[] = { "SCTP", "TCP", "UDP", NULL };
	const struct json *name = json_get(port, "name"), *protocol = json_get(port, "appProtocol");

	if (json_str(name).len > 0) {
		values_name(work, AT("%s.name", path), name, name_label);
		if (map_put(names, json_str(name), (void *)port))
			validate_duplicate(work, AT("%s.name", path), name);
	} else if (!alone) {
		validate_required(work, AT("%s.name", path), "");
	}
	values_port(work, AT("%s.port", path), json_get(port, "port"));
	values_choice(work, AT("%s.protocol", path), json_get(port, "protocol"), protocols);
	values_port_or_name(work, AT("%s.targetPort", path), json_get(port, "targetPort"));
	if (protocol)
		values_name(work, AT("%s.appProtocol", path), protocol, name_qualified);
}

static void check_ports(const struct kind_work *work, const struct json *ports)
{
	auto_map names = map_new();

	for (struct json_iter it = json_iter(ports); json_next(&it);)
		check_port(work, it.value, json_count(ports) == 1, names,
			   AT("spec.ports[%zu]", it.index));
}

/* core.ServicePort{...} with nothing but the two. */
static const char *go_port(const struct kind_work *work, const struct json *port)
{
	return AT("core.ServicePort{Name:\"\", Protocol:\"" STR_FMT
		  "\", AppProtocol:(*string)(nil), Port:%" PRId64
		  ", TargetPort:intstr.IntOrString{Type:0, IntVal:0, StrVal:\"\"}, NodePort:0}",
		  STR_ARG(json_str(json_get(port, "protocol"))), json_int(json_get(port, "port")));
}

/* What is listened on, here or on the nodes, only once a protocol. */
static void check_ports_once(const struct kind_work *work, const struct json *ports,
			     const char *field)
{
	bool node = strcmp(field, "nodePort") == 0;
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(ports); json_next(&it);) {
		const struct json *number = json_get(it.value, field);
		const char *place =
			AT(STR_FMT "/%" PRId64, STR_ARG(json_str(json_get(it.value, "protocol"))),
			   json_int(number));

		if (node && json_int(number) == 0)
			continue;
		if (!map_put(seen, str_of(place), it.value))
			continue;
		if (node)
			validate_duplicate(work, AT("spec.ports[%zu].nodePort", it.index), number);
		else
			field_errors_add(work->errors, FIELD_DUPLICATE,
					 AT("spec.ports[%zu]", it.index), go_port(work, it.value),
					 "");
	}
}

static void check_node_ports(const struct kind_work *work, const struct json *spec)
{
	if (!service_is_type(spec, "ClusterIP"))
		return;
	for (struct json_iter it = json_iter(json_get(spec, "ports")); json_next(&it);)
		if (json_int(json_get(it.value, "nodePort")) != 0)
			words_forbidden(work, AT("spec.ports[%zu].nodePort", it.index),
					"may not be used when `type` is 'ClusterIP'");
}

/* --- affinity --- */

static void check_affinity(const struct kind_work *work, const struct json *spec)
{
	static const char *const kinds[] = { "ClientIP", "None", NULL };
	const struct json *affinity = json_get(spec, "sessionAffinity"),
			  *seconds = json_path(spec, "sessionAffinityConfig", "clientIP",
					       "timeoutSeconds", NULL);

	values_choice(work, "spec.sessionAffinity", affinity, kinds);
	if (!str_is(json_str(affinity), "ClientIP"))
		return;
	if (json_int(seconds) <= 0 || json_int(seconds) > AFFINITY_MAX_S)
		validate_invalid(work, "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
				 seconds, "must be greater than 0 and less than 86400");
}

/* --- addresses --- */

static void check_families(const struct kind_work *work, const struct json *spec)
{
	static const char *const families[] = { "IPv4", "IPv6", NULL };
	static const char *const policies[] = { "PreferDualStack", "RequireDualStack",
						"SingleStack", NULL };
	const struct json *policy = json_get(spec, "ipFamilyPolicy");
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(json_get(spec, "ipFamilies")); json_next(&it);) {
		words_check(work, AT("spec.ipFamilies[%zu]", it.index), it.value, families);
		if (map_put(seen, json_str(it.value), it.value))
			validate_duplicate(work, AT("spec.ipFamilies[%zu]", it.index), it.value);
	}
	if (policy)
		words_check(work, "spec.ipFamilyPolicy", policy, policies);
}

/* True when each is an address, or "None" by itself. */
static bool check_each(const struct kind_work *work, const struct json *list)
{
	bool fine = true;

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		if (it.index > 0 || !str_is(json_str(it.value), "None")) {
			fine = values_ip(work, AT("spec.clusterIPs[%zu]", it.index), it.value) &&
			       fine;
		} else if (json_count(list) > 1) {
			words_invalid_list(work, "spec.clusterIPs", list,
					   "'None' must be the first and only value");
			fine = false;
		}
	}
	if (json_count(list) > 2)
		words_invalid_list(work, "spec.clusterIPs", list, "may only hold up to 2 values");
	return fine;
}

/* Each address is of the family in the same place. */
static void check_pairs(const struct kind_work *work, const struct json *spec)
{
	struct json_iter families = json_iter(json_get(spec, "ipFamilies"));

	if (service_is_headless(spec))
		return;
	for (struct json_iter it = json_iter(json_get(spec, "clusterIPs"));
	     json_next(&it) && json_next(&families);) {
		bool six = values_ip_family(json_str(it.value)) == VALUES_IPV6,
		     wants_six = str_is(json_str(families.value), "IPv6");

		if (six != wants_six)
			validate_invalid(work, AT("spec.clusterIPs[%zu]", it.index), it.value,
					 AT("expected an %s value as indicated by "
					    "`ipFamilies[%zu]`",
					    wants_six ? "IPv6" : "IPv4", it.index));
	}
}

static void check_addresses(const struct kind_work *work, const struct json *spec)
{
	const struct json *list = json_get(spec, "clusterIPs"), *first = json_at(list, 0);
	struct str ip = json_str(json_get(spec, "clusterIP"));
	size_t four = 0, six = 0;

	if (service_is_type(spec, "ExternalName"))
		return;
	if (ip.len > 0 && json_count(list) == 0)
		validate_required(work, "spec.clusterIPs", "");
	else if (ip.len > 0 && !str_equal(json_str(first), ip))
		words_invalid_list(work, "spec.clusterIPs", list,
				   "first value must match `clusterIP`");
	else if (ip.len == 0 && json_count(list) > 0)
		words_invalid_list(work, "spec.clusterIPs", list,
				   "must be empty when `clusterIP` is not specified");
	check_families(work, spec);
	if (!check_each(work, list))
		return;
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		four += values_ip_family(json_str(it.value)) == VALUES_IPV4;
		six += values_ip_family(json_str(it.value)) == VALUES_IPV6;
	}
	if (four > 1 || six > 1)
		words_invalid_list(work, "spec.clusterIPs", list,
				   "may specify no more than one IP for each IP family");
	check_pairs(work, spec);
}

/* Addresses are of IPv4 here. */
static void check_configured(const struct kind_work *work, const struct json *spec)
{
	const struct json *policy = json_get(spec, "ipFamilyPolicy");

	if (service_is_headless(spec) && json_count(json_get(spec, "selector")) == 0)
		return;
	for (struct json_iter it = json_iter(json_get(spec, "ipFamilies")); json_next(&it);)
		if (str_is(json_str(it.value), "IPv6"))
			validate_invalid(work, AT("spec.ipFamilies[%zu]", it.index), it.value,
					 "not configured on this cluster");
	if (str_is(json_str(policy), "RequireDualStack"))
		validate_invalid(work, "spec.ipFamilyPolicy", policy,
				 "this cluster is not configured for dual-stack services");
}

static void check_external_ips(const struct kind_work *work, const struct json *list)
{
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		const char *path = AT("spec.externalIPs[%zu]", it.index);

		if (values_ip(work, path, it.value))
			values_no_special_ip(work, path, it.value);
	}
}

/* --- load balancers --- */

static void check_ranges(const struct kind_work *work, const struct json *spec)
{
	static const char path[] = "spec.LoadBalancerSourceRanges",
			  key_path[] = "metadata.annotations[" RANGES_KEY "]";
	const struct json *ranges = json_get(spec, "loadBalancerSourceRanges");
	struct str text = meta_annotation(work->object, RANGES_KEY);
	bool balanced = service_is_type(spec, "LoadBalancer");

	if (json_count(ranges) > 0) {
		if (!balanced)
			words_forbidden(work, path, ONLY_BALANCERS);
		for (struct json_iter it = json_iter(ranges); json_next(&it);)
			values_cidr(work, AT("%s[%zu]", path, it.index),
				    str_trim(json_str(it.value)));
		return;
	}
	if (!text.at)
		return;
	if (!balanced)
		words_forbidden(work, key_path, ONLY_BALANCERS);
	text = str_trim(text);
	while (text.len > 0)
		values_cidr(work, key_path, str_trim(str_cut(&text, ',')));
}

static void check_balancer(const struct kind_work *work, const struct json *spec)
{
	const struct json *allocate = json_get(spec, "allocateLoadBalancerNodePorts"),
			  *class = json_get(spec, "loadBalancerClass");
	bool balanced = service_is_type(spec, "LoadBalancer");

	if (allocate && !balanced)
		words_forbidden(work, "spec.allocateLoadBalancerNodePorts", ONLY_BALANCERS);
	if (!allocate && balanced)
		validate_required(work, "allocateLoadBalancerNodePorts", "");
	if (class && balanced)
		values_name(work, "spec.loadBalancerClass", class, name_qualified);
	else if (class)
		words_forbidden(work, "spec.loadBalancerClass", ONLY_BALANCERS);
}

/* --- policies --- */

static void check_policies(const struct kind_work *work, const struct json *spec)
{
	static const char *const policies[] = { "Cluster", "Local", NULL };
	static const char *const ways[] = { "PreferClose", NULL };
	const struct json *outside = json_get(spec, "externalTrafficPolicy"),
			  *health = json_get(spec, "healthCheckNodePort"),
			  *inside = json_get(spec, "internalTrafficPolicy"),
			  *way = json_get(spec, "trafficDistribution");

	if (service_is_external(spec))
		values_choice(work, "spec.externalTrafficPolicy", outside, policies);
	else if (json_str(outside).len > 0)
		validate_invalid(work, "spec.externalTrafficPolicy", outside,
				 "may only be set for externally-accessible services");
	if (!service_needs_health_port(spec)) {
		if (json_int(health) != 0)
			validate_invalid(work, "spec.healthCheckNodePort", health,
					 "may only be set when `type` is 'LoadBalancer' and "
					 "`externalTrafficPolicy` is 'Local'");
	} else if (json_int(health) != 0) {
		values_port(work, "spec.healthCheckNodePort", health);
	}
	if (!inside && !service_is_type(spec, "ExternalName"))
		validate_required(work, "spec.internalTrafficPolicy", "");
	else if (inside)
		words_check(work, "spec.internalTrafficPolicy", inside, policies);
	if (way)
		words_check(work, "spec.trafficDistribution", way, ways);
}

static void check_topology(const struct kind_work *work)
{
	const struct json *annotations = json_get(meta_of(work->object), "annotations"),
			  *hints = json_get(annotations, HINTS_KEY),
			  *mode = json_get(annotations, TOPOLOGY_KEY);

	if (hints && mode && !json_equal(hints, mode))
		validate_invalid(work, "metadata.annotations[" TOPOLOGY_KEY "]", mode,
				 "must match annotations[" HINTS_KEY "] when both are specified");
}

void service_spec(const struct kind_work *work)
{
	static const char *const types[] = { "ClusterIP", "ExternalName", "LoadBalancer",
					     "NodePort", NULL };
	const struct json *spec = json_get(work->object, "spec"), *ports = json_get(spec, "ports");

	check_topology(work);
	check_type(work, spec);
	check_ports(work, ports);
	validate_labels(work, json_get(spec, "selector"), "spec.selector");
	check_affinity(work, spec);
	check_addresses(work, spec);
	check_external_ips(work, json_get(spec, "externalIPs"));
	values_choice(work, "spec.type", json_get(spec, "type"), types);
	check_node_ports(work, spec);
	check_ports_once(work, ports, "nodePort");
	check_ports_once(work, ports, "port");
	check_ranges(work, spec);
	check_balancer(work, spec);
	check_policies(work, spec);
	check_configured(work, spec);
}
