/*
 * kind_priorityclass.c - PriorityClass: which pods go before others.
 */
#include <inttypes.h>

#include "api/object.h"
#include "api/priority.h"
#include "api/validate.h"
#include "api/validate_workload.h"

/* Why this is not one of the system's own classes; NULL when it is one. */
static const char *check_system(const struct kind_work *work, struct str name)
{
	for (const struct priority_class *at = priority_system_classes; at->name; at++) {
		if (!str_is(name, at->name))
			continue;
		if (json_int(json_get(work->object, "value")) != at->value)
			return field_path(work->errors,
					  "value of %s PriorityClass must be %" PRId64, at->name,
					  at->value);
		if (json_bool(json_get(work->object, "globalDefault")))
			return field_path(work->errors,
					  "globalDefault of %s PriorityClass must be false",
					  at->name);
		return NULL;
	}
	return field_path(work->errors, STR_FMT " is not a known system priority class",
			  STR_ARG(name));
}

static void validate_new(const struct kind_work *work)
{
	struct str name = meta_str(work->object, "name");
	const char *why = NULL;

	if (str_starts(name, STR(PRIORITY_SYSTEM_PREFIX)))
		why = check_system(work, name);
	else if (json_int(json_get(work->object, "value")) > PRIORITY_USERS_MOST)
		field_errors_add(work->errors, FIELD_FORBIDDEN, "value", NULL,
				 "maximum allowed value of a user defined priority is 1000000000");
	if (why)
		field_errors_add(work->errors, FIELD_FORBIDDEN, "metadata.name", NULL,
				 field_path(work->errors,
					    "priority class names with '" PRIORITY_SYSTEM_PREFIX
					    "' prefix are reserved for system use only. error: %s",
					    why));
}

static void check_preemption(const struct kind_work *work, const struct json *policy)
{
	if (!str_is(json_str(policy), "PreemptLowerPriority") && !str_is(json_str(policy), "Never"))
		field_errors_add(work->errors, FIELD_NOT_SUPPORTED, "preemptionPolicy",
				 field_value(work->errors, policy),
				 "supported values: \"Never\", \"PreemptLowerPriority\"");
}

static void validate(const struct kind_work *work)
{
	const struct json *policy = json_get(work->object, "preemptionPolicy");

	if (!work->old) {
		validate_new(work);
		check_preemption(work, policy);
		return;
	}
	if (json_int(json_get(work->object, "value")) != json_int(json_get(work->old, "value")))
		field_errors_add(work->errors, FIELD_FORBIDDEN, "value", NULL,
				 "may not be changed in an update.");
	workload_immutable(work, "preemptionPolicy", policy,
			   json_get(work->old, "preemptionPolicy"));
}

static void print_default(const struct json *object, struct buf *out)
{
	buf_add_text(out, json_bool(json_get(object, "globalDefault")) ? "true" : "false");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Value", .type = "integer", .path = ".value" },
	{ .name = "Global-Default", .type = "boolean", .print = print_default },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "PreemptionPolicy", .path = ".preemptionPolicy" },
	{ 0 },
};
static const char *const short_names[] = { "pc", NULL };

const struct kind kind_priorityclass = {
	.group = "scheduling.k8s.io",
	.version = "v1",
	.name = "PriorityClass",
	.plural = "priorityclasses",
	.short_names = short_names,
	.type_name = "io.k8s.api.scheduling.v1.PriorityClass",
	.has_generation = true,
	.own_enums = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.validate = validate,
	.columns = columns,
};
