/*
 * test_environment.c - where a container's variables come from, who wins, what $(NAME) means.
 */
#include "agent/environment.h"

#include <stdio.h>

#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

struct scene {
	struct json_doc *pod, *image;
	struct sources *sources;
	struct arena *arena;
	struct downward_facts facts;
	struct environment_work work;
	struct environment env;
	bool built;
	struct error err;
};

/* `container`: the fields of the only container beside its name. */
static void scene_build(struct scene *scene, const char *container, const char *image_env,
			const struct cache *services)
{
	auto_free char *text = memory_print(
		"{'metadata':{'name':'web','namespace':'shop','labels':{'app':'x'}},'spec':{"
		"'containers':[{'name':'main',%s},{'name':'side','resources':{'limits':{'cpu':'2'}}"
		"}"
		"]}}",
		container);
	const struct json *root;

	*scene = (struct scene){ .pod = fixture_json(text), .arena = arena_new() };
	root = json_root(scene->pod);
	scene->image = image_env ? fixture_json(image_env) : NULL;
	scene->sources = fixture_sources(NULL, root);
	scene->facts = (struct downward_facts){ .node_ip = "192.0.2.1", .pod_ip = "10.1.0.5" };
	scene->work = (struct environment_work){
		.pod = root,
		.container = json_at(json_path(root, "spec", "containers", NULL), 0),
		.image_env = scene->image ? json_root(scene->image) : NULL,
		.sources = scene->sources,
		.facts = &scene->facts,
		.services = services,
		.hostname = "web",
	};
	scene->built = environment_build(&scene->work, scene->arena, &scene->env, &scene->err);
}

static void scene_clear(struct scene *scene)
{
	if (scene->built)
		environment_clear(&scene->env);
	sources_free(scene->sources);
	arena_free(scene->arena);
	json_doc_free(scene->image);
	json_doc_free(scene->pod);
}

static const char *value_of(const struct scene *scene, const char *name)
{
	CHECK_OK(scene->built, &scene->err);
	return map_find(scene->env.values, str_of(name));
}

/* What one variable becomes, given the container's fields; caller frees. */
static char *build_value(const char *container, const char *name)
{
	struct scene scene;
	const char *value;
	char *copy;

	scene_build(&scene, container, NULL, NULL);
	value = value_of(&scene, name);
	copy = value ? memory_string(value) : NULL;
	scene_clear(&scene);
	return copy;
}

static void check_value(const char *container, const char *name, const char *want)
{
	auto_free char *have = build_value(container, name);

	CHECK_STR(have, want);
}

static void check_error(const char *container, const char *want)
{
	struct scene scene;

	scene_build(&scene, container, NULL, NULL);
	CHECK(!scene.built);
	CHECK_STR(scene.err.text, want);
	scene_clear(&scene);
}

/* --- who wins --- */

static void later_ones_win(void)
{
	struct scene scene;

	fixture_keep(harness_folder(), "ConfigMap", "one", 0, "{'data':{'A':'map1','B':'map1'}}");
	fixture_keep(harness_folder(), "Secret", "two", 0, "{'data':{'B':'c2VjcmV0'}}");
	scene_build(&scene,
		    "'envFrom':[{'configMapRef':{'name':'one'}},{'secretRef':{'name':'two'}}],"
		    "'env':[{'name':'C','value':'own'},{'name':'C','value':'last'}]",
		    "['A=image','B=image','C=image','D=image','E','HOSTNAME=image']", NULL);
	CHECK_STR(value_of(&scene, "A"), "map1");
	CHECK_STR(value_of(&scene, "B"), "secret");
	CHECK_STR(value_of(&scene, "C"), "last");
	CHECK_STR(value_of(&scene, "D"), "image");
	CHECK_STR(value_of(&scene, "E"), "");
	CHECK_STR(value_of(&scene, "HOSTNAME"), "web");
	scene_clear(&scene);
}

