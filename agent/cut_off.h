/*
 * cut_off.h - pods that want to be stopped when their node has lost the server for too long: the
 * annotation mote.dev/stop-after (docs/edge-policies.md).
 *
 * Owner: the agent; loop thread only.  While there is a connection nothing happens here.
 */
#ifndef AGENT_CUT_OFF_H
#define AGENT_CUT_OFF_H

#include "agent/pods.h"

struct cut_off;
struct cut_off *cut_off_new(struct loop *loop, struct pods *pods); /* pods is borrowed */
void cut_off_free(struct cut_off *cut_off);                        /* NULL is fine */
/* NULL is fine for both. */
void cut_off_lost(struct cut_off *cut_off); /* again and again is fine: the first time counts */
void cut_off_back(struct cut_off *cut_off);

#endif
