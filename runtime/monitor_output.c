/*
 * monitor_output.c - what containers print: read as it comes, into the log, and to those who are
 * attached.
 *
 * While an attached reader has not taken everything, nothing more is read: the container waits.  So
 * nothing is lost and nothing grows.  Only at the container's end all that is left in the pipe is
 * taken at once.
 */
#include "runtime/monitor_inside.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"

#define CHUNK 4096
/* Of one output in one round of the loop; others want their turn. */
#define CHUNKS_A_ROUND 8

/* The watch may have been stopped by a hang-up; at the latest the container's exit reads the
 * rest. */
static void resume(struct output *output)
{
	struct error ignored;

	if (!output)
		return;
	LIST_EACH(&output->sinks, link)
	if (LIST_OWNER(link, struct sink, link)->waiting.len > 0)
		return;
	if (output->watch.fd >= 0 && !output->watch.active)
		(void)!loop_fd_start(output->container->monitor->loop, &output->watch, LOOP_READ,
				     &ignored);
	loop_fd_want(&output->watch, LOOP_READ);
}

void sink_stop(struct sink *sink)
{
	struct output *output = sink->output;

	if (sink->watch.fd < 0)
		return;
	loop_fd_stop(&sink->watch);
	close(take_fd(&sink->watch.fd));
	buf_clear(&sink->waiting);
	list_remove(&sink->link);
	sink->output = NULL;
	resume(output);
}

/* False when the reader is gone. */
static bool sink_put(struct sink *sink, struct str bytes)
{
	ssize_t put = 0;

	if (sink->waiting.len == 0) {
		do
			put = write(sink->watch.fd, bytes.at, bytes.len);
		while (put < 0 && errno == EINTR);
		if (put < 0 && errno != EAGAIN)
			return false;
		if (put < 0)
			put = 0;
	}
	if ((size_t)put < bytes.len) {
		buf_add(&sink->waiting, bytes.at + put, bytes.len - (size_t)put);
		loop_fd_want(&sink->watch, LOOP_WRITE);
	}
	return true;
}

static void on_sink(struct loop_fd *watch, unsigned events)
{
	struct sink *sink = CONTAINER_OF(watch, struct sink, watch);
	struct buf waiting = sink->waiting;

	if (events & LOOP_HANGUP) {
		sink_stop(sink);
		session_check_drained(sink->session);
		return;
	}
	sink->waiting = BUF_INIT;
	loop_fd_want(watch, 0);
	if (waiting.len > 0 && !sink_put(sink, buf_str(&waiting)))
		sink_stop(sink);
	buf_clear(&waiting);
	if (sink->waiting.len > 0)
		return;
	resume(sink->output);
	session_check_drained(sink->session);
}

void output_add_sink(struct output *output, struct sink *sink, int fd)
{
	struct error err;

	sink->output = output;
	sink->waiting = BUF_INIT;
	sink->watch = (struct loop_fd){ .on_event = on_sink, .fd = fd };
	list_add(&output->sinks, &sink->link);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	if (!loop_fd_start(output->container->monitor->loop, &sink->watch, 0, &err)) {
		log_warn("runtime.monitor", "cannot attach", "why=\"%s\"", err.text);
		sink_stop(sink);
	}
}

static void hand_out(struct output *output, struct str bytes)
{
	log_stream_add(&output->log, bytes);
	LIST_EACH_SAFE(&output->sinks, link)
	{
		struct sink *sink = LIST_OWNER(link, struct sink, link);

		if (!sink_put(sink, bytes))
			sink_stop(sink);
	}
}

static bool is_paused(const struct output *output)
{
	LIST_EACH(&output->sinks, link)
	if (LIST_OWNER(link, struct sink, link)->waiting.len > 0)
		return true;
	return false;
}

/* More than 0: goes on; 0: nothing there now; less: the end. */
static ssize_t read_chunk(struct output *output)
{
	char room[CHUNK];
	ssize_t got;

	do
		got = read(output->watch.fd, room, sizeof(room));
	while (got < 0 && errno == EINTR);
	if (got > 0)
		hand_out(output, str_from(room, (size_t)got));
	if (got < 0 && errno == EAGAIN)
		return 0;
	return got > 0 ? got : -1; /* a terminal whose last user is gone says EIO */
}

static void close_output(struct output *output)
{
	loop_fd_stop(&output->watch);
	close(take_fd(&output->watch.fd));
	log_stream_end(&output->log);
}

static void on_output(struct loop_fd *watch, unsigned events)
{
	struct output *output = CONTAINER_OF(watch, struct output, watch);
	ssize_t got = 1;

	/* A hang-up is told without being asked for: what is left must wait for the readers. */
	if (is_paused(output)) {
		if (events & LOOP_HANGUP)
			loop_fd_stop(watch);
		return;
	}
	for (int i = 0; i < CHUNKS_A_ROUND && got > 0 && !is_paused(output); i++)
		got = read_chunk(output);
	/* A terminal has no users between two of them: its end is the container's end. */
	if (got < 0 && !output->container->plan.tty)
		close_output(output);
	else if (got < 0)
		loop_fd_stop(watch);
	else if (is_paused(output))
		loop_fd_want(watch, 0);
}

void output_start(struct monitor_container *container, int index, int fd, const char *name)
{
	struct output *output = &container->outputs[index];
	struct error err;

	assert(output->watch.fd < 0);
	output->watch = (struct loop_fd){ .on_event = on_output, .fd = fd };
	output->log = (struct log_stream){ .file = container->log, .name = name, .rest = BUF_INIT };
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	if (!loop_fd_start(container->monitor->loop, &output->watch, LOOP_READ, &err))
		log_error("runtime.monitor", "cannot read a container's output", "why=\"%s\"",
			  err.text);
}

void output_finish(struct output *output)
{
	if (output->watch.fd < 0)
		return;
	while (read_chunk(output) > 0)
		continue;
	close_output(output);
}
