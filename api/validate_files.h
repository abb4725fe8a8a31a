/*
 * validate_files.h - paths that a pod names, and facts and keys that become files or variables.
 *
 * A path is joined to a folder of the node later: here it is made sure that it cannot lead out of
 * that folder.  Each adds to work->errors, with the words of the real server.
 */
#ifndef API_VALIDATE_FILES_H
#define API_VALIDATE_FILES_H

#include "api/kind.h"

struct map;

bool files_climbs(struct str path); /* has a part ".." */
/* Without "..". */
void files_no_climbing(const struct kind_work *work, const struct json *value, const char *path);
/* Relative, without "..". */
void files_inside(const struct kind_work *work, const struct json *value, const char *path);
/* The same; names that begin with ".." are the volume's own. */
void files_unreserved(const struct kind_work *work, const struct json *value, const char *path);
/* 0 to 0777; nothing is said of an absent one. */
void files_mode(const struct kind_work *work, const struct json *mode, const char *path);

/* A field of the pod, and an amount of a container; `in_volume`: labels as a whole are fine, and
 * the container must be named. */
void files_field(const struct kind_work *work, const struct json *source, bool in_volume,
		 const char *path);
void files_amount(const struct kind_work *work, const struct json *source, bool in_volume,
		  const char *path);

/* Volume sources of this sort. */
void files_secret(const struct kind_work *work, const struct json *source, const char *path);
void files_config_map(const struct kind_work *work, const struct json *source, const char *path);
void files_downward(const struct kind_work *work, const struct json *source, const char *path);
void files_projected(const struct kind_work *work, const struct json *source, const char *path);

#endif
