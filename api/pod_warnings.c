/*
 * pod_warnings.c - warnings of pods.
 */
#include "api/pod_warnings.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "api/policy_warnings.h"
#include "api/quantity.h"
#include "base/map.h"

#define APPARMOR          "container.apparmor.security.beta.kubernetes.io/"
#define SECCOMP_POD       "seccomp.security.alpha.kubernetes.io/pod"
#define SECCOMP_CONTAINER "container.seccomp.security.alpha.kubernetes.io/"
#define CRITICAL          "scheduler.alpha.kubernetes.io/critical-pod"

/* A hostile pod could be warned of a million things: headers hold few of them anyway. */
#define BYTES_MAX (16u * 1024)

PRINTF_LIKE(2, 3) static void warn(const struct kind_work *work, const char *format, ...)
{
	char text[512];
	va_list args;

	if (!work->warnings || work->warnings->len > BYTES_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (char *at = text; *at; at++)
		if (*at == '\n')
			*at = ' ';
	kind_warn(work, text);
}

/* --- labels of nodes that have newer names --- */

static const struct {
	const char *label, *advice;
} old_labels[] = {
	{ "beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead" },
	{ "beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead" },
	{ "failure-domain.beta.kubernetes.io/region",
	  "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead" },
	{ "failure-domain.beta.kubernetes.io/zone",
	  "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead" },
	{ "beta.kubernetes.io/instance-type",
	  "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead" },
};

static const char *advice_on(struct str label)
{
	for (size_t i = 0; i < ARRAY_LENGTH(old_labels); i++)
		if (str_is(label, old_labels[i].label))
			return old_labels[i].advice;
	return NULL;
}

static void look_at_selector(const struct kind_work *work, const struct json *spec,
			     const char *path)
{
	for (struct json_iter it = json_iter(json_get(spec, "nodeSelector")); json_next(&it);)
		if (advice_on(it.key))
			warn(work, "%s.nodeSelector[" STR_FMT "]: %s", path, STR_ARG(it.key),
			     advice_on(it.key));
}

static void look_at_spread(const struct kind_work *work, const struct json *spec, const char *path)
{
	for (struct json_iter it = json_iter(json_get(spec, "topologySpreadConstraints"));
	     json_next(&it);) {
		struct str key = json_str(json_get(it.value, "topologyKey"));

		if (advice_on(key))
			warn(work,
			     "%s.topologySpreadConstraints[%zu].topologyKey: " STR_FMT " is %s",
			     path, it.index, STR_ARG(key), advice_on(key));
		if (!json_get(it.value, "labelSelector"))
			warn(work,
			     "%s.topologySpreadConstraints[%zu].labelSelector: a null "
			     "labelSelector results in matching no pod",
			     path, it.index);
	}
}

/* --- annotations that have fields now --- */

static void look_at_annotations(const struct kind_work *work, const struct json *annotations,
				const char *path)
{
	const char *dot = *path ? "." : "";

	for (struct json_iter it = json_iter(annotations); json_next(&it);) {
		const char *advice = NULL;

		if (str_is(it.key, CRITICAL))
			advice = "non-functional in v1.16+; use the \"priorityClassName\" field "
				 "instead";
		else if (str_is(it.key, SECCOMP_POD) || str_starts(it.key, STR(SECCOMP_CONTAINER)))
			advice = "non-functional in v1.27+; use the \"seccompProfile\" field "
				 "instead";
		else if (str_starts(it.key, STR(APPARMOR)))
			advice = "deprecated since v1.30; use the \"appArmorProfile\" field "
				 "instead";
		if (advice)
			warn(work, "%s%smetadata.annotations[" STR_FMT "]: %s", path, dot,
			     STR_ARG(it.key), advice);
	}
}

/* --- volumes --- */

static void look_at_volumes(const struct kind_work *work, const struct json *spec, const char *path)
{
	static const struct {
		const char *source, *advice;
	} rows[] = {
		{ "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+" },
		{ "gitRepo", "deprecated in v1.11" },
		{ "scaleIO", "deprecated in v1.16, non-functional in v1.22+" },
		{ "flocker", "deprecated in v1.22, non-functional in v1.25+" },
		{ "storageos", "deprecated in v1.22, non-functional in v1.25+" },
		{ "quobyte", "deprecated in v1.22, non-functional in v1.25+" },
		{ "glusterfs", "deprecated in v1.25, non-functional in v1.26+" },
		{ "cephfs", "deprecated in v1.28, non-functional in v1.31+" },
		{ "rbd", "deprecated in v1.28, non-functional in v1.31+" },
	};

	for (struct json_iter it = json_iter(json_get(spec, "volumes")); json_next(&it);)
		for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
			if (json_get(it.value, rows[i].source))
				warn(work, "%s.volumes[%zu].%s: %s", path, it.index, rows[i].source,
				     rows[i].advice);
}

/* --- containers --- */

static void look_at_amounts(const struct kind_work *work, const struct json *resources,
			    const char *field, const char *path)
{
	static const char *const names[] = { "memory", "ephemeral-storage" };
	int64_t milli;
	struct error unused;

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		struct str text = json_str(json_path(resources, field, names[i], NULL));

		if (text.len > 0 && quantity_milli(text, &milli, &unused) && milli % 1000 != 0)
			warn(work,
			     "%s.resources.%s[%s]: fractional byte value \"" STR_FMT
			     "\" is invalid, must be an integer",
			     path, field, names[i], STR_ARG(text));
	}
}

