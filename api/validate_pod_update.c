/*
 * validate_pod_update.c - a pod is a fact: little of it changes once it is there.
 */
#include "api/validate_pod_update.h"

#include <inttypes.h>

#include "api/object.h"
#include "api/pod_quality.h"
#include "api/validate.h"
#include "api/validate_amounts.h"
#include "api/validate_security.h"
#include "api/validate_values.h"
#include "api/validate_words.h"
#include "base/map.h"

#define AT(...)        field_path(work->errors, __VA_ARGS__)
#define GRACE          "terminationGracePeriodSeconds"
#define MIRROR         "kubernetes.io/config.mirror"
#define REQUIRED_TERMS "requiredDuringSchedulingIgnoredDuringExecution"

static const char *const lists[] = { "containers", "initContainers" };

/* --- the spec --- */

/* Pods that wait at a gate may still be told where to go. */
static void thaw_gated(struct json_doc *doc, struct json *spec, const struct json *old)
{
	struct json *affinity = json_get(spec, "affinity");
	const struct json *before = json_path(old, "affinity", "nodeAffinity", NULL);

	if (json_count(json_get(old, "schedulingGates")) == 0)
		return;
	json_put(doc, spec, "nodeSelector", json_clone(doc, json_get(old, "nodeSelector")));
	if (!affinity && !before)
		return;
	affinity = json_sub_object(doc, spec, "affinity");
	json_put(doc, affinity, "nodeAffinity", json_clone(doc, before));
	if (json_count(affinity) == 0 && !json_get(old, "affinity"))
		json_remove(spec, STR("affinity"));
}

/* The new spec with every field that may change set back to the old one. */
static struct json *frozen(struct json_doc *doc, const struct json *now, const struct json *old)
{
	static const char *const free_fields[] = { "activeDeadlineSeconds", "tolerations",
						   "schedulingGates" };
	struct json *spec = json_clone(doc, now);

	for (size_t i = 0; i < ARRAY_LENGTH(free_fields); i++)
		json_put(doc, spec, free_fields[i], json_clone(doc, json_get(old, free_fields[i])));
	if (json_int(json_get(old, GRACE)) < 0 && json_int(json_get(now, GRACE)) == 1)
		json_put(doc, spec, GRACE, json_clone(doc, json_get(old, GRACE)));
	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++) {
		struct json_iter theirs = json_iter(json_get(old, lists[i]));

		for (struct json_iter it = json_iter(json_get(spec, lists[i]));
		     json_next(&it) && json_next(&theirs);)
			json_put(doc, it.value, "image",
				 json_clone(doc, json_get(theirs.value, "image")));
	}
	thaw_gated(doc, spec, old);
	return spec;
}

/* It may be set, and made smaller.  False when nothing more is to be said. */
static bool check_deadline(const struct kind_work *work, const struct json *now,
			   const struct json *old)
{
	static const char path[] = "spec.activeDeadlineSeconds";
	bool in_range = json_int(now) >= 0 && json_int(now) <= INT32_MAX,
	     larger = now && old && json_int(now) > json_int(old);

	if (!now && old)
		field_errors_add(work->errors, FIELD_INVALID, path, "null",
				 "must not update from a positive integer to nil value");
	if (!in_range)
		values_range(work, path, now, 0, INT32_MAX);
	else if (larger)
		validate_invalid(work, path, now, "must be less than or equal to previous value");
	return in_range && !larger;
}

/* All of a toleration but its seconds, as text. */
static struct str print_toleration(const struct json *item, struct buf *out)
{
	static const char *const fields[] = { "key", "operator", "value", "effect" };

	buf_reset(out);
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
		struct str text = json_str(json_get(item, fields[i]));

		buf_add_print(out, "%zu:" STR_FMT ";", text.len, STR_ARG(text));
	}
	return buf_str(out);
}

/* They may be added, and their seconds may change. */
static void check_tolerations(const struct kind_work *work, const struct json *now,
			      const struct json *old)
{
	auto_map kept = map_new();
	auto_buf text = BUF_INIT;

	for (struct json_iter it = json_iter(now); json_next(&it);)
		map_put(kept, print_toleration(it.value, &text), it.value);
	for (struct json_iter it = json_iter(old); json_next(&it);)
		if (!map_find(kept, print_toleration(it.value, &text))) {
			words_forbidden(work, "spec.tolerations",
					"existing toleration can not be modified except its "
					"tolerationSeconds");
			return;
		}
}

