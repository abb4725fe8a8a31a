/*
 * loop.c - epoll, a heap of timers, deferred tasks, posts from other threads.
 *
 * One round: before_sleep hooks, wait, descriptors, timers, deferred tasks.  A watcher that is
 * stopped inside a callback is scrubbed from the events not yet delivered, so it is never called
 * again in that round.
 */
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

#define EVENTS_MAX 128

struct loop {
	int epoll;
	bool stopped;
	struct epoll_event events[EVENTS_MAX];
	int event_at, event_count;
	struct loop_timer **heap; /* heap[1] is due first */
	size_t timer_count, heap_room;
	struct list tasks, hooks;
	struct loop_fd wake;
	pthread_mutex_t post_lock;
	struct loop_post *posts; /* newest first */
};

static void on_wake(struct loop_fd *watch, unsigned events);

bool loop_open(struct loop **out, struct error *err)
{
	struct loop *loop = memory_new(struct loop);

	list_init(&loop->tasks);
	list_init(&loop->hooks);
	pthread_mutex_init(&loop->post_lock, NULL);
	loop->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->wake.on_event = on_wake;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0 || loop->wake.fd < 0) {
		error_os(err, "open event loop");
		loop_close(loop);
		return false;
	}
	if (!loop_fd_start(loop, &loop->wake, LOOP_READ, err)) {
		loop_close(loop);
		return false;
	}
	*out = loop;
	return true;
}

void loop_close(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->wake.fd >= 0)
		close(loop->wake.fd);
	if (loop->epoll >= 0)
		close(loop->epoll);
	pthread_mutex_destroy(&loop->post_lock);
	free(loop->heap);
	free(loop);
}

/* --- descriptors --- */

static uint32_t epoll_wants(unsigned wants)
{
	return (wants & LOOP_READ ? (uint32_t)EPOLLIN | EPOLLRDHUP : 0) |
	       (wants & LOOP_WRITE ? (uint32_t)EPOLLOUT : 0);
}

bool loop_fd_start(struct loop *loop, struct loop_fd *watch, unsigned wants, struct error *err)
{
	struct epoll_event event = { .events = epoll_wants(wants), .data.ptr = watch };

	assert(!watch->active && watch->on_event);
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, watch->fd, &event) != 0)
		return error_os(err, "watch descriptor %d", watch->fd);
	watch->loop = loop;
	watch->wants = wants;
	watch->active = true;
	return true;
}

void loop_fd_want(struct loop_fd *watch, unsigned wants)
{
	struct epoll_event event = { .events = epoll_wants(wants), .data.ptr = watch };

	if (!watch->active || watch->wants == wants)
		return;
	if (epoll_ctl(watch->loop->epoll, EPOLL_CTL_MOD, watch->fd, &event) != 0)
		assert(!"a watched descriptor was closed");
	watch->wants = wants;
}

void loop_fd_stop(struct loop_fd *watch)
{
	struct loop *loop = watch->loop;

	if (!watch->active)
		return;
	watch->active = false;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	for (int i = loop->event_at; i < loop->event_count; i++)
		if (loop->events[i].data.ptr == watch)
			loop->events[i].data.ptr = NULL;
}

static void deliver(struct loop *loop)
{
	while (loop->event_at < loop->event_count) {
		struct epoll_event event = loop->events[loop->event_at++];
		struct loop_fd *watch = event.data.ptr;
		unsigned events = 0;

		if (!watch)
			continue;
		if (event.events & (EPOLLIN | EPOLLRDHUP))
			events |= LOOP_READ;
		if (event.events & EPOLLOUT)
			events |= LOOP_WRITE;
		if (event.events & (EPOLLHUP | EPOLLERR))
			events |= LOOP_HANGUP;
		watch->on_event(watch, events);
	}
}

/* --- timers: a binary heap, heap_at is the timer's place in it --- */

static void place(struct loop *loop, size_t at, struct loop_timer *timer)
{
	loop->heap[at] = timer;
	timer->heap_at = at;
}

static void sift_up(struct loop *loop, size_t at)
{
	struct loop_timer *timer = loop->heap[at];

	for (; at > 1 && loop->heap[at / 2]->due_ms > timer->due_ms; at /= 2)
		place(loop, at, loop->heap[at / 2]);
	place(loop, at, timer);
}

