/*
 * validate_pod_update.h - what may change in a pod: in its spec, through its subresources, in its
 * status.
 *
 * Each adds to work->errors, with the paths and words of the real server.
 */
#ifndef API_VALIDATE_POD_UPDATE_H
#define API_VALIDATE_POD_UPDATE_H

#include "api/kind.h"

void pod_update_spec(const struct kind_work *work);
/* Debugging containers come and never go. */
void pod_update_ephemeral(const struct kind_work *work);
/* Amounts of running containers. */
void pod_update_resize(const struct kind_work *work);
void pod_update_status(const struct kind_work *work);

#endif
