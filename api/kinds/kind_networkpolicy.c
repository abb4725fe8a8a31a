/*
 * kind_networkpolicy.c - NetworkPolicy: who may talk with some pods.
 */
#include "api/selector.h"
#include "api/validate_net.h"

/* Without a word of which directions are ruled: Ingress, and Egress when there are rules for it. */
static void fill(const struct kind_work *work)
{
	struct json *spec = json_get(work->object, "spec"), *types;

	if (!spec || json_count(json_get(spec, "policyTypes")) > 0)
		return;
	types = json_sub_array(work->doc, spec, "policyTypes");
	json_append(types, json_new_text(work->doc, "Ingress"));
	if (json_count(json_get(spec, "egress")) > 0)
		json_append(types, json_new_text(work->doc, "Egress"));
}

static void check_end_port(const struct kind_work *work, const struct json *port,
			   const struct json *end, const char *path)
{
	if (!port)
		validate_invalid(work, path, end,
				 "may not be specified when `port` is not specified");
	else if (!json_is_int(port))
		validate_invalid(work, path, end,
				 "may not be specified when `port` is non-numeric");
	else {
		if (json_int(end) < json_int(port))
			validate_invalid(work, path, end,
					 "must be greater than or equal to `port`");
		values_port(work, path, end);
	}
}

static void check_port(const struct kind_work *work, const struct json *item, const char *path)
{
	const struct json *port = json_get(item, "port"), *end = json_get(item, "endPort");
	const char *at = field_path(work->errors, "%s.port", path);

	if (port && json_is_int(port))
		values_port(work, at, port);
	if (end)
		check_end_port(work, port, end, field_path(work->errors, "%s.endPort", path));
	if (port && !json_is_int(port))
		values_name(work, at, port, name_port);
}

static void check_block(const struct kind_work *work, const struct json *block, const char *path)
{
	struct str cidr = json_str(json_get(block, "cidr"));

	if (!values_required(work, field_path(work->errors, "%s.cidr", path),
			     json_get(block, "cidr")))
		return;
	values_cidr(work, field_path(work->errors, "%s.cidr", path), cidr);
	if (values_cidr_family(cidr) == VALUES_NO_IP)
		return;
	for (struct json_iter it = json_iter(json_get(block, "except")); json_next(&it);) {
		const char *at = field_path(work->errors, "%s.except[%zu]", path, it.index);
		struct str except = json_str(it.value);

		values_cidr(work, at, except);
		if (values_cidr_family(except) != VALUES_NO_IP && !net_is_inside(except, cidr))
			validate_invalid(work, at, it.value, "must be a strict subset of `cidr`");
	}
}

static void check_peer(const struct kind_work *work, const struct json *peer, const char *path)
{
	static const char *const selectors[] = { "podSelector", "namespaceSelector" };
	const struct json *block = json_get(peer, "ipBlock");
	size_t count = block ? 1 : 0;

	for (size_t i = 0; i < ARRAY_LENGTH(selectors); i++) {
		const struct json *selector = json_get(peer, selectors[i]);

		count += selector != NULL;
		if (selector)
			validate_label_selector(
				work, selector,
				field_path(work->errors, "%s.%s", path, selectors[i]));
	}
	if (block)
		check_block(work, block, field_path(work->errors, "%s.ipBlock", path));
	if (count == 0)
		validate_required(work, path, "must specify a peer");
	else if (count > 1 && block)
		words_forbidden(work, path, "may not specify both ipBlock and another peer");
}

static void check_rules(const struct kind_work *work, const struct json *rules, const char *field,
			const char *peers)
{
	for (struct json_iter it = json_iter(rules); json_next(&it);) {
		const char *path = field_path(work->errors, "spec.%s[%zu]", field, it.index);

		for (struct json_iter each = json_iter(json_get(it.value, "ports"));
		     json_next(&each);)
			check_port(work, each.value,
				   field_path(work->errors, "%s.ports[%zu]", path, each.index));
		for (struct json_iter each = json_iter(json_get(it.value, peers));
		     json_next(&each);)
			check_peer(work, each.value,
				   field_path(work->errors, "%s.%s[%zu]", path, peers, each.index));
	}
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec");

	validate_label_selector(work, json_get(spec, "podSelector"), "spec.podSelector");
	check_rules(work, json_get(spec, "ingress"), "ingress", "from");
	check_rules(work, json_get(spec, "egress"), "egress", "to");
	if (json_count(json_get(spec, "policyTypes")) > 2)
		field_errors_add(work->errors, FIELD_INVALID, "spec.policyTypes",
				 field_value(work->errors, json_get(spec, "policyTypes")),
				 "may not specify more than two policyTypes");
}

/* Who writes one relies on it. */
static void warn(const struct kind_work *work)
{
	kind_warn(work,
		  "network policies are kept, but this cluster's network does not enforce them");
}

static void print_selector(const struct json *object, struct buf *out)
{
	struct selector *selector;
	struct error unused;

	if (!selector_from_json(json_path(object, "spec", "podSelector", NULL), &selector, &unused))
		return;
	selector_print(selector, out);
	selector_free(selector);
	if (out->len == 0)
		buf_add_text(out, "<none>");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Pod-Selector", .print = print_selector },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

static const char *const short_names[] = { "netpol", NULL };

const struct kind kind_networkpolicy = {
	.group = "networking.k8s.io",
	.version = "v1",
	.name = "NetworkPolicy",
	.plural = "networkpolicies",
	.short_names = short_names,
	.type_name = "io.k8s.api.networking.v1.NetworkPolicy",
	.namespaced = true,
	.has_generation = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.validate = validate,
	.warn = warn,
	.columns = columns,
};
