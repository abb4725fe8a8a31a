/*
 * kind_endpointslice.c - EndpointSlice: the addresses behind a Service.
 */
#include <arpa/inet.h>
#include <inttypes.h>

#include "api/names.h"
#include "api/validate.h"

#define SHOWN_MAX     3
#define ENDPOINTS_MAX 1000
#define ADDRESSES_MAX 100

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
	return name_check(NAME_SUBDOMAIN, address);
}

static void check_addresses(const struct kind_work *work, struct str type,
			    const struct json_iter *endpoint)
{
	const struct json *addresses = json_get(endpoint->value, "addresses");
	const char *path = field_path(work->errors, "endpoints[%zu].addresses", endpoint->index);

	if (json_count(addresses) == 0)
		validate_required(work, path, "must contain at least 1 address");
	if (json_count(addresses) > ADDRESSES_MAX)
		field_errors_add(work->errors, FIELD_TOO_MANY, path,
				 field_path(work->errors, "%zu", json_count(addresses)),
				 "must have at most 100 items");
	for (struct json_iter it = json_iter(addresses);
	     json_next(&it) && it.index < ADDRESSES_MAX;) {
		const char *why = refuse_address(type, json_str(it.value));

		if (why)
			validate_invalid(work, field_path(work->errors, "%s[%zu]", path, it.index),
					 it.value, why);
	}
}

static void check_type(const struct kind_work *work, const struct json *type)
{
	struct str text = json_str(type);

	if (text.len == 0)
		validate_required(work, "addressType", "");
	else if (!str_is(text, "IPv4") && !str_is(text, "IPv6") && !str_is(text, "FQDN"))
		field_errors_add(work->errors, FIELD_NOT_SUPPORTED, "addressType",
				 field_value(work->errors, type),
				 "supported values: \"FQDN\", \"IPv4\", \"IPv6\"");
}

static void validate(const struct kind_work *work)
{
	const struct json *endpoints = json_get(work->object, "endpoints"),
			  *type = json_get(work->object, "addressType");

	check_type(work, type);
	if (work->old)
		validate_immutable(work, "addressType", type, json_get(work->old, "addressType"));
	if (json_count(endpoints) > ENDPOINTS_MAX)
		field_errors_add(work->errors, FIELD_TOO_MANY, "endpoints", NULL,
				 "must have at most 1000 items");
	for (struct json_iter it = json_iter(endpoints);
	     json_next(&it) && it.index < ENDPOINTS_MAX;)
		check_addresses(work, json_str(type), &it);
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
