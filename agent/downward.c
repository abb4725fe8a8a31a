/*
 * downward.c - a table of simple paths; labels, annotations and resources beside it.
 */
#include "agent/downward.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/object.h"
#include "api/quantity.h"

/* --- fields --- */

/* A value as Go's %q shows it: JSON's way but for what is not printable. */
static void print_quoted(struct str value, struct buf *out)
{
	static const char letters[] = "\aa\bb\tt\nn\vv\ff\rr\"\"\\\\";

	buf_add_byte(out, '"');
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];
		const char *letter = NULL;

		for (size_t l = 0; letters[l] && !letter; l += 2)
			letter = letters[l] == c ? &letters[l + 1] : NULL;
		if (letter)
			buf_add_print(out, "\\%c", *letter);
		else if ((unsigned char)c < 0x20 || c == 0x7f)
			buf_add_print(out, "\\x%02x", (unsigned)c);
		else
			buf_add_byte(out, c);
	}
	buf_add_byte(out, '"');
}

static int by_key(const void *a, const void *b)
{
	const struct json_iter *one = a, *other = b;

	return str_compare(one->key, other->key);
}

/* In the order of the keys, so that files do not change when nothing does. */
static void print_map(const struct json *map, struct buf *out)
{
	size_t count = json_count(map), at = 0;
	auto_free struct json_iter *entries = memory_get((count + 1) * sizeof(*entries));

	for (struct json_iter it = json_iter(map); json_next(&it);)
		entries[at++] = it;
	qsort(entries, count, sizeof(*entries), by_key);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_add_byte(out, '\n');
		buf_add_str(out, entries[i].key);
		buf_add_byte(out, '=');
		print_quoted(json_str(entries[i].value), out);
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
	if (str_is(path, "spec.nodeName"))
		buf_add_str(out, json_str(json_path(pod, "spec", "nodeName", NULL)));
	else if (str_is(path, "spec.serviceAccountName"))
		buf_add_str(out, json_str(json_path(pod, "spec", "serviceAccountName", NULL)));
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
	static const char *const lists[] = { "containers", "initContainers",
					     "ephemeralContainers" };

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_path(pod, "spec", lists[i], NULL));
		     json_next(&it);)
			if (str_equal(json_str(json_get(it.value, "name")), name))
				return it.value;
	return NULL;
}

/* Processors in thousandths, so that "500m" divided by "1m" is exact; all else in whole bytes. */
static bool amount(struct str resource, struct str quantity, int64_t *out, struct error *err)
{
	return str_is(resource, "cpu") ? quantity_milli(quantity, out, err)
				       : quantity_value(quantity, out, err);
}

static int64_t fallback(const struct downward_facts *facts, struct str resource)
{
	if (str_is(resource, "cpu"))
		return facts->cpu_milli;
	if (str_is(resource, "memory"))
		return facts->memory;
	return str_is(resource, "ephemeral-storage") ? facts->ephemeral : 0;
}

bool downward_resource(const struct json *container, const struct downward_facts *facts,
		       const struct json *ref, struct buf *out, struct error *err)
{
	struct str resource = json_str(json_get(ref, "resource")), list;
	struct str divisor = json_str(json_get(ref, "divisor"));
	int64_t value, unit = 0;
	struct str quantity;

	list = str_cut(&resource, '.');
	if (!str_is(list, "limits") && !str_is(list, "requests"))
		return error_set(err, ERROR_INVALID, "unsupported container resource : " STR_FMT,
				 STR_ARG(json_str(json_get(ref, "resource"))));
	quantity = json_str(
		json_get_str(json_get_str(json_get(container, "resources"), list), resource));
	if (quantity.len == 0)
		value = str_is(list, "limits") ? fallback(facts, resource) : 0;
	else if (!amount(resource, quantity, &value, err))
		return false;
	if (divisor.len > 0 && !amount(resource, divisor, &unit, err))
		return false;
	if (unit < 0)
		return error_set(err, ERROR_INVALID, "the divisor \"" STR_FMT "\" is not positive",
				 STR_ARG(divisor));
	if (unit == 0) /* none, as "0" is none too */
		unit = str_is(resource, "cpu") ? 1000 : 1;
	buf_add_print(out, "%" PRId64, value / unit + (value % unit > 0));
	return true;
}
