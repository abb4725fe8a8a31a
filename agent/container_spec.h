/*
 * container_spec.h - a container of a pod's spec, its image and its volumes, as a plan for the
 * runtime.
 */
#ifndef AGENT_CONTAINER_SPEC_H
#define AGENT_CONTAINER_SPEC_H

#include "agent/devices.h"
#include "agent/environment.h"
#include "agent/volumes.h"
#include "runtime/container.h"
#include "runtime/images.h"

struct container_spec_work {
	const struct json *pod, *container;
	const struct json *granted; /* its resources, where they are not the spec's; or NULL */
	const struct image *image;
	const struct volumes_work *volumes;
	const struct cache *services; /* may be NULL */
	const char *api_address;      /* of default/kubernetes; may be NULL */
	const char *id;               /* "<name>.<attempt>" */
	const char *log_path;         /* "" = none */
	const char *hostname;
	const char *agent_folder;      /* seccomp profiles are in kubelet/seccomp below it */
	const struct devices *devices; /* may be NULL */
	int64_t node_memory;           /* bytes: for the order of the kernel's killing */
};

/* Everything of *out lives in the arena and in what `work` points to.  ERROR_INVALID,
 * ERROR_NOT_FOUND: the pod's spec cannot be run as it is (CreateContainerConfigError). */
MUST_CHECK bool container_spec_plan(const struct container_spec_work *work, struct arena *arena,
				    struct container_plan *out, struct error *err);

/* Limits of a container's or pod's resources object. */
void container_spec_resources(const struct json *resources, struct resources_plan *out);
/* The name that the pod's processes see. */
void container_spec_hostname(const struct json *pod, char out[64]);

#endif
