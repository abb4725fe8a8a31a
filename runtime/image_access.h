/*
 * image_access.h - who may use an image of the store without asking its registry.
 *
 * A node that several teams share must not hand one team's private image to another only because it
 * is there already (Kubernetes, "Ensure secret pulled images", KEP 2535).  A record of the index
 * keeps marks by repository: "*" for everybody, a keyed hash of a name and password, or the mark of
 * the secret that held them.  A record without marks is from an archive: everybody's.
 *
 * Pure functions on a record; the caller has the lock of the index.
 */
#ifndef RUNTIME_IMAGE_ACCESS_H
#define RUNTIME_IMAGE_ACCESS_H

#include "base/json.h"
#include "runtime/images.h"

/* At most so many marks a repository, and repositories an image: the oldest go. */
#define IMAGE_ACCESS_MARKS_MAX 64

struct image_access_key {
	unsigned char bytes[32];
};
/* The key in the store's folder, made when there is none or it has another size: then nothing that
 * was noted before opens anything. */
MUST_CHECK bool image_access_open(const char *root, struct image_access_key *out,
				  struct error *err);

/* Who pulled `name` may use the image; login NULL or nobody's: everybody.  A record that was
 * everybody's without marks stays so. */
void image_access_note(const struct image_access_key *key, struct json_doc *doc,
		       struct json *record, const char *name, const struct image_login *login);

/* `repository`: "docker.io/library/web"; empty = under any of its names. */
bool image_access_allows(const struct image_access_key *key, const struct json *record,
			 struct str repository, const struct image_login *login);

#endif
