/*
 * kind_node.c - Node: a machine that runs pods.
 */
#include "api/kinds/cells.h"
#include "api/object.h"
#include "api/validate.h"

static void print_status(const struct json *object, struct buf *out)
{
	struct str ready = json_str(json_get(meta_condition(object, STR("Ready")), "status"));

	buf_add_text(out, str_is(ready, "True") ? "Ready" : ready.len ? "NotReady" : "Unknown");
	if (json_bool(json_path(object, "spec", "unschedulable", NULL)))
		buf_add_text(out, ",SchedulingDisabled");
}

static void print_roles(const struct json *object, struct buf *out)
{
	const struct str prefix = STR("node-role.kubernetes.io/");
	size_t before = out->len;

	for (struct json_iter it = json_iter(json_get(meta_of(object), "labels"));
	     json_next(&it);) {
		if (!str_starts(it.key, prefix) || it.key.len == prefix.len)
			continue;
		if (out->len > before)
			buf_add_byte(out, ',');
		buf_add(out, it.key.at + prefix.len, it.key.len - prefix.len);
	}
	if (out->len == before)
		buf_add_text(out, "<none>");
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

static void validate(const struct kind_work *work)
{
	const struct json *old = json_path(work->old, "spec", "podCIDR", NULL);

	for (struct json_iter it = json_iter(json_path(work->object, "spec", "taints", NULL));
	     json_next(&it);)
		if (json_str(json_get(it.value, "key")).len == 0)
			validate_required(
				work, field_path(work->errors, "spec.taints[%zu].key", it.index),
				"");
	if (old && !json_equal(old, json_path(work->object, "spec", "podCIDR", NULL)))
		field_errors_add(work->errors, FIELD_FORBIDDEN, "spec.podCIDR", NULL,
				 "node updates may not change podCIDR except from \"\" to valid");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Status", .print = print_status },
	{ .name = "Roles", .print = print_roles },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "Version", .path = ".status.nodeInfo.kubeletVersion" },
	{ .name = "Internal-IP", .priority = 1, .print = print_internal },
	{ .name = "External-IP", .priority = 1, .print = print_external },
	{ .name = "OS-Image", .priority = 1, .path = ".status.nodeInfo.osImage" },
	{ .name = "Kernel-Version", .priority = 1, .path = ".status.nodeInfo.kernelVersion" },
	{ .name = "Container-Runtime",
	  .priority = 1,
	  .path = ".status.nodeInfo.containerRuntimeVersion" },
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
	.validate = validate,
	.subresources = subresources,
	.columns = columns,
	.field_labels = field_labels,
};
