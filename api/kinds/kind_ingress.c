/*
 * kind_ingress.c - Ingress: rules that lead HTTP requests from outside to services.
 */
#include <stdlib.h>

#include "api/validate.h"

#define HOSTS_SHOWN 3

static void print_class(const struct json *object, struct buf *out)
{
	struct str class = json_str(json_path(object, "spec", "ingressClassName", NULL));

	buf_add_str(out, class.at ? class : STR("<none>"));
}

static void print_hosts(const struct json *object, struct buf *out)
{
	const struct json *rules = json_path(object, "spec", "rules", NULL);
	size_t shown = 0, at_full = 0;

	for (struct json_iter it = json_iter(rules); json_next(&it);) {
		struct str host = json_str(json_get(it.value, "host"));

		if (shown == HOSTS_SHOWN)
			at_full++;
		else if (host.len > 0)
			buf_add_print(out, "%s" STR_FMT, shown++ ? "," : "", STR_ARG(host));
	}
	if (shown == 0)
		buf_add_byte(out, '*');
	else if (at_full > 0)
		buf_add_print(out, " + %zu more...", json_count(rules) - HOSTS_SHOWN);
}

static int compare(const void *a, const void *b)
{
	return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* Addresses in order, each once. */
static void print_address(const struct json *object, struct buf *out)
{
	const struct json *list = json_path(object, "status", "loadBalancer", "ingress", NULL);
	struct str *all = memory_zero((json_count(list) + 1) * sizeof(*all));
	size_t count = 0;

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct str ip = json_str(json_get(it.value, "ip"));

		all[count] = ip.len > 0 ? ip : json_str(json_get(it.value, "hostname"));
		count += all[count].len > 0;
	}
	qsort(all, count, sizeof(*all), compare);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || !str_equal(all[i], all[i - 1]))
			buf_add_print(out, "%s" STR_FMT, i ? "," : "", STR_ARG(all[i]));
	free(all);
}

static void print_ports(const struct json *object, struct buf *out)
{
	buf_add_text(out, json_count(json_path(object, "spec", "tls", NULL)) ? "80, 443" : "80");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Class", .print = print_class },
	{ .name = "Hosts", .print = print_hosts },
	{ .name = "Address", .print = print_address },
	{ .name = "Ports", .print = print_ports },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

static const char *const short_names[] = { "ing", NULL };
static const struct subresource subresources[] = {
	{ .name = "status", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ 0 },
};

const struct kind kind_ingress = {
	.group = "networking.k8s.io",
	.version = "v1",
	.name = "Ingress",
	.plural = "ingresses",
	.short_names = short_names,
	.type_name = "io.k8s.api.networking.v1.Ingress",
	.namespaced = true,
	.has_generation = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.subresources = subresources,
	.columns = columns,
};
