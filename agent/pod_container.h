/*
 * pod_container.h - one container of a pod: its state between passes, its steps.  For the files of
 * the pod only (pod_inside.h).
 */
#ifndef AGENT_POD_CONTAINER_H
#define AGENT_POD_CONTAINER_H

#include "agent/image_getter.h"
#include "agent/probe.h"

struct pod;

#define BACK_OFF_FIRST_MS 10000
#define BACK_OFF_MAX_MS   300000
#define BACK_OFF_RESET_US 600000000ll /* a run of ten minutes is a fresh start */

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
	bool held;            /* a sidecar that others still need: its end waits */
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
	bool told_started, started_hook_done, stop_hook_done;
	char *waiting_reason, *waiting_message; /* NULL reason: not waiting               */
	struct json_doc *over; /* {"terminated": ...} of the present run when it ended */
	struct json_doc *last; /* of the run before                                    */
	/* Its resources as they were granted, which the spec may be ahead of (pod_resize.c). */
	struct json_doc *granted;
	bool resize_pending, resize_restart; /* its group has them not yet; it is to be made anew */
};

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

/* Its resources object, as it was granted (pod_resize.c). */
const struct json *pod_container_granted(const struct pod_container *container);

/* What its status shows (pod_phase.c). */
enum pod_container_look { LOOK_WAITING, LOOK_RUNNING, LOOK_OVER };
enum pod_container_look pod_container_look(const struct pod_container *container);

/* Why it does not run; NULL: it does not wait.  The texts may be those that are replaced. */
void pod_container_wait(struct pod_container *container, const char *reason, const char *message);

/* --- images (pod_images.c) --- */

enum image_policy pod_image_policy(const struct pod_container *container);
/* Get its image, or wait for the time of the next try.  `image` is there, or another pass comes. */
void pod_image_want(struct pod_container *container);

#endif
