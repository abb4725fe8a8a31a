/*
 * registry.h - the names that image_pull.c still uses for registry_session.h.
 */
#ifndef RUNTIME_REGISTRY_H
#define RUNTIME_REGISTRY_H

#include "runtime/registry_session.h"

#define registry_plan          registry_session_plan
#define registry_open          registry_session_open
#define registry_close         registry_session_close
#define registry_manifest(...) registry_session_manifest(__VA_ARGS__)
#define registry_blob(...)     registry_session_blob(__VA_ARGS__)

#endif
