/*
 * bootstrap_roles.c - default roles, bindings and other fixed objects, made by the change loop
 * itself.
 */
#include "server/bootstrap_roles.h"

#include <assert.h>

#include "api/discovery.h"
#include "api/validate_rbac.h"
#include "server/bootstrap_policy.h"
#include "server/gate/rbac_rules.h"
#include "server/registry/change.h"

#define AUTOUPDATE "rbac.authorization.kubernetes.io/autoupdate"
#define AGGREGATE  "rbac.authorization.k8s.io/aggregate-to-"

struct bootstrap_roles {
	struct server *server;
	struct arena *arena;
	size_t running;
	bool failed;
	struct error first;
	void (*on_done)(struct server *server, const struct error *err);
};

/* One object that is to be there. */
struct wish {
	struct bootstrap_roles *roles;
	struct json_doc *doc;
	struct changing change;
};

/* --- from rows to objects --- */

static void add_texts(struct json_doc *doc, struct json *rule, const char *field, struct str list)
{
	struct json *texts = json_sub_array(doc, rule, field);

	while (list.len > 0) {
		struct str text = str_cut(&list, ',');
		static const char *const reads[] = { "get", "list", "watch" }, *const writes[] = {
			"create", "delete", "deletecollection", "patch", "update"
		};

		if (str_is(text, "READ"))
			for (size_t i = 0; i < ARRAY_LENGTH(reads); i++)
				json_append(texts, json_new_text(doc, reads[i]));
		else if (str_is(text, "WRITE"))
			for (size_t i = 0; i < ARRAY_LENGTH(writes); i++)
				json_append(texts, json_new_text(doc, writes[i]));
		else
			json_append(texts, json_new_str(doc, str_is(text, "-") ? STR("") : text));
	}
}

/* A line of the policy; see bootstrap_policy.h. */
static struct json *new_rule(struct json_doc *doc, struct str line)
{
	struct json *rule = json_new_object(doc);
	struct str verbs = str_cut(&line, ' '), second = str_cut(&line, ' '),
		   resources = str_cut(&line, ' ');

	if (resources.len > 0) {
		add_texts(doc, rule, "apiGroups", second);
		add_texts(doc, rule, "resources", resources);
	} else {
		add_texts(doc, rule, "nonResourceURLs", second);
	}
	if (line.len > 0)
		add_texts(doc, rule, "resourceNames", line);
	add_texts(doc, rule, "verbs", verbs);
	return rule;
}

static struct json *new_object(struct json_doc *doc, const char *kind, const char *namespace,
			       const char *name)
{
	struct json *object = json_new_object(doc), *metadata;

	json_put(doc, object, "apiVersion", json_new_text(doc, RBAC_GROUP "/v1"));
	json_put(doc, object, "kind", json_new_text(doc, kind));
	metadata = json_sub_object(doc, object, "metadata");
	json_put(doc, metadata, "name", json_new_text(doc, name));
	if (namespace)
		json_put(doc, metadata, "namespace", json_new_text(doc, namespace));
	json_put(doc, json_sub_object(doc, metadata, "labels"), "kubernetes.io/bootstrapping",
		 json_new_text(doc, "rbac-defaults"));
	json_put(doc, json_sub_object(doc, metadata, "annotations"), AUTOUPDATE,
		 json_new_text(doc, "true"));
	json_set_root(doc, object);
	return object;
}

static void new_role(struct json_doc *doc, const struct policy_role *row, const char *name)
{
	struct json *role =
		new_object(doc, row->namespace ? "Role" : "ClusterRole", row->namespace, name);
	struct str rest = str_of(row->rules);

	if (row->label) {
		auto_free char *label = memory_print(AGGREGATE "%s", row->label);

		json_put(doc, json_path(role, "metadata", "labels", NULL), label,
			 json_new_text(doc, "true"));
	}
	if (row->gathers) {
		auto_free char *label = memory_print(AGGREGATE "%s", row->gathers);
		struct json *selector = json_new_object(doc);

		json_put(doc, json_sub_object(doc, selector, "matchLabels"), label,
			 json_new_text(doc, "true"));
		json_append(json_sub_array(doc, json_sub_object(doc, role, "aggregationRule"),
					   "clusterRoleSelectors"),
			    selector);
	}
	while (rest.len > 0)
		json_append(json_sub_array(doc, role, "rules"),
			    new_rule(doc, str_cut(&rest, '\n')));
}

