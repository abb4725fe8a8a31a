/*
 * oci_state.h - what is kept of a container that `mote oci` made, between one command and the next.
 *
 * A folder a container below the root folder (--root), for root alone:
 *
 *	state.json	its facts, replaced as a whole
 *	config.json	the config it was made with: exec and delete need it, and the bundle may
 *change start		a pipe; what is written into it lets the created process go on.  Gone when
 *it has. lock		held by who changes something
 *
 * Whether it runs is asked of the kernel, not of the file.
 */
#ifndef RUNTIME_OCI_STATE_H
#define RUNTIME_OCI_STATE_H

#include <sys/types.h>

#include "runtime/cgroup.h"
#include "runtime/oci_config.h"

enum oci_phase { OCI_CREATING, OCI_CREATED, OCI_RUNNING, OCI_PAUSED, OCI_STOPPED };

struct oci_state {
	char *id, *root, *folder; /* folder: root/id */
	char *bundle, *rootfs;
	pid_t pid;        /* 0 = not yet        */
	uint64_t started; /* of the process, in ticks since boot: ids come again */
	char *created;    /* RFC 3339           */
	uid_t owner;
	struct cgroup *cgroup; /* NULL until it is made */
	int lock;
};

/* "" or NULL: where root or this user keeps such things. */
char *oci_state_root(const char *said);

/* An id is letters, digits and "_+-.", at most 1024. */
MUST_CHECK bool oci_id_validate(const char *id, struct error *err);

/* Make the folder and lock it.  ERROR_EXISTS: there is one of that id. */
MUST_CHECK bool oci_state_make(const char *root, const char *id, struct oci_state **out,
			       struct error *err);
/* ERROR_NOT_FOUND: there is none.  With `lock` it waits for who has it. */
MUST_CHECK bool oci_state_open(const char *root, const char *id, bool lock, struct oci_state **out,
			       struct error *err);
/* Keep it: beside what is kept, then in its place. */
MUST_CHECK bool oci_state_lay_aside(const struct oci_state *state, struct error *err);
MUST_CHECK bool oci_state_take(const struct oci_state *state, struct error *err);
MUST_CHECK bool oci_state_save_config(const struct oci_state *state,
				      const struct oci_config *config, struct error *err);
MUST_CHECK bool oci_state_load_config(const struct oci_state *state, struct oci_config **out,
				      struct error *err);
/* Remove the folder. */
MUST_CHECK bool oci_state_remove(const struct oci_state *state, struct error *err);
void oci_state_close(struct oci_state *state); /* NULL is fine; unlocks */
DEFINE_AUTO(struct oci_state *, oci_state_close)
#define auto_oci_state AUTO(oci_state_close) struct oci_state *

/* The names of all containers, sorted, NULL-terminated, in the arena; none when there is no root.
 */
MUST_CHECK bool oci_state_list(const char *root, struct arena *arena, const char ***out,
			       struct error *err);

enum oci_phase oci_state_phase(const struct oci_state *state);
const char *oci_phase_name(enum oci_phase phase);
/* The start time of a process in ticks; false: it is gone or a zombie. */
bool oci_process_started(pid_t pid, uint64_t *out_ticks);

/* The state as the specification wants it on the standard input of hooks; `status` may be NULL: the
 * phase. */
struct json *oci_state_print(const struct oci_state *state, const struct oci_config *config,
			     const char *status, struct json_doc *doc);

/* --- the pipe --- */
MUST_CHECK bool oci_state_make_pipe(const struct oci_state *state, int *out_fd, struct error *err);
MUST_CHECK bool oci_state_let_go(const struct oci_state *state, struct error *err);

#endif
