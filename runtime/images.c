/*
 * images.c - opening the store; finding, listing and removing images; who holds which layers.
 *
 * A record whose names are all gone stays in the index while somebody holds it, also over a
 * restart: whoever adopts its containers finds it by id.  A sweep takes the rest away.
 *
 * Every change of the index is made on the disk or not at all: a copy is put back when it cannot be
 * written.  Of the two locks "install" is taken first.
 */
#include "runtime/images.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "runtime/image_name.h"
#include "runtime/image_partial.h"
#include "runtime/images_inside.h"

#define INDEX_BYTES_MAX (32u * 1024 * 1024)

struct hold {
	size_t count;
};

/* --- opening --- */

static char *index_path(const struct images *images)
{
	return memory_print("%s/images.json", images->root);
}

/* 64 hex digits: it becomes a path. */
static bool is_chain(struct str hex)
{
	auto_buf text = BUF_INIT;

	buf_add_text(&text, "sha256:");
	buf_add_str(&text, hex);
	return image_name_is_digest(buf_str(&text));
}

static bool is_sound(const struct json *root)
{
	const struct json *array = json_get(root, "images");

	if (json_type(root) != JSON_OBJECT ||
	    (json_type(array) != JSON_ABSENT && json_type(array) != JSON_ARRAY))
		return false;
	for (struct json_iter it = json_iter(array); json_next(&it);) {
		if (!image_name_is_digest(json_str(json_get(it.value, "id"))))
			return false;
		for (struct json_iter layer = json_iter(json_get(it.value, "layers"));
		     json_next(&layer);)
			if (!is_chain(json_str(layer.value)))
				return false;
	}
	return true;
}

static bool read_index(struct images *images, struct error *err)
{
	auto_free char *path = index_path(images);
	auto_free char *aside = memory_print("%s.broken", path);
	auto_buf text = BUF_INIT;

	if (!file_read(path, INDEX_BYTES_MAX, &text, err)) {
		if (err->kind != ERROR_NOT_FOUND)
			return false;
		images->index = json_doc_new();
		json_set_root(images->index, json_new_object(images->index));
		return true;
	}
	if (json_parse(buf_str(&text), &images->index, NULL, err) &&
	    is_sound(json_root(images->index)))
		return true;
	if (rename(path, aside) < 0)
		return error_os(err, "cannot move %s aside", path);
	return error_set(err, ERROR_BROKEN, "%s cannot be read; it is now %s", path, aside);
}

/* What a power cut left of layers that were being unpacked, say. */
void image_store_remove_leftovers(struct images *images, const char *ending)
{
	auto_free char *path = memory_print("%s/layers", images->root);
	DIR *folder = opendir(path);
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		struct error ignored;
		auto_free char *left = memory_print("%s/%s", path, entry->d_name);

		if (str_ends(str_of(entry->d_name), str_of(ending)))
			(void)!file_remove_tree(left, &ignored);
	}
	if (folder)
		closedir(folder);
}