static struct json *new_subject(struct json_doc *doc, struct str who)
{
	struct json *subject = json_new_object(doc);
	struct str sort = str_cut(&who, ':');

	if (str_is(sort, "account")) {
		struct str namespace = str_cut(&who, '/');

		json_put(doc, subject, "kind", json_new_text(doc, "ServiceAccount"));
		json_put(doc, subject, "name", json_new_str(doc, who));
		json_put(doc, subject, "namespace", json_new_str(doc, namespace));
		return subject;
	}
	json_put(doc, subject, "kind",
		 json_new_text(doc, str_is(sort, "group") ? "Group" : "User"));
	json_put(doc, subject, "apiGroup", json_new_text(doc, RBAC_GROUP));
	json_put(doc, subject, "name", json_new_str(doc, who));
	return subject;
}

static void new_binding(struct json_doc *doc, const struct policy_binding *row)
{
	struct json *binding =
		new_object(doc, row->namespace ? "RoleBinding" : "ClusterRoleBinding",
			   row->namespace, row->name);
	struct json *ref = json_sub_object(doc, binding, "roleRef");
	struct str who = str_of(row->who);

	json_put(doc, ref, "apiGroup", json_new_text(doc, RBAC_GROUP));
	json_put(doc, ref, "kind", json_new_text(doc, row->namespace ? "Role" : "ClusterRole"));
	json_put(doc, ref, "name", json_new_text(doc, row->role ? row->role : row->name));
	while (who.len > 0)
		json_append(json_sub_array(doc, binding, "subjects"),
			    new_subject(doc, str_cut(&who, ',')));
}

/* Clients look here for which groups are there, and in which order they are to be taken. */
static void new_service(struct json_doc *doc, const struct discovery_group *group, int64_t priority)
{
	struct json *service = json_new_object(doc), *metadata, *spec, *condition;

	json_put(doc, service, "apiVersion", json_new_text(doc, "apiregistration.k8s.io/v1"));
	json_put(doc, service, "kind", json_new_text(doc, "APIService"));
	metadata = json_sub_object(doc, service, "metadata");
	json_put(doc, metadata, "name", json_new_print(doc, "%s.%s", group->version, group->group));
	json_put(doc, json_sub_object(doc, metadata, "labels"),
		 "kube-aggregator.kubernetes.io/automanaged", json_new_text(doc, "onstart"));
	spec = json_sub_object(doc, service, "spec");
	if (group->group[0])
		json_put(doc, spec, "group", json_new_text(doc, group->group));
	json_put(doc, spec, "version", json_new_text(doc, group->version));
	json_put(doc, spec, "groupPriorityMinimum", json_new_int(doc, priority));
	json_put(doc, spec, "versionPriority",
		 json_new_int(doc, strcmp(group->version, "v2") == 0 ? 30 : 15));
	condition = json_new_object(doc);
	json_put(doc, condition, "type", json_new_text(doc, "Available"));
	json_put(doc, condition, "status", json_new_text(doc, "True"));
	json_put(doc, condition, "reason", json_new_text(doc, "Local"));
	json_put(doc, condition, "message",
		 json_new_text(doc, "Local APIServices are always available"));
	json_append(json_sub_array(doc, json_sub_object(doc, service, "status"), "conditions"),
		    condition);
	json_set_root(doc, service);
}

/* --- what is there meets what is wished --- */

static void add_missing_texts(struct json_doc *doc, struct json *root, const struct json *wished,
			      const char *field)
{
	struct json *to = json_sub_object(doc, json_sub_object(doc, root, "metadata"), field);

	for (struct json_iter it = json_iter(json_path(wished, "metadata", field, NULL));
	     json_next(&it);)
		if (!json_get_str(to, it.key))
			json_put_str(doc, to, it.key, json_clone(doc, it.value));
}

