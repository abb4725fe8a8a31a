/*
 * unmounter.h - unmounts what file servers give.
 *
 * Whoever unmounts a share frees its place at once, but comes back only when the server has been
 * told, or never while it is away: a thread of ours would be lost.  So the machine's umount(8) does
 * it, a process a mount, as it is mounted (volume_mounts.h).  Nobody waits long for it; it goes on
 * alone, and is killed at last.
 *
 * Owner: one for the node.  Loop thread only.
 */
#ifndef AGENT_UNMOUNTER_H
#define AGENT_UNMOUNTER_H

#include "base/loop.h"

struct unmounter;
struct unmounter *unmounter_new(struct loop *loop);
/* Who waits is told; what is under way goes on.  NULL is fine. */
void unmounter_free(struct unmounter *unmounter);

/* Embedded by who waits. */
struct unmounter_wait {
	/* Once.  ended: nothing is mounted there any more, or it takes too long and is to be tried
	 * again; else the unmounter is no more.  The wait may be freed. */
	void (*on_done)(struct unmounter_wait *wait, bool ended);
	size_t left; /* private */
};
/* Unmount the shares below the folder.  False: there are none, on_done is not called. */
bool unmounter_start(struct unmounter *unmounter, const char *folder, struct unmounter_wait *wait);

/*
 * Let who waits there for a server go on, with an error: processes that were killed can end only
 * so.  What they had written is lost.  Shares that are mounted elsewhere, too, for another pod,
 * stay as they are: the kernel cannot tell who waits.
 */
void unmounter_force(struct unmounter *unmounter, const char *folder);

#endif
