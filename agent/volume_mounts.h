/*
 * volume_mounts.h - volumes that take time: images are pulled, NFS shares are mounted over the
 * network.  Each becomes a mount at its place below the pod's folder, made once for all containers.
 * The files of local claims are given to the pod's group; an empty folder there says that they are.
 *
 * An agent that comes again finds the mounts and holds the images that they show.  What is mounted
 * is undone with all other volumes (volumes_release).  Loop thread only.
 */
#ifndef AGENT_VOLUME_MOUNTS_H
#define AGENT_VOLUME_MOUNTS_H

#include "agent/node.h"
#include "agent/volumes.h"

struct volume_mounts;
/* on_change: something has ended, step again.  Holds the images of an earlier life. */
struct volume_mounts *volume_mounts_new(const struct node *node, const char *folder,
					void (*on_change)(void *of), void *of);
void volume_mounts_free(struct volume_mounts *mounts); /* ends what is under way; NULL is fine */

enum volume_mounts_state { VOLUME_MOUNTS_READY, VOLUME_MOUNTS_BUSY, VOLUME_MOUNTS_FAILED };
/* Begin what is not there.  FAILED once for each failure, with the volume and the reason in *err;
 * the next step tries again.  NULL mounts: nothing is begun any more, READY. */
enum volume_mounts_state volume_mounts_step(struct volume_mounts *mounts,
					    const struct volumes_work *work, struct error *err);

/* Is this folder the root of a mount?  Asks no server. */
bool volume_is_mounted(const char *path);
/* Unmount all that lies below, whoever mounted it there. */
void volume_unmount_below(const char *folder);
/* Is what is mounted below `path` seen by the machine?  ERROR_INVALID, as containerd says it. */
MUST_CHECK bool volume_check_shared(const char *path, struct error *err);

/* What a pod, or the persistent volume of its claim, says of a share. */
struct volume_nfs {
	struct str server, path;
	bool read_only;
	const struct json *options; /* mountOptions; may be NULL */
};
/* The share of a volume; false: it has none. */
bool volume_nfs_find(const struct volumes_work *work, const struct json *volume,
		     struct volume_nfs *out);
/* The arguments after "mount", NULL-terminated, in the arena. */
const char *const *volume_nfs_arguments(const struct volume_nfs *share, const char *place,
					struct arena *arena);

#endif
