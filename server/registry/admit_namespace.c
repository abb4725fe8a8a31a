/*
 * admit_namespace.c - nothing is created in a namespace that is not there or is on its way out.
 */
#include "server/registry/admit.h"

static bool admit(const struct admit_work *work, struct error *err)
{
	const struct kind *kind = kind_find_name(STR("v1"), STR("Namespace"));
	const struct object *namespace;
	auto_buf resource = BUF_INIT;

	if (work->old || !work->kind->namespaced)
		return true;
	namespace = registry_find(work->registry, kind, STR_NONE, work->namespace);
	if (!namespace)
		return status_not_found(err, kind, work->namespace);
	if (!object_is_deleting(namespace))
		return true;
	work->cause->reason = "NamespaceTerminating";
	work->cause->field = "metadata.namespace";
	work->cause->message = arena_print(work->arena, "namespace " STR_FMT " is being terminated",
					   STR_ARG(work->namespace));
	kind_resource(work->kind, &resource);
	return error_set(err, ERROR_FORBIDDEN,
			 "%s \"" STR_FMT
			 "\" is forbidden: unable to create new content in namespace " STR_FMT
			 " because it is being terminated",
			 buf_text(&resource), STR_ARG(meta_str(work->object, "name")),
			 STR_ARG(work->namespace));
}

const struct admit_row admit_namespace = { .name = "NamespaceLifecycle", .admit = admit };
