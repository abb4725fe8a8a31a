/*
 * pod_quality.h - the class of a pod by what its containers ask for.
 */
#ifndef API_POD_QUALITY_H
#define API_POD_QUALITY_H

#include "base/json.h"

/* Guaranteed: every container limits cpu and memory and requests as much.  BestEffort: nobody asks
 * for anything.  Else Burstable. */
const char *pod_quality(const struct json *spec);

#endif
