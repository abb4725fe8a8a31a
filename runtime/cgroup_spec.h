/*
 * cgroup_spec.h - a container's cgroup as the OCI specification describes it: linux.cgroupsPath and
 * linux.resources, for both versions of cgroups.
 *
 * Beside cgroup.h, whose limits are a pod's: here every limit that is asked for and cannot be set
 * is an error.
 */
#ifndef RUNTIME_CGROUP_SPEC_H
#define RUNTIME_CGROUP_SPEC_H

#include "runtime/cgroup.h"

/*
 * Make the container's group.  `path` is linux.cgroupsPath, or NULL: a group named after the id.
 * With `systemd` it is "SLICE:PREFIX:NAME", and the group is PREFIX-NAME.scope in that slice.
 */
MUST_CHECK bool cgroup_spec_open(const char *path, const char *id, bool systemd,
				 struct cgroup **out, struct error *err);

/* Set what linux.resources (NULL: nothing) asks for, devices excepted.  Also changes what is set.
 */
MUST_CHECK bool cgroup_spec_limit(const struct cgroup *cgroup, const struct json *resources,
				  struct error *err);
/* The devices that may be used: linux.resources.devices, and those that every container has. */
MUST_CHECK bool cgroup_spec_devices(const struct cgroup *cgroup, const struct json *rules,
				    struct error *err);

/* Stop all processes until they are let go again; waits until they are.  ERROR_UNAVAILABLE where
 * the machine cannot. */
MUST_CHECK bool cgroup_spec_freeze(const struct cgroup *cgroup, bool frozen, struct error *err);
bool cgroup_spec_is_frozen(const struct cgroup *cgroup);

/* The ids of all processes in it and below, as an array. */
MUST_CHECK bool cgroup_spec_processes(const struct cgroup *cgroup, struct json_doc *doc,
				      struct json **out, struct error *err);
/* What it has used so far: the object "data" of an event "stats". */
struct json *cgroup_spec_stats(const struct cgroup *cgroup, struct json_doc *doc);

#endif
