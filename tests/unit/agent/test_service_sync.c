/*
 * test_service_sync.c - services, slices and host ports become one table.
 *
 * The file under test is included, with the kernel's table and the pods in the test's hands; the
 * API is one in memory.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

#include "agent/service_sync.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

struct pod {
	struct json_doc *object;
	const char *address;
};

static struct pod pods[4];
static size_t pod_count;
static struct buf written; /* what was written last, as text */
static size_t writes;
static bool wrote, refuses;

static void print_address(uint32_t address)
{
	struct in_addr in = { htonl(address) };

	buf_add_text(&written, inet_ntoa(in));
}

static void print_endpoints(const struct service_endpoint *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		buf_add_byte(&written, ' ');
		print_address(list[i].address);
		buf_add_print(&written, ":%u", list[i].port);
	}
}

static void print_port(const struct service_port *port)
{
	buf_add_print(&written, "%d ", port->protocol);
	for (size_t i = 0; i < port->address_count; i++) {
		print_address(port->addresses[i]);
		buf_add_byte(&written, ',');
	}
	buf_add_print(&written, "%u", port->port);
	if (port->node_port)
		buf_add_print(&written, " node=%u", port->node_port);
	if (port->affinity_s)
		buf_add_print(&written, " affinity=%d", port->affinity_s);
	buf_add_text(&written, " ->");
	print_endpoints(port->endpoints, port->endpoint_count);
	if (port->local_only) {
		buf_add_text(&written, " local");
		print_endpoints(port->local_endpoints, port->local_endpoint_count);
	}
	buf_add_byte(&written, '\n');
}

static bool fake_replace(const struct service_rules_plan *plan, struct error *err)
{
	writes++;
	wrote = true;
	if (refuses)
		return error_set(err, ERROR_BROKEN, "no");
	CHECK_STR(plan->cluster_cidr, "10.42.0.0/16");
	CHECK_STR(plan->pod_cidr, "10.42.3.0/24");
	buf_reset(&written);
	for (size_t i = 0; i < plan->port_count; i++)
		print_port(&plan->ports[i]);
	for (size_t i = 0; i < plan->host_port_count; i++) {
		const struct host_port *port = &plan->host_ports[i];

		buf_add_print(&written, "host %d ", port->protocol);
		print_address(port->host_address);
		buf_add_print(&written, ":%u ->", port->port);
		print_endpoints(&port->pod, 1);
		buf_add_byte(&written, '\n');
	}
	return true;
}

static struct pod *fake_next(const struct pods *all, size_t *at)
{
	(void)all;
	return *at < pod_count ? &pods[(*at)++] : NULL;
}

static const struct json *fake_object(const struct pod *pod)
{
	return json_root(pod->object);
}

static const char *fake_address(const struct pod *pod)
{
	return pod->address;
}

#define service_rules_replace fake_replace
#define pods_next             fake_next
#define pod_object            fake_object
#define pod_address           fake_address
#include "agent/service_sync.c"
#undef service_rules_replace
#undef pods_next
#undef pod_object
#undef pod_address

struct scene {
	struct loop *loop;
	struct fixture_api api;
	struct node node;
	struct service_sync *sync;
	char *services, *slices;
};

static bool keeps_disk; /* the next scene finds what the one before has left */

static void clear_disk(void)
{
	static const char *const names[] = { "services", "endpointslices" };

	for (size_t i = 0; i < ARRAY_LENGTH(names) && !keeps_disk; i++) {
		auto_free char *path = memory_print("%s/%s.json", harness_folder(), names[i]);

		unlink(path);
	}
}

static void network(struct scene *scene)
{
	const struct service_endpoint relay = { 0x0a2a0301, 6444 }; /* 10.42.3.1 */

	service_sync_network(scene->sync, "10.42.3.0/24", &relay);
}

