/*
 * rbac.c - the index of roles and bindings.
 *
 *   roles:   "<namespace>/<name>" of a Role, "/<name>" of a ClusterRole -> rules
 *   grants:  "u<namespace>/<user>", "g<namespace>/<group>"              -> what bindings give there
 *
 * A namespace holds no slash, so no key can be read in two ways; that of a ClusterRoleBinding is
 * empty.  A binding may be there before its role.
 */
#include "server/gate/rbac.h"

#include <assert.h>

#include "api/object.h"
#include "base/map.h"

#define PREFIX         "/rbac.authorization.k8s.io/"
#define ACCOUNT_PREFIX "system:serviceaccount:"

struct grant {
	char *binding; /* "<name>" or "<name>/<namespace>", as reasons show it */
	char *role;    /* key in roles */
};
struct grants {
	struct grant *items;
	size_t count, room;
};

struct rbac {
	struct map *roles;
	struct map *grants;
	struct datastore *store; /* or NULL */
	struct datastore_listener listener;
};

/* --- grants --- */

static void free_grant(struct grant *grant)
{
	free(grant->binding);
	free(grant->role);
}

static void free_grants(struct grants *grants)
{
	for (size_t i = 0; i < grants->count; i++)
		free_grant(&grants->items[i]);
	free(grants->items);
	free(grants);
}

static void add_grant(struct rbac *rbac, struct str key, const struct grant *grant)
{
	struct grants *grants = map_find(rbac->grants, key);

	if (!grants) {
		grants = memory_new(struct grants);
		map_put(rbac->grants, key, grants);
	}
	if (grants->count == grants->room) {
		grants->room = grants->room ? 2 * grants->room : 2;
		grants->items = memory_grow(grants->items, grants->room * sizeof(*grants->items));
	}
	grants->items[grants->count++] =
		(struct grant){ memory_string(grant->binding), memory_string(grant->role) };
}

/* One binding names a subject once or more often: each time one grant. */
static void drop_grant(struct rbac *rbac, struct str key, const struct grant *grant)
{
	struct grants *grants = map_find(rbac->grants, key);

	for (size_t i = 0; grants && i < grants->count; i++) {
		if (strcmp(grants->items[i].binding, grant->binding) != 0)
			continue;
		free_grant(&grants->items[i]);
		memmove(&grants->items[i], &grants->items[i + 1],
			(grants->count - i - 1) * sizeof(*grants->items));
		grants->count--;
		break;
	}
	if (grants && grants->count == 0) {
		map_remove(rbac->grants, key);
		free_grants(grants);
	}
}

/* The key of a subject of a binding in `namespace`; false when it is nobody. */
static bool subject_key(const struct json *subject, struct str namespace, struct buf *out)
{
	struct str kind = json_str(json_get(subject, "kind")),
		   name = json_str(json_get(subject, "name")),
		   home = json_str(json_get(subject, "namespace"));

	if (!str_is(kind, "User") && !str_is(kind, "Group") && !str_is(kind, "ServiceAccount"))
		return false;
	buf_add_print(out, "%c" STR_FMT "/", str_is(kind, "Group") ? 'g' : 'u', STR_ARG(namespace));
	if (str_is(kind, "ServiceAccount")) {
		home = home.len > 0 ? home : namespace;
		if (home.len == 0)
			return false;
		buf_add_print(out, ACCOUNT_PREFIX STR_FMT ":", STR_ARG(home));
	}
	buf_add_str(out, name);
	return name.len > 0;
}

static void role_key(struct str namespace, struct str name, struct buf *out)
{
	buf_add_print(out, STR_FMT "/" STR_FMT, STR_ARG(namespace), STR_ARG(name));
}

static void change_binding(struct rbac *rbac, const struct object *binding,
			   void (*change)(struct rbac *rbac, struct str key,
					  const struct grant *grant))
{
	const struct json *root = object_json(binding), *ref = json_get(root, "roleRef");
	struct str namespace = object_namespace(binding);
	bool local = str_is(json_str(json_get(ref, "kind")), "Role");
	auto_buf name = BUF_INIT;
	auto_buf role = BUF_INIT;
	struct grant grant;

	if (local && namespace.len == 0)
		return;
	role_key(local ? namespace : STR(""), json_str(json_get(ref, "name")), &role);
	buf_add_str(&name, object_name(binding));
	if (namespace.len > 0)
		buf_add_print(&name, "/" STR_FMT, STR_ARG(namespace));
	grant = (struct grant){ (char *)buf_text(&name), (char *)buf_text(&role) };
	for (struct json_iter it = json_iter(json_get(root, "subjects")); json_next(&it);) {
		auto_buf key = BUF_INIT;

		if (subject_key(it.value, namespace, &key))
			change(rbac, buf_str(&key), &grant);
	}
}

