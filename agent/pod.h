/*
 * pod.h - one pod of this node: brings the machine to what the pod's object says, and the object's
 * status to what the machine is.
 *
 *   sources -> volumes -> sandbox -> network -> init containers, one after the other -> containers
 *   deleted: preStop, SIGTERM, grace period, SIGKILL -> sandbox away -> network, volumes, folder
 * away
 *
 * One pass looks at everything and does the next step; whatever happens (an image came, a container
 * ended, a timer) only asks for another pass.  All that a new agent needs is in the pod's folder:
 * pod.json, status.json, sandbox/, sources/, volumes/, etc/.  Loop thread only.
 */
#ifndef AGENT_POD_H
#define AGENT_POD_H

#include "agent/node.h"
#include "runtime/sandbox.h"

struct pod;

enum pod_room { POD_ROOM_NEVER, POD_ROOM_LATER, POD_ROOM_NOW };

struct pod_events {
	/* Would the pod's spec, as it is now, fit beside the others? */
	enum pod_room (*room)(void *owner, const struct pod *pod);
	/* The pod has left the machine; free it with pod_free. */
	void (*on_gone)(void *owner, struct pod *pod);
	/* It got or lost its address on this machine. */
	void (*on_network)(void *owner);
};

/* A pod from the API; its folder is made.  ERROR_FULL and others of the disk. */
MUST_CHECK bool pod_new(struct node *node, const struct json *object,
			const struct pod_events *events, void *owner, struct pod **out,
			struct error *err);
/* A pod that an earlier agent left in `folder`: its monitor is adopted if it lives. */
MUST_CHECK bool pod_adopt(struct node *node, const char *folder, const struct pod_events *events,
			  void *owner, struct pod **out, struct error *err);
/* Let go: containers run on. */
void pod_free(struct pod *pod);

/* The object changed. */
void pod_update(struct pod *pod, const struct json *object);
/* It is over for good, whatever its containers say: they are stopped within `grace_s`, its phase
 * becomes Failed with this reason and message, and an event tells of it.  disrupted: it is not its
 * own fault (condition DisruptionTarget).  Nothing when it is over or leaving already. */
void pod_fail(struct pod *pod, const char *reason, const char *message, int64_t grace_s,
	      bool disrupted);
/* It may not run here; nothing of it was made yet. */
void pod_reject(struct pod *pod, const char *reason, const char *message);
/* The object is gone from the API: stop and leave, without asking anybody. */
void pod_remove(struct pod *pod);
/* Of a static pod: what shows it in the API, where its status goes; NULL: nothing does. */
void pod_mirror(struct pod *pod, const struct json *mirror);
/* Something that pods wait for may have come (network, server). */
void pod_poke(struct pod *pod);

/* Another has left: a change of resources that had to wait may fit. */
void pod_room_came(struct pod *pod);

struct str pod_uid(const struct pod *pod);
struct str pod_namespace(const struct pod *pod);
struct str pod_name(const struct pod *pod);
const struct json *pod_object(const struct pod *pod); /* the newest */
const char *pod_address(const struct pod *pod);       /* "" while it has none */
bool pod_is_attached(const struct pod *pod);          /* its address leads to it */
bool pod_is_leaving(const struct pod *pod);
bool pod_is_over(const struct pod *pod);      /* nothing of it runs, nor will */
bool pod_is_forgotten(const struct pod *pod); /* gone from the API, though it may still run */
/* What hosts, resolv.conf and hostname take: its containers may write them. */
int64_t pod_etc_bytes(const struct pod *pod);
struct sandbox *pod_sandbox(const struct pod *pod); /* NULL while it has none */
/* The container's present id in the sandbox and its log: previous = of the run before. False: there
 * is no such container, or no such run. */
bool pod_container_id(const struct pod *pod, struct str container, char out[CONTAINER_ID_MAX]);
bool pod_log_path(const struct pod *pod, struct str container, bool previous, struct buf *out);
/* Is the container running, waiting, or over for good?  For who follows its log. */
bool pod_container_runs(const struct pod *pod, struct str container);

#endif