static void scene_open(struct scene *scene, const char *services, const char *slices)
{
	struct service_sync_plan plan = { .node = &scene->node,
					  .cluster_cidr = "10.42.0.0/16",
					  .service_address = "10.43.0.1" };
	struct error err;

	*scene = (struct scene){ 0 };
	clear_disk();
	CHECK_OK(loop_open(&scene->loop, &err), &err);
	fixture_api_open(&scene->api, scene->loop);
	scene->services =
		memory_print("{'metadata':{'resourceVersion':'9'},'items':[%s]}", services);
	scene->slices = memory_print("{'metadata':{'resourceVersion':'9'},'items':[%s]}", slices);
	if (!keeps_disk) {
		fixture_api_answer(&scene->api, "GET /api/v1/services", scene->services);
		fixture_api_answer(&scene->api, "GET /apis/discovery.k8s.io/v1/endpointslices",
				   scene->slices);
	}
	scene->node = (struct node){ .loop = scene->loop,
				     .client = scene->api.client,
				     .name = "n1",
				     .folder = harness_folder() };
	CHECK_OK(work_open(scene->loop, 1, &scene->node.chores, &err), &err);
	wrote = false;
	scene->sync = service_sync_start(&plan);
}

static void scene_close(struct scene *scene)
{
	service_sync_stop(scene->sync);
	CHECK(scene->node.services == NULL);
	work_close(scene->node.chores);
	fixture_api_close(&scene->api);
	loop_close(scene->loop);
	for (size_t i = 0; i < pod_count; i++)
		json_doc_free(pods[i].object);
	pod_count = 0;
	buf_clear(&written);
	free(scene->services);
	free(scene->slices);
}

static void wait_for_table(struct scene *scene)
{
	wrote = false;
	fixture_until(scene->loop, &wrote);
}

static void check_table(const char *services, const char *slices, const char *want)
{
	struct scene scene;

	scene_open(&scene, services, slices);
	network(&scene);
	wait_for_table(&scene);
	CHECK_STR(buf_text(&written), want);
	scene_close(&scene);
}

/* clang-format off */
#define SERVICE(name, ip, ports, more)                                                             \
	"{'metadata':{'namespace':'shop','name':'" name "','resourceVersion':'1'},'spec':{"        \
	"'clusterIP':'" ip "','ports':[" ports "]" more "}}"
#define SLICE(name, service, ports, endpoints)                                                     \
	"{'metadata':{'namespace':'shop','name':'" name "','resourceVersion':'1','labels':{"       \
	"'kubernetes.io/service-name':'" service "'}},'addressType':'IPv4','ports':[" ports        \
	"],'endpoints':[" endpoints "]}"
#define UP(ip, node) "{'addresses':['" ip "'],'nodeName':'" node "','conditions':{'ready':true}}"
#define DOWN(ip)     "{'addresses':['" ip "'],'conditions':{'ready':false,'serving':false}}"
#define LEAVING(ip)                                                                                \
	"{'addresses':['" ip "'],'conditions':{'ready':false,'serving':true,'terminating':true}}"
#define HTTP       "{'name':'http','port':80,'protocol':'TCP','nodePort':30080}"
#define HTTP_SLICE "{'name':'http','port':8080,'protocol':'TCP'}"

static void ports_find_their_endpoints(void)
{
	check_table(SERVICE("web", "10.43.0.7",
			    HTTP ",{'name':'dns','port':53,'protocol':'UDP'}", "")
		    "," SERVICE("none", "None", "{'port':1}", "")
		    "," SERVICE("lone", "10.43.0.8", "{'port':1}", ""),
		    SLICE("a", "web", HTTP_SLICE ",{'name':'dns','port':5353,'protocol':'UDP'}",
			  UP("10.42.0.2", "n0") "," DOWN("10.42.0.3") "," LEAVING("10.42.0.4"))
		    "," SLICE("b", "web", HTTP_SLICE, UP("10.42.3.2", "n1"))
		    "," SLICE("c", "other", HTTP_SLICE, UP("10.42.9.9", "n1")),
		    "6 10.43.0.7,80 node=30080 -> 10.42.0.2:8080 10.42.3.2:8080\n"
		    "17 10.43.0.7,53 -> 10.42.0.2:5353\n"
		    "6 10.43.0.8,1 ->\n");
}

static void leaving_ones_are_the_last_resort(void)
{
	check_table(SERVICE("web", "10.43.0.7", HTTP, ""),
		    SLICE("a", "web", HTTP_SLICE, DOWN("10.42.0.3") "," LEAVING("10.42.0.4")),
		    "6 10.43.0.7,80 node=30080 -> 10.42.0.4:8080\n");
}

