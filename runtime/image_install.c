/*
 * image_install.c - a parcel of configuration and layers becomes an image of the store.
 *
 * Layers that are there already (same chain id) are not unpacked again.  New ones are unpacked
 * under a ".new" name; when all are whole, one syncfs writes them down and renames give them their
 * names; the index comes last.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "runtime/images_inside.h"
#include "runtime/inflate.h"
#include "runtime/layer_check.h"
#include "runtime/unpack.h"

#define LAYER_BYTES_WIRE LIMIT_LAYER_BYTES /* compressed never needs more */

struct layer {
	char diff[HASH_SHA256_HEX];
	char chain[HASH_SHA256_HEX];
	bool is_new;
	int fd;
	uint64_t bytes;
};

struct install {
	struct images *images;
	const struct image_parcel *parcel;
	struct json_doc *config;
	struct layer *layers;
	uint64_t bytes;
};

/* ChainID(L0..Ln) = SHA256(ChainID(L0..Ln-1) + " " + DiffID(Ln)) */
static void chain_layers(struct install *it)
{
	for (size_t i = 0; i < it->parcel->layer_count; i++) {
		char text[2 * (HASH_SHA256_HEX + 8)];

		if (i == 0) {
			memcpy(it->layers[i].chain, it->layers[i].diff, HASH_SHA256_HEX);
			continue;
		}
		snprintf(text, sizeof(text), "sha256:%s sha256:%s", it->layers[i - 1].chain,
			 it->layers[i].diff);
		hash_sha256_hex(str_of(text), it->layers[i].chain);
	}
}

static bool read_config(struct install *it, struct error *err)
{
	const struct json *diffs;

	if (!image_document_parse(buf_str(&it->parcel->config), &it->config, err))
		return error_context(err, "the image's configuration");
	diffs = json_path(json_root(it->config), "rootfs", "diff_ids", NULL);
	if (json_count(diffs) != it->parcel->layer_count)
		return error_set(err, ERROR_INVALID,
				 "the image's configuration names %zu layers, its manifest %zu",
				 json_count(diffs), it->parcel->layer_count);
	for (struct json_iter d = json_iter(diffs); json_next(&d);)
		if (!image_digest_read(json_str(d.value), it->layers[d.index].diff))
			return error_set(err, ERROR_INVALID,
					 "rootfs.diff_ids[%zu] of the image's configuration is no "
					 "sha256 digest",
					 d.index);
	chain_layers(it);
	return true;
}

/* --- one layer --- */

static void new_name(const struct layer *layer, char out[HASH_SHA256_HEX + 8])
{
	snprintf(out, HASH_SHA256_HEX + 8, "%s.new", layer->chain);
}

static bool remove_below(struct images *images, const char *name, struct error *err)
{
	auto_free char *path = memory_print("%s/layers/%s", images->root, name);

	return file_remove_tree(path, err);
}

static bool check_digest(const char *what, const char *wanted, const char *found, struct error *err)
{
	if (*wanted == '\0' || strcmp(wanted, found) == 0)
		return true;
	return error_set(err, ERROR_INVALID, "%s has the digest sha256:%s instead of sha256:%s",
			 what, found, wanted);
}

/* file -> tap (digest of the blob) -> decompressor -> tap (diff id, limit) -> tar */
static bool unpack_through(const struct image_source *from, const struct layer *layer,
			   const struct unpack_plan *plan, uint64_t *out_bytes, struct error *err)
{
	struct tar_source_file file;
	struct tar_source_tap blob, diff;
	AUTO(inflate_close) struct inflate *inflate = NULL;
	char found[HASH_SHA256_HEX];
	bool done;

	tar_source_file_init(&file, from->fd, from->at, from->len);
	tar_source_tap_init(&blob, &file.source, LAYER_BYTES_WIRE);
	if (!inflate_open(&blob.source, &inflate, err)) {
		tar_source_tap_clear(&blob);
		return false;
	}
	/* Tar headers come on top of the files' bytes: the entries' limit bounds them. */
	tar_source_tap_init(&diff, inflate_source(inflate), LIMIT_LAYER_BYTES * 2);
	done = unpack_layer(plan, &diff.source, out_bytes, err) &&
	       tar_source_drain(&blob.source, err);
	if (done) {
		tar_source_tap_end(&blob, found);
		done = check_digest("the blob of a layer", from->digest, found, err);
	}
	if (done) {
		tar_source_tap_end(&diff, found);
		done = check_digest("a layer", layer->diff, found, err);
	}
	tar_source_tap_clear(&diff);
	tar_source_tap_clear(&blob);
	return done;
}

