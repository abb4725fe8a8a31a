/*
 * test_images.c - archives of both forms into the store, wrong ones refused without a trace.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "net/hash.h"
#include "runtime/images.h"
#include "runtime/inflate.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/tar_fixture.h"

#if defined(__x86_64__)
#define OURS "amd64"
#elif defined(__aarch64__)
#define OURS "arm64"
#else
#define OURS "arm"
#endif

#define LAYERS_MAX     4
#define MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_INDEX    "application/vnd.oci.image.index.v1+json"

/* --- images made in memory --- */

struct made {
	struct buf blobs[LAYERS_MAX]; /* as they lie in the archive */
	char diffs[LAYERS_MAX][HASH_SHA256_HEX];
	size_t count;
	struct buf config;
	char config_hex[HASH_SHA256_HEX];
};

struct blob { /* a manifest or an index in an archive */
	char hex[HASH_SHA256_HEX];
	size_t size;
};

static void made_clear(struct made *made)
{
	for (size_t i = 0; i < made->count; i++)
		buf_clear(&made->blobs[i]);
	buf_clear(&made->config);
}

static void add_layer(struct made *made, const char *path, const char *text, enum inflate_kind kind)
{
	auto_buf plain = BUF_INIT;
	struct buf *blob = &made->blobs[made->count];

	tar_put_file(&plain, path, text);
	tar_end(&plain);
	hash_sha256_hex(buf_str(&plain), made->diffs[made->count++]);
	if (kind == INFLATE_GZIP)
		tar_gzip(buf_str(&plain), blob);
	else if (kind == INFLATE_ZSTD)
		tar_zstd(buf_str(&plain), blob);
	else
		buf_add_str(blob, buf_str(&plain));
}

static void make_config(struct made *made, const char *note)
{
	buf_add_print(&made->config,
		      "{\"architecture\":\"" OURS "\",\"os\":\"linux\",\"author\":\"%s\","
		      "\"config\":{\"Cmd\":[\"/run\"]},\"rootfs\":{\"type\":\"layers\","
		      "\"diff_ids\":[",
		      note);
	for (size_t i = 0; i < made->count; i++)
		buf_add_print(&made->config, "%s\"sha256:%s\"", i ? "," : "", made->diffs[i]);
	buf_add_text(&made->config, "]}}");
	hash_sha256_hex(buf_str(&made->config), made->config_hex);
}

/* One layer with the file "name" that says `text`. */
static void make_small(struct made *made, const char *text)
{
	add_layer(made, "name", text, INFLATE_PLAIN);
	make_config(made, text);
}

/* --- docker save --- */

static void put_bytes(struct buf *tar, const char *path, struct str bytes)
{
	tar_put(tar, &(struct tar_item){ .type = '0', .path = path, .data = bytes });
}

/* The files of an image; its entry is appended to *manifest. */
static void put_docker(struct buf *tar, const struct made *made, const char *tags,
		       struct buf *manifest)
{
	char path[256];

	snprintf(path, sizeof(path), "%s.json", made->config_hex);
	put_bytes(tar, path, buf_str(&made->config));
	buf_add_print(manifest, "%s{\"Config\":\"%s\",\"RepoTags\":%s,\"Layers\":[",
		      manifest->len ? "," : "[", path, tags);
	for (size_t i = 0; i < made->count; i++) {
		snprintf(path, sizeof(path), "%s/layer.tar", made->diffs[i]);
		put_bytes(tar, path, buf_str(&made->blobs[i]));
		buf_add_print(manifest, "%s\"%s\"", i ? "," : "", path);
	}
	buf_add_text(manifest, "]}");
}

static void finish_docker(struct buf *tar, struct buf *manifest)
{
	buf_add_byte(manifest, ']');
	put_bytes(tar, "manifest.json", buf_str(manifest));
	tar_end(tar);
}

static void docker_archive(struct buf *tar, const struct made *made, const char *tags)
{
	auto_buf manifest = BUF_INIT;

	put_docker(tar, made, tags, &manifest);
	finish_docker(tar, &manifest);
}

/* --- OCI layout --- */

static struct blob put_blob(struct buf *tar, struct str bytes)
{
	struct blob blob = { .size = bytes.len };
	char path[128];

	hash_sha256_hex(bytes, blob.hex);
	snprintf(path, sizeof(path), "blobs/sha256/%s", blob.hex);
	put_bytes(tar, path, bytes);
	return blob;
}

static struct blob put_image(struct buf *tar, const struct made *made)
{
	auto_buf text = BUF_INIT;