static void unready_ones_may_be_wanted(void)
{
	check_table(SERVICE("web", "10.43.0.7", HTTP, ",'publishNotReadyAddresses':true"),
		    SLICE("a", "web", HTTP_SLICE, DOWN("10.42.0.3") ",{'addresses':['10.42.0.5']}"),
		    "6 10.43.0.7,80 node=30080 -> 10.42.0.3:8080 10.42.0.5:8080\n");
}

static void policies_look_for_neighbours(void)
{
	static const char slices[] =
		SLICE("a", "web", HTTP_SLICE, UP("10.42.0.2", "n0") "," UP("10.42.3.2", "n1"));

	check_table(SERVICE("web", "10.43.0.7", HTTP, ",'externalTrafficPolicy':'Local'"), slices,
		    "6 10.43.0.7,80 node=30080 -> 10.42.0.2:8080 10.42.3.2:8080 local "
		    "10.42.3.2:8080\n");
	check_table(SERVICE("web", "10.43.0.7", HTTP, ",'internalTrafficPolicy':'Local'"), slices,
		    "6 10.43.0.7,80 node=30080 -> 10.42.3.2:8080\n");
}

static void all_addresses_are_served(void)
{
	check_table("{'metadata':{'namespace':'shop','name':'web','resourceVersion':'1'},'spec':{"
		    "'clusterIP':'10.43.0.7','externalIPs':['192.0.2.7','::1','x'],'ports':[{"
		    "'port':80,'protocol':'SCTP'}],'sessionAffinity':'ClientIP',"
		    "'sessionAffinityConfig':{'clientIP':{'timeoutSeconds':60}}},'status':{"
		    "'loadBalancer':{'ingress':[{'ip':'192.0.2.8'},{'hostname':'x'}]}}}",
		    "", "132 10.43.0.7,192.0.2.7,192.0.2.8,80 affinity=60 ->\n");
	check_table(SERVICE("web", "10.43.0.7", HTTP, ",'sessionAffinity':'ClientIP'"), "",
		    "6 10.43.0.7,80 node=30080 affinity=10800 ->\n");
}

static void odd_endpoints_are_left_out(void)
{
	check_table(SERVICE("web", "10.43.0.7", HTTP, ""),
		    SLICE("a", "web", HTTP_SLICE,
			  "{'addresses':[]},{},{'addresses':['fd00::1']},{'addresses':['x']}")
		    "," SLICE("b", "web", "{'name':'other','port':1}", UP("10.42.0.2", "n0"))
		    "," SLICE("c", "web", "{'name':'http','port':1,'protocol':'UDP'}",
			      UP("10.42.0.2", "n0"))
		    "," SLICE("d", "", HTTP_SLICE, UP("10.42.0.2", "n0")),
		    "6 10.43.0.7,80 node=30080 ->\n");
}

static void the_api_is_at_our_relay(void)
{
	check_table(SERVICE("kubernetes", "10.43.0.1", "{'name':'https','port':443}", ""),
		    SLICE("a", "kubernetes", "{'name':'https','port':6443}", UP("192.0.2.1", "n0")),
		    "6 10.43.0.1,443 -> 10.42.3.1:6444\n");
}

static void add_pod(const char *address, const char *text)
{
	pods[pod_count++] = (struct pod){ fixture_json(text), address };
}

#define PORTS(port)                                                                                \
	"[{'containerPort':8080,'hostPort':" port ",'protocol':'TCP'},{'containerPort':1}]"

static void host_ports_are_the_pods(void)
{
	add_pod("10.42.3.2",
		"{'spec':{'containers':[{'ports':" PORTS("80") "}],'initContainers':[{'ports':"
		PORTS("81") "},{'restartPolicy':'Always','ports':" PORTS("82") "}]}}");
	add_pod("", "{'spec':{'containers':[{'ports':" PORTS("83") "}]}}");
	add_pod("192.0.2.1",
		"{'spec':{'hostNetwork':true,'containers':[{'ports':" PORTS("84") "}]}}");
	add_pod("10.42.3.3", "{'spec':{'containers':[{'ports':" PORTS("85") "}]},'status':{"
			     "'phase':'Succeeded'}}");
	check_table("", "",
		    "host 6 0.0.0.0:80 -> 10.42.3.2:8080\nhost 6 0.0.0.0:82 -> 10.42.3.2:8080\n");
	add_pod("10.42.3.2", "{'spec':{'containers':[{'ports':[{'containerPort':53,'hostPort':53,"
			     "'protocol':'UDP','hostIP':'192.0.2.1'}]}]}}");
	check_table("", "", "host 17 192.0.2.1:53 -> 10.42.3.2:53\n");
}
/* clang-format on */

