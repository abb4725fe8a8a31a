/*
 * test_cycle.c - which node a pod gets, what is said when there is none, who has to leave for it:
 * tables over all rules.
 */
#include "server/schedule/cycle.h"

#include "server/schedule/preempt.h"
#include "tests/unit/harness.h"

/* --- a world without an API --- */

#define OBJECTS_MOST 256

static struct {
	enum control_kind kind;
	struct object *object;
} world[OBJECTS_MOST];
static size_t world_count;
static struct scene *scene;
static struct profiles *profiles;

static const struct object *next_object(void *of, enum control_kind kind, size_t *at)
{
	(void)of;
	for (; *at < world_count; ++*at)
		if (world[*at].kind == kind)
			return world[(*at)++].object;
	return NULL;
}

static const struct object *find_object(void *of, enum control_kind kind, struct str namespace,
					struct str name)
{
	const struct object *object;

	for (size_t i = 0; (object = next_object(of, kind, &i));)
		if (str_equal(object_name(object), name) &&
		    str_equal(object_namespace(object), namespace))
			return object;
	return NULL;
}

static struct object *parse(const char *text)
{
	struct object *object = NULL;
	struct error err;

	if (!object_from_bytes(str_of(text), &object, &err))
		harness_fail(__FILE__, __LINE__, "%s: %s", err.text, text);
	return object;
}

static void begin(void)
{
	struct sources sources = { NULL, find_object, next_object };

	scene = scene_new(&sources);
	profiles = profiles_default();
	world_count = 0;
}

static void finish(void)
{
	scene_free(scene);
	profiles_free(profiles);
	for (size_t i = 0; i < world_count; i++)
		object_unref(world[i].object);
}

static void add_object(enum control_kind kind, const char *text)
{
	CHECK(world_count < OBJECTS_MOST);
	world[world_count].kind = kind;
	world[world_count++].object = parse(text);
}

static void add_node(const char *text)
{
	struct object *node = parse(text);

	scene_node(scene, NULL, node);
	object_trim(node);
	object_unref(node);
}

static struct resident *make_pod(const char *text)
{
	struct object *pod = parse(text);
	struct resident *resident = resident_new(scene, pod);

	object_trim(pod);
	object_unref(pod);
	return resident;
}

static void add_pod(const char *text, const char *node)
{
	scene_add(scene, make_pod(text), str_of(node));
}

/* The node's name, or the sentence. */
static char *outcome_of(const char *text, bool preempts)
{
	struct resident *resident = make_pod(text);
	struct preemption preemption;
	auto_buf out = BUF_INIT;
	struct cycle cycle;
	size_t start = 0;

	cycle_begin(&cycle, scene, &profiles->at[0], resident);
	cycle_choose(&cycle, &start);
	if (cycle.chosen) {
		buf_add_text(&out, cycle.chosen->name);
	} else {
		cycle_print_refusals(&cycle, &out);
		if (preempts) {
			preempt_find(&cycle, &preemption);
			buf_add_print(&out, " [%s",
				      preemption.why ? preemption.why : preemption.place->name);
			for (size_t i = 0; i < preemption.count; i++)
				buf_add_print(&out, " " STR_FMT,
					      STR_ARG(object_name(preemption.victims[i]->pod)));
			buf_add_text(&out, "]");
		}
	}
	cycle_end(&cycle);
	resident_free(scene, resident);
	return buf_take(&out);
}

/* --- the table --- */

#define META(name, labels)                                                                         \
	"\"metadata\":{\"namespace\":\"d\",\"name\":\"" name "\",\"uid\":\"" name                  \
	"\",\"labels\":{" labels "}}"
#define NODE(name, zone, spec, more)                                                               \
	"{\"metadata\":{\"name\":\"" name "\",\"labels\":{\"kubernetes.io/hostname\":\"" name      \
	"\",\"zone\":\"" zone "\",\"size\":\"5\"}},\"spec\":{" spec                                \
	"},\"status\":{\"allocatable\":{\"cpu\":\"1\",\"memory\":\"1Gi\",\"pods\":\"3\"" more      \
	"}}}"
