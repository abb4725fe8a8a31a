/*
 * test_image_check.c - what a power cut did to unpacked layers is found, and mended by the next
 * import.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "net/hash.h"
#include "runtime/images.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/tar_fixture.h"

static struct images *images;
static char diff[HASH_SHA256_HEX];
static struct buf told; /* "name: why\n" */
static bool goes_on = true;

static char *at_home(const char *name)
{
	return memory_print("%s/%s", harness_folder(), name);
}

static char *in_layer(const char *name)
{
	return memory_print("%s/store/layers/%s%s", harness_folder(), diff, name);
}

static void open_store(void)
{
	auto_free char *root = at_home("store");
	struct error err;

	CHECK_OK(images_open(root, &images, &err), &err);
}

/* As if the power had been cut in an earlier boot. */
static void cut(void)
{
	auto_free char *state = at_home("store/state");
	struct error err;

	images_close(images);
	CHECK_OK(file_replace(state, STR("0-other-boot\n"), 0644, &err), &err);
	open_store();
}

static void import(void)
{
	auto_buf layer = BUF_INIT, config = BUF_INIT, tar = BUF_INIT;
	auto_free char *name = at_home("archive");
	struct error err;

	tar_put_folder(&layer, "etc");
	tar_put_file(&layer, "etc/file", "hello");
	tar_put_file(&layer, "twice", "first");
	tar_put_file(&layer, "twice", "second");
	tar_put_file(&layer, "empty", "");
	tar_put_link(&layer, '1', "etc/hard", "etc/file");
	tar_end(&layer);
	hash_sha256_hex(buf_str(&layer), diff);
	buf_add_print(&config, "{\"rootfs\":{\"diff_ids\":[\"sha256:%s\"]}}", diff);
	tar_put(&tar, &(struct tar_item){ .type = '0', .path = "c", .data = buf_str(&config) });
	tar_put(&tar, &(struct tar_item){ .type = '0', .path = "l", .data = buf_str(&layer) });
	tar_put_file(&tar, "manifest.json",
		     "[{\"Config\":\"c\",\"RepoTags\":[\"web\"],\"Layers\":[\"l\"]}]");
	tar_end(&tar);
	tar_save(name, buf_str(&tar));
	CHECK_OK(images_import(images, name, NULL, &err), &err);
}

static bool go_on(void *of)
{
	(void)of;
	return goes_on;
}

static void on_damaged(void *of, const char *name, const char *why)
{
	(void)of;
	buf_add_print(&told, "%s: %s\n", name, why);
}

static const struct images_check_plan plan = { .go_on = go_on, .on_damaged = on_damaged };

static void check_says(const char *want)
{
	CHECK(images_check_due(images));
	buf_reset(&told);
	CHECK(images_check(images, &plan));
	CHECK(!images_check_due(images));
	if (!*want)
		CHECK_STR(buf_text(&told), "");
	else if (!strstr(buf_text(&told), want))
		harness_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", buf_text(&told),
			     want);
}

static bool is_damaged(void)
{
	struct image *image;
	struct error err;
	bool damaged;

	CHECK_OK(images_find(images, STR("web"), &image, &err), &err);
	damaged = image->damaged;
	image_free(images, image);
	return damaged;
}

static void begin(void)
{
	if (geteuid() != 0)
		harness_skip("not root");
	open_store();
	import();
	CHECK(!images_check_due(images));
}

static void end(void)
{
	images_close(images);
	buf_clear(&told);
}

/* Bytes of the same number, as a card changes them. */
static void change(const char *name, const char *bytes)
{
	auto_free char *path = in_layer(name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_INT(pwrite(fd, bytes, strlen(bytes), 0), strlen(bytes));
	close(fd);
}

static void due_only_after_a_cut(void)
{
	begin();
	images_close(images); /* in good order */
	open_store();
	CHECK(!images_check_due(images));
	cut();
	check_says("");
	images_close(images);
	open_store();
	CHECK(!images_check_due(images));
	cut();
	goes_on = false;
	CHECK(!images_check(images, &plan)); /* it stays due, also over a restart */
	goes_on = true;
	images_close(images);
	open_store();
	check_says("");
	CHECK(!is_damaged());
	end();
}

static void damage_is_found(void)
{
	static const struct {
		const char *file, *bytes, *says;
	} rows[] = {
		{ "/etc/file", "hellO", "\"/etc/" },
		{ "/twice", "seconds", "\"/twice\" has another size" },
		{ "/empty", "x", "\"/empty\" has another size" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		begin();
		change(rows[i].file, rows[i].bytes);
		cut();
		check_says(rows[i].says);
		CHECK(strncmp(buf_text(&told), "docker.io/library/web:latest: ", 30) == 0);
		CHECK(is_damaged());
		import();
		CHECK(!is_damaged());
		cut();
		check_says("");
		end();
	}
}

static void missing_files_are_found(void)
{
	auto_free char *path = NULL;

	begin();
	path = in_layer("/empty");
	CHECK_INT(unlink(path), 0);
	cut();
	check_says("5 files were there, 4 are");
	end();
}

/* Containers that run in the damaged layer keep it until the machine has started again. */
static void the_old_one_stays_until_the_next_boot(void)
{
	auto_free char *old = NULL, *file = NULL;
	auto_buf text = BUF_INIT;
	struct error err;

	begin();
	old = in_layer(".old");
	file = in_layer("/etc/file");
	change("/etc/file", "HELLO");
	cut();
	check_says("etc");
	images_close(images); /* the mark is on the disk */
	open_store();
	CHECK(is_damaged());
	import();
	CHECK(file_exists(old));
	CHECK_OK(images_sweep(images, &err), &err);
	CHECK(file_exists(old));
	CHECK_OK(file_read(file, 100, &text, &err), &err);
	CHECK_STR(buf_text(&text), "hello");
	cut();
	CHECK(!file_exists(old));
	check_says("");
	end();
}

static const struct test tests[] = {
	{ "due only after a cut", due_only_after_a_cut },
	{ "damage is found", damage_is_found },
	{ "missing files are found", missing_files_are_found },
	{ "the old one stays until the next boot", the_old_one_stays_until_the_next_boot },
};

TEST_MAIN(tests)