/* They may be taken away. */
static void check_gates(const struct kind_work *work, const struct json *now,
			const struct json *old)
{
	auto_map known = map_new();

	for (struct json_iter it = json_iter(old); json_next(&it);)
		map_put(known, json_str(json_get(it.value, "name")), it.value);
	for (struct json_iter it = json_iter(now); json_next(&it);) {
		struct str name = json_str(json_get(it.value, "name"));

		if (!map_find(known, name))
			words_forbidden(work, AT("spec.schedulingGates[%zu].name", it.index),
					AT("only deletion is allowed, but found new scheduling "
					   "gate '" STR_FMT "'",
					   STR_ARG(name)));
	}
}

/* The new list begins with the old one. */
static bool begins_with(const struct json *now, const struct json *old)
{
	struct json_iter is = json_iter(now), was = json_iter(old);

	while (json_next(&was))
		if (!json_next(&is) || !json_equal(is.value, was.value))
			return false;
	return true;
}

static bool only_adds(const struct json *now, const struct json *old)
{
	static const char *const fields[] = { "matchExpressions", "matchFields" };
	size_t before = 0, after = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
		before += json_count(json_get(old, fields[i]));
		after += json_count(json_get(now, fields[i]));
		if (!begins_with(json_get(now, fields[i]), json_get(old, fields[i])))
			return false;
	}
	return before > 0 || after == 0;
}

static void check_gated_affinity(const struct kind_work *work, const struct json *now,
				 const struct json *old)
{
	static const char path[] =
		"spec.affinity.nodeAffinity." REQUIRED_TERMS ".nodeSelectorTerms";
	const struct json *before = json_path(old, "affinity", "nodeAffinity", REQUIRED_TERMS,
					      "nodeSelectorTerms", NULL),
			  *after = json_path(now, "affinity", "nodeAffinity", REQUIRED_TERMS,
					     "nodeSelectorTerms", NULL);
	struct json_iter is = json_iter(after);

	if (json_count(before) > 0 && json_count(before) != json_count(after)) {
		validate_invalid(
			work, path, after,
			"no additions/deletions to non-empty NodeSelectorTerms list are allowed");
		return;
	}
	for (struct json_iter was = json_iter(before); json_next(&was) && json_next(&is);)
		if (!only_adds(is.value, was.value))
			validate_invalid(work, AT("%s[%zu]", path, was.index), is.value,
					 "only additions are allowed (no mutations or deletions)");
}

static void check_gated(const struct kind_work *work, const struct json *now,
			const struct json *old)
{
	auto_map selector = values_entries(json_get(now, "nodeSelector"));

	if (json_count(json_get(old, "schedulingGates")) == 0)
		return;
	for (struct json_iter it = json_iter(json_get(old, "nodeSelector")); json_next(&it);)
		if (!json_equal(map_find(selector, it.key), it.value)) {
			validate_invalid(work, "spec.nodeSelector", json_get(now, "nodeSelector"),
					 "only additions to spec.nodeSelector are allowed (no "
					 "mutations or deletions)");
			break;
		}
	check_gated_affinity(work, now, old);
}

void pod_update_spec(const struct kind_work *work)
{
	const struct json *old = json_get(work->old, "spec"), *now = json_get(work->object, "spec");
	auto_json_doc doc = NULL;

	security_annotations_kept(work, json_get(meta_of(work->object), "annotations"),
				  json_get(meta_of(work->old), "annotations"),
				  "metadata.annotations");
	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		if (json_count(json_get(old, lists[i])) != json_count(json_get(now, lists[i]))) {
			words_forbidden(work, AT("spec.%s", lists[i]),
					"pod updates may not add or remove containers");
			return;
		}
	if (!check_deadline(work, json_get(now, "activeDeadlineSeconds"),
			    json_get(old, "activeDeadlineSeconds")))
		return;
	check_tolerations(work, json_get(now, "tolerations"), json_get(old, "tolerations"));
	check_gates(work, json_get(now, "schedulingGates"), json_get(old, "schedulingGates"));
	check_gated(work, now, old);
	doc = json_doc_new();
	if (!json_equal(frozen(doc, now, old), old))
		words_forbidden(
			work, "spec",
			"pod updates may not change fields other than `spec.containers[*].image`,"
			"`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec."
			"tolerations` (only additions to existing tolerations),`spec."
			"terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
			"previously negative)");
}

/* --- subresources --- */

static struct map *by_name(const struct json *list)
{
	struct map *names = map_new();

