/*
 * socket_inside.h - what socket.c and socket_dial.c share.
 */
#ifndef NET_SOCKET_INSIDE_H
#define NET_SOCKET_INSIDE_H

#include "net/socket.h"
#include "net/socket_lookup.h"

/* No delay, keep-alive: a dead peer of an idle connection is noticed after about two minutes. */
void socket_tune(int fd);

#endif