static void sift_down(struct loop *loop, size_t at)
{
	struct loop_timer *timer = loop->heap[at];

	for (size_t child; (child = at * 2) <= loop->timer_count; at = child) {
		if (child < loop->timer_count &&
		    loop->heap[child + 1]->due_ms < loop->heap[child]->due_ms)
			child++;
		if (loop->heap[child]->due_ms >= timer->due_ms)
			break;
		place(loop, at, loop->heap[child]);
	}
	place(loop, at, timer);
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t after_ms)
{
	assert(timer->on_timer);
	loop_timer_stop(timer);
	timer->loop = loop;
	timer->due_ms = clock_now_ms() + (after_ms > 0 ? after_ms : 0);
	if (loop->timer_count + 2 > loop->heap_room) {
		loop->heap_room = loop->heap_room ? loop->heap_room * 2 : 16;
		loop->heap = memory_grow(loop->heap, loop->heap_room * sizeof(struct loop_timer *));
	}
	place(loop, ++loop->timer_count, timer);
	sift_up(loop, loop->timer_count);
}

void loop_timer_stop(struct loop_timer *timer)
{
	struct loop *loop = timer->loop;
	size_t at = timer->heap_at;
	struct loop_timer *last;

	if (at == 0)
		return;
	assert(loop->heap[at] == timer);
	timer->heap_at = 0;
	last = loop->heap[loop->timer_count--];
	if (last == timer)
		return;
	place(loop, at, last);
	sift_up(loop, at);
	sift_down(loop, last->heap_at);
}

/* Only timers due now: one that sets itself again for "at once" waits for the next round. */
static void run_timers(struct loop *loop)
{
	int64_t now = clock_now_ms();
	size_t budget = loop->timer_count;

	while (loop->timer_count > 0 && budget-- > 0 && loop->heap[1]->due_ms <= now) {
		struct loop_timer *timer = loop->heap[1];

		loop_timer_stop(timer);
		timer->on_timer(timer);
	}
}

static int wait_time(struct loop *loop, int wait_ms)
{
	int64_t until_ms;

	if (!list_is_empty(&loop->tasks))
		return 0;
	if (loop->timer_count == 0)
		return wait_ms;
	until_ms = loop->heap[1]->due_ms - clock_now_ms();
	if (until_ms < 0)
		until_ms = 0;
	if (until_ms > INT32_MAX)
		until_ms = INT32_MAX;
	return wait_ms >= 0 && wait_ms < until_ms ? wait_ms : (int)until_ms;
}

/* --- deferred tasks --- */

void loop_defer(struct loop *loop, struct loop_task *task)
{
	assert(task->on_task);
	if (task->queued)
		return;
	task->queued = true;
	list_add(&loop->tasks, &task->link);
}

void loop_task_cancel(struct loop_task *task)
{
	if (!task->queued)
		return;
	task->queued = false;
	list_remove(&task->link);
}

/* Those queued so far; tasks that they defer run in the next round, after descriptors had their
 * turn.  A task may call loop_once, so there may be a mark of an outer walk: it goes behind ours
 * and is the first when we are done. */
static void run_tasks(struct loop *loop)
{
	struct loop_task mark = { .queued = true };

	list_add(&loop->tasks, &mark.link);
	while (loop->tasks.next != &mark.link) {
		struct loop_task *task = LIST_OWNER(loop->tasks.next, struct loop_task, link);

		if (task->on_task) {
			loop_task_cancel(task);
			task->on_task(task);
		} else {
			list_remove(&task->link);
			list_add_front(&mark.link, &task->link);
		}
	}
	list_remove(&mark.link);
}

/* --- hooks --- */

void loop_hook_add(struct loop *loop, struct loop_hook *hook)
{
	assert(hook->on_hook);
	list_add(&loop->hooks, &hook->link);
}

void loop_hook_remove(struct loop_hook *hook)
{
	list_remove(&hook->link);
}

/* A mark stands behind the hook that is called: that one and its neighbours may go meanwhile.
 * Marks of outer walks (a hook may call loop_once) are passed over. */