static void a_path_is_always_there(void)
{
	struct scene scene;

	scene_build(&scene, "'env':[]", "['PATH=/own']", NULL);
	CHECK_STR(value_of(&scene, "PATH"), "/own");
	scene_clear(&scene);
	check_value("'env':[]", "PATH",
		    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

static void the_list_has_each_name_once(void)
{
	struct scene scene;
	const char *const *list;
	size_t count = 0, found = 0;

	scene_build(&scene, "'env':[{'name':'PATH','value':'/a'},{'name':'X','value':'a=b'}]",
		    "['PATH=/own']", NULL);
	CHECK_OK(scene.built, &scene.err);
	list = environment_list(&scene.env);
	for (; list[count]; count++)
		found += strcmp(list[count], "PATH=/a") == 0 || strcmp(list[count], "X=a=b") == 0 ||
			 strcmp(list[count], "HOSTNAME=web") == 0;
	CHECK_INT(count, 3);
	CHECK_INT(found, 3);
	scene_clear(&scene);
}

static void prefixes_stand_before_names(void)
{
	fixture_keep(harness_folder(), "ConfigMap", "one", 0, "{'data':{'A':'1'}}");
	check_value("'envFrom':[{'prefix':'P_','configMapRef':{'name':'one'}}]", "P_A", "1");
	check_value("'envFrom':[{'prefix':'P_','configMapRef':{'name':'one'}}]", "A", NULL);
}

/* --- $(NAME) --- */

static void names_are_replaced(void)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "$(A)", "1" },
		{ "a$(A)b$(A)", "a1b1" },
		{ "$(NOBODY)", "$(NOBODY)" },
		{ "$$(A)", "$(A)" },
		{ "$$$(A)", "$1" },
		{ "$A", "$A" },
		{ "$$", "$" },
		{ "$", "$" },
		{ "$(A", "$(A" },
		{ "$( $$", "$( $" },
		{ "$()", "$()" },
		{ "", "" },
		{ "$(A)$", "1$" },
		{ "$(A $(A)", "$(A $(A)" },
		{ "$$$$", "$$" },
		{ "$(LATER)", "$(LATER)" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_free char *container =
			memory_print("'env':[{'name':'A','value':'1'},{'name':'X','value':'%s'},"
				     "{'name':'LATER','value':'2'}]",
				     rows[i].text);

		check_value(container, "X", rows[i].want);
	}
}

/* kubelets do not know what the image says, nor the host's name. */
static void names_of_the_image_are_not_replaced(void)
{
	struct scene scene;

	scene_build(&scene,
		    "'env':[{'name':'PATH','value':'/a:$(PATH)'},{'name':'H','value':"
		    "'$(HOSTNAME)'},{'name':'TWICE','value':'$(PATH)'}]",
		    "['PATH=/own']", NULL);
	CHECK_STR(value_of(&scene, "PATH"), "/a:$(PATH)");
	CHECK_STR(value_of(&scene, "H"), "$(HOSTNAME)");
	CHECK_STR(value_of(&scene, "TWICE"), "/a:$(PATH)"); /* a value is not looked at again */
	scene_clear(&scene);
}

static void env_from_is_known_to_env(void)
{
	fixture_keep(harness_folder(), "ConfigMap", "one", 0, "{'data':{'A':'$(B)','B':'2'}}");
	check_value("'envFrom':[{'configMapRef':{'name':'one'}}],'env':[{'name':'X','value':"
		    "'$(A)'}]",
		    "X", "$(B)");
}

static void all_names_must_be_known_on_demand(void)
{
	struct scene scene;
	const char *text = NULL;

	scene_build(&scene, "'env':[{'name':'A','value':'1'}]", NULL, NULL);
	CHECK_OK(scene.built, &scene.err);
	CHECK_OK(environment_expand_all(&scene.env, STR("x/$(A)"), &text, &scene.err), &scene.err);
	CHECK_STR(text, "x/1");
	CHECK(!environment_expand_all(&scene.env, STR("$(B)/$(A)"), &text, &scene.err));
	CHECK_STR(scene.err.text, "missing value for \"B\"");
	CHECK_STR(text, "x/1");
	scene_clear(&scene);
}

/* Each twice the one before: what would be 2^40 bytes is refused before it is made. */
static void values_do_not_grow_without_end(void)
{
	auto_buf text = BUF_INIT;
	struct scene scene;

	buf_add_text(&text, "'env':[{'name':'A0','value':'0123456789'}");
	for (int i = 1; i < 40; i++)
		buf_add_print(&text, ",{'name':'A%d','value':'$(A%d)$(A%d)'}", i, i - 1, i - 1);
	buf_add_text(&text, "]");
	scene_build(&scene, buf_text(&text), NULL, NULL);
	CHECK(!scene.built);
	CHECK_STR(scene.err.text, "arguments and environment of the container are too large");
	scene_clear(&scene);
	scene_build(&scene, "'env':[{'name':'A','value':'0123456789'}]", NULL, NULL);
	CHECK_OK(scene.built, &scene.err);
	buf_clear(&text);
	for (int i = 0; i < 1000000; i++)
		buf_add_text(&text, "$(A)");
	CHECK_STR(environment_expand(&scene.env, buf_str(&text)), "");
	CHECK(!environment_fits(&scene.env, &scene.err));
	scene_clear(&scene);
}

