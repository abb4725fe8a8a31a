/*
 * test_bootstrap_policy.c - the default roles say something in every line, and what is bound is
 * there.
 */
#include "server/bootstrap_policy.h"

#include <string.h>

#include "base/json.h"
#include "tests/unit/harness.h"

/* VERBS GROUPS RESOURCES [NAMES], or VERBS /PATHS. */
static void check_line(const char *name, struct str line)
{
	struct str verbs = str_cut(&line, ' '), second = str_cut(&line, ' '),
		   third = str_cut(&line, ' ');

	if (verbs.len == 0 || second.len == 0 || str_find(line, ' ') >= 0)
		harness_fail(__FILE__, __LINE__, "%s: a line is no rule", name);
	if (third.len == 0 && second.at[0] != '/' && !str_is(second, "*"))
		harness_fail(__FILE__, __LINE__, "%s: " STR_FMT " is no path", name,
			     STR_ARG(second));
	if (third.len > 0 && second.at[0] == '/')
		harness_fail(__FILE__, __LINE__, "%s: a path with a resource", name);
	while (verbs.len > 0) {
		struct str verb = str_cut(&verbs, ',');
		bool known = str_is(verb, "READ") || str_is(verb, "WRITE") || str_is(verb, "*");

		for (size_t i = 0; !known && i < verb.len; i++)
			if (verb.at[i] < 'a' || verb.at[i] > 'z')
				harness_fail(__FILE__, __LINE__, "%s: " STR_FMT " is no verb", name,
					     STR_ARG(verb));
	}
}

static void check_rules(const struct policy_role *role)
{
	struct str rest = str_of(role->rules);

	CHECK((rest.len == 0) == (role->gathers != NULL));
	while (rest.len > 0)
		check_line(role->name, str_cut(&rest, '\n'));
}

static void roles_are_rules(void)
{
	struct policy_role role;

	for (size_t i = 0; policy_role(i, &role); i++)
		check_rules(&role);
	for (size_t i = 0; policy_controller(i, &role); i++)
		check_rules(&role);
}

static bool has_role(const char *namespace, const char *name)
{
	struct policy_role role;

	for (size_t i = 0; policy_role(i, &role); i++)
		if (strcmp(role.name, name) == 0 && !role.namespace == !namespace &&
		    (!namespace || strcmp(role.namespace, namespace) == 0))
			return true;
	return false;
}

/* Nobody without a name gets more than what is public. */
static void bindings_have_roles(void)
{
	struct policy_binding binding;

	for (size_t i = 0; policy_binding(i, &binding); i++) {
		struct str who = str_of(binding.who);
		const char *name = binding.role ? binding.role : binding.name;

		if (!has_role(binding.namespace, name))
			harness_fail(__FILE__, __LINE__, "%s: no role %s", binding.name, name);
		CHECK(str_search(who, STR("system:unauthenticated")) < 0 ||
		      strcmp(binding.name, "system:public-info-viewer") == 0);
		CHECK(str_search(who, STR("system:nodes")) < 0);
		while (who.len > 0) {
			struct str one = str_cut(&who, ',');

			CHECK(str_starts(one, STR("user:")) || str_starts(one, STR("group:")) ||
			      (str_starts(one, STR("account:")) && str_find(one, '/') > 0));
		}
	}
}

static void objects_are_json(void)
{
	const char *text;

	for (size_t i = 0; policy_object(i, &text); i++) {
		auto_json_doc doc = NULL;
		struct error err;

		CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	}
}

static const struct test tests[] = {
	{ "roles are rules", roles_are_rules },
	{ "bindings have roles", bindings_have_roles },
	{ "objects are JSON", objects_are_json },
};
TEST_MAIN(tests)
