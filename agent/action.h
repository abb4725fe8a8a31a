/*
 * action.h - one thing done to a container from outside: a command in it, an HTTP request, a TCP
 * connection, a gRPC health check, a pause.  Probes and lifecycle hooks are made of these.
 *
 * Loop thread only.
 */
#ifndef AGENT_ACTION_H
#define AGENT_ACTION_H

#include "base/json.h"
#include "base/loop.h"
#include "runtime/sandbox.h"

struct action_work {
	struct loop *loop;
	struct sandbox *sandbox;
	const char *container_id;     /* in the sandbox */
	const struct json *handler;   /* {"exec": ...}, {"httpGet": ...}, {"tcpSocket": ...},
				       * {"grpc": ...}, {"sleep": ...}; outlives the action */
	const struct json *container; /* its spec: named ports */
	const char *pod_ip;           /* where there is no host in the handler */
	int64_t timeout_ms;           /* 0: as long as it takes (a connection: 30 s) */
	bool is_hook;                 /* of the life cycle: every HTTP answer is fine */
};

enum action_result {
	ACTION_WORKED,
	ACTION_WARNED,  /* worked, and there is something to be said: a redirect to elsewhere */
	ACTION_FAILED,  /* the container gave the wrong answer, or none in time */
	ACTION_ERRORED, /* it could not be asked: that says nothing about it */
};

struct action;
/* on_done later, once: how it went and what was said, in the words of kubelets (at most 1 KiB; ""
 * when it worked). */
struct action *action_start(const struct action_work *work,
			    void (*on_done)(void *of, enum action_result result, struct str said),
			    void *of);
void action_cancel(struct action *action); /* no on_done after it; NULL is fine */

#endif