/* None of them is left out. */
static void many_values_are_all_there(void)
{
	auto_buf text = BUF_INIT;
	struct scene scene;

	buf_add_text(&text, "'env':[{'name':'A','value':''}");
	for (int i = 0; i < 20000; i++)
		buf_add_print(&text, ",{'name':'N%d','value':'%d'}", i, i);
	buf_add_text(&text, "]");
	scene_build(&scene, buf_text(&text), NULL, NULL);
	CHECK_OK(scene.built, &scene.err);
	CHECK_STR(value_of(&scene, "N19999"), "19999");
	scene_clear(&scene);
}

/* --- keys --- */

static void keys_are_taken(void)
{
	fixture_keep(harness_folder(), "ConfigMap", "one", 0, "{'data':{'k':'$(NO) plain'}}");
	fixture_keep(harness_folder(), "Secret", "two", 0, "{'data':{'k':'aGk='}}");
	check_value("'env':[{'name':'X','valueFrom':{'configMapKeyRef':{'name':'one','key':'k'}}}]",
		    "X", "$(NO) plain");
	check_value("'env':[{'name':'X','valueFrom':{'secretKeyRef':{'name':'two','key':'k'}}}]",
		    "X", "hi");
}

static void missing_keys_are_errors(void)
{
	fixture_keep(harness_folder(), "ConfigMap", "one", 0, "{'data':{}}");
	fixture_keep(harness_folder(), "Secret", "bad", 0, "{'data':{'k':'*'}}");
	check_error("'env':[{'name':'X','valueFrom':{'configMapKeyRef':{'name':'one','key':'k'}}}]",
		    "couldn't find key k in ConfigMap shop/one");
	check_error("'env':[{'name':'X','valueFrom':{'configMapKeyRef':{'name':'no','key':'k'}}}]",
		    "configmap \"no\" not found");
	check_error("'env':[{'name':'X','valueFrom':{'secretKeyRef':{'name':'no','key':'k'}}}]",
		    "secret \"no\" not found");
	check_error("'envFrom':[{'secretRef':{'name':'no'}}]", "secret \"no\" not found");
	check_error("'envFrom':[{'secretRef':{'name':'bad'}}]", "the secret's key k is not base64");
	check_error("'env':[{'name':'X','valueFrom':{'secretKeyRef':{'name':'bad','key':'k'}}}]",
		    "the secret's key k is not base64");
}

static void optional_keys_may_be_missing(void)
{
	fixture_keep(harness_folder(), "ConfigMap", "one", 0, "{'data':{}}");
	check_value("'env':[{'name':'X','valueFrom':{'configMapKeyRef':{'name':'one','key':'k',"
		    "'optional':true}}}]",
		    "X", NULL);
	check_value("'env':[{'name':'X','valueFrom':{'secretKeyRef':{'name':'no','key':'k',"
		    "'optional':true}}}]",
		    "X", NULL);
	check_value("'envFrom':[{'configMapRef':{'name':'no','optional':true}}]", "X", NULL);
}

/* --- the pod's own facts --- */

static void fields_and_resources_are_taken(void)
{
	check_value("'env':[{'name':'X','valueFrom':{'fieldRef':{'fieldPath':'status.podIP'}}}]",
		    "X", "10.1.0.5");
	check_value("'env':[{'name':'X','valueFrom':{'resourceFieldRef':{'containerName':'side',"
		    "'resource':'limits.cpu'}}}]",
		    "X", "2");
	check_value("'resources':{'requests':{'cpu':'1500m'}},'env':[{'name':'X','valueFrom':{"
		    "'resourceFieldRef':{'resource':'requests.cpu'}}}]",
		    "X", "2");
	check_error("'env':[{'name':'X','valueFrom':{'resourceFieldRef':{'containerName':'none',"
		    "'resource':'limits.cpu'}}}]",
		    "container none not found");
}

/* --- services --- */

/* clang-format off */
#define SERVICE(ns, name, ip, ports)                                                               \
	"{'metadata':{'namespace':'" ns "','name':'" name "','resourceVersion':'1'},"              \
	"'spec':{'clusterIP':'" ip "','ports':[" ports "]}}"

static const char services_text[] =
	"{'metadata':{'resourceVersion':'9'},'items':["
	SERVICE("default", "kubernetes", "10.43.0.1",
		"{'name':'https','port':443,'protocol':'TCP'}") ","
	SERVICE("shop", "my-db.1", "10.43.0.7",
		"{'port':5432,'protocol':'TCP'},{'name':'meter-x','port':99,'protocol':'UDP'}") ","
	SERVICE("shop", "headless", "None", "{'port':1,'protocol':'TCP'}") ","
	SERVICE("other", "foreign", "10.43.0.8", "{'port':1,'protocol':'TCP'}") "]}";
