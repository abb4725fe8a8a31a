/*
 * registry_session.h - fetching manifests and blobs of one image from its registry (distribution
 * API v2).
 *
 * A session knows the places that may have the image: the mirrors that registries.yaml names, in
 * their order, then the image's own registry.  The first that answers is used, and stays in use
 * while it answers.  HTTPS everywhere, except for an endpoint that says http:// and for hosts on
 * this machine.  A login is made when a registry asks for one, is shown to it and to the token
 * service it names only; redirects (at most 5, never from https to http, never to this machine or
 * its metadata: registry_reach.h) go without it.
 *
 * It does not know what is in a manifest, and keeps nothing on disk: that is images.h.
 *
 * Owner: one thread, which may block (a servant thread); nothing is shared between sessions.
 */
#ifndef RUNTIME_REGISTRY_SESSION_H
#define RUNTIME_REGISTRY_SESSION_H

#include "base/json.h"
#include "net/hash.h"
#include "runtime/image_name.h"

struct registry_session_plan {
	struct image_name name;
	struct str username,
		password; /* for the image's own registry; STR_NONE: what the file says */
	const struct json
		*registries; /* registry_config.h; must outlive the session; may be NULL */
	int timeout_ms;      /* one answer, or one silence in a blob; 0 = 30000 */
	int64_t total_ms;    /* the whole session; 0 = 30 minutes */
};

struct registry_session;
/* Reads the plan only; the network is first touched by the calls below. */
MUST_CHECK bool registry_session_open(const struct registry_session_plan *plan,
				      struct registry_session **out, struct error *err);
void registry_session_close(struct registry_session *session); /* NULL is fine */
DEFINE_AUTO(struct registry_session *, registry_session_close)
#define auto_registry_session AUTO(registry_session_close) struct registry_session *

/* How many places may have the image. */
size_t registry_session_places(const struct registry_session *session);

struct registry_manifest {
	struct buf body;
	char type[128];  /* Content-Type without parameters; "" when there was none */
	char digest[72]; /* "sha256:<hex>" of the body: what was asked for, or what a tag means now
			  */
};
void registry_manifest_clear(struct registry_manifest *manifest);
#define auto_registry_manifest                                                                     \
	__attribute__((cleanup(registry_manifest_clear))) struct registry_manifest

/*
 * `reference` is a tag or a digest; with a digest the body is known to have it.  `accept` is the
 * Accept header; NULL = image manifests and indexes of docker and OCI.  At most
 * LIMIT_IMAGE_MANIFEST bytes.  *out must be zeroed.
 *
 * Errors name the image and the registry.  NOT_FOUND, UNAUTHORIZED, FORBIDDEN and TOO_MANY are the
 * registry's word; UNAVAILABLE and TIMEOUT may help to try again; BROKEN is a registry that does
 * not keep the rules, TOO_LARGE one that sends too much.
 */
MUST_CHECK bool registry_session_manifest(struct registry_session *session, const char *reference,
					  const char *accept, struct registry_manifest *out,
					  struct error *err);

struct registry_blob {
	const char *digest; /* "sha256:<hex>" */
	uint64_t size_max;  /* more bytes than these: TOO_LARGE */
	/* What the caller has of it from an earlier session: so many bytes, and their running
	 * digest, which is borrowed and ended here.  0 and NULL: nothing. */
	uint64_t have;
	struct hash *begun;
	/* Bytes in order, each once; the network waits while it works.  False stops, with an
	 * error. */
	bool (*take)(void *of, struct str bytes, struct error *err);
	void *of;
};
/*
 * A cut or silent connection is resumed where it ended, at most 3 times in a row without a mebibyte
 * of progress.  True only when all bytes have been given and have the digest; after a failure
 * `take` may have seen some.  Errors as above; bytes with another digest are BROKEN, and the next
 * call begins at the next place, if there is one.
 */
MUST_CHECK bool registry_session_blob(struct registry_session *session,
				      const struct registry_blob *blob, struct error *err);

#endif
