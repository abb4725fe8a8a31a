/*
 * test_rbac.c - what roles and bindings allow, and above all what they do not.
 *
 * Objects are given to the index as the feed would give them; no server is needed.
 */
#include "server/gate/rbac.h"

#include <stdio.h>

#include "api/object.h"
#include "base/clock.h"
#include "tests/unit/harness.h"

#define GROUP "/rbac.authorization.k8s.io/"

static struct rbac *rbac;

static struct object *parse(const char *text)
{
	struct object *object;
	struct error err;

	CHECK_OK(object_from_bytes(str_of(text), &object, &err), &err);
	return object;
}

/* before or after NULL: it is made or removed. */
static void change(const char *plural, const char *before, const char *after)
{
	auto_object old = before ? parse(before) : NULL;
	auto_object new = after ? parse(after) : NULL;
	auto_buf key = BUF_INIT;

	buf_add_print(&key, GROUP "%s/x", plural);
	rbac_change(rbac, buf_str(&key), old, new);
}

static char *print_role(const char *namespace, const char *name, const char *rules)
{
	return memory_print("{\"metadata\":{\"name\":\"%s\"%s%s%s},\"rules\":[%s]}", name,
			    *namespace ? ",\"namespace\":\"" : "", namespace,
			    *namespace ? "\"" : "", rules);
}

static void role(const char *namespace, const char *name, const char *rules)
{
	auto_free char *text = print_role(namespace, name, rules);

	change(*namespace ? "roles" : "clusterroles", NULL, text);
}

static char *print_binding(const char *namespace, const char *name, const char *ref,
			   const char *subjects)
{
	const char *kind = ref[0] == '/' ? "ClusterRole" : "Role";

	return memory_print("{\"metadata\":{\"name\":\"%s\"%s%s%s},\"roleRef\":{\"kind\":\"%s\","
			    "\"name\":\"%s\"},\"subjects\":[%s]}",
			    name, *namespace ? ",\"namespace\":\"" : "", namespace,
			    *namespace ? "\"" : "", kind, ref + (ref[0] == '/'), subjects);
}

/* ref "/name": a ClusterRole */
static void bind_role(const char *namespace, const char *name, const char *ref,
		      const char *subjects)
{
	auto_free char *text = print_binding(namespace, name, ref, subjects);

	change(*namespace ? "rolebindings" : "clusterrolebindings", NULL, text);
}

#define USER(name) "{\"kind\":\"User\",\"name\":\"" name "\"}"
#define TEAM(name) "{\"kind\":\"Group\",\"name\":\"" name "\"}"
#define READ_PODS  "{\"verbs\":[\"get\",\"list\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}"
#define READ_LOGS  "{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods/log\"]}"
#define ONE_MAP                                                                                    \
	"{\"verbs\":[\"get\",\"update\"],\"apiGroups\":[\"\"],\"resources\":[\"configmaps\"],"     \
	"\"resourceNames\":[\"one\",\"two\"]}"
#define ANY_SCALE  "{\"verbs\":[\"get\"],\"apiGroups\":[\"*\"],\"resources\":[\"*/scale\"]}"
#define EVERYTHING "{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]}"
#define PATHS      "{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/metrics\",\"/debug/*\"]}"

static void start(void)
{
	rbac = rbac_open(NULL);
}

/* "user[,group...] verb group resource[/sub] namespace name"; "-" stands for nothing. */
static bool ask(const char *question, struct buf *why)
{
	char who[128], verb[32], group[64], resource[64], namespace[64], name[64];
	const char *groups[8] = { NULL };
	struct user user = { .groups = groups };
	struct attributes asked = { .user = &user };
	struct str rest;
	size_t count = 0;
	char *at;

	CHECK_INT(sscanf(question, "%127s %31s %63s %63s %63s %63s", who, verb, group, resource,
			 namespace, name),
		  6);
	at = who;
	user.name = strsep(&at, ",");
	while (count < 7 && at)
		groups[count++] = strsep(&at, ",");
	asked.verb = str_of(verb);
	if (resource[0] == '/') {
		asked.path = str_of(resource);
		return rbac_allows(rbac, &asked, why);
	}
	asked.group = strcmp(group, "-") ? str_of(group) : STR("");
	rest = str_of(resource);
	asked.resource = str_cut(&rest, '/');
	asked.subresource = rest;
	asked.namespace = strcmp(namespace, "-") ? str_of(namespace) : STR_NONE;
	asked.name = strcmp(name, "-") ? str_of(name) : STR_NONE;
	return rbac_allows(rbac, &asked, why);
}

