/*
 * image_gc.c - a book of when each image was seen and used, and a queue of those that go.
 */
#include "agent/image_gc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "agent/node_limits.h"
#include "agent/node_use.h"
#include "agent/pod_inside.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

#define LOOK_MS 300000

struct record {
	int64_t came_ms; /* when it came, wall clock; 0 = nobody knows */
	int64_t used_ms; /* when it was used last, wall clock; 0 = not since the agent started */
	bool there, used;
};

struct victim {
	struct record record;
	char *id;
	int64_t size;
};

struct image_gc {
	struct image_gc_plan plan;
	struct loop_timer timer;
	struct map *records; /* image id -> struct record */
	/* what goes now */
	struct victim *victims;
	size_t count, next;
	int64_t goal, freed; /* bytes */
	bool busy, stopped, say_failure;
	void (*on_done)(void *of, int64_t freed);
	void *of;
};

/* --- the book --- */

/* The file of its configuration is written once. */
static int64_t arrival_ms(const struct image_gc *gc, const struct image *image)
{
	auto_free char *path = NULL;
	struct str hex = str_of(image->id);
	struct stat st;

	str_cut(&hex, ':');
	path = memory_print("%s/store/blobs/sha256/" STR_FMT, gc->plan.node->folder, STR_ARG(hex));
	return stat(path, &st) == 0 ? (int64_t)st.st_mtim.tv_sec * 1000 : 0;
}

static void note_image(struct image_gc *gc, const struct image *image)
{
	struct record *record = map_find(gc->records, str_of(image->id));

	if (!record) {
		record = memory_new(struct record);
		record->came_ms = arrival_ms(gc, image);
		map_put(gc->records, str_of(image->id), record);
	}
	record->there = true;
}

static void note_used(struct image_gc *gc, int64_t now_ms)
{
	const struct pod *pod;

	for (size_t i = 0; (pod = pods_next(gc->plan.pods, &i));)
		for (size_t c = 0; c < pod->container_count; c++) {
			const struct image *image = pod->containers[c].image;
			struct record *record =
				image ? map_find(gc->records, str_of(image->id)) : NULL;

			if (record) {
				record->used = true;
				record->used_ms = now_ms;
			}
		}
}

static bool is_pinned(const struct image_gc *gc, const struct image *image)
{
	for (size_t i = 0; image->names[i]; i++)
		if (gc->plan.is_pinned(gc->plan.of, image->names[i]))
			return true;
	return false;
}

static void drop_gone(struct image_gc *gc)
{
	struct str id;
	void *value;

	for (size_t i = 0; map_next(gc->records, &i, &id, &value);)
		if (!((struct record *)value)->there) {
			map_remove(gc->records, id);
			free(value);
		}
}

/* All images as they are now; free each and the array. */
static struct image **detect(struct image_gc *gc)
{
	struct image **images = images_list(gc->plan.node->images);
	int64_t now_ms = clock_wall_us() / 1000;
	struct str id;
	void *value;

	for (size_t i = 0; map_next(gc->records, &i, &id, &value);)
		((struct record *)value)->there = ((struct record *)value)->used = false;
	for (size_t i = 0; images[i]; i++)
		note_image(gc, images[i]);
	drop_gone(gc);
	note_used(gc, now_ms);
	return images;
}

/* --- who goes --- */

static int by_use(const void *a, const void *b)
{
	const struct record *one = &((const struct victim *)a)->record,
			    *other = &((const struct victim *)b)->record;

	if (one->used_ms != other->used_ms)
		return one->used_ms < other->used_ms ? -1 : 1;
	return one->came_ms < other->came_ms ? -1 : one->came_ms > other->came_ms;
}

static void drop_victims(struct image_gc *gc)
{
	for (size_t i = 0; i < gc->count; i++)
		free(gc->victims[i].id);
	free(gc->victims);
	gc->victims = NULL;
	gc->count = gc->next = 0;
}

/* Unused ones; not used for at least `age_ms`, when that is more than 0. */
static void choose(struct image_gc *gc, int64_t age_ms)
{
	const struct node_limits *limits = gc->plan.node->limits;
	struct image **images = detect(gc);
	int64_t now_ms = clock_wall_us() / 1000;
	size_t room = 0;

	drop_victims(gc);
	while (images[room])
		room++;
	gc->victims = memory_zero((room + 1) * sizeof(*gc->victims));
	for (size_t i = 0; images[i]; i++) {
		const struct record *record = map_find(gc->records, str_of(images[i]->id));
		int64_t last_ms = record->used_ms ? record->used_ms : record->came_ms;

		if (!record->used && !is_pinned(gc, images[i]) &&
		    now_ms - record->came_ms >= limits->image_age_min_ms &&
		    (age_ms == 0 || now_ms - last_ms >= age_ms))
			gc->victims[gc->count++] =
				(struct victim){ .record = *record,
						 .id = memory_string(images[i]->id),
						 .size = (int64_t)images[i]->size };
		image_free(gc->plan.node->images, images[i]);
	}
	free(images);
	if (gc->count > 0)
		qsort(gc->victims, gc->count, sizeof(*gc->victims), by_use);
}

