/*
 * test_scene.c - a slow and obvious model of nodes, taints, amounts, spreading and affinity against
 * the scene and its rules, over random clusters that pods come to and leave.
 *
 * The model keeps plain arrays and asks every pair; a difference is printed with its seed.
 */
#include <stdlib.h>

#include "server/schedule/cycle.h"
#include "tests/unit/harness.h"

#define NODES        12
#define PODS         60
#define ROUNDS       40
#define ZONES        3
#define APPS         3
#define CPU_ALL      1000
#define PODS_OF_NODE 8

/* --- chance that can be told again --- */

static uint64_t chance;

static unsigned below(unsigned limit)
{
	chance = chance * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(chance >> 33) % limit;
}

/* --- the model --- */

struct model_node {
	bool tainted, cordoned;
	unsigned zone;
};
struct model_pod {
	bool there;
	unsigned node, app, cpu;
	bool tolerates, spreads; /* over zones, pods of its app */
	int near, apart;         /* an app in the same zone; on the same node; -1: none */
};
static struct model_node nodes[NODES];
static struct model_pod pods[PODS];

static unsigned count_in_zone(unsigned zone, unsigned app)
{
	unsigned count = 0;

	for (unsigned i = 0; i < PODS; i++)
		count += pods[i].there && pods[i].app == app && nodes[pods[i].node].zone == zone;
	return count;
}

static unsigned count_on_node(unsigned node, unsigned app)
{
	unsigned count = 0;

	for (unsigned i = 0; i < PODS; i++)
		count += pods[i].there && pods[i].app == app && pods[i].node == node;
	return count;
}

static bool room_fits(const struct model_pod *pod, unsigned node)
{
	unsigned cpu = 0, count = 0;

	for (unsigned i = 0; i < PODS; i++) {
		if (!pods[i].there || pods[i].node != node)
			continue;
		cpu += pods[i].cpu;
		count++;
	}
	return cpu + pod->cpu <= CPU_ALL && count < PODS_OF_NODE;
}

static bool zone_exists(unsigned zone)
{
	for (unsigned i = 0; i < NODES; i++)
		if (nodes[i].zone == zone)
			return true;
	return false;
}

static bool spread_fits(const struct model_pod *pod, unsigned node)
{
	unsigned least = UINT32_MAX;

	for (unsigned zone = 0; zone < ZONES; zone++)
		if (zone_exists(zone) && count_in_zone(zone, pod->app) < least)
			least = count_in_zone(zone, pod->app);
	return !pod->spreads || count_in_zone(nodes[node].zone, pod->app) + 1 - least <= 1;
}

static bool near_fits(const struct model_pod *pod, unsigned node)
{
	unsigned anywhere = 0;

	if (pod->near < 0 || count_in_zone(nodes[node].zone, (unsigned)pod->near) > 0)
		return true;
	for (unsigned zone = 0; zone < ZONES; zone++)
		anywhere += count_in_zone(zone, (unsigned)pod->near);
	return anywhere == 0 && (unsigned)pod->near == pod->app;
}

static bool apart_fits(const struct model_pod *pod, unsigned node)
{
	if (pod->apart >= 0 && count_on_node(node, (unsigned)pod->apart) > 0)
		return false;
	for (unsigned i = 0; i < PODS; i++)
		if (pods[i].there && pods[i].node == node && pods[i].apart == (int)pod->app)
			return false;
	return true;
}

static bool model_fits(const struct model_pod *pod, unsigned node)
{
	return !nodes[node].cordoned && (!nodes[node].tainted || pod->tolerates) &&
	       room_fits(pod, node) && spread_fits(pod, node) && near_fits(pod, node) &&
	       apart_fits(pod, node);
}

/* --- the same as objects --- */

static struct scene *scene;
static struct profiles *profiles;

static const struct object *find_nothing(void *of, enum control_kind kind, struct str namespace,
					 struct str name)
{
	(void)of;
	(void)kind;
	(void)namespace;
	(void)name;
	return NULL;
}

static const struct object *next_nothing(void *of, enum control_kind kind, size_t *at)
{
	(void)of;
	(void)kind;
	(void)at;
	return NULL;
}

static struct object *parse(char *text)
{
	struct object *object = NULL;
	struct error err;

	if (!object_from_bytes(str_of(text), &object, &err))
		harness_fail(__FILE__, __LINE__, "%s: %s", err.text, text);
	free(text);
	return object;
}

static void show_node(unsigned i)
{
	struct object *node = parse(memory_print(
		"{\"metadata\":{\"name\":\"n%u\",\"labels\":{\"kubernetes.io/hostname\":\"n%u\","
		"\"zone\":\"z%u\"}},\"spec\":{\"unschedulable\":%s,\"taints\":[%s]},\"status\":{"
		"\"allocatable\":{\"cpu\":\"%um\",\"pods\":\"%u000m\"}}}",
		i, i, nodes[i].zone, nodes[i].cordoned ? "true" : "false",
		nodes[i].tainted ? "{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoSchedule\"}" : "",
		CPU_ALL, PODS_OF_NODE));

	scene_node(scene, NULL, node);
	object_unref(node);
}

