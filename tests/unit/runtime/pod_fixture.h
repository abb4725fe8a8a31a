/*
 * pod_fixture.h - real pods for tests: a root file system made of busybox, a loop, waiting with a
 * limit.
 *
 * Needs root and busybox-static; without them the test is skipped with a word of why.
 */
#ifndef TESTS_UNIT_RUNTIME_POD_FIXTURE_H
#define TESTS_UNIT_RUNTIME_POD_FIXTURE_H

#include "base/loop.h"
#include "base/text.h"
#include "runtime/cgroup.h"
#include "runtime/sandbox.h"

struct pod {
	struct loop *loop;
	struct sandbox *sandbox;
	struct sandbox_plan plan;
	char id[64], cgroup[128];
	char folder[256], layer[256];
	int ready_count, gone_count, change_count;
	struct error ready_error; /* kind ERROR_NONE when it went well */
	struct buf before;        /* the machine's mounts and the program's cgroups, before */
};

/* Fill plan (id, folder, hostname "box") and make the image's layer; nothing is started. */
void pod_prepare(struct pod *pod);
/* Start and wait until it is ready. */
void pod_start(struct pod *pod);
void pod_start_anyhow(struct pod *pod); /* the outcome is in ready_error */
void pod_open(struct pod *pod);         /* both */
/* Close the handle, find the pod again.  The outcome is in ready_error. */
void pod_adopt(struct pod *pod);
/* Destroy, close, and check that nothing is left: no mount, cgroup, process, file. */
void pod_close(struct pod *pod);

/* A plan for `sh -c script` in the busybox image; the caller may change it before pod_run_plan. */
struct container_plan pod_container(struct pod *pod, const char *id, const char *const *argv);
void pod_run_plan(struct pod *pod, const struct container_plan *plan);
void pod_run(struct pod *pod, const char *id, const char *script);
/* Turn the loop until it holds, 8 seconds at most where the processor is real (the test fails
 * then). */
void pod_until(struct pod *pod, bool (*holds)(struct pod *pod, const void *what), const void *what);
void pod_wait_gone(struct pod *pod); /* told so, whoever ended it */
void pod_wait_running(struct pod *pod, const char *id);
const struct container_state *pod_wait_exit(struct pod *pod, const char *id);
/* Run to the end and give what it printed to stdout and stderr, without the heads; caller frees. */
char *pod_output(struct pod *pod, const char *id, const char *script);
char *pod_output_plan(struct pod *pod, const struct container_plan *plan);
char *pod_log_path(struct pod *pod, const char *id);
char *pod_log_text(struct pod *pod, const char *id); /* without the heads */
char *pod_read(const char *path); /* a whole file, "" when it is missing; caller frees */
pid_t pod_monitor(const struct pod *pod);

/* main() of a program that is also the monitor. */
int pod_fixture_main(int argc, char **argv, int (*tests_main)(int argc, char **argv));

#endif
