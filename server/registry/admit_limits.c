/*
 * admit_limits.c - limit ranges of a namespace: amounts for containers that name none, and bounds
 * for containers, pods and claims.
 *
 * (Kubernetes, "Limit Ranges".)
 */
#include <inttypes.h>

#include "api/quantity.h"
#include "server/registry/admit.h"

struct limits {
	const struct admit_work *work;
	struct buf faults; /* of bounds, joined */
	size_t fault_count;
	struct buf notes; /* what was filled in, for the annotation */
};

/* --- what is filled in --- */

static void fill_one(struct limits *limits, struct json *container, const char *list,
		     const struct json *amounts)
{
	struct json_doc *doc = limits->work->doc;
	bool any = false;

	for (struct json_iter it = json_iter(amounts); json_next(&it);) {
		struct json *resources = json_sub_object(doc, container, "resources");
		struct json *own = json_sub_object(doc, resources, list);

		if (json_get_str(own, it.key))
			continue;
		json_put_str(doc, own, it.key, json_clone(doc, it.value));
		buf_add_print(&limits->notes, "%s" STR_FMT,
			      any                 ? ", "
			      : limits->notes.len ? "; "
						  : "",
			      STR_ARG(it.key));
		any = true;
	}
	if (any)
		buf_add_print(&limits->notes, " %s for container " STR_FMT,
			      strcmp(list, "limits") == 0 ? "limit" : "request",
			      STR_ARG(json_str(json_get(container, "name"))));
}

static void fill_containers(struct limits *limits, const struct json *item)
{
	static const char *const lists[] = { "containers", "initContainers" };
	struct json *spec = json_get(limits->work->object, "spec");

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(spec, lists[i])); json_next(&it);) {
			fill_one(limits, it.value, "requests", json_get(item, "defaultRequest"));
			fill_one(limits, it.value, "limits", json_get(item, "default"));
		}
}

/* --- bounds --- */

static int64_t milli(const struct json *value)
{
	struct error unused;
	int64_t amount = 0;

	return quantity_milli(json_str(value), &amount, &unused) ? amount : 0;
}

static void fault(struct limits *limits, const char *text)
{
	buf_add_print(&limits->faults, "%s%s", limits->fault_count ? ", " : "", text);
	limits->fault_count++;
}

/* What is asked for and granted of one resource; NULL = nothing is said. */
struct wish {
	struct str name;
	const char *type; /* "Container" */
	const struct json *request, *limit;
};

static void check_bound(struct limits *limits, const struct wish *wish, const struct json *bound,
			bool least)
{
	struct arena *arena = limits->work->arena;
	const char *front = arena_print(arena, "%s " STR_FMT " usage per %s is " STR_FMT,
					least ? "minimum" : "maximum", STR_ARG(wish->name),
					wish->type, STR_ARG(json_str(bound)));
	const struct json *first = least ? wish->request : wish->limit;
	const struct json *second = least ? wish->limit : wish->request;
	const char *names[] = { least ? "request" : "limit", least ? "limit" : "request" };
	int64_t edge = milli(bound);

	if (!first)
		fault(limits, arena_print(arena, "%s.  No %s is specified", front, names[0]));
	else if (least ? milli(first) < edge : milli(first) > edge)
		fault(limits, arena_print(arena, "%s, but %s is " STR_FMT, front, names[0],
					  STR_ARG(json_str(first))));
	else if (second && (least ? milli(second) < edge : milli(second) > edge))
		fault(limits, arena_print(arena, "%s, but %s is " STR_FMT, front, names[1],
					  STR_ARG(json_str(second))));
}

static void check_ratio(struct limits *limits, const struct wish *wish, const struct json *bound)
{
	struct arena *arena = limits->work->arena;
	const char *front =
		arena_print(arena, STR_FMT " max limit to request ratio per %s is " STR_FMT,
			    STR_ARG(wish->name), wish->type, STR_ARG(json_str(bound)));
	int64_t request = milli(wish->request), limit = milli(wish->limit);
	double ratio;

	if (request == 0) {
		fault(limits,
		      arena_print(arena, "%s, but no request is specified or request is 0", front));
		return;
	}
	if (limit == 0) {
		fault(limits,
		      arena_print(arena, "%s, but no limit is specified or limit is 0", front));
		return;
	}
	ratio = (double)limit / (double)request;
	if (ratio > (double)milli(bound) / 1000)
		fault(limits, arena_print(arena, "%s, but provided ratio is %f", front, ratio));
}

static void check_all(struct limits *limits, const struct json *item, const char *type,
		      const struct json *requests, const struct json *granted)
{
	static const char *const bounds[] = { "min", "max", "maxLimitRequestRatio" };

	for (size_t i = 0; i < ARRAY_LENGTH(bounds); i++)
		for (struct json_iter it = json_iter(json_get(item, bounds[i])); json_next(&it);) {
			struct wish wish = { .name = it.key,
					     .type = type,
					     .request = json_get_str(requests, it.key),
					     .limit = json_get_str(granted, it.key) };

			if (i == 2)
				check_ratio(limits, &wish, it.value);
			else
				check_bound(limits, &wish, it.value, i == 0);
		}
}

