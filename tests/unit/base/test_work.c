/*
 * test_work.c - servant threads: order, number, where jobs run and where their end is told.
 */
#include "base/work.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>

#include "tests/unit/harness.h"

struct task {
	struct work_job job;
	int number;
	sem_t *wait_for, *then_tell;
	bool late; /* waited in vain */
	pthread_t ran_on, told_on;
	sigset_t blocked;
	bool told;
};

static int order[64];
static int order_count, told_count;

static void run(struct work_job *job)
{
	struct task *task = CONTAINER_OF(job, struct task, job);
	struct timespec until;
	int waited = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	if (task->wait_for)
		do
			waited = sem_timedwait(task->wait_for, &until);
		while (waited != 0 && errno == EINTR);
	task->late = waited != 0;
	task->ran_on = pthread_self();
	pthread_sigmask(SIG_SETMASK, NULL, &task->blocked);
	order[__atomic_fetch_add(&order_count, 1, __ATOMIC_SEQ_CST) % 64] = task->number;
	if (task->then_tell)
		sem_post(task->then_tell);
}

static void on_done(struct work_job *job)
{
	struct task *task = CONTAINER_OF(job, struct task, job);

	task->told_on = pthread_self();
	task->told = true;
	told_count++;
}

static struct loop *loop;
static struct work_pool *pool;

static void open_pool(unsigned threads)
{
	struct error err;

	CHECK_OK(loop_open(&loop, &err), &err);
	CHECK_OK(work_open(loop, threads, &pool, &err), &err);
}

static void start(struct task *task, int number)
{
	task->job.run = run;
	task->job.on_done = on_done;
	task->number = number;
	work_start(pool, &task->job);
}

static void close_pool(void)
{
	work_close(pool);
	loop_close(loop);
}

/* Goal: a pool of one thread runs its jobs in the order given, and closing waits for all. */
static void one_thread_keeps_order(void)
{
	struct task tasks[64] = { 0 };

	open_pool(1);
	for (int i = 0; i < 64; i++)
		start(&tasks[i], i);
	close_pool();
	CHECK_INT(told_count, 64);
	for (int i = 0; i < 64; i++)
		CHECK_INT(order[i], i);
}

/* Threads made from now on run only when this one sleeps: all on one processor, the others idle
 * class.  Where the system does not let us, the test is weaker, not wrong. */
static void make_lazy_threads(void)
{
	struct sched_param none = { 0 };
	cpu_set_t all, one;

	CPU_ZERO(&one);
	CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
	for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
	(void)pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
}

static void end_laziness(pthread_t thread)
{
	struct sched_param none = { 0 };

	(void)pthread_setschedparam(thread, SCHED_OTHER, &none);
}

/* Goal: two jobs given at once get two threads although one is idle and has not woken up yet. */
static void second_job_gets_a_thread(void)
{
	struct task first = { 0 }, waits = { 0 }, tells = { 0 };
	sem_t told;

	make_lazy_threads();
	sem_init(&told, 0, 0);
	open_pool(2);
	start(&first, 0);
	while (!first.told)
		loop_once(loop, -1);
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL); /* the thread falls asleep */
	end_laziness(pthread_self());
	waits.wait_for = &told;
	tells.then_tell = &told;
	start(&waits, 1);
	start(&tells, 2);
	end_laziness(first.ran_on);
	close_pool();
	CHECK(!waits.late);
	CHECK(!pthread_equal(waits.ran_on, tells.ran_on));
	sem_destroy(&told);
}

/* Goal: jobs given one after the other's end need one thread only. */
static void idle_thread_is_used_again(void)
{
	struct task tasks[20] = { 0 };

	open_pool(4);
	for (int i = 0; i < 20; i++) {
		start(&tasks[i], i);
		while (!tasks[i].told)
			loop_once(loop, -1);
		CHECK(pthread_equal(tasks[i].ran_on, tasks[0].ran_on));
	}
	close_pool();
}

/* Goal: there are as many threads as jobs at once, up to the number given: three jobs of a pool of
 * three that need each other all run. */
static void threads_up_to_the_number(void)
{
	struct task tasks[4] = { 0 };
	sem_t steps[3];

	for (int i = 0; i < 3; i++)
		sem_init(&steps[i], 0, 0);
	open_pool(3);
	for (int i = 0; i < 4; i++) {
		tasks[i].wait_for = i < 3 ? &steps[i] : NULL;
		tasks[i].then_tell = i > 0 && i < 3 ? &steps[i - 1] : NULL;
	}
	start(&tasks[0], 0);
	start(&tasks[1], 1);
	start(&tasks[2], 2);
	start(&tasks[3], 3); /* finds no fourth thread and runs when one is free */
	sem_post(&steps[2]);
	close_pool();
	for (int i = 0; i < 4; i++)
		CHECK(!tasks[i].late);
	CHECK(order[0] == 2);
	for (int i = 0; i < 3; i++)
		sem_destroy(&steps[i]);
}

/* Goal: jobs run on other threads with all signals blocked, and their end is told on the loop's. */
static void runs_there_and_tells_here(void)
{
	struct task task = { 0 };

	open_pool(1);
	start(&task, 0);
	close_pool();
	CHECK(!pthread_equal(task.ran_on, pthread_self()));
	CHECK(pthread_equal(task.told_on, pthread_self()));
	CHECK(sigismember(&task.blocked, SIGTERM));
	CHECK(sigismember(&task.blocked, SIGCHLD));
}

/* Goal: a pool that never had a job, and none at all, can be closed. */
static void closes_unused(void)
{
	open_pool(2);
	close_pool();
	work_close(NULL);
}

static const struct test tests[] = {
	{ "one thread keeps order", one_thread_keeps_order },
	{ "second job gets a thread", second_job_gets_a_thread },
	{ "idle thread is used again", idle_thread_is_used_again },
	{ "threads up to the number", threads_up_to_the_number },
	{ "runs there and tells here", runs_there_and_tells_here },
	{ "closes unused", closes_unused },
};
TEST_MAIN(tests)
