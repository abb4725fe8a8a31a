/*
 * image_archive.c - archives of `docker save` and in OCI layout.
 *
 * The archive is walked once to learn where its files lie; layers are then read where they are.  A
 * compressed archive is unpacked into a nameless file first: layers have to be read twice at
 * different places.
 *
 *   docker save   manifest.json: [{"Config": path, "RepoTags": [names], "Layers": [paths]}]
 *   OCI layout    index.json -> blobs/sha256/<hex> of manifests, configurations, layers
 *
 * Newer docker writes both; manifest.json is taken then, since it has all the names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/list.h"
#include "runtime/image_name.h"
#include "runtime/images_inside.h"
#include "runtime/inflate.h"
#include "runtime/tar.h"

#define ARCHIVE_FILES_MAX  65536u
#define ARCHIVE_BYTES_MAX  (64ull * 1024 * 1024 * 1024)
#define ARCHIVE_IMAGES_MAX 1024u
#define ARCHIVE_NAMES_MAX  (16u * 1024 * 1024) /* bytes of all paths in memory          */
#define CONFIGS_MAX        (32u * 1024 * 1024) /* bytes of all configurations in memory */
#define INDEX_DEPTH_MAX    4
#define LINKS_MAX          8

struct archive_file {
	uint64_t at, len;
	char *link; /* another path of the archive, or NULL */
};

struct archive {
	struct images *images;
	int fd;
	struct map *files; /* clean path -> struct archive_file */
	size_t name_bytes;
	struct list parcels;
	size_t count;
	size_t config_bytes;
};

/* An image of the archive, ready to be installed. */
struct archive_image {
	struct image_parcel parcel;
	struct list link;
	size_t name_count;
};

/* --- opening --- */

static bool copy_out(struct tar_source *source, int fd, struct error *err)
{
	auto_free char *room = memory_get(256 * 1024);
	uint64_t total = 0;
	size_t got;

	do {
		if (!source->read(source, room, 256 * 1024, &got, err))
			return false;
		total += got;
		if (total > ARCHIVE_BYTES_MAX)
			return error_set(err, ERROR_TOO_LARGE, "the archive is too large");
		if (got > 0 && !file_write_all(fd, room, got, err))
			return false;
	} while (got > 0);
	return true;
}

/* A descriptor on the plain tar: the file itself, or what it decompresses to. */
static bool open_plain(struct images *images, const char *path, int *out_fd, struct error *err)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	auto_fd plain = -1;
	AUTO(inflate_close) struct inflate *inflate = NULL;
	struct tar_source_file source;
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return error_set(err, ERROR_NOT_FOUND, "there is no file %s", path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_os(err, "cannot open %s", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_INVALID, "%s is no file", path);
	tar_source_file_init(&source, fd, 0, (uint64_t)st.st_size);
	if (!inflate_open(&source.source, &inflate, err))
		return false;
	if (inflate_kind(inflate) == INFLATE_PLAIN) {
		*out_fd = take_fd(&fd);
		return true;
	}
	if (!images_nameless_file(images, &plain, err) ||
	    !copy_out(inflate_source(inflate), plain, err))
		return false;
	*out_fd = take_fd(&plain);
	return true;
}

/* "./a//b" -> "a/b"; with "..", "a/../b" -> "b".  False when it leaves the archive. */
static bool clean(struct str base, struct str path, struct buf *out)
{
	struct str parts[2] = { base, path };

	buf_reset(out);
	for (size_t i = 0; i < 2; i++) {
		while (parts[i].len > 0) {
			struct str part = str_cut(&parts[i], '/');

			if (part.len == 0 || str_is(part, "."))
				continue;
			if (str_is(part, "..")) {
				if (out->len == 0)
					return false;
				while (out->len > 0 && out->at[--out->len] != '/')
					;
				continue;
			}
			if (out->len > 0)
				buf_add_byte(out, '/');
			buf_add_str(out, part);
		}
	}
	return true;
}

