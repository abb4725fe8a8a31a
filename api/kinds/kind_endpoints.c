/*
 * kind_endpoints.c - Endpoints: where a service's pods answer, the older list.
 */
#include <inttypes.h>

#include "api/object.h"
#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"

#define AT(...)   field_path(work->errors, __VA_ARGS__)
#define SHOWN_MAX 3

static const char *const protocols[] = { "SCTP", "TCP", "UDP", NULL };

static void check_address(const struct kind_work *work, const struct json *address,
			  const char *path)
{
	const struct json *ip = json_get(address, "ip"), *hostname = json_get(address, "hostname"),
			  *node = json_get(address, "nodeName");

	values_ip(work, AT("%s.ip", path), ip);
	if (json_str(hostname).len > 0)
		values_name(work, AT("%s.hostname", path), hostname, name_label);
	if (node)
		values_name(work, AT("%s.nodeName", path), node, name_subdomain);
	values_no_special_ip(work, AT("%s.ip", path), ip);
}

static void check_addresses(const struct kind_work *work, const struct json *subset,
			    const char *field, const char *path)
{
	for (struct json_iter it = json_iter(json_get(subset, field)); json_next(&it);)
		check_address(work, it.value, AT("%s.%s[%zu]", path, field, it.index));
}

static void check_port(const struct kind_work *work, const struct json *port, bool needs_name,
		       const char *path)
{
	const struct json *name = json_get(port, "name"), *protocol = json_get(port, "appProtocol");

	if (needs_name)
		values_required_name(work, AT("%s.name", path), name, name_label);
	else if (json_str(name).len > 0)
		values_name(work, AT("%s.name", path), name, name_label);
	values_port(work, AT("%s.port", path), json_get(port, "port"));
	values_choice(work, AT("%s.protocol", path), json_get(port, "protocol"), protocols);
	if (protocol)
		values_name(work, AT("%s.appProtocol", path), protocol, name_qualified);
}

static void validate(const struct kind_work *work)
{
	for (struct json_iter it = json_iter(json_get(work->object, "subsets")); json_next(&it);) {
		const char *path = AT("subsets[%zu]", it.index);
		const struct json *ports = json_get(it.value, "ports");

		if (json_count(json_get(it.value, "addresses")) +
			    json_count(json_get(it.value, "notReadyAddresses")) ==
		    0)
			validate_required(work, path,
					  "must specify `addresses` or `notReadyAddresses`");
		check_addresses(work, it.value, "addresses", path);
		check_addresses(work, it.value, "notReadyAddresses", path);
		for (struct json_iter port = json_iter(ports); json_next(&port);)
			check_port(work, port.value, json_count(ports) > 1,
				   AT("%s.ports[%zu]", path, port.index));
	}
}

/* --- columns --- */

static void print_place(struct str ip, const struct json *port, struct buf *out)
{
	bool six = str_find(ip, ':') >= 0;

	if (!port)
		buf_add_str(out, ip);
	else
		buf_add_print(out, "%s" STR_FMT "%s:%" PRId64, six ? "[" : "", STR_ARG(ip),
			      six ? "]" : "", json_int(json_get(port, "port")));
}

/* The addresses of a subset at one of its ports; the first few are shown. */
static size_t print_places(const struct json *addresses, const struct json *port, size_t before,
			   struct buf *out)
{
	size_t shown = before;

	for (struct json_iter it = json_iter(addresses); shown < SHOWN_MAX && json_next(&it);) {
		if (shown++ > 0)
			buf_add_byte(out, ',');
		print_place(json_str(json_get(it.value, "ip")), port, out);
	}
	return before + json_count(addresses);
}

static void print_endpoints(const struct json *object, struct buf *out)
{
	const struct json *subsets = json_get(object, "subsets");
	size_t count = 0;

	if (json_count(subsets) == 0) {
		buf_add_text(out, "<none>");
		return;
	}
	for (struct json_iter it = json_iter(subsets); json_next(&it);) {
		const struct json *addresses = json_get(it.value, "addresses"),
				  *ports = json_get(it.value, "ports");

		if (json_count(ports) == 0)
			count = print_places(addresses, NULL, count, out);
		for (struct json_iter port = json_iter(ports); json_next(&port);)
			count = print_places(addresses, port.value, count, out);
	}
	if (count > SHOWN_MAX)
		buf_add_print(out, " + %zu more...", count - SHOWN_MAX);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Endpoints", .print = print_endpoints },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};
static const char *const short_names[] = { "ep", NULL };

const struct kind kind_endpoints = {
	.group = "",
	.version = "v1",
	.name = "Endpoints",
	.plural = "endpoints",
	.singular = "endpoints",
	.short_names = short_names,
	.type_name = "io.k8s.api.core.v1.Endpoints",
	.namespaced = true,
	.put_creates = true,
	.own_enums = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.validate = validate,
	.columns = columns,
};
