/*
 * node_rules.c - tolerations and node selector terms.
 */
#include "server/schedule/node_rules.h"

enum rule_operator { RULE_IN, RULE_NOT_IN, RULE_EXISTS, RULE_ABSENT, RULE_GREATER, RULE_LESS };

static const char *const operator_words[] = {
	[RULE_IN] = "In",         [RULE_NOT_IN] = "NotIn",
	[RULE_EXISTS] = "Exists", [RULE_ABSENT] = "DoesNotExist",
	[RULE_GREATER] = "Gt",    [RULE_LESS] = "Lt",
};

struct rule {
	struct str key;
	enum rule_operator op;
	struct str *values;
	size_t value_count;
	bool of_name; /* a field: metadata.name */
};

struct term {
	struct rule *rules;
	size_t count;
	bool broken; /* a word that nobody knows: never matches */
};

struct node_terms {
	struct term *at;
	size_t count;
};

/* --- tolerations --- */

void tolerations_of(const struct json *pod_spec, struct arena *arena, struct tolerations *out)
{
	const struct json *list = json_get(pod_spec, "tolerations");

	out->at = arena_zero(arena, (json_count(list) + 1) * sizeof(*out->at));
	out->count = 0;
	for (struct json_iter it = json_iter(list); json_next(&it);)
		out->at[out->count++] = (struct toleration){
			.key = json_str(json_get(it.value, "key")),
			.value = json_str(json_get(it.value, "value")),
			.effect = json_str(json_get(it.value, "effect")),
			.exists = str_is(json_str(json_get(it.value, "operator")), "Exists"),
		};
}

static bool tolerates(const struct toleration *one, struct str key, struct str value,
		      struct str effect)
{
	if (one->effect.len > 0 && !str_equal(one->effect, effect))
		return false;
	if (one->key.len > 0 && !str_equal(one->key, key))
		return false;
	if (one->exists)
		return true;
	return one->key.len > 0 && str_equal(one->value, value);
}

bool tolerations_match(const struct tolerations *tolerations, struct str key, struct str value,
		       struct str effect)
{
	for (size_t i = 0; i < tolerations->count; i++)
		if (tolerates(&tolerations->at[i], key, value, effect))
			return true;
	return false;
}

/* --- terms --- */

static bool read_operator(struct str word, enum rule_operator *out)
{
	for (size_t i = 0; i < ARRAY_LENGTH(operator_words); i++)
		if (str_is(word, operator_words[i])) {
			*out = (enum rule_operator)i;
			return true;
		}
	return false;
}

static void add_rules(struct term *term, const struct json *list, bool fields, struct arena *arena)
{
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		const struct json *values = json_get(it.value, "values");
		struct rule *rule = &term->rules[term->count++];

		*rule = (struct rule){ .key = json_str(json_get(it.value, "key")),
				       .of_name = fields };
		rule->values = arena_zero(arena, (json_count(values) + 1) * sizeof(struct str));
		for (struct json_iter one = json_iter(values); json_next(&one);)
			rule->values[rule->value_count++] = json_str(one.value);
		if (!read_operator(json_str(json_get(it.value, "operator")), &rule->op) ||
		    (fields && !str_is(rule->key, "metadata.name")))
			term->broken = true;
	}
}

static void read_term(const struct json *from, struct arena *arena, struct term *out)
{
	const struct json *labels = json_get(from, "matchExpressions"),
			  *fields = json_get(from, "matchFields");
	size_t count = json_count(labels) + json_count(fields);

	*out = (struct term){ .rules = arena_zero(arena, (count + 1) * sizeof(*out->rules)) };
	add_rules(out, labels, false, arena);
	add_rules(out, fields, true, arena);
}

struct node_terms *node_terms_of(const struct json *list, struct arena *arena)
{
	struct node_terms *terms;

	if (!list)
		return NULL;
	terms = arena_zero(arena, sizeof(*terms));
	terms->at = arena_zero(arena, (json_count(list) + 1) * sizeof(*terms->at));
	for (struct json_iter it = json_iter(list); json_next(&it);)
		read_term(it.value, arena, &terms->at[terms->count++]);
	return terms;
}

struct node_terms *node_terms_of_one(const struct json *term, struct arena *arena)
{
	struct node_terms *terms = arena_zero(arena, sizeof(*terms));

	terms->at = arena_zero(arena, sizeof(*terms->at));
	terms->count = 1;
	read_term(term, arena, terms->at);
	return terms;
}

static bool is_among(const struct rule *rule, struct str value)
{
	for (size_t i = 0; i < rule->value_count; i++)
		if (str_equal(rule->values[i], value))
			return true;
	return false;
}

static bool compares(const struct rule *rule, struct str value)
{
	int64_t has, limit;

	if (value.at == NULL || rule->value_count != 1 ||
	    !str_to_i64(value, INT64_MIN, INT64_MAX, &has) ||
	    !str_to_i64(rule->values[0], INT64_MIN, INT64_MAX, &limit))
		return false;
	return rule->op == RULE_GREATER ? has > limit : has < limit;
}

static bool rule_meets(const struct rule *rule, const struct object *node)
{
	struct str value = rule->of_name ? object_name(node) : object_label(node, rule->key);

	switch (rule->op) {
	case RULE_IN: return value.at != NULL && is_among(rule, value);
	case RULE_NOT_IN: return value.at == NULL || !is_among(rule, value);
	case RULE_EXISTS: return value.at != NULL;
	case RULE_ABSENT: return value.at == NULL;
	case RULE_GREATER:
	case RULE_LESS: return compares(rule, value);
	}
	return false;
}

/* A term without any rule matches nothing. */
static bool term_meets(const struct term *term, const struct object *node)
{
	if (term->broken || term->count == 0)
		return false;
	for (size_t i = 0; i < term->count; i++)
		if (!rule_meets(&term->rules[i], node))
			return false;
	return true;
}

bool node_terms_match(const struct node_terms *terms, const struct object *node)
{
	if (!terms)
		return true;
	for (size_t i = 0; i < terms->count; i++)
		if (term_meets(&terms->at[i], node))
			return true;
	return false;
}

static struct str only_name_of(const struct term *term)
{
	for (size_t i = 0; i < term->count; i++)
		if (term->rules[i].of_name && term->rules[i].op == RULE_IN &&
		    term->rules[i].value_count == 1)
			return term->rules[i].values[0];
	return STR_NONE;
}

struct str node_terms_only_name(const struct node_terms *terms)
{
	struct str only = STR_NONE;

	for (size_t i = 0; terms && i < terms->count; i++) {
		struct str name = only_name_of(&terms->at[i]);

		if (name.at == NULL || (only.at != NULL && !str_equal(only, name)))
			return STR_NONE;
		only = name;
	}
	return only;
}
