/*
 * image_checker.c - one job on a pool of one thread.
 */
#include "agent/image_checker.h"

#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

#define IOPRIO_THREAD 1         /* linux/ioprio.h: IOPRIO_WHO_PROCESS, 0 is this thread */
#define IOPRIO_IDLE   (3 << 13) /* only when nobody else wants the disk */

struct image_checker {
	struct work_job job;
	struct work_pool *pool;
	struct images *images;
	void (*on_damaged)(void *of, const char *name, const char *why);
	void *of;
	atomic_bool stop;
	struct buf found; /* "name\0why\0" of each damaged image; the thread's until it ends */
};

static bool goes_on(void *of)
{
	return !atomic_load(&((struct image_checker *)of)->stop);
}

static void note_damaged(void *of, const char *name, const char *why)
{
	struct image_checker *checker = of;

	buf_add(&checker->found, name, strlen(name) + 1);
	buf_add(&checker->found, why, strlen(why) + 1);
}

static void stand_back(void)
{
	(void)!syscall(SYS_ioprio_set, IOPRIO_THREAD, 0, IOPRIO_IDLE);
	(void)!setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 19);
}

static void run(struct work_job *job)
{
	struct image_checker *checker = CONTAINER_OF(job, struct image_checker, job);
	struct images_check_plan plan = { .go_on = goes_on,
					  .on_damaged = note_damaged,
					  .of = checker };

	stand_back();
	(void)images_check(checker->images, &plan);
}

static void on_done(struct work_job *job)
{
	struct image_checker *checker = CONTAINER_OF(job, struct image_checker, job);

	for (size_t at = 0; at < checker->found.len && !atomic_load(&checker->stop);) {
		const char *name = checker->found.at + at, *why = name + strlen(name) + 1;

		checker->on_damaged(checker->of, name, why);
		at += strlen(name) + strlen(why) + 2;
	}
	buf_clear(&checker->found);
}

struct image_checker *
image_checker_start(struct loop *loop, struct images *images,
		    void (*on_damaged)(void *of, const char *name, const char *why), void *of)
{
	struct image_checker *checker;
	struct error err;

	if (!images_check_due(images))
		return NULL;
	checker = memory_new(struct image_checker);
	checker->images = images;
	checker->on_damaged = on_damaged;
	checker->of = of;
	checker->job = (struct work_job){ .run = run, .on_done = on_done };
	if (!work_open(loop, 1, &checker->pool, &err)) {
		log_warn("agent.images", "layers cannot be checked", "why=\"%s\"", err.text);
		free(checker);
		return NULL;
	}
	work_start(checker->pool, &checker->job);
	return checker;
}

void image_checker_stop(struct image_checker *checker)
{
	if (!checker)
		return;
	atomic_store(&checker->stop, true);
	work_close(checker->pool);
	free(checker);
}
