/*
 * validate_selection.c - terms over nodes, affinity, spreading, tolerations, taints.
 */
#include "api/validate_selection.h"

#include <inttypes.h>

#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"
#include "base/map.h"

#define AT(...)    field_path(work->errors, __VA_ARGS__)
#define WEIGHT_MAX 100

#define REQUIRED_TERMS  "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED_TERMS "preferredDuringSchedulingIgnoredDuringExecution"

static const char *const among[] = { "In", "NotIn", NULL };
static const char *const alone[] = { "Exists", "DoesNotExist", NULL };
static const char *const bounds[] = { "Gt", "Lt", NULL };

/* --- nodes --- */

static void check_label(const struct kind_work *work, const struct json *item, bool strict,
			const char *path)
{
	const struct json *op = json_get(item, "operator"), *values = json_get(item, "values");
	size_t count = json_count(values);
	const char *where = AT("%s.values", path);

	if (words_have(among, json_str(op))) {
		if (count == 0)
			validate_required(work, where,
					  "must be specified when `operator` is 'In' or 'NotIn'");
	} else if (words_have(alone, json_str(op))) {
		if (count > 0)
			words_forbidden(work, where,
					"may not be specified when `operator` is 'Exists' or "
					"'DoesNotExist'");
	} else if (words_have(bounds, json_str(op))) {
		if (count != 1)
			validate_required(work, where,
					  "must be specified single value when `operator` is 'Lt' "
					  "or 'Gt'");
	} else {
		validate_invalid(work, AT("%s.operator", path), words_text(work, op),
				 "not a valid selector operator");
	}
	values_name(work, AT("%s.key", path), json_get(item, "key"), name_qualified);
	for (struct json_iter it = json_iter(values); strict && json_next(&it);)
		values_name(work, AT("%s[%zu]", where, it.index), it.value, name_label_value);
}

/* Only metadata.name is one. */
static void check_field(const struct kind_work *work, const struct json *item, const char *path)
{
	const struct json *op = json_get(item, "operator"), *values = json_get(item, "values"),
			  *key = json_get(item, "key");

	if (!words_have(among, json_str(op)))
		validate_invalid(work, AT("%s.operator", path), words_text(work, op),
				 "not a valid selector operator");
	else if (json_count(values) != 1)
		validate_required(work, AT("%s.values", path),
				  "must be only one value when `operator` is 'In' or 'NotIn' for "
				  "node field selector");
	if (!str_is(json_str(key), "metadata.name")) {
		validate_invalid(work, AT("%s.key", path), words_text(work, key),
				 "not a valid field selector key");
		return;
	}
	for (struct json_iter it = json_iter(values); json_next(&it);)
		values_name(work, AT("%s.values[%zu]", path, it.index), it.value, name_subdomain);
}

static void check_term(const struct kind_work *work, const struct json *term, bool strict,
		       const char *path)
{
	for (struct json_iter it = json_iter(json_get(term, "matchExpressions")); json_next(&it);)
		check_label(work, it.value, strict, AT("%s.matchExpressions[%zu]", path, it.index));
	for (struct json_iter it = json_iter(json_get(term, "matchFields")); json_next(&it);)
		check_field(work, it.value, AT("%s.matchFields[%zu]", path, it.index));
}

void selection_nodes(const struct kind_work *work, const struct json *selector, const char *path)
{
	const struct json *terms = json_get(selector, "nodeSelectorTerms");

	if (json_count(terms) == 0)
		validate_required(work, AT("%s.nodeSelectorTerms", path),
				  "must have at least one node selector term");
	for (struct json_iter it = json_iter(terms); json_next(&it);)
		check_term(work, it.value, true, AT("%s.nodeSelectorTerms[%zu]", path, it.index));
}

static void check_weight(const struct kind_work *work, const struct json *term, const char *path)
{
	const struct json *weight = json_get(term, "weight");

	if (json_int(weight) < 1 || json_int(weight) > WEIGHT_MAX)
		validate_invalid(work, AT("%s.weight", path),
				 weight ? weight : json_new_int(work->doc, 0),
				 "must be in the range 1-100");
}

