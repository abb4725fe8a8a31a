/*
 * flush.h - what many small files say reaches the disk together: one sync of the file system a
 * moment after the last of them, on a servant thread.
 *
 * Thirty pods that start at once cost one flush instead of hundreds, and flash is spared.  Loop
 * thread only.
 */
#ifndef AGENT_FLUSH_H
#define AGENT_FLUSH_H

#include "base/work.h"

struct flush;
/* `folder`: on the file system that is meant.  The pool is borrowed. */
MUST_CHECK bool flush_open(struct loop *loop, struct work_pool *pool, const char *folder,
			   struct flush **out, struct error *err);
void flush_close(struct flush *flush); /* after the pool was closed; NULL is fine */
/* Something was written: it will be on the disk within two seconds. */
void flush_soon(struct flush *flush);

#endif
