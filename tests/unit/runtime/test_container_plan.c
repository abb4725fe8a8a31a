/*
 * test_container_plan.c - plans survive the way to the monitor, and nonsense does not.
 */
#include "runtime/container_plan.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "tests/unit/harness.h"

static const char *const layers[] = { "/l/0", "/l/1", NULL };
static const char *const command[] = { "sh", "-c", "echo \"\xc3\xa4\"", NULL };
static const char *const env[] = { "A=1", "B=", NULL };
static const char *const adds[] = { "NET_ADMIN", NULL };
static const uint32_t groups[] = { 1, 4000 };
static const struct resources_plan resources = { 512, 50000, 100000, UINT64_C(1) << 40, 99 };
static const struct container_mount mounts[] = {
	{ .type = "bind",
	  .source = "/h/d",
	  .target = "/a/b/c",
	  .sub_path = "s",
	  .read_only = true },
	{ .type = "tmpfs", .target = "/a", .options = "size=1m" },
	{ .type = "bind", .source = "/h/e", .target = "/a/b", .propagation = 2 },
	{ .type = "bind", .source = "/h/f", .target = "/z" },
};

static struct container_plan full_plan(void)
{
	return (struct container_plan){ .id = "web.3",
					.layers = layers,
					.argv = command,
					.env = env,
					.cwd = "/w",
					.user = "web:web",
					.uid = -1,
					.gid = 77,
					.groups = groups,
					.group_count = 2,
					.mounts = mounts,
					.mount_count = ARRAY_LENGTH(mounts),
					.resources = &resources,
					.caps_add = adds,
					.read_only_root = true,
					.no_new_privs = true,
					.stdin_once = true,
					.oom_score_adj = -997,
					.log_path = "/log",
					.log_size_max = UINT64_C(5) << 32,
					.log_files_max = 3,
					.termination_path = "/dev/termination-log",
					.stop_signal = 3 };
}

static void goes_there_and_back(void)
{
	auto_arena arena = arena_new();
	auto_buf text = BUF_INIT;
	struct container_plan plan = full_plan(), back;
	struct error err;

	container_plan_print(&plan, &text);
	CHECK_OK(container_plan_parse(buf_str(&text), arena, &back, &err), &err);
	CHECK_STR(back.id, "web.3");
	CHECK_STR(back.layers[1], "/l/1");
	CHECK(!back.layers[2]);
	CHECK_STR(back.argv[2], command[2]);
	CHECK_STR(back.env[1], "B=");
	CHECK(!back.env[2]);
	CHECK_INT(back.uid, -1);
	CHECK_INT(back.gid, 77);
	CHECK_INT(back.groups[1], 4000);
	CHECK_STR(back.caps_add[0], "NET_ADMIN");
	CHECK(!back.caps_drop[0]);
	CHECK(back.read_only_root);
	CHECK(!back.privileged);
	CHECK_INT(back.oom_score_adj, -997);
	CHECK_INT(back.log_size_max, INT64_C(5) << 32);
	CHECK_INT(back.log_files_max, 3);
	CHECK_INT(back.stop_signal, 3);
	CHECK_INT(back.resources->memory_bytes, INT64_C(1) << 40);
	CHECK_INT(back.resources->pids, 99);
}

static void sorts_mounts_by_depth(void)
{
	auto_arena arena = arena_new();
	auto_buf text = BUF_INIT;
	struct container_plan plan = full_plan(), back;
	struct error err;

	container_plan_print(&plan, &text);
	CHECK_OK(container_plan_parse(buf_str(&text), arena, &back, &err), &err);
	CHECK_STR(back.mounts[0].target, "/a");
	CHECK_STR(back.mounts[0].options, "size=1m");
	CHECK(!back.mounts[0].source);
	CHECK_STR(back.mounts[1].target, "/z");
	CHECK_STR(back.mounts[2].target, "/a/b");
	CHECK_INT(back.mounts[2].propagation, 2);
	CHECK_STR(back.mounts[3].sub_path, "s");
	CHECK(back.mounts[3].read_only);
}

static struct error why;

static bool is_fine(const struct container_plan *plan)
{
	return container_plan_validate(plan, &why);
}

static void refuses_nonsense(void)
{
	static const char *const nothing[] = { NULL };
	static const char *const relative[] = { "l", NULL };
	static const char *const bad_ids[] = { "", ".", "..", "a/b", ".hidden", "a b", "a\n" };
	static const char *const bad_targets[] = { "/", "//", "a", "", "/a/../b", "/.." };
	struct container_mount mount = { .type = "bind", .source = "/h", .target = "/t" };
	struct container_plan plan = full_plan();

	CHECK_OK(is_fine(&plan), &why);
	for (size_t i = 0; i < ARRAY_LENGTH(bad_ids); i++) {
		plan.id = bad_ids[i];
		CHECK(!is_fine(&plan));
	}
	plan = full_plan();
	plan.argv = nothing;
	CHECK(!is_fine(&plan));
	plan = full_plan();
	plan.layers = nothing;
	CHECK(!is_fine(&plan));
	plan.layers = relative;
	CHECK(!is_fine(&plan));
	plan = full_plan();
	plan.mounts = &mount;
	plan.mount_count = 1;
	CHECK_OK(is_fine(&plan), &why);
	for (size_t i = 0; i < ARRAY_LENGTH(bad_targets); i++) {
		mount.target = bad_targets[i];
		CHECK(!is_fine(&plan));
	}
	mount = (struct container_mount){ .type = "nfs", .source = "/h", .target = "/t" };
	CHECK(!is_fine(&plan));
	mount = (struct container_mount){ .type = "bind", .source = "h", .target = "/t" };
	CHECK(!is_fine(&plan));
	mount = (struct container_mount){
		.type = "bind", .source = "/h", .target = "/t", .sub_path = "../x"
	};
	CHECK(!is_fine(&plan));
	plan = full_plan();
	plan.uid = INT64_C(4294967296);
	CHECK(!is_fine(&plan));
	plan = full_plan();
	plan.stop_signal = 65;
	CHECK(!is_fine(&plan));
}

static void refuses_broken_text(void)
{
	auto_arena arena = arena_new();
	struct container_plan plan;

	CHECK(!container_plan_parse(STR(""), arena, &plan, &why));
	CHECK(!container_plan_parse(STR("[]"), arena, &plan, &why));
	CHECK(!container_plan_parse(STR("{\"id\":7,\"argv\":\"x\",\"mounts\":{\"a\":1}}"), arena,
				    &plan, &why));
}

static const struct test tests[] = {
	{ "goes there and back", goes_there_and_back },
	{ "sorts mounts by depth", sorts_mounts_by_depth },
	{ "refuses nonsense", refuses_nonsense },
	{ "refuses broken text", refuses_broken_text },
};
TEST_MAIN(tests)
