/*
 * validate_mounts.h - where the volumes of a pod are seen in a container: as folders, as devices.
 */
#ifndef API_VALIDATE_MOUNTS_H
#define API_VALIDATE_MOUNTS_H

#include "api/kind.h"

struct map;

/* volumeMounts and volumeDevices of the container at `path`; `volumes`: name -> volume. */
void mounts_check(const struct kind_work *work, const struct map *volumes,
		  const struct json *container, const char *path);

#endif
