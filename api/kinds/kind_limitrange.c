/*
 * kind_limitrange.c - LimitRange: how much one pod or container of a namespace may ask for.
 */
#include <inttypes.h>

#include "api/kinds/cells.h"
#include "api/quantity.h"
#include "api/validate.h"
#include "api/validate_amounts.h"
#include "api/validate_values.h"
#include "base/map.h"

#define AT(...) field_path(work->errors, __VA_ARGS__)

static bool is_type(const struct json *limit, const char *type)
{
	return str_is(json_str(json_get(limit, "type")), type);
}

/* --- defaults of containers: limits from the most, requests from the limits and the least --- */

static void fill_from(const struct kind_work *work, struct json *limit, const char *to,
		      const char *from)
{
	const struct json *source = json_get(limit, from);
	auto_map said = map_new();
	struct json *target;

	if (json_count(source) == 0)
		return;
	target = json_sub_object(work->doc, limit, to);
	for (struct json_iter it = json_iter(target); json_next(&it);)
		map_put(said, it.key, it.value);
	for (struct json_iter it = json_iter(source); json_next(&it);)
		if (!map_find(said, it.key))
			json_add_str(work->doc, target, it.key, json_clone(work->doc, it.value));
}

static void fill(const struct kind_work *work)
{
	for (struct json_iter it = json_iter(json_path(work->object, "spec", "limits", NULL));
	     json_next(&it);) {
		if (!is_type(it.value, "Container"))
			continue;
		fill_from(work, it.value, "default", "max");
		fill_from(work, it.value, "defaultRequest", "default");
		fill_from(work, it.value, "defaultRequest", "min");
	}
}

/* --- checks --- */

static void check_type(const struct kind_work *work, const struct json *type, struct map *seen,
		       const struct json *limit, const char *path)
{
	struct str name = json_str(type);
	bool standard = str_is(name, "Pod") || str_is(name, "Container") ||
			str_is(name, "PersistentVolumeClaim");

	values_name(work, path, type, name_qualified);
	if (!name_check_qualified(name) && str_find(name, '/') < 0 && !standard)
		validate_invalid(work, path, type,
				 "must be a standard limit type or fully qualified");
	if (map_put(seen, name, (void *)limit))
		validate_duplicate(work, path, type);
}

static void check_names(const struct kind_work *work, const struct json *limit, const char *field,
			const char *path, struct map *keys)
{
	bool of_pods = is_type(limit, "Pod") || is_type(limit, "Container");

	for (struct json_iter it = json_iter(json_get(limit, field)); json_next(&it);) {
		const char *here = AT("%s.%s[" STR_FMT "]", path, field, STR_ARG(it.key));

		if (of_pods)
			amounts_container_name(work, here, it.key);
		else
			amounts_name(work, here, it.key);
		map_put(keys, it.key, it.value);
	}
}

struct amounts { /* of one resource; at == NULL when not said */
	struct str name, min, max, limit, request, ratio;
	const char *path;
};

static struct str amount_of(const struct map *entries, struct str key)
{
	return entries ? json_str(map_find(entries, key)) : STR_NONE;
}

/* `value` is told when `low` is more than `high`; "LOW_NAME value 2 is greater than HIGH_NAME 1" */
static void check_order(const struct kind_work *work, const struct amounts *of, const char *field,
			struct str value, struct str low, const char *low_name, struct str high,
			const char *high_name)
{
	if (!low.at || !high.at || amounts_compare(low, high) <= 0)
		return;
	field_errors_add(work->errors, FIELD_INVALID,
			 AT("%s.%s[" STR_FMT "]", of->path, field, STR_ARG(of->name)),
			 amounts_go_quantity(work, value),
			 AT("%s value " STR_FMT " is greater than %s value " STR_FMT, low_name,
			    STR_ARG(low), high_name, STR_ARG(high)));
}

static void check_ratio(const struct kind_work *work, const struct amounts *of)
{
	const char *path = AT("%s.maxLimitRequestRatio[" STR_FMT "]", of->path, STR_ARG(of->name)),
		   *shown;
	int64_t ratio, min, max;
	struct error unused;
	double most;

	if (!of->ratio.at)
		return;
	shown = amounts_go_quantity(work, of->ratio);
	if (amounts_compare(of->ratio, STR("1")) < 0)
		field_errors_add(work->errors, FIELD_INVALID, path, shown,
				 AT("ratio " STR_FMT " is less than 1", STR_ARG(of->ratio)));
	if (!of->min.at || !of->max.at || !quantity_milli(of->ratio, &ratio, &unused) ||
	    !quantity_milli(of->min, &min, &unused) || !quantity_milli(of->max, &max, &unused) ||
	    min <= 0)
		return;
	most = (double)max / (double)min;
	if ((double)ratio / 1000 > most)
		field_errors_add(work->errors, FIELD_INVALID, path, shown,
				 AT("ratio " STR_FMT " is greater than max/min = %f",
				    STR_ARG(of->ratio), most));
}

