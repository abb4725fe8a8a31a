/*
 * test_node_object.c - a machine registers, keeps its status and its lease alive, and comes back
 * when somebody deletes it.
 */
#include "agent/node_object.h"

#include "base/map.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

#define NODE   "/api/v1/nodes/n1"
#define STATUS NODE "/status"
#define LEASES "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"

struct scene {
	struct loop *loop;
	struct fixture_api api;
	struct node node;
	struct machine machine;
	struct option_list labels, taints;
	struct node_pressure pressure;
	struct node_object *object;
	int told;
};

static void on_object(void *owner, const struct json *object)
{
	CHECK(object);
	((struct scene *)owner)->told++;
}

static void scene_open(struct scene *scene)
{
	static const char *labels[] = { "zone=east", "plain" };
	static const char *taints[] = { "a=b:NoSchedule", "c:NoExecute" };
	struct node_object_plan plan = { .node = &scene->node,
					 .machine = &scene->machine,
					 .labels = &scene->labels,
					 .taints = &scene->taints,
					 .pressure = &scene->pressure,
					 .on_object = on_object,
					 .owner = scene };
	struct error err;

	*scene = (struct scene){ .labels = { labels, 2 }, .taints = { taints, 2 } };
	CHECK_OK(loop_open(&scene->loop, &err), &err);
	fixture_api_open(&scene->api, scene->loop);
	machine_look(harness_folder(), &scene->machine);
	scene->machine.cpu_milli = 4000;
	scene->machine.memory = 2048 * 1024;
	scene->node = (struct node){ .loop = scene->loop,
				     .client = scene->api.client,
				     .name = "n1",
				     .ip = "192.0.2.1",
				     .folder = harness_folder(),
				     .cpu_milli = 3500,
				     .memory = 1024 * 1024,
				     .ephemeral = 1000001,
				     .max_pods = 110 };
	scene->object = node_object_start(&plan);
}

static void scene_close(struct scene *scene)
{
	node_object_stop(scene->object);
	fixture_api_close(&scene->api);
	loop_close(scene->loop);
}

/* Turn until the API was asked for `what`; gives the body of the newest such call. */
static struct json_doc *asked(struct scene *scene, const char *what)
{
	auto_free char *head = memory_print("%s ", what);

	for (int i = 0; i < 800; i++) {
		struct str rest = buf_str(&scene->api.asked), found = STR_NONE;
		struct json_doc *doc = NULL;
		struct error err;

		while (rest.len > 0) {
			struct str line = str_cut(&rest, '\n');

			if (str_starts(line, str_of(head)))
				found = str_from(line.at + strlen(head), line.len - strlen(head));
		}
		if (found.at) {
			if (found.len > 0)
				CHECK_OK(json_parse(found, &doc, NULL, &err), &err);
			return doc;
		}
		loop_once(scene->loop, 10);
	}
	harness_fail(__FILE__, __LINE__, "nobody asked %s, but: %s", what,
		     buf_text(&scene->api.asked));
}

static void check_asked(struct scene *scene, const char *what)
{
	json_doc_free(asked(scene, what));
}

static void check_text(const struct json *value, const char *want)
{
	auto_free char *have = str_copy(json_str(value));

	CHECK_STR(have, want);
}

static const struct json *condition(const struct json *status, const char *type)
{
	for (struct json_iter it = json_iter(json_get(status, "conditions")); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "type")), type))
			return it.value;
	harness_fail(__FILE__, __LINE__, "no condition %s", type);
}

