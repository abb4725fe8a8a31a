/*
 * validate_security.h - what a pod and its containers may do: users, profiles, sysctls, options of
 * Windows; and the older annotations for profiles.
 *
 * `path` is that of the thing itself ("spec.securityContext"), `pod_path` that of the pod's spec.
 * Each adds to work->errors, with the paths and words of the real server.
 */
#ifndef API_VALIDATE_SECURITY_H
#define API_VALIDATE_SECURITY_H

#include "api/kind.h"

/* The context of a pod's spec. */
void security_pod(const struct kind_work *work, const struct json *spec, const char *pod_path);
void security_container(const struct kind_work *work, const struct json *context, bool host_users,
			const char *path);
/* Containers that are host processes of Windows. */
void security_host_processes(const struct kind_work *work, const struct json *spec,
			     const char *pod_path);
/* spec.os, and what must not be set under it. */
void security_os(const struct kind_work *work, const struct json *spec, const char *pod_path);

/* Annotations with a profile each (validate_profiles.c), at `path`; those of a pod that is changed
 * stay as they were. */
void security_annotations(const struct kind_work *work, const struct json *annotations,
			  const struct json *spec, const char *path);
void security_annotations_kept(const struct kind_work *work, const struct json *now,
			       const struct json *old, const char *path);
/* They must say the same as the fields. */
void security_annotations_match(const struct kind_work *work, const struct json *annotations,
				const struct json *spec, const char *pod_path);

#endif
