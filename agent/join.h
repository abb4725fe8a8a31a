/*
 * join.h - how this machine becomes a node: token in, certificate and facts of the cluster out.
 *
 * The long token carries the hash of the server's CA: a server that shows another one is refused.
 * The short token trusts the first answer, with a warning.  What came back is kept below
 * `folder` (tls/ca.crt, tls/client.crt, tls/client.key, cluster.json, node-password, 0600), so that
 * later starts need no server; it is asked for again when the certificate has less than a third of
 * its time left or the token pins another CA.
 */
#ifndef AGENT_JOIN_H
#define AGENT_JOIN_H

#include "base/json.h"
#include "base/loop.h"

struct join_plan {
	const char *folder; /* .../agent */
	const char *server; /* "https://host:port" */
	struct str token;
	const char *node_name;
};

struct cluster_facts {
	char *ca, *cert, *key; /* PEM */
	char *cluster_cidr, *service_cidr, *cluster_dns, *cluster_domain, *service_address;
};
void cluster_facts_clear(struct cluster_facts *facts);

/* From the disk; false when a new join is due.  *out_usable: the old facts serve meanwhile, also
 * when the certificate is over: pods run by them, though the server will not hear us. */
bool join_load(const struct join_plan *plan, struct cluster_facts *out, bool *out_usable);

struct join;
/* on_done once: NULL = joined, join_load has the facts.  ERROR_UNAUTHORIZED, ERROR_FORBIDDEN and
 * ERROR_INVALID will not get better by trying again. */
MUST_CHECK bool join_start(struct loop *loop, const struct join_plan *plan,
			   void (*on_done)(void *of, const struct error *err), void *of,
			   struct join **out, struct error *err);
void join_free(struct join *join); /* any time outside of on_done; NULL is fine */

#endif
