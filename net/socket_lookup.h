/*
 * socket_lookup.h - a host's addresses, without blocking the loop.
 *
 * Addresses are parsed at once; names go to getaddrinfo on a thread of their own, because it cannot
 * be interrupted: a cancelled lookup is abandoned and frees itself when it ends.
 *
 * Loop thread only.
 */
#ifndef NET_SOCKET_LOOKUP_H
#define NET_SOCKET_LOOKUP_H

#include <sys/socket.h>

#include "base/loop.h"
#include "base/text.h"

#define SOCKET_ADDRESSES_MAX 16

struct socket_address {
	struct sockaddr_storage at;
	socklen_t len;
};

struct socket_lookup;
/* Exactly one call of on_done, later: count > 0 addresses, or err. */
typedef void socket_lookup_fn(void *of, const struct socket_address *found, size_t count,
			      const struct error *err);
struct socket_lookup *socket_lookup(struct loop *loop, struct str host, unsigned port,
				    socket_lookup_fn *on_done, void *of);
void socket_lookup_cancel(struct socket_lookup *lookup); /* no callback comes after it */

/* An address text without brackets; false when it is a name. */
bool socket_lookup_parse(struct str text, unsigned port, struct socket_address *out);
/* "10.0.0.1" or "fd00::1"; `out` has room for INET6_ADDRSTRLEN. */
void socket_lookup_print(const struct socket_address *address, char *out, size_t room);

#endif
