/*
 * controller.h - what the controllers share: caches made once, a client, the row each of them
 * is.
 */
#ifndef SERVER_CONTROL_CONTROLLER_H
#define SERVER_CONTROL_CONTROLLER_H

#include "client/cache.h"
#include "client/queue.h"
#include "server/control/batch.h"
#include "server/control/control.h"
#include "server/control/event_sums.h"
#include "server/control/family.h"
#include "server/server.h"

enum control_kind {
	CONTROL_PODS,
	CONTROL_REPLICASETS,
	CONTROL_DEPLOYMENTS,
	CONTROL_SERVICES,
	CONTROL_SLICES,
	CONTROL_NODES,
	CONTROL_NAMESPACES,
	CONTROL_ACCOUNTS,
	CONTROL_CONFIGMAPS, /* only those named kube-root-ca.crt */
	CONTROL_REPLICATIONCONTROLLERS,
	CONTROL_STATEFULSETS,
	CONTROL_DAEMONSETS,
	CONTROL_REVISIONS,
	CONTROL_JOBS,
	CONTROL_CRONJOBS,
	CONTROL_AUTOSCALERS,
	CONTROL_BUDGETS,
	CONTROL_QUOTAS,
	CONTROL_ENDPOINTS,
	CONTROL_CLAIMS,
	CONTROL_VOLUMES,
	CONTROL_STORAGECLASSES,
	CONTROL_APISERVICES,
	CONTROL_KINDS
};

struct map;

struct control {
	struct server *server;
	struct loop *loop;
	struct client *client;
	struct cache *caches[CONTROL_KINDS];
	const struct kind *kinds[CONTROL_KINDS];
	struct family *families[CONTROL_KINDS]; /* NULL for kinds that nothing controls */
	struct event_sums *events;
	void **selves; /* one a row */
	bool started, stopping;
};

/* One controller: a file control_<name>.c with one constant row. */
struct control_row {
	const char *name;
	void *(*start)(struct control *control);
	void (*stop)(void *self);
	/* Any change of any shared cache; also every object once at the start. */
	void (*on_change)(void *self, enum control_kind kind, const struct object *before,
			  const struct object *after);
};

/*
 * A row's self that keeps nothing but one queue: its `start` is controller_start() with what looks
 * at a key, its `stop` is controller_stop(), and its batches (owner: the controller) end with
 * controller_on_end().
 */
struct controller {
	struct control *control;
	struct queue *queue;
};
void *controller_start(struct control *control, void (*on_pass)(void *own, struct str key));
void controller_stop(void *own);
void controller_on_end(struct batch *batch);

/* Shorthands. */
/* The object of that key ("namespace/name") as the cache has it, or NULL. */
const struct object *control_find(const struct control *control, enum control_kind kind,
				  struct str key);
void control_queue(struct queue *queue, const struct object *object); /* its key comes to a pass */
struct str control_owner_uid(const struct object *object); /* of the controlling owner, or "" */
bool control_pod_is_active(const struct object *pod);      /* not deleted, not finished */
bool control_pod_is_ready(const struct object *pod);
/* {"apiVersion","kind","name","uid","controller":true,"blockOwnerDeletion":true} */
struct json *control_owner_reference(struct json_doc *doc, const struct object *owner);
/* Record an event about an object: counted, combined or left out as event_sums.h says. */
void control_event(struct control *control, const struct object *about, const char *component,
		   const char *type, const char *reason, const char *message);
/* For events that are told once: false when the same was noted last under this key.  `told` is the
 * caller's, of texts. */
bool control_is_news(struct map *told, struct str key, const char *reason, const char *message);

#endif
