/*
 * test_event_age.c - Events go an hour after their last change, and the oldest of too many at once.
 */
#include "server/registry/event_age.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/limits.h"
#include "tests/unit/harness.h"

/* Items are constants here. */
static char item[] = "{}";

static void *load(void *of, struct str key, struct str bytes, struct error *err)
{
	(void)of;
	(void)key;
	(void)bytes;
	(void)err;
	return item;
}

static struct str bytes_of(const void *of)
{
	return str_of(of);
}

static void no_ref(void *of)
{
	(void)of;
}

static const struct datastore_items items = {
	.load = load, .bytes = bytes_of, .ref = no_ref, .unref = no_ref
};

struct scene {
	struct loop *loop;
	struct datastore *store;
	struct event_age *age;
	size_t done, wanted;
};

static void open_scene(struct scene *scene)
{
	struct error err;

	*scene = (struct scene){ 0 };
	CHECK_OK(loop_open(&scene->loop, &err), &err);
	CHECK_OK(datastore_open(scene->loop, harness_folder(), &items, &scene->store, &err), &err);
	scene->age = event_age_new(scene->loop, scene->store);
}

static void close_scene(struct scene *scene)
{
	event_age_free(scene->age);
	datastore_close(scene->store);
	loop_close(scene->loop);
}

static void on_done(void *of, const struct error *err)
{
	CHECK(!err);
	((struct scene *)of)->done++;
}

static void put(struct scene *scene, const char *key)
{
	const struct record *old = datastore_find_latest(scene->store, str_of(key));
	struct datastore_write write = { .key = str_of(key),
					 .expected = old ? old->revision : DATASTORE_ABSENT,
					 .item = item,
					 .in_memory = true,
					 .on_done = on_done,
					 .of = scene };
	struct error err;

	write.revision = datastore_reserve(scene->store);
	CHECK_OK(datastore_write(scene->store, &write, &err), &err);
	scene->wanted++;
}

static void settle(struct scene *scene)
{
	while (scene->done < scene->wanted)
		loop_once(scene->loop, 100);
}

/* Until the store has so many; it must be at once. */
static void await_count(struct scene *scene, size_t wanted)
{
	int64_t end_ms = clock_now_ms() + 5000;

	while (datastore_count(scene->store) != wanted && clock_now_ms() < end_ms)
		loop_once(scene->loop, 10);
	CHECK_INT(datastore_count(scene->store), wanted);
}

/* Goal: not before the hour is over; what is no Event stays for ever. */
static void an_hour(void)
{
	struct scene scene;
	int64_t now_ms;

	open_scene(&scene);
	put(&scene, "/core/events/default/a");
	put(&scene, "/core/events/other/a");
	put(&scene, "/core/pods/default/a");
	settle(&scene);
	now_ms = clock_now_ms();
	CHECK_INT(event_age_count(scene.age), 2);
	event_age_pass(scene.age, now_ms + EVENT_AGE_MS - 10000);
	await_count(&scene, 3);
	event_age_pass(scene.age, now_ms + EVENT_AGE_MS);
	await_count(&scene, 1);
	CHECK(datastore_find(scene.store, STR("/core/pods/default/a")) != NULL);
	CHECK_INT(event_age_count(scene.age), 0);
	close_scene(&scene);
}

/* Goal: of too many those go that were changed longest ago, and no more than must. */
static void too_many(void)
{
	struct scene scene;
	char key[64];

	open_scene(&scene);
	for (size_t i = 0; i < LIMIT_EVENTS; i++) {
		snprintf(key, sizeof(key), "/core/events/default/%zu", i);
		put(&scene, key);
	}
	settle(&scene);
	put(&scene, "/core/events/default/0"); /* told again: the newest now */
	settle(&scene);
	await_count(&scene, LIMIT_EVENTS);
	for (size_t i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "/core/events/default/more-%zu", i);
		put(&scene, key);
	}
	settle(&scene);
	await_count(&scene, LIMIT_EVENTS);
	for (size_t i = 0; i < 20; i++)
		loop_once(scene.loop, 5);
	CHECK_INT(datastore_count(scene.store), LIMIT_EVENTS);
	CHECK(datastore_find(scene.store, STR("/core/events/default/0")) != NULL);
	CHECK(!datastore_find(scene.store, STR("/core/events/default/300")));
	CHECK(datastore_find(scene.store, STR("/core/events/default/301")) != NULL);
	close_scene(&scene);
}

static const struct test tests[] = {
	{ "an hour", an_hour },
	{ "too many", too_many },
};
TEST_MAIN(tests)
