/*
 * admit_rbac.c - nobody gives rights that he does not hold.
 *
 * A role may be written by who holds all of its rules, or may `escalate` it; a binding by who holds
 * all rules of its role in that place, or may `bind` that role.  And what an update or an apply
 * makes, where nothing was, must be allowed as a create.
 */
#include "api/validate_rbac.h"
#include "base/map.h"
#include "server/gate/authenticate.h"
#include "server/gate/rbac.h"
#include "server/registry/admit.h"
#include "server/registry/registry_inside.h"

/* Single rights that are looked at: roles of people have hundreds, the largest rule that fits into
 * a body would have billions. */
#define RIGHTS_MAX 20000
/* Kinds of rights that a refusal names, and its bytes. */
#define MISSING_MAX 64
#define SHOWN_BYTES 320

/* --- what the user holds against what is wanted --- */

struct missing { /* rights that differ in their verb only */
	struct buf verbs;
};

struct compare {
	struct arena *arena;
	const struct rbac_rule **owned;
	size_t owned_count, owned_room;
	size_t looked_at;
	bool too_many;
	struct map *missing; /* what they are for -> struct missing */
};

static bool keep_owned(void *of, const struct rbac_rule *rule)
{
	struct compare *compare = of;

	if (compare->owned_count == compare->owned_room) {
		compare->owned_room = compare->owned_room ? 2 * compare->owned_room : 64;
		compare->owned =
			memory_grow(compare->owned, compare->owned_room * sizeof(*compare->owned));
	}
	compare->owned[compare->owned_count++] = rule;
	return true;
}

static bool is_held(const struct compare *compare, const struct rbac_rule *wanted)
{
	for (size_t i = 0; i < compare->owned_count; i++)
		if (rbac_rule_covers(compare->owned[i], wanted))
			return true;
	return false;
}

/* Rights of one resource are told together, as the real server does; others one by one. */
static void note_missing(struct compare *compare, const struct rbac_rule *single)
{
	struct rbac_rule without_verb = *single;
	struct missing *missing;
	auto_buf key = BUF_INIT;
	auto_buf verb = BUF_INIT;
	auto_json_doc doc = json_doc_new();

	without_verb.verbs.count = 0;
	rbac_rule_print(&without_verb, &key);
	json_print(json_new_str(doc, single->verbs.items[0]), &verb);
	if (single->resources.count == 0 || single->names.count > 0)
		buf_add_print(&key, " %s", buf_text(&verb));
	missing = map_find(compare->missing, buf_str(&key));
	if (!missing) {
		missing = memory_new(struct missing);
		map_put(compare->missing, buf_str(&key), missing);
	}
	buf_add_print(&missing->verbs, "%s%s", missing->verbs.len ? " " : "", buf_text(&verb));
}

static bool look_at(void *of, const struct rbac_rule *single)
{
	struct compare *compare = of;

	compare->too_many = ++compare->looked_at > RIGHTS_MAX;
	if (!is_held(compare, single))
		note_missing(compare, single);
	return !compare->too_many && map_count(compare->missing) < MISSING_MAX;
}

static void look_at_rules(struct compare *compare, const struct rbac_rules *wanted)
{
	for (size_t i = 0; i < wanted->count && !compare->too_many; i++) {
		struct rbac_rules one = { .items = &wanted->items[i], .count = 1 };

		/* Usually a rule is held as a whole: then its single rights need no look. */
		if (!is_held(compare, one.items))
			rbac_rules_each(&one, look_at, compare);
	}
}

/* --- the refusal --- */

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Key and verbs as one line: {APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]} */
static const char *line_of(struct arena *arena, struct str key, const struct missing *missing)
{
	struct str head = key;

	while (head.len > 0 && head.at[head.len - 1] != '}')
		head.len--;
	return arena_print(arena, "%.*s, Verbs:[%s]}", (int)head.len - 1, head.at,
			   buf_text(&missing->verbs));
}

static void print_missing(const struct compare *compare, struct buf *out)
{
	size_t count = 0, all = map_count(compare->missing);
	const char **lines = arena_zero(compare->arena, (all + 1) * sizeof(*lines));
	struct str key;
	void *value;

	for (size_t i = 0; map_next(compare->missing, &i, &key, &value);)
		lines[count++] = line_of(compare->arena, key, value);
	qsort(lines, count, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && out->len + strlen(lines[i]) > SHOWN_BYTES) {
			buf_add_print(out, "\nand %zu more", count - i);
			return;
		}
		buf_add_print(out, "%s%s", i ? "\n" : "", lines[i]);
	}
}

static void print_groups(const struct user *user, struct buf *out)
{
	auto_json_doc doc = json_doc_new();

	for (const char **group = user->groups; group && *group; group++) {
		if (group != user->groups)
			buf_add_byte(out, ' ');
		json_print(json_new_text(doc, *group), out);
	}
}

