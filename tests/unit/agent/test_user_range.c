/*
 * test_user_range.c - ranges of users: others for each pod, the same again for the same pod.
 */
#include "agent/user_range.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/harness.h"

static uint32_t get(const char *uid)
{
	char path[512];
	uint32_t base = 0;
	struct error err;

	snprintf(path, sizeof(path), "%s/%s", harness_folder(), uid);
	CHECK_OK(file_make_dirs(path, 0700, &err), &err);
	CHECK_OK(user_range_get(harness_folder(), uid, &base, &err), &err);
	CHECK_INT(base % 65536, 0);
	CHECK(base >= 65536);
	return base;
}

static void gives_each_pod_its_own(void)
{
	uint32_t one = get("one"), two = get("two"), three = get("three");
	char path[512];
	struct error err;

	CHECK(one != two && two != three && one != three);
	CHECK_INT(get("one"), one);
	CHECK_INT(get("two"), two);
	/* A pod that is gone makes room. */
	snprintf(path, sizeof(path), "%s/two", harness_folder());
	CHECK_OK(file_remove_tree(path, &err), &err);
	CHECK_INT(get("four"), two);
}

/* A file that makes no sense is no range: the pod gets one. */
static void passes_over_nonsense(void)
{
	static const char *const texts[] = { "", "x", "0\n", "65537\n", "4294901760\n", "-65536" };
	char path[512];
	struct error err;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		snprintf(path, sizeof(path), "%s/odd", harness_folder());
		CHECK_OK(file_make_dirs(path, 0700, &err), &err);
		snprintf(path, sizeof(path), "%s/odd/users", harness_folder());
		CHECK_OK(file_replace(path, str_of(texts[i]), 0600, &err), &err);
		CHECK_INT(get("odd"), 65536);
	}
}

static void ids_are_the_host_s(void)
{
	CHECK_INT(user_range_host(0, 7), 7);
	CHECK_INT(user_range_host(0, -1), -1);
	CHECK_INT(user_range_host(131072, 0), 131072);
	CHECK_INT(user_range_host(131072, 65535), 131072 + 65535);
	CHECK_INT(user_range_host(131072, -1), 131072);
	CHECK_INT(user_range_host(131072, 65536), 131072); /* never another pod's */
}

static const struct test tests[] = {
	{ "gives each pod its own", gives_each_pod_its_own },
	{ "passes over nonsense", passes_over_nonsense },
	{ "ids are the host's", ids_are_the_host_s },
};
TEST_MAIN(tests)