/* clang-format on */

static void on_change(void *owner, const struct object *before, const struct object *after)
{
	(void)owner, (void)before, (void)after;
}

static void on_synced(void *owner)
{
	*(bool *)owner = true;
}

static const struct cache_events cache_events = { .on_change = on_change, .on_synced = on_synced };

static void check_services(const char *container, const char *const want[][2])
{
	struct loop *loop;
	struct fixture_api api;
	struct cache *cache;
	struct scene scene;
	struct error err;
	bool synced = false;

	CHECK_OK(loop_open(&loop, &err), &err);
	fixture_api_open(&api, loop);
	fixture_api_answer(&api, "GET /api/v1/services", services_text);
	cache = cache_start(api.client, kind_find_name(STR("v1"), STR("Service")), NULL,
			    &cache_events, &synced);
	fixture_until(loop, &synced);
	scene_build(&scene, container, NULL, cache);
	for (size_t i = 0; want[i][0]; i++)
		CHECK_STR(value_of(&scene, want[i][0]), want[i][1]);
	scene_clear(&scene);
	cache_stop(cache);
	fixture_api_close(&api);
	loop_close(loop);
}

static void services_of_the_namespace_are_linked(void)
{
	static const char *const want[][2] = {
		{ "KUBERNETES_SERVICE_HOST", "10.43.0.1" },
		{ "KUBERNETES_SERVICE_PORT", "443" },
		{ "KUBERNETES_SERVICE_PORT_HTTPS", "443" },
		{ "KUBERNETES_PORT", "tcp://10.43.0.1:443" },
		{ "KUBERNETES_PORT_443_TCP", "tcp://10.43.0.1:443" },
		{ "KUBERNETES_PORT_443_TCP_PROTO", "tcp" },
		{ "KUBERNETES_PORT_443_TCP_PORT", "443" },
		{ "KUBERNETES_PORT_443_TCP_ADDR", "10.43.0.1" },
		{ "MY_DB_1_SERVICE_PORT", "5432" },
		{ "MY_DB_1_SERVICE_PORT_METER_X", "99" },
		{ "MY_DB_1_PORT_99_UDP", "udp://10.43.0.7:99" },
		{ "HEADLESS_SERVICE_HOST", NULL },
		{ "FOREIGN_SERVICE_HOST", NULL },
		{ "X", "10.43.0.7" },
		{ "FOREIGN_PORT", NULL },
		{ NULL, NULL },
	};

	check_services("'env':[{'name':'X','value':'$(MY_DB_1_SERVICE_HOST)'}]", want);
}

static void the_pod_wins_over_services(void)
{
	static const char *const want[][2] = {
		{ "KUBERNETES_SERVICE_HOST", "mine" },
		{ "X", "mine" },
		{ NULL, NULL },
	};

	check_services("'env':[{'name':'KUBERNETES_SERVICE_HOST','value':'mine'},{'name':'X',"
		       "'value':'$(KUBERNETES_SERVICE_HOST)'}]",
		       want);
}

static void without_links_only_the_api_is_named(void)
{
	static const char *const want[][2] = {
		{ "KUBERNETES_SERVICE_HOST", "10.43.0.1" },
		{ "MY_DB_1_SERVICE_HOST", NULL },
		{ NULL, NULL },
	};

	/* the container's text ends its list, so that a field of the spec can follow */
	check_services("'env':[]}],'enableServiceLinks':false,'more':[{'name':'x'", want);
}

static const struct test tests[] = {
	{ "later ones win", later_ones_win },
	{ "a path is always there", a_path_is_always_there },
	{ "the list has each name once", the_list_has_each_name_once },
	{ "prefixes stand before names", prefixes_stand_before_names },
	{ "names are replaced", names_are_replaced },
	{ "names of the image are not replaced", names_of_the_image_are_not_replaced },
	{ "envFrom is known to env", env_from_is_known_to_env },
	{ "all names must be known on demand", all_names_must_be_known_on_demand },
	{ "values do not grow without end", values_do_not_grow_without_end },
	{ "many values are all there", many_values_are_all_there },
	{ "keys are taken", keys_are_taken },
	{ "missing keys are errors", missing_keys_are_errors },
	{ "optional keys may be missing", optional_keys_may_be_missing },
	{ "fields and resources are taken", fields_and_resources_are_taken },
	{ "services of the namespace are linked", services_of_the_namespace_are_linked },
	{ "the pod wins over services", the_pod_wins_over_services },
	{ "without links only the API is named", without_links_only_the_api_is_named },
};

TEST_MAIN(tests)