static bool make_folders(struct images *images, struct error *err)
{
	auto_free char *blobs = memory_print("%s/blobs/sha256", images->root);
	auto_free char *layers = memory_print("%s/layers", images->root);

	/* 0700 above all layers: set-id programs of images are out of reach for local users. */
	if (!file_make_dirs(images->root, 0700, err) || !file_make_dirs(blobs, 0700, err) ||
	    !file_make_dirs(layers, 0700, err))
		return false;
	images->root_fd = open(images->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	images->layers_fd = open(layers, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (images->root_fd < 0 || images->layers_fd < 0)
		return error_os(err, "cannot open %s", images->root);
	return true;
}

bool images_open(const char *root, struct images **out, struct error *err)
{
	struct images *images = memory_new(struct images);

	images->root = memory_string(root);
	images->root_fd = images->layers_fd = -1;
	pthread_mutex_init(&images->lock, NULL);
	pthread_mutex_init(&images->install, NULL);
	images->holds = map_new();
	images->damaged = map_new();
	if (!make_folders(images, err) || !read_index(images, err) ||
	    !image_access_open(images->root, &images->access_key, err) ||
	    !image_check_open(images, err)) {
		images_close(images);
		return false;
	}
	image_store_remove_leftovers(images, ".new");
	*out = images;
	return true;
}

bool images_nameless_file(struct images *images, int *out_fd, struct error *err)
{
	return file_nameless(images->root_fd, "incoming.", out_fd, err);
}

void images_close(struct images *images)
{
	if (!images)
		return;
	map_free_all(images->holds);
	image_check_close(images);
	json_doc_free(images->index);
	if (images->root_fd >= 0)
		close(images->root_fd);
	if (images->layers_fd >= 0)
		close(images->layers_fd);
	pthread_mutex_destroy(&images->lock);
	pthread_mutex_destroy(&images->install);
	free(images->root);
	free(images);
}

bool image_error_print(struct error *err)
{
	bool is_text = str_is_utf8(str_of(err->text));

	for (char *at = err->text; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 127 || (*at & 0x80 && !is_text))
			*at = '?';
	return false;
}

/* --- the index; the lock is held --- */

static struct json *records(struct images *images)
{
	return json_sub_array(images->index, json_root(images->index), "images");
}

static bool write_index(struct images *images, struct error *err)
{
	auto_free char *path = index_path(images);
	auto_buf text = BUF_INIT;
	struct json_doc *compact;

	json_print_pretty(json_root(images->index), &text);
	if (!file_replace(path, buf_str(&text), 0600, err))
		return false;
	/* Values that were replaced stay in a doc's memory: begin a new one. */
	if (json_parse(buf_str(&text), &compact, NULL, err)) {
		json_doc_free(images->index);
		images->index = compact;
	}
	return true;
}

static struct json_doc *copy_index(const struct images *images)
{
	struct json_doc *copy = json_doc_new();

	json_set_root(copy, json_clone(copy, json_root(images->index)));
	return copy;
}

/* Write what was changed since `before` was copied, or go back to it. */
static bool finish_change(struct images *images, struct json_doc *before, struct error *err)
{
	bool done = write_index(images, err);

	if (done) {
		json_doc_free(before);
		return true;
	}
	json_doc_free(images->index);
	images->index = before;
	return false;
}

static ptrdiff_t text_at(const struct json *array, struct str text)
{
	for (struct json_iter it = json_iter(array); json_next(&it);)
		if (str_equal(json_str(it.value), text))
			return (ptrdiff_t)it.index;
	return -1;
}

static bool drop_text(struct json *array, struct str text)
{
	ptrdiff_t at = text_at(array, text);

	if (at < 0)
		return false;
	json_remove_at(array, (size_t)at);
	return true;
}

static struct json *record_by_id(struct images *images, struct str id)
{
	for (struct json_iter it = json_iter(records(images)); json_next(&it);)
		if (str_equal(json_str(json_get(it.value, "id")), id))
			return it.value;
	return NULL;
}

static struct json *record_by_name(struct images *images, struct str name)
{
	for (struct json_iter it = json_iter(records(images)); json_next(&it);)
		if (text_at(json_get(it.value, "names"), name) >= 0 ||
		    text_at(json_get(it.value, "digests"), name) >= 0)
			return it.value;
	return NULL;
}

static struct json *record_find(struct images *images, struct str name, struct error *err)
{
	auto_buf whole = BUF_INIT;
	struct json *found = NULL;

	if (image_name_is_digest(name))
		found = record_by_id(images, name);
	else if (!image_name_normalise(name, &whole, err))
		return NULL;
	else
		found = record_by_name(images, buf_str(&whole));
	if (!found)
		error_set(err, ERROR_NOT_FOUND, "there is no image \"" STR_FMT "\" on this machine",
			  STR_ARG(name));
	return found;
}

/* "docker.io/library/web:latest" + digest -> "docker.io/library/web@sha256:..." */
static void add_digest(struct images *images, struct json *record, const char *name,
		       const char *digest)
{
	struct json *digests = json_sub_array(images->index, record, "digests");
	struct image_name parts;
	struct error ignored;
	auto_free char *text = NULL;

	if (!*digest || !image_name_parse(str_of(name), &parts, &ignored))
		return;
	text = memory_print("%s/%s@sha256:%s", parts.host, parts.repository, digest);
	if (text_at(digests, str_of(text)) < 0)
		json_append(digests, json_new_text(images->index, text));
}

static void add_name(struct images *images, struct json *record, const char *name)
{
	struct json *before = record_by_name(images, str_of(name));
	struct json *names = json_sub_array(images->index, record, "names");

	if (strchr(name, '@') || before == record)
		return;
	if (before)
		drop_text(json_get(before, "names"), str_of(name)); /* it moves, as a tag does */
	json_append(names, json_new_text(images->index, name));
}

bool image_index_add(struct images *images, const struct image_record *add, struct error *err)
{
	struct json_doc *before;
	struct json *record, *layers;
	bool done;

	pthread_mutex_lock(&images->lock);
	before = copy_index(images);
	record = record_by_id(images, str_of(add->id));
	if (!record) {
		record = json_new_object(images->index);
		json_put(images->index, record, "id", json_new_text(images->index, add->id));
		json_append(records(images), record);
	}
	layers = json_new_array(images->index);
	for (size_t i = 0; i < add->layer_count; i++)
		json_append(layers, json_new_text(images->index, add->layers[i]));
	json_put(images->index, record, "layers", layers);
	json_put(images->index, record, "size", json_new_int(images->index, (int64_t)add->size));
	for (size_t i = 0; add->names && add->names[i]; i++) {
		image_access_note(&images->access_key, images->index, record, add->names[i],
				  add->login);
		add_name(images, record, add->names[i]);
		add_digest(images, record, add->names[i], add->manifest_digest);
	}
	done = finish_change(images, before, err);
	/* Another image may have lost its last name; after a failure layers may be in vain. */
	images->sweep_due = true;
	pthread_mutex_unlock(&images->lock);
	return done;
}

/* --- holding --- */

static void hold(struct images *images, struct str id)
{
	struct hold *found = map_find(images->holds, id);

	if (!found) {
		found = memory_new(struct hold);
		map_put(images->holds, id, found);
	}
	found->count++;
}

size_t image_store_holders(const struct images *images, struct str id)
{
	const struct hold *found = map_find(images->holds, id);

	return found ? found->count : 0;
}

static void release(struct images *images, struct str id)
{
	struct hold *found = map_find(images->holds, id);

	assert(found && found->count > 0);
	if (--found->count == 0)
		free(map_remove(images->holds, id));
}

/* Nobody needs the record any more. */
static bool is_left_over(struct images *images, const struct json *record)
{
	size_t names = json_count(json_get(record, "names"));

	return names + json_count(json_get(record, "digests")) == 0 &&
	       !map_find(images->holds, json_str(json_get(record, "id")));
}

static char **texts_of(const struct json *array)
{
	char **texts = memory_zero((json_count(array) + 1) * sizeof(*texts));

	for (struct json_iter it = json_iter(array); json_next(&it);)
		texts[it.index] = str_copy(json_str(it.value));
	return texts;
}

static struct json_doc *read_config(struct images *images, struct str id)
{
	struct str hex = str_from(id.at + 7, id.len - 7);
	auto_free char *path = memory_print("%s/blobs/sha256/" STR_FMT, images->root, STR_ARG(hex));
	auto_buf text = BUF_INIT;
	struct error ignored;
	struct json_doc *doc;

	if (file_read(path, LIMIT_IMAGE_MANIFEST, &text, &ignored) &&
	    json_parse(buf_str(&text), &doc, NULL, &ignored))
		return doc;
	return NULL;
}

static struct image *image_of(struct images *images, const struct json *record)
{
	struct image *image = memory_new(struct image);
	const struct json *layers = json_get(record, "layers");

	image->id = str_copy(json_str(json_get(record, "id")));
	image->names = texts_of(json_get(record, "names"));
	image->digests = texts_of(json_get(record, "digests"));
	image->size = (uint64_t)json_int(json_get(record, "size"));
	image->layers = memory_zero((json_count(layers) + 1) * sizeof(*image->layers));
	for (struct json_iter it = json_iter(layers); json_next(&it);) {
		image->layers[it.index] = memory_print("%s/layers/" STR_FMT, images->root,
						       STR_ARG(json_str(it.value)));
		image->damaged =
			image->damaged || image_check_is_damaged(images, json_str(it.value));
	}
	hold(images, str_of(image->id));
	image->config = read_config(images, str_of(image->id));
	return image;
}

static void free_texts(char **texts)
{
	for (size_t i = 0; texts && texts[i]; i++)
		free(texts[i]);
	free(texts);
}

static void image_drop(struct images *images, struct image *image)
{
	const struct json *record = record_by_id(images, str_of(image->id));

	release(images, str_of(image->id));
	if (record && is_left_over(images, record))
		images->sweep_due = true;
	free(image->id);
	free_texts(image->names);
	free_texts(image->digests);
	free_texts(image->layers);
	json_doc_free(image->config);
	free(image);
}

static bool is_sweep_due(struct images *images)
{
	bool due;

	pthread_mutex_lock(&images->lock);
	due = images->sweep_due;
	pthread_mutex_unlock(&images->lock);
	return due;
}

void image_free(struct images *images, struct image *image)
{
	if (!image)
		return;
	pthread_mutex_lock(&images->lock);
	image_drop(images, image);
	pthread_mutex_unlock(&images->lock);
	if (!images->wake)
		image_store_settle(images);
	else if (is_sweep_due(images))
		images->wake(images->wake_of);
}

void images_leave_removing(struct images *images, void (*wake)(void *of), void *of)
{
	images->wake = wake;
	images->wake_of = of;
}

void images_remove_unneeded(struct images *images)
{
	image_store_settle(images);
}

bool images_find(struct images *images, struct str name, struct image **out, struct error *err)
{
	struct json *record;
	struct image *image = NULL;

	pthread_mutex_lock(&images->lock);
	record = record_find(images, name, err);
	if (record) {
		image = image_of(images, record);
		if (!image->config) {
			error_set(err, ERROR_BROKEN,
				  "the configuration of the image \"" STR_FMT
				  "\" cannot be read; import or pull it again",
				  STR_ARG(name));
			image_drop(images, image);
			image = NULL;
		}
	}
	pthread_mutex_unlock(&images->lock);
	if (image)
		*out = image;
	return image != NULL;
}

/* "docker.io/library/web:1" -> "docker.io/library/web"; empty for an id. */
static void repository_of(struct str name, struct buf *out)
{
	struct image_name parts;
	struct error ignored;

	if (!image_name_is_digest(name) && image_name_parse(name, &parts, &ignored))
		buf_add_print(out, "%s/%s", parts.host, parts.repository);
}

bool images_allows(struct images *images, struct str name, const struct image_login *logins,
		   size_t count)
{
	static const struct image_login nobody;
	auto_buf repository = BUF_INIT;
	const struct json *record;
	struct error ignored;
	bool allowed;

	repository_of(name, &repository);
	pthread_mutex_lock(&images->lock);
	record = record_find(images, name, &ignored);
	allowed = record &&
		  image_access_allows(&images->access_key, record, buf_str(&repository), &nobody);
	for (size_t i = 0; record && !allowed && i < count; i++)
		allowed = image_access_allows(&images->access_key, record, buf_str(&repository),
					      &logins[i]);
	pthread_mutex_unlock(&images->lock);
	return allowed;
}

struct image **images_list(struct images *images)
{
	struct image **list;
	size_t count = 0;

	pthread_mutex_lock(&images->lock);
	list = memory_zero((json_count(records(images)) + 1) * sizeof(struct image *));
	for (struct json_iter it = json_iter(records(images)); json_next(&it);)
		list[count++] = image_of(images, it.value);
	pthread_mutex_unlock(&images->lock);
	return list;
}

/* --- removing --- */

static size_t drop_records(struct images *images)
{
	struct json *array = records(images);
	size_t before = json_count(array);

	for (size_t i = before; i > 0; i--)
		if (is_left_over(images, json_at(array, i - 1)))
			json_remove_at(array, i - 1);
	return before - json_count(array);
}

/* What the records need: chain ids, and ids of configurations. */
static struct map *needed_files(struct images *images)
{
	struct map *needed = map_new();

	for (struct json_iter it = json_iter(records(images)); json_next(&it);) {
		const struct json *layers = json_get(it.value, "layers");

		for (struct json_iter layer = json_iter(layers); json_next(&layer);)
			map_put(needed, json_str(layer.value), images);
		map_put(needed, json_str(json_get(it.value, "id")), images);
	}
	return needed;
}

static void remove_unneeded(const char *folder, const char *prefix, const struct map *needed)
{
	DIR *open = opendir(folder);
	struct dirent *entry;

	while (open && (entry = readdir(open))) {
		struct str rest = str_of(entry->d_name), name = str_cut(&rest, '.');
		auto_free char *path = memory_print("%s/%s", folder, entry->d_name);
		auto_free char *key = NULL;
		struct error ignored;

		key = memory_print("%s" STR_FMT, prefix, STR_ARG(name));
		if (entry->d_name[0] == '.' || str_is(rest, "old") || map_find(needed, str_of(key)))
			continue;
		(void)!file_remove_tree(path, &ignored); /* the next sweep tries again */
	}
	if (open)
		closedir(open);
}

/* The install lock is held: it keeps a layer from going between "it is there" and "it is in the
 * index". */
static bool sweep(struct images *images, struct error *err)
{
	auto_free char *layers = memory_print("%s/layers", images->root);
	auto_free char *blobs = memory_print("%s/blobs/sha256", images->root);
	auto_map needed = NULL;
	struct json_doc *before;
	bool done;

	pthread_mutex_lock(&images->lock);
	images->sweep_due = false;
	before = copy_index(images);
	if (drop_records(images) > 0) {
		done = finish_change(images, before, err);
	} else {
		json_doc_free(before);
		done = true;
	}
	needed = needed_files(images);
	pthread_mutex_unlock(&images->lock);
	remove_unneeded(layers, "", needed);
	remove_unneeded(blobs, "sha256:", needed);
	return done;
}

bool images_sweep(struct images *images, struct error *err)
{
	bool done;

	pthread_mutex_lock(&images->install);
	done = sweep(images, err);
	pthread_mutex_unlock(&images->install);
	image_partial_sweep(images->root_fd, false);
	return done;
}

/* Who finds the install lock taken may go: its holder looks here once more after giving it up. */
void image_store_settle(struct images *images)
{
	while (is_sweep_due(images) && pthread_mutex_trylock(&images->install) == 0) {
		struct error ignored; /* what cannot be written now is left for the next sweep */

		(void)!sweep(images, &ignored);
		pthread_mutex_unlock(&images->install);
	}
}

void image_store_unsettle(struct images *images)
{
	pthread_mutex_lock(&images->lock);
	images->sweep_due = true;
	pthread_mutex_unlock(&images->lock);
}

/* With the last tag of a repository its digests go as well. */
static void drop_name(struct json *record, struct str whole)
{
	struct json *digests = json_get(record, "digests");
	struct image_name parts;
	struct error ignored;
	auto_free char *prefix = NULL;

	if (drop_text(digests, whole))
		return;
	drop_text(json_get(record, "names"), whole);
	if (!image_name_parse(whole, &parts, &ignored))
		return;
	prefix = memory_print("%s/%s:", parts.host, parts.repository);
	for (struct json_iter it = json_iter(json_get(record, "names")); json_next(&it);)
		if (str_starts(json_str(it.value), str_of(prefix)))
			return;
	prefix[strlen(prefix) - 1] = '@';
	for (size_t i = json_count(digests); i > 0; i--)
		if (str_starts(json_str(json_at(digests, i - 1)), str_of(prefix)))
			json_remove_at(digests, i - 1);
}

static bool remove_locked(struct images *images, struct str name, struct error *err)
{
	auto_buf whole = BUF_INIT;
	struct json *record = record_find(images, name, err);
	struct json_doc *before;

	if (!record)
		return false;
	if (!image_name_is_digest(name) && !image_name_normalise(name, &whole, err))
		return false;
	before = copy_index(images);
	if (image_name_is_digest(name)) {
		json_remove(record, STR("names"));
		json_remove(record, STR("digests"));
	} else {
		drop_name(record, buf_str(&whole));
	}
	images->sweep_due = is_left_over(images, record) || images->sweep_due;
	drop_records(images);
	return finish_change(images, before, err);
}

bool images_remove(struct images *images, struct str name, struct error *err)
{
	bool done;

	pthread_mutex_lock(&images->lock);
	done = remove_locked(images, name, err);
	pthread_mutex_unlock(&images->lock);
	image_store_settle(images);
	return done;
}