#define ASKS(cpu) "\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"" cpu "\"}}}]"
#define POD(name, labels, spec) "{" META(name, labels) ",\"spec\":{" spec "}}"
#define WANTS(expression)                                                                          \
	"\"affinity\":{\"nodeAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":{"     \
	"\"nodeSelectorTerms\":[{" expression "}]}}},"
#define ABOUT(part, key, app)                                                                      \
	"\"affinity\":{\"" part "\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[{"        \
	"\"topologyKey\":\"" key "\",\"labelSelector\":{\"matchLabels\":{\"app\":\"" app           \
	"\"}}}]}},"
#define SPREAD(key, more)                                                                          \
	"\"topologySpreadConstraints\":[{\"maxSkew\":1,\"topologyKey\":\"" key                     \
	"\",\"whenUnsatisfiable\":\"DoNotSchedule\"" more                                          \
	",\"labelSelector\":{\"matchLabels\":{\"app\":\"s\"}}}],"

/*
 * n1: cordoned, zone a.  n2: tainted, zone a.  n3: free, zone b, runs "web" (300m, port 80).
 * n4: zone b, full of low pods.
 */
static const struct {
	const char *pod, *outcome;
} rows[] = {
	{ POD("p", "", ASKS("100m")), "n3" },
	{ POD("p", "",
	      "\"tolerations\":[{\"key\":\"k\",\"operator\":\"Exists\"}],"
	      "\"nodeSelector\":{\"kubernetes.io/hostname\":\"n2\"}," ASKS("1")),
	  "n2" },
	{ POD("p", "",
	      "\"tolerations\":[{\"key\":\"k\",\"value\":\"w\"}],"
	      "\"nodeSelector\":{\"kubernetes.io/hostname\":\"n2\"}," ASKS("1")),
	  "0/4 nodes are available: 1 node(s) had untolerated taint {k: v}, 1 node(s) were "
	  "unschedulable, 2 node(s) didn't match Pod's node affinity/selector." },
	{ POD("p", "", "\"tolerations\":[{\"operator\":\"Exists\"}]," ASKS("900m")), "n12" },
	{ POD("p", "", ASKS("800m")),
	  "0/4 nodes are available: 1 Too many pods, 1 node(s) had untolerated taint {k: v}, 1 "
	  "node(s) were unschedulable, 2 Insufficient cpu." },
	{ POD("p", "", "\"containers\":[{\"ports\":[{\"hostPort\":80}]}]"),
	  "0/4 nodes are available: 1 Too many pods, 1 node(s) didn't have free ports for the "
	  "requested pod ports, 1 node(s) had untolerated taint {k: v}, 1 node(s) were "
	  "unschedulable." },
	{ POD("p", "", "\"containers\":[{\"ports\":[{\"hostPort\":80,\"protocol\":\"UDP\"}]}]"),
	  "n3" },
	{ POD("p", "",
	      WANTS("\"matchExpressions\":[{\"key\":\"size\",\"operator\":\"Gt\",\"values\""
		    ":[\"4\"]},{\"key\":\"zone\",\"operator\":\"NotIn\",\"values\":[\"a\""
		    "]},{\"key\":\"none\",\"operator\":\"DoesNotExist\"}]") ASKS("100m")),
	  "n3" },
	{ POD("p", "",
	      WANTS("\"matchFields\":[{\"key\":\"metadata.name\",\"operator\":\"In\","
		    "\"values\":[\"n4\"]}]") ASKS("100m")),
	  "0/4 nodes are available: 1 Insufficient cpu, 1 Too many pods, 3 node(s) didn't satisfy "
	  "plugin(s) [NodeAffinity]." },
	{ POD("p", "", ABOUT("podAffinity", "zone", "web") ASKS("100m")), "n3" },
	{ POD("p", "", ABOUT("podAffinity", "zone", "none") ASKS("1m")),
	  "0/4 nodes are available: 1 Too many pods, 1 node(s) didn't match pod affinity rules, 1 "
	  "node(s) had untolerated taint {k: v}, 1 node(s) were unschedulable." },
	{ POD("p", "\"app\":\"own\"", ABOUT("podAffinity", "zone", "own") ASKS("1m")), "n3" },
	{ POD("p", "", ABOUT("podAntiAffinity", "zone", "web") ASKS("1m")),
	  "0/4 nodes are available: 1 Too many pods, 1 node(s) didn't match pod anti-affinity "
	  "rules, 1 node(s) had untolerated taint {k: v}, 1 node(s) were unschedulable." },
	/* "web" does not want to be near "noisy". */
	{ POD("p", "\"app\":\"noisy\"", ASKS("1m")),
	  "0/4 nodes are available: 1 Too many pods, 1 node(s) didn't satisfy existing pods "
	  "anti-affinity rules, 1 node(s) had untolerated taint {k: v}, 1 node(s) were "
	  "unschedulable." },
	/* Zone b has one "s", zone a has none: n3 is one too many, unless zone a does not count. */
	{ POD("p", "\"app\":\"s\"", SPREAD("zone", "") ASKS("1m")),
	  "0/4 nodes are available: 1 Too many pods, 1 node(s) didn't match pod topology spread "
	  "constraints, 1 node(s) had untolerated taint {k: v}, 1 node(s) were unschedulable." },
	{ POD("p", "\"app\":\"s\"",
	      SPREAD("zone", "") "\"nodeSelector\":{\"zone\":\"b\"}," ASKS("1m")),
	  "n3" },
	{ POD("p", "\"app\":\"s\"",
	      SPREAD("zone", ",\"minDomains\":2") "\"nodeSelector\":{\"zone\":\"b\"}," ASKS("1m")),
	  "0/4 nodes are available: 1 Too many pods, 1 node(s) didn't match pod topology spread "
	  "constraints, 1 node(s) had untolerated taint {k: v}, 1 node(s) were unschedulable." },
	{ POD("p", "", SPREAD("rack", "") ASKS("1m")),
	  "0/4 nodes are available: 1 Too many pods, 1 node(s) didn't match pod topology spread "
	  "constraints (missing required label), 1 node(s) had untolerated taint {k: v}, 1 "
	  "node(s) were unschedulable." },
	{ POD("p", "", "\"volumes\":[{\"persistentVolumeClaim\":{\"claimName\":\"none\"}}]"),
	  "0/4 nodes are available: persistentvolumeclaim \"none\" not found." },
	{ POD("p", "", "\"volumes\":[{\"persistentVolumeClaim\":{\"claimName\":\"now\"}}]"),
	  "0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims." },
	{ POD("p", "", "\"volumes\":[{\"persistentVolumeClaim\":{\"claimName\":\"bound\"}}]"),
	  "0/4 nodes are available: 1 Too many pods, 1 node(s) had untolerated taint {k: v}, 1 "
	  "node(s) had volume node affinity conflict, 1 node(s) were unschedulable." },
	{ POD("p", "", "\"volumes\":[{\"persistentVolumeClaim\":{\"claimName\":\"alone\"}}]"),
	  "0/4 nodes are available: 1 Too many pods, 1 node(s) had untolerated taint {k: v}, 1 "
	  "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode "
	  "already in-use by another pod, 1 node(s) were unschedulable." },
};

static void make_world(void)
{
	add_node(NODE("n1", "a", "\"unschedulable\":true", ""));
	add_node(NODE("n2", "a",
		      "\"taints\":[{\"key\":\"k\",\"value\":\"v\",\"effect\":\"NoSchedule\"}]",
		      ""));
	add_node(NODE("n3", "b", "", ",\"example.com/a\":\"1\""));
	add_node(NODE("n4", "b", "", ""));
	add_pod(POD("web", "\"app\":\"web\"",
		    ABOUT("podAntiAffinity", "kubernetes.io/hostname",
			  "noisy") "\"volumes\":[{\"persistentVolumeClaim\":{\"claimName\":"
				   "\"alone\"}}],"
				   "\"containers\":[{\"ports\":[{\"hostPort\":80}],\"resources\":{"
				   "\"requests\":{"
				   "\"cpu\":\"300m\"}}}]"),
		"n3");
	add_pod(POD("low1", "\"app\":\"s\"", "\"priority\":1," ASKS("300m")), "n4");
	add_pod(POD("low2", "", "\"priority\":2," ASKS("300m")), "n4");
	add_pod(POD("low3", "", "\"priority\":3," ASKS("390m")), "n4");
	add_object(CONTROL_CLAIMS, "{" META("now", "") ",\"spec\":{\"accessModes\":[]}}");
	add_object(CONTROL_CLAIMS, "{" META("bound", "") ",\"spec\":{\"volumeName\":\"far\"},"
							 "\"status\":{\"phase\":\"Bound\"}}");
	add_object(CONTROL_CLAIMS,
		   "{" META("alone", "") ",\"spec\":{\"volumeName\":\"near\",\"accessModes\":["
					 "\"ReadWriteOncePod\"]},\"status\":{\"phase\":"
					 "\"Bound\"}}");
	add_object(CONTROL_VOLUMES, "{\"metadata\":{\"name\":\"near\"}}");
	add_object(CONTROL_VOLUMES,
		   "{\"metadata\":{\"name\":\"far\"},\"spec\":{\"nodeAffinity\":{\"required\":{"
		   "\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"key\":\"zone\",\"operator\":"
		   "\"In\",\"values\":[\"a\"]}]}]}}}}");
}

static void words_of_all_rules(void)
{
	begin();
	make_world();
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_free char *outcome = outcome_of(rows[i].pod, false);

		if (strcmp(rows[i].outcome, "n12") == 0 &&
		    (strcmp(outcome, "n1") == 0 || strcmp(outcome, "n2") == 0))
			continue;
		if (strcmp(outcome, rows[i].outcome) != 0)
			harness_fail(__FILE__, __LINE__, "row %zu\n  got:    %s\n  wanted: %s", i,
				     outcome, rows[i].outcome);
	}
	finish();
}

