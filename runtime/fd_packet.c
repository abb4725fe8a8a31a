/*
 * fd_packet.c - SCM_RIGHTS with one descriptor.
 */
#include "runtime/fd_packet.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* Aligned as the kernel wants it. */
union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

bool fd_packet_send(int socket, const void *bytes, size_t len, int fd)
{
	union control control = { 0 };
	struct iovec part = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
	struct msghdr packet = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *head;

	if (fd >= 0) {
		packet.msg_control = control.room;
		packet.msg_controllen = sizeof(control.room);
		head = CMSG_FIRSTHDR(&packet);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(head), &fd, sizeof(int));
	}
	return sendmsg(socket, &packet, MSG_NOSIGNAL) == (ssize_t)len;
}

ssize_t fd_packet_receive(int socket, void *out, size_t size, int flags, int *out_fd)
{
	union control control = { 0 };
	struct iovec part = { .iov_base = out, .iov_len = size };
	struct msghdr packet = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.room,
				 .msg_controllen = sizeof(control.room) };
	ssize_t got = recvmsg(socket, &packet, flags | MSG_CMSG_CLOEXEC);
	struct cmsghdr *head = got < 0 ? NULL : CMSG_FIRSTHDR(&packet);

	*out_fd = -1;
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(out_fd, CMSG_DATA(head), sizeof(int));
	return got;
}
