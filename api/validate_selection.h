/*
 * validate_selection.h - which node a pod goes to: terms over labels of nodes, affinity to other
 * pods, spreading, tolerations and taints.
 *
 * Each adds to work->errors, with the paths and words of the real server.
 */
#ifndef API_VALIDATE_SELECTION_H
#define API_VALIDATE_SELECTION_H

#include "api/kind.h"

/* A NodeSelector: terms that must hold. */
void selection_nodes(const struct kind_work *work, const struct json *selector, const char *path);
void selection_affinity(const struct kind_work *work, const struct json *affinity,
			const char *path);
void selection_spread(const struct kind_work *work, const struct json *constraints,
		      const char *path);
void selection_tolerations(const struct kind_work *work, const struct json *tolerations,
			   const char *path);
/* Taints of a node. */
void selection_taints(const struct kind_work *work, const struct json *taints, const char *path);

#endif
