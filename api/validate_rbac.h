/*
 * validate_rbac.h - what roles and bindings have in common, be they of a namespace or not.
 */
#ifndef API_VALIDATE_RBAC_H
#define API_VALIDATE_RBAC_H

#include "api/kind.h"

#define RBAC_GROUP "rbac.authorization.k8s.io"

/* Rules of a Role (namespaced) or ClusterRole. */
void rbac_validate_rules(const struct kind_work *work);
/* roleRef and subjects of a binding; a namespaced one may name a Role, too. */
void rbac_validate_binding(const struct kind_work *work);
/* The defaults of roleRef and subjects. */
void rbac_fill_binding(const struct kind_work *work);

/* Cells of bindings: "ClusterRole/view", users, groups, "namespace/name" of accounts. */
void rbac_print_role(const struct json *object, struct buf *out);
void rbac_print_users(const struct json *object, struct buf *out);
void rbac_print_groups(const struct json *object, struct buf *out);
void rbac_print_accounts(const struct json *object, struct buf *out);

#endif
