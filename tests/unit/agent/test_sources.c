/*
 * test_sources.c - what a pod names is fetched, kept on the disk, and told when it is missing.
 */
#include "agent/sources.h"

#include <stdlib.h>

#include "base/map.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

struct scene {
	struct loop *loop;
	struct fixture_api api;
	struct json_doc *pod;
	struct sources *sources;
	bool done;
	struct error err; /* of the last fetch */
};

#define MAP    "/api/v1/namespaces/shop/configmaps/cm"
#define SECRET "/api/v1/namespaces/shop/secrets/s"
#define TOKEN  "/api/v1/namespaces/shop/serviceaccounts/robot/token"
#define VOLUMES                                                                                    \
	"'volumes':[{'name':'v','configMap':{'name':'cm'}},{'name':'t','projected':{"              \
	"'sources':[{'serviceAccountToken':{'path':'t','expirationSeconds':3607}}]}}]"
#define FROM_ENV "'containers':[{'name':'c','envFrom':[{'secretRef':{'name':'s'}}]}]"

static void scene_open(struct scene *scene, const char *spec)
{
	auto_free char *text =
		memory_print("{'metadata':{'name':'web','namespace':'shop','uid':'u-1'},'spec':{"
			     "'serviceAccountName':'robot',%s}}",
			     spec);
	struct error err;

	*scene = (struct scene){ .pod = fixture_json(text) };
	CHECK_OK(loop_open(&scene->loop, &err), &err);
	fixture_api_open(&scene->api, scene->loop);
	scene->sources = fixture_sources(scene->api.client, json_root(scene->pod));
}

static void scene_close(struct scene *scene)
{
	sources_free(scene->sources);
	fixture_api_close(&scene->api);
	loop_close(scene->loop);
	json_doc_free(scene->pod);
}

static void on_done(void *of, const struct error *err)
{
	struct scene *scene = of;

	CHECK(!scene->done);
	scene->done = true;
	scene->err = err ? *err : (struct error){ 0 };
}

static void fetch(struct scene *scene)
{
	scene->done = false;
	sources_fetch(scene->sources, on_done, scene);
	CHECK(!scene->done); /* never at once */
	CHECK(sources_running(scene->sources));
	fixture_until(scene->loop, &scene->done);
	CHECK(!sources_running(scene->sources));
}

static void all_is_fetched_and_kept(void)
{
	struct scene scene;

	scene_open(&scene, VOLUMES "," FROM_ENV);
	CHECK(!sources_complete(scene.sources));
	fixture_api_answer(&scene.api, "GET " MAP, "{'data':{'a':'1'}}");
	fixture_api_answer(&scene.api, "GET " SECRET, "{'data':{'b':'Mg=='}}");
	fixture_api_answer(&scene.api, "POST " TOKEN, "{'status':{'token':'t1'}}");
	fetch(&scene);
	CHECK_STR(scene.err.text, "");
	CHECK(sources_complete(scene.sources));
	CHECK(sources_config_map(scene.sources, STR("cm")) != NULL);
	CHECK(sources_secret(scene.sources, STR("s")) != NULL);
	CHECK(str_is(sources_token(scene.sources, STR(""), 3607), "t1"));
	CHECK(str_is(sources_token(scene.sources, STR(""), 1), ""));
	CHECK(str_search(buf_str(&scene.api.asked), STR("\"expirationSeconds\":3607")) > 0);
	CHECK(str_search(buf_str(&scene.api.asked), STR("\"uid\":\"u-1\"")) > 0);
	fetch(&scene); /* the token is young: only the other two are asked for */
	CHECK_INT(scene.api.calls, 5);
	scene_close(&scene);
	/* Without a server, after a restart. */
	scene_open(&scene, VOLUMES "," FROM_ENV);
	scene.api.down = true;
	CHECK(sources_complete(scene.sources));
	fetch(&scene);
	CHECK_INT(scene.err.kind, ERROR_UNAVAILABLE);
	CHECK(sources_complete(scene.sources));
	CHECK(str_is(sources_token(scene.sources, STR(""), 3607), "t1"));
	scene_close(&scene);
}

static bool is_on_disk(const char *text)
{
	auto_free char *command =
		memory_print("grep -rqaF -e '%s' %s/sources", text, harness_folder());

	return system(command) == 0;
}

/* Goal: copies are sealed, also those that an older agent has left; another pod's does not count,
 * nor one whose key is lost. */
