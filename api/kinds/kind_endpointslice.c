/*
 * kind_endpointslice.c - EndpointSlice: the addresses behind a Service.
 */
#include <arpa/inet.h>
#include <inttypes.h>

#include "api/names.h"
#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"
#include "base/map.h"

#define SHOWN_MAX     3
#define ENDPOINTS_MAX 1000
#define ADDRESSES_MAX 100
#define PORTS_MAX     20000
#define TOPOLOGY_MAX  16
#define ZONES_MAX     8

#define IN_LOOPBACK       "may not be in the loopback range (127.0.0.0/8, ::1/128)"
#define IN_LINK_LOCAL     "may not be in the link-local range (169.254.0.0/16, fe80::/10)"
#define IN_LINK_MULTICAST "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"

/* Why traffic of a service may not be sent there; NULL when it may. */
static const char *refuse_ipv4(struct str text)
{
	unsigned char bytes[4];
	auto_free char *address = str_copy(text);

	if (inet_pton(AF_INET, address, bytes) != 1)
		return "must be a valid IPv4 address";
	if (str_is(text, "0.0.0.0"))
		return "may not be unspecified (0.0.0.0)";
	if (bytes[0] == 127)
		return IN_LOOPBACK;
	if (bytes[0] == 169 && bytes[1] == 254)
		return IN_LINK_LOCAL;
	return bytes[0] == 224 && bytes[1] == 0 && bytes[2] == 0 ? IN_LINK_MULTICAST : NULL;
}

static const char *refuse_ipv6(struct str text)
{
	static const unsigned char zeros[16], mapped[12] = { [10] = 0xff, [11] = 0xff };
	unsigned char bytes[16];
	auto_free char *address = str_copy(text);

	if (inet_pton(AF_INET6, address, bytes) != 1 || memcmp(bytes, mapped, 12) == 0)
		return "must be a valid IPv6 address";
	if (memcmp(bytes, zeros, 16) == 0)
		return "may not be unspecified (::)";
	if (memcmp(bytes, zeros, 15) == 0 && bytes[15] == 1)
		return IN_LOOPBACK;
	if (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80)
		return IN_LINK_LOCAL;
	return bytes[0] == 0xff && (bytes[1] & 0x0f) == 2 ? IN_LINK_MULTICAST : NULL;
}

static const char *refuse_address(struct str type, struct str address)
{
	if (str_find(address, '\0') >= 0)
		return "must be a valid address";
	if (str_is(type, "IPv4"))
		return refuse_ipv4(address);
	if (str_is(type, "IPv6"))
		return refuse_ipv6(address);
	if (str_ends(address, STR(".")))
		address.len--;
	if (name_check(NAME_SUBDOMAIN, address))
		return name_check(NAME_SUBDOMAIN, address);
	return str_find(address, '.') < 0
		       ? "should be a domain with at least two segments separated by dots"
		       : NULL;
}

static void too_many(const struct kind_work *work, const char *path, size_t count, int max)
{
	field_errors_add(work->errors, FIELD_TOO_MANY, path, field_path(work->errors, "%zu", count),
			 field_path(work->errors, "must have at most %d items", max));
}

static void check_addresses(const struct kind_work *work, struct str type,
			    const struct json *addresses, const char *path)
{
	if (json_count(addresses) == 0)
		validate_required(work, path, "must contain at least 1 address");
	else if (json_count(addresses) > ADDRESSES_MAX)
		too_many(work, path, json_count(addresses), ADDRESSES_MAX);
	for (struct json_iter it = json_iter(addresses);
	     json_next(&it) && it.index < ADDRESSES_MAX;) {
		const char *why = refuse_address(type, json_str(it.value));

		if (why)
			validate_invalid(work, field_path(work->errors, "%s[%zu]", path, it.index),
					 it.value, why);
	}
}

static void check_zones(const struct kind_work *work, const struct json *zones, const char *path)
{
	auto_map seen = map_new();

	if (json_count(zones) > ZONES_MAX) {
		too_many(work, path, json_count(zones), ZONES_MAX);
		return;
	}
	for (struct json_iter it = json_iter(zones); json_next(&it);) {
		const struct json *name = json_get(it.value, "name");
		const char *at = field_path(work->errors, "%s[%zu].name", path, it.index);

		if (map_put(seen, json_str(name), it.value))
			validate_duplicate(work, at, name);
		values_name(work, at, name, name_label_value);
	}
}

