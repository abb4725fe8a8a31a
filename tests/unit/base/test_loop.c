/*
 * test_loop.c - descriptors, timers, deferred tasks, posts, children and servant threads.
 */
#include "base/loop.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "base/work.h"
#include "tests/unit/harness.h"

static struct loop *open_loop(void)
{
	struct loop *loop;
	struct error err;

	CHECK_OK(loop_open(&loop, &err), &err);
	return loop;
}

static int order[8];
static int order_count;

struct numbered {
	struct loop_timer timer;
	int number;
};

static void on_timer(struct loop_timer *timer)
{
	order[order_count++] = CONTAINER_OF(timer, struct numbered, timer)->number;
}

/* Goal: timers come in order of their time; a stopped one never. */
static void timers_in_order(void)
{
	struct loop *loop = open_loop();
	static const int wanted[] = { 4, 3, 1, 0 };
	struct numbered timers[5];

	for (int i = 0; i < 5; i++) {
		timers[i] = (struct numbered){ .timer = { .on_timer = on_timer }, .number = i };
		loop_timer_set(loop, &timers[i].timer, 10 * (5 - i));
	}
	loop_timer_stop(&timers[2].timer);
	while (order_count < 4)
		loop_once(loop, -1);
	for (int i = 0; i < 4; i++)
		CHECK_INT(order[i], wanted[i]);
	loop_close(loop);
}

struct pair {
	struct loop_fd a, b;
	int calls;
};
static struct pair pair;

static void on_a(struct loop_fd *watch, unsigned events)
{
	(void)watch;
	(void)events;
	pair.calls++;
	loop_fd_stop(&pair.a);
	loop_fd_stop(&pair.b);
}

/* Goal: a watcher that another one removes in the same round is not called. */
static void removal_in_round(void)
{
	struct loop *loop = open_loop();
	struct error err;
	int ends[2][2];

	for (int i = 0; i < 2; i++) {
		CHECK(pipe(ends[i]) == 0);
		CHECK(write(ends[i][1], "x", 1) == 1);
	}
	pair.a = (struct loop_fd){ .on_event = on_a, .fd = ends[0][0] };
	pair.b = (struct loop_fd){ .on_event = on_a, .fd = ends[1][0] };
	CHECK_OK(loop_fd_start(loop, &pair.a, LOOP_READ, &err), &err);
	CHECK_OK(loop_fd_start(loop, &pair.b, LOOP_READ, &err), &err);
	loop_once(loop, 0);
	loop_once(loop, 0);
	CHECK_INT(pair.calls, 1);
	loop_close(loop);
}

struct summing {
	struct work_job job;
	int number;
};
static int sum, told;

static void run_sum(struct work_job *job)
{
	__atomic_add_fetch(&sum, CONTAINER_OF(job, struct summing, job)->number, __ATOMIC_SEQ_CST);
}

static void on_sum(struct work_job *job)
{
	told++;
	free(CONTAINER_OF(job, struct summing, job));
}

/* Goal: every job is run once and told once, from several threads. */
static void servants_work(void)
{
	struct loop *loop = open_loop();
	struct work_pool *pool;
	struct error err;

	CHECK_OK(work_open(loop, 3, &pool, &err), &err);
	for (int i = 1; i <= 1000; i++) {
		struct summing *job = memory_new(struct summing);

		job->job.run = run_sum;
		job->job.on_done = on_sum;
		job->number = i;
		work_start(pool, &job->job);
	}
	work_close(pool);
	CHECK_INT(told, 1000);
	CHECK_INT(sum, 500500);
	loop_close(loop);
}

static int child_status = -1;

static void on_exit_child(struct loop_child *child, int status)
{
	(void)child;
	child_status = status;
}

/* Goal: a program starts with exact descriptors and its exit is heard; one that is not there is
 * said. */
