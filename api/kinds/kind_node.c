/*
 * kind_node.c - Node: a machine that runs pods.
 */
#include "api/kinds/cells.h"
#include "api/object.h"
#include "api/validate.h"
#include "api/validate_amounts.h"
#include "api/validate_selection.h"
#include "api/validate_values.h"
#include "api/validate_words.h"
#include "base/map.h"

#define AT(...) field_path(work->errors, __VA_ARGS__)

static void print_status(const struct json *object, struct buf *out)
{
	struct str ready = json_str(json_get(meta_condition(object, STR("Ready")), "status"));

	buf_add_text(out, str_is(ready, "True") ? "Ready" : ready.len ? "NotReady" : "Unknown");
	if (json_bool(json_path(object, "spec", "unschedulable", NULL)))
		buf_add_text(out, ",SchedulingDisabled");
}

/* The role that a label tells, "" when none. */
static struct str role_of(struct str key, struct str value)
{
	static const struct str prefix = { "node-role.kubernetes.io/", 24 };

	if (str_starts(key, prefix))
		return str_from(key.at + prefix.len, key.len - prefix.len);
	return str_is(key, "kubernetes.io/role") ? value : STR("");
}

/* In the order of their names, each once. */
static void print_roles(const struct json *object, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *roles = json_new_object(doc);

	for (struct json_iter it = json_iter(json_get(meta_of(object), "labels"));
	     json_next(&it);) {
		struct str role = role_of(it.key, json_str(it.value));

		if (role.len > 0)
			json_put_str(doc, roles, role, json_new_null(doc));
	}
	if (json_count(roles) == 0)
		buf_add_text(out, "<none>");
	json_sort_keys(roles);
	for (struct json_iter it = json_iter(roles); json_next(&it);)
		buf_add_print(out, "%s" STR_FMT, it.index ? "," : "", STR_ARG(it.key));
}

static void print_address(const struct json *object, const char *type, struct buf *out)
{
	for (struct json_iter it = json_iter(json_path(object, "status", "addresses", NULL));
	     json_next(&it);)
		if (str_is(json_str(json_get(it.value, "type")), type)) {
			buf_add_str(out, json_str(json_get(it.value, "address")));
			return;
		}
	buf_add_text(out, "<none>");
}

static void print_internal(const struct json *object, struct buf *out)
{
	print_address(object, "InternalIP", out);
}

static void print_external(const struct json *object, struct buf *out)
{
	print_address(object, "ExternalIP", out);
}

static void print_fact(const struct json *object, const char *field, struct buf *out)
{
	struct str text = json_str(json_path(object, "status", "nodeInfo", field, NULL));

	buf_add_str(out, text.len ? text : STR("<unknown>"));
}

static void print_os(const struct json *object, struct buf *out)
{
	print_fact(object, "osImage", out);
}

static void print_kernel(const struct json *object, struct buf *out)
{
	print_fact(object, "kernelVersion", out);
}

static void print_runtime(const struct json *object, struct buf *out)
{
	print_fact(object, "containerRuntimeVersion", out);
}

/* --- checks --- */

static void check_amounts(const struct kind_work *work, const char *field)
{
	for (struct json_iter it = json_iter(json_path(work->object, "status", field, NULL));
	     json_next(&it);)
		amounts_check(work, AT("status.%s." STR_FMT, field, STR_ARG(it.key)), it.key,
			      it.value);
}

static void check_ranges(const struct kind_work *work, const struct json *ranges)
{
	static const char path[] = "spec.podCIDRs";
	size_t count[3] = { 0 };
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(ranges); json_next(&it);) {
		count[values_cidr_family(json_str(it.value))]++;
		values_cidr(work, AT("%s[%zu]", path, it.index), json_str(it.value));
	}
	if (json_count(ranges) < 2)
		return;
	if (count[VALUES_IPV4] != 1 || count[VALUES_IPV6] != 1)
		words_invalid_list(work, path, ranges,
				   "may specify no more than one CIDR for each IP family");
	for (struct json_iter it = json_iter(ranges); json_next(&it);)
		if (map_put(seen, json_str(it.value), it.value))
			validate_duplicate(work, AT("%s[%zu]", path, it.index), it.value);
}

