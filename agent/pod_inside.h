/*
 * pod_inside.h - between the files of the pod: its state, its containers, its status.
 */
#ifndef AGENT_POD_INSIDE_H
#define AGENT_POD_INSIDE_H

#include "agent/image_getter.h"
#include "agent/pod.h"
#include "agent/probe.h"
#include "agent/recorder.h"
#include "agent/sources.h"
#include "agent/volume_mounts.h"
#include "agent/volumes.h"
#include "base/clock.h"

#define BACK_OFF_FIRST_MS 10000
#define BACK_OFF_MAX_MS   300000
#define BACK_OFF_RESET_US 600000000ll /* a run of ten minutes is a fresh start */

enum pod_sandbox_phase {
	SANDBOX_NONE,
	SANDBOX_STARTING, /* start or adopt under way                             */
	SANDBOX_READY,    /* containers may run                                   */
	SANDBOX_LOST,     /* its monitor is dead: to be taken away and made anew  */
	SANDBOX_ENDING,   /* sandbox_destroy under way                            */
};

struct pod_container {
	struct pod *pod;
	const char *name;
	bool is_init, is_sidecar; /* sidecar: an init container that is always restarted */
	bool is_ephemeral;        /* came later, runs once, decides nothing about the pod */
	const struct json *spec;  /* in the pod's newest kept spec                        */
	unsigned attempt;         /* of the present run, = restarts so far                */
	char id[CONTAINER_ID_MAX];
	bool created;         /* the present run is known to the sandbox              */
	bool adopted;         /* it ran before this agent came */
	bool restart_wanted;  /* it was stopped to be made anew */
	int64_t kill_due_ms;  /* 0, or when it is killed at the latest */
	int64_t stop_sent_ms; /* the due time that its monitor knows; 0 = none */
	struct image *image;  /* held while the container exists                      */
	char *run_image;      /* the name that the present run's spec said; or NULL */
	struct image_want *want;
	bool pulling;          /* the last want had to fetch it */
	int64_t pull_begun_ms; /* and since when */
	int64_t image_back_off_ms, image_due_ms;
	int64_t back_off_ms, due_ms; /* of restarts; due: monotonic clock                  */
	struct probes *probes;
	struct action *hook; /* postStart or preStop under way */
	bool hook_is_stop;
	bool started_hook_done, stop_hook_done;
	char *waiting_reason, *waiting_message; /* NULL reason: not waiting               */
	struct json_doc *over; /* {"terminated": ...} of the present run when it ended */
	struct json_doc *last; /* of the run before                                    */
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
	struct client_call *status_call, *delete_call;
	struct pod_removal *removal; /* of its folder, under way */
	bool files_gone;
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
void pod_hostname(const struct pod *pod, char out[64]);

/* --- containers (pod_containers.c) --- */

void pod_containers_make(struct pod *pod);
void pod_containers_free(struct pod *pod);
/* Point the containers at the newest spec. */
void pod_containers_respec(struct pod *pod);
/* Of an earlier life: before anybody can take their layers away. */
void pod_containers_hold_images(struct pod *pod);
/* What the sandbox knows, after it was started or adopted. */
void pod_containers_learn(struct pod *pod);
/* The sandbox is gone: what ran has ended. */
void pod_containers_lost(struct pod *pod);
/* The next steps of all; false while init containers are not through. */
void pod_containers_step(struct pod *pod);
/* Stop all by stop_due_ms; true when none runs any more. */
bool pod_containers_stop(struct pod *pod);
/* What they wait for may have come: images. */
void pod_containers_poke(struct pod *pod);
bool pod_containers_finished(const struct pod *pod); /* all are over and none will be restarted */
/* NULL when it is not known to the sandbox. */
const struct container_state *pod_container_state(const struct pod_container *container);
bool pod_container_running(const struct pod_container *container);
int pod_container_exit_code(const struct pod_container *container); /* of `over` */
/* What the API knew of a container that was adopted. */
void pod_containers_recall(struct pod *pod);
bool pod_container_started(const struct pod_container *container);
bool pod_container_ready(const struct pod_container *container);
struct pod_container *pod_container_find(const struct pod *pod, struct str name);

/* --- what it is as a whole (pod_phase.c) --- */

enum pod_container_look { LOOK_WAITING, LOOK_RUNNING, LOOK_OVER }; /* what its status shows */
enum pod_container_look pod_container_look(const struct pod_container *container);
bool pod_any_regular_started(const struct pod *pod);
const char *pod_phase(const struct pod *pod);
/* status.conditions; with what the API has of them. */
void pod_conditions(const struct pod *pod, struct json_doc *doc, struct json *status,
		    const char *phase);

/* Why it does not run; NULL: it does not wait.  The texts may be those that are replaced. */
void pod_container_wait(struct pod_container *container, const char *reason, const char *message);

/* --- images (pod_images.c) --- */

enum image_policy pod_image_policy(const struct pod_container *container);
/* Get its image, or wait for the time of the next try.  `image` is there, or another pass comes. */
void pod_image_want(struct pod_container *container);

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