struct look {
	const struct rbac_rules *have;
	bool misses;
};

static bool look_for(void *of, const struct rbac_rule *single)
{
	struct look *look = of;
	bool held = false;

	for (size_t i = 0; i < look->have->count && !held; i++)
		held = rbac_rule_covers(&look->have->items[i], single);
	look->misses = !held;
	return held;
}

/* Rules of which some right is not there. */
static void add_missing_rules(struct json_doc *doc, struct json *root, const struct json *wished)
{
	struct rbac_rules *have = rbac_rules_new(json_get(root, "rules"));

	for (struct json_iter it = json_iter(json_get(wished, "rules")); json_next(&it);) {
		auto_json_doc one = json_doc_new();
		struct json *list = json_new_array(one);
		struct look look = { .have = have };
		struct rbac_rules *wanted;

		json_append(list, json_clone(one, it.value));
		wanted = rbac_rules_new(list);
		rbac_rules_each(wanted, look_for, &look);
		rbac_rules_free(wanted);
		if (look.misses)
			json_append(json_sub_array(doc, root, "rules"), json_clone(doc, it.value));
	}
	rbac_rules_free(have);
}

static void add_missing_entries(struct json_doc *doc, struct json *to, const char *field,
				const struct json *wished)
{
	for (struct json_iter it = json_iter(json_get(wished, field)); json_next(&it);) {
		bool found = false;

		for (struct json_iter have = json_iter(json_get(to, field)); json_next(&have);)
			found = found || json_equal(have.value, it.value);
		if (!found)
			json_append(json_sub_array(doc, to, field), json_clone(doc, it.value));
	}
}

static bool make(struct changing *change, const struct object *old, struct json_doc **out_doc,
		 struct error *err)
{
	const struct wish *wish = change->of;
	const struct json *wished = json_root(wish->doc);
	struct json_doc *doc = old ? object_thaw(old) : json_doc_new();
	struct json *root;

	(void)err;
	*out_doc = doc;
	if (!old) {
		json_set_root(doc, json_clone(doc, wished));
		return true;
	}
	root = json_root(doc);
	if (strcmp(change->kind->group, RBAC_GROUP) != 0 ||
	    str_is(meta_annotation(root, AUTOUPDATE), "false"))
		return true;
	add_missing_texts(doc, root, wished, "labels");
	add_missing_texts(doc, root, wished, "annotations");
	add_missing_rules(doc, root, wished);
	add_missing_entries(doc, root, "subjects", wished);
	if (json_get(wished, "aggregationRule"))
		add_missing_entries(doc, json_sub_object(doc, root, "aggregationRule"),
				    "clusterRoleSelectors", json_get(wished, "aggregationRule"));
	return true;
}

/* --- all of them --- */

static void one_less(struct bootstrap_roles *roles)
{
	assert(roles->running > 0);
	if (--roles->running == 0)
		roles->on_done(roles->server, roles->failed ? &roles->first : NULL);
}

static void on_done(struct changing *change, const struct object *result, const struct error *err)
{
	struct wish *wish = change->of;

	(void)result;
	if (err && err->kind != ERROR_EXISTS && !wish->roles->failed) {
		wish->roles->failed = true;
		wish->roles->first = *err;
	}
	json_doc_free(wish->doc);
	one_less(wish->roles);
}

/* Is it there, or on its way to the disk? */
static bool has(const struct changing *change)
{
	auto_buf key = BUF_INIT;

	registry_key(change->kind, change->namespace, change->name, &key);
	return datastore_find_latest(registry_store(change->registry), buf_str(&key)) != NULL;
}

static void run_part(struct bootstrap_roles *roles, struct json_doc *doc, const char *subresource,
		     bool (*maker)(struct changing *change, const struct object *old,
				   struct json_doc **out_doc, struct error *err))
{
	struct wish *wish = arena_zero(roles->arena, sizeof(*wish));
	const struct json *root = json_root(doc);
	struct changing *change = &wish->change;