static bool note_file(struct archive *it, const struct tar_entry *entry, struct error *err)
{
	auto_buf path = BUF_INIT, target = BUF_INIT;
	struct archive_file *file, *before;
	struct str folder;

	if (entry->type != TAR_FILE && entry->type != TAR_SYMLINK && entry->type != TAR_HARDLINK)
		return true;
	if (!clean(STR_NONE, entry->path, &path))
		return error_set(err, ERROR_INVALID, "the path \"" STR_FMT "\" leaves the archive",
				 STR_ARG(entry->path));
	if (map_count(it->files) >= ARCHIVE_FILES_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the archive has more than %u files",
				 ARCHIVE_FILES_MAX);
	folder = buf_str(&path);
	while (folder.len > 0 && folder.at[folder.len - 1] != '/')
		folder.len--;
	if (entry->type == TAR_HARDLINK)
		folder.len = 0;
	if (entry->type != TAR_FILE && !clean(folder, entry->link, &target))
		return error_set(err, ERROR_INVALID, "the link \"%s\" leaves the archive",
				 buf_text(&path));
	it->name_bytes += path.len + target.len;
	if (it->name_bytes > ARCHIVE_NAMES_MAX)
		return error_set(err, ERROR_TOO_LARGE,
				 "the names of the archive's files have more "
				 "than %u bytes",
				 ARCHIVE_NAMES_MAX);
	file = memory_new(struct archive_file);
	file->at = entry->offset;
	file->len = entry->size;
	file->link = entry->type == TAR_FILE ? NULL : buf_take(&target);
	before = map_put(it->files, buf_str(&path), file);
	if (before)
		free(before->link);
	free(before);
	return true;
}

static bool walk(struct archive *it, struct error *err)
{
	struct tar_source_file source;
	AUTO(tar_free) struct tar *tar = NULL;
	const struct tar_entry *entry;
	struct stat st;

	if (fstat(it->fd, &st) < 0)
		return error_os(err, "cannot look at the archive");
	tar_source_file_init(&source, it->fd, 0, (uint64_t)st.st_size);
	tar = tar_new(&source.source);
	for (;;) {
		if (!tar_next(tar, &entry, err))
			return false;
		if (!entry)
			return true;
		if (!note_file(it, entry, err))
			return false;
	}
}

static const struct archive_file *find_file(const struct archive *it, struct str path)
{
	auto_buf whole = BUF_INIT;
	const struct archive_file *file;

	if (!clean(STR_NONE, path, &whole))
		return NULL;
	file = map_find(it->files, buf_str(&whole));
	for (int i = 0; file && file->link && i < LINKS_MAX; i++)
		file = map_find(it->files, str_of(file->link));
	return file && !file->link ? file : NULL;
}

static bool read_file(const struct archive *it, struct str path, struct buf *out, struct error *err)
{
	const struct archive_file *file = find_file(it, path);
	struct tar_source_file source;

	if (!file)
		return error_set(err, ERROR_INVALID, "the archive has no file \"" STR_FMT "\"",
				 STR_ARG(path));
	if (file->len > LIMIT_IMAGE_MANIFEST)
		return error_set(err, ERROR_TOO_LARGE, "\"" STR_FMT "\" is too large",
				 STR_ARG(path));
	tar_source_file_init(&source, it->fd, file->at, file->len);
	return tar_source_take(&source.source, LIMIT_IMAGE_MANIFEST, out, err);
}

static bool read_json(const struct archive *it, struct str path, struct json_doc **out,
		      struct error *err)
{
	auto_buf text = BUF_INIT;

	if (!read_file(it, path, &text, err))
		return false;
	return image_document_parse(buf_str(&text), out, err) ||
	       error_context(err, "\"" STR_FMT "\"", STR_ARG(path));
}

/* --- images --- */

static void archive_image_free(struct archive_image *image)
{
	for (size_t i = 0; i < image->name_count; i++)
		free((char *)image->parcel.names[i]);
	free(image->parcel.names);
	free(image->parcel.layers);
	buf_clear(&image->parcel.config);
	free(image);
}