/* --- preemption --- */

static const struct {
	const char *spec, *budget_of, *outcome;
} preemptions[] = {
	/* The least important of those that are enough. */
	{ "\"priority\":9,\"nodeSelector\":{\"kubernetes.io/hostname\":\"n4\"}," ASKS("200m"), NULL,
	  "[n4 low1]" },
	{ "\"priority\":9,\"nodeSelector\":{\"kubernetes.io/hostname\":\"n4\"}," ASKS("600m"), NULL,
	  "[n4 low2 low1]" },
	/* A budget that has nothing left is spared. */
	{ "\"priority\":9,\"nodeSelector\":{\"kubernetes.io/hostname\":\"n4\"}," ASKS("200m"), "s",
	  "[n4 low2]" },
	{ "\"priority\":1,\"nodeSelector\":{\"kubernetes.io/hostname\":\"n4\"}," ASKS("200m"), NULL,
	  "[0/4 nodes are available: 1 No preemption victims found for incoming pod, 3 Preemption "
	  "is not helpful for scheduling.]" },
	{ "\"priority\":2,\"nodeSelector\":{\"kubernetes.io/hostname\":\"n4\"}," ASKS("500m"), NULL,
	  "[0/4 nodes are available: 1 Insufficient cpu, 3 Preemption is not helpful for "
	  "scheduling.]" },
	{ "\"priority\":9,\"preemptionPolicy\":\"Never\"," ASKS("1"), NULL,
	  "[not eligible due to preemptionPolicy=Never.]" },
};

