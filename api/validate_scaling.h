/*
 * validate_scaling.h - metrics and behaviour of a HorizontalPodAutoscaler (autoscaling/v2).
 *
 * Adds to work->errors, with the paths and words of the real server.
 */
#ifndef API_VALIDATE_SCALING_H
#define API_VALIDATE_SCALING_H

#include "api/kind.h"

/* Something that can be scaled or measured: kind and name are there and fit into a path. */
void scaling_validate_reference(const struct kind_work *work, const struct json *reference,
				const char *path);
void scaling_validate_metrics(const struct kind_work *work, const struct json *metrics,
			      const char *path);
void scaling_validate_behavior(const struct kind_work *work, const struct json *behavior,
			       const char *path);

#endif
