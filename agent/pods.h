/*
 * pods.h - all pods of this node, by uid: from the disk at the start, then from the API.
 *
 * Loop thread only.
 */
#ifndef AGENT_PODS_H
#define AGENT_PODS_H

#include "agent/pod.h"

struct pods;
/* Adopts what lies below the node's folder. */
MUST_CHECK bool pods_open(struct node *node, struct pods **out, struct error *err);
/* Let go of all; containers run on. */
void pods_close(struct pods *pods); /* NULL is fine */
/* Follow the API from now on. */
void pods_follow(struct pods *pods);
/* Something that they wait for may have come. */
void pods_poke(struct pods *pods);
/* Begin one that the API did not give; ERROR_FULL and others of the disk. */
MUST_CHECK bool pods_add(struct pods *pods, const struct json *object, struct error *err);
struct pod *pods_find_uid(const struct pods *pods, struct str uid); /* NULL when there is none */
/* The API's pods of this node; NULL before pods_follow. */
const struct cache *pods_cache(const struct pods *pods);
struct pod *pods_find(const struct pods *pods, struct str namespace, struct str name);
/* for (size_t i = 0; (pod = pods_next(pods, &i));) */
struct pod *pods_next(const struct pods *pods, size_t *at);
/* Called whenever pods came or went, or mirrors of static ones in the API: host ports are theirs.
 */
void pods_on_change(struct pods *pods, void (*on_change)(void *of), void *of);

#endif
