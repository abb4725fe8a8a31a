/*
 * images.h - the image store of this machine: archives in, registries in, unpacked layers out.
 *
 * Layout below `root` (.../agent/store):
 *   blobs/sha256/<hex>   image configurations
 *   layers/<hex>/        one unpacked layer by its chain id (OCI image spec, "ChainID")
 *   layers/<hex>.new/    a layer that is being unpacked; removed when the store is opened
 *   layers/<hex>.size    its bytes and the tally of its names (layer_check.h)
 *   layers/<hex>.damaged a mark: it is not what it was, and is fetched again
 *   layers/<hex>.old/    what was there before; removed after the next boot, nobody runs in it then
 *   state                "clean", or the boot in which the store is open
 *   images.json          names, digests, ids, layers, sizes, who may use them
 *   access-key           makes the marks of those who may (32 random bytes)
 * Everything is whole on the disk before it gets its name: a power cut leaves an image or none.
 *
 * Knows nothing of Kubernetes.  images_import and images_pull block, for a servant thread; every
 * call may come from any thread.  image_free and images_remove may remove files, which takes
 * seconds for large images (images_leave_removing); while an image is being unpacked they leave
 * that to the unpacking thread.
 */
#ifndef RUNTIME_IMAGES_H
#define RUNTIME_IMAGES_H

#include "base/json.h"

struct images;
/* ERROR_BROKEN when images.json cannot be read: it is moved aside to images.json.broken, so that
 * the next open begins with an empty store. */
MUST_CHECK bool images_open(const char *root, struct images **out, struct error *err);
void images_close(struct images *images); /* NULL is fine; all images must be freed before */

/* What a container needs to know of an image.  As long as it is held its layers stay on the disk.
 */
struct image {
	char *id;       /* "sha256:<hex of the configuration>"                            */
	char **names;   /* "docker.io/library/web:latest", NULL-terminated                */
	char **digests; /* "docker.io/library/web@sha256:...", NULL-terminated            */
	char **layers;  /* absolute folders, lowest first, NULL-terminated                */
	uint64_t size;  /* bytes of all files                                             */
	bool damaged;   /* images_check found that; pulling or importing it mends it        */
	struct json_doc *config; /* the OCI image configuration                           */
};
void image_free(struct images *images, struct image *image); /* NULL is fine */

/* By any name (completed as docker and containerd do: "web" finds docker.io/library/web:latest),
 * "name@sha256:...", or id.  ERROR_NOT_FOUND; ERROR_INVALID for what is no name. */
MUST_CHECK bool images_find(struct images *images, struct str name, struct image **out,
			    struct error *err);
/* All images in order of arrival, NULL-terminated; free each and the array. */
struct image **images_list(struct images *images);
/* Forget a name; or by id the whole image.  With its last name an image goes, its layers with it as
 * soon as nobody holds it. */
MUST_CHECK bool images_remove(struct images *images, struct str name, struct error *err);
/* Take away what has neither name nor holder.  To be called once after a start, when all that shall
 * be held is held: what was held before the restart is kept until then.  Waits for an import. */
MUST_CHECK bool images_sweep(struct images *images, struct error *err);

/* From now on image_free removes nothing: it calls wake, from its own thread and without a lock,
 * and somebody has to call images_remove_unneeded soon.  NULL: as before. */
void images_leave_removing(struct images *images, void (*wake)(void *of), void *of);
/* Take away what lost its last name or holder; nothing when an image is being unpacked. */
void images_remove_unneeded(struct images *images);

/* Was the power cut since the store was last closed?  Then images_check is due. */
bool images_check_due(const struct images *images);
struct images_check_plan {
	bool (*go_on)(void *of); /* false: stop soon */
	/* A layer of this image is damaged.  Containers may go on with what is left of it. */
	void (*on_damaged)(void *of, const char *name, const char *why);
	void *of;
};
/* Read all layers, those that are held first; what was found is kept.  Takes minutes; for a thread
 * of its own, beside everything else.  false when it was stopped: it stays due. */
bool images_check(struct images *images, const struct images_check_plan *plan);

/*
 * Import an archive of `docker save` or in OCI layout; plain, gzip, zstd; one image or many.  Of an
 * index only what fits this machine.  Digests of manifests, configurations, layers and unpacked
 * layers are checked.  An error names the first image that cannot be imported; those before it
 * are in.  *out_names (may be NULL): the
 * names, NULL-terminated, caller frees each and the array.
 */
MUST_CHECK bool images_import(struct images *images, const char *path, char ***out_names,
			      struct error *err);

/* Somebody who logs in to a registry.  All empty: nobody. */
struct image_login {
	struct str username, password;
	struct str
		secret; /* a mark of where it was found, which may get another password; or none */
};
/*
 * May who has one of these logins use the image of that name without asking its registry?  Whoever
 * may if it came in an archive, or if its registry gave it without a login of the caller's;
 * otherwise who shows a login that pulled it under a name of the same repository, or one of the
 * same secret.  Kept over restarts.  False when there is no such image.
 */
bool images_allows(struct images *images, struct str name, const struct image_login *logins,
		   size_t count);

/* Pull by name from its registry (v2 API; TLS; basic and token authentication; index by
 * platform).  Who pulled may use it from now on (images_allows). */
struct images_pull_plan {
	struct str name;
	struct image_login login;      /* nobody: anonymous, or what registries says */
	const struct json *registries; /* registries.yaml as JSON: mirrors, configs; may be NULL */
	int timeout_ms;                /* for each request; 0 = 30000 */
};
MUST_CHECK bool images_pull(struct images *images, const struct images_pull_plan *plan,
			    struct error *err);

#endif
