/*
 * images.h - the image store of this machine: archives in, registries in, unpacked layers out.
 *
 * Layout under `root` (…/agent/store):
 *   blobs/sha256/<hex>        manifests, configs (layers only while unpacking)
 *   layers/<chain hex>/       one unpacked layer by chain id (OCI image spec, "ChainID"), plus
 * layers/<hex>.ok images.json               names and digests -> manifest digest, config digest,
 * layer chain ids, size Everything arrives as tmp + fsync + rename; a power cut leaves an image
 * whole or absent.
 *
 * Knows nothing of Kubernetes.  images_import and images_pull are blocking and meant for a servant
 * thread; the index is guarded by a lock, so find/list/remove may be called from any thread.
 */
#ifndef RUNTIME_IMAGES_H
#define RUNTIME_IMAGES_H

#include "base/json.h"

struct images;
MUST_CHECK bool images_open(const char *root, struct images **out, struct error *err);
void images_close(struct images *images); /* NULL is fine */

/* What a container needs to know of an image; owned by the caller, freed with image_free. */
struct image {
	char *name;   /* the name it was found by, normalised "docker.io/library/web:latest" */
	char *id;     /* "sha256:<hex of the config>" */
	char *digest; /* "name@sha256:<hex of the manifest>", "" when imported from a docker archive
		       */
	char **names; /* all names of this image, NULL-terminated */
	char **layers;           /* absolute folders, lowest first, NULL-terminated */
	uint64_t size;           /* bytes unpacked */
	struct json_doc *config; /* the OCI image configuration; .config.Entrypoint and so on */
};
void image_free(struct image *image);

/* Normalise as docker and containerd do: "web" -> "docker.io/library/web:latest". */
MUST_CHECK bool image_name_normalise(struct str name, struct buf *out, struct error *err);

/* By any name, "name@sha256:...", or id.  ERROR_NOT_FOUND. */
MUST_CHECK bool images_find(struct images *images, struct str name, struct image **out,
			    struct error *err);
/* All images, NULL-terminated array of image pointers. */
struct image **images_list(struct images *images);
MUST_CHECK bool images_remove(struct images *images, struct str name, struct error *err);

/* Import a docker-save or OCI-layout archive (plain, gzip, zstd).  Only this machine's platform of
 * an index. out_names: the names imported, NULL-terminated, caller frees each and the array.  May
 * be NULL. */
MUST_CHECK bool images_import(struct images *images, const char *path, char ***out_names,
			      struct error *err);

/* Pull by name from its registry (v2 API, TLS, basic and bearer token authentication; multi-arch
 * index). */
struct images_pull_plan {
	struct str name;
	struct str username, password; /* STR_NONE: anonymous, or what registries.json says */
	const struct json *registries; /* registries.yaml as JSON: mirrors, configs; may be NULL */
	int timeout_ms;                /* for each request; 0 = 30000 */
	int64_t total_ms;              /* whole pull; 0 = 30 minutes */
};
MUST_CHECK bool images_pull(struct images *images, const struct images_pull_plan *plan,
			    struct error *err);

#endif
