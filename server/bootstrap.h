/*
 * bootstrap.h - what a server needs before it can serve: authorities, certificates, keys, tokens,
 * the kubeconfig.
 *
 * Made at the first start under <data>/server/tls, each file whole or not at all (0600); read at
 * every later start. The serving, admin and proxy certificates are made again when they have less
 * than a third of their time left or a name is missing.
 */
#ifndef SERVER_BOOTSTRAP_H
#define SERVER_BOOTSTRAP_H

#include "server/server.h"

struct secrets {
	struct buf server_ca, server_ca_key; /* signs the serving certificate  */
	struct buf client_ca, client_ca_key; /* signs admins, nodes            */
	struct buf proxy_ca, proxy_ca_key;   /* signs `proxy`, and nothing else */
	struct buf serving, serving_key;
	struct buf admin, admin_key;
	struct buf proxy, proxy_key;      /* tells other API servers that we ask */
	struct buf account_key;           /* signs service account tokens   */
	char *server_token, *agent_token; /* the secret parts               */
	char *address;                    /* that nodes and kubeconfig use  */
};

/* The name in the certificate `proxy`. */
#define BOOTSTRAP_PROXY_NAME "system:auth-proxy"

MUST_CHECK bool bootstrap_secrets(const struct server_plan *plan, struct secrets *out,
				  struct error *err);
/* No renewal of the serving, the admin and the proxy certificate is due. */
bool bootstrap_is_fresh(const struct secrets *secrets);
/* All three from the disk, made anew where that is due.  After a failure they may be empty: call
 * again. */
MUST_CHECK bool bootstrap_renew(const struct server_plan *plan, struct secrets *secrets,
				struct error *err);
void bootstrap_clear(struct secrets *secrets);
/* The first address of the service range, as text. */
MUST_CHECK bool bootstrap_service_address(const char *service_cidr, char out[64],
					  struct error *err);
MUST_CHECK bool bootstrap_kubeconfig(const struct server_plan *plan, const struct secrets *secrets,
				     struct error *err);

/* Namespaces, the service `kubernetes` and its endpoints, what other API servers need to know of
 * this one: made if they are missing, through the API itself. */
/* Has the server an IPv4 address that others can reach, so that the service has an endpoint? */
bool bootstrap_has_endpoint(const struct secrets *secrets);
#define BOOTSTRAP_TRUST "extension-apiserver-authentication" /* a config map in kube-system */
struct bootstrap_objects;
struct bootstrap_objects *
bootstrap_objects_start(struct server *server, const struct secrets *secrets,
			void (*on_done)(struct server *server, const struct error *err));
void bootstrap_objects_stop(struct bootstrap_objects *objects); /* NULL is fine */

#endif
