/*
 * action_inside.h - between the files of an action: its engine (action.c) and the handlers that
 * have files of their own.
 *
 * A handler starts, sets `drop` when it holds anything, and ends the action once, from any
 * callback.
 */
#ifndef AGENT_ACTION_INSIDE_H
#define AGENT_ACTION_INSIDE_H

#include "agent/action.h"
#include "net/socket.h"

struct action {
	struct loop *loop;
	void (*on_done)(void *of, enum action_result result, struct str said);
	void *of;
	struct loop_timer timer;
	struct loop_task over;
	enum action_result result;
	bool is_sleep, is_hook, ended;
	struct buf said;
	char *late; /* what is said when the time is over; NULL: plain words */
	/* exec */
	struct exec_session exec;
	bool exec_alive;
	struct loop_fd out, errors;
	/* all that dial */
	struct socket_dial *dial;
	char *host;
	unsigned port;
	int timeout_ms;
	/* a handler's own part, and how it goes */
	void (*drop)(struct action *action);
	void *part;
};

/* Later told to the owner; only the first end counts. */
void action_end(struct action *action, enum action_result result);
void action_say(struct action *action, enum action_result result, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* A number, or the name of one of the container's ports; 0 when neither. */
unsigned action_port(const struct json *part, const struct json *container);
struct str action_host(const struct json *part, const struct action_work *work);
/* "dial tcp 10.42.0.5:80: connect: connection refused" */
void action_print_dial(const char *host, unsigned port, const struct error *err, struct buf *out);
/* "10.42.0.5:80", "[fd00::5]:80" */
void action_print_authority(const char *host, unsigned port, struct buf *out);

/* --- handlers --- */

void action_http_start(struct action *action, const struct action_work *work,
		       const struct json *part);
void action_grpc_start(struct action *action, const struct action_work *work,
		       const struct json *part);

#endif
