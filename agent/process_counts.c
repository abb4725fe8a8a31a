/*
 * process_counts.c - a list of groups goes to the servant, comes back with figures, replaces the
 * last.
 */
#include "agent/process_counts.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"

struct group {
	char *folder;
	int pid;
	bool is_known;
	struct cgroup_processes found;
};

struct process_counts {
	struct work_pool *pool;
	void (*list)(void *of, struct process_counts *counts);
	void *of;
	struct work_job job;
	bool counting;
	int64_t begun_us;     /* of the count under way */
	struct group *groups; /* of it: the servant's meanwhile */
	size_t count, room;
	struct map *known; /* folder -> struct cgroup_processes */
	int64_t known_us;  /* 0 = never; wall clock */
	int64_t known_ms;
	struct list waits;
};

/* --- the servant --- */

static void run(struct work_job *job)
{
	struct process_counts *counts = CONTAINER_OF(job, struct process_counts, job);
	int64_t until_ns = cgroup_processes_clock() + LIMIT_COUNTING_MS * INT64_C(1000000);

	for (size_t i = 0; i < counts->count; i++) {
		struct group *group = &counts->groups[i];

		group->is_known = cgroup_processes_count("/proc", group->folder, group->pid,
							 until_ns, &group->found);
	}
}

static void drop_groups(struct process_counts *counts)
{
	for (size_t i = 0; i < counts->count; i++)
		free(counts->groups[i].folder);
	free(counts->groups);
	counts->groups = NULL;
	counts->count = counts->room = 0;
}

static void on_done(struct work_job *job)
{
	struct process_counts *counts = CONTAINER_OF(job, struct process_counts, job);

	map_free_all(counts->known);
	counts->known = map_new();
	for (size_t i = 0; i < counts->count; i++) {
		const struct group *group = &counts->groups[i];

		if (group->is_known)
			free(map_put(counts->known, str_of(group->folder),
				     memory_copy(&group->found, sizeof(group->found))));
	}
	drop_groups(counts);
	counts->known_us = counts->begun_us;
	counts->known_ms = clock_now_ms();
	counts->counting = false;
	LIST_EACH_SAFE(&counts->waits, link)
	{
		struct process_counts_wait *wait =
			LIST_OWNER(link, struct process_counts_wait, link);

		list_remove(link);
		wait->on_ready(wait);
	}
}

static void begin(struct process_counts *counts)
{
	counts->counting = true;
	counts->begun_us = clock_wall_us();
	counts->list(counts->of, counts);
	work_start(counts->pool, &counts->job);
}

/* --- outside --- */

struct process_counts *process_counts_new(struct loop *loop,
					  void (*list)(void *of, struct process_counts *counts),
					  void *of)
{
	struct process_counts *counts = memory_new(struct process_counts);
	struct error err;

	if (!work_open(loop, 1, &counts->pool, &err))
		abort(); /* nothing of it can fail: the thread comes with the first job */
	counts->list = list;
	counts->of = of;
	counts->job.run = run;
	counts->job.on_done = on_done;
	counts->known = map_new();
	list_init(&counts->waits);
	return counts;
}

void process_counts_free(struct process_counts *counts)
{
	if (!counts)
		return;
	LIST_EACH_SAFE(&counts->waits, link)
	list_remove(link);
	work_close(counts->pool);
	drop_groups(counts);
	map_free_all(counts->known);
	free(counts);
}

void process_counts_add(struct process_counts *counts, const char *folder, int pid)
{
	if (counts->count == counts->room) {
		counts->room = counts->room ? counts->room * 2 : 64;
		counts->groups =
			memory_grow(counts->groups, counts->room * sizeof(*counts->groups));
	}
	counts->groups[counts->count++] =
		(struct group){ .folder = memory_string(folder), .pid = pid };
}

bool process_counts_want(struct process_counts *counts, int64_t max_age_ms,
			 struct process_counts_wait *wait)
{
	if (counts->known_us > 0 && clock_now_ms() - counts->known_ms <= max_age_ms)
		return true;
	if (!counts->counting)
		begin(counts);
	if (!wait->link.next || list_is_empty(&wait->link)) /* not waiting yet */
		list_add(&counts->waits, &wait->link);
	return false;
}

void process_counts_cancel(struct process_counts_wait *wait)
{
	if (wait->link.next)
		list_remove(&wait->link);
}

bool process_counts_find(const struct process_counts *counts, const char *folder,
			 struct cgroup_processes *out)
{
	const struct cgroup_processes *found = map_find(counts->known, str_of(folder));

	if (found)
		*out = *found;
	return found != NULL;
}

int64_t process_counts_time_us(const struct process_counts *counts)
{
	return counts->known_us;
}