static void check_containers(struct limits *limits, const struct json *item)
{
	static const char *const lists[] = { "containers", "initContainers" };
	struct json *spec = json_get(limits->work->object, "spec");

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(spec, lists[i])); json_next(&it);)
			check_all(limits, item, "Container",
				  json_path(it.value, "resources", "requests", NULL),
				  json_path(it.value, "resources", "limits", NULL));
}

/* The sum of the containers, or what one of the init containers needs alone. */
static struct json *sum_of(struct limits *limits, const char *list)
{
	struct json_doc *doc = limits->work->doc;
	struct json *spec = json_get(limits->work->object, "spec");
	struct json *sum = json_new_object(doc), *clean;

	for (struct json_iter it = json_iter(json_get(spec, "containers")); json_next(&it);)
		for (struct json_iter one = json_iter(json_path(it.value, "resources", list, NULL));
		     json_next(&one);)
			json_put_str(doc, sum, one.key,
				     json_new_print(doc, "%" PRId64 "m",
						    milli(json_get_str(sum, one.key)) +
							    milli(one.value)));
	for (struct json_iter it = json_iter(json_get(spec, "initContainers")); json_next(&it);)
		for (struct json_iter one = json_iter(json_path(it.value, "resources", list, NULL));
		     json_next(&one);)
			if (milli(one.value) > milli(json_get_str(sum, one.key)))
				json_put_str(doc, sum, one.key, json_clone(doc, one.value));
	clean = json_new_object(doc);
	for (struct json_iter it = json_iter(sum); json_next(&it);) {
		auto_buf text = BUF_INIT;
		struct error unused;

		if (quantity_canonical(json_str(it.value), &text, &unused))
			json_add_str(doc, clean, it.key, json_new_str(doc, buf_str(&text)));
	}
	return clean;
}

static bool take_range(void *of, const struct object *range)
{
	struct limits *limits = of;
	const struct admit_work *work = limits->work;
	bool pod = strcmp(work->kind->name, "Pod") == 0;
	struct json_iter it = json_iter(json_path(object_json(range), "spec", "limits", NULL));

	while (json_next(&it)) {
		struct str type = json_str(json_get(it.value, "type"));

		if (pod && str_is(type, "Container")) {
			fill_containers(limits, it.value);
			check_containers(limits, it.value);
		} else if (pod && str_is(type, "Pod")) {
			check_all(limits, it.value, "Pod", sum_of(limits, "requests"),
				  sum_of(limits, "limits"));
		} else if (!pod && str_is(type, "PersistentVolumeClaim")) {
			const struct json *requests =
				json_path(work->object, "spec", "resources", "requests", NULL);

			check_all(limits, it.value, "PersistentVolumeClaim", requests, requests);
		}
	}
	return true;
}

/* The class of a pod follows from its amounts, which are known only now. */
static void note_filled(struct limits *limits)
{
	const struct admit_work *work = limits->work;
	struct json *metadata = meta_of(work->object);
	struct kind_work again = {
		.kind = work->kind, .doc = work->doc, .object = work->object, .subresource = ""
	};

	json_put(work->doc, json_sub_object(work->doc, metadata, "annotations"),
		 "kubernetes.io/limit-ranger",
		 json_new_print(work->doc, "LimitRanger plugin set: %s", buf_text(&limits->notes)));
	work->kind->on_create(&again);
}

static bool admit(const struct admit_work *work, struct error *err)
{
	const struct kind *kind = kind_find_name(STR("v1"), STR("LimitRange"));
	struct limits limits = { .work = work, .faults = BUF_INIT, .notes = BUF_INIT };
	bool claim = strcmp(work->kind->name, "PersistentVolumeClaim") == 0;
	bool good;

	if (work->subresource[0] ||
	    !(claim || (strcmp(work->kind->name, "Pod") == 0 && !work->old)))
		return true;
	registry_each(work->registry, kind, work->namespace, take_range, &limits);
	if (limits.notes.len > 0)
		note_filled(&limits);
	good = limits.fault_count == 0 ||
	       error_set(err, ERROR_FORBIDDEN, "%s \"" STR_FMT "\" is forbidden: %s%s%s",
			 work->kind->plural, STR_ARG(meta_str(work->object, "name")),
			 limits.fault_count > 1 ? "[" : "", buf_text(&limits.faults),
			 limits.fault_count > 1 ? "]" : "");
	buf_clear(&limits.faults);
	buf_clear(&limits.notes);
	return good;
}

const struct admit_row admit_limits = { .name = "LimitRanger", .admit = admit };