static void check_node_affinity(const struct kind_work *work, const struct json *affinity,
				const char *path)
{
	const struct json *required = json_get(affinity, REQUIRED_TERMS);

	if (required)
		selection_nodes(work, required, AT("%s." REQUIRED_TERMS, path));
	for (struct json_iter it = json_iter(json_get(affinity, PREFERRED_TERMS));
	     json_next(&it);) {
		const char *here = AT("%s." PREFERRED_TERMS "[%zu]", path, it.index);

		check_weight(work, it.value, here);
		check_term(work, json_get(it.value, "preference"), false,
			   AT("%s.preference", here));
	}
}

/* --- other pods --- */

/* Keys of labels; without a selector there is nothing to add them to. */
static void check_keys(const struct kind_work *work, const struct json *term, const char *field,
		       const char *path)
{
	const struct json *keys = json_get(term, field);

	if (json_count(keys) == 0)
		return;
	if (!json_get(term, "labelSelector")) {
		words_forbidden(work, AT("%s.%s", path, field),
				"must not be specified when labelSelector is not set");
		return;
	}
	for (struct json_iter it = json_iter(keys); json_next(&it);)
		values_name(work, AT("%s.%s[%zu]", path, field, it.index), it.value,
			    name_qualified);
}

/* The keys of a list of texts, or of a selector's labels. */
static void add_keys(struct map *keys, const struct json *list)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		map_put(keys, json_type(list) == JSON_ARRAY ? json_str(it.value) : it.key,
			it.value);
}

static void check_keys_twice(const struct kind_work *work, const struct json *term,
			     const char *path)
{
	const struct json *matching = json_get(term, "matchLabelKeys"),
			  *selector = json_get(term, "labelSelector");
	auto_map wanted = map_new();
	auto_map seen = map_new();
	auto_map mismatching = map_new();

	add_keys(wanted, matching);
	add_keys(seen, json_get(selector, "matchLabels"));
	add_keys(mismatching, json_get(term, "mismatchLabelKeys"));
	for (struct json_iter it = json_iter(json_get(selector, "matchExpressions"));
	     json_next(&it);) {
		const struct json *key = json_get(it.value, "key");

		if (map_find(wanted, json_str(key)) && map_find(seen, json_str(key)))
			validate_invalid(work, AT("%s[%zu]", path, it.index), key,
					 "exists in both matchLabelKeys and labelSelector");
		map_put(seen, json_str(key), it.value);
	}
	for (struct json_iter it = json_iter(matching); json_next(&it);)
		if (map_find(mismatching, json_str(it.value)))
			validate_invalid(work, AT("%s.matchLabelKeys[%zu]", path, it.index),
					 it.value,
					 "exists in both matchLabelKeys and mismatchLabelKeys");
}

static void check_pod_term(const struct kind_work *work, const struct json *term, const char *path)
{
	const struct json *key = json_get(term, "topologyKey");

	validate_label_selector(work, json_get(term, "labelSelector"),
				AT("%s.labelSelector", path));
	validate_label_selector(work, json_get(term, "namespaceSelector"),
				AT("%s.namespaceSelector", path));
	for (struct json_iter it = json_iter(json_get(term, "namespaces")); json_next(&it);)
		values_name(work, AT("%s.namespace", path), it.value, name_label);
	check_keys(work, term, "matchLabelKeys", path);
	check_keys(work, term, "mismatchLabelKeys", path);
	check_keys_twice(work, term, path);
	if (json_str(key).len == 0)
		validate_required(work, AT("%s.topologyKey", path), "can not be empty");
	values_name(work, AT("%s.topologyKey", path), key, name_qualified);
}

static void check_pod_affinity(const struct kind_work *work, const struct json *affinity,
			       const char *path)
{
	for (struct json_iter it = json_iter(json_get(affinity, REQUIRED_TERMS)); json_next(&it);)
		check_pod_term(work, it.value, AT("%s." REQUIRED_TERMS "[%zu]", path, it.index));
	for (struct json_iter it = json_iter(json_get(affinity, PREFERRED_TERMS));
	     json_next(&it);) {
		const char *here = AT("%s." PREFERRED_TERMS "[%zu]", path, it.index);

		check_weight(work, it.value, here);
		check_pod_term(work, json_get(it.value, "podAffinityTerm"),
			       AT("%s.podAffinityTerm", here));
	}
}