static void copies_are_sealed(void)
{
	struct scene scene;
	struct seal_keys *keys;
	struct sources_plan plan = { .folder = harness_folder() };
	struct sources *others;
	struct json_doc *other;
	auto_free char *key_file = fixture_path("seal-key");
	struct error err;

	fixture_keep(harness_folder(), "Secret", "s", 0, "{'data':{'b':'marker-of-old'}}");
	CHECK(is_on_disk("marker-of-old"));
	scene_open(&scene, FROM_ENV);
	CHECK(sources_secret(scene.sources, STR("s")) != NULL);
	CHECK(!is_on_disk("marker-of-old"));
	fixture_api_answer(&scene.api, "GET " SECRET, "{'data':{'b':'marker-of-new'}}");
	fetch(&scene);
	CHECK(!is_on_disk("marker-of-new"));
	other = fixture_json("{'metadata':{'name':'web','namespace':'shop','uid':'u-2'},'spec':{"
			     "'serviceAccountName':'robot'," FROM_ENV "}}");
	others = fixture_sources(NULL, json_root(other));
	CHECK(sources_secret(others, STR("s")) == NULL);
	sources_free(others);
	json_doc_free(other);
	fixture_write(key_file, "");
	CHECK_OK(sources_keys_open(plan.folder, &keys, &err), &err); /* a new one */
	plan.keys = keys;
	others = sources_new(&plan, json_root(scene.pod));
	CHECK(sources_secret(others, STR("s")) == NULL);
	sources_free(others);
	seal_keys_free(keys);
	scene_close(&scene);
}

static void nothing_named_is_complete(void)
{
	struct scene scene;

	scene_open(&scene, "'containers':[]");
	CHECK(sources_complete(scene.sources));
	CHECK_INT(sources_again_ms(scene.sources), 0);
	fetch(&scene);
	CHECK_STR(scene.err.text, "");
	scene_close(&scene);
}

static void what_volumes_need_must_be_there(void)
{
	struct scene scene;

	scene_open(&scene, "'volumes':[{'name':'v','configMap':{'name':'cm'}}]");
	fetch(&scene);
	CHECK_INT(scene.err.kind, ERROR_NOT_FOUND);
	CHECK(!sources_complete(scene.sources));
	CHECK(sources_again_ms(scene.sources) > 0);
	fixture_api_answer(&scene.api, "GET " MAP, "{'data':{}}");
	fetch(&scene);
	CHECK(sources_complete(scene.sources));
	scene_close(&scene);
}

static void optional_ones_may_be_missing(void)
{
	struct scene scene;

	scene_open(&scene, "'volumes':[{'name':'v','configMap':{'name':'cm','optional':true}}]");
	fetch(&scene);
	CHECK_STR(scene.err.text, "");
	CHECK(sources_complete(scene.sources));
	CHECK(sources_config_map(scene.sources, STR("cm")) == NULL);
	scene_close(&scene);
	/* ...unless somebody else needs it */
	scene_open(&scene, "'volumes':[{'name':'v','configMap':{'name':'cm','optional':true}},"
			   "{'name':'w','configMap':{'name':'cm'}}]");
	fetch(&scene);
	CHECK(!sources_complete(scene.sources));
	scene_close(&scene);
}

/* The container will say what it misses; a server that cannot be reached says nothing. */
static void environments_wait_for_an_answer_only(void)
{
	struct scene scene;

	scene_open(&scene, FROM_ENV);
	scene.api.down = true;
	fetch(&scene);
	CHECK(!sources_complete(scene.sources));
	scene.api.down = false;
	fetch(&scene);
	CHECK_INT(scene.err.kind, ERROR_NOT_FOUND); /* so it is asked for again, soon */
	CHECK(sources_complete(scene.sources));
	CHECK(sources_secret(scene.sources, STR("s")) == NULL);
	scene_close(&scene);
}

static void what_goes_is_kept(void)
{
	struct scene scene;

	scene_open(&scene, "'volumes':[{'name':'v','configMap':{'name':'cm'}}]");
	fixture_api_answer(&scene.api, "GET " MAP, "{'data':{'a':'1'}}");
	fetch(&scene);
	map_remove(scene.api.answers, STR("GET " MAP));
	fetch(&scene);
	CHECK_STR(scene.err.text, "");
	CHECK(sources_complete(scene.sources));
	CHECK(sources_config_map(scene.sources, STR("cm")) != NULL);
	fixture_api_answer(&scene.api, "GET " MAP, "{'data':{'a':'2'}}");
	fetch(&scene);
	CHECK(str_is(json_str(json_path(sources_config_map(scene.sources, STR("cm")), "data", "a",
					NULL)),
		     "2"));
	scene_close(&scene);
}

