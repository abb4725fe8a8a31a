/*
 * oci_config.h - config.json of the OCI runtime specification (1.2): read, judged, and what is
 * asked of it often answered.
 *
 * Types of all fields that the specification knows are checked, unknown fields are left alone. What
 * this runtime cannot do (intelRdt, VMs, other systems than Linux) is refused, never passed over.
 */
#ifndef RUNTIME_OCI_CONFIG_H
#define RUNTIME_OCI_CONFIG_H

#include <stdint.h>

#include "base/json.h"

#define OCI_CONFIG_BYTES_MAX (8u * 1024 * 1024)
#define OCI_VERSION          "1.2.0"

/* In the order in which they are joined. */
enum oci_namespace {
	OCI_USER,
	OCI_CGROUP,
	OCI_IPC,
	OCI_UTS,
	OCI_NETWORK,
	OCI_PID,
	OCI_TIME,
	OCI_MOUNT,
	OCI_NAMESPACES
};

struct oci_namespace_row {
	const char *name; /* "mount", in config.json */
	const char *file; /* "mnt", in /proc/PID/ns  */
	unsigned flag;    /* CLONE_NEW...            */
};
extern const struct oci_namespace_row oci_namespace_rows[OCI_NAMESPACES];

struct oci_config {
	struct json_doc *doc;
	const struct json *root, *process, *system; /* system: "linux" */
	unsigned made;                      /* CLONE_NEW... of namespaces that are new     */
	const char *joined[OCI_NAMESPACES]; /* paths of those that are there; NULL = none  */
	char *bundle;                       /* absolute, without links                     */
	char *rootfs;                       /* the same; NULL until oci_config_find_rootfs */
	bool terminal;
	struct arena *arena;
};

/* Read FOLDER/config.json.  ERROR_INVALID names the field that is wrong. */
MUST_CHECK bool oci_config_load(const char *folder, struct oci_config **out, struct error *err);
/* The same from a text that was one already. */
MUST_CHECK bool oci_config_parse(struct str text, const char *folder, struct oci_config **out,
				 struct error *err);
void oci_config_free(struct oci_config *config); /* NULL is fine */
DEFINE_AUTO(struct oci_config *, oci_config_free)
#define auto_oci_config AUTO(oci_config_free) struct oci_config *

/* Where the root is: it must exist. */
MUST_CHECK bool oci_config_find_rootfs(struct oci_config *config, struct error *err);
/* Judge a process alone, as `exec --process` has it. */
MUST_CHECK bool oci_config_validate_process(const struct json *process, struct error *err);

/* Texts of an array, NULL-terminated, in the config's memory. */
const char **oci_config_list(const struct oci_config *config, const struct json *array);
/* Lives as long as the config; NULL for what is no text. */
const char *oci_config_text(const struct oci_config *config, const struct json *value);

/* Has it namespaces of this kind that are not the host's, new or joined? */
bool oci_config_has(const struct oci_config *config, enum oci_namespace which);

/* A config as `spec` makes one: a shell in a folder "rootfs". */
struct json *oci_config_example(struct json_doc *doc, bool rootless);

#endif