/* --- when --- */

static void nothing_is_written_before_all_is_known(void)
{
	struct scene scene;

	scene_open(&scene, "", "");
	writes = 0;
	scene.api.down = true; /* no list will come */
	network(&scene);
	service_sync_again(scene.sync);
	for (int i = 0; i < 10; i++)
		loop_once(scene.loop, 10);
	CHECK_INT(writes, 0);
	scene.api.down = false;
	wait_for_table(&scene);
	CHECK_INT(writes, 1);
	scene_close(&scene);
}

static void changes_are_gathered(void)
{
	struct scene scene;

	scene_open(&scene, SERVICE("web", "10.43.0.7", HTTP, ""), "");
	network(&scene);
	wait_for_table(&scene);
	CHECK(scene.node.services != NULL);
	writes = 0;
	for (int i = 0; i < 100; i++)
		service_sync_again(scene.sync);
	wait_for_table(&scene);
	fixture_turn(scene.loop, 5);
	CHECK_INT(writes, 1);
	scene_close(&scene);
}

static void a_refusal_is_tried_again(void)
{
	struct scene scene;

	scene_open(&scene, "", "");
	refuses = true;
	network(&scene);
	wait_for_table(&scene);
	refuses = false;
	wait_for_table(&scene);
	CHECK(!scene.sync->failed);
	scene_close(&scene);
}

/* What both lists said last serves until the API says otherwise; half of it does not. */
static void the_last_lists_serve_without_the_api(void)
{
	static const char slices[] = SLICE("a", "web", HTTP_SLICE, UP("10.42.0.2", "n0"));
	auto_free char *path = memory_print("%s/endpointslices.json", harness_folder());
	struct scene scene;

	check_table(SERVICE("web", "10.43.0.7", HTTP, ""), slices,
		    "6 10.43.0.7,80 node=30080 -> 10.42.0.2:8080\n");
	keeps_disk = true;
	check_table("", "", "6 10.43.0.7,80 node=30080 -> 10.42.0.2:8080\n");
	fixture_write(path, "{\"items\":[");
	writes = 0;
	scene_open(&scene, "", "");
	network(&scene);
	fixture_turn(scene.loop, 10);
	CHECK_INT(writes, 0);
	scene_close(&scene);
	keeps_disk = false;
}

static void stopped_at_any_time(void)
{
	for (int rounds = 0; rounds < 12; rounds++) {
		struct scene scene;

		scene_open(&scene, SERVICE("web", "10.43.0.7", HTTP, ""), "");
		network(&scene);
		fixture_turn(scene.loop, rounds);
		scene_close(&scene);
	}
	service_sync_stop(NULL);
}

static const struct test tests[] = {
	{ "ports find their endpoints", ports_find_their_endpoints },
	{ "leaving ones are the last resort", leaving_ones_are_the_last_resort },
	{ "unready ones may be wanted", unready_ones_may_be_wanted },
	{ "policies look for neighbours", policies_look_for_neighbours },
	{ "all addresses are served", all_addresses_are_served },
	{ "odd endpoints are left out", odd_endpoints_are_left_out },
	{ "the API is at our relay", the_api_is_at_our_relay },
	{ "host ports are the pods'", host_ports_are_the_pods },
	{ "nothing is written before all is known", nothing_is_written_before_all_is_known },
	{ "changes are gathered", changes_are_gathered },
	{ "a refusal is tried again", a_refusal_is_tried_again },
	{ "the last lists serve without the API", the_last_lists_serve_without_the_api },
	{ "stopped at any time", stopped_at_any_time },
};

TEST_MAIN(tests)
