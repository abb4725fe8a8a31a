/*
 * test_container_state.c - states in messages and in the file that outlives a monitor.
 */
#include "runtime/container_state.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "tests/unit/harness.h"

static struct error err;

static void goes_there_and_back(void)
{
	auto_json_doc doc = json_doc_new();
	struct container_state state = { .id = "a.0",
					 .phase = CONTAINER_EXITED,
					 .exit_code = 137,
					 .signal = 9,
					 .oom_killed = true,
					 .started_us = 5,
					 .finished_us = INT64_C(1) << 50,
					 .message = "why \"so\"\n",
					 .reason = "OOMKilled" };
	struct container_state back;

	CHECK_OK(container_state_parse(container_state_print(&state, doc), &back, &err), &err);
	CHECK_BYTES(&back, &state, sizeof(state));
}

static void refuses_nonsense(void)
{
	auto_json_doc doc = json_doc_new();
	struct json *value = json_new_object(doc);
	struct container_state back;

	CHECK(!container_state_parse(value, &back, &err));
	json_put(doc, value, "id", json_new_text(doc, "../x"));
	json_put(doc, value, "phase", json_new_text(doc, "running"));
	CHECK(!container_state_parse(value, &back, &err));
	json_put(doc, value, "id", json_new_text(doc, "x"));
	CHECK(container_state_parse(value, &back, &err));
	json_put(doc, value, "phase", json_new_text(doc, "flying"));
	CHECK(!container_state_parse(value, &back, &err));
}

static void cleans_messages(void)
{
	struct container_state state = { .id = "a" };
	char big[CONTAINER_MESSAGE_MAX + 10];

	container_state_set_message(&state, STR("fine \xc3\xa4"));
	CHECK_STR(state.message, "fine \xc3\xa4");
	container_state_set_message(&state, STR("bad \xff\0 end"));
	CHECK_STR(state.message, "bad ?? end");
	memset(big, 'x', sizeof(big));
	container_state_set_message(&state, str_from(big, sizeof(big)));
	CHECK_INT(strlen(state.message), CONTAINER_MESSAGE_MAX - 1);
	container_state_set_message(&state, STR(""));
	CHECK_STR(state.message, "");
}

static void is_kept_in_a_file(void)
{
	struct container_state a = { .id = "a.0", .phase = CONTAINER_RUNNING, .pid = 12 };
	struct container_state b = { .id = "b.0", .phase = CONTAINER_EXITED, .exit_code = 3 };
	const struct container_state *both[] = { &a, &b };
	struct container_state *back;
	size_t count;

	CHECK_OK(container_state_load(harness_folder(), &back, &count, &err), &err);
	CHECK_INT(count, 0);
	for (int sync = 0; sync < 2; sync++) {
		CHECK_OK(container_state_save(harness_folder(), both, 2, sync, &err), &err);
		CHECK_OK(container_state_load(harness_folder(), &back, &count, &err), &err);
		CHECK_INT(count, 2);
		CHECK_INT(back[0].pid, 12);
		container_state_lose(&back[0]);
		CHECK_INT(back[0].exit_code, 137);
		CHECK_STR(back[0].reason, "MonitorLost");
		CHECK_INT(back[1].exit_code, 3);
		free(back);
	}
}

/* After a power cut the file may be empty: as if there were none; rubbish is told. */
static void bears_a_power_cut(void)
{
	struct container_state *back;
	char path[128];
	size_t count;

	snprintf(path, sizeof(path), "%s/state.json", harness_folder());
	CHECK_OK(file_replace(path, STR(""), 0600, &err), &err);
	CHECK_OK(container_state_load(harness_folder(), &back, &count, &err), &err);
	CHECK_INT(count, 0);
	free(back);
	CHECK_OK(file_replace(path, STR("[{\"id\":"), 0600, &err), &err);
	CHECK(!container_state_load(harness_folder(), &back, &count, &err));
}

static const struct test tests[] = {
	{ "goes there and back", goes_there_and_back }, { "refuses nonsense", refuses_nonsense },
	{ "cleans messages", cleans_messages },         { "is kept in a file", is_kept_in_a_file },
	{ "bears a power cut", bears_a_power_cut },
};
TEST_MAIN(tests)
