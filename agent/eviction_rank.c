/*
 * eviction_rank.c - requests of the object beside what was measured.
 */
#include "agent/eviction_rank.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api/object.h"
#include "api/quantity.h"

#define SYSTEM_PRIORITY 2000000000

bool eviction_is_critical(const struct json *pod)
{
	struct str source = meta_annotation(pod, "kubernetes.io/config.source");

	return (source.len > 0 && !str_is(source, "api")) ||
	       meta_annotation(pod, "kubernetes.io/config.mirror").len > 0 ||
	       json_int(json_path(pod, "spec", "priority", NULL)) >= SYSTEM_PRIORITY;
}

/* --- requests --- */

static int64_t amount(const struct json *container, const char *list, const char *resource)
{
	struct str text = json_str(json_path(container, "resources", list, resource, NULL));
	struct error ignored;
	int64_t value;

	return text.len > 0 && quantity_value(text, &value, &ignored) ? value : 0;
}

/* Containers and sidecars together, or the largest init container. */
static int64_t sum(const struct json *spec, const char *list, const char *resource)
{
	struct str overhead = json_str(json_path(spec, "overhead", resource, NULL));
	int64_t all = 0, most = 0, value;
	struct error ignored;

	for (struct json_iter it = json_iter(json_get(spec, "initContainers")); json_next(&it);) {
		value = amount(it.value, list, resource);
		if (str_is(json_str(json_get(it.value, "restartPolicy")), "Always"))
			all += value;
		else if (value + all > most)
			most = value + all;
	}
	for (struct json_iter it = json_iter(json_get(spec, "containers")); json_next(&it);)
		all += amount(it.value, list, resource);
	if (all < most)
		all = most;
	if (overhead.len > 0 && quantity_value(overhead, &value, &ignored))
		all += value;
	return all;
}

/* --- order --- */

void eviction_measure(enum eviction_signal signal, const struct disk_use_figure *disk,
		      struct eviction_candidate *candidate)
{
	const char *resource = eviction_resource(signal);
	const struct json *spec = json_get(candidate->object, "spec");

	candidate->priority = json_int(json_get(spec, "priority"));
	candidate->request = 0;
	if (strcmp(resource, "memory") == 0) {
		candidate->usage = (int64_t)candidate->stats->use.working_set;
		candidate->request = sum(spec, "requests", "memory");
	} else if (strcmp(resource, "ephemeral-storage") == 0) {
		candidate->usage = disk->bytes;
		candidate->request = sum(spec, "requests", "ephemeral-storage");
	} else if (strcmp(resource, "inodes") == 0) {
		candidate->usage = disk->inodes;
	} else {
		candidate->usage = (int64_t)candidate->stats->use.pids;
	}
}

static int compare(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_need(const void *a, const void *b)
{
	const struct eviction_candidate *one = a, *other = b;
	int order = compare(other->usage > other->request, one->usage > one->request);

	if (order == 0)
		order = compare(one->priority, other->priority);
	if (order == 0)
		order = compare(other->usage - other->request, one->usage - one->request);
	return order;
}

/* Nobody requests pids: more than none is no fault. */
static int by_priority(const void *a, const void *b)
{
	const struct eviction_candidate *one = a, *other = b;
	int order = compare(one->priority, other->priority);

	return order ? order : compare(other->usage, one->usage);
}

void eviction_rank(struct eviction_candidate *candidates, size_t count, enum eviction_signal signal)
{
	if (count > 0)
		qsort(candidates, count, sizeof(*candidates),
		      signal == SIGNAL_PID ? by_priority : by_need);
}

/* --- words --- */

void eviction_print_binary(int64_t value, struct buf *out)
{
	static const char *const units[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };
	size_t unit = 0;

	while (value != 0 && value % 1024 == 0 && unit + 1 < ARRAY_LENGTH(units)) {
		value /= 1024;
		unit++;
	}
	buf_add_print(out, "%" PRId64 "%s", value, units[unit]);
}

static const struct json *find_container(const struct json *pod, struct str name)
{
	static const char *const lists[] = { "containers", "initContainers" };

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_path(pod, "spec", lists[i], NULL));
		     json_next(&it);)
			if (str_equal(json_str(json_get(it.value, "name")), name))
				return it.value;
	return NULL;
}

static void print_container(const struct eviction_candidate *candidate,
			    const struct stats_container *stats, const char *resource,
			    struct buf *out)
{
	const struct json *container = find_container(candidate->object, stats->name);
	struct str request =
		json_str(json_path(container, "resources", "requests", resource, NULL));
	bool memory = strcmp(resource, "memory") == 0;
	int64_t usage =
		memory ? (int64_t)stats->use.working_set : stats->root.bytes + stats->logs.bytes;

