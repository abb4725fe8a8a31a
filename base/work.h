/*
 * work.h - servant threads: a job runs on a pool thread, its end is told on the loop.
 *
 * A job owns its inputs and touches nothing shared.  Jobs start in the order given;
 * a pool of one thread runs them one at a time.
 */
#ifndef BASE_WORK_H
#define BASE_WORK_H

#include "base/loop.h"

struct work_job {
	void (*run)(struct work_job *job);     /* pool thread                          */
	void (*on_done)(struct work_job *job); /* loop thread; the job may be freed    */
	struct loop_post post;                 /* private from here */
	struct work_job *next;
	struct work_pool *pool;
};

struct work_pool;
MUST_CHECK bool work_open(struct loop *loop, unsigned threads, struct work_pool **out,
			  struct error *err);
/* Waits for running jobs; jobs not yet started are still run; on_done of all is called. */
void work_close(struct work_pool *pool);
void work_start(struct work_pool *pool, struct work_job *job);

#endif