static void check(const char *question, bool allowed)
{
	if (ask(question, NULL) != allowed)
		harness_fail(__FILE__, __LINE__, "%s: must %sbe allowed", question,
			     allowed ? "" : "not ");
}

/* Goal: with no roles, nobody may do anything. */
static void refuses_without_roles(void)
{
	start();
	check("alice get - pods default a", false);
	check("alice,system:authenticated create - pods default -", false);
	check("alice get - /metrics - -", false);
	bind_role("default", "b", "gone", USER("alice"));
	bind_role("", "b", "/gone", USER("alice"));
	check("alice get - pods default a", false);
	role("", "unbound", EVERYTHING);
	check("alice get - pods default a", false);
	rbac_close(rbac);
}

/* Goal: a binding counts for its subjects, its namespace and the role's own words only. */
static void keeps_to_its_bounds(void)
{
	start();
	role("default", "reader", READ_PODS "," READ_LOGS);
	role("other", "reader", EVERYTHING);
	bind_role("default", "b", "reader", USER("alice"));
	check("alice get - pods default a", true);
	check("alice get - pods/log default a", true);
	check("alice list - pods default -", true);
	check("alice list - pods - -", false);
	check("alice get - pods other a", false);
	check("alice get - pods/exec default a", false);
	check("alice list - pods/log default a", false);
	check("alice watch - pods default -", false);
	check("alice delete - pods default a", false);
	check("alice get apps pods default a", false);
	check("alice get - podsx default a", false);
	check("alice get - pod default a", false);
	check("alice * - pods default a", false);
	check("alice get - * default a", false);
	check("alice get * pods default a", false);
	check("alicex get - pods default a", false);
	check("al get - pods default a", false);
	check("bob get - pods default a", false);
	check("bob,alice get - pods default a", false);
	check("ALICE get - pods default a", false);
	rbac_close(rbac);
}

/* Goal: a group is no user of the same name, an account no user of another namespace. */
static void tells_subjects_apart(void)
{
	start();
	role("", "pods", READ_PODS);
	bind_role("", "g", "/pods", TEAM("dev"));
	bind_role("default", "s", "/pods",
		  "{\"kind\":\"ServiceAccount\",\"name\":\"web\"},"
		  "{\"kind\":\"ServiceAccount\",\"name\":\"far\",\"namespace\":\"other\"}");
	bind_role("", "nobody", "/pods", "{\"kind\":\"ServiceAccount\",\"name\":\"web\"}");
	check("x,dev get - pods any a", true);
	check("dev get - pods any a", false);
	check("x,devs get - pods any a", false);
	check("system:serviceaccount:default:web get - pods default a", true);
	check("system:serviceaccount:other:web get - pods default a", false);
	check("system:serviceaccount:other:far get - pods default a", true);
	check("system:serviceaccount:default:far get - pods default a", false);
	check("system:serviceaccount:default:web get - pods other a", false);
	check("web get - pods default a", false);
	check("default/web get - pods default a", false);
	rbac_close(rbac);
}

