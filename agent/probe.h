/*
 * probe.h - startup, readiness and liveness of one container, asked again and again.
 *
 * Rules of https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/:
 * readiness and liveness wait for the startup probe; a probe changes its mind after
 * failureThreshold or successThreshold answers of one kind.  Loop thread only.
 */
#ifndef AGENT_PROBE_H
#define AGENT_PROBE_H

#include "agent/action.h"

enum probe_type { PROBE_STARTUP, PROBE_READINESS, PROBE_LIVENESS, PROBE_TYPES };

struct probe_events {
	/* Started or ready has changed: look again. */
	void (*on_change)(void *owner);
	/* The container is to be restarted. */
	void (*on_dead)(void *owner, enum probe_type type, struct str said);
	/* A single answer that was no success, for the pod's events: ACTION_FAILED, _WARNED (it
	 * counts as a success) or _ERRORED (it does not count). */
	void (*on_trouble)(void *owner, enum probe_type type, enum action_result result,
			   struct str said);
};

struct probes;
/* For a container that has just been seen running; `work` as for actions, its texts and values
 * must outlive the probes. `age_ms`: how long it runs already (after an adoption). */
struct probes *probes_start(const struct action_work *work, int64_t age_ms,
			    const struct probe_events *events, void *owner);
/* What was known of a container before it was adopted counts until its probes have answered
 * themselves. */
void probes_recall(struct probes *probes, bool started, bool ready);
/* The container is being stopped: only its readiness is asked for any more. */
void probes_leave(struct probes *probes);
void probes_stop(struct probes *probes);          /* NULL is fine; inside its callbacks too */
bool probes_started(const struct probes *probes); /* no startup probe, or it succeeded */
bool probes_ready(const struct probes *probes);
/* How many answers of this kind there were since probes_start. */
enum probe_result { PROBE_SUCCESSFUL, PROBE_FAILED, PROBE_UNKNOWN, PROBE_RESULTS };
uint64_t probes_count(const struct probes *probes, enum probe_type type, enum probe_result result);

#endif
