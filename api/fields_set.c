/*
 * fields_set.c - sorted trees: every operation walks both sides together, once.
 */
#include "api/fields_set.h"

#include <assert.h>
#include <stdio.h>

#include "base/limits.h"

/* --- order --- */

static int rank_of(char form)
{
	switch (form) {
	case 'f': return 0;
	case 'k': return 1;
	case 'v': return 2;
	default: return 3;
	}
}

/* The JSON text at the front of `rest`: a string with its quotes, or up to , : or }. */
static struct str cut_value(struct str *rest)
{
	struct str value = { rest->at, 0 };

	if (rest->len > 0 && rest->at[0] == '"') {
		value.len = 1;
		while (value.len < rest->len && rest->at[value.len] != '"')
			value.len += rest->at[value.len] == '\\' ? 2 : 1;
		value.len = value.len < rest->len ? value.len + 1 : rest->len;
	} else {
		while (value.len < rest->len && !strchr(",:}", rest->at[value.len]))
			value.len++;
	}
	*rest = str_from(rest->at + value.len, rest->len - value.len);
	return value;
}

static bool is_number(struct str value)
{
	return value.len > 0 && (value.at[0] == '-' || (value.at[0] >= '0' && value.at[0] <= '9'));
}

static double number_of(struct str value)
{
	char text[64];
	size_t len = value.len < sizeof(text) - 1 ? value.len : sizeof(text) - 1;

	memcpy(text, value.at, len);
	text[len] = '\0';
	return strtod(text, NULL);
}

/* Numbers, then texts, then true and false, then null. */
static int value_rank(struct str value)
{
	if (is_number(value))
		return 0;
	if (value.len > 0 && value.at[0] == '"')
		return 1;
	return value.len > 0 && value.at[0] == 'n' ? 3 : 2;
}

static int compare_values(struct str a, struct str b)
{
	int order = value_rank(a) - value_rank(b);

	if (order != 0)
		return order;
	if (is_number(a)) {
		double left = number_of(a), right = number_of(b);

		if (left != right)
			return left < right ? -1 : 1;
	}
	return str_compare(a, b);
}

static void skip(struct str *rest)
{
	if (rest->len > 0)
		*rest = str_from(rest->at + 1, rest->len - 1);
}

/* {"a":1,"b":"x"}: key by key, its name first. */
static int compare_keys(struct str a, struct str b)
{
	skip(&a);
	skip(&b);
	while (a.len > 1 && b.len > 1) {
		int order = str_compare(cut_value(&a), cut_value(&b));

		skip(&a);
		skip(&b);
		if (order == 0)
			order = compare_values(cut_value(&a), cut_value(&b));
		if (order != 0)
			return order;
		skip(&a);
		skip(&b);
	}
	return a.len < b.len ? -1 : a.len > b.len;
}

int fields_compare(struct fields_element a, struct fields_element b)
{
	if (a.form != b.form)
		return rank_of(a.form) - rank_of(b.form);
	if (a.form == 'f' || str_equal(a.text, b.text))
		return str_compare(a.text, b.text);
	return a.form == 'k' ? compare_keys(a.text, b.text) : compare_values(a.text, b.text);
}

static int compare_entries(const void *a, const void *b)
{
	return fields_compare(((const struct fields_entry *)a)->element,
			      ((const struct fields_entry *)b)->element);
}

/* --- building --- */

const struct fields_set *fields_keep(const struct fields_set *set, struct arena *arena)
{
	struct fields_set *kept;

	if (set->count == 0)
		return NULL;
	kept = arena_get(arena, sizeof(*kept));
	*kept = *set;
	return kept;
}

void fields_reserve(struct fields_set *set, struct arena *arena, size_t count)
{
	if (set->room > 0 || count == 0)
		return;
	set->items = arena_get(arena, count * sizeof(*set->items));
	set->room = count;
}