static bool refuse(const struct admit_work *work, const struct compare *compare, struct error *err)
{
	auto_buf resource = BUF_INIT;
	auto_buf groups = BUF_INIT;
	auto_buf rights = BUF_INIT;

	kind_resource(work->kind, &resource);
	print_groups(work->user, &groups);
	if (compare->too_many)
		buf_add_text(&rights, "its rules hold too many rights to be compared");
	else
		print_missing(compare, &rights);
	return error_set(err, ERROR_FORBIDDEN,
			 "%s \"" STR_FMT "\" is forbidden: user \"%s\" (groups=[%s]) is attempting "
			 "to grant RBAC permissions not currently held:\n%s",
			 buf_text(&resource), STR_ARG(meta_str(work->object, "name")),
			 work->user->name, buf_text(&groups), buf_text(&rights));
}

static bool check_held(const struct admit_work *work, const struct rbac_rules *wanted,
		       struct error *err)
{
	struct compare compare = { .arena = work->arena, .missing = map_new() };
	struct str key;
	void *value;
	bool held;

	rbac_each_rule(server_rbac(work->registry->server), work->user,
		       work->kind->namespaced ? work->namespace : STR_NONE, keep_owned, &compare);
	look_at_rules(&compare, wanted);
	held = !compare.too_many && map_count(compare.missing) == 0;
	if (!held)
		refuse(work, &compare, err);
	for (size_t i = 0; map_next(compare.missing, &i, &key, &value);) {
		buf_clear(&((struct missing *)value)->verbs);
		free(value);
	}
	map_free(compare.missing);
	free(compare.owned);
	return held;
}

/* --- roles and bindings --- */

/* Nothing but what the garbage collector writes is new. */
static bool is_same(const struct admit_work *work)
{
	static const char *const fields[] = { "labels", "annotations" };

	if (!work->old || !kind_spec_equal(work->object, work->old))
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		if (!json_equal(json_get(meta_of(work->object), fields[i]),
				json_get(meta_of(work->old), fields[i])))
			return false;
	return true;
}

static bool may(const struct admit_work *work, const char *verb, struct str resource,
		struct str name)
{
	struct attributes asked = {
		.user = work->user,
		.verb = str_of(verb),
		.group = STR(RBAC_GROUP),
		.resource = resource,
		.name = name,
		.namespace = work->kind->namespaced ? work->namespace : STR_NONE,
	};

	return authorize_check(work->registry->server, &asked);
}

static bool same_field(const struct admit_work *work, const char *field)
{
	return work->old && json_equal(json_get(work->object, field), json_get(work->old, field));
}

static bool check_role(const struct admit_work *work, struct error *err)
{
	const struct str all =
		STR("[{\"apiGroups\":[\"*\"],\"resources\":[\"*\"],\"verbs\":[\"*\"]},"
		    "{\"nonResourceURLs\":[\"*\"],\"verbs\":[\"*\"]}]");
	bool gathers = json_get(work->object, "aggregationRule") != NULL;
	struct rbac_rules *wanted;
	auto_json_doc doc = NULL;
	bool held;

	/* Labels count, too: roles that gather choose by them. */
	if (is_same(work) ||
	    may(work, "escalate", str_of(work->kind->plural), meta_str(work->object, "name")))
		return true;
	/* A role that gathers others may come to hold anything. */
	if (gathers && !same_field(work, "aggregationRule") && !json_parse(all, &doc, NULL, err))
		return false;
	wanted = rbac_rules_new(doc ? json_root(doc) : json_get(work->object, "rules"));
	held = check_held(work, wanted, err);
	rbac_rules_free(wanted);
	return held;
}

static bool check_binding(const struct admit_work *work, struct error *err)
{
	const struct json *ref = json_get(work->object, "roleRef");
	struct str name = json_str(json_get(ref, "name"));
	bool local = str_is(json_str(json_get(ref, "kind")), "Role") && work->kind->namespaced;
	const struct kind *kind =
		kind_find_name(STR(RBAC_GROUP "/v1"), local ? STR("Role") : STR("ClusterRole"));
	const struct rbac_rules *wanted;

	if (is_same(work) || may(work, "bind", str_of(kind->plural), name))
		return true;
	wanted = rbac_find_role(server_rbac(work->registry->server),
				local ? work->namespace : STR(""), name);
	if (!wanted)
		return status_not_found(err, kind, name);
	return check_held(work, wanted, err);
}

/* A request that was not let in as a create may not end as one. */
static bool check_create(const struct admit_work *work, struct error *err)
{
	struct str name = meta_str(work->object, "name");
	struct attributes asked = {
		.user = work->user,
		.verb = STR("create"),
		.group = str_of(work->face->group),
		.resource = str_of(work->face->plural),
		.namespace = work->kind->namespaced ? work->namespace : STR_NONE,
	};
	auto_buf why = BUF_INIT;

	if (work->old || authorize_check(work->registry->server, &asked))
		return true;
	asked.name = name;
	return authorize_explain(work->registry->server, &asked, &why) ||
	       authorize_refuse(&asked, buf_str(&why), err);
}

static bool admit(const struct admit_work *work, struct error *err)
{
	bool of_rbac = strcmp(work->kind->group, RBAC_GROUP) == 0;

	if (!work->registry->server || !work->user || user_in_group(work->user, "system:masters"))
		return true;
	if (!check_create(work, err))
		return false;
	if (!of_rbac || strcmp(work->subresource, "delete") == 0)
		return true;
	return str_ends(str_of(work->kind->name), STR("Binding")) ? check_binding(work, err)
								  : check_role(work, err);
}

const struct admit_row admit_rbac = { .name = "RoleEscalation", .admit = admit };
