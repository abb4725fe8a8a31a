/*
 * admit_runtime_class.c - what a pod's runtime class adds: its overhead, and where it can run.
 */
#include "server/registry/admit.h"

static bool reject(const struct admit_work *work, struct error *err, const char *why)
{
	return error_set(err, ERROR_FORBIDDEN,
			 "pods \"" STR_FMT "\" is forbidden: pod rejected: %s",
			 STR_ARG(meta_str(work->object, "name")), why);
}

static bool take_overhead(const struct admit_work *work, struct json *spec,
			  const struct json *class, struct error *err)
{
	const struct json *wanted = json_path(class, "overhead", "podFixed", NULL);
	const struct json *given = json_get(spec, "overhead");

	if (given && json_count(given) > 0 && !json_equal(given, wanted))
		return reject(work, err,
			      "Pod's Overhead doesn't match RuntimeClass's defined Overhead");
	if (wanted)
		json_put(work->doc, spec, "overhead", json_clone(work->doc, wanted));
	return true;
}

static bool take_selector(const struct admit_work *work, struct json *spec,
			  const struct json *scheduling, struct error *err)
{
	const struct json *wanted = json_get(scheduling, "nodeSelector");

	if (json_count(wanted) == 0)
		return true;
	for (struct json_iter it = json_iter(wanted); json_next(&it);) {
		struct json *own = json_sub_object(work->doc, spec, "nodeSelector");
		const struct json *value = json_get_str(own, it.key);

		if (value && !json_equal(value, it.value))
			return reject(
				work, err,
				arena_print(
					work->arena,
					"conflict: runtimeClass.scheduling.nodeSelector[" STR_FMT
					"] = " STR_FMT "; pod.spec.nodeSelector[" STR_FMT
					"] = " STR_FMT,
					STR_ARG(it.key), STR_ARG(json_str(it.value)),
					STR_ARG(it.key), STR_ARG(json_str(value))));
		json_put_str(work->doc, own, it.key, json_clone(work->doc, it.value));
	}
	return true;
}

static void take_tolerations(const struct admit_work *work, struct json *spec,
			     const struct json *scheduling)
{
	for (struct json_iter it = json_iter(json_get(scheduling, "tolerations"));
	     json_next(&it);) {
		struct json *own = json_sub_array(work->doc, spec, "tolerations");
		bool has = false;

		for (struct json_iter old = json_iter(own); json_next(&old);)
			has = has || json_equal(old.value, it.value);
		if (!has)
			json_append(own, json_clone(work->doc, it.value));
	}
}

static bool admit(const struct admit_work *work, struct error *err)
{
	const struct kind *kind = kind_find_name(STR("node.k8s.io/v1"), STR("RuntimeClass"));
	struct json *spec = json_get(work->object, "spec");
	struct str name = json_str(json_get(spec, "runtimeClassName"));
	const struct object *class;
	const struct json *scheduling;

	if (work->old || work->subresource[0] || strcmp(work->kind->name, "Pod") != 0)
		return true;
	if (name.len == 0)
		return json_count(json_get(spec, "overhead")) == 0 ||
		       reject(work, err,
			      "Pod Overhead set without corresponding RuntimeClass "
			      "defined Overhead");
	class = registry_find(work->registry, kind, STR_NONE, name);
	if (!class)
		return reject(work, err,
			      arena_print(work->arena, "RuntimeClass \"" STR_FMT "\" not found",
					  STR_ARG(name)));
	scheduling = json_get(object_json(class), "scheduling");
	if (!take_overhead(work, spec, object_json(class), err) ||
	    !take_selector(work, spec, scheduling, err))
		return false;
	take_tolerations(work, spec, scheduling);
	return true;
}

const struct admit_row admit_runtime_class = { .name = "RuntimeClass", .admit = admit };