void fields_append(struct fields_set *set, struct arena *arena, struct fields_element element,
		   bool member, const struct fields_set *below)
{
	if (below && below->count == 0)
		below = NULL;
	if (!member && !below)
		return;
	if (set->count == set->room) {
		size_t room = set->room ? set->room * 2 : 4;
		struct fields_entry *grown = arena_get(arena, room * sizeof(*grown));

		if (set->count > 0)
			memcpy(grown, set->items, set->count * sizeof(*grown));
		set->items = grown;
		set->room = room;
	}
	set->items[set->count++] =
		(struct fields_entry){ .element = element, .member = member, .below = below };
}

static void append_entry(struct fields_set *set, struct arena *arena,
			 const struct fields_entry *entry)
{
	fields_append(set, arena, entry->element, entry->member, entry->below);
}

/* Append in order; an element equal to the last one is joined with it. */
static void append_next(struct fields_set *set, struct arena *arena,
			const struct fields_entry *entry)
{
	struct fields_entry *last = set->count > 0 ? &set->items[set->count - 1] : NULL;
	struct fields_set *joined;

	if (!last || fields_compare(last->element, entry->element) != 0) {
		append_entry(set, arena, entry);
		return;
	}
	last->member = last->member || entry->member;
	if (!last->below || !entry->below) {
		last->below = last->below ? last->below : entry->below;
		return;
	}
	joined = arena_get(arena, sizeof(*joined));
	*joined = fields_union(last->below, entry->below, arena);
	last->below = joined;
}

void fields_finish(struct fields_set *set, struct arena *arena)
{
	struct fields_set made = FIELDS_EMPTY;
	bool sorted = true;

	for (size_t i = 1; i < set->count && sorted; i++)
		sorted = compare_entries(&set->items[i - 1], &set->items[i]) < 0;
	if (sorted)
		return;
	qsort(set->items, set->count, sizeof(*set->items), compare_entries);
	for (size_t i = 0; i < set->count; i++)
		append_next(&made, arena, &set->items[i]);
	*set = made;
}

void fields_put_path(struct fields_set *set, struct arena *arena, const char *const *names)
{
	struct fields_set *below = arena_zero(arena, sizeof(*below));

	assert(names[0]);
	if (names[1])
		fields_put_path(below, arena, names + 1);
	fields_append(set, arena, fields_name(str_of(names[0])), !names[1], below);
	fields_finish(set, arena);
}

/* --- looking --- */

