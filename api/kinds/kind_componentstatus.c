/*
 * kind_componentstatus.c - ComponentStatus: how the parts of the control plane are; an older kind
 * that is only read.
 */
#include "api/object.h"
#include "api/validate.h"

/* The condition "Healthy" or NULL. */
static const struct json *healthy(const struct json *object)
{
	for (struct json_iter it = json_iter(json_get(object, "conditions")); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "type")), "Healthy"))
			return it.value;
	return NULL;
}

static void print_status(const struct json *object, struct buf *out)
{
	const struct json *condition = healthy(object);

	buf_add_text(out, !condition                                                ? "Unknown"
			  : str_is(json_str(json_get(condition, "status")), "True") ? "Healthy"
										    : "Unhealthy");
}

static void print_message(const struct json *object, struct buf *out)
{
	buf_add_str(out, json_str(json_get(healthy(object), "message")));
}

static void print_error(const struct json *object, struct buf *out)
{
	buf_add_str(out, json_str(json_get(healthy(object), "error")));
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Status", .print = print_status },
	{ .name = "Message", .print = print_message },
	{ .name = "Error", .print = print_error },
	{ 0 },
};
static const char *const short_names[] = { "cs", NULL };

const struct kind kind_componentstatus = {
	.group = "",
	.version = "v1",
	.name = "ComponentStatus",
	.plural = "componentstatuses",
	.short_names = short_names,
	.type_name = "io.k8s.api.core.v1.ComponentStatus",
	.in_memory = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_GET | VERB_LIST,
	.columns = columns,
};
