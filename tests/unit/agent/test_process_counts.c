/*
 * test_process_counts.c - processes are counted by the servant, once for all who wait, and again
 * only when what is known is old.
 */
#include "agent/process_counts.h"

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/harness.h"

struct scene {
	struct loop *loop;
	struct process_counts *counts;
	struct process_counts_wait wait, other;
	int lists, told;
};

static struct error err;

static void list(void *of, struct process_counts *counts)
{
	struct scene *scene = of;

	scene->lists++;
	process_counts_add(counts, harness_folder(), getpid());
	process_counts_add(counts, "/nowhere/at/all", 0);
}

static void on_ready(struct process_counts_wait *wait)
{
	struct scene *scene = CONTAINER_OF(wait, struct scene, wait);

	scene->told++;
}

static void on_other(struct process_counts_wait *wait)
{
	(void)wait;
	harness_fail(__FILE__, __LINE__, "who does not wait any more is told");
}

static void open_scene(struct scene *scene)
{
	auto_free char *path = memory_print("%s/cgroup.procs", harness_folder());
	auto_free char *pid = memory_print("%d\n", getpid());

	CHECK_OK(file_replace(path, str_of(pid), 0600, &err), &err);
	CHECK_OK(loop_open(&scene->loop, &err), &err);
	scene->counts = process_counts_new(scene->loop, list, scene);
	scene->wait.on_ready = on_ready;
	scene->other.on_ready = on_other;
}

static void counts_for_all(void)
{
	struct scene scene = { 0 };
	struct cgroup_processes found;

	open_scene(&scene);
	CHECK_INT(process_counts_time_us(scene.counts), 0);
	CHECK(!process_counts_find(scene.counts, harness_folder(), &found));
	CHECK(!process_counts_want(scene.counts, 60000, &scene.wait));
	CHECK(!process_counts_want(scene.counts, 60000, &scene.wait)); /* again: told once */
	CHECK(!process_counts_want(scene.counts, 60000, &scene.other));
	process_counts_cancel(&scene.other);
	while (scene.told == 0)
		loop_once(scene.loop, 100);
	CHECK_INT(scene.told, 1);
	CHECK_INT(scene.lists, 1);
	CHECK(process_counts_time_us(scene.counts) > 0);
	CHECK(process_counts_find(scene.counts, harness_folder(), &found));
	CHECK_INT(found.processes, 1);
	CHECK(found.descriptors > 2);
	CHECK(found.files_max != 0);
	CHECK(!process_counts_find(scene.counts, "/nowhere/at/all", &found));
	/* It is new enough for one, and not for another. */
	CHECK(process_counts_want(scene.counts, 60000, &scene.wait));
	CHECK_INT(scene.lists, 1);
	CHECK(!process_counts_want(scene.counts, -1, &scene.wait));
	while (scene.told == 1)
		loop_once(scene.loop, 100);
	CHECK_INT(scene.lists, 2);
	process_counts_free(scene.counts);
	process_counts_free(NULL);
	loop_close(scene.loop);
}

/* The servant's work is waited for, its news reach nobody. */
static void ends_while_counting(void)
{
	struct scene scene = { 0 };

	open_scene(&scene);
	CHECK(!process_counts_want(scene.counts, 0, &scene.other));
	process_counts_free(scene.counts);
	loop_close(scene.loop);
}

static const struct test tests[] = {
	{ "counts for all", counts_for_all },
	{ "ends while counting", ends_while_counting },
};
TEST_MAIN(tests)
