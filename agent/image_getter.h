/*
 * image_getter.h - images for containers: those of the store, and pulling what is missing.
 *
 * Pulls run on servant threads (imports and removals on others), one per name and logins at a
 * time; several who want the same image with the same logins share one.  An image that is here
 * serves only who may use it (images_allows): others ask its registry first, which costs a
 * manifest.  Who waits for a pull is served at once when the image comes in another way, from an
 * archive for example.
 *
 * Loop thread only.
 */
#ifndef AGENT_IMAGE_GETTER_H
#define AGENT_IMAGE_GETTER_H

#include "base/work.h"
#include "runtime/images.h"

struct image_getter;
/* registries: registries.yaml as JSON, or NULL; borrowed. */
MUST_CHECK bool image_getter_open(struct loop *loop, struct images *images,
				  const struct json *registries, struct image_getter **out,
				  struct error *err);
void image_getter_close(struct image_getter *getter); /* waits for running pulls; NULL is fine */
/* A servant thread is at work: closing would wait for it, for minutes if a registry is dead. */
bool image_getter_is_busy(const struct image_getter *getter);

/* Is an image of this name in the store, and whole? */
bool image_getter_has(struct image_getter *getter, struct str name);

enum image_policy { IMAGE_ALWAYS, IMAGE_IF_NOT_PRESENT, IMAGE_NEVER };

struct image_want_plan {
	struct str name;
	enum image_policy policy;
	/* Tried in this order; none: nobody's, or what registries says.  Copied. */
	const struct image_login *logins;
	size_t login_count;
};

struct image_want;
/*
 * on_done later, once: the image (the callee's, for image_free), or why not.  ERROR_NOT_FOUND with
 * IMAGE_NEVER: it is not here, or not for these logins.  With IMAGE_ALWAYS, or when it is damaged,
 * an image that is here is used when its registry cannot be reached: *fallback is then the reason.
 */
struct image_want *image_want_start(struct image_getter *getter, const struct image_want_plan *plan,
				    void (*on_done)(void *of, struct image *image,
						    const struct error *err, const char *fallback),
				    void *of);
/* true while it is being pulled (not only looked up); in on_done: it came by that */
bool image_want_is_pulling(const struct image_want *want);
void image_want_cancel(struct image_want *want); /* no on_done after it; NULL is fine */

/* Import an archive on a servant thread; on_done(of, names or NULL, err). */
void image_getter_import(struct image_getter *getter, const char *path,
			 void (*on_done)(void *of, char **names, const struct error *err),
			 void *of);
/* Remove a name on a servant thread. */
void image_getter_remove(struct image_getter *getter, struct str name,
			 void (*on_done)(void *of, char **names, const struct error *err),
			 void *of);
/* Take away layers that nobody needs (after pods of an earlier life hold theirs). */
void image_getter_sweep(struct image_getter *getter);
/* Pull a name, wanted by nobody yet. */
void image_getter_pull(struct image_getter *getter, struct str name,
		       void (*on_done)(void *of, char **names, const struct error *err), void *of);

#endif