	for (struct json_iter it = json_iter(list); json_next(&it);)
		map_put(names, json_str(json_get(it.value, "name")), it.value);
	return names;
}

void pod_update_ephemeral(const struct kind_work *work)
{
	static const char path[] = "spec.ephemeralContainers";
	auto_map now = by_name(json_path(work->object, "spec", "ephemeralContainers", NULL));

	if (meta_annotation(work->old, MIRROR).at)
		words_forbidden(work, "", "static pods do not support ephemeral containers");
	for (struct json_iter it =
		     json_iter(json_path(work->old, "spec", "ephemeralContainers", NULL));
	     json_next(&it);) {
		struct str name = json_str(json_get(it.value, "name"));
		const struct json *same = map_find(now, name);

		if (!same || !json_equal(same, it.value))
			words_forbidden(work, path,
					AT("existing ephemeral containers \"" STR_FMT
					   "\" may not be %s\n",
					   STR_ARG(name), same ? "changed" : "removed"));
	}
}

static bool any_gone(const struct json *now, const struct json *old)
{
	auto_map is = values_entries(now);

	for (struct json_iter it = json_iter(old); json_next(&it);)
		if (!map_find(is, it.key))
			return true;
	return false;
}

/* May less memory be given without a new start? */
static bool restarts_for_memory(const struct json *container)
{
	for (struct json_iter it = json_iter(json_get(container, "resizePolicy")); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "resourceName")), "memory"))
			return str_is(json_str(json_get(it.value, "restartPolicy")),
				      "RestartContainer");
	return false;
}

static void check_memory(const struct kind_work *work, const struct json *now,
			 const struct json *old, const char *path)
{
	struct str is = json_str(json_path(now, "resources", "limits", "memory", NULL)),
		   was = json_str(json_path(old, "resources", "limits", "memory", NULL));
	const char *here = AT("%s.limits[memory]", path);

	if (is.len == 0 || restarts_for_memory(now))
		return;
	if (was.len == 0)
		words_forbidden(work, here,
				"memory limits cannot be added unless resizePolicy is "
				"RestartContainer");
	else if (amounts_compare(is, was) < 0)
		words_forbidden(work, here,
				"memory limits cannot be decreased unless resizePolicy is "
				"RestartContainer");
}

/* Everything but cpu and memory. */
static struct json *rest_of(struct json_doc *doc, const struct json *container)
{
	static const char *const fields[] = { "limits", "requests" };
	struct json *rest = json_clone(doc, container), *resources = json_get(rest, "resources");

	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
		struct json *amounts = json_get(resources, fields[i]);

		if (!amounts)
			continue;
		json_remove(amounts, STR("cpu"));
		json_remove(amounts, STR("memory"));
		if (json_count(amounts) == 0)
			json_remove(resources, str_of(fields[i]));
	}
	return rest;
}

static void check_amounts(const struct kind_work *work, const struct json *now,
			  const struct json *old, const char *path)
{
	auto_json_doc doc = json_doc_new();

	if (any_gone(json_path(now, "resources", "requests", NULL),
		     json_path(old, "resources", "requests", NULL)))
		words_forbidden(work, AT("%s.requests", path),
				"resource requests cannot be removed");
	if (any_gone(json_path(now, "resources", "limits", NULL),
		     json_path(old, "resources", "limits", NULL)))
		words_forbidden(work, AT("%s.limits", path), "resource limits cannot be removed");
	check_memory(work, now, old, path);
	if (!json_equal(rest_of(doc, now), rest_of(doc, old)))
		words_forbidden(work, "spec", "only cpu and memory resources are mutable");
}

void pod_update_resize(const struct kind_work *work)
{
	const struct json *now = json_get(work->object, "spec"), *old = json_get(work->old, "spec");
	const char *class = pod_quality(now);
	struct json_iter is = json_iter(json_get(now, "containers"));

	if (meta_annotation(work->old, MIRROR).at)
		words_forbidden(work, "", "static pods cannot be resized");
	if (str_is(json_str(json_path(old, "os", "name", NULL)), "windows"))
		words_forbidden(work, "", "windows pods cannot be resized");
	if (strcmp(class, pod_quality(old)) != 0)
		field_errors_add(work->errors, FIELD_INVALID, "spec", AT("\"%s\"", class),
				 "Pod QOS Class may not change as a result of resizing");
	for (struct json_iter was = json_iter(json_get(old, "containers"));
	     json_next(&was) && json_next(&is);)
		check_amounts(work, is.value, was.value,
			      AT("spec.containers[%zu].resources", was.index));
}

