/*
 * rbac.h - who holds which roles: an index of all roles and bindings, kept by the datastore's feed.
 *
 * A decision looks up the user and its groups, once for the cluster and once for the namespace, and
 * walks the rules of the roles found: no object is parsed.  What is committed counts from then on.
 *
 * Owner: the server.  Loop thread only.
 */
#ifndef SERVER_GATE_RBAC_H
#define SERVER_GATE_RBAC_H

#include "datastore/datastore.h"
#include "server/gate/rbac_rules.h"

struct rbac;
struct object;

/* Reads what the store holds and listens to it. */
struct rbac *rbac_open(struct datastore *store);
/* Listens no more: before the store is closed.  What is still being answered may ask on, until
 * rbac_close. */
void rbac_stop(struct rbac *rbac);
void rbac_close(struct rbac *rbac); /* NULL is fine */
struct rbac *server_rbac(struct server *server);

/* One change of an object of the group, as the feed has it; others are passed over. */
void rbac_change(struct rbac *rbac, struct str key, const struct object *before,
		 const struct object *after);

/* May the user do that?  `why` (or NULL) is told which binding allows it, or which roles that the
 * user's bindings name are missing. */
bool rbac_allows(const struct rbac *rbac, const struct attributes *asked, struct buf *why);
/* Every rule that the user holds in that namespace (STR_NONE: in the whole cluster only), until
 * visit gives false. */
void rbac_each_rule(const struct rbac *rbac, const struct user *user, struct str namespace,
		    bool (*visit)(void *of, const struct rbac_rule *rule), void *of);
/* The rules of a role; namespace STR_NONE: a ClusterRole.  NULL when there is none. */
const struct rbac_rules *rbac_find_role(const struct rbac *rbac, struct str namespace,
					struct str name);

#endif
