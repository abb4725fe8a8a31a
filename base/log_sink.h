/*
 * log_sink.h - where log lines go: standard error, a file, or both.
 *
 * The file is bounded: at LOG_SINK_MAX bytes it is moved to FILE.1 (an older one is gone) and begun
 * anew.  Several processes may write to one file; each may then put one line more into it.  Any
 * thread.
 */
#ifndef BASE_LOG_SINK_H
#define BASE_LOG_SINK_H

#include "base/text.h"

#define LOG_SINK_MAX (10u * 1024 * 1024) /* what a container's log has, too */

/* From now on lines go to the file at `path`, which is made (0600) and grown; also to standard
 * error, if wanted.  On failure nothing changes. */
MUST_CHECK bool log_sink_open(const char *path, bool stderr_too, struct error *err);
/* One write(2) a place.  Lines that cannot be written are lost: nobody can be told. */
void log_sink_write(struct str line);

#endif