/* --- going --- */

static void say_failure(const struct image_gc *gc)
{
	auto_json_doc doc = json_doc_new();
	struct json *node = json_new_object(doc),
		    *metadata = json_sub_object(doc, node, "metadata");
	struct recorder_about about = {
		.object = node, .kind = "Node", .api_version = "v1", .field_path = ""
	};

	json_put(doc, metadata, "name", json_new_text(doc, gc->plan.node->name));
	json_put(doc, metadata, "uid", json_new_text(doc, gc->plan.node->name));
	recorder_emit(gc->plan.node->recorder, &about, "Warning", "FreeDiskSpaceFailed",
		      "Failed to garbage collect required amount of images. Attempted to free "
		      "%" PRId64 " bytes, but only found %" PRId64 " bytes eligible to free.",
		      gc->goal, gc->freed);
}

static void end(struct image_gc *gc)
{
	void (*on_done)(void *of, int64_t freed) = gc->on_done;

	gc->busy = false;
	gc->on_done = NULL;
	drop_victims(gc);
	if (gc->freed > 0)
		gc->plan.on_change(gc->plan.of);
	if (gc->say_failure && gc->freed < gc->goal)
		say_failure(gc);
	if (on_done)
		on_done(gc->of, gc->freed);
}

static void gc_free(struct image_gc *gc)
{
	drop_victims(gc);
	map_free_all(gc->records);
	free(gc);
}

static void go_on(struct image_gc *gc);

static void on_removed(void *of, char **names, const struct error *err)
{
	struct image_gc *gc = of;

	(void)names;
	if (gc->stopped) {
		gc_free(gc);
		return;
	}
	if (err)
		log_warn("agent.images", "an unused image cannot be removed", "image=%s why=\"%s\"",
			 gc->victims[gc->next].id, err->text);
	else
		gc->freed += gc->victims[gc->next].size;
	gc->next++;
	go_on(gc);
}

static void go_on(struct image_gc *gc)
{
	if (gc->next == gc->count || gc->freed >= gc->goal) {
		end(gc);
		return;
	}
	log_info("agent.images", "an image that nobody uses is removed", "image=%s bytes=%" PRId64,
		 gc->victims[gc->next].id, gc->victims[gc->next].size);
	image_getter_remove(gc->plan.node->getter, str_of(gc->victims[gc->next].id), on_removed,
			    gc);
}

static void begin(struct image_gc *gc, int64_t goal, int64_t age_ms)
{
	gc->busy = true;
	gc->goal = goal;
	gc->freed = 0;
	choose(gc, age_ms);
	go_on(gc);
}

/* --- when --- */

static void on_timer(struct loop_timer *timer)
{
	struct image_gc *gc = CONTAINER_OF(timer, struct image_gc, timer);
	const struct node_limits *limits = gc->plan.node->limits;
	auto_free char *store = memory_print("%s/store", gc->plan.node->folder);
	struct file_system_use fs;
	int64_t used;

	loop_timer_set(gc->plan.node->loop, timer, LOOK_MS);
	if (gc->busy || !node_use_file_system(store, &fs) || fs.capacity <= 0)
		return;
	used = 100 - fs.available * 100 / fs.capacity;
	if (limits->image_high < 100 && used >= limits->image_high) {
		log_info("agent.images", "the disk of images is fuller than it may be",
			 "percent=%" PRId64 " high=%" PRId64, used, limits->image_high);
		gc->say_failure = true;
		begin(gc, fs.capacity * (100 - limits->image_low) / 100 - fs.available, 0);
	} else if (limits->image_age_max_ms > 0) {
		gc->say_failure = false;
		begin(gc, INT64_MAX, limits->image_age_max_ms);
	} else {
		struct image **images = detect(gc);

		for (size_t i = 0; images[i]; i++)
			image_free(gc->plan.node->images, images[i]);
		free(images);
	}
}

void image_gc_free_all(struct image_gc *gc, void (*on_done)(void *of, int64_t freed), void *of)
{
	gc->on_done = on_done;
	gc->of = of;
	if (gc->busy) {
		gc->goal = INT64_MAX; /* what is under way goes on to the end */
		return;
	}
	gc->say_failure = false;
	begin(gc, INT64_MAX, 0);
}

struct image_gc *image_gc_start(const struct image_gc_plan *plan)
{
	struct image_gc *gc = memory_new(struct image_gc);

	gc->plan = *plan;
	gc->records = map_new();
	gc->timer.on_timer = on_timer;
	loop_timer_set(plan->node->loop, &gc->timer, LOOK_MS);
	return gc;
}

void image_gc_stop(struct image_gc *gc)
{
	if (!gc)
		return;
	loop_timer_stop(&gc->timer);
	gc->stopped = true;
	if (!gc->busy)
		gc_free(gc); /* else when the servant has ended */
}
