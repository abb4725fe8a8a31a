/*
 * bootstrap_roles.h - makes the roles, bindings and fixed objects of bootstrap_policy.h and a local
 * APIService for each group and version, and keeps them complete.
 *
 * At every start: what is missing is made; a role or binding that is there gets the rules, labels
 * and subjects that it lacks (more of them are left alone), unless its annotation
 * rbac.authorization.kubernetes.io/autoupdate is "false".  All in one round, so that the disk is
 * waited for once.
 */
#ifndef SERVER_BOOTSTRAP_ROLES_H
#define SERVER_BOOTSTRAP_ROLES_H

#include "server/server.h"

struct bootstrap_roles;

/* The namespaces kube-system and kube-public must be there.  on_done: all are, or the first error;
 * it may be called before this returns. */
struct bootstrap_roles *bootstrap_roles_start(struct server *server,
					      void (*on_done)(struct server *server,
							      const struct error *err));
void bootstrap_roles_stop(struct bootstrap_roles *roles); /* NULL is fine; after the store */

#endif
