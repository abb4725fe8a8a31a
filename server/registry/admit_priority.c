/*
 * admit_priority.c - a pod's priority is that of its PriorityClass, or of the default one; and
 * there is one default class at most.
 */
#include <inttypes.h>

#include "server/registry/admit.h"

static const struct kind *class_kind(void)
{
	return kind_find_name(STR("scheduling.k8s.io/v1"), STR("PriorityClass"));
}

static bool is_default(const struct object *class)
{
	return json_bool(json_get(object_json(class), "globalDefault"));
}

static int64_t value_of(const struct object *class)
{
	return class ? json_int(json_get(object_json(class), "value")) : 0;
}

/* Of several the lowest: somebody has marked a second one in the same moment. */
static bool take_default(void *of, const struct object *class)
{
	const struct object **found = of;

	if (is_default(class) && (!*found || value_of(class) < value_of(*found)))
		*found = class;
	return true;
}

static const struct object *find_default(struct registry *registry)
{
	const struct object *found = NULL;

	registry_each(registry, class_kind(), STR_NONE, take_default, &found);
	return found;
}

static bool refuse(const struct admit_work *work, struct error *err, const char *why)
{
	auto_buf resource = BUF_INIT;

	kind_resource(work->kind, &resource);
	return error_set(err, ERROR_FORBIDDEN, "%s \"" STR_FMT "\" is forbidden: %s",
			 buf_text(&resource), STR_ARG(meta_str(work->object, "name")), why);
}

static bool admit_class(const struct admit_work *work, struct error *err)
{
	const struct object *other;

	if (!json_bool(json_get(work->object, "globalDefault")))
		return true;
	other = find_default(work->registry);
	if (!other || str_equal(object_name(other), meta_str(work->object, "name")))
		return true;
	return refuse(work, err,
		      arena_print(work->arena,
				  "PriorityClass " STR_FMT
				  " is already marked as default. Only one default can exist",
				  STR_ARG(object_name(other))));
}

static bool admit_pod(const struct admit_work *work, struct error *err)
{
	struct json *spec = json_sub_object(work->doc, work->object, "spec");
	struct str name = json_str(json_get(spec, "priorityClassName"));
	int64_t said = json_int(json_get(spec, "priority"));
	const struct object *class =
		name.len > 0 ? registry_find(work->registry, class_kind(), STR_NONE, name)
			     : find_default(work->registry);

	if (!class && name.len > 0)
		return refuse(work, err,
			      arena_print(work->arena,
					  "no PriorityClass with name " STR_FMT " was found",
					  STR_ARG(name)));
	if (said != 0 && said != value_of(class))
		return refuse(work, err,
			      arena_print(work->arena,
					  "the integer value of priority (%" PRId64
					  ") must not be provided in pod spec; priority admission "
					  "controller computed %" PRId64
					  " from the given PriorityClass name",
					  said, value_of(class)));
	json_put(work->doc, spec, "priority", json_new_int(work->doc, value_of(class)));
	if (!class)
		return true;
	json_put(work->doc, spec, "priorityClassName", json_new_str(work->doc, object_name(class)));
	json_put(work->doc, spec, "preemptionPolicy",
		 json_clone(work->doc, json_get(object_json(class), "preemptionPolicy")));
	return true;
}

static bool admit(const struct admit_work *work, struct error *err)
{
	if (work->subresource[0])
		return true;
	if (strcmp(work->kind->name, "PriorityClass") == 0)
		return admit_class(work, err);
	if (!work->old && strcmp(work->kind->name, "Pod") == 0)
		return admit_pod(work, err);
	return true;
}

const struct admit_row admit_priority = { .name = "Priority", .admit = admit };
