/*
 * daemon_plan.h - one look at a DaemonSet's pods node by node, and what is to be done: where pods
 * are to come, which are to go.
 *
 * Borrows from the caches: for one pass, on the loop thread.
 */
#ifndef SERVER_CONTROL_DAEMON_PLAN_H
#define SERVER_CONTROL_DAEMON_PLAN_H

#include "server/control/controller.h"
#include "server/control/daemon_nodes.h"

/* A node, or the name of none that is there, and its pods: those with a node first, older first. */
struct daemon_spot {
	struct str node;
	bool is_node, run, stay;
	const struct member **pods;
	size_t count;
};

struct daemon_plan {
	const struct object *set;
	const struct json *spec;
	int64_t min_ready, surge, missing;
	struct str hash;     /* of the newest revision */
	char generation[24]; /* of the template, or "" */
	struct daemon_spot *spots;
	size_t spot_count;
	/* What is to be done, borrowed: */
	struct str *nodes; /* that need a pod */
	size_t node_count;
	const struct member **doomed;
	size_t doomed_count;
};

void daemon_plan_look(struct daemon_plan *plan, const struct control *control,
		      const struct daemon_nodes *nodes, const struct object *set, struct str hash);
void daemon_plan_clear(struct daemon_plan *plan);

/*
 * One pod a node where it should be, none where it may not be, finished ones away.  A failed pod is
 * doomed when `may_retry` says so (back-off); those found are told through `on_finished` first.
 */
struct daemon_manners {
	bool (*may_retry)(void *of, struct str node);
	void (*on_finished)(void *of, const struct member *pod, struct str node);
	void *of;
};
void daemon_plan_manage(struct daemon_plan *plan, const struct daemon_manners *manners);
/* The step of a rolling update: old pods within maxUnavailable, or new ones within maxSurge. */
void daemon_plan_roll(struct daemon_plan *plan);

/* The status as a merge patch into `status`; true when it says what the old one says. */
bool daemon_plan_put_status(struct json_doc *doc, struct json *status,
			    const struct daemon_plan *plan, bool observed);
/* Milliseconds until the next pod is available by the clock; 0 = none will. */
int64_t daemon_plan_due_ms(const struct daemon_plan *plan);

#endif
