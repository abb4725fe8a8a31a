/*
 * action.h - one thing done to a container from outside: a command in it, an HTTP request, a TCP
 * connection, a pause.  Probes and lifecycle hooks are made of these.
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
	const char *container_id; /* in the sandbox */
	const struct json
		*handler; /* {"exec": ...}, {"httpGet": ...}, {"tcpSocket": ...}, {"sleep": ...} */
	const struct json *container; /* its spec: named ports */
	const char *pod_ip;           /* where there is no host in the handler */
	int64_t timeout_ms;           /* 0: as long as it takes (a connection: 30 s) */
};

struct action;
/* on_done later, once: did it work, and what it said (at most 1 KiB, "" on success). */
struct action *action_start(const struct action_work *work,
			    void (*on_done)(void *of, bool worked, struct str said), void *of);
void action_cancel(struct action *action); /* no on_done after it; NULL is fine */

#endif
