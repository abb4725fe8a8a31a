/*
 * socket_inside.h - what socket.c and socket_dial.c share.
 */
#ifndef NET_SOCKET_INSIDE_H
#define NET_SOCKET_INSIDE_H

#include <sys/socket.h>

#include "net/socket.h"

/* No delay, keep-alive: a dead peer of an idle connection is noticed after about two minutes. */
void socket_tune(int fd);
/* An address text without brackets; false when it is a name. */
bool socket_parse_address(struct str text, unsigned port, struct sockaddr_storage *out, socklen_t *out_len);

#endif
