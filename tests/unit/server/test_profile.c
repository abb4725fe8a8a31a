/*
 * test_profile.c - a KubeSchedulerConfiguration: what is taken, and what is refused with which
 * words.
 */
#include "server/schedule/profile.h"

#include "tests/unit/harness.h"

#define HEAD "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"

static const struct {
	const char *yaml, *words;
} bad[] = {
	{ "kind: Pod\n", "must be a KubeSchedulerConfiguration" },
	{ HEAD "speed: 1\n", "unknown field \"speed\"" },
	{ HEAD "percentageOfNodesToScore: 101\n", "from 0 to 100" },
	{ HEAD "podInitialBackoffSeconds: 20\n", "podMaxBackoffSeconds must not be less" },
	{ HEAD "extenders: [{urlPrefix: a}]\n", "extenders are not offered" },
	{ HEAD "profiles: [{schedulerName: a}, {schedulerName: a}]\n", "two profiles" },
	{ HEAD "profiles: [{plugins: {score: {enabled: [{name: None}]}}}]\n",
	  "there is no plugin \"None\"" },
	{ HEAD "profiles: [{plugins: {scores: {}}}]\n", "unknown field \"scores\"" },
	{ HEAD "profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: "
	       "{type: Most}}}]}]\n",
	  "scoringStrategy.type must be" },
	{ HEAD "profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: "
	       "{type: RequestedToCapacityRatio}}}]}]\n",
	  "needs a shape" },
	{ HEAD "profiles: [{pluginConfig: [{name: PodTopologySpread, args: {defaultConstraints: "
	       "[{maxSkew: 1, topologyKey: a, whenUnsatisfiable: ScheduleAnyway}]}}]}]\n",
	  "defaultingType List only" },
	{ HEAD "profiles: [{pluginConfig: [{name: ImageLocality, args: {}}]}]\n",
	  "has no arguments here" },
};

static void refuses(void)
{
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		struct profiles *profiles = NULL;
		struct error err;

		CHECK(!profiles_parse(str_of(bad[i].yaml), &profiles, &err));
		if (!strstr(err.text, bad[i].words))
			harness_fail(__FILE__, __LINE__, "row %zu says: %s", i, err.text);
	}
}

static void takes(void)
{
	static const char yaml[] =
		HEAD "percentageOfNodesToScore: 30\n"
		     "podMaxBackoffSeconds: 4\n"
		     "profiles:\n"
		     "- schedulerName: pack\n"
		     "  plugins:\n"
		     "    score: {disabled: [{name: '*'}], enabled: [{name: NodeResourcesFit, "
		     "weight: 7}]}\n"
		     "    multiPoint: {disabled: [{name: NodePorts}, {name: DefaultPreemption}]}\n"
		     "  pluginConfig:\n"
		     "  - name: NodeResourcesFit\n"
		     "    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, "
		     "weight: 3},"
		     " {name: example.com/a}]}, ignoredResources: [example.com/b]}\n"
		     "- percentageOfNodesToScore: 5\n";
	const struct profile *pack, *usual;
	struct profiles *profiles = NULL;
	struct error err;

	CHECK(profiles_parse(str_of(yaml), &profiles, &err));
	CHECK_INT(profiles->backoff_most_s, 4);
	pack = profiles_find(profiles, STR("pack"));
	usual = profiles_find(profiles, STR("default-scheduler"));
	CHECK(pack && usual && !profiles_find(profiles, STR("none")));
	CHECK_INT(pack->nodes_percent, 30);
	CHECK_INT(usual->nodes_percent, 5);
	CHECK_INT(pack->weights[PLUGIN_FIT], 7);
	CHECK_INT(pack->weights[PLUGIN_SPREAD], 0);
	CHECK_INT(usual->weights[PLUGIN_TAINTS], 3);
	CHECK(!pack->checks[PLUGIN_PORTS] && usual->checks[PLUGIN_PORTS]);
	CHECK(!pack->preempts && usual->preempts);
	CHECK_INT(pack->strategy, FIT_MOST);
	CHECK_INT((int64_t)pack->fit.count, 2);
	CHECK_INT(pack->fit.at[0].kind, AMOUNT_CPU);
	CHECK_INT(pack->fit.at[0].weight, 3);
	CHECK_INT(pack->fit.at[1].kind, AMOUNT_EXTRA);
	CHECK_STR(pack->ignored[0], "example.com/b");
	profiles_free(profiles);
}

static const struct test tests[] = {
	{ "refuses", refuses },
	{ "takes", takes },
};
TEST_MAIN(tests)