/* --- changes --- */

static void set_role(struct rbac *rbac, const struct object *object, bool present)
{
	auto_buf key = BUF_INIT;

	role_key(object_namespace(object), object_name(object), &key);
	if (present)
		rbac_rules_free(map_put(rbac->roles, buf_str(&key),
					rbac_rules_new(json_get(object_json(object), "rules"))));
	else
		rbac_rules_free(map_remove(rbac->roles, buf_str(&key)));
}

void rbac_change(struct rbac *rbac, struct str key, const struct object *before,
		 const struct object *after)
{
	struct str plural;

	if (!str_starts(key, STR(PREFIX)))
		return;
	plural = str_from(key.at + strlen(PREFIX), key.len - strlen(PREFIX));
	plural = str_cut(&plural, '/');
	if (str_is(plural, "roles") || str_is(plural, "clusterroles")) {
		set_role(rbac, after ? after : before, after != NULL);
	} else if (str_is(plural, "rolebindings") || str_is(plural, "clusterrolebindings")) {
		if (before)
			change_binding(rbac, before, drop_grant);
		if (after)
			change_binding(rbac, after, add_grant);
	}
}

static void on_change(struct datastore_listener *listener, const struct change *change)
{
	rbac_change(CONTAINER_OF(listener, struct rbac, listener), change->key, change->before,
		    change->after);
}

struct rbac *rbac_open(struct datastore *store)
{
	struct rbac *rbac = memory_new(struct rbac);

	rbac->roles = map_new();
	rbac->grants = map_new();
	if (!store)
		return rbac;
	for (const struct record *record = datastore_first(store, STR(PREFIX), STR_NONE); record;
	     record = datastore_next(record, STR(PREFIX))) {
		rbac_change(rbac, record->key, NULL, record->item);
		object_trim(record->item);
	}
	rbac->store = store;
	rbac->listener.on_change = on_change;
	datastore_listen(store, &rbac->listener);
	return rbac;
}

void rbac_stop(struct rbac *rbac)
{
	if (rbac && rbac->store)
		datastore_unlisten(&rbac->listener);
	if (rbac)
		rbac->store = NULL;
}

void rbac_close(struct rbac *rbac)
{
	struct str key;
	void *value;

	if (!rbac)
		return;
	rbac_stop(rbac);
	for (size_t i = 0; map_next(rbac->roles, &i, &key, &value);)
		rbac_rules_free(value);
	for (size_t i = 0; map_next(rbac->grants, &i, &key, &value);)
		free_grants(value);
	map_free(rbac->roles);
	map_free(rbac->grants);
	free(rbac);
}

const struct rbac_rules *rbac_find_role(const struct rbac *rbac, struct str namespace,
					struct str name)
{
	auto_buf key = BUF_INIT;

	role_key(namespace, name, &key);
	return map_find(rbac->roles, buf_str(&key));
}

/* --- walking what a user holds --- */

struct walk {
	const struct rbac *rbac;
	struct buf key;
	/* rules NULL: the grant's role is missing.  False ends the walk. */
	bool (*visit)(struct walk *walk, const struct grant *grant, const struct rbac_rules *rules);
	void *of;
	char sort;            /* of the subject that is looked at: 'u' or 'g' */
	struct str name;      /* its name */
	struct str namespace; /* of the bindings */
};

static bool walk_subject(struct walk *walk, char sort, const char *name)
{
	const struct grants *grants;

	buf_reset(&walk->key);
	buf_add_byte(&walk->key, sort);
	buf_add_str(&walk->key, walk->namespace);
	buf_add_byte(&walk->key, '/');
	buf_add_text(&walk->key, name);
	grants = map_find(walk->rbac->grants, buf_str(&walk->key));
	walk->sort = sort;
	walk->name = str_of(name);
	for (size_t i = 0; grants && i < grants->count; i++)
		if (!walk->visit(walk, &grants->items[i],
				 map_find(walk->rbac->roles, str_of(grants->items[i].role))))
			return false;
	return true;
}

