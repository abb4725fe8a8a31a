/*
 * test_images_busy.c - the store with many users at once, and with archives that are too much.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "net/hash.h"
#include "runtime/images.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/tar_fixture.h"

static struct images *images;
static atomic_bool over;

static char *at_home(const char *name)
{
	return memory_print("%s/%s", harness_folder(), name);
}

static void open_store(void)
{
	auto_free char *root = at_home("store");
	struct error err;

	if (geteuid() != 0)
		harness_skip("not root");
	CHECK_OK(images_open(root, &images, &err), &err);
}

/* An archive of the image "web" with one file of this path and text; caller frees its name. */
static char *save_image(const char *archive, const char *path, const char *text)
{
	auto_buf layer = BUF_INIT, config = BUF_INIT, tar = BUF_INIT;
	char diff[HASH_SHA256_HEX];
	char *name = at_home(archive);

	tar_put_file(&layer, path, text);
	tar_end(&layer);
	hash_sha256_hex(buf_str(&layer), diff);
	buf_add_print(&config, "{\"rootfs\":{\"diff_ids\":[\"sha256:%s\"]}}", diff);
	tar_put(&tar, &(struct tar_item){ .type = '0', .path = "c", .data = buf_str(&config) });
	tar_put(&tar, &(struct tar_item){ .type = '0', .path = "l", .data = buf_str(&layer) });
	tar_put_file(&tar, "manifest.json",
		     "[{\"Config\":\"c\",\"RepoTags\":[\"web\"],\"Layers\":[\"l\"]}]");
	tar_end(&tar);
	tar_save(name, buf_str(&tar));
	return name;
}

static size_t count_files(const char *name)
{
	auto_free char *path = at_home(name);
	DIR *folder = opendir(path);
	size_t count = 0;

	CHECK(folder);
	for (struct dirent *entry; (entry = readdir(folder));)
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

static void *import_often(void *path)
{
	struct error err;

	while (!over)
		CHECK_OK(images_import(images, path, NULL, &err), &err);
	return NULL;
}

static void *remove_often(void *unused)
{
	struct error err;

	while (!over)
		if (!images_remove(images, STR("web"), &err))
			CHECK_INT(err.kind, ERROR_NOT_FOUND);
	return unused;
}

/* What is held can be read, whatever the others do. */
static void *use_often(void *out_count)
{
	struct image *image;
	struct error err;

	while (!over) {
		auto_free char *path = NULL;

		if (!images_find(images, STR("web"), &image, &err)) {
			CHECK_INT(err.kind, ERROR_NOT_FOUND);
			continue;
		}
		path = memory_print("%s/file", image->layers[0]);
		CHECK(file_exists(path));
		usleep(5000);
		CHECK(file_exists(path));
		image_free(images, image);
		++*(atomic_size_t *)out_count;
	}
	return NULL;
}

static void serves_many_at_once(void)
{
	auto_free char *one = save_image("one", "file", "1"), *two = save_image("two", "file", "2");
	pthread_t threads[5];
	atomic_size_t uses[2] = { 0, 0 };
	struct error err;

	open_store();
	CHECK_INT(pthread_create(&threads[0], NULL, import_often, one), 0);
	CHECK_INT(pthread_create(&threads[1], NULL, import_often, two), 0);
	CHECK_INT(pthread_create(&threads[2], NULL, remove_often, NULL), 0);
	CHECK_INT(pthread_create(&threads[3], NULL, use_often, &uses[0]), 0);
	CHECK_INT(pthread_create(&threads[4], NULL, use_often, &uses[1]), 0);
	for (int i = 0; i < 200 && (i < 20 || uses[0] + uses[1] < 50); i++)
		usleep(50000);
	over = true;
	for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
		pthread_join(threads[i], NULL);
	CHECK(uses[0] + uses[1] > 0);
	if (!images_remove(images, STR("web"), &err))
		CHECK_INT(err.kind, ERROR_NOT_FOUND);
	/* Nothing has a name or a holder now, and nobody has to sweep for that. */
	CHECK_INT(count_files("store/layers"), 0);
	CHECK_INT(count_files("store/blobs/sha256"), 0);
	images_close(images);
}

static void count_wake(void *of)
{
	++*(int *)of;
}

static struct image *hold_web(void)
{
	struct image *image;
	struct error err;

	CHECK_OK(images_find(images, STR("web"), &image, &err), &err);
	return image;
}

/* Who lets go on a thread that must not wait leaves the removing to another. */
static void leaves_removing_to_others(void)
{
	auto_free char *archive = save_image("one", "file", "1");
	struct image *image;
	struct error err;
	int woken = 0;

	open_store();
	CHECK_OK(images_import(images, archive, NULL, &err), &err);
	images_leave_removing(images, count_wake, &woken);
	image_free(images, hold_web());
	CHECK_INT(woken, 0);
	image = hold_web();
	CHECK_OK(images_remove(images, STR("web"), &err), &err);
	image_free(images, image);
	CHECK_INT(woken, 1);
	CHECK_INT(count_files("store/blobs/sha256"), 1);
	images_remove_unneeded(images);
	CHECK_INT(count_files("store/layers"), 0);
	CHECK_INT(count_files("store/blobs/sha256"), 0);
	images_close(images);
}

/* What an archive calls its files ends in logs and events: as text. */
static void errors_are_text(void)
{
	static const char *const paths[] = { "\xff\x1b[2J/../x", "a\nb\r/../x" };
	struct error err;

	open_store();
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		auto_free char *archive = save_image("archive", paths[i], "x");

		CHECK(!images_import(images, archive, NULL, &err));
		CHECK_INT(err.kind, ERROR_INVALID);
		CHECK(strstr(err.text, "leaves the layer") && str_is_utf8(str_of(err.text)));
		for (const char *at = err.text; *at; at++)
			CHECK((unsigned char)*at >= ' ' && *at != 127);
	}
	images_close(images);
}