const struct fields_entry *fields_find(const struct fields_set *set, struct fields_element element)
{
	size_t low = 0, high = set ? set->count : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = fields_compare(set->items[middle].element, element);

		if (order == 0)
			return &set->items[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The object, metadata, managedFields, an entry of it and its fieldsV1. */
#define LEVELS_ABOVE 5

/* Are there more members, or longer paths? */
static bool has_more(const struct fields_set *set, size_t *members_left, size_t levels_left)
{
	if (set && set->count > 0 && levels_left == 0)
		return true;
	for (size_t i = 0; set && i < set->count; i++) {
		const struct fields_entry *entry = &set->items[i];

		if (entry->member && (*members_left)-- == 0)
			return true;
		if (has_more(entry->below, members_left, levels_left - 1))
			return true;
	}
	return false;
}

bool fields_are_beyond(const struct fields_set *set)
{
	size_t members = LIMIT_FIELDS;

	return has_more(set, &members, LIMIT_JSON_DEPTH - LEVELS_ABOVE);
}

bool fields_meet(const struct fields_set *a, const struct fields_set *b)
{
	const struct fields_set *few = a->count < b->count ? a : b, *many = few == a ? b : a;

	for (size_t i = 0; i < few->count; i++) {
		const struct fields_entry *entry = &few->items[i];
		const struct fields_entry *other = fields_find(many, entry->element);

		if (other &&
		    ((other->member && entry->member) ||
		     (other->below && entry->below && fields_meet(other->below, entry->below))))
			return true;
	}
	return false;
}

bool fields_equal(const struct fields_set *a, const struct fields_set *b)
{
	size_t count = a ? a->count : 0;

	if (a == b)
		return true;
	if (count != (b ? b->count : 0))
		return false;
	for (size_t i = 0; i < count; i++)
		if (a->items[i].member != b->items[i].member ||
		    fields_compare(a->items[i].element, b->items[i].element) != 0 ||
		    !fields_equal(a->items[i].below, b->items[i].below))
			return false;
	return true;
}

/* --- operations --- */

enum operation { UNION, DIFFERENCE, DIFFERENCE_DEEP, INTERSECTION };

static const struct fields_set *combine(const struct fields_set *a, const struct fields_set *b,
					enum operation how, struct arena *arena);

/* Both sides have the element. */
static void add_both(struct fields_set *out, const struct fields_entry *a,
		     const struct fields_entry *b, enum operation how, struct arena *arena)
{
	bool member = a->member && !b->member;

	if (how == DIFFERENCE_DEEP && b->member)
		return;
	if (how == UNION)
		member = a->member || b->member;
	else if (how == INTERSECTION)
		member = a->member && b->member;
	fields_append(out, arena, a->element, member, combine(a->below, b->below, how, arena));
}

/* So much smaller than the other side that looking up is cheaper than walking along. */
#define FEW 16

static const struct fields_set *combine_few(const struct fields_set *a, const struct fields_set *b,
					    enum operation how, struct arena *arena)
{
	struct fields_set *out = arena_zero(arena, sizeof(*out));

	for (size_t i = 0; i < a->count; i++) {
		const struct fields_entry *other = fields_find(b, a->items[i].element);

		if (other)
			add_both(out, &a->items[i], other, how, arena);
		else if (how != INTERSECTION)
			append_entry(out, arena, &a->items[i]);
	}
	return out;
}

static const struct fields_set *combine(const struct fields_set *a, const struct fields_set *b,
					enum operation how, struct arena *arena)
{
	struct fields_set *out;
	size_t i = 0, j = 0;

	if (!a || !b) {
		if (how == INTERSECTION)
			return NULL;
		return a || how != UNION ? a : b;
	}
	if (how != UNION && a->count < b->count / FEW)
		return combine_few(a, b, how, arena);
	out = arena_zero(arena, sizeof(*out));
	while (i < a->count || j < b->count) {
		int order = i == a->count   ? 1
			    : j == b->count ? -1
					    : compare_entries(&a->items[i], &b->items[j]);

		if (order == 0)
			add_both(out, &a->items[i++], &b->items[j++], how, arena);
		else if (order < 0 && how == INTERSECTION)
			i++;
		else if (order > 0 && how != UNION)
			j++;
		else
			append_entry(out, arena, order < 0 ? &a->items[i++] : &b->items[j++]);
	}
	return out;
}

static struct fields_set result(const struct fields_set *a, const struct fields_set *b,
				enum operation how, struct arena *arena)
{
	const struct fields_set *made = combine(a, b, how, arena);

	return made ? *made : FIELDS_EMPTY;
}

struct fields_set fields_union(const struct fields_set *a, const struct fields_set *b,
			       struct arena *arena)
{
	return result(a, b, UNION, arena);
}

/* In pairs, so that no element is copied more often than there are rounds. */
struct fields_set fields_union_all(const struct fields_set **sets, size_t count,
				   struct arena *arena)
{
	for (; count > 1; count = (count + 1) / 2) {
		for (size_t i = 0; i < count / 2; i++)
			sets[i] = combine(sets[2 * i], sets[2 * i + 1], UNION, arena);
		if (count % 2)
			sets[count / 2] = sets[count - 1];
	}
	return count > 0 && sets[0] ? *sets[0] : FIELDS_EMPTY;
}

struct fields_set fields_difference(const struct fields_set *a, const struct fields_set *b,
				    struct arena *arena)
{
	return result(a, b, DIFFERENCE, arena);
}

struct fields_set fields_difference_deep(const struct fields_set *a, const struct fields_set *b,
					 struct arena *arena)
{
	return result(a, b, DIFFERENCE_DEEP, arena);
}

struct fields_set fields_intersection(const struct fields_set *a, const struct fields_set *b,
				      struct arena *arena)
{
	return result(a, b, INTERSECTION, arena);
}
