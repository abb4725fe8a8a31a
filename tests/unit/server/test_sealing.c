/*
 * test_sealing.c - databases of before are sealed at the first start; keys are taken, refused and
 * dropped.
 */
#include "server/registry/sealing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "net/seal_file.h"
#include "tests/unit/harness.h"

#define SECRET                                                                                     \
	"{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\",\"namespace\":"   \
	"\"d\",\"resourceVersion\":\"7\"},\"data\":{\"p\":\"bWFya2VyLW9uZQ==\"}}"
#define MAP                                                                                        \
	"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\","              \
	"\"namespace\":"                                                                           \
	"\"d\",\"resourceVersion\":\"8\"},\"data\":{\"p\":\"marker-map\"}}"
#define SECRET_KEY STR("/core/secrets/d/s")
#define MARKER     "bWFya2VyLW9uZQ=="

struct scene {
	struct loop *loop;
	char *key_file;
	struct sealing *sealing; /* NULL: a version that does not seal */
	struct datastore *store;
	int done;
};

static void *load(void *of, struct str key, struct str bytes, struct error *err)
{
	struct object *object;

	return (of ? sealing_open(of, key, bytes, &object, err)
		   : object_from_bytes(bytes, &object, err))
		       ? object
		       : NULL;
}

static struct str bytes_of(const void *item)
{
	return object_bytes(item);
}

static void ref(void *item)
{
	object_ref(item);
}

static void unref(void *item)
{
	object_unref(item);
}

static bool open_scene(struct scene *scene, bool seals, struct error *err)
{
	struct datastore_items items = {
		.load = load, .bytes = bytes_of, .ref = ref, .unref = unref
	};
	struct error ignored;

	*scene = (struct scene){ .key_file = memory_print("%s/cred/key", harness_folder()) };
	CHECK_OK(loop_open(&scene->loop, &ignored), &ignored);
	if (seals) {
		if (!sealing_new(scene->key_file, &scene->sealing, err))
			return false;
		items.of = scene->sealing;
		items.seal = sealing_close;
	}
	return datastore_open(scene->loop, harness_folder(), &items, &scene->store, err) &&
	       (!seals || sealing_start(scene->sealing, scene->loop, scene->store, err));
}

static void close_scene(struct scene *scene)
{
	datastore_close(scene->store);
	sealing_free(scene->sealing);
	loop_close(scene->loop);
	free(scene->key_file);
}

static void on_done(void *of, const struct error *err)
{
	struct scene *scene = of;

	CHECK(!err);
	scene->done++;
}

static void put(struct scene *scene, struct str key, const char *text)
{
	struct object *object;
	struct error err;
	struct datastore_write write = { .key = key, .on_done = on_done, .of = scene };
	int before = scene->done;

	CHECK_OK(object_from_bytes(str_of(text), &object, &err), &err);
	write.revision = datastore_reserve(scene->store);
	write.item = object;
	CHECK_OK(datastore_write(scene->store, &write, &err), &err);
	object_unref(object);
	while (scene->done == before)
		loop_once(scene->loop, -1);
}

static void must_open(struct scene *scene, bool seals)
{
	struct error err;

	CHECK_OK(open_scene(scene, seals, &err), &err);
}

static bool is_in_files(const char *text)
{
	auto_free char *command =
		memory_print("cat %s/state.db* | grep -qaF -e '%s'", harness_folder(), text);

	return system(command) == 0;
}

static void check_secret(const struct scene *scene)
{
	const struct record *record = datastore_find(scene->store, SECRET_KEY);

	CHECK(record != NULL);
	CHECK(str_search(object_bytes(record->item), STR(MARKER)) > 0);
}

static size_t keys_in(const struct scene *scene)
{
	AUTO(seal_keys_free) struct seal_keys *keys = NULL;
	struct error err;

	CHECK_OK(seal_file_read(scene->key_file, &keys, &err), &err);
	return seal_keys_count(keys);
}

static void make_old_database(void)
{
	struct scene scene;

	must_open(&scene, false);
	put(&scene, SECRET_KEY, SECRET);
	put(&scene, STR("/core/configmaps/d/c"), MAP);
	close_scene(&scene);
	CHECK(is_in_files(MARKER));
}

/* Goal: what an older version has left is sealed when the start returns; nothing else is. */
static void old_database_is_sealed(void)
{
	struct scene scene;

	make_old_database();
	must_open(&scene, true);
	check_secret(&scene);
	CHECK(!is_in_files(MARKER));
	CHECK(is_in_files("marker-map"));
	CHECK_INT(keys_in(&scene), 1);
	close_scene(&scene);
	must_open(&scene, true);
	check_secret(&scene);
	close_scene(&scene);
	CHECK(!is_in_files(MARKER));
}

/* Goal: a rotation that was cut off anywhere goes on at the next start. */
static void rotation_goes_on(void)
{
	struct scene scene;
	AUTO(seal_keys_free) struct seal_keys *keys = NULL;
	auto_free char *first = NULL;
	struct error err;

	make_old_database();
	must_open(&scene, true);
	CHECK_OK(seal_file_add(scene.key_file, &keys, &err), &err);
	first = memory_string(seal_keys_id(keys, 0));
	close_scene(&scene); /* has not looked */
	must_open(&scene, true);
	check_secret(&scene);
	CHECK_INT(keys_in(&scene), 1);
	seal_keys_free(take_ptr(&keys));
	CHECK_OK(seal_file_read(scene.key_file, &keys, &err), &err);
	CHECK_STR(seal_keys_id(keys, 0), first);
	close_scene(&scene);
	must_open(&scene, true);
	check_secret(&scene);
	close_scene(&scene);
}

/* Goal: a key that is added while we run is taken; one that does not know what was sealed is not.
 */
static void look_takes_keys(void)
{
	struct scene scene;
	AUTO(seal_keys_free) struct seal_keys *keys = NULL;
	struct error err;

	make_old_database();
	must_open(&scene, true);
	sealing_look(scene.sealing);
	CHECK_OK(seal_file_add(scene.key_file, &keys, &err), &err);
	sealing_look(scene.sealing);
	while (keys_in(&scene) > 1)
		loop_once(scene.loop, 10);
	sealing_look(scene.sealing); /* our own change is none */
	CHECK_INT(keys_in(&scene), 1);
	seal_keys_free(take_ptr(&keys));
	/* Another key alone: what is there would be lost.  The old one goes on. */
	CHECK_OK(seal_file_make(scene.key_file, &keys, &err), &err);
	sealing_look(scene.sealing);
	put(&scene, STR("/core/secrets/d/t"), SECRET);
	datastore_close(take_ptr(&scene.store));
	close_scene(&scene);
	CHECK(!open_scene(&scene, true, &err));
	CHECK(strstr(err.text, "it is sealed with the key") != NULL);
	close_scene(&scene);
}

/* Goal: no key, no start; and a value of another place is none. */
static void refused(void)
{
	struct scene scene;
	struct error err;

	make_old_database();
	must_open(&scene, true);
	CHECK(unlink(scene.key_file) == 0);
	close_scene(&scene);
	CHECK(!open_scene(&scene, true, &err));
	CHECK(strstr(err.text, "is missing; put it back") != NULL);
	CHECK(!file_exists(scene.key_file));
	close_scene(&scene);
}

static const struct test tests[] = {
	{ "old database is sealed", old_database_is_sealed },
	{ "rotation goes on", rotation_goes_on },
	{ "look takes keys", look_takes_keys },
	{ "refused", refused },
};
TEST_MAIN(tests)
