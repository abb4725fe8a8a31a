/*
 * fit.c - filters and the score of the scheduler.
 */
#include "server/schedule/fit.h"

#include <stdio.h>

#include "api/quantity.h"

static int64_t amount(const struct json *list, const char *name, bool milli)
{
	struct str text = json_str(json_get(list, name));
	struct error unused;
	int64_t value;

	if (text.len == 0 || !(milli ? quantity_milli(text, &value, &unused)
				     : quantity_value(text, &value, &unused)))
		return 0;
	return value;
}

void fit_request(const struct json *pod, struct fit_amount *out)
{
	const struct json *spec = json_get(pod, "spec");

	*out = (struct fit_amount){ .pods = 1 };
	for (struct json_iter it = json_iter(json_get(spec, "containers")); json_next(&it);) {
		const struct json *requests = json_path(it.value, "resources", "requests", NULL);

		out->cpu_milli += amount(requests, "cpu", true);
		out->memory += amount(requests, "memory", false);
	}
	for (struct json_iter it = json_iter(json_get(spec, "initContainers")); json_next(&it);) {
		const struct json *requests = json_path(it.value, "resources", "requests", NULL);
		int64_t cpu = amount(requests, "cpu", true),
			memory = amount(requests, "memory", false);

		out->cpu_milli = cpu > out->cpu_milli ? cpu : out->cpu_milli;
		out->memory = memory > out->memory ? memory : out->memory;
	}
}

void fit_allocatable(const struct json *node, struct fit_amount *out)
{
	const struct json *list = json_path(node, "status", "allocatable", NULL);

	out->cpu_milli = amount(list, "cpu", true);
	out->memory = amount(list, "memory", false);
	out->pods = amount(list, "pods", false);
}

static bool tolerates(const struct json *pod, const struct json *taint)
{
	for (struct json_iter it = json_iter(json_path(pod, "spec", "tolerations", NULL));
	     json_next(&it);) {
		struct str key = json_str(json_get(it.value, "key"));
		struct str effect = json_str(json_get(it.value, "effect"));
		bool exists = str_is(json_str(json_get(it.value, "operator")), "Exists");

		if (effect.len > 0 && !str_equal(effect, json_str(json_get(taint, "effect"))))
			continue;
		if (key.len == 0 ? !exists : !str_equal(key, json_str(json_get(taint, "key"))))
			continue;
		if (exists || str_equal(json_str(json_get(it.value, "value")),
					json_str(json_get(taint, "value"))))
			return true;
	}
	return false;
}

static const struct json *hard_taint(const struct json *pod, const struct json *node)
{
	for (struct json_iter it = json_iter(json_path(node, "spec", "taints", NULL));
	     json_next(&it);)
		if (!str_is(json_str(json_get(it.value, "effect")), "PreferNoSchedule") &&
		    !tolerates(pod, it.value))
			return it.value;
	return NULL;
}

static bool selector_fits(const struct json *pod, const struct json *node)
{
	const struct json *labels = json_get(meta_of(node), "labels");

	for (struct json_iter it = json_iter(json_path(pod, "spec", "nodeSelector", NULL));
	     json_next(&it);)
		if (!json_equal(json_get_str(labels, it.key), it.value))
			return false;
	return true;
}

const char *fit_check(const struct json *pod, const struct json *node,
		      const struct fit_amount *used, char text[FIT_TEXT])
{
	const struct json *taint = hard_taint(pod, node);
	struct fit_amount wants, has;

	fit_request(pod, &wants);
	fit_allocatable(node, &has);
	if (!meta_condition_is_true(node, STR("Ready")))
		return "node(s) were not ready";
	if (json_bool(json_path(node, "spec", "unschedulable", NULL)))
		return "node(s) were unschedulable";
	if (taint) {
		snprintf(text, FIT_TEXT, "node(s) had untolerated taint {" STR_FMT ": " STR_FMT "}",
			 STR_ARG(json_str(json_get(taint, "key"))),
			 STR_ARG(json_str(json_get(taint, "value"))));
		return text;
	}
	if (!selector_fits(pod, node))
		return "node(s) didn't match Pod's node affinity/selector";
	if (used->pods + 1 > has.pods)
		return "Too many pods";
	if (wants.cpu_milli > 0 && used->cpu_milli + wants.cpu_milli > has.cpu_milli)
		return "Insufficient cpu";
	if (wants.memory > 0 && used->memory + wants.memory > has.memory)
		return "Insufficient memory";
	return NULL;
}

static int64_t share_left(int64_t has, int64_t used)
{
	return has > used ? (has - used) * 100 / has : 0;
}

int64_t fit_score(const struct json *pod, const struct json *node, const struct fit_amount *used)
{
	struct fit_amount wants, has;

	fit_request(pod, &wants);
	fit_allocatable(node, &has);
	return (share_left(has.cpu_milli, used->cpu_milli + wants.cpu_milli) +
		share_left(has.memory, used->memory + wants.memory)) /
	       2;
}
