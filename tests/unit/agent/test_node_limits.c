/*
 * test_node_limits.c - arguments of a kubelet, good and bad, and what is left for pods.
 */
#include "agent/node_limits.h"

#include "tests/unit/harness.h"

#define MIB (1024ll * 1024)

static bool read_one(const char *argument, struct node_limits *out, struct error *err)
{
	struct option_list list = { &argument, argument ? 1 : 0 };

	return node_limits_read(&list, out, err);
}

static void defaults_are_those_of_k3s(void)
{
	struct node_limits limits;
	struct error err;

	CHECK_OK(read_one(NULL, &limits, &err), &err);
	CHECK_INT(limits.threshold_count, 2);
	CHECK_INT(limits.thresholds[0].signal, SIGNAL_IMAGEFS);
	CHECK_STR(limits.thresholds[0].below.text, "5%");
	CHECK_STR(limits.thresholds[1].reclaim.text, "10%");
	CHECK_INT(limit_amount_of(&limits.thresholds[1].below, 1000), 50);
	CHECK_INT(limits.transition_ms, 300000);
	CHECK_INT(limits.image_high, 85);
	CHECK_INT(limits.image_low, 80);
	CHECK_INT(limits.image_age_min_ms, 120000);
	CHECK_INT(limits.log_size_max, 10 * MIB);
	CHECK_INT(limits.log_files_max, 5);
}

static void bad_ones_are_refused(void)
{
	static const char *const rows[][2] = {
		{ "eviction-hard=memory.free<1Mi", "is no eviction signal" },
		{ "eviction-hard=memory.available", "is not SIGNAL<AMOUNT" },
		{ "eviction-hard=memory.available<", "is not SIGNAL<AMOUNT" },
		{ "eviction-hard=memory.available<-5", "is no amount" },
		{ "eviction-hard=memory.available<many", "is no amount" },
		{ "eviction-hard=memory.available<120%", "is no percentage" },
		{ "eviction-hard=memory.available<nan%", "is no percentage" },
		{ "eviction-hard=allocatableMemory.available<1Mi", "is no eviction signal" },
		{ "eviction-hard=memory.available<1Mi,memory.available<2Mi", "is said twice" },
		{ "eviction-soft=memory.available<1Mi", "grace period must be specified" },
		{ "eviction-soft-grace-period=memory.available=1m", "eviction-soft says nothing" },
		{ "eviction-pressure-transition-period=soon", "is no duration" },
		{ "system-reserved=gpu=1", "cannot reserve \"gpu\"" },
		{ "kube-reserved=cpu=-1", "cannot be negative" },
		{ "image-gc-high-threshold=101", "is no number from 0 to 100" },
		{ "image-gc-high-threshold=80", "must be greater than" },
		{ "container-log-max-files=1", "is no number from 2" },
		{ "container-log-max-size=0", "must be more than 0" },
		{ "enforce-node-allocatable=system-reserved", "\"pods\" or \"none\"" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct node_limits limits;
		struct error err;

		CHECK(!read_one(rows[i][0], &limits, &err));
		if (!strstr(err.text, rows[i][1]))
			harness_fail(__FILE__, __LINE__, "%s says: %s", rows[i][0], err.text);
	}
}

/* Goal: what is said later in the list reaches thresholds that were said before or after it. */
static void any_order(void)
{
	const char *arguments[] = { "eviction-minimum-reclaim=memory.available=7Mi",
				    "eviction-soft-grace-period=memory.available=90s",
				    "eviction-soft=memory.available<200Mi",
				    "eviction-hard=memory.available<100Mi" };
	struct option_list list = { arguments, 4 };
	struct node_limits limits;
	struct error err;

	CHECK_OK(node_limits_read(&list, &limits, &err), &err);
	CHECK_INT(limits.threshold_count, 3); /* the third: of all pods together */
	for (size_t i = 0; i < 2; i++)
		CHECK_INT(limits.thresholds[i].reclaim.value, 7 * MIB);
	CHECK(limits.thresholds[0].is_soft);
	CHECK_INT(limits.thresholds[0].grace_ms, 90000);
	CHECK_INT(limits.thresholds[2].signal, SIGNAL_ALLOCATABLE_MEMORY);
}

static void what_is_left(void)
{
	const char *arguments[] = { "system-reserved=cpu=200m,memory=100Mi,ephemeral-storage=1Gi",
				    "kube-reserved=cpu=300m,memory=50Mi",
				    "eviction-hard=memory.available<10%,nodefs.available<1Gi" };
	struct option_list list = { arguments, 3 };
	struct reservation have = { .cpu_milli = 4000,
				    .memory = 1000 * MIB,
				    .ephemeral = 10240 * MIB },
			   left;
	struct node_limits limits;
	struct error err;

	CHECK_OK(node_limits_read(&list, &limits, &err), &err);
	left = node_limits_allocatable(&limits, &have);
	CHECK_INT(left.cpu_milli, 3500);
	CHECK_INT(left.memory, 750 * MIB);
	CHECK_INT(left.ephemeral, 8192 * MIB);
	have = (struct reservation){ .cpu_milli = 100, .memory = MIB };
	left = node_limits_allocatable(&limits, &have);
	CHECK_INT(left.cpu_milli, 0);
	CHECK_INT(left.memory, 0);
}

static const struct test tests[] = {
	{ "defaults are those of k3s", defaults_are_those_of_k3s },
	{ "bad ones are refused", bad_ones_are_refused },
	{ "any order", any_order },
	{ "what is left", what_is_left },
};
TEST_MAIN(tests)