static void finds_victims(void)
{
	for (size_t i = 0; i < ARRAY_LENGTH(preemptions); i++) {
		auto_free char *pod =
			memory_print("{" META("p", "") ",\"spec\":{%s}}", preemptions[i].spec);
		auto_free char *outcome = NULL, *again = NULL;

		begin();
		make_world();
		if (preemptions[i].budget_of)
			add_object(CONTROL_BUDGETS,
				   "{" META("b", "") ",\"spec\":{\"selector\":{\"matchLabels\":{"
						     "\"app\":\"s\"}}},\"status\":{"
						     "\"disruptionsAllowed\":0}}");
		outcome = outcome_of(pod, true);
		again = outcome_of(pod, true); /* a dry run leaves nothing behind */
		finish();
		CHECK_STR(strchr(outcome, '['), preemptions[i].outcome);
		CHECK_STR(again, outcome);
	}
}

/* Room that somebody of higher priority waits for is not given away. */
static void keeps_nominated_room(void)
{
	auto_free char *lesser = NULL, *greater = NULL;

	begin();
	add_node(NODE("n1", "a", "", ""));
	scene_nominate(scene, make_pod(POD("first", "", "\"priority\":5," ASKS("800m"))),
		       STR("n1"));
	lesser = outcome_of(POD("p", "", "\"priority\":4," ASKS("300m")), false);
	greater = outcome_of(POD("q", "", "\"priority\":6," ASKS("300m")), false);
	CHECK_STR(lesser, "0/1 nodes are available: 1 Insufficient cpu.");
	CHECK_STR(greater, "n1");
	finish();
}

static const struct test tests[] = {
	{ "words of all rules", words_of_all_rules },
	{ "finds victims", finds_victims },
	{ "keeps nominated room", keeps_nominated_room },
};
TEST_MAIN(tests)