static void a_new_node_is_made(void)
{
	struct scene scene;
	auto_json_doc doc = NULL;
	const struct json *root, *status, *taints;

	scene_open(&scene);
	fixture_api_answer(&scene.api, "POST /api/v1/nodes", "{'metadata':{'name':'n1'}}");
	fixture_api_answer(&scene.api, "PATCH " STATUS, "{'metadata':{'name':'n1'}}");
	fixture_api_answer(&scene.api, "POST " LEASES, "{}");
	node_object_poke(scene.object);
	doc = asked(&scene, "POST /api/v1/nodes");
	root = json_root(doc);
	status = json_get(root, "status");
	taints = json_path(root, "spec", "taints", NULL);
	check_text(json_path(root, "metadata", "labels", "zone", NULL), "east");
	check_text(json_path(root, "metadata", "labels", "plain", NULL), "");
	check_text(json_path(root, "metadata", "labels", "kubernetes.io/hostname", NULL), "n1");
	check_text(json_get(json_at(taints, 0), "value"), "b");
	check_text(json_get(json_at(taints, 1), "effect"), "NoExecute");
	check_text(json_path(status, "capacity", "cpu", NULL), "4");
	check_text(json_path(status, "capacity", "memory", NULL), "2048Ki");
	check_text(json_path(status, "allocatable", "cpu", NULL), "3500m");
	check_text(json_path(status, "allocatable", "memory", NULL), "1024Ki");
	check_text(json_path(status, "allocatable", "ephemeral-storage", NULL), "1000001");
	CHECK_INT(json_int(json_path(status, "daemonEndpoints", "kubeletEndpoint", "Port", NULL)),
		  10250);
	check_text(json_path(status, "capacity", "pods", NULL), "110");
	check_text(json_get(condition(status, "Ready"), "status"), "False");
	check_text(json_get(condition(status, "MemoryPressure"), "status"), "False");
	check_asked(&scene, "PATCH " STATUS);
	check_asked(&scene, "POST " LEASES);
	fixture_turn(scene.loop, 10);
	CHECK_INT(scene.told, 2);
	scene_close(&scene);
}

static void an_old_node_is_taken_over(void)
{
	struct scene scene;
	auto_json_doc doc = NULL;

	scene_open(&scene);
	fixture_api_answer(&scene.api, "GET " NODE, "{'metadata':{'name':'n1'}}");
	fixture_api_answer(&scene.api, "PATCH " STATUS, "{'metadata':{'name':'n1'}}");
	node_object_poke(scene.object);
	check_asked(&scene, "PATCH " STATUS);
	CHECK(str_search(buf_str(&scene.api.asked), STR("POST /api/v1/nodes ")) < 0);
	fixture_turn(scene.loop, 10);
	buf_reset(&scene.api.asked);
	node_object_ready(scene.object, NULL);
	node_object_ready(scene.object, NULL); /* is no news */
	doc = asked(&scene, "PATCH " STATUS);
	check_text(json_get(condition(json_get(json_root(doc), "status"), "Ready"), "status"),
		   "True");
	scene_close(&scene);
}

/* A scene whose node has told its status. */
static void scene_open_known(struct scene *scene)
{
	scene_open(scene);
	fixture_api_answer(&scene->api, "GET " NODE, "{'metadata':{'name':'n1'}}");
	fixture_api_answer(&scene->api, "PATCH " STATUS, "{'metadata':{'name':'n1'}}");
	node_object_poke(scene->object);
	check_asked(scene, "PATCH " STATUS);
	fixture_turn(scene->loop, 10);
}

static void a_change_on_the_way_is_not_lost(void)
{
	struct scene scene;
	auto_json_doc doc = NULL;

	scene_open_known(&scene);
	node_object_ready(scene.object, "first"); /* this call runs when the next one comes */
	node_object_ready(scene.object, NULL);
	fixture_turn(scene.loop, 20);
	doc = asked(&scene, "PATCH " STATUS);
	check_text(json_get(condition(json_get(json_root(doc), "status"), "Ready"), "status"),
		   "True");
	scene_close(&scene);
}

static void
list_gpus(void *of, void (*add)(void *to, const char *name, int64_t capacity, int64_t allocatable),
	  void *to)
{
	(void)of;
	add(to, "example.com/gpu", 4, 3);
}

