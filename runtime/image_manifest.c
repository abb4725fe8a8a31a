/*
 * image_manifest.c - manifests and indexes (OCI image spec 1.1, Docker schema 2): which blobs an
 * image is made of, and which of several images fits this machine.
 */

#include "runtime/image_name.h"
#include "runtime/images_inside.h"

#if defined(__x86_64__)
#define OUR_ARCHITECTURE "amd64"
#define OUR_VARIANT      0
#elif defined(__aarch64__)
#define OUR_ARCHITECTURE "arm64"
#define OUR_VARIANT      8
#elif defined(__arm__) && __ARM_ARCH >= 7
#define OUR_ARCHITECTURE "arm"
#define OUR_VARIANT      7
#else
#define OUR_ARCHITECTURE "arm"
#define OUR_VARIANT      6
#endif

#define INDEX_ENTRIES_MAX 1024
/* Of a document, with the marks in its texts; each value may cost 50 bytes. */
#define MARKS_MAX (512u * 1024)

bool image_document_parse(struct str text, struct json_doc **out, struct error *err)
{
	size_t marks = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		marks += c == ',' || c == ':' || c == '[' || c == '{';
	}
	if (marks > MARKS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "it has more than %u values", MARKS_MAX);
	return json_parse(text, out, NULL, err);
}

bool image_digest_read(struct str text, char out[HASH_SHA256_HEX])
{
	if (!image_name_is_digest(text))
		return false;
	memcpy(out, text.at + sizeof("sha256:") - 1, HASH_SHA256_HEX - 1);
	out[HASH_SHA256_HEX - 1] = '\0';
	return true;
}

bool image_blob_read(const struct json *descriptor, struct image_blob *out)
{
	const struct json *size = json_get(descriptor, "size");

	if (!json_is_int(size) || json_int(size) < 0 ||
	    !image_digest_read(json_str(json_get(descriptor, "digest")), out->digest))
		return false;
	out->size = (uint64_t)json_int(size);
	return true;
}

void image_manifest_clear(struct image_manifest *manifest)
{
	free(manifest->layers);
	*manifest = (struct image_manifest){ 0 };
}

bool image_manifest_read(const struct json *value, struct image_manifest *out, struct error *err)
{
	const struct json *layers = json_get(value, "layers");
	struct image_manifest found = { 0 };

	/* One reader would take it for an index, another for a manifest. */
	if (json_type(json_get(value, "manifests")) != JSON_ABSENT)
		return error_set(err, ERROR_INVALID, "it is both a manifest and an index");
	if (json_int(json_get(value, "schemaVersion")) != 2)
		return error_set(err, ERROR_INVALID,
				 "the manifest's schemaVersion is not 2 (older images have to be "
				 "pushed again)");
	if (!image_blob_read(json_get(value, "config"), &found.config))
		return error_set(err, ERROR_INVALID,
				 "the manifest's config has no proper digest and size");
	if (found.config.size > LIMIT_IMAGE_MANIFEST)
		return error_set(err, ERROR_TOO_LARGE, "the image's configuration is too large");
	if (json_type(layers) != JSON_ARRAY || json_count(layers) > LIMIT_IMAGE_LAYERS)
		return error_set(err, ERROR_INVALID, "the manifest has no layers or more than %d",
				 LIMIT_IMAGE_LAYERS);
	found.layers = memory_zero((json_count(layers) + 1) * sizeof(*found.layers));
	for (struct json_iter it = json_iter(layers); json_next(&it);) {
		if (!image_blob_read(it.value, &found.layers[found.layer_count++])) {
			image_manifest_clear(&found);
			return error_set(err, ERROR_INVALID,
					 "layers[%zu] of the manifest has no proper digest and "
					 "size",
					 it.index);
		}
	}
	*out = found;
	return true;
}

bool image_is_index(const struct json *value)
{
	return json_type(json_get(value, "manifests")) == JSON_ARRAY &&
	       json_type(json_get(value, "config")) == JSON_ABSENT &&
	       json_type(json_get(value, "layers")) == JSON_ABSENT;
}

/* "v7" -> 7; none: what the architecture began with. */
static int variant_number(struct str text)
{
	int64_t number;

	if (text.len < 2 || text.at[0] != 'v' ||
	    !str_to_i64(str_from(text.at + 1, text.len - 1), 1, 99, &number))
		return 0;
	return (int)number;
}

/* 0: does not fit; more is better. */
static int fitness(const struct json *platform)
{
	struct str os = json_str(json_get(platform, "os"));
	struct str architecture = json_str(json_get(platform, "architecture"));
	int variant = variant_number(json_str(json_get(platform, "variant")));

	if (!str_is(os, "linux") || !str_is(architecture, OUR_ARCHITECTURE))
		return 0;
	/* amd64 variants above the first ask for newer processors. */
	if (str_is(architecture, "amd64"))
		return variant <= 1 ? 2 : 0;
	return variant <= OUR_VARIANT ? 1 + variant : 0;
}

bool image_platform_fits(const struct json *descriptor)
{
	const struct json *platform = json_get(descriptor, "platform");

	return json_type(platform) == JSON_ABSENT || fitness(platform) > 0;
}

const struct json *image_index_pick(const struct json *index)
{
	const struct json *manifests = json_get(index, "manifests");
	const struct json *best = NULL, *bare = NULL;
	int best_fitness = 0;

	if (json_count(manifests) > INDEX_ENTRIES_MAX)
		return NULL;
	for (struct json_iter it = json_iter(manifests); json_next(&it);) {
		const struct json *platform = json_get(it.value, "platform");

		if (json_type(platform) == JSON_ABSENT)
			bare = bare ? bare : it.value;
		else if (fitness(platform) > best_fitness) {
			best = it.value;
			best_fitness = fitness(platform);
		}
	}
	return best ? best : bare;
}
