/*
 * storage_removal.h - folders of local storage are removed when the server asks for it, by the
 * servant thread.
 *
 * comes from: DELETE /storage?path=... of the node's service (agent/node_service.h).
 *
 * Owner: the node's service; loop thread only.
 */
#ifndef AGENT_STORAGE_REMOVAL_H
#define AGENT_STORAGE_REMOVAL_H

#include "base/work.h"
#include "net/http_server.h"

struct storage_removals;
/* The pool is borrowed. */
struct storage_removals *storage_removals_new(struct work_pool *pool);
void storage_removals_free(struct storage_removals *removals); /* those under way go on alone */
/* Answers 200, or a Status, when it is over. */
void storage_removal_start(struct storage_removals *removals, struct http_request *req,
			   struct str path);

#endif
