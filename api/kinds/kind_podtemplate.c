/*
 * kind_podtemplate.c - PodTemplate: a pod to be, kept for others to make.
 */
#include "api/kinds/cells.h"
#include "api/pod_warnings.h"
#include "api/validate.h"
#include "api/validate_workload.h"

static void fill(const struct kind_work *work)
{
	fill_pod_spec(work, json_path(work->object, "template", "spec", NULL), false);
}

static void validate(const struct kind_work *work)
{
	workload_pod_template(work, json_get(work->object, "template"), "template");
}

static void warn(const struct kind_work *work)
{
	pod_warnings(work, json_get(work->object, "template"), "template");
}

static void print_each(const struct json *object, const char *field, struct buf *out)
{
	for (struct json_iter it =
		     json_iter(json_path(object, "template", "spec", "containers", NULL));
	     json_next(&it);)
		buf_add_print(out, "%s" STR_FMT, it.index ? "," : "",
			      STR_ARG(json_str(json_get(it.value, field))));
}

static void print_names(const struct json *object, struct buf *out)
{
	print_each(object, "name", out);
}

static void print_images(const struct json *object, struct buf *out)
{
	print_each(object, "image", out);
}

static void print_labels(const struct json *object, struct buf *out)
{
	cells_map(json_path(object, "template", "metadata", "labels", NULL), out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Containers", .print = print_names },
	{ .name = "Images", .print = print_images },
	{ .name = "Pod Labels", .print = print_labels },
	{ 0 },
};

const struct kind kind_podtemplate = {
	.group = "",
	.version = "v1",
	.name = "PodTemplate",
	.plural = "podtemplates",
	.type_name = "io.k8s.api.core.v1.PodTemplate",
	.namespaced = true,
	.has_generation = true,
	.returns_object = true,
	.own_enums = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.validate = validate,
	.warn = warn,
	.columns = columns,
};
