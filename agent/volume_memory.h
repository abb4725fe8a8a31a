/*
 * volume_memory.h - volumes that are file systems of their own: secrets and tokens, emptyDirs in
 * memory or of huge pages.  Mounted once for all containers of the pod.
 *
 * Where the pod has users of its own (hostUsers: false), the files of such a volume belong to those
 * ids on the host, and containers see it as it is.  All other volumes belong to the host's ids, and
 * each container's mount maps them; kernels before 6.3 cannot do that with memory, and some of now
 * cannot with huge pages.
 */
#ifndef AGENT_VOLUME_MEMORY_H
#define AGENT_VOLUME_MEMORY_H

#include "agent/volumes.h"

/* Is there a volume of this kind?  Also where the pod's folder is in memory itself. */
bool volume_memory_is_mounted(const char *path);
/* Mount an emptyDir (`part`) at the folder `path`: memory, or with page_size > 0 huge pages of so
 * many bytes.  It belongs to the pod's root. */
MUST_CHECK bool volume_memory_empty(const struct volumes_work *work, const struct json *part,
				    const char *path, int64_t page_size, struct error *err);
/* A mount for files that shall never be on a disk; one that is there stays as it is. */
MUST_CHECK bool volume_memory_files(const struct volumes_work *work, const char *path,
				    struct error *err);

/* Where the ids of the files in there begin: at the pod's own, or 0: they are the host's.  An agent
 * of before mounted some for pods with users of their own that are the host's. */
uint32_t volume_memory_ids(const struct volumes_work *work, const char *path);

#endif