/* Ranges are given once, and the range is the first of them. */
static void check_ranges_kept(const struct kind_work *work)
{
	const struct json *old = json_path(work->old, "spec", "podCIDRs", NULL),
			  *now = json_path(work->object, "spec", "podCIDRs", NULL),
			  *old_one = json_path(work->old, "spec", "podCIDR", NULL),
			  *one = json_path(work->object, "spec", "podCIDR", NULL);

	if ((json_count(old) > 0 && !json_equal(old, now)) ||
	    (json_str(old_one).len > 0 && !json_equal(old_one, one)))
		words_forbidden(work, "spec.podCIDRs",
				"node updates may not change podCIDR except from \"\" to valid");
}

static void check_update(const struct kind_work *work)
{
	const struct json *addresses = json_path(work->object, "status", "addresses", NULL),
			  *old_id = json_path(work->old, "spec", "providerID", NULL),
			  *id = json_path(work->object, "spec", "providerID", NULL);
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(addresses); json_next(&it);) {
		const char *pair =
			AT(STR_FMT "|" STR_FMT, STR_ARG(json_str(json_get(it.value, "type"))),
			   STR_ARG(json_str(json_get(it.value, "address"))));

		if (map_put(seen, str_of(pair), it.value))
			validate_duplicate(work, AT("status.addresses[%zu]", it.index), it.value);
	}
	check_ranges_kept(work);
	if (json_str(old_id).len > 0 && !json_equal(old_id, id))
		words_forbidden(work, "spec.providerID",
				"node updates may not change providerID except from \"\" to "
				"valid");
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec");

	if (!work->old)
		selection_taints(work, json_get(spec, "taints"), "metadata.taints");
	check_amounts(work, "capacity");
	check_amounts(work, "allocatable");
	if (!work->old) {
		check_ranges(work, json_get(spec, "podCIDRs"));
		return;
	}
	check_update(work);
	selection_taints(work, json_get(spec, "taints"), "metadata.taints");
}

/* Both fields for the ranges say the same. */
static void fill(const struct kind_work *work)
{
	struct json *spec = json_get(work->object, "spec"), *list;
	const struct json *one = json_get(spec, "podCIDR"), *first;

	if (!spec)
		return;
	first = json_at(json_get(spec, "podCIDRs"), 0);
	if (json_str(one).len > 0 && !first) {
		list = json_sub_array(work->doc, spec, "podCIDRs");
		json_append(list, json_clone(work->doc, one));
	} else if (json_str(one).len == 0 && first) {
		json_put(work->doc, spec, "podCIDR", json_clone(work->doc, first));
	}
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Status", .print = print_status },
	{ .name = "Roles", .print = print_roles },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "Version", .path = ".status.nodeInfo.kubeletVersion" },
	{ .name = "Internal-IP", .priority = 1, .print = print_internal },
	{ .name = "External-IP", .priority = 1, .print = print_external },
	{ .name = "OS-Image", .priority = 1, .print = print_os },
	{ .name = "Kernel-Version", .priority = 1, .print = print_kernel },
	{ .name = "Container-Runtime", .priority = 1, .print = print_runtime },
	{ 0 },
};
static const char *const short_names[] = { "no", NULL };
static const struct field_label field_labels[] = { { "spec.unschedulable", NULL }, { 0 } };
static const struct subresource subresources[] = {
	{ "proxy", "NodeProxyOptions", "", "v1",
	  VERB_GET | VERB_CREATE | VERB_UPDATE | VERB_PATCH | VERB_DELETE },
	{ .name = "status", .verbs = VERB_GET | VERB_UPDATE | VERB_PATCH },
	{ 0 },
};

static const char *const pulse[] = { "status.conditions.*.lastHeartbeatTime", NULL };

const struct kind kind_node = {
	.group = "",
	.version = "v1",
	.name = "Node",
	.plural = "nodes",
	.short_names = short_names,
	.pulse = pulse,
	.type_name = "io.k8s.api.core.v1.Node",
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.own_enums = true,
	.fill = fill,
	.validate = validate,
	.subresources = subresources,
	.columns = columns,
	.field_labels = field_labels,
};
