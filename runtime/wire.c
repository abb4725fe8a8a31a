/*
 * wire.c - packets of JSON with descriptors over a unix socket.
 */
#include "runtime/wire.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define MESSAGES_A_ROUND 32

struct queued {
	struct list link;
	struct wire_fds fds;
	size_t len;
	char text[];
};

void wire_fds_clear(struct wire_fds *fds)
{
	for (size_t i = 0; i < fds->count; i++)
		if (fds->at[i] >= 0)
			close(take_fd(&fds->at[i]));
	fds->count = 0;
}

/* Room for descriptors beside a packet, aligned as the kernel wants it. */
union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(WIRE_FDS_MAX * sizeof(int))];
};

static bool send_packet(int fd, const char *text, size_t len, const struct wire_fds *fds)
{
	union control control = { 0 };
	struct iovec part = { .iov_base = (char *)(uintptr_t)text, .iov_len = len };
	struct msghdr packet = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *head;

	if (fds && fds->count > 0) {
		packet.msg_control = control.room;
		packet.msg_controllen = (socklen_t)CMSG_SPACE(fds->count * sizeof(int));
		head = CMSG_FIRSTHDR(&packet);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = (socklen_t)CMSG_LEN(fds->count * sizeof(int));
		memcpy(CMSG_DATA(head), fds->at, fds->count * sizeof(int));
	}
	return sendmsg(fd, &packet, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

static void take_fds(struct msghdr *packet, struct wire_fds *out)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(packet);

	out->count = 0;
	if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
		return;
	out->count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	assert(out->count <= WIRE_FDS_MAX);
	memcpy(out->at, CMSG_DATA(head), out->count * sizeof(int));
}

static void close_soon(struct wire *wire)
{
	if (!wire->watch.active)
		return;
	loop_defer(wire->watch.loop, &wire->closing);
	loop_fd_stop(&wire->watch);
}

static void on_closing(struct loop_task *task)
{
	struct wire *wire = CONTAINER_OF(task, struct wire, closing);

	wire->on_closed(wire);
}

/* 1 = one message was delivered, 0 = none is there, -1 = the peer is gone or talks nonsense. */
static int receive_one(struct wire *wire)
{
	AUTO(json_doc_free) struct json_doc *doc = NULL;
	union control control;
	char peek;
	ssize_t len = recv(wire->watch.fd, &peek, 1, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
	auto_free char *text = NULL;
	struct iovec part;
	struct msghdr packet = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.room,
				 .msg_controllen = sizeof(control.room) };
	struct wire_fds fds;
	struct error err;

	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (len == 0 || (size_t)len > WIRE_MESSAGE_MAX)
		return -1;
	text = memory_get((size_t)len);
	part = (struct iovec){ .iov_base = text, .iov_len = (size_t)len };
	if (recvmsg(wire->watch.fd, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != len)
		return -1;
	take_fds(&packet, &fds);
	if ((packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
	    !json_parse(str_from(text, (size_t)len), &doc, NULL, &err)) {
		wire_fds_clear(&fds);
		return -1;
	}
	wire->on_message(wire, json_root(doc), &fds);
	wire_fds_clear(&fds);
	return 1;
}

static void flush(struct wire *wire)
{
	while (!list_is_empty(&wire->queue)) {
		struct queued *first = LIST_OWNER(wire->queue.next, struct queued, link);

		if (!send_packet(wire->watch.fd, first->text, first->len, &first->fds)) {
			if (errno != EAGAIN && errno != EINTR)
				close_soon(wire);
			return;
		}
		list_remove(&first->link);
		wire->queued -= first->len;
		wire_fds_clear(&first->fds);
		free(first);
	}
	loop_fd_want(&wire->watch, LOOP_READ);
}

static void on_event(struct loop_fd *watch, unsigned events)
{
	struct wire *wire = CONTAINER_OF(watch, struct wire, watch);
	int more = 1;

	if (events & LOOP_WRITE)
		flush(wire);
	if (!(events & (LOOP_READ | LOOP_HANGUP)))
		return;
	for (int i = 0; i < MESSAGES_A_ROUND && more > 0 && watch->active; i++)
		more = receive_one(wire);
	if (more < 0)
		close_soon(wire);
}

bool wire_start(struct loop *loop, struct wire *wire, int fd, struct error *err)
{
	assert(wire->on_message && wire->on_closed);
	list_init(&wire->queue);
	wire->queued = 0;
	wire->closing = (struct loop_task){ .on_task = on_closing };
	wire->watch = (struct loop_fd){ .on_event = on_event, .fd = fd };
	if (loop_fd_start(loop, &wire->watch, LOOP_READ, err))
		return true;
	close(fd);
	wire->watch.loop = NULL;
	return false;
}

void wire_stop(struct wire *wire)
{
	if (!wire->watch.loop)
		return;
	loop_fd_stop(&wire->watch);
	loop_task_cancel(&wire->closing);
	close(wire->watch.fd);
	LIST_EACH_SAFE(&wire->queue, link)
	{
		struct queued *item = LIST_OWNER(link, struct queued, link);

		list_remove(link);
		wire_fds_clear(&item->fds);
		free(item);
	}
	wire->watch.loop = NULL;
}

static void enqueue(struct wire *wire, struct str text, const struct wire_fds *fds)
{
	struct queued *item = memory_get(sizeof(*item) + text.len);

	item->len = text.len;
	memcpy(item->text, text.at, text.len);
	item->fds.count = 0;
	for (size_t i = 0; fds && i < fds->count; i++)
		item->fds.at[item->fds.count++] = fcntl(fds->at[i], F_DUPFD_CLOEXEC, 3);
	list_add(&wire->queue, &item->link);
	wire->queued += text.len;
	loop_fd_want(&wire->watch, LOOP_READ | LOOP_WRITE);
}

void wire_send(struct wire *wire, const struct json *message, const struct wire_fds *fds)
{
	auto_buf text = BUF_INIT;

	if (!wire->watch.active)
		return;
	json_print(message, &text);
	assert(text.len <= WIRE_MESSAGE_MAX);
	if (list_is_empty(&wire->queue) && send_packet(wire->watch.fd, text.at, text.len, fds))
		return;
	if (list_is_empty(&wire->queue) && errno != EAGAIN && errno != EINTR)
		close_soon(wire);
	else if (wire->queued + text.len > WIRE_QUEUE_MAX)
		close_soon(wire);
	else
		enqueue(wire, buf_str(&text), fds);
}

/* A socket's address has room for 107 bytes only: the folder is named by a descriptor. */
static bool open_place(const char *folder, const char *name, int *out_folder,
		       struct sockaddr_un *out_address, int *out_socket, struct error *err)
{
	auto_fd dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (dir < 0)
		return error_os(err, "open folder %s", folder);
	*out_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if ((size_t)snprintf(out_address->sun_path, sizeof(out_address->sun_path),
			     "/proc/self/fd/%d/%s", dir, name) >= sizeof(out_address->sun_path))
		return error_set(err, ERROR_INVALID, "socket name %s is too long", name);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_os(err, "make a socket");
	*out_folder = take_fd(&dir);
	*out_socket = fd;
	return true;
}

bool wire_listen(const char *folder, const char *name, int *out_fd, struct error *err)
{
	struct sockaddr_un address;
	auto_fd dir = -1;
	auto_fd fd = -1;

	if (!open_place(folder, name, &dir, &address, &fd, err))
		return false;
	if (unlinkat(dir, name, 0) != 0 && errno != ENOENT)
		return error_os(err, "remove socket %s/%s", folder, name);
	/* Before bind: the file has these rights from its first moment. */
	if (fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, 16) != 0)
		return error_os(err, "listen at %s/%s", folder, name);
	*out_fd = take_fd(&fd);
	return true;
}

bool wire_connect(const char *folder, const char *name, int *out_fd, struct error *err)
{
	struct sockaddr_un address;
	auto_fd dir = -1;
	auto_fd fd = -1;

	if (!open_place(folder, name, &dir, &address, &fd, err))
		return false;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return error_set(err, ERROR_NOT_FOUND, "nobody listens at %s/%s", folder,
					 name);
		return error_os(err, "connect to %s/%s", folder, name);
	}
	*out_fd = take_fd(&fd);
	return true;
}
