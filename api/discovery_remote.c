/*
 * discovery_remote.c - lists of the old form turned into the new one; the order of groups.
 *
 * Lists come from anybody who may make an APIService: nothing but known fields of the right type is
 * taken over.
 */
#include "api/discovery_remote.h"

#include <stdlib.h>

#include "base/map.h"

/* --- order --- */

/* "v2beta3": 2, 1, 3; what is no such version comes last. */
struct parsed {
	uint64_t major, minor;
	int stage; /* 2 = v1, 1 = v1beta1, 0 = v1alpha1, -1 = none of these */
};

static struct parsed parse_version(const char *text)
{
	static const struct {
		const char *word;
		int stage;
	} stages[] = { { "alpha", 0 }, { "beta", 1 } };
	struct parsed out = { .stage = -1 };
	struct str rest = str_of(text), digits;

	if (!str_starts(rest, STR("v")))
		return out;
	rest = str_from(rest.at + 1, rest.len - 1);
	digits = str_from(rest.at, strspn(rest.at, "0123456789"));
	rest = str_from(rest.at + digits.len, rest.len - digits.len);
	if (!str_to_u64(digits, UINT32_MAX, &out.major))
		return out;
	if (rest.len == 0)
		out.stage = 2;
	for (size_t i = 0; i < ARRAY_LENGTH(stages); i++) {
		struct str word = str_of(stages[i].word);

		if (str_starts(rest, word) &&
		    str_to_u64(str_from(rest.at + word.len, rest.len - word.len), UINT32_MAX,
			       &out.minor))
			out.stage = stages[i].stage;
	}
	return out;
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0; /* the greater one first */
}

static int by_version(const struct discovery_remote *a, const struct discovery_remote *b)
{
	struct parsed left = parse_version(a->version), right = parse_version(b->version);
	int order = compare((uint64_t)a->version_priority, (uint64_t)b->version_priority);

	if (order == 0)
		order = right.stage - left.stage;
	if (order == 0)
		order = compare(left.major, right.major);
	if (order == 0)
		order = compare(left.minor, right.minor);
	return order ? order : strcmp(a->version, b->version);
}

struct placed {
	struct discovery_remote item;
	int64_t highest; /* priority of its group */
};

static int by_place(const void *a, const void *b)
{
	const struct placed *left = a, *right = b;
	int order = compare((uint64_t)left->highest, (uint64_t)right->highest);

	if (order == 0)
		order = strcmp(left->item.group, right->item.group);
	return order ? order : by_version(&left->item, &right->item);
}

void discovery_remote_sort(struct discovery_remote *items, size_t count)
{
	auto_free struct placed *placed = memory_zero((count + 1) * sizeof(*placed));

	for (size_t i = 0; i < count; i++) {
		placed[i].item = items[i];
		for (size_t k = 0; k < count; k++)
			if (strcmp(items[k].group, items[i].group) == 0 &&
			    items[k].group_priority > placed[i].highest)
				placed[i].highest = items[k].group_priority;
	}
	qsort(placed, count, sizeof(*placed), by_place);
	for (size_t i = 0; i < count; i++)
		items[i] = placed[i].item;
}

/* --- resources --- */

static void put_text(struct json_doc *doc, struct json *to, const char *key,
		     const struct json *value)
{
	struct str text = json_str(value);

	json_put(doc, to, key, text.at ? json_new_str(doc, text) : json_new_text(doc, ""));
}

static void put_texts(struct json_doc *doc, struct json *to, const char *key,
		      const struct json *list)
{
	if (json_type(list) != JSON_ARRAY)
		return;
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (json_str(it.value).at)
			json_append(json_sub_array(doc, to, key),
				    json_new_str(doc, json_str(it.value)));
}

/* Of no entry: an empty one, which some clients need. */
static void put_response(struct json_doc *doc, struct json *to, const struct json *entry)
{
	struct json *response = json_sub_object(doc, to, "responseKind");

	put_text(doc, response, "group", json_get(entry, "group"));
	put_text(doc, response, "version", json_get(entry, "version"));
	put_text(doc, response, "kind", json_get(entry, "kind"));
}

static struct json *add_resource(struct json_doc *doc, struct json *list, struct str name,
				 const struct json *entry, const struct json *response)
{
	struct json *item = json_new_object(doc);

	json_put(doc, item, "resource", json_new_str(doc, name));
	put_response(doc, item, response);
	json_put(doc, item, "scope",
		 json_new_text(doc, json_bool(json_get(entry, "namespaced")) ? "Namespaced"
									     : "Cluster"));
	put_text(doc, item, "singularResource", json_get(response, "singularName"));
	json_sub_array(doc, item, "verbs");
	put_texts(doc, item, "verbs", json_get(response, "verbs"));
	put_texts(doc, item, "shortNames", json_get(response, "shortNames"));
	put_texts(doc, item, "categories", json_get(response, "categories"));
	json_append(list, item);
	return item;
}

static void add_below(struct json_doc *doc, struct json *parent, struct str name,
		      const struct json *entry)
{
	struct json *item = json_new_object(doc);

	json_put(doc, item, "subresource", json_new_str(doc, name));
	put_response(doc, item, entry);
	json_sub_array(doc, item, "verbs");
	put_texts(doc, item, "verbs", json_get(entry, "verbs"));
	json_append(json_sub_array(doc, parent, "subresources"), item);
}

bool discovery_remote_read(const struct json *list, struct json_doc *doc, struct json **out,
			   struct error *err)
{
	const struct json *entries = json_get(list, "resources");
	struct json *made = json_new_array(doc);
	auto_map known = map_new(); /* name -> its entry in `made` */

	if (!str_is(json_str(json_get(list, "kind")), "APIResourceList") ||
	    (json_type(entries) != JSON_ARRAY && json_type(entries) != JSON_ABSENT &&
	     json_type(entries) != JSON_NULL))
		return error_set(err, ERROR_BAD_REQUEST, "no list of resources");
	for (struct json_iter it = json_iter(entries); json_next(&it);) {
		struct str name = json_str(json_get(it.value, "name"));

		if (name.len > 0 && str_find(name, '/') < 0)
			map_put(known, name, add_resource(doc, made, name, it.value, it.value));
	}
	for (struct json_iter it = json_iter(entries); json_next(&it);) {
		struct str below = json_str(json_get(it.value, "name"));
		struct str name = str_find(below, '/') > 0 ? str_cut(&below, '/') : STR_NONE;

		if (name.len == 0 || below.len == 0)
			continue;
		if (!map_find(known, name))
			map_put(known, name, add_resource(doc, made, name, it.value, NULL));
		add_below(doc, map_find(known, name), below, it.value);
	}
	*out = made;
	return true;
}