static bool new_image(struct archive *it, size_t layers, size_t names, struct archive_image **out,
		      struct error *err)
{
	struct archive_image *image;

	if (++it->count > ARCHIVE_IMAGES_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the archive has more than %u images",
				 ARCHIVE_IMAGES_MAX);
	if (layers > LIMIT_IMAGE_LAYERS || names > ARCHIVE_IMAGES_MAX)
		return error_set(err, ERROR_TOO_LARGE, "an image has too many layers or names");
	image = memory_new(struct archive_image);
	image->parcel.names = memory_zero((names + 2) * sizeof(char *));
	image->parcel.layers = memory_zero((layers + 1) * sizeof(struct image_source));
	list_add(&it->parcels, &image->link);
	*out = image;
	return true;
}

static bool add_name(struct archive_image *image, struct str name, struct error *err)
{
	auto_buf whole = BUF_INIT;

	if (!image_name_normalise(name, &whole, err))
		return false;
	image->parcel.names[image->name_count++] = buf_take(&whole);
	return true;
}

/* Archives may name one configuration many times: all of them are held until the end. */
static bool count_config(struct archive *it, const struct archive_image *image, struct error *err)
{
	it->config_bytes += image->parcel.config.len;
	if (it->config_bytes > CONFIGS_MAX)
		return error_set(err, ERROR_TOO_LARGE,
				 "the configurations of all images have more than %u bytes",
				 CONFIGS_MAX);
	return true;
}

/* An image without a name gets one, or nobody could ever use or remove it. */
static bool name_nameless(struct archive_image *image, struct error *err)
{
	char hex[HASH_SHA256_HEX];
	char name[64];

	if (image->name_count > 0)
		return true;
	hash_sha256_hex(buf_str(&image->parcel.config), hex);
	snprintf(name, sizeof(name), "localhost/imported:%.12s", hex);
	return add_name(image, str_of(name), err);
}

static bool add_layer(struct archive *it, struct archive_image *image, struct str path,
		      const char *digest, struct error *err)
{
	const struct archive_file *file = find_file(it, path);
	struct image_source *layer = &image->parcel.layers[image->parcel.layer_count];

	if (!file)
		return error_set(err, ERROR_INVALID, "the archive has no layer \"" STR_FMT "\"",
				 STR_ARG(path));
	*layer = (struct image_source){ .fd = it->fd, .at = file->at, .len = file->len };
	snprintf(layer->digest, sizeof(layer->digest), "%s", digest);
	image->parcel.layer_count++;
	return true;
}

static bool read_docker_image(struct archive *it, const struct json *entry, struct error *err)
{
	const struct json *layers = json_get(entry, "Layers");
	const struct json *tags = json_get(entry, "RepoTags");
	struct archive_image *image;

	if (!new_image(it, json_count(layers), json_count(tags), &image, err) ||
	    !read_file(it, json_str(json_get(entry, "Config")), &image->parcel.config, err) ||
	    !count_config(it, image, err))
		return false;
	for (struct json_iter tag = json_iter(tags); json_next(&tag);) {
		if (str_find(json_str(tag.value), '@') >= 0)
			continue; /* nothing here proves a digest */
		if (!add_name(image, json_str(tag.value), err))
			return false;
	}
	for (struct json_iter layer = json_iter(layers); json_next(&layer);)
		if (!add_layer(it, image, json_str(layer.value), "", err))
			return false;
	return name_nameless(image, err);
}

static bool read_docker(struct archive *it, struct error *err)
{
	auto_json_doc doc = NULL;

	if (!read_json(it, STR("manifest.json"), &doc, err))
		return false;
	if (json_type(json_root(doc)) != JSON_ARRAY)
		return error_set(err, ERROR_INVALID, "manifest.json is no list of images");
	for (struct json_iter image = json_iter(json_root(doc)); json_next(&image);)
		if (!read_docker_image(it, image.value, err))
			return error_context(err, "image %zu of manifest.json", image.index);
	return true;
}

