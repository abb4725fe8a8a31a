/*
 * rbac_rules.h - the rules of a Role or ClusterRole, made ready for being asked often; and whether
 * some rules hold all that others give.
 *
 * A list of rules owns its texts and is immutable.  Loop thread only.
 */
#ifndef SERVER_GATE_RBAC_RULES_H
#define SERVER_GATE_RBAC_RULES_H

#include "base/json.h"
#include "server/gate/authorize.h"

struct rbac_texts {
	const struct str *items;
	size_t count;
};
struct rbac_rule {
	struct rbac_texts verbs, groups, resources, names, urls;
};
struct rbac_rules {
	struct arena *arena;
	const struct rbac_rule *items;
	size_t count;
};

/* From the list `rules` of a role (NULL: none); values that are no texts are left out. */
struct rbac_rules *rbac_rules_new(const struct json *rules);
void rbac_rules_free(struct rbac_rules *rules); /* NULL is fine */

/* Does the rule allow what is asked, a resource or a path? */
bool rbac_rule_allows(const struct rbac_rule *rule, const struct attributes *asked);
/* Does `owner` hold everything that `wanted` gives?  (Both as they stand in roles.) */
bool rbac_rule_covers(const struct rbac_rule *owner, const struct rbac_rule *wanted);
/* Give each right of `rules` by itself: one verb of one resource (and one name), or of one path.
 * Ends when visit gives false. */
void rbac_rules_each(const struct rbac_rules *rules,
		     bool (*visit)(void *of, const struct rbac_rule *single), void *of);
/* {APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]} */
void rbac_rule_print(const struct rbac_rule *rule, struct buf *out);

#endif