	wish->roles = roles;
	wish->doc = doc;
	change->registry = server_registry(roles->server);
	change->arena = roles->arena;
	change->kind = kind_find_name(json_str(json_get(root, "apiVersion")),
				      json_str(json_get(root, "kind")));
	change->face = change->kind;
	change->namespace = change->kind->namespaced ? meta_str(root, "namespace") : STR_NONE;
	change->name = meta_str(root, "name");
	change->subresource = subresource;
	change->goal = *subresource ? CHANGE_UPDATE : has(change) ? CHANGE_UPDATE : CHANGE_CREATE;
	change->make = maker;
	change->on_done = on_done;
	change->of = wish;
	roles->running++;
	change_run(change);
}

static void run(struct bootstrap_roles *roles, struct json_doc *doc)
{
	run_part(roles, doc, "", make);
}

static void run_controller(struct bootstrap_roles *roles, const struct policy_role *row)
{
	char *name = arena_print(roles->arena, "system:controller:%s", row->name);
	struct policy_binding binding = {
		.name = name, .who = arena_print(roles->arena, "account:kube-system/%s", row->name)
	};
	struct json_doc *role = json_doc_new(), *bound = json_doc_new();

	new_role(role, row, name);
	run(roles, role);
	new_binding(bound, &binding);
	run(roles, bound);
}

/* The state of a new one is set by its kind: written as the status. */
static bool make_state(struct changing *change, const struct object *old, struct json_doc **out_doc,
		       struct error *err)
{
	const struct wish *wish = change->of;
	struct json_doc *doc = object_thaw(old);
	struct json *root = json_root(doc), *status;

	(void)err;
	status = json_clone(doc, json_get(json_root(wish->doc), "status"));
	for (struct json_iter it = json_iter(json_get(status, "conditions")); json_next(&it);)
		json_put(doc, it.value, "lastTransitionTime",
			 json_clone(doc, json_get(meta_of(root), "creationTimestamp")));
	json_put(doc, root, "status", status);
	*out_doc = doc;
	return true;
}

static void run_services(struct bootstrap_roles *roles)
{
	const struct discovery_group *group;

	for (size_t i = 0; (group = discovery_group(i)); i++) {
		int64_t priority = discovery_priority(i);
		struct json_doc *doc, *state;

		if (strcmp(group->group, "apiregistration.k8s.io") == 0)
			continue; /* who registers the others is not registered */
		doc = json_doc_new();
		new_service(doc, group, priority);
		run(roles, doc);
		state = json_doc_new();
		new_service(state, group, priority);
		run_part(roles, state, "status", make_state);
	}
}

struct bootstrap_roles *bootstrap_roles_start(struct server *server,
					      void (*done)(struct server *server,
							   const struct error *err))
{
	struct bootstrap_roles *roles = memory_new(struct bootstrap_roles);
	struct policy_role role;
	struct policy_binding binding;
	const char *text;

	roles->server = server;
	roles->arena = arena_new();
	roles->on_done = done;
	roles->running = 1; /* ours, so that the last word comes after the last row */
	for (size_t i = 0; policy_role(i, &role); i++) {
		struct json_doc *doc = json_doc_new();

		new_role(doc, &role, role.name);
		run(roles, doc);
	}
	for (size_t i = 0; policy_binding(i, &binding); i++) {
		struct json_doc *doc = json_doc_new();

		new_binding(doc, &binding);
		run(roles, doc);
	}
	for (size_t i = 0; policy_controller(i, &role); i++)
		run_controller(roles, &role);
	for (size_t i = 0; policy_object(i, &text); i++) {
		struct json_doc *doc;
		struct error unused;

		if (json_parse(str_of(text), &doc, NULL, &unused))
			run(roles, doc);
	}
	run_services(roles);
	one_less(roles);
	return roles;
}

void bootstrap_roles_stop(struct bootstrap_roles *roles)
{
	if (!roles)
		return;
	arena_free(roles->arena);
	free(roles);
}
