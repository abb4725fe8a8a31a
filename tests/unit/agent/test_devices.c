/*
 * test_devices.c - devices by name: counted, given to one container at a time, kept, given back.
 *
 * Method: device nodes and links in a folder of the test; no device is opened.
 */
#include "agent/devices.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

struct scene {
	struct loop *loop;
	struct devices *devices;
	char words[2][300], pods[300], port[300];
	const char *items[2];
	int changes;
	int64_t port_count, gpu_count;
};

static void on_change(void *of)
{
	((struct scene *)of)->changes++;
}

static void node(const struct scene *scene, const char *name, unsigned number)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", harness_folder(), name);
	(void)scene;
	CHECK(mknod(path, S_IFCHR | 0600, makedev(1, number)) == 0);
}

static void reopen(struct scene *scene)
{
	struct option_list words = { scene->items, 2 };
	struct error err;

	devices_close(scene->devices);
	CHECK_OK(devices_open(scene->loop, &words, scene->pods, on_change, scene, &scene->devices,
			      &err),
		 &err);
}

static void open_scene(struct scene *scene)
{
	struct error err;

	if (geteuid() != 0)
		harness_skip("needs root: it makes device nodes");
	*scene = (struct scene){ 0 };
	snprintf(scene->pods, sizeof(scene->pods), "%s/pods", harness_folder());
	snprintf(scene->port, sizeof(scene->port), "%s/gpu", harness_folder());
	CHECK(mkdir(scene->port, 0755) == 0);
	node(scene, "port-a", 3);
	node(scene, "port-b", 5);
	node(scene, "gpu/card", 7);
	node(scene, "gpu/render", 8);
	snprintf(scene->words[0], sizeof(scene->words[0]), "port=%s/port-*", harness_folder());
	snprintf(scene->words[1], sizeof(scene->words[1]), "gpu=%s/gpu", harness_folder());
	scene->items[0] = scene->words[0];
	scene->items[1] = scene->words[1];
	CHECK_OK(loop_open(&scene->loop, &err), &err);
	reopen(scene);
}

static void close_scene(struct scene *scene)
{
	devices_close(scene->devices);
	loop_close(scene->loop);
}

static void count(void *to, const char *name, int64_t capacity, int64_t allocatable)
{
	struct scene *scene = to;

	CHECK_INT(capacity, allocatable);
	if (str_is(str_of(name), "mote.dev/port"))
		scene->port_count = capacity;
	else if (str_is(str_of(name), "mote.dev/gpu"))
		scene->gpu_count = capacity;
	else
		harness_fail(__FILE__, __LINE__, "what is %s?", name);
}

#define ASKS(name, amount)                                                                         \
	"{'name':'" name "','resources':{'limits':{'mote.dev/port':'" amount "'}}}"

/* NULL: taken; else why not. */
static const char *take(struct scene *scene, const char *uid, const char *init, const char *main)
{
	static struct error err;
	auto_free char *text = memory_print("{'metadata':{'uid':'%s'},'spec':{'initContainers':[%s]"
					    ",'containers':[%s]}}",
					    uid, init, main);
	struct json_doc *pod = fixture_json(text);
	bool taken = devices_take(scene->devices, json_root(pod), &err);

	json_doc_free(pod);
	return taken ? NULL : err.text;
}

static size_t given(struct scene *scene, const char *uid, const char *container)
{
	auto_arena arena = arena_new();
	struct devices_given given;
	struct error err;

	CHECK_OK(devices_plan(scene->devices, str_of(uid), str_of(container), arena, &given, &err),
		 &err);
	return given.count;
}

static void gives_to_one_at_a_time(void)
{
	struct scene scene;

	open_scene(&scene);
	CHECK_STR(take(&scene, "one", "", ASKS("a", "1")), NULL);
	CHECK_STR(take(&scene, "two", "", ASKS("a", "2")),
		  "requested number of devices unavailable for mote.dev/port. Requested: 2, "
		  "Available: 1");
	CHECK_INT(given(&scene, "two", "a"), 0); /* not even the one that was free */
	CHECK_STR(take(&scene, "three", "", ASKS("a", "1")), NULL);
	CHECK_STR(take(&scene, "one", "", ASKS("a", "1")), NULL); /* has it already */
	CHECK_INT(given(&scene, "one", "a"), 1);
	CHECK_INT(given(&scene, "one", "b"), 0);
	devices_release(scene.devices, "one");
	CHECK_INT(given(&scene, "one", "a"), 0);
	CHECK_STR(take(&scene, "four", "", ASKS("a", "1")), NULL);
	CHECK_STR(take(&scene, "five", "",
		       "{'name':'a','resources':{'limits':{'mote.dev/none':'1'}}}"),
		  "cannot allocate unregistered device mote.dev/none");
	CHECK_STR(take(&scene, "six", "", "{'name':'a'}"), NULL);
	close_scene(&scene);
}