static bool walk_user(struct walk *walk, const struct user *user)
{
	if (user->name && !walk_subject(walk, 'u', user->name))
		return false;
	for (const char **group = user->groups; group && *group; group++)
		if (!walk_subject(walk, 'g', *group))
			return false;
	return true;
}

static void walk_all(struct walk *walk, const struct user *user, struct str namespace)
{
	assert(user);
	walk->namespace = STR("");
	if (walk_user(walk, user) && namespace.len > 0) {
		walk->namespace = namespace;
		walk_user(walk, user);
	}
	buf_clear(&walk->key);
}

/* --- deciding --- */

struct decision {
	const struct attributes *asked;
	struct buf *why;
	struct buf missing; /* only when why is asked for */
	size_t missing_count;
	bool allowed;
};

/* `RBAC: allowed by RoleBinding "b/ns" of Role "r" to User "u"` */
static void tell_allowed(const struct walk *walk, const struct grant *grant, struct buf *out)
{
	struct str role = str_of(grant->role), home = str_cut(&role, '/'), user = walk->name;
	bool account = walk->sort == 'u' && str_starts(user, STR(ACCOUNT_PREFIX));

	buf_add_print(out, "RBAC: allowed by %s \"%s\" of %s \"" STR_FMT "\" to ",
		      walk->namespace.len ? "RoleBinding" : "ClusterRoleBinding", grant->binding,
		      home.len ? "Role" : "ClusterRole", STR_ARG(role));
	if (account) {
		user = str_from(user.at + strlen(ACCOUNT_PREFIX),
				user.len - strlen(ACCOUNT_PREFIX));
		home = str_cut(&user, ':');
		buf_add_print(out, "ServiceAccount \"" STR_FMT "/" STR_FMT "\"", STR_ARG(user),
			      STR_ARG(home));
	} else {
		buf_add_print(out, "%s \"" STR_FMT "\"", walk->sort == 'g' ? "Group" : "User",
			      STR_ARG(user));
	}
}

static void tell_missing(struct decision *decision, const struct grant *grant)
{
	struct str role = str_of(grant->role), home = str_cut(&role, '/');

	if (!decision->why)
		return;
	if (decision->missing_count++ > 0)
		buf_add_text(&decision->missing, ", ");
	buf_add_print(&decision->missing, "%s.rbac.authorization.k8s.io \"" STR_FMT "\" not found",
		      home.len ? "role" : "clusterrole", STR_ARG(role));
}

static bool decide(struct walk *walk, const struct grant *grant, const struct rbac_rules *rules)
{
	struct decision *decision = walk->of;

	if (!rules)
		tell_missing(decision, grant);
	for (size_t i = 0; rules && i < rules->count; i++) {
		if (!rbac_rule_allows(&rules->items[i], decision->asked))
			continue;
		decision->allowed = true;
		if (decision->why)
			tell_allowed(walk, grant, decision->why);
		return false;
	}
	return true;
}

bool rbac_allows(const struct rbac *rbac, const struct attributes *asked, struct buf *why)
{
	struct decision decision = { .asked = asked, .why = why };
	struct walk walk = { .rbac = rbac, .visit = decide, .of = &decision };

	walk_all(&walk, asked->user, asked->path.at ? STR_NONE : asked->namespace);
	if (!decision.allowed && decision.missing_count > 0)
		buf_add_print(why, decision.missing_count > 1 ? "RBAC: [%s]" : "RBAC: %s",
			      buf_text(&decision.missing));
	buf_clear(&decision.missing);
	return decision.allowed;
}

struct gather {
	bool (*visit)(void *of, const struct rbac_rule *rule);
	void *of;
};

static bool give_rules(struct walk *walk, const struct grant *grant, const struct rbac_rules *rules)
{
	const struct gather *gather = walk->of;

	(void)grant;
	for (size_t i = 0; rules && i < rules->count; i++)
		if (!gather->visit(gather->of, &rules->items[i]))
			return false;
	return true;
}

void rbac_each_rule(const struct rbac *rbac, const struct user *user, struct str namespace,
		    bool (*visit)(void *of, const struct rbac_rule *rule), void *of)
{
	struct gather gather = { visit, of };
	struct walk walk = { .rbac = rbac, .visit = give_rules, .of = &gather };

	walk_all(&walk, user, namespace);
}
