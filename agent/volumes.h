/*
 * volumes.h - the volumes of a pod on this machine: one row a type (volume_types in volumes.c).
 *
 * Everything lies below <pod folder>/volumes/<name>, except host paths, which are where they are.
 * The files of secrets and tokens are in memory only (a tmpfs a volume).
 */
#ifndef AGENT_VOLUMES_H
#define AGENT_VOLUMES_H

#include "agent/downward.h"
#include "agent/sources.h"

struct volumes_work {
	const char *folder; /* the pod's */
	const struct json *pod;
	const struct sources *sources;
	const struct downward_facts *facts;
	uint32_t user_base; /* where the pod's users begin on the host; 0 = it has the host's */
};

/* Make all of them, or bring the changing ones up to date.  ERROR_INVALID names the volume. */
MUST_CHECK bool volumes_prepare(const struct volumes_work *work, struct error *err);
/* The host path to mount for the volume of that name; caller frees; NULL when there is none. */
char *volumes_path(const struct volumes_work *work, struct str name);
/* S_IFREG, S_IFDIR, ... of a host path that says its type; else 0. */
unsigned volumes_source_kind(const struct volumes_work *work, struct str name);
/* Do its files belong to the pod's users as the host sees them (volume_memory.h)?  Then where those
 * begin; 0: to the host's, and the mounts of a pod with users of its own map them. */
uint32_t volumes_own_ids(const struct volumes_work *work, struct str name);
/* Can the volume only be read (config maps, secrets, ...)? */
bool volumes_is_read_only(const struct volumes_work *work, struct str name);
/* Is it on a file server?  Who looks into it may never come back. */
bool volumes_is_share(const struct volumes_work *work, struct str name);
/* Unmount what is mounted; the pod's folder is removed by its owner. */
void volumes_release(const char *folder);

#endif
