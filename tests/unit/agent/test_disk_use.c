/*
 * test_disk_use.c - files are counted by the servant, once for all who wait.
 */
#include "agent/disk_use.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/unit/harness.h"

struct scene {
	struct loop *loop;
	struct work_pool *pool;
	struct disk_use *use;
	struct disk_use_wait wait, other;
	char *a;
	int lists, told;
};

static void list(void *of, struct disk_use *use)
{
	struct scene *scene = of;

	scene->lists++;
	disk_use_add(use, scene->a);
	disk_use_add(use, "/nowhere/at/all");
}

static void on_ready(struct disk_use_wait *wait)
{
	struct scene *scene = CONTAINER_OF(wait, struct scene, wait);

	scene->told++;
}

static void on_other(struct disk_use_wait *wait)
{
	(void)wait;
	harness_fail(__FILE__, __LINE__, "who does not wait any more is told");
}

static void counts_for_all(void)
{
	struct scene scene = { .wait.on_ready = on_ready, .other.on_ready = on_other };
	auto_free char *file = NULL, *link_path = NULL;
	struct disk_use_figure figure;
	auto_buf bytes = BUF_INIT;
	struct error err;

	scene.a = memory_print("%s/a", harness_folder());
	file = memory_print("%s/a/b/file", harness_folder());
	link_path = memory_print("%s/a/link", harness_folder());
	CHECK_OK(loop_open(&scene.loop, &err), &err);
	CHECK_OK(work_open(scene.loop, 1, &scene.pool, &err), &err);
	for (int i = 0; i < 100000; i++)
		buf_add_byte(&bytes, 'x');
	mkdir(scene.a, 0700);
	*strrchr(file, '/') = '\0';
	mkdir(file, 0700);
	file[strlen(file)] = '/';
	CHECK_OK(file_replace(file, buf_str(&bytes), 0600, &err), &err);
	CHECK(symlink("/usr", link_path) == 0); /* what it leads to does not count */
	scene.use = disk_use_new(scene.pool);
	disk_use_plan(scene.use, list, &scene);
	CHECK(!disk_use_find(scene.use, scene.a, &figure));
	CHECK(!disk_use_want(scene.use, 60000, &scene.wait));
	CHECK(!disk_use_want(scene.use, 60000, &scene.wait)); /* again: told once */
	CHECK(!disk_use_want(scene.use, 60000, &scene.other));
	disk_use_cancel(&scene.other);
	while (scene.told == 0)
		loop_once(scene.loop, 100);
	CHECK_INT(scene.told, 1);
	CHECK_INT(scene.lists, 1);
	CHECK(disk_use_find(scene.use, scene.a, &figure));
	CHECK_INT(figure.inodes, 4);
	CHECK(figure.bytes >= 100000 && figure.bytes < 200000);
	CHECK(disk_use_find(scene.use, "/nowhere/at/all", &figure));
	CHECK_INT(figure.inodes, 0);
	CHECK(disk_use_want(scene.use, 60000, &scene.wait));
	work_close(scene.pool);
	disk_use_free(scene.use);
	disk_use_free(NULL);
	loop_close(scene.loop);
	free(scene.a);
}

static const struct test tests[] = { { "counts for all", counts_for_all } };
TEST_MAIN(tests)
