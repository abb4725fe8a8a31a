/*
 * stream_fd.c - a stream over a connected socket.
 *
 * Reads go from the kernel into the owner's buffer, writes to the kernel at once; only what it
 * does not take is kept. The epoll interest in reading is dropped one event late: first when an
 * announcement went unanswered.
 */
#include "net/stream_base.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#include "net/fifo.h"

struct fd_stream {
	struct stream_base base;
	struct loop_fd watch;
	struct fifo out;
	struct error *late; /* writing failed while input was left: told when that is read */
	bool hungry;        /* the owner has read since the last announcement */
	bool drained;       /* the last read came back short: nothing more until the next event */
	bool input_ended;
	bool finishing;
	bool finished;
};

static struct fd_stream *fd_of(const struct stream *stream)
{
	return (struct fd_stream *)(void *)(uintptr_t)stream;
}

static void update(struct fd_stream *fd)
{
	unsigned wants = 0;
	struct error err;

	if (fd->base.broken) {
		loop_fd_stop(&fd->watch); /* an error state would be reported for ever */
		return;
	}
	if (fd->hungry && !fd->base.paused && !fd->input_ended)
		wants |= LOOP_READ;
	if (fifo_len(&fd->out) > 0)
		wants |= LOOP_WRITE;
	if (!fd->watch.active) {
		if (wants && !loop_fd_start(fd->base.stream.loop, &fd->watch, wants, &err))
			stream_base_break(&fd->base, &err);
	} else if (wants != fd->watch.wants) {
		loop_fd_want(&fd->watch, wants);
	}
}

static void fail(struct fd_stream *fd, const struct error *why)
{
	stream_base_break(&fd->base, why);
	fifo_clear(&fd->out);
	update(fd);
}

/* The peer may have answered before it stopped listening: let the owner read that first, if it is
 * reading. */
static void fail_writing(struct fd_stream *fd)
{
	struct error err;
	char one;

	error_os(&err, "write");
	fifo_clear(&fd->out);
	fd->finishing = true;
	fd->finished = true;
	if (!fd->late && fd->hungry && !fd->base.paused && !fd->input_ended &&
	    recv(fd->watch.fd, &one, 1, MSG_PEEK | MSG_DONTWAIT) == 1) {
		fd->late = memory_copy(&err, sizeof(err));
		stream_base_pending(&fd->base, 0);
	} else {
		fail(fd, &err);
	}
}

static void check_end(struct fd_stream *fd)
{
	if (!fd->input_ended || !fd->finished)
		return;
	if (fd->late)
		fail(fd, fd->late);
	else
		stream_base_end(&fd->base);
}

static void try_finish(struct fd_stream *fd)
{
	if (!fd->finishing || fd->finished || fifo_len(&fd->out) > 0)
		return;
	shutdown(fd->watch.fd, SHUT_WR); /* fails only when the peer is gone, which reading tells */
	fd->finished = true;
	check_end(fd);
}

/* Bytes the kernel took, or -1 after fail_writing. */
static ptrdiff_t send_some(struct fd_stream *fd, struct str bytes)
{
	for (;;) {
		ssize_t sent = send(fd->watch.fd, bytes.at, bytes.len, MSG_NOSIGNAL);

		if (sent >= 0)
			return sent;
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return 0;
		if (errno != EINTR) {
			fail_writing(fd);
			return -1;
		}
	}
}

static void flush(struct fd_stream *fd)
{
	while (fifo_len(&fd->out) > 0) {
		ptrdiff_t sent = send_some(fd, fifo_front(&fd->out));

		if (sent < 0)
			return;
		if (sent == 0)
			break;
		fifo_drop(&fd->out, (size_t)sent);
	}
	stream_base_pending(&fd->base, fifo_len(&fd->out));
	try_finish(fd);
}

/* Only trouble was reported and nobody reads: either the socket is dead, or both sides have ended
 * and the owner has yet to read the rest.  Level-triggered, so the watch must go. */
