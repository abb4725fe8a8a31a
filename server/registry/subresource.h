/*
 * subresource.h - the subresources that are not a plain write of the object; each answers the
 * request.
 */
#ifndef SERVER_REGISTRY_SUBRESOURCE_H
#define SERVER_REGISTRY_SUBRESOURCE_H

#include "server/registry/registry_inside.h"

/* spec.replicas as an autoscaling/v1 Scale: get, update, patch. */
enum step scale_pass(struct request *req, struct error *err);
/* The scheduler's answer: which node a pod runs on.  Also POST to /bindings, which names the pod in
 * the body. */
enum step binding_pass(struct request *req, struct error *err);
/* The deletion of a pod, if its disruption budget allows it. */
enum step eviction_pass(struct request *req, struct error *err);

#endif
