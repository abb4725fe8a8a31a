/*
 * work.c - a fixed pool of servant threads and their queue.
 *
 * A thread counts as idle from its start or the end of its job until it takes the next one, asleep
 * or not: only the comparison with the number of jobs not yet taken says whether one more is
 * needed.
 */
#include "base/work.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>

#include "base/memory.h"
#include "base/spare.h"

#define STACK_SIZE (256u * 1024) /* SQLite, zstd and mbedTLS stay well below */

struct work_pool {
	struct loop *loop;
	unsigned threads_max, threads; /* loop thread only */
	size_t idle, waiting;          /* threads and jobs, under the lock */
	pthread_t *ids;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct work_job *first, *last;
	size_t undone; /* started and not yet told; loop thread only */
	bool closing;
};

bool work_open(struct loop *loop, unsigned threads, struct work_pool **out, struct error *err)
{
	struct work_pool *pool = memory_new(struct work_pool);

	(void)err;
	assert(threads > 0);
	pool->loop = loop;
	pool->threads_max = threads;
	pool->ids = memory_zero(threads * sizeof(*pool->ids));
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wake, NULL);
	*out = pool;
	return true;
}

static void on_post(struct loop_post *post)
{
	struct work_job *job = CONTAINER_OF(post, struct work_job, post);

	job->pool->undone--;
	job->on_done(job);
}

static struct work_job *next_job(struct work_pool *pool)
{
	struct work_job *job;

	pthread_mutex_lock(&pool->lock);
	while (!pool->first && !pool->closing)
		pthread_cond_wait(&pool->wake, &pool->lock);
	job = pool->first;
	if (job) {
		pool->first = job->next;
		pool->waiting--;
		pool->idle--;
	}
	if (!pool->first)
		pool->last = NULL;
	pthread_mutex_unlock(&pool->lock);
	return job;
}

static void add_idle(struct work_pool *pool, int more)
{
	pthread_mutex_lock(&pool->lock);
	pool->idle += (size_t)more;
	pthread_mutex_unlock(&pool->lock);
}

static void *run_thread(void *of)
{
	struct work_pool *pool = of;
	struct work_job *job;

	while ((job = next_job(pool))) {
		job->run(job);
		add_idle(pool, 1);
		loop_post(pool->loop, &job->post);
	}
	spare_end_thread();
	return NULL;
}

/* Signals belong to the loop thread: servants start with all of them blocked. */
static bool start_thread(struct work_pool *pool)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	bool started;

	add_idle(pool, 1);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	started = pthread_create(&pool->ids[pool->threads], &attributes, run_thread, pool) == 0;
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started)
		pool->threads++;
	else
		add_idle(pool, -1);
	return started;
}

void work_start(struct work_pool *pool, struct work_job *job)
{
	bool more;

	assert(job->run && job->on_done);
	job->pool = pool;
	job->next = NULL;
	job->post.on_post = on_post;
	pool->undone++;
	pthread_mutex_lock(&pool->lock);
	if (pool->last)
		pool->last->next = job;
	else
		pool->first = job;
	pool->last = job;
	pool->waiting++;
	more = pool->waiting > pool->idle && pool->threads < pool->threads_max;
	pthread_cond_signal(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
	if (more && !start_thread(pool) && pool->threads == 0)
		abort(); /* no thread at all: nothing could ever be done */
}

void work_close(struct work_pool *pool)
{
	if (!pool)
		return;
	while (pool->undone > 0)
		loop_once(pool->loop, -1);
	pthread_mutex_lock(&pool->lock);
	pool->closing = true;
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->threads; i++)
		pthread_join(pool->ids[i], NULL);
	pthread_cond_destroy(&pool->wake);
	pthread_mutex_destroy(&pool->lock);
	free(pool->ids);
	free(pool);
}