static void starts_programs(void)
{
	static const char *const argv[] = { "sh", "-c", "read x <&3; exit ${#x}", NULL };
	struct loop *loop = open_loop();
	struct loop_child child = { .on_exit = on_exit_child };
	struct process_plan plan = {
		.path = "sh", .argv = argv, .stdio = { -1, -1, 2 }, .extra_count = 1
	};
	struct error err;
	int ends[2];

	CHECK(pipe(ends) == 0);
	plan.extra_fds = &ends[0];
	CHECK_OK(process_start(&plan, &child.pid, &err), &err);
	CHECK_OK(loop_child_start(loop, &child, &err), &err);
	CHECK(write(ends[1], "seven77\n", 8) == 8);
	while (child_status < 0)
		loop_once(loop, -1);
	CHECK(WIFEXITED(child_status));
	CHECK_INT(WEXITSTATUS(child_status), 7);
	plan.path = "/nonexistent/program";
	CHECK(!process_start(&plan, &child.pid, &err));
	CHECK(strstr(err.text, "No such file") != NULL);
	loop_close(loop);
}

struct caller {
	struct loop_hook hook;
	struct loop *loop;
	int calls;
};
static struct caller callers[4];

static void on_plain_hook(struct loop_hook *hook)
{
	CONTAINER_OF(hook, struct caller, hook)->calls++;
}

/* Takes itself and both neighbours out. */
static void on_removing_hook(struct loop_hook *hook)
{
	on_plain_hook(hook);
	for (int i = 0; i < 3; i++)
		loop_hook_remove(&callers[i].hook);
}

static void on_nesting_hook(struct loop_hook *hook)
{
	struct caller *caller = CONTAINER_OF(hook, struct caller, hook);

	if (++caller->calls == 1)
		loop_once(caller->loop, 0);
}

/* Goal: a hook may remove itself and the ones before and behind it; the others are called still. */
static void hooks_remove_hooks(void)
{
	struct loop *loop = open_loop();

	for (int i = 0; i < 4; i++) {
		callers[i] = (struct caller){ .hook.on_hook = on_plain_hook };
		loop_hook_add(loop, &callers[i].hook);
	}
	callers[1].hook.on_hook = on_removing_hook;
	loop_once(loop, 0);
	loop_once(loop, 0);
	CHECK_INT(callers[0].calls, 1);
	CHECK_INT(callers[1].calls, 1);
	CHECK_INT(callers[2].calls, 0);
	CHECK_INT(callers[3].calls, 2);
	loop_close(loop);
}

/* Goal: a round inside a hook calls every hook once more, and nothing else happens. */
static void hooks_nest(void)
{
	struct loop *loop = open_loop();

	for (int i = 0; i < 3; i++) {
		callers[i] = (struct caller){ .hook.on_hook = on_nesting_hook, .loop = loop };
		loop_hook_add(loop, &callers[i].hook);
	}
	loop_once(loop, 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(callers[i].calls, 4);
	loop_close(loop);
}

struct nesting {
	struct loop_task task;
	struct loop *loop;
	int calls;
};

static void on_nesting_task(struct loop_task *task)
{
	struct nesting *nesting = CONTAINER_OF(task, struct nesting, task);

	nesting->calls++;
	loop_once(nesting->loop, 0);
}

/* Goal: tasks that run a round of their own are each called once, with those that stood behind. */
static void tasks_nest(void)
{
	struct loop *loop = open_loop();
	struct nesting nesting[3];

	for (int i = 0; i < 3; i++) {
		nesting[i] = (struct nesting){ .task.on_task = on_nesting_task, .loop = loop };
		loop_defer(loop, &nesting[i].task);
	}
	loop_once(loop, 0);
	loop_once(loop, 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(nesting[i].calls, 1);
	loop_close(loop);
}

static int signals_seen;

static void on_signal(struct loop_signal *watch, int signal)
{
	(void)watch;
	CHECK_INT(signal, SIGUSR1);
	signals_seen++;
}

/* Goal: signals arrive as loop events. */
static void hears_signals(void)
{
	struct loop *loop = open_loop();
	struct loop_signal watch = { .on_signal = on_signal };
	struct error err;

	CHECK_OK(loop_signal_start(loop, &watch, (int[]){ SIGUSR1 }, 1, &err), &err);
	raise(SIGUSR1);
	while (signals_seen == 0)
		loop_once(loop, -1);
	loop_signal_stop(&watch);
	loop_close(loop);
}

static const struct test tests[] = {
	{ "timers in order", timers_in_order }, { "removal in round", removal_in_round },
	{ "servants work", servants_work },     { "starts programs", starts_programs },
	{ "hears signals", hears_signals },     { "hooks remove hooks", hooks_remove_hooks },
	{ "hooks nest", hooks_nest },           { "tasks nest", tasks_nest },
};
TEST_MAIN(tests)
