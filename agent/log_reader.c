/*
 * log_reader.c - reads pieces, cuts lines, waits by inotify for more.
 */
#include "agent/log_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "runtime/log_file.h"

#define PIECE_BYTES (64u * 1024)
#define LINE_MAX_   (1024u * 1024)
#define LOOK_MS     1000 /* has the container ended meanwhile? */

struct log_reader {
	struct loop *loop;
	struct log_reader_plan plan;
	char *path;
	int fd, watch_fd;
	struct buf in;
	int64_t left; /* of limit_bytes; -1 = none */
	bool at_line_start, paused, ended;
	bool moved; /* the name means another file; ours is read to its end */
	struct loop_task pump;
	struct loop_fd watch;
	struct loop_timer look;
};

/* --- where the tail begins --- */

/* Byte after the (count+1)-th newline from the end; parts of long lines count as lines do in
 * kubelets. */
static off_t find_tail(int fd, int64_t count)
{
	char piece[8192];
	off_t at = lseek(fd, 0, SEEK_END);
	int64_t seen = 0;

	if (count == 0)
		return at;
	while (at > 0) {
		size_t take = at > (off_t)sizeof(piece) ? sizeof(piece) : (size_t)at;
		ssize_t got = pread(fd, piece, take, at - (off_t)take);

		if (got <= 0)
			return 0;
		for (size_t i = (size_t)got; i > 0; i--)
			if (piece[i - 1] == '\n' && seen++ == count)
				return at - (off_t)take + (off_t)i;
		at -= (off_t)take;
	}
	return 0;
}

/* --- lines --- */

static bool is_old(const struct log_reader *it, struct str time)
{
	int64_t seconds;
	int32_t nanos;

	if (it->plan.since_s == 0 || !clock_parse(time, &seconds, &nanos))
		return false;
	return seconds < it->plan.since_s ||
	       (seconds == it->plan.since_s && nanos < it->plan.since_nanos);
}

static void give(struct log_reader *it, struct str text)
{
	if (it->left >= 0 && (int64_t)text.len > it->left)
		text.len = (size_t)it->left;
	if (it->left >= 0)
		it->left -= (int64_t)text.len;
	if (text.len > 0 && !it->plan.take(it->plan.of, text))
		it->paused = true;
	if (it->left == 0)
		it->ended = true;
}

/* "time stream tag text" without the newline; a part joins the next one. */
static void give_line(struct log_reader *it, struct str line)
{
	struct str text = line, time = str_cut(&text, ' ');
	struct str tag;

	str_cut(&text, ' ');
	tag = str_cut(&text, ' ');
	if (is_old(it, time))
		return;
	if (it->plan.timestamps && it->at_line_start) {
		give(it, time);
		give(it, STR(" "));
	}
	give(it, text);
	it->at_line_start = !str_is(tag, "P");
	if (it->at_line_start)
		give(it, STR("\n"));
}

static void give_lines(struct log_reader *it)
{
	size_t done = 0;

	while (!it->ended && !it->paused) {
		struct str rest = str_from(it->in.at + done, it->in.len - done);
		ptrdiff_t end = str_find(rest, '\n');

		if (end < 0)
			break;
		give_line(it, str_from(rest.at, (size_t)end));
		done += (size_t)end + 1;
	}
	buf_drop_front(&it->in, done);
	if (it->in.len > LINE_MAX_) /* no log of ours */
		it->ended = true;
}

/* --- following --- */

/* After a rotation the name means another file. */
static bool is_moved(const struct log_reader *it)
{
	struct stat old, now;

	return fstat(it->fd, &old) == 0 && stat(it->path, &now) == 0 &&
	       (old.st_ino != now.st_ino || old.st_dev != now.st_dev);
}

static bool reopen(struct log_reader *it)
{
	int fd = log_file_open_plain(it->path, O_RDONLY);

	if (fd < 0)
		return false;
	close(it->fd);
	it->fd = fd;
	it->moved = false;
	return true;
}

/* The end of the file: also of the log?  What was written between our last look and the rotation
 * is in the old file, so that is read once more after the rotation was seen. */
static void at_end(struct log_reader *it, bool last_look)
{
	bool moved = it->plan.follow && it->moved;

	if (it->plan.follow && !moved)
		it->moved = is_moved(it);
	if (moved ? reopen(it) : it->moved)
		loop_defer(it->loop, &it->pump);
	else if (!it->plan.follow || last_look)
		it->ended = true;
	else
		loop_timer_set(it->loop, &it->look, LOOK_MS);
}