/* --- the status --- */

static void check_conditions(const struct kind_work *work, const struct json *conditions)
{
	static const char *const own[] = { "PodScheduled", "Ready", "Initialized", NULL };

	for (struct json_iter it = json_iter(conditions); json_next(&it);) {
		const struct json *type = json_get(it.value, "type");

		if (!words_have(own, json_str(type)))
			values_name(work, AT("metadata.conditions[%zu].Type", it.index), type,
				    name_qualified);
	}
}

/* Has it ended for good? */
static bool is_over(const struct json *status, struct str policy)
{
	const struct json *ended = json_path(status, "state", "terminated", NULL);
	bool failed = json_int(json_get(ended, "exitCode")) != 0;

	return ended && !str_is(policy, "Always") && !(failed && str_is(policy, "OnFailure"));
}

static void check_ends(const struct kind_work *work, const char *field, struct str policy,
		       const struct map *again)
{
	auto_map now = by_name(json_path(work->object, "status", field, NULL));

	for (struct json_iter it = json_iter(json_path(work->old, "status", field, NULL));
	     json_next(&it);) {
		struct str name = json_str(json_get(it.value, "name"));
		const struct json *same = map_find(now, name);

		if (is_over(it.value, policy) && same && !(again && map_find(again, name)) &&
		    !json_path(same, "state", "terminated", NULL))
			words_forbidden(work, AT("status.%s[%zu].state", field, it.index),
					"may not be transitioned to non-terminated state");
	}
}

static void check_states(const struct kind_work *work)
{
	const struct json *spec = json_get(work->old, "spec");
	struct str policy = json_str(json_get(spec, "restartPolicy"));
	auto_map beside = map_new(); /* init containers that stay may start again */

	for (struct json_iter it = json_iter(json_get(spec, "initContainers")); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "restartPolicy")), "Always"))
			map_put(beside, json_str(json_get(it.value, "name")), it.value);
	check_ends(work, "containerStatuses", policy, NULL);
	check_ends(work, "initContainerStatuses", policy, beside);
	check_ends(work, "ephemeralContainerStatuses", STR("Never"), NULL);
}

/* One address of each family at most. */
static void check_addresses(const struct kind_work *work, const struct json *addresses,
			    const char *path)
{
	size_t count[3] = { 0 };
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(addresses); json_next(&it);) {
		const struct json *ip = json_get(it.value, "ip");

		count[values_ip_family(json_str(ip))]++;
		values_ip(work, AT("%s[%zu]", path, it.index), ip);
	}
	if (json_count(addresses) > 1 &&
	    (count[VALUES_IPV4] > 1 || count[VALUES_IPV6] > 1 || json_count(addresses) > 2))
		validate_invalid(work, path, addresses,
				 "may specify no more than one IP for each IP family");
	for (struct json_iter it = json_iter(addresses); json_next(&it);)
		if (map_put(seen, json_str(json_get(it.value, "ip")), it.value))
			validate_duplicate(work, AT("%s[%zu]", path, it.index), it.value);
}

static void check_host(const struct kind_work *work, const struct json *status)
{
	const struct json *hosts = json_get(status, "hostIPs"),
			  *first = json_get(json_at(hosts, 0), "ip");

	if (json_count(hosts) == 0)
		return;
	if (!str_equal(json_str(first), json_str(json_get(status, "hostIP"))))
		validate_invalid(work, "status.hostIPs[0].ip", words_text(work, first),
				 "must be equal to `hostIP`");
	check_addresses(work, hosts, "status.hostIPs");
}

void pod_update_status(const struct kind_work *work)
{
	const struct json *now = json_get(work->object, "status"),
			  *old = json_get(work->old, "status"),
			  *node = json_get(now, "nominatedNodeName");

	security_annotations_kept(work, json_get(meta_of(work->object), "annotations"),
				  json_get(meta_of(work->old), "annotations"),
				  "metadata.annotations");
	check_conditions(work, json_get(now, "conditions"));
	if (json_str(node).len > 0 && !json_equal(node, json_get(old, "nominatedNodeName")))
		values_name(work, "status.nominatedNodeName", node, name_subdomain);
	if (!str_equal(json_str(json_get(now, "qosClass")), json_str(json_get(old, "qosClass"))))
		validate_invalid(work, "status.qosClass",
				 words_text(work, json_get(now, "qosClass")), "field is immutable");
	check_states(work);
	check_addresses(work, json_get(now, "podIPs"), "status.podIPs");
	check_host(work, now);
}