static bool open_layer(struct images *images, const char *name, int *out_fd, struct error *err)
{
	*out_fd = openat(images->layers_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return *out_fd >= 0 || error_os(err, "cannot open the layer %s", name);
}

static bool unpack_one(struct install *it, size_t index, struct error *err)
{
	struct layer *layer = &it->layers[index];
	auto_free int *lowers = memory_zero((index + 1) * sizeof(int));
	struct unpack_plan plan = { .lowers = lowers,
				    .lower_count = index,
				    .bytes_max = LIMIT_LAYER_BYTES,
				    .entries_max = LIMIT_LAYER_ENTRIES };
	char name[HASH_SHA256_HEX + 8];

	for (size_t i = 0; i < index; i++)
		lowers[i] = it->layers[i].fd;
	if (it->parcel->layers[index].fd < 0)
		return error_set(err, ERROR_UNAVAILABLE,
				 "it was removed while the image was being pulled; try again");
	new_name(layer, name);
	if (!remove_below(it->images, name, err))
		return false;
	if (mkdirat(it->images->layers_fd, name, 0755) < 0)
		return error_os(err, "cannot make a folder for a layer");
	layer->is_new = true;
	if (fchmodat(it->images->layers_fd, name, 0755, 0) < 0) /* whatever the umask is */
		return error_os(err, "cannot make a folder for a layer");
	if (!open_layer(it->images, name, &layer->fd, err))
		return false;
	plan.folder = layer->fd;
	return unpack_through(&it->parcel->layers[index], layer, &plan, &layer->bytes, err);
}

/* Bytes of a layer that is there already: its size was counted when it came. */
static uint64_t known_bytes(struct images *images, const char *chain)
{
	auto_free char *path = memory_print("%s/layers/%s.size", images->root, chain);
	auto_buf text = BUF_INIT;
	struct error ignored;
	uint64_t bytes = 0;

	if (file_read(path, 128, &text, &ignored)) {
		struct str rest = buf_str(&text);

		(void)!str_to_u64(str_cut(&rest, ' '), UINT64_MAX, &bytes);
	}
	return bytes;
}

/* There, and still what it was. */
static bool open_whole(struct images *images, struct layer *layer)
{
	struct error ignored;
	bool damaged;

	pthread_mutex_lock(&images->lock);
	damaged = image_check_is_damaged(images, str_of(layer->chain));
	pthread_mutex_unlock(&images->lock);
	return !damaged && open_layer(images, layer->chain, &layer->fd, &ignored);
}

static bool unpack_missing(struct install *it, struct error *err)
{
	for (size_t i = 0; i < it->parcel->layer_count; i++) {
		struct layer *layer = &it->layers[i];

		if (open_whole(it->images, layer))
			layer->bytes = known_bytes(it->images, layer->chain);
		else if (!unpack_one(it, i, err))
			return error_context(err, "layer %zu of %zu", i + 1,
					     it->parcel->layer_count);
		it->bytes += layer->bytes;
	}
	return true;
}

/* --- the whole --- */

static bool always(void *of)
{
	(void)of;
	return true;
}

/* "bytes entries names": what it costs, and what image_check.c compares later. */
static bool write_sizes(struct install *it, struct error *err)
{
	for (size_t i = 0; i < it->parcel->layer_count; i++) {
		auto_free char *path = NULL;
		struct layer_tally tally;
		char text[80];

		if (!it->layers[i].is_new)
			continue;
		if (!layer_check(it->layers[i].fd, false, always, NULL, &tally, err))
			return false;
		path = memory_print("%s/layers/%s.size", it->images->root, it->layers[i].chain);
		snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " %" PRIu64,
			 it->layers[i].bytes, tally.entries, tally.names);
		if (!file_replace(path, str_of(text), 0644, err))
			return false;
	}
	return true;
}