/* --- OCI layout --- */

static void blob_path(const char *digest, char out[HASH_SHA256_HEX + 16])
{
	snprintf(out, HASH_SHA256_HEX + 16, "blobs/sha256/%s", digest);
}

static bool read_blob(struct archive *it, const struct image_blob *blob, struct buf *out,
		      struct error *err)
{
	char path[HASH_SHA256_HEX + 16], found[HASH_SHA256_HEX];

	blob_path(blob->digest, path);
	if (!read_file(it, str_of(path), out, err))
		return false;
	hash_sha256_hex(buf_str(out), found);
	if (out->len != blob->size || strcmp(found, blob->digest) != 0)
		return error_set(err, ERROR_INVALID,
				 "%s is not what its name says: it has %zu bytes and the digest "
				 "sha256:%s",
				 path, out->len, found);
	return true;
}

static bool add_blob_layer(struct archive *it, struct archive_image *image,
			   const struct image_blob *blob, struct error *err)
{
	char path[HASH_SHA256_HEX + 16];

	blob_path(blob->digest, path);
	if (!add_layer(it, image, str_of(path), blob->digest, err))
		return false;
	if (image->parcel.layers[image->parcel.layer_count - 1].len != blob->size)
		return error_set(err, ERROR_INVALID, "%s has not the size that its manifest says",
				 path);
	return true;
}

/* What an entry of index.json leads to. */
struct lead {
	struct str name; /* "" = none */
	char digest[HASH_SHA256_HEX];
};

static bool read_oci_image(struct archive *it, const struct json *value, const struct lead *lead,
			   struct error *err)
{
	struct image_manifest manifest;
	struct archive_image *image;
	bool done;

	if (!image_manifest_read(value, &manifest, err))
		return false;
	done = new_image(it, manifest.layer_count, 1, &image, err) &&
	       read_blob(it, &manifest.config, &image->parcel.config, err) &&
	       count_config(it, image, err) &&
	       (lead->name.len == 0 || add_name(image, lead->name, err)) &&
	       name_nameless(image, err);
	for (size_t i = 0; done && i < manifest.layer_count; i++)
		done = add_blob_layer(it, image, &manifest.layers[i], err);
	if (done)
		memcpy(image->parcel.manifest_digest, lead->digest, HASH_SHA256_HEX);
	image_manifest_clear(&manifest);
	return done;
}

/* "v1.2" alone is a tag of nothing that we know: only whole names are taken. */
static struct str annotated_name(const struct json *descriptor)
{
	const struct json *notes = json_get(descriptor, "annotations");
	struct str name = json_str(json_get(notes, "io.containerd.image.name"));

	if (name.len == 0)
		name = json_str(json_get(notes, "org.opencontainers.image.ref.name"));
	if (str_find(name, '/') < 0 && str_find(name, ':') < 0)
		return STR_NONE;
	return name;
}

/* The document is what its descriptor says, or one blob could be two things. */
static bool check_media(const struct json *descriptor, const struct json *value, struct error *err)
{
	struct str wanted = json_str(json_get(descriptor, "mediaType"));
	struct str found = json_str(json_get(value, "mediaType"));

	if (wanted.len > 0 && found.len > 0 && !str_equal(wanted, found))
		return error_set(err, ERROR_INVALID,
				 "its media type is not the one that the index says");
	return true;
}