static void look_at_variables(const struct kind_work *work, const struct json *env,
			      const char *path)
{
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(env); json_next(&it);) {
		struct str name = json_str(json_get(it.value, "name"));

		if (map_put(seen, name, it.value))
			warn(work,
			     "%s.env[%zu]: hides previous definition of \"" STR_FMT
			     "\", which may be dropped when using apply",
			     path, it.index, STR_ARG(name));
	}
}

/* The same port of the same protocol twice; `seen` is that of all containers of the list. */
static void look_at_ports(const struct kind_work *work, const struct json *ports, const char *path)
{
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(ports); json_next(&it);) {
		auto_free char *place =
			memory_print(STR_FMT "/" STR_FMT "/%" PRId64 "/%" PRId64,
				     STR_ARG(json_str(json_get(it.value, "protocol"))),
				     STR_ARG(json_str(json_get(it.value, "hostIP"))),
				     json_int(json_get(it.value, "hostPort")),
				     json_int(json_get(it.value, "containerPort")));
		const void *before = map_put(seen, str_of(place), (void *)(it.index + 1));

		if (before)
			warn(work, "%s.ports[%zu]: duplicate port definition with %s.ports[%zu]",
			     path, it.index, path, (size_t)before - 1);
	}
}

static void look_at_containers(const struct kind_work *work, const struct json *spec,
			       const char *path)
{
	static const char *const lists[] = { "initContainers", "containers" };

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(spec, lists[i])); json_next(&it);) {
			auto_free char *here = memory_print("%s.%s[%zu]", path, lists[i], it.index);
			const struct json *resources = json_get(it.value, "resources");

			look_at_amounts(work, resources, "limits", here);
			look_at_amounts(work, resources, "requests", here);
			look_at_variables(work, json_get(it.value, "env"), here);
			look_at_ports(work, json_get(it.value, "ports"), here);
		}
}

static void look_at_secrets(const struct kind_work *work, const struct json *spec, const char *path)
{
	for (struct json_iter it = json_iter(json_get(spec, "imagePullSecrets")); json_next(&it);)
		if (json_str(json_get(it.value, "name")).len == 0)
			warn(work, "%s.imagePullSecrets[%zu].name: invalid empty name \"\"", path,
			     it.index);
}

void pod_warnings(const struct kind_work *work, const struct json *pod, const char *path)
{
	const struct json *spec = json_get(pod, "spec");
	auto_free char *here = memory_print("%s%sspec", path, *path ? "." : "");

	if (!work->warnings || work->subresource[0])
		return;
	look_at_selector(work, spec, here);
	look_at_spread(work, spec, here);
	look_at_annotations(work, json_path(pod, "metadata", "annotations", NULL), path);
	policy_warnings(work, json_get(pod, "metadata"), path);
	look_at_secrets(work, spec, here);
	look_at_volumes(work, spec, here);
	look_at_containers(work, spec, here);
	if (json_int(json_get(spec, "terminationGracePeriodSeconds")) < 0)
		warn(work,
		     "%s.terminationGracePeriodSeconds: must be >= 0; negative values are invalid "
		     "and will be treated as 1",
		     here);
}