/* Goal: an optional one that was deleted is gone, here and on the disk, and comes again. */
static void optional_ones_go(void)
{
	static const char spec[] =
		"'volumes':[{'name':'v','configMap':{'name':'cm','optional':true}}]";
	struct scene scene;

	scene_open(&scene, spec);
	fixture_api_answer(&scene.api, "GET " MAP, "{'data':{'a':'1'}}");
	fetch(&scene);
	CHECK(sources_config_map(scene.sources, STR("cm")) != NULL);
	scene.api.down = true; /* who cannot be asked says nothing */
	fetch(&scene);
	CHECK(sources_config_map(scene.sources, STR("cm")) != NULL);
	scene.api.down = false;
	map_remove(scene.api.answers, STR("GET " MAP));
	fetch(&scene);
	CHECK_STR(scene.err.text, "");
	CHECK(sources_complete(scene.sources));
	CHECK(sources_config_map(scene.sources, STR("cm")) == NULL);
	scene_close(&scene);
	scene_open(&scene, spec);
	CHECK(sources_config_map(scene.sources, STR("cm")) == NULL);
	fixture_api_answer(&scene.api, "GET " MAP, "{'data':{'a':'2'}}");
	fetch(&scene);
	CHECK(sources_config_map(scene.sources, STR("cm")) != NULL);
	scene_close(&scene);
}

/* They would be parts of a path that is asked for with the node's rights. */
static void odd_names_are_not_asked_for(void)
{
	struct scene scene;

	scene_open(&scene, "'volumes':[{'name':'a','configMap':{'name':'../secrets/other'}},"
			   "{'name':'b','configMap':{'name':'x?watch=true'}},"
			   "{'name':'c','secret':{'secretName':'x HTTP/1.1\\r\\nA: b'}},"
			   "{'name':'d','secret':{'secretName':''}}]");
	fetch(&scene);
	CHECK_INT(scene.api.calls, 0);
	CHECK(sources_config_map(scene.sources, STR("../secrets/other")) == NULL);
	scene_close(&scene);
}

static void damaged_copies_are_fetched_anew(void)
{
	struct scene scene;

	fixture_keep(harness_folder(), "ConfigMap", "cm", 0, "{'data':");
	scene_open(&scene, "'volumes':[{'name':'v','configMap':{'name':'cm'}}]");
	CHECK(!sources_complete(scene.sources));
	fixture_api_answer(&scene.api, "GET " MAP, "{'data':{}}");
	fetch(&scene);
	CHECK(sources_complete(scene.sources));
	scene_close(&scene);
}

static void freed_at_any_time(void)
{
	for (int rounds = 0; rounds < 15; rounds++) {
		struct scene scene;

		scene_open(&scene, VOLUMES "," FROM_ENV);
		fixture_api_answer(&scene.api, "GET " MAP, "{'data':{'a':'1'}}");
		sources_fetch(scene.sources, on_done, &scene);
		fixture_turn(scene.loop, rounds);
		sources_free(scene.sources);
		scene.sources = NULL;
		scene.done = true; /* a call from now on fails the test */
		fixture_turn(scene.loop, 10);
		scene_close(&scene);
	}
	sources_free(NULL);
}

static const struct test tests[] = {
	{ "all is fetched and kept", all_is_fetched_and_kept },
	{ "copies are sealed", copies_are_sealed },
	{ "nothing named is complete", nothing_named_is_complete },
	{ "what volumes need must be there", what_volumes_need_must_be_there },
	{ "optional ones may be missing", optional_ones_may_be_missing },
	{ "environments wait for an answer only", environments_wait_for_an_answer_only },
	{ "what goes is kept", what_goes_is_kept },
	{ "optional ones go", optional_ones_go },
	{ "odd names are not asked for", odd_names_are_not_asked_for },
	{ "damaged copies are fetched anew", damaged_copies_are_fetched_anew },
	{ "freed at any time", freed_at_any_time },
};

TEST_MAIN(tests)
