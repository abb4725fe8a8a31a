/*
 * container_state.h - what became of a container, as JSON: in messages and in the pod folder's
 * state file.
 */
#ifndef RUNTIME_CONTAINER_STATE_H
#define RUNTIME_CONTAINER_STATE_H

#include "base/json.h"
#include "runtime/container.h"

/* More containers than a pod ever has, ended attempts included. */
#define CONTAINERS_MAX 1024

struct json *container_state_print(const struct container_state *state, struct json_doc *doc);
MUST_CHECK bool container_state_parse(const struct json *value, struct container_state *out,
				      struct error *err);

/* Set message: cut to its room, bytes that are not UTF-8 become '?'. */
void container_state_set_message(struct container_state *state, struct str message);
/* It never ran. */
void container_state_fail(struct container_state *state, const struct error *why);
/* Its monitor was killed while it ran, and it with it. */
void container_state_lose(struct container_state *state);

/*
 * The file FOLDER/state.json; read gives an array of states, none when there is no file.  `sync`:
 * it must survive a power cut.
 */
MUST_CHECK bool container_state_save(const char *folder,
				     const struct container_state *const *states, size_t count,
				     bool sync, struct error *err);
MUST_CHECK bool container_state_load(const char *folder, struct container_state **out,
				     size_t *out_count, struct error *err);

/* Replace a file by rename, without waiting for the disk; mode 0600. */
MUST_CHECK bool container_state_replace(const char *path, struct str bytes, struct error *err);
/* In two steps: beside it, then in its place. */
MUST_CHECK bool container_state_lay_aside(const char *path, struct str bytes, struct error *err);
MUST_CHECK bool container_state_take(const char *path, struct error *err);

#endif