static void run_hooks(struct loop *loop)
{
	struct loop_hook mark = { 0 };

	list_add_front(&loop->hooks, &mark.link);
	while (mark.link.next != &loop->hooks) {
		struct loop_hook *hook = LIST_OWNER(mark.link.next, struct loop_hook, link);

		list_remove(&mark.link);
		list_add_front(&hook->link, &mark.link);
		if (hook->on_hook)
			hook->on_hook(hook);
	}
	list_remove(&mark.link);
}

/* --- posts --- */

void loop_post(struct loop *loop, struct loop_post *post)
{
	uint64_t one = 1;
	bool first;

	pthread_mutex_lock(&loop->post_lock);
	first = !loop->posts;
	post->next = loop->posts;
	loop->posts = post;
	pthread_mutex_unlock(&loop->post_lock);
	/* The counter cannot overflow: one write a batch. */
	if (first && write(loop->wake.fd, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
}

static void on_wake(struct loop_fd *watch, unsigned events)
{
	struct loop *loop = watch->loop;
	struct loop_post *posts, *ordered = NULL;
	uint64_t count;

	(void)events;
	if (read(watch->fd, &count, sizeof(count)) < 0)
		assert(errno == EAGAIN);
	pthread_mutex_lock(&loop->post_lock);
	posts = loop->posts;
	loop->posts = NULL;
	pthread_mutex_unlock(&loop->post_lock);
	while (posts) {
		struct loop_post *next = posts->next;

		posts->next = ordered;
		ordered = posts;
		posts = next;
	}
	while (ordered) {
		struct loop_post *next = ordered->next;

		ordered->on_post(ordered);
		ordered = next;
	}
}

/* --- running --- */

void loop_once(struct loop *loop, int wait_ms)
{
	int count;

	run_hooks(loop);
	count = epoll_wait(loop->epoll, loop->events, EVENTS_MAX, wait_time(loop, wait_ms));
	loop->event_at = 0;
	loop->event_count = count > 0 ? count : 0;
	deliver(loop);
	run_timers(loop);
	run_tasks(loop);
}

void loop_run(struct loop *loop)
{
	loop->stopped = false;
	while (!loop->stopped)
		loop_once(loop, -1);
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

/* --- children --- */

static void on_child(struct loop_fd *watch, unsigned events)
{
	struct loop_child *child = CONTAINER_OF(watch, struct loop_child, watch);
	int status = 0;
	pid_t got;

	(void)events;
	do
		got = waitpid(child->pid, &status, WNOHANG);
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return;
	loop_child_stop(child);
	child->on_exit(child, got == child->pid ? status : 0);
}

bool loop_child_start(struct loop *loop, struct loop_child *child, struct error *err)
{
	int fd = (int)syscall(SYS_pidfd_open, child->pid, 0);

	assert(child->on_exit);
	if (fd < 0)
		return error_os(err, "watch process %d", (int)child->pid);
	child->watch = (struct loop_fd){ .on_event = on_child, .fd = fd };
	if (loop_fd_start(loop, &child->watch, LOOP_READ, err))
		return true;
	close(fd);
	return false;
}

void loop_child_stop(struct loop_child *child)
{
	if (!child->watch.active)
		return;
	loop_fd_stop(&child->watch);
	close(child->watch.fd);
}

/* --- signals --- */

static void on_signal_fd(struct loop_fd *watch, unsigned events)
{
	struct loop_signal *own = CONTAINER_OF(watch, struct loop_signal, watch);
	struct signalfd_siginfo facts;

	(void)events;
	if (read(watch->fd, &facts, sizeof(facts)) == (ssize_t)sizeof(facts))
		own->on_signal(own, (int)facts.ssi_signo);
}

bool loop_signal_start(struct loop *loop, struct loop_signal *watch, const int *signals,
		       size_t count, struct error *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < count; i++)
		sigaddset(&set, signals[i]);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return error_os(err, "block signals");
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return error_os(err, "watch signals");
	watch->watch = (struct loop_fd){ .on_event = on_signal_fd, .fd = fd };
	if (loop_fd_start(loop, &watch->watch, LOOP_READ, err))
		return true;
	close(fd);
	return false;
}

void loop_signal_stop(struct loop_signal *watch)
{
	if (!watch->watch.active)
		return;
	loop_fd_stop(&watch->watch);
	close(watch->watch.fd);
}
