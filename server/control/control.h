/*
 * control.h - the controllers of the control plane: ordinary clients that move reality towards the
 * wish.
 */
#ifndef SERVER_CONTROL_CONTROL_H
#define SERVER_CONTROL_CONTROL_H

struct control;
struct server;

/* Start all controllers of the one list in control.c. */
struct control *control_start(struct server *server);
void control_stop(struct control *control); /* NULL is fine */

#endif