static void check_amounts(const struct kind_work *work, const struct amounts *of)
{
	check_order(work, of, "min", of->min, of->min, "min", of->max, "max");
	check_order(work, of, "defaultRequest", of->request, of->min, "min", of->request,
		    "default request");
	check_order(work, of, "defaultRequest", of->request, of->request, "default request",
		    of->max, "max");
	check_order(work, of, "defaultRequest", of->request, of->request, "default request",
		    of->limit, "default limit");
	check_order(work, of, "default", of->min, of->min, "min", of->limit, "default");
	check_order(work, of, "default", of->max, of->limit, "default", of->max, "max");
	check_ratio(work, of);
	if (!amounts_is_shared(of->name) && of->limit.at && of->request.at &&
	    amounts_compare(of->limit, of->request) != 0)
		field_errors_add(work->errors, FIELD_INVALID,
				 AT("%s.defaultRequest[" STR_FMT "]", of->path, STR_ARG(of->name)),
				 amounts_go_quantity(work, of->request),
				 AT("default value " STR_FMT
				    " must equal to defaultRequest value " STR_FMT " in " STR_FMT,
				    STR_ARG(of->limit), STR_ARG(of->request), STR_ARG(of->name)));
}

static void forbid(const struct kind_work *work, const struct json *limit, const char *field,
		   const char *path)
{
	if (json_count(json_get(limit, field)) > 0)
		field_errors_add(work->errors, FIELD_FORBIDDEN, AT("%s.%s", path, field), NULL,
				 "may not be specified when `type` is 'Pod'");
}

/* Each amount against the others of its resource. */
static void compare_amounts(const struct kind_work *work, const struct json *limit,
			    const struct map *keys, const char *path)
{
	bool of_pods = is_type(limit, "Pod");
	auto_map min = values_entries(json_get(limit, "min"));
	auto_map max = values_entries(json_get(limit, "max"));
	auto_map most = of_pods ? NULL : values_entries(json_get(limit, "default"));
	auto_map asked = of_pods ? NULL : values_entries(json_get(limit, "defaultRequest"));
	auto_map ratio = values_entries(json_get(limit, "maxLimitRequestRatio"));
	struct str key;
	void *value;

	for (size_t i = 0; map_next(keys, &i, &key, &value);)
		check_amounts(work, &(struct amounts){
					    .name = key,
					    .min = amount_of(min, key),
					    .max = amount_of(max, key),
					    .limit = amount_of(most, key),
					    .request = amount_of(asked, key),
					    .ratio = amount_of(ratio, key),
					    .path = path,
				    });
}

static void check_limit(const struct kind_work *work, const struct json *limit, const char *path)
{
	auto_map keys = map_new();

	check_names(work, limit, "max", path, keys);
	check_names(work, limit, "min", path, keys);
	if (is_type(limit, "Pod")) {
		forbid(work, limit, "default", path);
		forbid(work, limit, "defaultRequest", path);
	} else {
		check_names(work, limit, "default", path, keys);
		check_names(work, limit, "defaultRequest", path, keys);
	}
	if (is_type(limit, "PersistentVolumeClaim") && !json_path(limit, "min", "storage", NULL) &&
	    !json_path(limit, "max", "storage", NULL))
		validate_required(work, AT("%s.limits", path),
				  "either minimum or maximum storage value is required, but "
				  "neither was provided");
	check_names(work, limit, "maxLimitRequestRatio", path, keys);
	compare_amounts(work, limit, keys, path);
}

static void validate(const struct kind_work *work)
{
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(json_path(work->object, "spec", "limits", NULL));
	     json_next(&it);) {
		const char *path = AT("spec.limits[%zu]", it.index);

		check_type(work, json_get(it.value, "type"), seen, it.value, AT("%s.type", path));
		check_limit(work, it.value, path);
	}
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Created At", .type = "date", .print = cells_created },
	{ 0 },
};
static const char *const short_names[] = { "limits", NULL };

const struct kind kind_limitrange = {
	.group = "",
	.version = "v1",
	.name = "LimitRange",
	.plural = "limitranges",
	.short_names = short_names,
	.type_name = "io.k8s.api.core.v1.LimitRange",
	.namespaced = true,
	.put_creates = true,
	.own_enums = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.validate = validate,
	.columns = columns,
};
