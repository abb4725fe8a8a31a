/*
 * pod_inside.h - between the files of the pod: its state, its containers, its status.
 */
#ifndef AGENT_POD_INSIDE_H
#define AGENT_POD_INSIDE_H

#include "agent/pod.h"
#include "agent/pod_container.h"
#include "agent/recorder.h"
#include "agent/sources.h"
#include "agent/volume_mounts.h"
#include "agent/volumes.h"
#include "base/clock.h"

enum pod_sandbox_phase {
	SANDBOX_NONE,
	SANDBOX_STARTING, /* start or adopt under way                             */
	SANDBOX_READY,    /* containers may run                                   */
	SANDBOX_LOST,     /* its monitor is dead: to be taken away and made anew  */
	SANDBOX_ENDING,   /* sandbox_destroy under way                            */
};

struct pod {
	struct node *node;
	const struct pod_events *events;
	void *owner;
	char *folder, *uid, *namespace, *name;
	struct json_doc *now;    /* the newest object                                       */
	struct json_doc **specs; /* objects whose spec containers and probes point into     */
	size_t spec_count;
	struct sources *sources;
	struct volume_mounts *mounts;
	struct sandbox *sandbox;
	enum pod_sandbox_phase phase;
	bool attached, volumes_ready, told_gone, delete_sent, delete_done;
	bool asked;       /* for its sources, with whatever answer */
	bool initialised; /* its main containers have had their turn in this sandbox */
	bool adopted;     /* and the API's word about it has not been heard yet */
	bool own_times;   /* the status that was made last has our own times */
	int64_t sandbox_wait_ms, sandbox_due_ms, ready_since_ms;
	char address[POD_NETWORK_ADDRESS];
	struct pod_container *containers; /* init, main, ephemeral ones; they do not move */
	size_t container_count;
	char start_time[CLOCK_TEXT]; /* "" until it is ours */
	bool leaving;   /* deleted, evicted, over its deadline: containers are stopped */
	bool forgotten; /* gone from the API: nobody is told                            */
	bool admitted;  /* it was asked whether it may run here */
	bool finished;  /* phase Succeeded or Failed for good                           */
	/* Over for good whatever its containers say: "DeadlineExceeded", "Evicted"; NULL: not so */
	char *failed_reason, *failed_message;
	bool is_disrupted;     /* and it is told as a DisruptionTarget          */
	bool is_rejected;      /* it was never begun: the API keeps what it had */
	bool is_static;        /* of a file of this node, not of the API        */
	char *mirror;          /* uid of what shows it there; NULL              */
	const char *resize;    /* "Deferred", "Infeasible", "InProgress"; NULL  */
	const char *was_final; /* phase of an earlier life; NULL                */
	int64_t stop_due_ms;
	int64_t deadline_s, deadline_ms; /* activeDeadlineSeconds, and when that is; 0 = not yet */
	int64_t fetch_ms, fetch_due_ms;  /* of sources: wait after a failure, next time     */
	int64_t retry_ms, retry_due_ms;  /* of volumes and sandbox                          */
	uint64_t sent_revision;          /* of the object that our last status made */
	uint64_t kept_hash;              /* of what pod.json holds                          */
	struct loop_timer timer;
	struct loop_task pass;
	struct json_doc *status; /* last made */
	bool status_dirty, status_stored;
	struct client_call *status_call, *delete_call, *class_call;
	uint32_t user_base; /* where its own users begin, since its volumes are there; 0 = none */
	bool class_known;   /* its runtime class is one of ours */
	int64_t class_wait_ms, class_due_ms;
	struct pod_removal *removal; /* of its folder, under way */
	bool files_gone, volumes_gone;
	int64_t status_wait_ms, status_due_ms;
};

/* Ask for another pass, soon. */
void pod_again(struct pod *pod);
/* Ask for one at a time of the monotonic clock; the earliest wish wins. */
void pod_again_at(struct pod *pod, int64_t due_ms);
const struct json *pod_spec(const struct pod *pod);
struct volumes_work pod_volumes_work(const struct pod *pod, struct downward_facts *facts);
void pod_say(struct pod *pod, const struct pod_container *container, const char *type,
	     const char *reason, const char *format, ...) PRINTF_LIKE(5, 6);
bool pod_host_network(const struct pod *pod);
#define POD_HOSTNAME_MAX 65 /* the kernel's 64, terminated */
/* What its processes are told, with its domain where setHostnameAsFQDN; false: that is too long for
 * the kernel, *out is without it. */
bool pod_hostname(const struct pod *pod, char out[POD_HOSTNAME_MAX]);
/* Its domain, "" when it has none. */
void pod_domain(const struct pod *pod, struct buf *out);

/* May its sandbox be made, as far as its runtime class goes (pod_runtime_class.c)? */
bool pod_runtime_class_step(struct pod *pod);

/* --- resources (pod_resize.c) --- */

/* After containers were made: what they were granted. */
void pod_resize_load(struct pod *pod);
/* Grant what the spec wishes, if it fits, and bring the groups to it. */
void pod_resize_step(struct pod *pod);
/* Weights and limits of the pod's own group. */
void pod_resize_limits(const struct pod *pod, struct resources_plan *out);

/* --- what it is as a whole (pod_phase.c) --- */

bool pod_any_regular_started(const struct pod *pod);
const char *pod_phase(const struct pod *pod);
/* status.conditions; with what the API has of them. */
void pod_conditions(const struct pod *pod, struct json_doc *doc, struct json *status,
		    const char *phase);

/* --- status (pod_status.c) --- */

/* Make the status anew; store and send it when it changed. */
void pod_status_step(struct pod *pod);
/* Continue what status.json says of an earlier life. */
void pod_status_load(struct pod *pod);
/* {"terminated": {...}} of an exited state */
struct json_doc *pod_status_terminated(const struct pod_container *container,
				       const struct container_state *state);
/* As much of a termination message as a container of this pod may say. */
struct str pod_status_message(const struct pod_container *container, struct str text);
/* The object has changed: somebody else (the node controller) may have said otherwise of us. */
void pod_status_compare(struct pod *pod);
bool pod_status_is_sent(const struct pod *pod);

#endif