/* Under its name; a damaged one that has it steps aside, containers may still use it. */
static bool name_layer(struct install *it, const struct layer *layer, struct error *err)
{
	int folder = it->images->layers_fd;
	char name[HASH_SHA256_HEX + 8], old[HASH_SHA256_HEX + 8];
	bool replaces = faccessat(folder, layer->chain, F_OK, AT_SYMLINK_NOFOLLOW) == 0;

	new_name(layer, name);
	snprintf(old, sizeof(old), "%s.old", layer->chain);
	if (!replaces)
		return renameat(folder, name, folder, layer->chain) == 0 ||
		       error_os(err, "cannot name a layer");
	if (!remove_below(it->images, old, err))
		return false;
	if (renameat2(folder, name, folder, layer->chain, RENAME_EXCHANGE) < 0 ||
	    renameat(folder, name, folder, old) < 0)
		return error_os(err, "cannot replace a layer");
	image_check_mended(it->images, layer->chain);
	return true;
}

static bool name_layers(struct install *it, struct error *err)
{
	bool any = false;

	for (size_t i = 0; i < it->parcel->layer_count; i++)
		any = any || it->layers[i].is_new;
	if (any && syncfs(it->images->layers_fd) < 0)
		return error_os(err, "cannot write the layers down");
	if (!write_sizes(it, err))
		return false;
	for (size_t i = 0; i < it->parcel->layer_count; i++) {
		if (!it->layers[i].is_new)
			continue;
		if (!name_layer(it, &it->layers[i], err))
			return false;
		it->layers[i].is_new = false;
	}
	if (any && fsync(it->images->layers_fd) < 0)
		return error_os(err, "cannot write the layers down");
	return true;
}

static bool enter(struct install *it, struct error *err)
{
	char hex[HASH_SHA256_HEX];
	auto_free char *id = NULL, *blob = NULL;
	auto_free const char **chains =
		memory_zero((it->parcel->layer_count + 1) * sizeof(*chains));
	struct image_record record = { .names = it->parcel->names,
				       .manifest_digest = it->parcel->manifest_digest,
				       .login = it->parcel->login,
				       .layer_count = it->parcel->layer_count,
				       .size = it->bytes };

	hash_sha256_hex(buf_str(&it->parcel->config), hex);
	id = memory_print("sha256:%s", hex);
	blob = memory_print("%s/blobs/sha256/%s", it->images->root, hex);
	for (size_t i = 0; i < it->parcel->layer_count; i++)
		chains[i] = it->layers[i].chain;
	record.id = id;
	record.layers = chains;
	return file_replace(blob, buf_str(&it->parcel->config), 0644, err) &&
	       image_index_add(it->images, &record, err);
}

static void install_clear(struct install *it)
{
	for (size_t i = 0; i < it->parcel->layer_count; i++) {
		struct error ignored;
		char name[HASH_SHA256_HEX + 8];

		if (it->layers[i].fd >= 0)
			close(it->layers[i].fd);
		new_name(&it->layers[i], name);
		if (it->layers[i].is_new)
			(void)!remove_below(it->images, name, &ignored);
	}
	free(it->layers);
	json_doc_free(it->config);
}

bool image_install(struct images *images, const struct image_parcel *parcel, struct error *err)
{
	struct install it = { .images = images, .parcel = parcel };
	bool done;

	assert(parcel->layer_count <= LIMIT_IMAGE_LAYERS);
	it.layers = memory_zero((parcel->layer_count + 1) * sizeof(*it.layers));
	for (size_t i = 0; i < parcel->layer_count; i++)
		it.layers[i].fd = -1;
	pthread_mutex_lock(&images->install);
	done = read_config(&it, err) && unpack_missing(&it, err) && name_layers(&it, err) &&
	       enter(&it, err);
	install_clear(&it);
	if (!done)
		image_store_unsettle(images); /* layers may have their names, without an image */
	pthread_mutex_unlock(&images->install);
	image_store_settle(images);
	return done || image_error_print(err);
}

void image_install_present(struct images *images, const struct image_parcel *parcel,
			   bool *out_present)
{
	struct install it = { .images = images, .parcel = parcel };
	struct error ignored;

	it.layers = memory_zero((parcel->layer_count + 1) * sizeof(*it.layers));
	for (size_t i = 0; i < parcel->layer_count; i++)
		it.layers[i].fd = -1;
	if (read_config(&it, &ignored))
		for (size_t i = 0; i < parcel->layer_count; i++)
			out_present[i] = open_whole(images, &it.layers[i]);
	install_clear(&it);
}