/* Goal: names, stars and paths mean what they say and no more. */
static void matches_names_and_stars(void)
{
	start();
	role("", "mixed", ONE_MAP "," ANY_SCALE "," PATHS);
	bind_role("", "b", "/mixed", USER("alice"));
	bind_role("default", "local", "/mixed", USER("bob"));
	check("alice get - configmaps any one", true);
	check("alice update - configmaps any two", true);
	check("alice get - configmaps any three", false);
	check("alice get - configmaps any -", false);
	check("alice list - configmaps any -", false);
	check("alice get apps deployments/scale any d", true);
	check("alice get apps deployments any d", false);
	check("alice get - deployments/scalex any d", false);
	check("alice get - xscale any d", false);
	check("alice update apps deployments/scale any d", false);
	check("alice get - /metrics - -", true);
	check("alice get - /metrics/ - -", false);
	check("alice get - /debug/pprof - -", true);
	check("alice get - /debug/ - -", true);
	check("alice get - /debug - -", false);
	check("alice post - /metrics - -", false);
	/* A binding of a namespace gives no paths. */
	check("bob get - configmaps default one", true);
	check("bob get - /metrics - -", false);
	rbac_close(rbac);
}

/* Goal: what is taken away no longer counts, and nothing else goes with it. */
static void follows_changes(void)
{
	auto_free char *both = NULL, *left = NULL, *rules = NULL, *less = NULL;

	start();
	both = print_binding("default", "b", "r", USER("alice") "," USER("bob") "," USER("alice"));
	left = print_binding("default", "b", "r", USER("bob"));
	rules = print_role("default", "r", READ_PODS "," READ_LOGS);
	less = print_role("default", "r", READ_LOGS);
	change("rolebindings", NULL, both);
	check("alice get - pods default a", false);
	change("roles", NULL, rules);
	check("alice get - pods default a", true);
	change("rolebindings", both, left);
	check("alice get - pods default a", false);
	check("bob get - pods default a", true);
	change("roles", rules, less);
	check("bob get - pods default a", false);
	check("bob get - pods/log default a", true);
	change("roles", less, NULL);
	check("bob get - pods/log default a", false);
	change("roles", NULL, less);
	change("rolebindings", left, NULL);
	check("bob get - pods/log default a", false);
	/* Another kind with the same words is not looked at. */
	change("things", NULL, rules);
	rbac_close(rbac);
}

/* Goal: two bindings of one name in two namespaces are two. */
static void keeps_bindings_apart(void)
{
	auto_free char *one = NULL, *other = NULL;

	start();
	role("", "pods", READ_PODS);
	one = print_binding("one", "b", "/pods", USER("alice"));
	other = print_binding("other", "b", "/pods", USER("alice"));
	change("rolebindings", NULL, one);
	change("rolebindings", NULL, other);
	change("rolebindings", one, NULL);
	check("alice get - pods one a", false);
	check("alice get - pods other a", true);
	check("alice get - pods - -", false);
	rbac_close(rbac);
}

static void check_why(const char *question, const char *want)
{
	auto_buf why = BUF_INIT;

	ask(question, &why);
	CHECK_STR(buf_text(&why), want);
}

/* Goal: the reasons are the real server's. */
static void tells_why(void)
{
	start();
	role("", "pods", READ_PODS);
	role("default", "logs", READ_LOGS);
	bind_role("", "g", "/pods", TEAM("dev"));
	bind_role("default", "l", "logs",
		  USER("alice") ",{\"kind\":\"ServiceAccount\",\"name\":\"web\"}");
	bind_role("default", "m1", "gone", USER("bob"));
	check_why("x,dev get - pods any a",
		  "RBAC: allowed by ClusterRoleBinding \"g\" of ClusterRole \"pods\" to Group "
		  "\"dev\"");
	check_why("alice get - pods/log default a",
		  "RBAC: allowed by RoleBinding \"l/default\" of Role \"logs\" to User \"alice\"");
	check_why("system:serviceaccount:default:web get - pods/log default a",
		  "RBAC: allowed by RoleBinding \"l/default\" of Role \"logs\" to ServiceAccount "
		  "\"web/default\"");
	check_why("eve get - pods default a", "");
	check_why("bob get - pods default a",
		  "RBAC: role.rbac.authorization.k8s.io \"gone\" not found");
	bind_role("", "m2", "/gone", USER("bob"));
	check_why("bob get - pods default a",
		  "RBAC: [clusterrole.rbac.authorization.k8s.io \"gone\" not found, "
		  "role.rbac.authorization.k8s.io \"gone\" not found]");
	rbac_close(rbac);
}

