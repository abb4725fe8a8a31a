/*
 * sources.h - what a pod's volumes and environment are made of: config maps, secrets, tokens,
 * claims and their volumes.
 *
 * All that the pod names is fetched through the API and kept below `folder` (0600, sealed with the
 * node's keys), so that a pod can be started without the server.  What is there no longer is kept
 * as it was, until the pod goes: a running pod loses nothing that it needs.  What is optional goes
 * with its object.  Loop thread only.
 */
#ifndef AGENT_SOURCES_H
#define AGENT_SOURCES_H

#include "client/client.h"
#include "net/seal.h"

struct sources_plan {
	struct client *client;
	const char *folder;     /* the pod's; a folder "sources" is made in it */
	struct seal_keys *keys; /* borrowed, for as long as the sources live */
};

/* The node's keys in <folder>/seal-key, made when there are none.  Keys that are refused
 * (net/seal_file.h) are replaced, with a line in the log: what they sealed is fetched again. */
MUST_CHECK bool sources_keys_open(const char *folder, struct seal_keys **out, struct error *err);

struct sources;
/* `pod` is borrowed until the next sources_pod; what its spec names never changes.  A kept copy
 * that the keys do not open does not count. */
struct sources *sources_new(const struct sources_plan *plan, const struct json *pod);
void sources_pod(struct sources *sources, const struct json *pod);
void sources_free(struct sources *sources); /* a running fetch is dropped; NULL is fine */

/*
 * Fetch everything.  on_done later, once: NULL, or what is missing (ERROR_NOT_FOUND names it).
 * What was known before stays usable after an error.  Not while one runs.
 */
void sources_fetch(struct sources *sources, void (*on_done)(void *of, const struct error *err),
		   void *of);
bool sources_running(const struct sources *sources);
/* Everything that volumes need and that is not optional is known, from the API or from the disk;
 * what only environments need is known, or the API said that it is not there. */
bool sources_complete(const struct sources *sources);
/* When to fetch again: milliseconds from now; 0 = never (the pod names nothing). */
int64_t sources_again_ms(const struct sources *sources);

/* The objects; NULL when absent.  Valid until the next fetch. */
const struct json *sources_config_map(const struct sources *sources, struct str name);
const struct json *sources_secret(const struct sources *sources, struct str name);
/* The claim, once it is bound, and the volume that it names. */
const struct json *sources_claim(const struct sources *sources, struct str name);
const struct json *sources_volume(const struct sources *sources, struct str name);
/* "" when absent. */
struct str sources_token(const struct sources *sources, struct str audience, int64_t seconds);

#endif
