/*
 * kept_list.h - the objects of a cache on the disk, for a start without the server.
 *
 * What the API says last is written a moment after it changed, every ten seconds in the long run
 * and six times at once at most, whole or not at all, by a servant thread; a list that did not
 * change is not written again.  Loop thread only.
 */
#ifndef AGENT_KEPT_LIST_H
#define AGENT_KEPT_LIST_H

#include "agent/node.h"

struct kept_list;
/* In <node's folder>/<name>.json.  The node is borrowed; the cache too, until kept_list_close. */
struct kept_list *kept_list_open(struct node *node, const char *name, struct cache *cache);
/* Writes what is not written yet, which the pool of the node's chores does. NULL is fine. */
void kept_list_close(struct kept_list *list);
/* Seed the cache, which has not heard of the API yet; false: nothing (that makes sense) is kept. */
bool kept_list_load(struct kept_list *list);
/* An object of the cache has changed. */
void kept_list_changed(struct kept_list *list);

#endif
