/*
 * downward.c - a table of simple paths; labels, annotations and resources beside it.
 */
#include "agent/downward.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/object.h"
#include "api/quantity.h"

/* --- fields --- */

static void print_map(const struct json *map, struct buf *out)
{
	for (struct json_iter it = json_iter(map); json_next(&it);) {
		if (it.index > 0)
			buf_add_byte(out, '\n');
		buf_add_str(out, it.key);
		buf_add_byte(out, '=');
		json_print(it.value, out);
	}
}

/* "metadata.labels['key']" -> key; STR_NONE when it has not this form. */
static struct str subscript(struct str path, const char *map)
{
	auto_free char *prefix = memory_print("metadata.%s['", map);

	if (!str_starts(path, str_of(prefix)) || !str_ends(path, STR("']")) ||
	    path.len < strlen(prefix) + 2)
		return STR_NONE;
	return str_from(path.at + strlen(prefix), path.len - strlen(prefix) - 2);
}

bool downward_field(const struct json *pod, const struct downward_facts *facts, struct str path,
		    struct buf *out, struct error *err)
{
	static const char *const maps[] = { "labels", "annotations" };
	static const char *const plain[][2] = {
		{ "metadata.name", "name" },
		{ "metadata.namespace", "namespace" },
		{ "metadata.uid", "uid" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(plain); i++) {
		if (str_is(path, plain[i][0])) {
			buf_add_str(out, meta_str(pod, plain[i][1]));
			return true;
		}
	}
	for (size_t i = 0; i < ARRAY_LENGTH(maps); i++) {
		const struct json *map = json_get(meta_of(pod), maps[i]);
		struct str key = subscript(path, maps[i]);

		if (key.at)
			buf_add_str(out, json_str(json_get_str(map, key)));
		else if (str_ends(path, str_of(maps[i])) && path.len == strlen(maps[i]) + 9)
			print_map(map, out);
		else
			continue;
		return true;
	}
	if (str_is(path, "spec.nodeName") || str_is(path, "spec.serviceAccountName"))
		buf_add_str(out, json_str(json_path(pod, "spec", path.at + 5, NULL)));
	else if (str_is(path, "status.hostIP") || str_is(path, "status.hostIPs"))
		buf_add_text(out, facts->node_ip);
	else if (str_is(path, "status.podIP") || str_is(path, "status.podIPs"))
		buf_add_text(out, facts->pod_ip);
	else
		return error_set(err, ERROR_INVALID, "the field path \"" STR_FMT "\" is not known",
				 STR_ARG(path));
	return true;
}

/* --- resources --- */

const struct json *downward_container(const struct json *pod, struct str name)
{
	static const char *const lists[] = { "containers", "initContainers" };

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_path(pod, "spec", lists[i], NULL));
		     json_next(&it);)
			if (str_equal(json_str(json_get(it.value, "name")), name))
				return it.value;
	return NULL;
}

/* In thousandths, so that "500m" divided by "1m" is exact. */
static bool milli_of(struct str quantity, int64_t *out, struct error *err)
{
	return quantity_milli(quantity, out, err);
}

static int64_t fallback(const struct downward_facts *facts, struct str resource)
{
	if (str_is(resource, "cpu"))
		return facts->cpu_milli;
	if (str_is(resource, "memory"))
		return facts->memory > INT64_MAX / 1000 ? INT64_MAX : facts->memory * 1000;
	if (str_is(resource, "ephemeral-storage"))
		return facts->ephemeral > INT64_MAX / 1000 ? INT64_MAX : facts->ephemeral * 1000;
	return 0;
}

bool downward_resource(const struct json *container, const struct downward_facts *facts,
		       const struct json *ref, struct buf *out, struct error *err)
{
	struct str resource = json_str(json_get(ref, "resource")), list;
	struct str divisor = json_str(json_get(ref, "divisor"));
	auto_free char *list_name = NULL;
	int64_t value, unit = 1000;
	struct str quantity;

	list = str_cut(&resource, '.');
	list_name = str_copy(list);
	quantity = json_str(
		json_get_str(json_path(container, "resources", list_name, NULL), resource));
	if (quantity.len == 0)
		value = str_is(list, "limits") ? fallback(facts, resource) : 0;
	else if (!milli_of(quantity, &value, err))
		return false;
	if (divisor.len > 0 && !str_is(divisor, "0") && !milli_of(divisor, &unit, err))
		return false;
	if (unit <= 0)
		return error_set(err, ERROR_INVALID, "the divisor \"" STR_FMT "\" is not positive",
				 STR_ARG(divisor));
	buf_add_print(out, "%" PRId64, value / unit + (value % unit > 0));
	return true;
}
