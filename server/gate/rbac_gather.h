/*
 * rbac_gather.h - fills ClusterRoles that gather the rules of others by their labels
 * (aggregationRule), such as admin, edit and view.
 *
 * Looks after each change of a ClusterRole, and writes what is new through the change loop.  It is
 * inside, not a client, so that no second copy of all roles is kept.
 *
 * Owner: the server.  Loop thread only.
 */
#ifndef SERVER_GATE_RBAC_GATHER_H
#define SERVER_GATE_RBAC_GATHER_H

#include "server/registry/registry.h"

struct rbac_gather;

struct rbac_gather *rbac_gather_start(struct loop *loop, struct registry *registry);
/* Before the store is closed; changes under way still end. */
void rbac_gather_stop(struct rbac_gather *gather);
void rbac_gather_free(struct rbac_gather *gather); /* NULL is fine; after the store */

#endif
