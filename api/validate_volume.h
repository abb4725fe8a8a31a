/*
 * validate_volume.h - where volumes come from: the sources of pods' volumes and of persistent
 * volumes, one row each.
 *
 * Each adds to work->errors, with the paths and words of the real server.
 */
#ifndef API_VALIDATE_VOLUME_H
#define API_VALIDATE_VOLUME_H

#include "api/kind.h"

/* The one source of a pod's volume at `path`. */
void volume_pod_source(const struct kind_work *work, const struct json *volume, const char *path);
/* The one source in a persistent volume's spec. */
void volume_kept_source(const struct kind_work *work, const struct json *spec, const char *path);
/* Is it a source of persistent volumes? */
bool volume_is_kept_source(struct str field);

#endif