/* Goal: a decision among many bindings stays within microseconds: the time of one, of the best of
 * some runs, has an upper bound that a walk over all of them breaks. */
static void decides_fast(void)
{
	int64_t best = INT64_MAX;

	start();
	role("", "pods", READ_PODS);
	for (size_t i = 0; i < 2000; i++) {
		auto_free char *name = memory_print("n%zu", i);
		auto_free char *subject = memory_print("{\"kind\":\"User\",\"name\":\"%s\"}", name);

		bind_role(name, "b", "/pods", subject);
		bind_role("many", name, "/pods", subject);
	}
	for (size_t run = 0; run < 5; run++) {
		int64_t begin = clock_now_us();

		for (size_t i = 0; i < 1000; i++)
			check("n77,a,b,c get - pods n77 a", true);
		if (clock_now_us() - begin < best)
			best = clock_now_us() - begin;
	}
	printf("%.2f us a decision\n", (double)best / 1000);
	CHECK(best / 1000 < 20);
	rbac_close(rbac);
}

/* --- rules that cover rules --- */

static bool covers(const char *owner, const char *wanted)
{
	struct json_doc *doc;
	auto_free char *text = memory_print("{\"a\":[%s],\"b\":[%s]}", owner, wanted);
	struct rbac_rules *a, *b;
	struct error err;
	bool result;

	CHECK_OK(json_parse(str_of(text), &doc, NULL, &err), &err);
	a = rbac_rules_new(json_get(json_root(doc), "a"));
	b = rbac_rules_new(json_get(json_root(doc), "b"));
	result = rbac_rule_covers(a->items, b->items);
	rbac_rules_free(a);
	rbac_rules_free(b);
	json_doc_free(doc);
	return result;
}

#define RULE(verb, group, resource)                                                                \
	"{\"verbs\":[\"" verb "\"],\"apiGroups\":[\"" group "\"],\"resources\":[\"" resource "\"]" \
	"}"

/* Goal: nobody can give what they do not hold. */
static void covers_what_is_held(void)
{
	CHECK(covers(EVERYTHING, READ_PODS));
	CHECK(covers(READ_PODS, READ_PODS));
	CHECK(!covers(READ_PODS, EVERYTHING));
	CHECK(!covers(READ_PODS, RULE("*", "", "pods")));
	CHECK(!covers(READ_PODS, RULE("get", "*", "pods")));
	CHECK(!covers(READ_PODS, RULE("get", "", "*")));
	CHECK(!covers(READ_PODS, RULE("get", "", "pods/log")));
	CHECK(!covers(READ_PODS, RULE("watch", "", "pods")));
	CHECK(!covers(READ_PODS, PATHS));
	CHECK(!covers(EVERYTHING, PATHS));
	CHECK(!covers(PATHS, READ_PODS));
	CHECK(covers(RULE("get", "*", "*/scale"), RULE("get", "apps", "deployments/scale")));
	CHECK(!covers(RULE("get", "*", "*/scale"), RULE("get", "apps", "deployments")));
	CHECK(!covers(ONE_MAP, RULE("get", "", "configmaps")));
	CHECK(covers(RULE("get", "", "configmaps"),
		     "{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"configmaps\"],"
		     "\"resourceNames\":[\"x\"]}"));
	CHECK(covers(PATHS, "{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/debug/pprof/*\"]}"));
	CHECK(!covers(PATHS, "{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/*\"]}"));
	CHECK(!covers(PATHS, "{\"verbs\":[\"post\"],\"nonResourceURLs\":[\"/metrics\"]}"));
}

static const struct test tests[] = {
	{ "refuses without roles", refuses_without_roles },
	{ "keeps to its bounds", keeps_to_its_bounds },
	{ "tells subjects apart", tells_subjects_apart },
	{ "matches names, stars and paths", matches_names_and_stars },
	{ "follows changes", follows_changes },
	{ "keeps bindings apart", keeps_bindings_apart },
	{ "tells why", tells_why },
	{ "decides fast", decides_fast },
	{ "covers what is held", covers_what_is_held },
};
TEST_MAIN(tests)