static void init_containers_hand_on(void)
{
	struct scene scene;

	open_scene(&scene);
	CHECK_STR(take(&scene, "one", ASKS("i", "2"), ASKS("a", "1") "," ASKS("b", "1")), NULL);
	CHECK_INT(given(&scene, "one", "i"), 2);
	CHECK_INT(given(&scene, "one", "a"), 1);
	CHECK_INT(given(&scene, "one", "b"), 1);
	CHECK(take(&scene, "two", "", ASKS("a", "1")) != NULL);
	devices_release(scene.devices, "one");
	/* A sidecar keeps what it has. */
	CHECK(take(&scene, "three",
		   "{'name':'i','restartPolicy':'Always','resources':{'limits':{"
		   "'mote.dev/port':'2'}}}",
		   ASKS("a", "1")) != NULL);
	close_scene(&scene);
}

static void holds_over_a_restart(void)
{
	struct scene scene;
	char path[512];

	open_scene(&scene);
	CHECK_STR(take(&scene, "one", "", ASKS("a", "2")), NULL);
	reopen(&scene);
	CHECK_INT(given(&scene, "one", "a"), 2);
	CHECK(take(&scene, "two", "", ASKS("a", "1")) != NULL);
	devices_release(scene.devices, "one");
	reopen(&scene);
	CHECK_STR(take(&scene, "two", "", ASKS("a", "1")), NULL);
	snprintf(path, sizeof(path), "%s/one/devices", scene.pods);
	CHECK(access(path, F_OK) != 0);
	close_scene(&scene);
}

static void a_folder_is_one_device(void)
{
	struct scene scene;
	auto_arena arena = arena_new();
	struct devices_given given;
	struct error err;

	open_scene(&scene);
	devices_list(scene.devices, count, &scene);
	CHECK_INT(scene.gpu_count, 1);
	CHECK_INT(scene.port_count, 2);
	CHECK_STR(
		take(&scene, "one", "", "{'name':'a','resources':{'limits':{'mote.dev/gpu':'1'}}}"),
		NULL);
	CHECK_OK(devices_plan(scene.devices, STR("one"), STR("a"), arena, &given, &err), &err);
	CHECK_INT(given.count, 2);
	CHECK_INT(given.list[0].major, 1);
	CHECK_INT(given.list[0].mode, 0660);
	CHECK_STR(given.env[1], NULL);
	close_scene(&scene);
}

static void hears_of_plugging(void)
{
	struct scene scene;
	char path[512], away[512];
	int64_t late;

	open_scene(&scene);
	CHECK_STR(take(&scene, "one", "", ASKS("a", "2")), NULL);
	snprintf(path, sizeof(path), "%s/port-a", harness_folder());
	snprintf(away, sizeof(away), "%s/away", harness_folder());
	for (int round = 0; round < 2; round++) {
		scene.changes = 0;
		CHECK(rename(round ? away : path, round ? path : away) == 0);
		for (late = clock_now_ms() + 5000; !scene.changes && clock_now_ms() < late;)
			loop_once(scene.loop, 50);
		CHECK(scene.changes > 0);
		devices_list(scene.devices, count, &scene);
		CHECK_INT(scene.port_count, round + 1);
		if (round == 0) {
			auto_arena arena = arena_new();
			struct devices_given given;
			struct error err;

			CHECK(!devices_plan(scene.devices, STR("one"), STR("a"), arena, &given,
					    &err));
			CHECK_INT(err.kind, ERROR_NOT_FOUND);
		}
	}
	CHECK_INT(given(&scene, "one", "a"), 2);
	close_scene(&scene);
}

static void stable_names_lead_to_nodes(void)
{
	static const char *words[] = { "null=/dev/nul?" };
	auto_arena arena = arena_new();
	struct devices_given given;
	struct option_list list = { words, 1 };
	struct scene scene;
	struct error err;

	open_scene(&scene);
	devices_close(scene.devices);
	CHECK_OK(devices_open(scene.loop, &list, scene.pods, on_change, &scene, &scene.devices,
			      &err),
		 &err);
	CHECK_STR(take(&scene, "one", "",
		       "{'name':'a','resources':{'limits':{'mote.dev/null':'1'}}}"),
		  NULL);
	CHECK_OK(devices_plan(scene.devices, STR("one"), STR("a"), arena, &given, &err), &err);
	CHECK_INT(given.count, 1);
	CHECK_STR(given.list[0].path, "/dev/null");
	CHECK_STR(given.list[0].link, NULL);
	CHECK_STR(given.env[0], "MOTE_DEVICE_NULL=/dev/null");
	close_scene(&scene);
}

static void refuses_words_without_sense(void)
{
	static const char *rows[] = { "",       "x",         "=/dev/x",   "a=",        "a=dev/x",
				      "A=/dev", "-a=/dev/x", "a-=/dev/x", "a.b=/dev/x" };
	struct error err;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK(!devices_validate(&(struct option_list){ &rows[i], 1 }, &err));
}

static const struct test tests[] = {
	{ "gives to one at a time", gives_to_one_at_a_time },
	{ "init containers hand on", init_containers_hand_on },
	{ "holds over a restart", holds_over_a_restart },
	{ "a folder is one device", a_folder_is_one_device },
	{ "hears of plugging", hears_of_plugging },
	{ "stable names lead to nodes", stable_names_lead_to_nodes },
	{ "refuses words without sense", refuses_words_without_sense },
};
TEST_MAIN(tests)
