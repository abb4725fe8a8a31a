/*
 * unix_socket.h - sockets with a path, for programs of this machine.
 */
#ifndef NET_UNIX_SOCKET_H
#define NET_UNIX_SOCKET_H

#include "base/error.h"

/* Listen at `path` (0600); a socket that a dead process left there is replaced.  Gives a
 * non-blocking descriptor.  ERROR_EXISTS when somebody answers there. */
MUST_CHECK bool unix_socket_listen(const char *path, int *out_fd, struct error *err);
/* ERROR_NOT_FOUND when nobody listens there; ERROR_FORBIDDEN without the right.  Blocks for no
 * longer than the backlog makes it. */
MUST_CHECK bool unix_socket_connect(const char *path, int *out_fd, struct error *err);

#endif
