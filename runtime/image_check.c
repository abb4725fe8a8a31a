/*
 * image_check.c - after a power cut: are the unpacked layers still what they were?
 *
 * Nothing waits for it: pods start from what is there.  A damaged layer gets a mark, and whoever
 * pulls or imports its image next unpacks the layer anew beside the old one.
 */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/file.h"
#include "base/log.h"
#include "runtime/images_inside.h"
#include "runtime/layer_check.h"

#define CLEAN   "clean\n"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

/* --- the state --- */

static char *state_path(const struct images *images)
{
	return memory_print("%s/state", images->root);
}

static char *mark_path(const struct images *images, const char *chain)
{
	return memory_print("%s/layers/%s.damaged", images->root, chain);
}

static void read_marks(struct images *images)
{
	auto_free char *path = memory_print("%s/layers", images->root);
	DIR *folder = opendir(path);
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		struct str rest = str_of(entry->d_name), chain = str_cut(&rest, '.');

		if (str_is(rest, "damaged"))
			map_put(images->damaged, chain, images);
	}
	if (folder)
		closedir(folder);
}

bool image_check_open(struct images *images, struct error *err)
{
	auto_free char *path = state_path(images);
	auto_buf before = BUF_INIT, boot = BUF_INIT;
	struct error ignored;

	if (!file_read(BOOT_ID, 64, &boot, err))
		return false;
	(void)!file_read(path, 64, &before, &ignored);
	read_marks(images);
	if (str_equal(buf_str(&before), buf_str(&boot)))
		return true;
	image_store_remove_leftovers(images, ".old");
	images->check_due = before.len > 0 && !str_is(buf_str(&before), CLEAN);
	/* While a check is due the state stays that of the boot that was cut. */
	return images->check_due || file_replace(path, buf_str(&boot), 0644, err);
}

static void write_state(struct images *images, struct str state)
{
	auto_free char *path = state_path(images);
	struct error err;

	if (!file_replace(path, state, 0644, &err))
		log_warn("runtime.images", "the state cannot be written", "why=\"%s\"", err.text);
}

void image_check_close(struct images *images)
{
	auto_free char *path = state_path(images);

	if (!images->check_due && file_exists(path))
		write_state(images, STR(CLEAN));
	map_free(images->damaged);
}

bool images_check_due(const struct images *images)
{
	return images->check_due;
}

/* --- marks --- */

bool image_check_is_damaged(const struct images *images, struct str chain)
{
	return map_find(images->damaged, chain) != NULL;
}

void image_check_mended(struct images *images, const char *chain)
{
	auto_free char *path = mark_path(images, chain);

	unlink(path);
	pthread_mutex_lock(&images->lock);
	map_remove(images->damaged, str_of(chain));
	pthread_mutex_unlock(&images->lock);
}

static void mark(struct images *images, const char *chain)
{
	auto_free char *path = mark_path(images, chain);
	struct error err;

	if (!file_replace(path, STR(""), 0644, &err))
		log_warn("runtime.images", "a damaged layer cannot be marked", "why=\"%s\"",
			 err.text);
	pthread_mutex_lock(&images->lock);
	map_put(images->damaged, str_of(chain), images);
	pthread_mutex_unlock(&images->lock);
}

/* --- checking --- */

/* What install wrote beside the layer: "bytes entries names"; older stores have the bytes only. */
static bool read_tally(const struct images *images, const char *chain, struct layer_tally *out)
{
	auto_free char *path = memory_print("%s/layers/%s.size", images->root, chain);
	auto_buf text = BUF_INIT;
	struct error ignored;
	struct str rest;

	if (!file_read(path, 128, &text, &ignored))
		return false;
	rest = buf_str(&text);
	(void)str_cut(&rest, ' ');
	return str_to_u64(str_cut(&rest, ' '), UINT64_MAX, &out->entries) &&
	       str_to_u64(rest, UINT64_MAX, &out->names);
}

static bool check_layer(const struct images *images, const char *chain,
			const struct images_check_plan *plan, struct error *err)
{
	struct layer_tally want, have;
	auto_fd folder =
		openat(images->layers_fd, chain, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (folder < 0)
		return errno == ENOENT ? error_set(err, ERROR_BROKEN, "the layer is gone")
				       : error_os(err, "cannot open the layer");
	if (!layer_check(folder, true, plan->go_on, plan->of, &have, err))
		return false;
	if (read_tally(images, chain, &want) &&
	    (want.entries != have.entries || want.names != have.names))
		return error_set(err, ERROR_BROKEN, "%" PRIu64 " files were there, %" PRIu64 " are",
				 want.entries, have.entries);
	return true;
}

/* Each layer once; false when stopped. */
static bool check_image(struct images *images, const struct image *image, struct map *seen,
			const struct images_check_plan *plan)
{
	for (char **layer = image->layers; *layer; layer++) {
		const char *chain = strrchr(*layer, '/') + 1;
		struct error err;

		if (map_put(seen, str_of(chain), images))
			continue;
		if (check_layer(images, chain, plan, &err))
			continue;
		if (err.kind == ERROR_UNAVAILABLE)
			return false;
		mark(images, chain);
		plan->on_damaged(plan->of, image->names[0] ? image->names[0] : image->id, err.text);
	}
	return true;
}

/* Is there a holder beside the list that asks? */
static bool is_held(struct images *images, const struct image *image)
{
	bool held;

	pthread_mutex_lock(&images->lock);
	held = image_store_holders(images, str_of(image->id)) > 1;
	pthread_mutex_unlock(&images->lock);
	return held;
}

bool images_check(struct images *images, const struct images_check_plan *plan)
{
	struct image **list = images_list(images);
	auto_map seen = map_new();
	auto_buf boot = BUF_INIT;
	struct error ignored;
	bool done = true;

	for (int round = 0; round < 2; round++)
		for (size_t i = 0; list[i] && done; i++)
			if (round > 0 || is_held(images, list[i]))
				done = check_image(images, list[i], seen, plan);
	for (size_t i = 0; list[i]; i++)
		image_free(images, list[i]);
	free(list);
	if (done && file_read(BOOT_ID, 64, &boot, &ignored)) {
		write_state(images, buf_str(&boot));
		images->check_due = false;
	}
	return done;
}
