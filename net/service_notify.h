/*
 * service_notify.h - tells the supervisor of this process (systemd and what speaks like it) that
 * the service is ready, that it ends, and that its loop still turns.
 *
 * The protocol is sd_notify's: datagrams of "KEY=value" lines to the socket that NOTIFY_SOCKET
 * names ("/path", or "@name" in the abstract space).  With WATCHDOG_USEC, a sign of life is given
 * twice in that time by a timer of the loop: a loop that hangs gives none and is killed.
 *
 * The variables are taken out of the environment, so that no child (the own agent, a monitor, a
 * container) can speak for us.  Whoever executes another program in this very process gives them
 * back first, with service_notify_hand_over.
 *
 * Nothing here blocks: what the supervisor cannot take now is sent again a little later.
 *
 * Owner: one struct service_notify a process, used from the loop's thread only.
 */
#ifndef NET_SERVICE_NOTIFY_H
#define NET_SERVICE_NOTIFY_H

#include "base/loop.h"

struct service_notify {
	struct loop *loop;
	struct loop_timer timer;        /* the next sign of life, or the next try */
	int fd;                         /* -1: there is no supervisor to tell */
	int64_t period_ms;              /* between signs of life, 0 = none are wanted */
	unsigned due;                   /* what is still to be said */
	char *address, *watchdog, *pid; /* the variables as they were, or NULL */
	char *status;                   /* what was said last for people */
};

/*
 * Reads and removes the variables; without NOTIFY_SOCKET all calls below do nothing.  False: the
 * supervisor cannot be told (what is wrong is in *err); everything below is harmless then, too.
 */
MUST_CHECK bool service_notify_open(struct service_notify *notify, struct loop *loop,
				    struct error *err);
/* The service does what it is for.  `status` is one line for people. */
void service_notify_ready(struct service_notify *notify, const char *status);
/* It ends on purpose.  What is not taken by the supervisor at once may get lost. */
void service_notify_stopping(struct service_notify *notify);
/* Put the variables back, for a program that is executed in this process. */
void service_notify_hand_over(const struct service_notify *notify);
void service_notify_close(struct service_notify *notify); /* also after a failed open, and twice */

#endif
