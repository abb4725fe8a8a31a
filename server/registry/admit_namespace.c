/*
 * admit_namespace.c - nothing is created in a namespace that is not there or is on its way out.
 */
#include "server/registry/admit.h"

static bool admit(const struct admit_work *work, struct error *err)
{
	const struct kind *kind = kind_find_name(STR("v1"), STR("Namespace"));
	const struct object *namespace;

	if (work->old || !work->kind->namespaced)
		return true;
	namespace = registry_find(work->registry, kind, STR_NONE, work->namespace);
	if (!namespace)
		return status_not_found(err, kind, work->namespace);
	if (!object_is_deleting(namespace))
		return true;
	return error_set(err, ERROR_FORBIDDEN,
			 "%s \"" STR_FMT
			 "\" is forbidden: unable to create new content in namespace " STR_FMT
			 " because it is being terminated",
			 work->kind->plural, STR_ARG(meta_str(work->object, "name")),
			 STR_ARG(work->namespace));
}

const struct admit_row admit_namespace = { .name = "NamespaceLifecycle", .admit = admit };
