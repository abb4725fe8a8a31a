/*
 * container_plan.h - a container's plan as JSON text, on its way from the agent to the monitor.
 *
 * It travels in a memory file and is never written to a disk: environments hold secrets.
 */
#ifndef RUNTIME_CONTAINER_PLAN_H
#define RUNTIME_CONTAINER_PLAN_H

#include "base/json.h"
#include "runtime/container.h"

/* Texts of one plan; the kernel takes at most 2 MiB of arguments and environment anyway. */
#define CONTAINER_PLAN_BYTES_MAX (4u * 1024 * 1024)
#define CONTAINER_MOUNTS_MAX     512
#define CONTAINER_DEVICES_MAX    64

/* An identifier that is safe as a file name: letters, digits, "-_.", not starting with a dot. */
MUST_CHECK bool container_id_validate(const char *id, struct error *err);

/* ERROR_INVALID for what could never be run (no arguments, relative targets, too many mounts,
 * ...). */
MUST_CHECK bool container_plan_validate(const struct container_plan *plan, struct error *err);

void container_plan_print(const struct container_plan *plan, struct buf *out);
/* All of *out lives in the arena.  Mounts come sorted by the depth of their targets. */
MUST_CHECK bool container_plan_parse(struct str text, struct arena *arena,
				     struct container_plan *out, struct error *err);

/* Lists of texts, NULL-terminated; a NULL list is an empty one.  Also used for exec. */
struct json *container_plan_print_list(const char *const *list, struct json_doc *doc);
const char *const *container_plan_parse_list(const struct json *value, struct arena *arena);

#endif
