/*
 * oci_mount_words.h - the options of a mount in config.json ("ro", "rnosuid", "rslave",
 * "size=64m"): what they do to the mount, and what is left for the file system itself.
 */
#ifndef RUNTIME_OCI_MOUNT_WORDS_H
#define RUNTIME_OCI_MOUNT_WORDS_H

#include "base/json.h"
#include "runtime/mountfd.h"

struct oci_mount_words {
	bool bind;          /* a copy of a mount or folder that is there */
	bool tree;          /* with all that is mounted below            */
	bool copy_up;       /* tmpfs: begins with what the image has there */
	bool map, map_tree; /* ids are mapped; of all below, too       */
	bool remount;
	uint64_t set, clear;           /* MOUNT_ATTR_... of the mount itself     */
	uint64_t tree_set, tree_clear; /* of it and all below                    */
	uint64_t propagation;          /* MS_...; 0 = not said                   */
	bool propagation_tree;
	struct mountfd_option *rest; /* for the file system; ends with key NULL  */
	size_t rest_count;
	unsigned long classic; /* MS_... words that only mount(2) knows    */
};

/* `options` may be NULL.  All of *out is in the arena. */
void oci_mount_words_read(const struct json *options, struct arena *arena,
			  struct oci_mount_words *out);
/* Every word that is understood, NULL-terminated: for who asks what this runtime can do. */
const char *const *oci_mount_words_list(void);

#endif
