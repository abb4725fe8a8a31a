/*
 * cache.h - a copy of one kind's objects, kept by list and watch (Kubernetes' word: informer).
 *
 * Lists once, then watches from the list's revision; after a lost watch it watches again from the
 * last revision seen, and lists again only when that is too old.  Handlers are called from the
 * loop, for every change once and in order; after a relist the differences are told.  Objects are
 * immutable and counted: keep one with object_ref; what object_json gives of it does not last.
 */
#ifndef CLIENT_CACHE_H
#define CLIENT_CACHE_H

#include "client/client.h"

struct cache;
struct cache_events {
	/* before NULL: it came; after NULL: it went. */
	void (*on_change)(void *owner, const struct object *before, const struct object *after);
	void (*on_synced)(void *owner); /* the first list is in; may be NULL */
};

/* query: further selectors such as "fieldSelector=...", or NULL. */
struct cache *cache_start(struct client *client, const struct kind *kind, const char *query,
			  const struct cache_events *events, void *owner);
/* In the process that serves the API: find gives the object that the server itself has, or NULL.
 * Where it is of the revision that was told, the cache takes a reference instead of a copy. */
void cache_share(struct cache *cache,
		 const struct object *(*find)(void *of, const struct kind *kind,
					      struct str namespace, struct str name),
		 void *of);
void cache_stop(struct cache *cache); /* NULL is fine */
/* No calls from now on: its client may go.  What it knows can be read until cache_stop. */
void cache_rest(struct cache *cache);
/*
 * Objects of an earlier life (a list as the API prints one), known until the first list says what
 * is true; to be called before that.  The cache is not synced by it.  What makes no sense is left
 * out.  Handlers are told.
 */
void cache_seed(struct cache *cache, const struct json *list);
/* The way to the API is open again: a cache that waits after a failure tries now. */
void cache_poke(struct cache *cache); /* NULL is fine */
bool cache_is_synced(const struct cache *cache);
/* The newest revision seen: what a change of ours waits for before its effect can be read here. */
uint64_t cache_revision(const struct cache *cache);
const struct object *cache_find(const struct cache *cache, struct str namespace, struct str name);
/* for (size_t i = 0; (object = cache_next(cache, &i));) */
const struct object *cache_next(const struct cache *cache, size_t *at);
size_t cache_count(const struct cache *cache);

#endif
