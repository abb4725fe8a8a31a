/*
 * kind_runtimeclass.c - RuntimeClass: a sort of runtime that pods may ask for.
 */
#include "api/names.h"
#include "api/quantity.h"
#include "api/validate.h"
#include "api/validate_selection.h"
#include "api/validate_workload.h"
#include "base/map.h"

#define AT(...) field_path(work->errors, __VA_ARGS__)

static void check_overhead(const struct kind_work *work, const struct json *fixed)
{
	for (struct json_iter it = json_iter(fixed); json_next(&it);) {
		const char *path = AT("overhead.limits[" STR_FMT "]", STR_ARG(it.key)),
			   *why = name_check_qualified(it.key);
		auto_json_doc doc = NULL;

		if (why) {
			doc = json_doc_new();
			validate_invalid(work, path, json_new_str(doc, it.key), why);
		}
		if (quantity_sign(json_str(it.value)) < 0)
			validate_invalid(work, path, it.value,
					 "must be greater than or equal to 0");
	}
}

/* The same toleration twice is one too many. */
static void check_twice(const struct kind_work *work, const struct json *tolerations)
{
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(tolerations); json_next(&it);) {
		auto_json_doc doc = json_doc_new();
		struct json *sorted = json_clone(doc, it.value);
		auto_buf text = BUF_INIT;

		json_sort_keys(sorted);
		json_print(sorted, &text);
		if (map_put(seen, buf_str(&text), it.value))
			validate_duplicate(work, AT("scheduling.tolerations[%zu]", it.index),
					   it.value);
	}
}

static void validate(const struct kind_work *work)
{
	const struct json *handler = json_get(work->object, "handler"),
			  *scheduling = json_get(work->object, "scheduling");
	const char *why = name_check(NAME_LABEL, json_str(handler));

	if (work->old) {
		workload_immutable(work, "handler", handler, json_get(work->old, "handler"));
		return;
	}
	if (why)
		field_errors_add(work->errors, FIELD_INVALID, "handler",
				 handler ? field_value(work->errors, handler) : "\"\"", why);
	check_overhead(work, json_path(work->object, "overhead", "podFixed", NULL));
	validate_labels(work, json_get(scheduling, "nodeSelector"), "scheduling.nodeSelector");
	selection_tolerations(work, json_get(scheduling, "tolerations"), "scheduling.tolerations");
	check_twice(work, json_get(scheduling, "tolerations"));
}

static void warn(const struct kind_work *work)
{
	const struct json *fixed = json_path(work->object, "overhead", "podFixed", NULL);
	struct str memory = json_str(json_get(fixed, "memory"));
	auto_free char *text = NULL;

	if (memory.len == 0 || !str_ends(memory, STR("m")))
		return;
	text = memory_print("overhead.podFixed[memory]: fractional byte value \"" STR_FMT
			    "\" is invalid, must be an integer",
			    STR_ARG(memory));
	kind_warn(work, text);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Handler", .path = ".handler" },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

const struct kind kind_runtimeclass = {
	.group = "node.k8s.io",
	.version = "v1",
	.name = "RuntimeClass",
	.plural = "runtimeclasses",
	.type_name = "io.k8s.api.node.v1.RuntimeClass",
	.put_creates = true,
	.needs_revision = true,
	.own_enums = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.validate = validate,
	.warn = warn,
	.columns = columns,
};