	put_blob(tar, buf_str(&made->config));
	buf_add_print(&text,
		      "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_MANIFEST "\",\"config\":"
		      "{\"digest\":\"sha256:%s\",\"size\":%zu},\"layers\":[",
		      made->config_hex, made->config.len);
	for (size_t i = 0; i < made->count; i++) {
		struct blob layer = put_blob(tar, buf_str(&made->blobs[i]));

		buf_add_print(&text, "%s{\"digest\":\"sha256:%s\",\"size\":%zu}", i ? "," : "",
			      layer.hex, layer.size);
	}
	buf_add_text(&text, "]}");
	return put_blob(tar, buf_str(&text));
}

/* `more` begins with a comma: platform, annotations. */
static void add_entry(struct buf *entries, const char *media, struct blob blob, const char *more)
{
	buf_add_print(entries, "%s{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu%s}",
		      entries->len ? "," : "", media, blob.hex, blob.size, more);
}

static void index_text(struct buf *out, const struct buf *entries)
{
	buf_add_print(out,
		      "{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_INDEX "\",\"manifests\":[%s]}",
		      buf_text(entries));
}

static struct blob put_index(struct buf *tar, const struct buf *entries)
{
	auto_buf text = BUF_INIT;

	index_text(&text, entries);
	return put_blob(tar, buf_str(&text));
}

