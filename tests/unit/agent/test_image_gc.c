/*
 * test_image_gc.c - which images go when the disk is full, in which order, and which never do.
 *
 * The store, the disk and the pods are pretended, so that each has the age and the use it needs.
 */
#include "agent/image_gc.h"

#include <stdio.h>

#include "agent/node_limits.h"
#include "agent/node_use.h"
#include "agent/pod_inside.h"
#include "tests/unit/harness.h"

#define IMAGES 5
#define MIB    (1024ll * 1024)

static struct {
	bool here[IMAGES];
	char removed[64]; /* their numbers, in order */
	int64_t available, capacity;
	size_t used; /* by the only pod; IMAGES = none */
	struct pod pod;
	struct pod_container container;
	struct image image; /* of the container */
	char id[16];
	void (*on_done)(void *of, char **names, const struct error *err);
	void *of;
	int events, changes;
	int64_t freed; /* of image_gc_free_all; -1 = not told */
} world;

static struct image *new_image(size_t i)
{
	struct image *image = memory_new(struct image);

	image->id = memory_print("sha256:%zu", i);
	image->names = memory_zero(2 * sizeof(char *));
	image->names[0] = memory_print("image:%zu", i);
	image->digests = memory_zero(sizeof(char *));
	image->size = 10 * MIB;
	return image;
}

static struct image **fake_list(struct images *images)
{
	struct image **list = memory_zero((IMAGES + 1) * sizeof(*list));
	size_t count = 0;

	(void)images;
	for (size_t i = 0; i < IMAGES; i++)
		if (world.here[i])
			list[count++] = new_image(i);
	return list;
}

static void fake_free(struct images *images, struct image *image)
{
	(void)images;
	free(image->id);
	free(image->names[0]);
	free(image->names);
	free(image->digests);
	free(image);
}

static void fake_remove(struct image_getter *getter, struct str name,
			void (*on_done)(void *of, char **names, const struct error *err), void *of)
{
	size_t i = (size_t)(name.at[name.len - 1] - '0');

	(void)getter;
	CHECK(i < IMAGES && world.here[i] && !world.on_done);
	world.here[i] = false;
	world.available += 10 * MIB;
	world.removed[strlen(world.removed)] = (char)('0' + i);
	world.on_done = on_done;
	world.of = of;
}

static bool fake_file_system(const char *folder, struct file_system_use *out)
{
	(void)folder;
	*out = (struct file_system_use){ .capacity = world.capacity, .available = world.available };
	return true;
}

static struct pod *fake_next(const struct pods *pods, size_t *at)
{
	(void)pods;
	return world.used < IMAGES && (*at)++ == 0 ? &world.pod : NULL;
}

static void fake_emit(struct recorder *recorder, const struct recorder_about *about,
		      const char *type, const char *reason, const char *format, ...)
{
	(void)recorder;
	(void)about;
	(void)type;
	(void)format;
	CHECK_STR(reason, "FreeDiskSpaceFailed");
	world.events++;
}

#define images_list          fake_list
#define image_free           fake_free
#define image_getter_remove  fake_remove
#define node_use_file_system fake_file_system
#define pods_next            fake_next
#define recorder_emit        fake_emit
#include "agent/image_gc.c" /* NOLINT */

struct scene {
	struct loop *loop;
	struct node node;
	struct node_limits limits;
	struct image_gc *gc;
};

/* The text of the image that the container has. */
static char *use_image(const char *number)
{
	snprintf(world.id, sizeof(world.id), "sha256:%s", number);
	return world.id;
}

static bool pinned(void *of, const char *name)
{
	(void)of;
	return strcmp(name, "image:1") == 0;
}

static void on_change(void *of)
{
	(void)of;
	world.changes++;
}