/* Goal: what others have to offer and what eviction says is in the next status. */
static void pressure_and_resources_are_told(void)
{
	struct node_resources gpus = { .list = list_gpus };
	struct scene scene;
	auto_json_doc doc = NULL;
	const struct json *status;

	scene_open_known(&scene);
	scene.pressure = (struct node_pressure){ .memory = true, .pids = true };
	node_object_add_resources(scene.object, &gpus);
	fixture_turn(scene.loop, 10);
	doc = asked(&scene, "PATCH " STATUS);
	status = json_get(json_root(doc), "status");
	check_text(json_path(status, "capacity", "example.com/gpu", NULL), "4");
	check_text(json_path(status, "allocatable", "example.com/gpu", NULL), "3");
	check_text(json_get(condition(status, "MemoryPressure"), "reason"),
		   "KubeletHasInsufficientMemory");
	check_text(json_get(condition(status, "DiskPressure"), "status"), "False");
	check_text(json_get(condition(status, "PIDPressure"), "message"),
		   "kubelet has insufficient PID available");
	scene_close(&scene);
}

static void see(struct scene *scene, const char *node)
{
	auto_json_doc doc = NULL;
	struct error err;

	CHECK_OK(json_parse(str_of(node), &doc, NULL, &err), &err);
	node_object_seen(scene->object, json_root(doc));
	fixture_turn(scene->loop, 10);
}

/* Goal: what somebody wrote into the capacity is offered, once told; what is ours stays as we say
 * it. */
static void capacity_of_others_is_offered(void)
{
	struct node_resources gpus = { .list = list_gpus };
	struct scene scene;
	auto_json_doc doc = NULL;
	auto_json_doc last = NULL;
	const struct json *offered;
	size_t calls;

	scene_open(&scene);
	fixture_api_answer(&scene.api, "GET " NODE, "{'metadata':{'name':'n1'}}");
	fixture_api_answer(&scene.api, "PATCH " STATUS, "{'metadata':{'name':'n1'}}");
	node_object_poke(scene.object);
	node_object_add_resources(scene.object, &gpus);
	check_asked(&scene, "PATCH " STATUS);
	fixture_turn(scene.loop, 10);
	see(&scene, "{\"status\":{\"capacity\":{\"cpu\":\"9\",\"example.com/gpu\":\"9\","
		    "\"example.com/dongle\":\"4\"},\"allocatable\":{\"example.com/old\":\"1\"}}}");
	doc = asked(&scene, "PATCH " STATUS);
	offered = json_path(json_root(doc), "status", "allocatable", NULL);
	check_text(json_get(offered, "example.com/dongle"), "4");
	check_text(json_get(offered, "example.com/gpu"), "3");
	check_text(json_get(offered, "cpu"), "3500m");
	CHECK_INT(json_type(json_get(offered, "example.com/old")), JSON_NULL);
	CHECK(!json_path(json_root(doc), "status", "capacity", "example.com/dongle", NULL));
	calls = buf_str(&scene.api.asked).len;
	see(&scene, "{\"status\":{\"capacity\":{\"example.com/dongle\":\"4\"},"
		    "\"allocatable\":{\"example.com/dongle\":\"4\",\"example.com/gpu\":\"1\"}}}");
	CHECK_INT(buf_str(&scene.api.asked).len, calls);
	see(&scene, "{\"status\":{\"allocatable\":{\"example.com/dongle\":\"4\"}}}");
	last = asked(&scene, "PATCH " STATUS);
	offered = json_path(json_root(last), "status", "allocatable", NULL);
	CHECK_INT(json_type(json_get(offered, "example.com/dongle")), JSON_NULL);
	scene_close(&scene);
}

/* Goal: a device of ours that there is no longer goes from all of the object. */
static void own_devices_that_are_gone_go(void)
{
	struct scene scene;
	auto_json_doc doc = NULL;
	const struct json *status;

	scene_open_known(&scene);
	see(&scene, "{\"status\":{\"capacity\":{\"mote.dev/port\":\"2\"},"
		    "\"allocatable\":{\"mote.dev/port\":\"2\"}}}");
	doc = asked(&scene, "PATCH " STATUS);
	status = json_get(json_root(doc), "status");
	CHECK_INT(json_type(json_path(status, "capacity", "mote.dev/port", NULL)), JSON_NULL);
	CHECK_INT(json_type(json_path(status, "allocatable", "mote.dev/port", NULL)), JSON_NULL);
	scene_close(&scene);
}

