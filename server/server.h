/*
 * server.h - the control plane of one process: owns the loop's listeners, the registry, the
 * sessions of the nodes, controllers and scheduler.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "base/loop.h"
#include "base/options.h"

struct server;
struct registry;
struct http_client;
struct profiles;

/* All that the command line says; texts live as long as the server. */
struct server_plan {
	const char *data_dir;      /* /var/lib/mote */
	const char *bind_address;  /* 0.0.0.0 */
	int64_t https_listen_port; /* 6443 */
	int64_t advertise_port;    /* that pods are told; 0 = the port above */
	const char *
		advertise_address; /* NULL = the address of the default route, else the first one */
	const char *cluster_cidr, *service_cidr, *cluster_dns, *cluster_domain;
	const char *node_port_range;  /* "30000-32767" */
	const char *write_kubeconfig; /* /etc/mote/mote.yaml */
	const char *write_kubeconfig_mode;
	const char *write_kubeconfig_group; /* NULL = that of the process */
	const char *token, *token_file;
	const char *agent_token, *agent_token_file; /* neither = the token */
	struct option_list tls_san;
	struct option_list disable; /* names of server/manifests that are not deployed */
	int64_t watchers_max;
	const struct profiles *scheduler; /* NULL = as Kubernetes has it */
	const char *default_local_storage_path; /* NULL = <data_dir>/storage */
};

/* Start everything; on return the API answers.  on_stop is heard through loop_stop by signals of
 * the caller. */
MUST_CHECK bool server_start(struct loop *loop, const struct server_plan *plan, struct server **out,
			     struct error *err);
/* Ends watches and sessions, commits, closes. */
void server_stop(struct server *server);

struct loop *server_loop(struct server *server);
struct registry *server_registry(struct server *server);
const struct server_plan *server_plan_of(struct server *server);
/* An in-process client of this server: enters the road after TLS as `user` in group system:masters
 * (controllers and the scheduler).  The caller frees it with http_client_free. */
struct http_client *server_local_client(struct server *server, const char *user);
/* The session of a node, NULL when it is not connected. */
struct tunnel;
struct nodes;
struct secrets;
struct nodes *server_nodes(struct server *server);
const struct secrets *server_secrets(const struct server *server);
struct tunnel *server_node_tunnel(struct server *server, struct str node);

#endif