static void scene_open(struct scene *scene, int64_t percent_used)
{
	struct image_gc_plan plan = { .node = &scene->node,
				      .is_pinned = pinned,
				      .on_change = on_change };
	struct error err;

	memset(&world, 0, sizeof(world));
	for (size_t i = 0; i < IMAGES; i++)
		world.here[i] = true;
	world.capacity = 100 * MIB;
	world.available = (100 - percent_used) * MIB;
	world.used = 2;
	world.image.id = use_image("2");
	world.container.image = &world.image;
	world.pod.containers = &world.container;
	world.pod.container_count = 1;
	world.freed = -1;
	CHECK_OK(loop_open(&scene->loop, &err), &err);
	node_limits_init(&scene->limits);
	scene->node = (struct node){ .loop = scene->loop,
				     .name = "n1",
				     .folder = harness_folder(),
				     .limits = &scene->limits };
	scene->gc = image_gc_start(&plan);
}

static void scene_close(struct scene *scene)
{
	image_gc_stop(scene->gc);
	loop_close(scene->loop);
}

/* The servant ends its jobs, one after the other. */
static void work(void)
{
	while (world.on_done) {
		void (*on_done)(void *of, char **names, const struct error *err) = world.on_done;

		world.on_done = NULL;
		on_done(world.of, NULL, NULL);
	}
}

static void five_minutes(struct scene *scene)
{
	clock_shift(LOOK_MS + 1);
	for (int i = 0; i < 3; i++)
		loop_once(scene->loop, 0);
	work();
}

/* Goal: nothing below the high mark; above it the longest unused go until the low one, and neither
 * what is in use nor what is pinned. */
static void by_the_marks(void)
{
	struct scene scene;

	scene_open(&scene, 84);
	five_minutes(&scene); /* the use of 2 is noted here */
	CHECK_STR(world.removed, "");
	world.used = IMAGES; /* 2 was used a moment ago, now nobody has it */
	world.available = 3 * MIB;
	five_minutes(&scene);
	CHECK_STR(world.removed, "03"); /* 97 % -> 77 % */
	CHECK_INT(world.changes, 1);
	CHECK_INT(world.events, 0);
	world.available = 0;
	five_minutes(&scene);
	CHECK_STR(world.removed, "0342"); /* 1 is pinned */
	CHECK_INT(world.events, 0);
	world.available = 0;
	five_minutes(&scene);
	CHECK_INT(world.events, 1); /* nothing is left to take */
	scene_close(&scene);
}

static void on_freed(void *of, int64_t freed)
{
	(void)of;
	world.freed = freed;
}

/* Goal: when the disk is short all unused ones go, whatever the marks say; the one in use stays. */
static void all_at_once(void)
{
	struct scene scene;

	scene_open(&scene, 10);
	image_gc_free_all(scene.gc, on_freed, NULL);
	image_gc_free_all(scene.gc, on_freed, NULL); /* again, while it is under way */
	CHECK_INT(world.freed, -1);
	work();
	CHECK_INT(world.freed, 30 * MIB);
	CHECK_STR(world.removed, "034");
	image_gc_free_all(scene.gc, on_freed, NULL);
	CHECK_INT(world.freed, 0);
	scene_close(&scene);
}

/* Goal: it can be stopped while the servant is at work. */
static void stopped_in_the_middle(void)
{
	struct scene scene;

	scene_open(&scene, 10);
	image_gc_free_all(scene.gc, on_freed, NULL);
	CHECK(world.on_done);
	scene_close(&scene);
	work();
	CHECK_INT(world.freed, -1);
	CHECK_STR(world.removed, "0");
	image_gc_stop(NULL);
}

static void by_age(void)
{
	struct scene scene;

	scene_open(&scene, 10);
	scene.limits.image_age_max_ms = 3600 * 1000;
	world.used = 4;
	world.image.id = use_image("4");
	five_minutes(&scene);
	CHECK_STR(world.removed, "023");
	CHECK_INT(world.events, 0);
	scene_close(&scene);
}

static const struct test tests[] = {
	{ "by the marks", by_the_marks },
	{ "all at once", all_at_once },
	{ "stopped in the middle", stopped_in_the_middle },
	{ "by age", by_age },
};
TEST_MAIN(tests)
