/*
 * kind_controllerrevision.c - ControllerRevision: a former form of a stateful or daemon set.
 */
#include "api/kinds/cells.h"
#include "api/object.h"
#include "api/validate.h"
#include "api/validate_workload.h"

static void validate(const struct kind_work *work)
{
	const struct json *content = json_get(work->object, "data");

	if (!content)
		validate_required(work, "data", "data is mandatory");
	validate_not_negative(work, json_get(work->object, "revision"), "revision");
	if (work->old)
		workload_immutable(work, "data", content, json_get(work->old, "data"));
}

/* statefulset.apps/web */
static void print_controller(const struct json *object, struct buf *out)
{
	const struct json *owner = meta_controller(object);
	struct str group = json_str(json_get(owner, "apiVersion")),
		   kind = json_str(json_get(owner, "kind"));

	if (!owner) {
		buf_add_text(out, "<none>");
		return;
	}
	group = str_find(group, '/') >= 0 ? str_cut(&group, '/') : STR("");
	for (size_t i = 0; i < kind.len; i++)
		buf_add_byte(out, kind.at[i] >= 'A' && kind.at[i] <= 'Z' ? (char)(kind.at[i] + 32)
									 : kind.at[i]);
	buf_add_print(out, "%s" STR_FMT "/" STR_FMT, group.len ? "." : "", STR_ARG(group),
		      STR_ARG(json_str(json_get(owner, "name"))));
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Controller", .print = print_controller },
	{ .name = "Revision", .path = ".revision" },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

const struct kind kind_controllerrevision = {
	.group = "apps",
	.version = "v1",
	.name = "ControllerRevision",
	.plural = "controllerrevisions",
	.type_name = "io.k8s.api.apps.v1.ControllerRevision",
	.namespaced = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.validate = validate,
	.columns = columns,
};
