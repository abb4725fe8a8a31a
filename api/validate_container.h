/*
 * validate_container.h - containers of a pod: regular, init and ephemeral ones.
 *
 * Each adds to work->errors, with the paths and words of the real server.
 */
#ifndef API_VALIDATE_CONTAINER_H
#define API_VALIDATE_CONTAINER_H

#include "api/kind.h"

struct map;

struct pod_scene { /* what the containers of a pod have around them */
	const struct json *spec;
	const struct map *volumes; /* name -> volume; only the good ones */
	const struct map *claims;  /* name -> resource claim */
	bool is_pod;               /* not a template of one */
	bool host_users;
};

/* All three lists of the scene's spec at `path`. */
void container_lists(const struct kind_work *work, const struct pod_scene *scene, const char *path);
/* Limits and requests alone, such as a pod's overhead. */
void container_amounts(const struct kind_work *work, const struct json *resources,
		       const char *path);
/* What only pods' containers are told, not those of templates. */
void container_image_spaces(const struct kind_work *work, const struct json *list,
			    const char *path);

#endif
