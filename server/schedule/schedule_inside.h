/*
 * schedule_inside.h - what the files of the scheduler share: itself, and pods on their way.
 */
#ifndef SERVER_SCHEDULE_SCHEDULE_INSIDE_H
#define SERVER_SCHEDULE_SCHEDULE_INSIDE_H

#include "base/map.h"
#include "server/control/controller.h"
#include "server/metrics/schedule_counts.h"
#include "server/schedule/preempt.h"
#include "server/schedule/volume_choice.h"
#include "server/schedule/waiting.h"

struct schedule {
	struct control *control;
	struct client *client; /* as system:kube-scheduler */
	const struct profiles *profiles;
	struct profiles *own_profiles; /* when nobody gave any */
	struct scene *scene;
	struct waiting *waiting;
	struct map *gated; /* pods that only their gates keep from it: key -> itself */
	struct schedule_counts *counts;
	struct list placements;
	size_t binding_count; /* of them: those that wait for volumes hold nobody up */
	size_t start;         /* where the walk over nodes goes on */
	struct loop_task work;
	struct list said; /* events "Scheduled" that are still to be sent */
	size_t said_running;
};

/* --- schedule_tell.c: what people and the API are told --- */

struct happening {
	const char *type, *reason, *action, *component;
	const struct object *related; /* NULL: none */
};
void schedule_event(struct schedule *schedule, const struct object *pod,
		    const struct happening *what, const char *message);
/*
 * "Successfully assigned": sent when no pod waits for its place, so that a flood of pods is placed
 * first.  _go_on: is it time?
 */
void schedule_tell_placed(struct schedule *schedule, const struct object *pod, const char *node,
			  const char *component);
void schedule_tell_go_on(struct schedule *schedule);
void schedule_tell_stop(struct schedule *schedule);
/* No place was found: the condition, nominatedNodeName, an event.  nominated: NULL leaves it. */
void schedule_tell_unschedulable(struct schedule *schedule, const struct cycle *cycle,
				 const char *message, const char *nominated);
/* The node's room is no longer kept for the pod. */
void schedule_tell_not_nominated(struct schedule *schedule, const struct object *pod);

/* --- schedule_place.c: volumes, then the binding --- */

struct placement;
/* Takes the resident to its place; the API is told, a failure puts the pod back.  began_us: the
 * attempt, as clock_now_us. */
void schedule_place(struct schedule *schedule, struct cycle *cycle, int64_t began_us);
/* Claims or volumes have changed: is one of those on their way further? */
void schedule_place_look(struct schedule *schedule);
void schedule_place_forget(struct schedule *schedule, struct str key); /* the pod is gone */
void schedule_place_stop(struct schedule *schedule);

/* --- schedule_victims.c: pods that have to leave for another --- */

void schedule_victims_leave(struct schedule *schedule, const struct cycle *cycle,
			    const struct preemption *preemption);

#endif
