/*
 * agent.h - the node: makes this machine equal to the list of pods that the server gave it.
 *
 * Joins once (agent/join.h), keeps one tunnel open, and does everything through it: its own API
 * calls, the server's calls to it, the pods' way to the API.  What the node must run is kept on the
 * disk, so pods live and are restarted without the server.
 *
 * One loop thread owns everything; pulling and unpacking images is done by servant threads.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "base/loop.h"
#include "base/options.h"

struct agent;

/* All that the command line says; texts live as long as the agent. */
struct agent_plan {
	const char *data_dir;          /* /var/lib/mote; ours is agent/ in it            */
	const char *server;            /* "https://host:6443"                            */
	const char *token;             /* "M10<hash>::server:<secret>" or the secret     */
	const char *token_file;        /* or a file that holds it                        */
	const char *node_name;         /* NULL = the host's name                         */
	const char *node_ip;           /* NULL = the address of the way to the server    */
	const char *node_external_ip;  /* NULL = none; only told                         */
	struct option_list node_label; /* "key=value", at first registration             */
	struct option_list node_taint; /* "key=value:Effect", at first registration      */
	const char *registries;        /* /etc/mote/registries.yaml; may be missing      */
	const char *resolv_conf;       /* /etc/resolv.conf                               */
	const char *pod_logs_dir;      /* /var/log/pods                                  */
	const char *pod_manifest_path; /* NULL = agent/pod-manifests                     */
	int64_t max_pods;              /* 110                                            */
	struct option_list node_limits; /* "name=value" as node_limits.h reads them      */

	struct option_list device;         /* "name=/dev/pattern" (devices.h) */
	struct option_list unsafe_sysctls; /* patterns that pods may set */
};

/* Start everything.  Joining and connecting go on in the background; on_failed is called when the
 * agent cannot go on without a human (wrong token, wrong CA): stop it then. */
MUST_CHECK bool agent_start(struct loop *loop, const struct agent_plan *plan,
			    void (*on_failed)(void *of, const struct error *why), void *of,
			    struct agent **out, struct error *err);
/* Let go: pods live on, for the next agent to adopt.  False: a servant thread is still at work on
 * an image and has kept what it needs; the process is to end without another look at the loop.  The
 * store of images does not mind. */
bool agent_stop(struct agent *agent);

#endif