void selection_affinity(const struct kind_work *work, const struct json *affinity, const char *path)
{
	check_node_affinity(work, json_get(affinity, "nodeAffinity"), AT("%s.nodeAffinity", path));
	check_pod_affinity(work, json_get(affinity, "podAffinity"), AT("%s.podAffinity", path));
	check_pod_affinity(work, json_get(affinity, "podAntiAffinity"),
			   AT("%s.podAntiAffinity", path));
}

/* --- spreading --- */

static void check_min_domains(const struct kind_work *work, const struct json *constraint,
			      const char *path)
{
	const struct json *domains = json_get(constraint, "minDomains");
	struct str action = json_str(json_get(constraint, "whenUnsatisfiable"));

	if (!domains)
		return;
	if (json_int(domains) <= 0)
		validate_invalid(work, path, domains, "must be greater than zero");
	if (!str_is(action, "DoNotSchedule"))
		validate_invalid(work, path, domains,
				 AT("can only use minDomains if whenUnsatisfiable=DoNotSchedule, "
				    "not " STR_FMT,
				    STR_ARG(action)));
}

static void check_spread_keys(const struct kind_work *work, const struct json *constraint,
			      const char *path)
{
	const struct json *keys = json_get(constraint, "matchLabelKeys"),
			  *selector = json_get(constraint, "labelSelector");
	auto_map selected = map_new();

	if (json_count(keys) == 0)
		return;
	add_keys(selected, json_get(selector, "matchLabels"));
	for (struct json_iter it = json_iter(json_get(selector, "matchExpressions"));
	     json_next(&it);)
		map_put(selected, json_str(json_get(it.value, "key")), it.value);
	if (!selector)
		words_forbidden(work, path, "must not be specified when labelSelector is not set");
	for (struct json_iter it = json_iter(keys); json_next(&it);) {
		values_name(work, AT("%s[%zu]", path, it.index), it.value, name_qualified);
		if (map_find(selected, json_str(it.value)))
			validate_invalid(work, AT("%s[%zu]", path, it.index), it.value,
					 "exists in both matchLabelKeys and labelSelector");
	}
}

/* "{topologyKey, whenUnsatisfiable}" */
static const char *pair_of(const struct kind_work *work, const struct json *constraint)
{
	return AT("{" STR_FMT ", " STR_FMT "}",
		  STR_ARG(json_str(json_get(constraint, "topologyKey"))),
		  STR_ARG(json_str(json_get(constraint, "whenUnsatisfiable"))));
}

static void check_spread(const struct kind_work *work, const struct json *constraint, bool again,
			 const char *path)
{
	static const char *const actions[] = { "DoNotSchedule", "ScheduleAnyway", NULL };
	static const char *const policies[] = { "Honor", "Ignore", NULL };
	static const char *const policy_fields[] = { "nodeAffinityPolicy", "nodeTaintsPolicy" };
	const struct json *skew = json_get(constraint, "maxSkew");

	if (json_int(skew) <= 0)
		validate_invalid(work, AT("%s.maxSkew", path),
				 skew ? skew : json_new_int(work->doc, 0),
				 "must be greater than zero");
	if (json_str(json_get(constraint, "topologyKey")).len == 0)
		validate_required(work, AT("%s.topologyKey", path), "can not be empty");
	values_supported(work, AT("%s.whenUnsatisfiable", path),
			 json_get(constraint, "whenUnsatisfiable"), actions);
	if (again)
		validate_duplicate(work, AT("%s.{topologyKey, whenUnsatisfiable}", path),
				   json_new_text(work->doc, pair_of(work, constraint)));
	check_min_domains(work, constraint, AT("%s.minDomains", path));
	for (size_t i = 0; i < ARRAY_LENGTH(policy_fields); i++)
		if (json_get(constraint, policy_fields[i]))
			values_supported(work, AT("%s.%s", path, policy_fields[i]),
					 json_get(constraint, policy_fields[i]), policies);
	check_spread_keys(work, constraint, AT("%s.matchLabelKeys", path));
	validate_label_selector(work, json_get(constraint, "labelSelector"),
				AT("%s.labelSelector", path));
}

