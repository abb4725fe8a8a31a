/*
 * bootstrap_policy.h - the roles, bindings and other fixed objects that every cluster has, as the
 * real server has them.
 *
 * Constant data.  Rules are words, a line each, lists joined by commas:
 *   VERBS GROUPS RESOURCES [NAMES]      "-" stands for the core group, "-,apps" for both
 *   VERBS /PATH,/PATH
 * In VERBS, READ is get,list,watch and WRITE is create,delete,deletecollection,patch,update.
 */
#ifndef SERVER_BOOTSTRAP_POLICY_H
#define SERVER_BOOTSTRAP_POLICY_H

#include <stdbool.h>
#include <stddef.h>

struct policy_role {
	const char *namespace; /* NULL: a ClusterRole */
	const char *name;
	const char *rules;   /* "" for one that gathers */
	const char *label;   /* "edit": its rules are gathered by aggregate-to-edit; or NULL */
	const char *gathers; /* "admin": gathers by aggregate-to-admin; or NULL */
};
/* Who: "user:NAME", "group:NAME", "account:NAMESPACE/NAME", joined by commas; "" = nobody yet. */
struct policy_binding {
	const char *namespace; /* NULL: a ClusterRoleBinding */
	const char *name;
	const char *role; /* in the same namespace; NULL = the same name */
	const char *who;
};

/* Rows until false. */
bool policy_role(size_t i, struct policy_role *out);
bool policy_binding(size_t i, struct policy_binding *out);
/* Each of these is the ClusterRole system:controller:NAME, bound to the account kube-system/NAME.
 */
bool policy_controller(size_t i, struct policy_role *out);
/* Further objects as JSON: those of flow control that are always there. */
bool policy_object(size_t i, const char **out_json);

#endif
