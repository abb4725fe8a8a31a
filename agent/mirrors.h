/*
 * mirrors.h - pods of the API that show the static pods of this node: made when one is missing,
 * made anew when somebody deleted or changed one, deleted when their pod is no more.
 *
 * A mirror carries the hash of its pod (kubernetes.io/config.mirror) and belongs to the node's
 * object.  The status of the static pod is written into it.  Nothing is done while the server is
 * away.  Loop thread only.
 */
#ifndef AGENT_MIRRORS_H
#define AGENT_MIRRORS_H

#include "agent/pods.h"

struct mirrors;
struct mirrors *mirrors_new(struct node *node, struct pods *pods);
void mirrors_free(struct mirrors *mirrors); /* NULL is fine */
/* Pods came or went, here or in the API; the server may be there again. */
void mirrors_again(struct mirrors *mirrors);

#endif
