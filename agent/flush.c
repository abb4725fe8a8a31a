/*
 * flush.c - a timer and one job.
 */
#include "agent/flush.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

#define GATHER_MS 1000

struct flush {
	struct loop *loop;
	struct work_pool *pool;
	struct work_job job;
	struct loop_timer timer;
	int fd, os_code;
	bool running, again;
};

static void run(struct work_job *job)
{
	struct flush *flush = CONTAINER_OF(job, struct flush, job);

	flush->os_code = syncfs(flush->fd) == 0 ? 0 : errno;
}

static void on_done(struct work_job *job)
{
	struct flush *flush = CONTAINER_OF(job, struct flush, job);

	flush->running = false;
	if (flush->os_code != 0)
		log_warn("agent.flush", "the disk does not take what was written", "why=\"%s\"",
			 strerror(flush->os_code));
	if (flush->again)
		flush_soon(flush);
}

static void on_timer(struct loop_timer *timer)
{
	struct flush *flush = CONTAINER_OF(timer, struct flush, timer);

	flush->again = flush->running;
	if (flush->running)
		return;
	flush->running = true;
	flush->job = (struct work_job){ .run = run, .on_done = on_done };
	work_start(flush->pool, &flush->job);
}

bool flush_open(struct loop *loop, struct work_pool *pool, const char *folder, struct flush **out,
		struct error *err)
{
	struct flush *flush;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_os(err, "cannot open %s", folder);
	flush = memory_new(struct flush);
	flush->loop = loop;
	flush->pool = pool;
	flush->fd = fd;
	flush->timer.on_timer = on_timer;
	*out = flush;
	return true;
}

void flush_close(struct flush *flush)
{
	if (!flush)
		return;
	loop_timer_stop(&flush->timer);
	close(flush->fd);
	free(flush);
}

void flush_soon(struct flush *flush)
{
	if (flush->timer.heap_at == 0)
		loop_timer_set(flush->loop, &flush->timer, GATHER_MS);
}