/* A descriptor: an image, or an index whose best image is taken. */
static bool read_descriptor(struct archive *it, const struct json *descriptor, struct lead *lead,
			    int depth, struct error *err)
{
	auto_buf text = BUF_INIT;
	auto_json_doc doc = NULL;
	struct image_blob blob;

	if (depth == INDEX_DEPTH_MAX)
		return error_set(err, ERROR_INVALID, "more than %d indexes in each other", depth);
	if (!image_blob_read(descriptor, &blob))
		return error_set(err, ERROR_INVALID,
				 "an entry of the index has no proper digest and size");
	if (!read_blob(it, &blob, &text, err) || !image_document_parse(buf_str(&text), &doc, err) ||
	    !check_media(descriptor, json_root(doc), err))
		return error_context(err, "manifest sha256:%s", blob.digest);
	/* Who pins an image names the outermost index. */
	if (depth == 0)
		memcpy(lead->digest, blob.digest, sizeof(lead->digest));
	if (!image_is_index(json_root(doc)))
		return read_oci_image(it, json_root(doc), lead, err);
	descriptor = image_index_pick(json_root(doc));
	if (!descriptor)
		return error_set(err, ERROR_INVALID,
				 "the image has nothing for this machine's processor");
	return read_descriptor(it, descriptor, lead, depth + 1, err);
}

static bool read_oci(struct archive *it, struct error *err)
{
	auto_json_doc doc = NULL;
	const struct json *manifests;

	if (!read_json(it, STR("index.json"), &doc, err))
		return false;
	manifests = json_get(json_root(doc), "manifests");
	if (json_type(manifests) != JSON_ARRAY || json_count(manifests) == 0)
		return error_set(err, ERROR_INVALID, "index.json names no images");
	for (struct json_iter entry = json_iter(manifests); json_next(&entry);) {
		struct lead lead = { .name = annotated_name(entry.value) };

		if (!image_platform_fits(entry.value))
			continue;
		if (!read_descriptor(it, entry.value, &lead, 0, err))
			return error_context(err, "image %zu of index.json", entry.index);
	}
	if (it->count == 0)
		return error_set(err, ERROR_INVALID,
				 "the archive has nothing for this machine's processor");
	return true;
}

/* --- the whole --- */

static char **names_of(const struct archive *it)
{
	char **names;
	size_t count = 0;

	LIST_EACH(&it->parcels, link)
	count += LIST_OWNER(link, struct archive_image, link)->name_count;
	names = memory_zero((count + 1) * sizeof(*names));
	count = 0;
	LIST_EACH(&it->parcels, link)
	{
		const struct archive_image *image = LIST_OWNER(link, struct archive_image, link);

		for (size_t i = 0; i < image->name_count; i++)
			names[count++] = memory_string(image->parcel.names[i]);
	}
	return names;
}

static bool install_all(struct archive *it, struct error *err)
{
	LIST_EACH(&it->parcels, link)
	{
		struct archive_image *image = LIST_OWNER(link, struct archive_image, link);

		if (!image_install(it->images, &image->parcel, err))
			return error_context(err, "image %s", image->parcel.names[0]);
	}
	return true;
}

static void archive_clear(struct archive *it)
{
	struct str key;
	void *value;

	LIST_EACH_SAFE(&it->parcels, link)
	archive_image_free(LIST_OWNER(link, struct archive_image, link));
	for (size_t i = 0; map_next(it->files, &i, &key, &value);) {
		free(((struct archive_file *)value)->link);
		free(value);
	}
	map_free(it->files);
	if (it->fd >= 0)
		close(it->fd);
}

bool images_import(struct images *images, const char *path, char ***out_names, struct error *err)
{
	struct archive it = { .images = images, .fd = -1, .files = map_new() };
	bool done;

	list_init(&it.parcels);
	done = open_plain(images, path, &it.fd, err) && walk(&it, err);
	if (done && find_file(&it, STR("manifest.json")))
		done = read_docker(&it, err);
	else if (done && find_file(&it, STR("index.json")))
		done = read_oci(&it, err);
	else if (done)
		done = error_set(err, ERROR_INVALID,
				 "it is no image archive: neither manifest.json nor index.json is "
				 "in it");
	done = done && install_all(&it, err);
	if (done && out_names)
		*out_names = names_of(&it);
	archive_clear(&it);
	if (!done)
		image_error_print(err);
	return done || error_context(err, "cannot import %s", path);
}
