/*
 * rbac_rules.c - rules of roles: matching, covering, printing.
 */
#include "server/gate/rbac_rules.h"

#include <assert.h>

/* --- making --- */

static struct rbac_texts texts_of(struct arena *arena, const struct json *list)
{
	struct str *items = arena_get(arena, (json_count(list) + 1) * sizeof(*items));
	size_t count = 0;

	for (struct json_iter it = json_iter(list); json_next(&it);) {
		struct str text = json_str(it.value);

		if (text.at)
			items[count++] = str_from(arena_string(arena, text.at, text.len), text.len);
	}
	return (struct rbac_texts){ items, count };
}

struct rbac_rules *rbac_rules_new(const struct json *list)
{
	struct arena *arena = arena_new();
	struct rbac_rules *rules = arena_zero(arena, sizeof(*rules));
	struct rbac_rule *items = arena_zero(arena, (json_count(list) + 1) * sizeof(*items));

	for (struct json_iter it = json_iter(list); json_next(&it);)
		items[it.index] = (struct rbac_rule){
			.verbs = texts_of(arena, json_get(it.value, "verbs")),
			.groups = texts_of(arena, json_get(it.value, "apiGroups")),
			.resources = texts_of(arena, json_get(it.value, "resources")),
			.names = texts_of(arena, json_get(it.value, "resourceNames")),
			.urls = texts_of(arena, json_get(it.value, "nonResourceURLs")),
		};
	*rules = (struct rbac_rules){ arena, items, json_count(list) };
	return rules;
}

void rbac_rules_free(struct rbac_rules *rules)
{
	if (rules)
		arena_free(rules->arena);
}

/* --- matching --- */

static bool has(const struct rbac_texts *texts, struct str text)
{
	for (size_t i = 0; i < texts->count; i++)
		if (str_equal(texts->items[i], text))
			return true;
	return false;
}

static bool has_or_all(const struct rbac_texts *texts, struct str text)
{
	return has(texts, STR("*")) || has(texts, text);
}

/* "/healthz", or "/healthz/" and a star for all below. */
static bool url_covers(struct str owner, struct str url)
{
	if (str_equal(owner, url))
		return true;
	if (!str_ends(owner, STR("*")))
		return false;
	while (str_ends(owner, STR("*")))
		owner.len--;
	return str_starts(url, owner);
}

static bool any_url_covers(const struct rbac_texts *urls, struct str url)
{
	for (size_t i = 0; i < urls->count; i++)
		if (url_covers(urls->items[i], url))
			return true;
	return false;
}

/* "pods/log" of resource "pods" and subresource "log", without making that text */
static bool is_combined(struct str text, struct str resource, struct str subresource)
{
	if (subresource.len == 0)
		return str_equal(text, resource);
	return text.len == resource.len + 1 + subresource.len && str_starts(text, resource) &&
	       text.at[resource.len] == '/' && str_ends(text, subresource);
}

static bool resource_matches(const struct rbac_rule *rule, const struct attributes *asked)
{
	for (size_t i = 0; i < rule->resources.count; i++) {
		struct str text = rule->resources.items[i];

		if (str_is(text, "*") || is_combined(text, asked->resource, asked->subresource))
			return true;
		if (asked->subresource.len > 0 && is_combined(text, STR("*"), asked->subresource))
			return true;
	}
	return false;
}

bool rbac_rule_allows(const struct rbac_rule *rule, const struct attributes *asked)
{
	if (!has_or_all(&rule->verbs, asked->verb))
		return false;
	if (asked->path.at)
		return any_url_covers(&rule->urls, asked->path);
	return has_or_all(&rule->groups, asked->group) && resource_matches(rule, asked) &&
	       (rule->names.count == 0 || has(&rule->names, asked->name));
}

/* --- covering --- */

static bool covers_all(const struct rbac_texts *owner, const struct rbac_texts *wanted)
{
	if (has(owner, STR("*")))
		return true;
	for (size_t i = 0; i < wanted->count; i++)
		if (!has(owner, wanted->items[i]))
			return false;
	return true;
}

