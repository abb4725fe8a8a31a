/*
 * cleanup.h - takes away what an agent left on this machine: pods, their cgroups and mounts, the
 * pod network, the rules of services, logs.
 *
 * An agent that ends leaves all of that on purpose, for the next one to take over.  This is for the
 * machine that shall be no node any more.  Images and the node's papers stay in the data folder,
 * which is the caller's to remove.
 *
 * Only what the data folder names is touched: each pod has a folder there, and interfaces and rules
 * are ours only if the folder of the pod network is there.  Doing it again finishes a half-done
 * one.
 */
#ifndef AGENT_CLEANUP_H
#define AGENT_CLEANUP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct cleanup_plan {
	const char *data_dir;     /* the agent's; the same text as the agent had */
	const char *pod_logs_dir; /* where the agent had the containers' logs    */
	int64_t patience_ms;      /* for a pod's monitor; then it is killed      */
};

/*
 * Blocks until all is gone, at most two times the patience.  No agent was ever there: fine, with
 * *out_pods 0.  ERROR_EXISTS: an agent runs on that folder.  After another error the rest has been
 * tried all the same, and the error tells the first thing that stayed.
 */
MUST_CHECK bool cleanup_run(const struct cleanup_plan *plan, size_t *out_pods, struct error *err);

#endif