static void add_term(struct buf *out, const char *part, const char *key, int app)
{
	if (app >= 0)
		buf_add_print(out,
			      "%s\"%s\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[{"
			      "\"topologyKey\":\"%s\",\"labelSelector\":{\"matchLabels\":{\"app\":"
			      "\"%d\"}}}]}",
			      out->len > 0 ? "," : "", part, key, app);
}

static struct resident *show_pod(unsigned i)
{
	const struct model_pod *pod = &pods[i];
	auto_buf terms = BUF_INIT;
	struct resident *resident;
	struct object *object;

	add_term(&terms, "podAffinity", "zone", pod->near);
	add_term(&terms, "podAntiAffinity", "kubernetes.io/hostname", pod->apart);
	object = parse(memory_print(
		"{\"metadata\":{\"namespace\":\"d\",\"name\":\"p%u\",\"uid\":\"%u\",\"labels\":{"
		"\"app\":\"%u\"}},\"spec\":{\"affinity\":{%s},\"tolerations\":[%s],"
		"\"topologySpreadConstraints\":[{\"maxSkew\":1,\"topologyKey\":\"zone\","
		"\"whenUnsatisfiable\":\"%s\",\"labelSelector\":{\"matchLabels\":{\"app\":\"%u\"}}}"
		"],\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"%um\"}}}]}}",
		i, i, pod->app, buf_text(&terms),
		pod->tolerates ? "{\"operator\":\"Exists\",\"effect\":\"NoSchedule\",\"key\":\"k\"}"
			       : "",
		pod->spreads ? "DoNotSchedule" : "ScheduleAnyway", pod->app, pod->cpu));
	resident = resident_new(scene, object);
	object_unref(object);
	return resident;
}

/* --- both --- */

static void make_pod(struct model_pod *pod)
{
	*pod = (struct model_pod){ .app = below(APPS), .cpu = 50 + below(300) };
	pod->tolerates = below(3) == 0;
	pod->spreads = below(4) == 0;
	pod->near = below(5) == 0 ? (int)below(APPS) : -1;
	pod->apart = below(6) == 0 ? (int)below(APPS) : -1;
}

/* Every node is asked of both; the pod goes where the cycle puts it. */
static void try_pod(unsigned i, uint64_t seed)
{
	struct resident *resident;
	struct cycle cycle;
	size_t start = 0;
	bool any = false;

	make_pod(&pods[i]);
	resident = show_pod(i);
	cycle_begin(&cycle, scene, &profiles->at[0], resident);
	cycle_choose(&cycle, &start);
	for (unsigned n = 0; n < NODES; n++) {
		auto_free char *name = memory_print("n%u", n);
		unsigned unused = 0;
		bool fits = cycle_check(&cycle, scene_place(scene, str_of(name)), &unused) ==
			    VERDICT_FITS;

		any = any || fits;
		if (fits != model_fits(&pods[i], n))
			harness_fail(__FILE__, __LINE__,
				     "seed %" PRIu64 ", pod %u on node %u: %s, the model says %s",
				     seed, i, n, fits ? "fits" : cycle.reasons[0],
				     fits ? "no" : "it fits");
	}
	CHECK(any == (cycle.chosen != NULL));
	if (cycle.chosen) {
		pods[i].node = (unsigned)strtoul(cycle.chosen->name + 1, NULL, 10);
		CHECK(model_fits(&pods[i], pods[i].node));
		pods[i].there = true;
		scene_add(scene, resident, str_of(cycle.chosen->name));
	}
	cycle_end(&cycle);
	if (!pods[i].there)
		resident_free(scene, resident);
}

static void leave(unsigned i)
{
	auto_free char *key = memory_print("d/p%u", i);

	scene_remove(scene, str_of(key));
	pods[i].there = false;
}

static void run_cluster(uint64_t seed)
{
	struct sources sources = { NULL, find_nothing, next_nothing };

	chance = seed;
	memset(pods, 0, sizeof(pods));
	scene = scene_new(&sources);
	profiles = profiles_default();
	for (unsigned i = 0; i < NODES; i++) {
		nodes[i] = (struct model_node){ below(5) == 0, below(8) == 0, below(ZONES) };
		show_node(i);
	}
	for (unsigned step = 0; step < 3 * PODS; step++) {
		unsigned i = below(PODS);

		if (pods[i].there)
			leave(i);
		else
			try_pod(i, seed);
		if (below(20) == 0) {
			unsigned n = below(NODES);

			nodes[n].cordoned = !nodes[n].cordoned;
			show_node(n);
		}
	}
	scene_free(scene);
	profiles_free(profiles);
}

static void agrees_with_the_model(void)
{
	for (uint64_t seed = 1; seed <= ROUNDS; seed++)
		run_cluster(seed);
}

static const struct test tests[] = {
	{ "agrees with the model", agrees_with_the_model, .time_limit_s = 40 },
};
TEST_MAIN(tests)