static bool covers_resource(const struct rbac_texts *owner, struct str wanted)
{
	ptrdiff_t slash = str_find(wanted, '/');
	struct str sub;

	if (has_or_all(owner, wanted))
		return true;
	if (slash < 0)
		return false;
	sub = str_from(wanted.at + slash + 1, wanted.len - (size_t)slash - 1);
	for (size_t i = 0; i < owner->count; i++)
		if (is_combined(owner->items[i], STR("*"), sub))
			return true;
	return false;
}

static bool covers_names(const struct rbac_texts *owner, const struct rbac_texts *wanted)
{
	if (owner->count == 0)
		return true;
	if (wanted->count == 0)
		return false;
	for (size_t i = 0; i < wanted->count; i++)
		if (!has(owner, wanted->items[i]))
			return false;
	return true;
}

bool rbac_rule_covers(const struct rbac_rule *owner, const struct rbac_rule *wanted)
{
	for (size_t i = 0; i < wanted->resources.count; i++)
		if (!covers_resource(&owner->resources, wanted->resources.items[i]))
			return false;
	for (size_t i = 0; i < wanted->urls.count; i++)
		if (!any_url_covers(&owner->urls, wanted->urls.items[i]))
			return false;
	return covers_all(&owner->verbs, &wanted->verbs) &&
	       covers_all(&owner->groups, &wanted->groups) &&
	       covers_names(&owner->names, &wanted->names);
}

/* --- single rights --- */

struct each {
	bool (*visit)(void *of, const struct rbac_rule *single);
	void *of;
	struct rbac_rule single;
};

static struct rbac_texts one(const struct rbac_texts *texts, size_t i)
{
	return (struct rbac_texts){ &texts->items[i], 1 };
}

static bool each_name(struct each *each, const struct rbac_texts *names)
{
	if (names->count == 0) {
		each->single.names = (struct rbac_texts){ NULL, 0 };
		return each->visit(each->of, &each->single);
	}
	for (size_t i = 0; i < names->count; i++) {
		each->single.names = one(names, i);
		if (!each->visit(each->of, &each->single))
			return false;
	}
	return true;
}

static bool each_resource(struct each *each, const struct rbac_rule *rule)
{
	for (size_t group = 0; group < rule->groups.count; group++)
		for (size_t i = 0; i < rule->resources.count; i++)
			for (size_t verb = 0; verb < rule->verbs.count; verb++) {
				each->single = (struct rbac_rule){
					.verbs = one(&rule->verbs, verb),
					.groups = one(&rule->groups, group),
					.resources = one(&rule->resources, i),
				};
				if (!each_name(each, &rule->names))
					return false;
			}
	return true;
}

static bool each_url(struct each *each, const struct rbac_rule *rule)
{
	for (size_t i = 0; i < rule->urls.count; i++)
		for (size_t verb = 0; verb < rule->verbs.count; verb++) {
			each->single = (struct rbac_rule){ .verbs = one(&rule->verbs, verb),
							   .urls = one(&rule->urls, i) };
			if (!each->visit(each->of, &each->single))
				return false;
		}
	return true;
}

void rbac_rules_each(const struct rbac_rules *rules,
		     bool (*visit)(void *of, const struct rbac_rule *single), void *of)
{
	struct each each = { .visit = visit, .of = of };

	assert(visit);
	for (size_t i = 0; i < rules->count; i++)
		if (!each_resource(&each, &rules->items[i]) || !each_url(&each, &rules->items[i]))
			return;
}

/* --- printing --- */

static void print_texts(const char *word, const struct rbac_texts *texts, struct buf *out)
{
	auto_json_doc doc = json_doc_new();

	if (texts->count == 0)
		return;
	buf_add_print(out, "%s%s:[", out->len > 0 && out->at[out->len - 1] != '{' ? ", " : "",
		      word);
	for (size_t i = 0; i < texts->count; i++) {
		if (i)
			buf_add_byte(out, ' ');
		json_print(json_new_str(doc, texts->items[i]), out);
	}
	buf_add_byte(out, ']');
}

void rbac_rule_print(const struct rbac_rule *rule, struct buf *out)
{
	buf_add_byte(out, '{');
	print_texts("APIGroups", &rule->groups, out);
	print_texts("Resources", &rule->resources, out);
	print_texts("NonResourceURLs", &rule->urls, out);
	print_texts("ResourceNames", &rule->names, out);
	print_texts("Verbs", &rule->verbs, out);
	buf_add_byte(out, '}');
}
