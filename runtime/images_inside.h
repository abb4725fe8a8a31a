/*
 * images_inside.h - between the files of the image store: the index, installing an image,
 * manifests.
 */
#ifndef RUNTIME_IMAGES_INSIDE_H
#define RUNTIME_IMAGES_INSIDE_H

#include <pthread.h>

#include "base/limits.h"
#include "base/map.h"
#include "net/hash.h"
#include "runtime/image_access.h"
#include "runtime/images.h"

struct images {
	char *root;
	int root_fd, layers_fd;
	pthread_mutex_t lock;    /* the index and the holds */
	pthread_mutex_t install; /* one unpacking at a time: layers are shared */
	struct json_doc *index;  /* {"images": [{id, names, digests, layers, size}]} */
	struct map *holds;       /* image id -> how many hold it */
	bool sweep_due;          /* something lost its last name or holder */
	void (*wake)(void *of);  /* asks somebody to sweep; NULL = image_free does it itself */
	void *wake_of;
	bool check_due;          /* the power was cut */
	struct map *damaged;     /* chain ids of layers that are not what they were */
	struct image_access_key access_key;
};

/* Sweep if something asked for it; leaves it to whoever is installing.  No lock may be held. */
void image_store_settle(struct images *images);
/* Let the next image_store_settle sweep. */
void image_store_unsettle(struct images *images);

/* How many hold the image of that id; the index is locked. */
size_t image_store_holders(const struct images *images, struct str id);

/* Remove the layers whose names end so; nobody may use them. */
void image_store_remove_leftovers(struct images *images, const char *ending);

/* Names in archives are any bytes: what is not printable becomes '?'.  Returns false. */
bool image_error_print(struct error *err);

/* --- damaged layers (image_check.c) --- */

/* Read the marks and the state; leftovers of the boot before go. */
MUST_CHECK bool image_check_open(struct images *images, struct error *err);
void image_check_close(struct images *images); /* the next open finds it clean */
/* The index is locked. */
bool image_check_is_damaged(const struct images *images, struct str chain);
/* A whole layer has taken its place; the install lock is held, the index is not. */
void image_check_mended(struct images *images, const char *chain);

/* A file of the store's disk that goes with its descriptor: for bytes on their way in. */
MUST_CHECK bool images_nameless_file(struct images *images, int *out_fd, struct error *err);

/* --- one image on its way in --- */

struct image_source { /* a layer's bytes: a piece of a file */
	int fd;
	uint64_t at, len;
	char digest[HASH_SHA256_HEX]; /* of these bytes; "" = not known */
};

struct image_parcel {
	struct buf config;
	char manifest_digest[HASH_SHA256_HEX]; /* "" when there is no manifest */
	const char **names;                    /* complete names; NULL-terminated; may be empty */
	const struct image_login *login;       /* who got it from a registry; NULL: anybody may */
	struct image_source *layers;
	size_t layer_count;
};

/* Unpack what is missing and enter the image in the index. */
MUST_CHECK bool image_install(struct images *images, const struct image_parcel *parcel,
			      struct error *err);

/* Which layers of the parcel (configuration and layer_count are filled) are unpacked already:
 * nobody needs to fetch them.  One that goes before the install is an error there. */
void image_install_present(struct images *images, const struct image_parcel *parcel,
			   bool *out_present);

/* Enter a record; writes images.json.  Called by image_install. */
struct image_record {
	const char *id;
	const char *const *names;
	const char *manifest_digest;
	const struct image_login *login; /* as in the parcel */
	const char *const *layers;       /* hex chain ids */
	size_t layer_count;
	uint64_t size;
};
MUST_CHECK bool image_index_add(struct images *images, const struct image_record *record,
				struct error *err);

/* --- manifests (image_manifest.c) --- */

struct image_blob {
	char digest[HASH_SHA256_HEX];
	uint64_t size;
};
struct image_manifest {
	struct image_blob config;
	struct image_blob *layers;
	size_t layer_count;
};
void image_manifest_clear(struct image_manifest *manifest);
/* json_parse of what came with an image.  Values in memory need many times their text: more than a
 * sane document has are ERROR_TOO_LARGE before they are made. */
MUST_CHECK bool image_document_parse(struct str text, struct json_doc **out, struct error *err);
/* ERROR_INVALID with the field that is wrong. */
MUST_CHECK bool image_manifest_read(const struct json *value, struct image_manifest *out,
				    struct error *err);
/* "sha256:<64 hex>" and nothing else. */
bool image_digest_read(struct str text, char out[HASH_SHA256_HEX]);
bool image_is_index(const struct json *value);
/* Does a descriptor's platform fit this machine?  One without a platform does. */
bool image_platform_fits(const struct json *descriptor);
/* The descriptor of an index that fits this machine best; NULL when none does. */
const struct json *image_index_pick(const struct json *index);
bool image_blob_read(const struct json *descriptor, struct image_blob *out);

#endif
