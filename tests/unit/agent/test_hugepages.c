/*
 * test_hugepages.c - limits and volumes of huge pages, by what a pod says.
 */
#include "agent/hugepages.h"

#include <unistd.h>

#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

static void reads_limits(void)
{
	struct json_doc *doc =
		fixture_json("{'limits':{'cpu':'1','hugepages-2Mi':'6Mi',"
			     "'hugepages-1Gi':'2Gi','hugepages-x':'1','memory':'1Gi'}}");
	struct resources_plan plan = { 0 };

	hugepages_limit(json_root(doc), &plan);
	CHECK(plan.hugepages_limited);
	CHECK_INT(plan.hugepages[0].size_bytes, 2 << 20);
	CHECK_INT(plan.hugepages[0].bytes, 6 << 20);
	CHECK_INT(plan.hugepages[1].size_bytes, 1 << 30);
	CHECK_INT(plan.hugepages[1].bytes, INT64_C(2) << 30);
	CHECK_INT(plan.hugepages[2].size_bytes, 0);
	json_doc_free(doc);
}

#define ASKS(size) "{'resources':{'requests':{'hugepages-" size "':'2Gi'}}}"

static int64_t medium(const char *containers, const char *word, bool *fine)
{
	auto_free char *text = memory_print("{'spec':{'containers':[%s]}}", containers);
	struct json_doc *pod = fixture_json(text);
	struct error err;
	int64_t size = -1;

	*fine = hugepages_medium(json_root(pod), str_of(word), &size, &err);
	json_doc_free(pod);
	return size;
}

static void knows_media(void)
{
	bool fine;

	CHECK_INT(medium("", "", &fine), 0);
	CHECK(fine);
	CHECK_INT(medium("", "Memory", &fine), 0);
	CHECK(fine);
	CHECK_INT(medium(ASKS("2Mi"), "HugePages", &fine), 2 << 20);
	CHECK(fine);
	medium("{}", "HugePages", &fine);
	CHECK(!fine);
	medium(ASKS("2Mi") "," ASKS("1Gi"), "HugePages", &fine);
	CHECK(!fine);
	medium("{}", "HugePages-3Mi", &fine);
	CHECK(!fine);
	if (access("/sys/kernel/mm/hugepages/hugepages-2048kB", F_OK) == 0) {
		CHECK_INT(medium("{}", "HugePages-2Mi", &fine), 2 << 20);
		CHECK(fine);
	}
}

static const struct test tests[] = {
	{ "reads limits", reads_limits },
	{ "knows media", knows_media },
};
TEST_MAIN(tests)
