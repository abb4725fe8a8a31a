/*
 * volume_claim.h - volumes of the type persistentVolumeClaim and ephemeral: from the pod's words to
 * the persistent volume, and folders of local storage.
 *
 * The claim and its volume are sources of the pod (agent/sources.h), so they are known without the
 * server, too.  Loop thread only, except volume_claim_remove.
 */
#ifndef AGENT_VOLUME_CLAIM_H
#define AGENT_VOLUME_CLAIM_H

#include "agent/volumes.h"

/* The name of the claim that a volume of a pod means; "" when it means none. */
void volume_claim_name(const struct json *pod, const struct json *volume, struct buf *out);

/* The bound volume (a PersistentVolume) of that claim.  ERROR_UNAVAILABLE with a kubelet's words:
 * no such claim, not bound yet, of a block device. */
MUST_CHECK bool volume_claim_find(const struct volumes_work *work, const struct json *volume,
				  const struct json **out, struct error *err);
/* The place on this machine of a volume of the type local or hostPath; STR_NONE: of another type.
 */
struct str volume_claim_place(const struct json *persistent);
/* A volume of the type local: the folder is there.  One that the server's provisioner of local
 * storage has promised is made, open for all. */
MUST_CHECK bool volume_claim_prepare(const struct json *persistent, struct error *err);

/*
 * Remove such a folder and all in it: links are not followed, a mount ends it with an error, one
 * that is gone is fine.  Only paths whose last part begins with "pvc-" are folders of local
 * storage, all else is ERROR_INVALID.  Any thread; may take long.
 */
MUST_CHECK bool volume_claim_remove(const char *path, struct error *err);

#endif
