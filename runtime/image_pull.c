/*
 * image_pull.c - an image from its registry: manifest, configuration, then each layer that is not
 * here into a file (image_partial.h), from which image_install unpacks it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/file.h"
#include "runtime/image_name.h"
#include "runtime/image_partial.h"
#include "runtime/images_inside.h"
#include "runtime/registry_session.h"

#define INDEX_DEPTH_MAX 4
/* A layer on the wire is never larger than what it may become. */
#define LAYER_WIRE_MAX LIMIT_LAYER_BYTES

struct image_pull {
	struct images *images;
	struct registry_session *session;
	struct image_manifest manifest;
	struct image_parcel parcel;
	struct image_partial *partials; /* one a layer */
	const char *names[2];
};

static bool take_text(void *of, struct str bytes, struct error *err)
{
	(void)err;
	buf_add_str(of, bytes);
	return true;
}

static bool take_file(void *of, struct str bytes, struct error *err)
{
	return file_write_all(*(const int *)of, bytes.at, bytes.len, err);
}

static const char *digest_text(const char *hex, char out[80])
{
	snprintf(out, 80, "sha256:%s", hex);
	return out;
}

/* Manifest of this machine: through indexes, if there are any. */
static bool find_manifest(struct image_pull *it, const char *reference, int depth,
			  struct error *err)
{
	auto_registry_manifest found = { 0 };
	auto_json_doc doc = NULL;
	struct image_blob blob;
	char next[80];

	if (depth == INDEX_DEPTH_MAX)
		return error_set(err, ERROR_INVALID, "more than %d indexes in each other", depth);
	if (!registry_session_manifest(it->session, reference, NULL, &found, err) ||
	    !image_document_parse(buf_str(&found.body), &doc, err))
		return false;
	if (!image_is_index(json_root(doc))) {
		(void)!image_digest_read(str_of(found.digest), it->parcel.manifest_digest);
		return image_manifest_read(json_root(doc), &it->manifest, err);
	}
	/* The name's digest is that of the index: it is what a user pins. */
	if (!image_index_pick(json_root(doc)) ||
	    !image_blob_read(image_index_pick(json_root(doc)), &blob))
		return error_set(err, ERROR_INVALID,
				 "the image has nothing for this machine's processor");
	if (!find_manifest(it, digest_text(blob.digest, next), depth + 1, err))
		return false;
	(void)!image_digest_read(str_of(found.digest), it->parcel.manifest_digest);
	return true;
}

static bool fetch_config(struct image_pull *it, struct error *err)
{
	char digest[80];
	struct registry_blob blob = { .digest = digest_text(it->manifest.config.digest, digest),
				      .size_max = LIMIT_IMAGE_MANIFEST,
				      .take = take_text,
				      .of = &it->parcel.config };

	return registry_session_blob(it->session, &blob, err);
}

/* Wrong bytes are fetched again, from the next place that has them: what was kept of them, or what
 * a mirror gives, may be damaged.  Each place has its turn once. */
static bool fetch_whole(struct image_pull *it, struct image_partial *partial,
			const struct image_blob *layer, struct error *err)
{
	char digest[80];
	size_t tries = 1 + registry_session_places(it->session);

	for (;;) {
		struct registry_blob blob = { .digest = digest_text(layer->digest, digest),
					      .size_max = layer->size,
					      .have = partial->have,
					      .begun = partial->hash,
					      .take = take_file,
					      .of = &partial->fd };

		if (registry_session_blob(it->session, &blob, err))
			return true;
		if (err->kind != ERROR_BROKEN || tries-- == 0)
			return false;
		if (!image_partial_restart(partial, err))
			return false;
	}
}

static bool fetch_layer(struct image_pull *it, size_t index, struct error *err)
{
	const struct image_blob *layer = &it->manifest.layers[index];
	struct image_source *source = &it->parcel.layers[index];
	struct image_partial *partial = &it->partials[index];

	if (layer->size > LAYER_WIRE_MAX)
		return error_set(err, ERROR_TOO_LARGE, "layer sha256:%s has %" PRIu64 " bytes",
				 layer->digest, layer->size);
	if (!image_partial_open(it->images->root_fd, layer->digest, layer->size, partial, err) ||
	    !fetch_whole(it, partial, layer, err))
		return false;
	source->fd = partial->fd;
	source->len = layer->size;
	memcpy(source->digest, layer->digest, HASH_SHA256_HEX);
	return true;
}

static bool fetch_layers(struct image_pull *it, struct error *err)
{
	bool present[LIMIT_IMAGE_LAYERS] = { false };

	it->parcel.layer_count = it->manifest.layer_count;
	it->parcel.layers =
		memory_zero((it->manifest.layer_count + 1) * sizeof(*it->parcel.layers));
	it->partials = memory_zero((it->manifest.layer_count + 1) * sizeof(*it->partials));
	for (size_t i = 0; i < it->manifest.layer_count; i++)
		it->parcel.layers[i].fd = it->partials[i].fd = -1;
	image_install_present(it->images, &it->parcel, present);
	for (size_t i = 0; i < it->manifest.layer_count; i++)
		if (!present[i] && !fetch_layer(it, i, err))
			return false;
	return true;
}

/* Which failures more time, or another login, may mend: what has come is kept for that. */
static bool may_go_on(const struct error *err)
{
	return err->kind == ERROR_UNAVAILABLE || err->kind == ERROR_TIMEOUT ||
	       err->kind == ERROR_TOO_MANY || err->kind == ERROR_UNAUTHORIZED;
}

/* why: NULL when all is done. */
static void pull_clear(struct image_pull *it, const struct error *why)
{
	for (size_t i = 0; i < it->parcel.layer_count; i++)
		image_partial_close(it->images->root_fd, &it->partials[i], !why || !may_go_on(why));
	free(it->partials);
	free(it->parcel.layers);
	buf_clear(&it->parcel.config);
	image_manifest_clear(&it->manifest);
	registry_session_close(it->session);
}

bool images_pull(struct images *images, const struct images_pull_plan *plan, struct error *err)
{
	struct image_pull it = { .images = images };
	struct registry_session_plan ask = { .username = plan->login.username,
					     .password = plan->login.password,
					     .registries = plan->registries,
					     .timeout_ms = plan->timeout_ms };
	auto_buf name = BUF_INIT;
	bool done;

	if (!image_name_parse(plan->name, &ask.name, err))
		return false;
	image_name_print(&ask.name, &name);
	it.names[0] = buf_text(&name);
	it.parcel.names = it.names;
	it.parcel.login = &plan->login;
	done = registry_session_open(&ask, &it.session, err) &&
	       find_manifest(&it, *ask.name.digest ? ask.name.digest : ask.name.tag, 0, err) &&
	       fetch_config(&it, err) && fetch_layers(&it, err) &&
	       image_install(images, &it.parcel, err);
	pull_clear(&it, done ? NULL : err);
	return done;
}