static void a_deleted_node_registers_again(void)
{
	struct scene scene;

	scene_open(&scene);
	fixture_api_answer(&scene.api, "GET " NODE, "{'metadata':{'name':'n1'}}");
	node_object_poke(scene.object); /* its status is not found: somebody deleted it */
	check_asked(&scene, "PATCH " STATUS);
	map_remove(scene.api.answers, STR("GET " NODE));
	fixture_api_answer(&scene.api, "POST /api/v1/nodes", "{'metadata':{'name':'n1'}}");
	check_asked(&scene, "POST /api/v1/nodes");
	scene_close(&scene);
}

static void check_owner(const struct json *lease, const char *uid)
{
	const struct json *list = json_path(lease, "metadata", "ownerReferences", NULL);

	CHECK_INT(json_count(list), 1);
	check_text(json_get(json_at(list, 0), "kind"), "Node");
	check_text(json_get(json_at(list, 0), "name"), "n1");
	check_text(json_get(json_at(list, 0), "uid"), uid);
}

static void leases_are_renewed(void)
{
	struct scene scene;
	auto_json_doc doc = NULL;

	scene_open(&scene);
	fixture_api_answer(&scene.api, "GET " NODE, "{'metadata':{'name':'n1','uid':'u1'}}");
	fixture_api_answer(&scene.api, "PATCH " STATUS, "{'metadata':{'name':'n1','uid':'u2'}}");
	fixture_api_answer(&scene.api, "POST " LEASES, "{}");
	fixture_api_answer(&scene.api, "PATCH " LEASES "/n1", "{}");
	node_object_poke(scene.object);
	doc = asked(&scene, "POST " LEASES);
	check_text(json_path(json_root(doc), "spec", "holderIdentity", NULL), "n1");
	check_owner(json_root(doc), "u1");
	fixture_turn(scene.loop, 10);
	node_object_poke(scene.object); /* as when the tunnel is up again */
	json_doc_free(doc);
	doc = asked(&scene, "PATCH " LEASES "/n1");
	check_owner(json_root(doc), "u2");                         /* another Node of this name */
	map_remove(scene.api.answers, STR("PATCH " LEASES "/n1")); /* the server forgot it */
	fixture_turn(scene.loop, 10);
	node_object_poke(scene.object);
	fixture_turn(scene.loop, 10);
	buf_reset(&scene.api.asked);
	check_asked(&scene, "POST " LEASES);
	scene_close(&scene);
}

static void stopped_at_any_time(void)
{
	for (int rounds = 0; rounds < 15; rounds++) {
		struct scene scene;

		scene_open(&scene);
		scene.api.down = rounds % 2;
		fixture_api_answer(&scene.api, "GET " NODE, "{'metadata':{'name':'n1'}}");
		node_object_poke(scene.object);
		fixture_turn(scene.loop, rounds);
		scene_close(&scene);
	}
	node_object_stop(NULL);
}

static const struct test tests[] = {
	{ "a new node is made", a_new_node_is_made },
	{ "an old node is taken over", an_old_node_is_taken_over },
	{ "a change on the way is not lost", a_change_on_the_way_is_not_lost },
	{ "pressure and resources are told", pressure_and_resources_are_told },
	{ "capacity of others is offered", capacity_of_others_is_offered },
	{ "own devices that are gone go", own_devices_that_are_gone_go },
	{ "a deleted node registers again", a_deleted_node_registers_again },
	{ "leases are renewed", leases_are_renewed },
	{ "stopped at any time", stopped_at_any_time },
};

TEST_MAIN(tests)