static void check_endpoint(const struct kind_work *work, struct str type,
			   const struct json *endpoint, const char *path)
{
	const struct json *node = json_get(endpoint, "nodeName"),
			  *host = json_get(endpoint, "hostname"),
			  *topology = json_get(endpoint, "deprecatedTopology");
	const char *at = field_path(work->errors, "%s.deprecatedTopology", path);

	check_addresses(work, type, json_get(endpoint, "addresses"),
			field_path(work->errors, "%s.addresses", path));
	if (node)
		values_name(work, field_path(work->errors, "%s.nodeName", path), node,
			    name_subdomain);
	if (json_count(topology) > TOPOLOGY_MAX)
		too_many(work, at, json_count(topology), TOPOLOGY_MAX);
	validate_labels(work, topology, at);
	if (host)
		values_name(work, field_path(work->errors, "%s.hostname", path), host, name_label);
	check_zones(work, json_path(endpoint, "hints", "forZones", NULL),
		    field_path(work->errors, "%s.hints.forZones", path));
}

static void check_endpoints(const struct kind_work *work, struct str type,
			    const struct json *endpoints)
{
	if (json_count(endpoints) > ENDPOINTS_MAX) {
		too_many(work, "endpoints", json_count(endpoints), ENDPOINTS_MAX);
		return;
	}
	for (struct json_iter it = json_iter(endpoints); json_next(&it);)
		check_endpoint(work, type, it.value,
			       field_path(work->errors, "endpoints[%zu]", it.index));
}

static void check_ports(const struct kind_work *work, const struct json *ports)
{
	auto_map seen = map_new();

	if (json_count(ports) > PORTS_MAX) {
		too_many(work, "ports", json_count(ports), PORTS_MAX);
		return;
	}
	for (struct json_iter it = json_iter(ports); json_next(&it);) {
		const struct json *name = json_get(it.value, "name"),
				  *protocol = json_get(it.value, "appProtocol");
		const char *at = field_path(work->errors, "ports[%zu].name", it.index);

		if (json_str(name).len > 0)
			values_name(work, at, name, name_label);
		if (map_put(seen, json_str(name), it.value))
			validate_duplicate(work, at, words_text(work, name));
		if (protocol)
			values_name(work,
				    field_path(work->errors, "ports[%zu].appProtocol", it.index),
				    protocol, name_qualified);
	}
}

static void validate(const struct kind_work *work)
{
	static const char *const types[] = { "FQDN", "IPv4", "IPv6", NULL };
	const struct json *type = json_get(work->object, "addressType");

	values_choice(work, "addressType", type, types);
	check_endpoints(work, json_str(type), json_get(work->object, "endpoints"));
	check_ports(work, json_get(work->object, "ports"));
	if (work->old)
		validate_immutable(work, "addressType", type, json_get(work->old, "addressType"));
}

static void print_ports(const struct json *object, struct buf *out)
{
	const struct json *ports = json_get(object, "ports");

	if (json_count(ports) == 0)
		buf_add_text(out, "<unset>");
	for (struct json_iter it = json_iter(ports); json_next(&it) && it.index < SHOWN_MAX;)
		buf_add_print(out, "%s%" PRId64, it.index ? "," : "",
			      json_int(json_get(it.value, "port")));
	if (json_count(ports) > SHOWN_MAX)
		buf_add_print(out, " + %zu more...", json_count(ports) - SHOWN_MAX);
}

static void print_endpoints(const struct json *object, struct buf *out)
{
	size_t shown = 0, all = 0;

	for (struct json_iter it = json_iter(json_get(object, "endpoints")); json_next(&it);)
		for (struct json_iter each = json_iter(json_get(it.value, "addresses"));
		     json_next(&each); all++)
			if (shown < SHOWN_MAX)
				buf_add_print(out, "%s" STR_FMT, shown++ ? "," : "",
					      STR_ARG(json_str(each.value)));
	if (all == 0)
		buf_add_text(out, "<unset>");
	if (all > shown)
		buf_add_print(out, " + %zu more...", all - shown);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "AddressType", .path = ".addressType" },
	{ .name = "Ports", .print = print_ports },
	{ .name = "Endpoints", .print = print_endpoints },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

const struct kind kind_endpointslice = {
	.group = "discovery.k8s.io",
	.version = "v1",
	.name = "EndpointSlice",
	.plural = "endpointslices",
	.type_name = "io.k8s.api.discovery.v1.EndpointSlice",
	.namespaced = true,
	.has_generation = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.validate = validate,
	.columns = columns,
};
