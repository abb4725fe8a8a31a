/*
 * pod_terms.c - reading and matching of terms over pods.
 */
#include "server/schedule/pod_terms.h"

static const struct {
	const char *part, *list;
	bool weighted;
} sources[TERM_KINDS] = {
	[TERM_NEAR] = { "podAffinity", "requiredDuringSchedulingIgnoredDuringExecution", false },
	[TERM_APART] = { "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution",
			 false },
	[TERM_PREFER_NEAR] = { "podAffinity", "preferredDuringSchedulingIgnoredDuringExecution",
			       true },
	[TERM_PREFER_APART] = { "podAntiAffinity",
				"preferredDuringSchedulingIgnoredDuringExecution", true },
};

/* --- selectors --- */

static void demand(struct json_doc *doc, struct json *expressions, const struct json *labels,
		   const struct json *keys, const char *operator)
{
	for (struct json_iter it = json_iter(keys); json_next(&it);) {
		struct str key = json_str(it.value);
		const struct json *value = json_get_str(labels, key);
		struct json *one;

		if (!value)
			continue;
		one = json_new_object(doc);
		json_put(doc, one, "key", json_new_str(doc, key));
		json_put(doc, one, "operator", json_new_text(doc, operator));
		json_append(json_sub_array(doc, one, "values"), json_clone(doc, value));
		json_append(expressions, one);
	}
}

struct selector *selector_with_keys(const struct json *label_selector, const struct json *labels,
				    const struct json *match_keys, const struct json *mismatch_keys)
{
	struct selector *selector = NULL;
	struct error unused;

	if (!label_selector)
		return NULL;
	if (json_count(match_keys) + json_count(mismatch_keys) > 0) {
		auto_json_doc doc = json_doc_new();
		struct json *own = json_clone(doc, label_selector),
			    *expressions = json_sub_array(doc, own, "matchExpressions");

		demand(doc, expressions, labels, match_keys, "In");
		demand(doc, expressions, labels, mismatch_keys, "NotIn");
		return selector_from_json(own, &selector, &unused) ? selector : NULL;
	}
	return selector_from_json(label_selector, &selector, &unused) ? selector : NULL;
}

/* --- reading --- */

static void add_name(struct pod_term *term, struct str name)
{
	term->names = memory_grow(term->names, (term->name_count + 1) * sizeof(char *));
	term->names[term->name_count++] = str_copy(name);
}

static void read_term(const struct json *pod, const struct json *from, int64_t weight,
		      struct pod_term *out)
{
	const struct json *namespaces = json_get(from, "namespaceSelector");
	struct error unused;

	*out = (struct pod_term){ .weight = weight };
	out->topology_key = str_copy(json_str(json_get(from, "topologyKey")));
	out->labels = selector_with_keys(
		json_get(from, "labelSelector"), json_get(meta_of(pod), "labels"),
		json_get(from, "matchLabelKeys"), json_get(from, "mismatchLabelKeys"));
	for (struct json_iter it = json_iter(json_get(from, "namespaces")); json_next(&it);)
		add_name(out, json_str(it.value));
	if (namespaces && !selector_from_json(namespaces, &out->namespaces, &unused))
		out->namespaces = NULL;
	if (!namespaces && out->name_count == 0)
		add_name(out, meta_str(pod, "namespace"));
}

static void read_list(const struct json *pod, enum pod_term_kind kind, struct pod_term_list *out)
{
	const struct json *list =
		json_path(pod, "spec", "affinity", sources[kind].part, sources[kind].list, NULL);

	if (json_count(list) == 0)
		return;
	out->at = memory_zero(json_count(list) * sizeof(*out->at));
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (sources[kind].weighted)
			read_term(pod, json_get(it.value, "podAffinityTerm"),
				  json_int(json_get(it.value, "weight")), &out->at[out->count++]);
		else
			read_term(pod, it.value, 0, &out->at[out->count++]);
}

struct pod_terms *pod_terms_of(const struct json *pod)
{
	struct pod_terms *terms = memory_new(struct pod_terms);
	size_t count = 0;

	for (int kind = 0; kind < TERM_KINDS; kind++) {
		read_list(pod, (enum pod_term_kind)kind, &terms->lists[kind]);
		count += terms->lists[kind].count;
	}
	if (count > 0)
		return terms;
	free(terms);
	return NULL;
}

static void clear_term(struct pod_term *term)
{
	free(term->topology_key);
	selector_free(term->labels);
	selector_free(term->namespaces);
	for (size_t i = 0; i < term->name_count; i++)
		free(term->names[i]);
	free(term->names);
}

void pod_terms_free(struct pod_terms *terms)
{
	if (!terms)
		return;
	for (int kind = 0; kind < TERM_KINDS; kind++) {
		for (size_t i = 0; i < terms->lists[kind].count; i++)
			clear_term(&terms->lists[kind].at[i]);
		free(terms->lists[kind].at);
	}
	free(terms);
}

void pod_terms_key(const struct json *pod, struct buf *out)
{
	const struct json *affinity = json_path(pod, "spec", "affinity", NULL);

	for (int kind = 0; kind < TERM_KINDS; kind++) {
		const struct json *list =
			json_path(affinity, sources[kind].part, sources[kind].list, NULL);

		if (json_count(list) == 0)
			continue;
		buf_add_print(out, "%d", kind);
		json_print(list, out);
	}
	if (out->len == 0)
		return;
	buf_add_str(out, meta_str(pod, "namespace"));
	/* "matchLabelKeys" and "mismatchLabelKeys" read the pod's own labels. */
	if (str_search(buf_str(out), STR("atchLabelKeys")) >= 0)
		json_print(json_get(meta_of(pod), "labels"), out);
}

/* --- matching --- */

static bool is_named(const struct pod_term *term, struct str namespace)
{
	for (size_t i = 0; i < term->name_count; i++)
		if (str_is(namespace, term->names[i]))
			return true;
	return false;
}

bool pod_term_matches(const struct pod_term *term, const struct object *labels,
		      const struct object *namespace_object)
{
	if (!term->labels || !selector_match(term->labels, labels))
		return false;
	if (is_named(term, object_namespace(labels)))
		return true;
	if (!term->namespaces)
		return false;
	return namespace_object ? selector_match(term->namespaces, namespace_object)
				: selector_is_empty(term->namespaces);
}