/* One large configuration, named as often as the archive may have images. */
static void bounds_memory_for_configurations(void)
{
	auto_free char *archive = at_home("archive"), *large = memory_zero(3u << 20);
	auto_buf tar = BUF_INIT, manifest = BUF_INIT;
	struct error err;

	open_store();
	memset(large, ' ', (3u << 20) - 1);
	tar_put_file(&tar, "c", large);
	for (int i = 0; i < 1000; i++)
		buf_add_print(&manifest, "%s{\"Config\":\"c\",\"Layers\":[]}", i ? "," : "[");
	buf_add_byte(&manifest, ']');
	tar_put_file(&tar, "manifest.json", buf_text(&manifest));
	tar_end(&tar);
	tar_save(archive, buf_str(&tar));
	CHECK(!images_import(images, archive, NULL, &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	CHECK(strstr(err.text, "configurations"));
	images_close(images);
}

static void bounds_memory_for_names(void)
{
	auto_free char *archive = at_home("archive");
	auto_buf tar = BUF_INIT, path = BUF_INIT;
	struct error err;

	open_store();
	while (path.len < 4000)
		buf_add_text(&path, "long/");
	for (int i = 0; i < 4300; i++) {
		auto_buf name = BUF_INIT;

		buf_add_print(&name, "%s%d", buf_text(&path), i);
		tar_put_pax(&tar, "path", buf_str(&name));
		tar_put_file(&tar, "x", "");
	}
	tar_end(&tar);
	tar_save(archive, buf_str(&tar));
	CHECK(!images_import(images, archive, NULL, &err));
	CHECK_INT(err.kind, ERROR_TOO_LARGE);
	CHECK(strstr(err.text, "names"));
	images_close(images);
}

static const struct test tests[] = {
	{ "leaves removing to others", leaves_removing_to_others },
	{ "serves many at once", serves_many_at_once, .time_limit_s = 60 },
	{ "errors are text", errors_are_text },
	{ "bounds memory for configurations", bounds_memory_for_configurations,
	  .time_limit_s = 30 },
	{ "bounds memory for names", bounds_memory_for_names, .time_limit_s = 30 },
};
TEST_MAIN(tests)
