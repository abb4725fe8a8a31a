/*
 * component_status.h - what ComponentStatus objects say: the parts of the control plane are parts
 * of this process, so they are as well as it is.
 */
#ifndef SERVER_REGISTRY_COMPONENT_STATUS_H
#define SERVER_REGISTRY_COMPONENT_STATUS_H

#include "base/error.h"

struct registry;

/* Puts the objects into the registry's memory, anew at each start; loop thread. */
MUST_CHECK bool component_status_write(struct registry *registry, struct error *err);

#endif