void selection_spread(const struct kind_work *work, const struct json *constraints,
		      const char *path)
{
	auto_map last = map_new(); /* of each pair the last one: those before it are told */

	for (struct json_iter it = json_iter(constraints); json_next(&it);)
		map_put(last, str_of(pair_of(work, it.value)), it.value);
	for (struct json_iter it = json_iter(constraints); json_next(&it);)
		check_spread(work, it.value,
			     map_find(last, str_of(pair_of(work, it.value))) != it.value,
			     AT("%s[%zu]", path, it.index));
}

/* --- tolerations and taints --- */

static const char *const effects[] = { "NoSchedule", "PreferNoSchedule", "NoExecute", NULL };

/* All faults of a label's value in one error. */
static void check_joined(const struct kind_work *work, const char *path, const struct json *value)
{
	struct name_faults faults = { .count = 0 };
	auto_buf text = BUF_INIT;

	name_label_value(json_str(value), &faults);
	for (size_t i = 0; i < faults.count; i++)
		buf_add_print(&text, "%s%s", i ? ";" : "", faults.why[i]);
	if (faults.count > 0)
		validate_invalid(work, path, value, buf_text(&text));
}

static void check_toleration_value(const struct kind_work *work, const struct json *item,
				   const char *path)
{
	static const char *const operators[] = { "Equal", "Exists", NULL };
	const struct json *op = json_get(item, "operator"), *value = json_get(item, "value");

	if (str_is(json_str(op), "Exists")) {
		if (json_str(value).len > 0)
			validate_invalid(work, path, value,
					 "value must be empty when `operator` is 'Exists'");
	} else if (json_str(op).len == 0 || str_is(json_str(op), "Equal")) {
		check_joined(work, path, value);
	} else {
		words_not_supported(work, path, op, operators);
	}
}

static void check_toleration(const struct kind_work *work, const struct json *item,
			     const char *path)
{
	const struct json *op = json_get(item, "operator"), *effect = json_get(item, "effect"),
			  *key = json_get(item, "key");

	if (json_str(key).len > 0)
		values_name(work, AT("%s.key", path), key, name_qualified);
	else if (!str_is(json_str(op), "Exists"))
		validate_invalid(work, AT("%s.operator", path), words_text(work, op),
				 "operator must be Exists when `key` is empty, which means "
				 "\"match all values and all keys\"");
	if (json_get(item, "tolerationSeconds") && !str_is(json_str(effect), "NoExecute"))
		validate_invalid(work, AT("%s.effect", path), words_text(work, effect),
				 "effect must be 'NoExecute' when `tolerationSeconds` is set");
	check_toleration_value(work, item, AT("%s.operator", path));
	if (json_str(effect).len > 0)
		words_check(work, AT("%s.effect", path), effect, effects);
}

void selection_tolerations(const struct kind_work *work, const struct json *tolerations,
			   const char *path)
{
	for (struct json_iter it = json_iter(tolerations); json_next(&it);)
		check_toleration(work, it.value, AT("%s[%zu]", path, it.index));
}

void selection_taints(const struct kind_work *work, const struct json *taints, const char *path)
{
	auto_map seen = map_new();

	for (struct json_iter it = json_iter(taints); json_next(&it);) {
		const char *here = AT("%s[%zu]", path, it.index);
		const struct json *key = json_get(it.value, "key"),
				  *effect = json_get(it.value, "effect");
		const char *pair =
			AT(STR_FMT "|" STR_FMT, STR_ARG(json_str(effect)), STR_ARG(json_str(key)));

		values_name(work, AT("%s.key", here), key, name_qualified);
		check_joined(work, AT("%s.value", here), json_get(it.value, "value"));
		values_choice(work, AT("%s.effect", here), effect, effects);
		if (map_put(seen, str_of(pair), it.value))
			field_errors_add(work->errors, FIELD_DUPLICATE, here,
					 field_value(work->errors, it.value),
					 "taints must be unique by key and effect pair");
	}
}
