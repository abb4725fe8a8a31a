/*
 * rbac_gather.c - the rules of roles that gather.
 *
 *   a ClusterRole changes -> one pass over all that gather -> those whose rules differ are written
 *                  ^                                                   |
 *                  +---------------------------------------------------+   (view -> edit -> admin)
 *
 * Order of the rules: by the names of the roles, a rule that is there already once.
 */
#include "server/gate/rbac_gather.h"

#include "api/selector.h"
#include "base/log.h"
#include "server/registry/change.h"

#define PREFIX "/rbac.authorization.k8s.io/clusterroles/"

struct rbac_gather {
	struct loop *loop;
	struct registry *registry;
	const struct kind *kind;
	struct datastore_listener listener;
	struct loop_task pass;
	bool stopped;
	size_t running;
};

struct writing {
	struct rbac_gather *gather;
	struct arena *arena;
	struct changing change;
};

/* --- the wished rules --- */

struct found {
	const struct json *selectors;
	struct str own; /* not itself */
	struct json_doc *doc;
	struct json *rules;
};

static bool selects(const struct json *selectors, const struct json *labels)
{
	for (struct json_iter it = json_iter(selectors); json_next(&it);) {
		AUTO(selector_free) struct selector *selector = NULL;
		struct error unused;

		if (selector_from_json(it.value, &selector, &unused) &&
		    selector_match_labels(selector, labels))
			return true;
	}
	return false;
}

static bool has_rule(const struct json *rules, const struct json *rule)
{
	for (struct json_iter it = json_iter(rules); json_next(&it);)
		if (json_equal(it.value, rule))
			return true;
	return false;
}

static bool visit_source(void *of, const struct object *object)
{
	struct found *found = of;
	const struct json *root = object_json(object);

	if (str_equal(object_name(object), found->own) ||
	    !selects(found->selectors, json_get(meta_of(root), "labels")))
		return true;
	for (struct json_iter it = json_iter(json_get(root, "rules")); json_next(&it);)
		if (!has_rule(found->rules, it.value))
			json_append(found->rules, json_clone(found->doc, it.value));
	return true;
}

/* The list, in `doc`. */
static struct json *gathered(struct rbac_gather *gather, const struct object *role,
			     struct json_doc *doc)
{
	struct found found = {
		.selectors = json_path(object_json(role), "aggregationRule", "clusterRoleSelectors",
				       NULL),
		.own = object_name(role),
		.doc = doc,
		.rules = json_new_array(doc),
	};

	registry_each(gather->registry, gather->kind, STR_NONE, visit_source, &found);
	return found.rules;
}

static bool is_up_to_date(struct rbac_gather *gather, const struct object *role)
{
	auto_json_doc doc = json_doc_new();
	struct json *rules = gathered(gather, role, doc);
	const struct json *have = json_get(object_json(role), "rules");

	return json_count(rules) == 0 ? json_count(have) == 0 : json_equal(rules, have);
}

/* --- writing --- */

static bool make(struct changing *change, const struct object *old, struct json_doc **out_doc,
		 struct error *err)
{
	const struct writing *writing = change->of;
	struct json_doc *doc = object_thaw(old);

	(void)err;
	json_put(doc, json_root(doc), "rules", gathered(writing->gather, old, doc));
	*out_doc = doc;
	return true;
}

static void on_done(struct changing *change, const struct object *result, const struct error *err)
{
	struct writing *writing = change->of;
	struct rbac_gather *gather = writing->gather;

	(void)result;
	if (err && err->kind != ERROR_NOT_FOUND && !gather->stopped)
		log_warn("server", "a role's rules cannot be gathered",
			 "role=" STR_FMT " why=\"%s\"", STR_ARG(change->name), err->text);
	gather->running--;
	arena_free(writing->arena);
}

static void write_role(struct rbac_gather *gather, struct str name)
{
	struct arena *arena = arena_new();
	struct writing *writing = arena_zero(arena, sizeof(*writing));
	struct changing *change = &writing->change;

	writing->gather = gather;
	writing->arena = arena;
	change->registry = gather->registry;
	change->arena = arena;
	change->kind = change->face = gather->kind;
	change->namespace = STR_NONE;
	change->name = str_of(str_copy_arena(name, arena));
	change->subresource = "";
	change->goal = CHANGE_UPDATE;
	change->make = make;
	change->on_done = on_done;
	change->of = writing;
	gather->running++;
	change_run(change);
}

/* --- looking --- */

struct names {
	struct rbac_gather *gather;
	struct buf text; /* "/"-joined: names of roles have none */
};

static bool visit_role(void *of, const struct object *object)
{
	struct names *names = of;

	if (json_get(object_json(object), "aggregationRule") && !object_is_deleting(object) &&
	    !is_up_to_date(names->gather, object))
		buf_add_print(&names->text, STR_FMT "/", STR_ARG(object_name(object)));
	return true;
}

static bool visit_trim(void *of, const struct object *object)
{
	(void)of;
	object_trim(object);
	return true;
}

static void on_pass(struct loop_task *task)
{
	struct rbac_gather *gather = CONTAINER_OF(task, struct rbac_gather, pass);
	struct names names = { .gather = gather };
	struct str rest;

	registry_each(gather->registry, gather->kind, STR_NONE, visit_role, &names);
	rest = buf_str(&names.text);
	while (rest.len > 0)
		write_role(gather, str_cut(&rest, '/'));
	buf_clear(&names.text);
	registry_each(gather->registry, gather->kind, STR_NONE, visit_trim, NULL);
}

static void on_change(struct datastore_listener *listener, const struct change *change)
{
	struct rbac_gather *gather = CONTAINER_OF(listener, struct rbac_gather, listener);

	if (str_starts(change->key, STR(PREFIX)))
		loop_defer(gather->loop, &gather->pass);
}

struct rbac_gather *rbac_gather_start(struct loop *loop, struct registry *registry)
{
	struct rbac_gather *gather = memory_new(struct rbac_gather);

	gather->loop = loop;
	gather->registry = registry;
	gather->kind = kind_find_name(STR("rbac.authorization.k8s.io/v1"), STR("ClusterRole"));
	gather->listener.on_change = on_change;
	gather->pass.on_task = on_pass;
	datastore_listen(registry_store(registry), &gather->listener);
	loop_defer(loop, &gather->pass);
	return gather;
}

void rbac_gather_stop(struct rbac_gather *gather)
{
	if (!gather || gather->stopped)
		return;
	gather->stopped = true;
	loop_task_cancel(&gather->pass);
	datastore_unlisten(&gather->listener);
}

void rbac_gather_free(struct rbac_gather *gather)
{
	if (!gather)
		return;
	rbac_gather_stop(gather);
	free(gather);
}