	if ((!memory && (!stats->has_root || !stats->has_logs)) ||
	    usage <= amount(container, "requests", resource))
		return;
	buf_add_print(out, "Container " STR_FMT " was using ", STR_ARG(stats->name));
	eviction_print_binary(usage, out);
	buf_add_print(out, ", request is " STR_FMT ", has larger consumption of %s. ",
		      STR_ARG(request.len > 0 ? request : STR("0")), resource);
}

void eviction_print(const struct eviction_candidate *candidate,
		    const struct eviction_threshold *threshold, const struct observation *seen,
		    struct buf *out)
{
	const char *resource = eviction_resource(threshold->signal);
	bool counted =
		strcmp(resource, "memory") == 0 || strcmp(resource, "ephemeral-storage") == 0;

	buf_add_print(out, "The node was low on resource: %s. Threshold quantity: ", resource);
	if (threshold->below.share > 0)
		eviction_print_binary(limit_amount_of(&threshold->below, seen->capacity), out);
	else
		buf_add_text(out, threshold->below.text);
	buf_add_text(out, ", available: ");
	if (counted)
		eviction_print_binary(seen->available, out);
	else
		buf_add_print(out, "%" PRId64, seen->available);
	buf_add_text(out, ". ");
	for (size_t i = 0; counted && i < candidate->stats->container_count; i++)
		print_container(candidate, &candidate->stats->containers[i], resource, out);
}

/* --- limits of local storage --- */

static bool has_volume_limit(const struct json *volume)
{
	return json_path(volume, "emptyDir", "sizeLimit", NULL) != NULL;
}

bool eviction_has_local_limit(const struct json *pod)
{
	const struct json *spec = json_get(pod, "spec");

	for (struct json_iter it = json_iter(json_get(spec, "volumes")); json_next(&it);)
		if (has_volume_limit(it.value))
			return true;
	for (struct json_iter it = json_iter(json_get(spec, "containers")); json_next(&it);)
		if (json_path(it.value, "resources", "limits", "ephemeral-storage", NULL))
			return true;
	return false;
}

static bool volume_is_over(const struct json *pod, const struct stats_volume *volume,
			   struct buf *out)
{
	for (struct json_iter it = json_iter(json_path(pod, "spec", "volumes", NULL));
	     json_next(&it);) {
		struct str limit = json_str(json_path(it.value, "emptyDir", "sizeLimit", NULL));
		struct error ignored;
		int64_t most;

		if (!str_equal(json_str(json_get(it.value, "name")), volume->name) ||
		    !quantity_value(limit, &most, &ignored) || most <= 0 || !volume->known ||
		    volume->figure.bytes <= most)
			continue;
		buf_add_print(out,
			      "Usage of EmptyDir volume \"" STR_FMT
			      "\" exceeds the limit \"" STR_FMT "\". ",
			      STR_ARG(volume->name), STR_ARG(limit));
		return true;
	}
	return false;
}

static bool container_is_over(const struct json *pod, const struct stats_container *stats,
			      struct buf *out)
{
	const struct json *container = find_container(pod, stats->name);
	struct str limit =
		json_str(json_path(container, "resources", "limits", "ephemeral-storage", NULL));
	int64_t most = amount(container, "limits", "ephemeral-storage");

	if (most <= 0 || !stats->has_root || stats->root.bytes + stats->logs.bytes <= most)
		return false;
	buf_add_print(out,
		      "Container " STR_FMT " exceeded its local ephemeral storage limit \"" STR_FMT
		      "\". ",
		      STR_ARG(stats->name), STR_ARG(limit));
	return true;
}

bool eviction_local_limit(const struct json *pod, const struct stats_pod *stats, struct buf *out)
{
	int64_t most = sum(json_get(pod, "spec"), "limits", "ephemeral-storage");

	for (size_t i = 0; i < stats->volume_count; i++)
		if (volume_is_over(pod, &stats->volumes[i], out))
			return true;
	if (most > 0 && stats_pod_disk(stats).bytes > most) {
		buf_add_text(out, "Pod ephemeral local storage usage exceeds the total limit of "
				  "containers ");
		eviction_print_binary(most, out);
		buf_add_text(out, ". ");
		return true;
	}
	for (size_t i = 0; i < stats->container_count; i++)
		if (container_is_over(pod, &stats->containers[i], out))
			return true;
	return false;
}
