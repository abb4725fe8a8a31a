/*
 * storage_folder.h - folders of local storage: where they are, and how a node is asked to remove
 * one.
 *
 * Loop thread only.
 */
#ifndef SERVER_CONTROL_STORAGE_FOLDER_H
#define SERVER_CONTROL_STORAGE_FOLDER_H

#include "server/control/node_ask.h"

/* "<root>/pvc-<uid>_<namespace>_<name>" for a claim, or for what a claimRef says; a name that is
 * too long for a folder is cut at its end. */
void storage_folder_path(const char *root, const struct json *claim_reference, struct buf *out);
/* Is `path` such a folder of that claim, wherever it is? */
bool storage_folder_is_of(struct str path, const struct json *claim_reference);

/* Ask the agent of `node` to remove it (agent/storage_removal.h); the rest is as node_ask.h says.
 */
struct node_ask *storage_folder_remove(struct control *control, struct str node, struct str path,
				       void (*on_done)(void *of, struct str body,
						       const struct error *err),
				       void *of);

#endif