static void finish(struct log_reader *it)
{
	loop_fd_stop(&it->watch);
	loop_timer_stop(&it->look);
	loop_task_cancel(&it->pump);
	it->plan.on_end(it->plan.of);
}

static void on_pump(struct loop_task *task)
{
	struct log_reader *it = CONTAINER_OF(task, struct log_reader, pump);
	/* Asked before reading: what was written before the end is then read. */
	bool over = it->plan.follow && !it->plan.runs(it->plan.of);
	ssize_t got;

	if (!it->paused)
		give_lines(it);
	if (it->paused)
		return;
	if (!it->ended) {
		buf_reserve(&it->in, PIECE_BYTES);
		got = read(it->fd, it->in.at + it->in.len, PIECE_BYTES - 1);
		if (got > 0) {
			it->in.len += (size_t)got;
			loop_defer(it->loop, &it->pump);
			return;
		}
		at_end(it, over);
	}
	if (it->ended)
		finish(it);
}

static void on_watch(struct loop_fd *watch, unsigned events)
{
	struct log_reader *it = CONTAINER_OF(watch, struct log_reader, watch);
	char drop[4096];

	(void)events;
	(void)!read(watch->fd, drop, sizeof(drop)); /* told again while there is more */
	loop_defer(it->loop, &it->pump);
}

static void on_look(struct loop_timer *timer)
{
	struct log_reader *it = CONTAINER_OF(timer, struct log_reader, look);

	loop_defer(it->loop, &it->pump);
}

static bool start_watch(struct log_reader *it, struct error *err)
{
	auto_free char *folder = memory_string(it->path);
	char *slash = strrchr(folder, '/');

	if (!it->plan.follow)
		return true;
	if (slash)
		*slash = '\0';
	it->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (it->watch_fd < 0 ||
	    inotify_add_watch(it->watch_fd, folder, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		return error_os(err, "cannot watch %s", folder);
	it->watch = (struct loop_fd){ .on_event = on_watch, .fd = it->watch_fd };
	return loop_fd_start(it->loop, &it->watch, LOOP_READ, err);
}

bool log_reader_open(struct loop *loop, const struct log_reader_plan *plan, struct log_reader **out,
		     struct error *err)
{
	struct log_reader *it = memory_new(struct log_reader);

	it->loop = loop;
	it->plan = *plan;
	it->path = memory_string(plan->path);
	it->watch_fd = -1;
	it->left = plan->limit_bytes;
	it->at_line_start = true;
	it->pump.on_task = on_pump;
	it->look.on_timer = on_look;
	it->fd = log_file_open_plain(plan->path, O_RDONLY);
	if (it->fd < 0 || !start_watch(it, err)) {
		if (it->fd < 0)
			error_set(err, ERROR_NOT_FOUND, "there is no log");
		log_reader_free(it);
		return false;
	}
	if (plan->tail_lines >= 0)
		lseek(it->fd, find_tail(it->fd, plan->tail_lines), SEEK_SET);
	loop_defer(loop, &it->pump);
	*out = it;
	return true;
}

void log_reader_resume(struct log_reader *it)
{
	if (!it->paused || it->ended)
		return;
	it->paused = false;
	loop_defer(it->loop, &it->pump);
}

void log_reader_free(struct log_reader *it)
{
	if (!it)
		return;
	loop_task_cancel(&it->pump);
	loop_timer_stop(&it->look);
	loop_fd_stop(&it->watch);
	if (it->fd >= 0)
		close(it->fd);
	if (it->watch_fd >= 0)
		close(it->watch_fd);
	buf_clear(&it->in);
	free(it->path);
	free(it);
}

void log_reader_plain(struct str lines, bool cut, struct buf *out)
{
	if (cut)
		str_cut(&lines, '\n');
	while (lines.len > 0) {
		struct str text = str_cut(&lines, '\n'), tag;

		str_cut(&text, ' '); /* time */
		str_cut(&text, ' '); /* stdout or stderr */
		tag = str_cut(&text, ' ');
		buf_add_str(out, text);
		if (!str_is(tag, "P"))
			buf_add_byte(out, '\n');
	}
}