static void on_hangup(struct fd_stream *fd)
{
	int code = 0;
	socklen_t len = sizeof(code);
	struct error err;

	loop_fd_stop(&fd->watch);
	if (getsockopt(fd->watch.fd, SOL_SOCKET, SO_ERROR, &code, &len) == 0 && code == 0)
		return;
	errno = code ? code : errno;
	error_os(&err, "connection");
	fail(fd, &err);
}

static void on_event(struct loop_fd *watch, unsigned events)
{
	struct fd_stream *fd = CONTAINER_OF(watch, struct fd_stream, watch);
	const struct stream *stream = &fd->base.stream;

	if (events & LOOP_WRITE)
		flush(fd);
	fd->drained = false;
	if (fd->base.broken)
		return;
	if (!(events & LOOP_READ) || !fd->hungry || fd->base.paused) {
		if (events == LOOP_HANGUP)
			on_hangup(fd);
		else
			update(fd);
		return;
	}
	update(fd);
	fd->hungry = false; /* and the interest stays for one event more */
	if (stream->events)
		stream->events->on_readable(stream->owner);
}

static ptrdiff_t fd_read(struct stream *stream, void *to, size_t room)
{
	struct fd_stream *fd = fd_of(stream);
	struct error err;
	ssize_t got;

	if (fd->base.broken)
		return stream_base_read_broken(&fd->base);
	if (fd->input_ended)
		return -1;
	fd->hungry = true;
	update(fd);
	if (fd->drained)
		return 0;
	do
		got = recv(fd->watch.fd, to, room, 0);
	while (got < 0 && errno == EINTR);
	if (got > 0) {
		fd->drained = (size_t)got < room;
		return got;
	}
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (got < 0) {
		error_os(&err, "read");
		fail(fd, fd->late ? fd->late : &err);
		return 0;
	}
	fd->input_ended = true;
	update(fd);
	check_end(fd);
	return fd->base.broken ? 0 : -1;
}

static void fd_write(struct stream *stream, struct str bytes)
{
	struct fd_stream *fd = fd_of(stream);

	if (fd->base.broken || fd->finishing)
		return;
	if (fifo_len(&fd->out) == 0) {
		ptrdiff_t sent = send_some(fd, bytes);

		if (sent < 0)
			return;
		bytes = str_from(bytes.at + sent, bytes.len - (size_t)sent);
		if (bytes.len == 0)
			return;
	}
	fifo_add(&fd->out, bytes);
	stream_base_pending(&fd->base, fifo_len(&fd->out));
	update(fd);
}

static void fd_finish(struct stream *stream)
{
	struct fd_stream *fd = fd_of(stream);

	if (fd->base.broken)
		return;
	fd->finishing = true;
	try_finish(fd);
}

static void fd_close(struct stream *stream)
{
	struct fd_stream *fd = fd_of(stream);
	struct str rest = fifo_front(&fd->out);

	if (!fd->base.broken && rest.len > 0)
		(void)!send(fd->watch.fd, rest.at, rest.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	loop_fd_stop(&fd->watch);
	close(fd->watch.fd);
	fifo_clear(&fd->out);
	free(fd->late);
	stream_base_clear(&fd->base);
	free(fd);
}

static size_t fd_pending(const struct stream *stream)
{
	return fifo_len(&fd_of(stream)->out);
}

static void fd_pause(struct stream *stream, bool paused)
{
	struct fd_stream *fd = fd_of(stream);

	if (!paused) {
		fd->hungry = true;
		fd->drained = false;
		if (fd->input_ended)
			stream_base_readable(&fd->base);
	} else if (fd->late) {
		fail(fd, fd->late);
	}
	stream_base_pause(&fd->base, paused);
	update(fd);
}

static const struct stream_ops fd_ops = {
	.read = fd_read,
	.write = fd_write,
	.finish = fd_finish,
	.close = fd_close,
	.pending = fd_pending,
	.pause = fd_pause,
};

struct stream *stream_of_fd(struct loop *loop, int fd)
{
	struct fd_stream *made = memory_new(struct fd_stream);

	assert(fd >= 0);
	stream_base_init(&made->base, loop, &fd_ops);
	made->watch.fd = fd;
	made->watch.on_event = on_event;
	return &made->base.stream;
}