static void finish_oci(struct buf *tar, const struct buf *entries)
{
	auto_buf text = BUF_INIT;

	index_text(&text, entries);
	tar_put_file(tar, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
	put_bytes(tar, "index.json", buf_str(&text));
	tar_end(tar);
}

/* --- the store --- */

static const char *at_home(const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", harness_folder(), name);
	return path;
}

static struct images *open_store(void)
{
	struct images *images;
	struct error err;

	/* Owners and devices are those of the archive. */
	if (geteuid() != 0)
		harness_skip("not root");
	CHECK_OK(images_open(at_home("store"), &images, &err), &err);
	return images;
}

static void import_ok(struct images *images, struct str archive)
{
	struct error err;

	tar_save(at_home("archive"), archive);
	CHECK_OK(images_import(images, at_home("archive"), NULL, &err), &err);
}

static void import_fails(struct images *images, struct str archive, enum error_kind kind,
			 const char *word)
{
	struct error err;

	tar_save(at_home("archive"), archive);
	CHECK(!images_import(images, at_home("archive"), NULL, &err));
	if (str_search(str_of(err.text), str_of(word)) < 0 || err.kind != kind)
		harness_fail(__FILE__, __LINE__, "kind %d: %s", err.kind, err.text);
}

static struct image *find(struct images *images, const char *name)
{
	struct image *image;
	struct error err;

	CHECK_OK(images_find(images, str_of(name), &image, &err), &err);
	return image;
}

static bool is_missing(struct images *images, const char *name)
{
	struct image *image;
	struct error err;

	if (!images_find(images, str_of(name), &image, &err))
		return err.kind == ERROR_NOT_FOUND;
	image_free(images, image);
	return false;
}

static void remove_name(struct images *images, const char *name)
{
	struct error err;

	CHECK_OK(images_remove(images, str_of(name), &err), &err);
}

/* Is it there, and says the file `path` of its topmost layer `text`? */
static void check_image(struct images *images, const char *name, const char *path, const char *text)
{
	struct image *image = find(images, name);
	auto_buf have = BUF_INIT;
	auto_free char *whole = NULL;
	struct error err;
	size_t count = 0;

	while (image->layers[count])
		count++;
	CHECK(count > 0);
	whole = memory_print("%s/%s", image->layers[count - 1], path);
	CHECK_OK(file_read(whole, 4096, &have, &err), &err);
	CHECK_STR(buf_text(&have), text);
	image_free(images, image);
}

static size_t count_files(const char *name)
{
	DIR *folder = opendir(at_home(name));
	struct dirent *entry;
	size_t count = 0;

	CHECK(folder);
	while ((entry = readdir(folder)))
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

static void check_counts(size_t layers, size_t blobs)
{
	/* Each layer has a file with its size. */
	CHECK_INT(count_files("store/layers"), 2 * layers);
	CHECK_INT(count_files("store/blobs/sha256"), blobs);
}

/* --- docker save --- */

static void takes_docker(void)
{
	struct images *images = open_store();
	struct made made = { 0 };
	auto_buf tar = BUF_INIT, gzip = BUF_INIT, zstd = BUF_INIT;
	struct image *image;
	auto_free char *id = NULL;

	add_layer(&made, "low", "one", INFLATE_PLAIN);
	add_layer(&made, "dir/high", "three", INFLATE_GZIP);
	make_config(&made, "x");
	docker_archive(&tar, &made, "[\"web:1\",\"example.test:5000/team/web:2\"]");
	import_ok(images, buf_str(&tar));
	check_image(images, "web:1", "dir/high", "three");
	image = find(images, "example.test:5000/team/web:2");
	id = memory_print("sha256:%s", made.config_hex);
	CHECK_STR(image->id, id);
	CHECK_STR(image->names[0], "docker.io/library/web:1");
	CHECK_STR(image->names[1], "example.test:5000/team/web:2");
	CHECK(!image->names[2] && !image->digests[0]);
	CHECK(image->layers[0] && image->layers[1] && !image->layers[2]);
	CHECK_INT(image->size, 8);
	CHECK_STR(json_path(json_root(image->config), "config", NULL) ? "there" : "", "there");
	image_free(images, image);
	remove_name(images, id);
	check_counts(0, 0);
	tar_gzip(buf_str(&tar), &gzip);
	import_ok(images, buf_str(&gzip));
	check_image(images, "web:1", "dir/high", "three");
	remove_name(images, id);
	tar_zstd(buf_str(&tar), &zstd);
	import_ok(images, buf_str(&zstd));
	check_image(images, "web:1", "dir/high", "three");
	check_counts(2, 1);
	images_close(images);
	made_clear(&made);
}

/* Several images share a layer; names come back; older archives link equal layers. */
static void takes_several(void)
{
	struct images *images = open_store();
	struct made one = { 0 }, two = { 0 };
	auto_buf tar = BUF_INIT, manifest = BUF_INIT;
	struct image **list;
	struct error err;
	char **names;

	add_layer(&one, "base", "b", INFLATE_PLAIN);
	add_layer(&two, "base", "b", INFLATE_PLAIN);
	add_layer(&two, "top", "t", INFLATE_PLAIN);
	make_config(&one, "one");
	make_config(&two, "two");
	put_docker(&tar, &one, "[\"one\"]", &manifest);
	put_docker(&tar, &two, "null", &manifest);
	finish_docker(&tar, &manifest);
	tar_save(at_home("archive"), buf_str(&tar));
	CHECK_OK(images_import(images, at_home("archive"), &names, &err), &err);
	CHECK_STR(names[0], "docker.io/library/one:latest");
	CHECK(str_starts(str_of(names[1]), STR("localhost/imported:")));
	CHECK(!names[2]);
	check_image(images, names[1], "top", "t");
	check_counts(2, 2);
	list = images_list(images);
	CHECK_STR(list[0]->names[0], names[0]);
	CHECK_STR(list[1]->names[0], names[1]);
	CHECK(!list[2]);
	CHECK_STR(list[0]->layers[0], list[1]->layers[0]);
	image_free(images, list[0]);
	image_free(images, list[1]);
	free(list);
	remove_name(images, names[1]);
	check_counts(1, 1);
	for (size_t i = 0; names[i]; i++)
		free(names[i]);
	free(names);
	images_close(images);
	made_clear(&one);
	made_clear(&two);
}

/* docker 1.10 to 24 write equal layers as links to the first. */
static void follows_links_of_the_archive(void)
{
	struct images *images = open_store();
	struct made made = { 0 };
	auto_buf tar = BUF_INIT, manifest = BUF_INIT;

	make_small(&made, "linked");
	put_bytes(&tar, "a/config", buf_str(&made.config));
	put_bytes(&tar, "./a/layer.tar", buf_str(&made.blobs[0]));
	tar_put_link(&tar, '2', "b/layer.tar", "../a/layer.tar");
	tar_put_link(&tar, '1', "c/layer.tar", "b/layer.tar");
	buf_add_text(&manifest, "[{\"Config\":\"a/config\",\"RepoTags\":[\"linked\"],"
				"\"Layers\":[\"c/layer.tar\"]}");
	finish_docker(&tar, &manifest);
	import_ok(images, buf_str(&tar));
	check_image(images, "linked", "name", "linked");
	images_close(images);
	made_clear(&made);
}

/* --- OCI layout --- */

/* An index of several platforms in the index: only ours is looked at. */
static void picks_the_platform(void)
{
	struct images *images = open_store();
	struct made made = { 0 }, other = { 0 };
	auto_buf tar = BUF_INIT, platforms = BUF_INIT, entries = BUF_INIT, top = BUF_INIT;
	auto_free char *digest = NULL;
	struct blob blob;
	struct image *image;

	add_layer(&made, "name", "ours", INFLATE_ZSTD);
	make_config(&made, "ours");
	make_small(&other, "other");
	add_entry(&platforms, MEDIA_MANIFEST, put_image(&tar, &other),
		  ",\"platform\":{\"os\":\"linux\",\"architecture\":\"s390x\"}");
	/* This one is not even in the archive. */
	add_entry(&platforms, MEDIA_MANIFEST, (struct blob){ .hex = "00", .size = 7 },
		  ",\"platform\":{\"os\":\"windows\",\"architecture\":\"" OURS "\"}");
	add_entry(&platforms, MEDIA_MANIFEST, put_image(&tar, &made),
		  ",\"platform\":{\"os\":\"linux\",\"architecture\":\"" OURS "\"}");
	add_entry(&entries, MEDIA_INDEX, put_index(&tar, &platforms), "");
	blob = put_index(&tar, &entries);
	add_entry(&top, MEDIA_INDEX, blob,
		  ",\"annotations\":{\"io.containerd.image.name\":\"docker.io/team/multi:3\","
		  "\"org.opencontainers.image.ref.name\":\"3\"}");
	finish_oci(&tar, &top);
	import_ok(images, buf_str(&tar));
	check_image(images, "team/multi:3", "name", "ours");
	/* Who pins an image names the digest of the outermost index. */
	digest = memory_print("docker.io/team/multi@sha256:%s", blob.hex);
	image = find(images, digest);
	CHECK_STR(image->digests[0], digest);
	CHECK(!image->digests[1] && !image->names[1]);
	image_free(images, image);
	check_counts(1, 1);
	images_close(images);
	made_clear(&made);
	made_clear(&other);
}

/* The platforms may also stand in index.json itself. */
static void passes_over_other_platforms(void)
{
	struct images *images = open_store();
	struct made made = { 0 }, other = { 0 };
	auto_buf tar = BUF_INIT, entries = BUF_INIT, none = BUF_INIT, tar_none = BUF_INIT;

	make_small(&made, "ours");
	make_small(&other, "other");
	add_entry(&entries, MEDIA_MANIFEST, put_image(&tar, &made),
		  ",\"platform\":{\"os\":\"linux\",\"architecture\":\"" OURS "\"}"
		  ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"flat:1\"}");
	add_entry(&entries, MEDIA_MANIFEST, put_image(&tar, &other),
		  ",\"platform\":{\"os\":\"linux\",\"architecture\":\"s390x\"}"
		  ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"flat:1\"}");
	finish_oci(&tar, &entries);
	import_ok(images, buf_str(&tar));
	check_image(images, "flat:1", "name", "ours");
	check_counts(1, 1);
	add_entry(&none, MEDIA_MANIFEST, put_image(&tar_none, &other),
		  ",\"platform\":{\"os\":\"linux\",\"architecture\":\"s390x\"}");
	finish_oci(&tar_none, &none);
	import_fails(images, buf_str(&tar_none), ERROR_INVALID, "processor");
	check_counts(1, 1);
	images_close(images);
	made_clear(&made);
	made_clear(&other);
}

static void refuses_deep_and_wide_indexes(void)
{
	struct images *images = open_store();
	struct made made = { 0 };
	auto_buf deep = BUF_INIT, wide = BUF_INIT, entries = BUF_INIT, many = BUF_INIT;
	struct blob blob;

	make_small(&made, "x");
	add_entry(&entries, MEDIA_MANIFEST, put_image(&deep, &made), "");
	for (int i = 0; i < 5; i++) {
		blob = put_index(&deep, &entries);
		buf_reset(&entries);
		add_entry(&entries, MEDIA_INDEX, blob, "");
	}
	finish_oci(&deep, &entries);
	import_fails(images, buf_str(&deep), ERROR_INVALID, "indexes in each other");
	blob = put_image(&wide, &made);
	for (int i = 0; i < 10000; i++)
		add_entry(&many, MEDIA_MANIFEST, blob, "");
	finish_oci(&wide, &many);
	import_fails(images, buf_str(&wide), ERROR_TOO_LARGE, "images");
	check_counts(0, 0);
	images_close(images);
	made_clear(&made);
}

/* A document that is an index for one reader and a manifest for another. */
static void refuses_two_faced_documents(void)
{
	struct images *images = open_store();
	struct made made = { 0 };
	auto_buf tar = BUF_INIT, text = BUF_INIT, entries = BUF_INIT, other = BUF_INIT;
	auto_buf wrong_media = BUF_INIT;

	make_small(&made, "x");
	put_image(&tar, &made);
	buf_add_print(&text,
		      "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[],\"config\":"
		      "{\"digest\":\"sha256:%s\",\"size\":%zu}}",
		      made.config_hex, made.config.len);
	add_entry(&entries, MEDIA_MANIFEST, put_blob(&tar, buf_str(&text)), "");
	finish_oci(&tar, &entries);
	import_fails(images, buf_str(&tar), ERROR_INVALID, "both");
	add_entry(&wrong_media, MEDIA_INDEX, put_image(&other, &made), "");
	finish_oci(&other, &wrong_media);
	import_fails(images, buf_str(&other), ERROR_INVALID, "media type");
	check_counts(0, 0);
	images_close(images);
	made_clear(&made);
}

/* --- names, holders, restarts --- */

static void moves_and_removes_names(void)
{
	struct images *images = open_store();
	struct made one = { 0 }, two = { 0 };
	auto_buf first = BUF_INIT, second = BUF_INIT;
	struct error err;

	make_small(&one, "one");
	make_small(&two, "two");
	docker_archive(&first, &one, "[\"web:1\",\"web:stays\"]");
	docker_archive(&second, &two, "[\"web:1\"]");
	import_ok(images, buf_str(&first));
	import_ok(images, buf_str(&second));
	check_image(images, "web:1", "name", "two");
	check_image(images, "web:stays", "name", "one");
	CHECK(!images_remove(images, STR("web:9"), &err) && err.kind == ERROR_NOT_FOUND);
	CHECK(!images_remove(images, STR("We b"), &err) && err.kind == ERROR_INVALID);
	remove_name(images, "web:stays");
	CHECK(is_missing(images, "web:stays"));
	check_counts(1, 1);
	import_ok(images, buf_str(&first)); /* takes web:1 back: the other image has no name */
	check_image(images, "web:1", "name", "one");
	check_counts(1, 1);
	remove_name(images, "web:1");
	check_image(images, "web:stays", "name", "one");
	remove_name(images, "docker.io/library/web:stays");
	check_counts(0, 0);
	images_close(images);
	made_clear(&one);
	made_clear(&two);
}

static void keeps_layers_that_are_held(void)
{
	struct images *images = open_store();
	struct made low = { 0 }, high = { 0 };
	auto_buf first = BUF_INIT, second = BUF_INIT;
	auto_free char *id = NULL;
	struct image *image, *again;

	add_layer(&low, "name", "low", INFLATE_PLAIN);
	add_layer(&high, "name", "low", INFLATE_PLAIN);
	add_layer(&high, "name", "high", INFLATE_PLAIN);
	make_config(&low, "low");
	make_config(&high, "high");
	docker_archive(&first, &low, "[\"low\"]");
	docker_archive(&second, &high, "[\"high\"]");
	import_ok(images, buf_str(&first));
	import_ok(images, buf_str(&second));
	image = find(images, "high");
	id = memory_string(image->id);
	again = find(images, id);
	remove_name(images, "high");
	CHECK(is_missing(images, "high"));
	check_image(images, id, "name", "high"); /* by id while it is held */
	check_counts(2, 2);
	image_free(images, again);
	check_counts(2, 2);
	remove_name(images, "low"); /* only its layer is needed, it is not */
	check_counts(2, 1);
	image_free(images, image);
	check_counts(0, 0);
	CHECK(is_missing(images, id));
	images_close(images);
	made_clear(&low);
	made_clear(&high);
}

/* What was held when the program ended is there after it begins again, until swept. */
static void survives_restarts(void)
{
	struct images *images = open_store();
	struct made one = { 0 }, two = { 0 };
	auto_buf first = BUF_INIT, second = BUF_INIT;
	auto_free char *id = memory_print("sha256:%s", "");
	struct image *image;
	struct error err;

	make_small(&one, "one");
	make_small(&two, "two");
	docker_archive(&first, &one, "[\"one\"]");
	docker_archive(&second, &two, "[\"two\"]");
	import_ok(images, buf_str(&first));
	import_ok(images, buf_str(&second));
	image = find(images, "one");
	remove_name(images, "one");
	/* The program ends here without a word; in its memory the image is held. */
	CHECK_OK(file_make_dirs(at_home("store/layers/half.new/x"), 0755, &err), &err);
	struct images *next = open_store();

	CHECK(access(at_home("store/layers/half.new"), F_OK) != 0);
	check_image(next, "two", "name", "two");
	CHECK(is_missing(next, "one"));
	free(id);
	id = memory_string(image->id);
	image_free(next, find(next, "two"));
	check_counts(2, 2);
	CHECK_OK(images_sweep(next, &err), &err);
	CHECK(is_missing(next, id));
	check_counts(1, 1);
	check_image(next, "two", "name", "two");
	images_close(next);
	image_free(images, image);
	images_close(images);
	made_clear(&one);
	made_clear(&two);
}

static void moves_a_broken_index_aside(void)
{
	static const char *const broken[] = {
		"{\"images\":[",
		"[]",
		"{\"images\":7}",
		"{\"images\":[{\"id\":\"short\"}]}",
		"{\"images\":[{\"id\":\"sha256:0000000000000000000000000000000000000000000000000000"
		"000000000000\",\"layers\":[\"../../x\"]}]}",
	};
	struct images *images = open_store();
	struct error err;

	images_close(images);
	for (size_t i = 0; i < ARRAY_LENGTH(broken); i++) {
		tar_save(at_home("store/images.json"), str_of(broken[i]));
		CHECK(!images_open(at_home("store"), &images, &err));
		CHECK_INT(err.kind, ERROR_BROKEN);
		CHECK(file_exists(at_home("store/images.json.broken")));
		images_close(open_store());
	}
}

static void imports_again_quickly(void)
{
	struct images *images = open_store();
	struct made made = { 0 };
	auto_buf tar = BUF_INIT, mark = BUF_INIT;
	auto_free char *path = NULL;
	struct image *image;
	struct stat before, after;
	struct error err;

	make_small(&made, "same");
	docker_archive(&tar, &made, "[\"same\"]");
	import_ok(images, buf_str(&tar));
	image = find(images, "same");
	path = memory_print("%s/name", image->layers[0]);
	CHECK_INT(stat(path, &before), 0);
	import_ok(images, buf_str(&tar));
	CHECK_INT(stat(path, &after), 0);
	CHECK_INT(after.st_ino, before.st_ino);
	CHECK_INT(after.st_ctim.tv_sec, before.st_ctim.tv_sec);
	CHECK_INT(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
	CHECK_INT(image->size, 4);
	image_free(images, image);
	image = find(images, "same");
	CHECK_INT(image->size, 4);
	CHECK(!image->names[1]);
	image_free(images, image);
	CHECK_OK(file_read(at_home("store/images.json"), 65536, &mark, &err), &err);
	check_counts(1, 1);
	images_close(images);
	made_clear(&made);
}

/* --- wrong archives --- */

static void refuses_wrong_layers(void)
{
	struct images *images = open_store();
	struct made made = { 0 };
	auto_buf tar = BUF_INIT, cut = BUF_INIT, entries = BUF_INIT, oci = BUF_INIT;
	char kept;

	add_layer(&made, "low", "low", INFLATE_PLAIN);
	add_layer(&made, "name", "text", INFLATE_GZIP);
	make_config(&made, "x");
	made.blobs[0].at[512] ^= 1; /* a byte of the file */
	docker_archive(&tar, &made, "[\"wrong\"]");
	import_fails(images, buf_str(&tar), ERROR_INVALID, "layer 1 of 2");
	check_counts(0, 0);
	made.blobs[0].at[512] ^= 1;
	kept = made.blobs[1].at[12];
	made.blobs[1].at[12] ^= 0x55;
	buf_reset(&tar);
	docker_archive(&tar, &made, "[\"wrong\"]");
	import_fails(images, buf_str(&tar), ERROR_INVALID, "layer 2 of 2");
	check_counts(0, 0);
	made.blobs[1].at[12] = kept;
	made.blobs[1].len -= 4;
	docker_archive(&cut, &made, "[\"wrong\"]");
	import_fails(images, buf_str(&cut), ERROR_INVALID, "cut short");
	made.blobs[1].len += 4;
	/* The blob's digest is wrong though it unpacks to the right bytes. */
	add_entry(&entries, MEDIA_MANIFEST, put_image(&oci, &made), "");
	for (size_t at = 0; at + 8 < oci.len; at += 512)
		if (memcmp(oci.at + at, "\x1f\x8b\x08", 3) == 0)
			oci.at[at + 4] ^= 1; /* gzip's time */
	finish_oci(&oci, &entries);
	import_fails(images, buf_str(&oci), ERROR_INVALID, "the blob of a layer");
	check_counts(0, 0);
	CHECK(is_missing(images, "wrong"));
	images_close(images);
	made_clear(&made);
}

static void refuses_wrong_configurations(void)
{
	static const char *const wrong[] = {
		"{",
		"[]",
		"{\"rootfs\":{\"diff_ids\":[]}}",
		"{\"rootfs\":{\"diff_ids\":[7]}}",
		"{\"rootfs\":{\"diff_ids\":[\"sha256:../../../../x\"]}}",
	};
	struct images *images = open_store();
	struct made made = { 0 };

	make_small(&made, "x");
	for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
		auto_buf tar = BUF_INIT;
		struct error err;

		buf_reset(&made.config);
		buf_add_text(&made.config, wrong[i]);
		docker_archive(&tar, &made, "[\"wrong\"]");
		tar_save(at_home("archive"), buf_str(&tar));
		CHECK(!images_import(images, at_home("archive"), NULL, &err));
		check_counts(0, 0);
	}
	images_close(images);
	made_clear(&made);
}

/* Change one byte in the n-th file of the archive that begins with `begin`. */
static void damage(struct buf *tar, const char *begin)
{
	size_t at = 0;

	while (at < tar->len && !str_starts(str_from(tar->at + at, tar->len - at), str_of(begin)))
		at += 512;
	CHECK(at < tar->len);
	for (; !str_starts(str_from(tar->at + at, 7), STR("sha256:")); at++)
		;
	tar->at[at + 8] = tar->at[at + 8] == '0' ? '1' : '0';
}

static void refuses_wrong_blobs(void)
{
	struct images *images = open_store();
	struct made made = { 0 };
	auto_buf config = BUF_INIT, manifest = BUF_INIT, entries = BUF_INIT, lie = BUF_INIT;
	auto_buf lie_entries = BUF_INIT;
	struct blob blob;

	make_small(&made, "x");
	blob = put_image(&config, &made);
	put_image(&manifest, &made);
	add_entry(&entries, MEDIA_MANIFEST, blob, "");
	damage(&config, "{\"architecture");
	finish_oci(&config, &entries);
	import_fails(images, buf_str(&config), ERROR_INVALID, "not what its name says");
	damage(&manifest, "{\"schemaVersion");
	finish_oci(&manifest, &entries);
	import_fails(images, buf_str(&manifest), ERROR_INVALID, "not what its name says");
	blob = put_image(&lie, &made);
	blob.size++;
	add_entry(&lie_entries, MEDIA_MANIFEST, blob, "");
	finish_oci(&lie, &lie_entries);
	import_fails(images, buf_str(&lie), ERROR_INVALID, "not what its name says");
	check_counts(0, 0);
	images_close(images);
	made_clear(&made);
}

static void refuses_paths_out_of_the_archive(void)
{
	static const char *const manifests[] = {
		"[{\"Config\":\"../../etc/passwd\",\"Layers\":[]}]",
		"[{\"Config\":\"/etc/passwd\",\"Layers\":[]}]",
		"[{\"Config\":\"self\",\"Layers\":[]}]",
		"[{\"Config\":\"out\",\"Layers\":[]}]",
		"[{\"Layers\":[]}]",
		"[{\"Config\":\"manifest.json\",\"Layers\":[\"/etc/passwd\"]}]",
		"[{\"Config\":7,\"Layers\":{}}]",
		"{}",
		"[7]",
	};
	struct images *images = open_store();
	struct error err;

	for (size_t i = 0; i < ARRAY_LENGTH(manifests); i++) {
		auto_buf tar = BUF_INIT;

		tar_put_link(&tar, '2', "self", "self");
		tar_put_link(&tar, '2', "out", "/etc/passwd");
		tar_put_file(&tar, "manifest.json", manifests[i]);
		tar_end(&tar);
		tar_save(at_home("archive"), buf_str(&tar));
		CHECK(!images_import(images, at_home("archive"), NULL, &err));
		CHECK_INT(err.kind, ERROR_INVALID);
	}
	for (int i = 0; i < 2; i++) {
		auto_buf tar = BUF_INIT;

		if (i == 0)
			tar_put_file(&tar, "../manifest.json", "[]");
		else
			tar_put_link(&tar, '2', "a/link", "../../x");
		import_fails(images, buf_str(&tar), ERROR_INVALID, "leaves the archive");
	}
	check_counts(0, 0);
	images_close(images);
}

static void refuses_what_is_no_archive(void)
{
	struct images *images = open_store();
	auto_buf tar = BUF_INIT;
	struct error err;

	import_fails(images, STR(""), ERROR_INVALID, "neither manifest.json");
	import_fails(images, STR("text"), ERROR_INVALID, "");
	import_fails(images, STR("\x1f\x8b\x08"), ERROR_INVALID, "cut short");
	import_fails(images, STR("\x28\xb5\x2f\xfd"), ERROR_INVALID, "cut short");
	tar_put_file(&tar, "index.json", "{\"manifests\":[]}");
	import_fails(images, buf_str(&tar), ERROR_INVALID, "names no images");
	CHECK(!images_import(images, at_home("missing"), NULL, &err));
	CHECK_INT(err.kind, ERROR_NOT_FOUND);
	CHECK(!images_import(images, harness_folder(), NULL, &err));
	CHECK_INT(err.kind, ERROR_INVALID);
	CHECK_INT(mkfifo(at_home("pipe"), 0600), 0);
	CHECK(!images_import(images, at_home("pipe"), NULL, &err));
	CHECK_INT(err.kind, ERROR_INVALID);
	images_close(images);
}

/* Names of digests that nothing stands for are not believed. */
static void gives_no_digests_away(void)
{
	static const char tags[] =
		"[\"web@sha256:"
		"0123456789012345678901234567890123456789012345678901234567890123"
		"\"]";
	struct images *images = open_store();
	struct made made = { 0 };
	auto_buf tar = BUF_INIT;
	struct image **list;

	make_small(&made, "x");
	docker_archive(&tar, &made, tags);
	import_ok(images, buf_str(&tar));
	list = images_list(images);
	CHECK(list[0] && !list[1]);
	CHECK(str_starts(str_of(list[0]->names[0]), STR("localhost/imported:")));
	CHECK(!list[0]->names[1] && !list[0]->digests[0]);
	image_free(images, list[0]);
	free(list);
	images_close(images);
	made_clear(&made);
}

/* Of two images the second is wrong: the first is in, of the second there is nothing. */
static void stays_whole_after_a_failure(void)
{
	struct images *images = open_store();
	struct made one = { 0 }, two = { 0 };
	auto_buf tar = BUF_INIT, manifest = BUF_INIT;

	make_small(&one, "one");
	add_layer(&two, "a", "a", INFLATE_PLAIN);
	add_layer(&two, "b", "b", INFLATE_PLAIN);
	make_config(&two, "two");
	two.blobs[1].at[512] = 'x';
	put_docker(&tar, &one, "[\"one\"]", &manifest);
	put_docker(&tar, &two, "[\"two\"]", &manifest);
	finish_docker(&tar, &manifest);
	import_fails(images, buf_str(&tar), ERROR_INVALID, "two:latest");
	check_image(images, "one", "name", "one");
	CHECK(is_missing(images, "two"));
	check_counts(1, 1);
	images_close(images);
	images = open_store();
	check_image(images, "one", "name", "one");
	images_close(images);
	made_clear(&one);
	made_clear(&two);
}

/* A full disk in the middle of a layer, and just before the index is written. */
static void stays_whole_on_a_full_disk(void)
{
	struct images *images;
	struct made one = { 0 }, two = { 0 }, big = { 0 };
	auto_buf first = BUF_INIT, second = BUF_INIT, large = BUF_INIT;
	auto_free char *text = memory_zero(3u << 20);
	struct error err;

	if (geteuid() != 0)
		harness_skip("not root");
	harness_own_mounts();
	CHECK_OK(file_make_dirs(at_home("store"), 0755, &err), &err);
	CHECK_INT(mount("none", at_home("store"), "tmpfs", 0, "size=1m"), 0);
	images = open_store();
	make_small(&one, "one");
	make_small(&two, "two");
	memset(text, 'x', (3u << 20) - 1);
	add_layer(&big, "a", "a", INFLATE_PLAIN);
	add_layer(&big, "big", text, INFLATE_PLAIN);
	make_config(&big, "big");
	docker_archive(&first, &one, "[\"web\"]");
	docker_archive(&second, &two, "[\"web\",\"two\"]");
	docker_archive(&large, &big, "[\"web\"]");
	import_ok(images, buf_str(&first));
	import_fails(images, buf_str(&large), ERROR_FULL, "No space");
	check_image(images, "web", "name", "one");
	check_counts(1, 1);
	/* A folder where the index is written first: it cannot be. */
	CHECK_INT(mkdir(at_home("store/images.json.tmp"), 0755), 0);
	import_fails(images, buf_str(&second), ERROR_BROKEN, "images.json");
	check_image(images, "web", "name", "one");
	CHECK(is_missing(images, "two"));
	check_counts(1, 1);
	CHECK(!images_remove(images, STR("web"), &err));
	check_image(images, "web", "name", "one");
	CHECK_INT(rmdir(at_home("store/images.json.tmp")), 0);
	import_ok(images, buf_str(&second));
	check_image(images, "web", "name", "two");
	check_counts(1, 1);
	images_close(images);
	made_clear(&one);
	made_clear(&two);
	made_clear(&big);
}

static const struct test tests[] = {
	{ "takes archives of docker save, plain and compressed", takes_docker },
	{ "takes several images", takes_several },
	{ "follows links of the archive", follows_links_of_the_archive },
	{ "picks the platform from nested indexes", picks_the_platform },
	{ "passes over other platforms", passes_over_other_platforms },
	{ "refuses deep and wide indexes", refuses_deep_and_wide_indexes, .time_limit_s = 30 },
	{ "refuses two-faced documents", refuses_two_faced_documents },
	{ "moves and removes names", moves_and_removes_names },
	{ "keeps layers that are held", keeps_layers_that_are_held },
	{ "survives restarts", survives_restarts },
	{ "moves a broken index aside", moves_a_broken_index_aside },
	{ "imports again quickly", imports_again_quickly },
	{ "refuses wrong layers", refuses_wrong_layers },
	{ "refuses wrong configurations", refuses_wrong_configurations },
	{ "refuses wrong blobs", refuses_wrong_blobs },
	{ "refuses paths out of the archive", refuses_paths_out_of_the_archive },
	{ "refuses what is no archive", refuses_what_is_no_archive },
	{ "gives no digests away", gives_no_digests_away },
	{ "stays whole after a failure", stays_whole_after_a_failure },
	{ "stays whole on a full disk", stays_whole_on_a_full_disk },
};
TEST_MAIN(tests)
