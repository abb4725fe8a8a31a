/*
 * fd_packet.h - a packet of a socket that keeps packets whole, with one descriptor beside it or
 * none: what a child tells those who started it.  No allocation.
 */
#ifndef RUNTIME_FD_PACKET_H
#define RUNTIME_FD_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* fd -1: none; it stays the caller's.  False: errno tells why not. */
bool fd_packet_send(int socket, const void *bytes, size_t len, int fd);
/* As recvmsg(2) with `flags`; *out_fd is -1 or a descriptor, for the caller to close. */
ssize_t fd_packet_receive(int socket, void *out, size_t size, int flags, int *out_fd);

#endif
