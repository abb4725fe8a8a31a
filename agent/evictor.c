/*
 * evictor.c - the looks, and what is done about them.
 */
#include "agent/evictor.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/eviction_rank.h"
#include "agent/recorder.h"
#include "api/object.h"
#include "api/pod_quality.h"
#include "base/clock.h"
#include "base/log.h"

#define LOOK_MS      10000
#define SOON_MS      1000  /* while a pod goes; and between two looks that the kernel asked for */
#define GONE_MS      30000 /* a pod that takes longer to go is not waited for */
#define GRACE_HARD_S 1
#define FILES_AGE_MS 10000 /* counts of files that are good enough for ranking */
#define PSI_PATH     "/proc/pressure/memory"
#define PSI_TRIGGER  "some 150000 1000000" /* microseconds of waiting in a second */
#define UID_MAX_     64

struct evictor {
	struct evictor_plan plan;
	const struct node_limits *limits;
	struct eviction_judge judge;
	struct node_pressure pressure;
	struct observation seen[SIGNALS];
	struct loop_timer timer;
	int64_t looked_ms;
	struct timespec images_changed; /* the book of the store */
	/* what the kernel tells */
	int psi_fd, psi_epoll_fd, mark_fd;
	struct loop_fd psi, mark;
	struct cgroup *group; /* of all pods; NULL = not known */
	/* what is being done */
	const struct eviction_threshold *acting; /* files are counted, or images removed for it */
	struct disk_use_wait wait;
	bool reclaimed;
	char gone_uid[UID_MAX_]; /* the pod that goes; "" = none */
	int64_t gone_due_ms;
	/* limits of local storage */
	bool pods_changed, has_limits;
	struct disk_use_wait limited_wait;
	bool limited_waits;
	uint64_t counts[SIGNALS];
};

/* --- looking --- */

static void see(struct evictor *it, enum eviction_signal signal, int64_t available,
		int64_t capacity)
{
	it->seen[signal] = (struct observation){ true, available, capacity };
}

static void see_memory(struct evictor *it)
{
	struct usage_detail use;
	struct memory_use memory;
	struct error ignored;
	int64_t most;

	node_use_memory(&memory);
	if (memory.total > 0)
		see(it, SIGNAL_MEMORY, memory.available, memory.total);
	if (!it->group || !cgroup_usage_detail(it->group, &use, &ignored))
		return;
	most = it->plan.machine->memory - it->limits->system.memory - it->limits->kube.memory;
	see(it, SIGNAL_ALLOCATABLE_MEMORY, most - (int64_t)use.working_set, most);
}

static void see_disk(struct evictor *it)
{
	auto_free char *store = memory_print("%s/store", it->plan.node->folder);
	struct file_system_use fs;

	if (node_use_file_system(it->plan.node->folder, &fs)) {
		see(it, SIGNAL_NODEFS, fs.available, fs.capacity);
		see(it, SIGNAL_CONTAINERFS, fs.available, fs.capacity);
		it->seen[SIGNAL_NODEFS_INODES] = it->seen[SIGNAL_CONTAINERFS_INODES] =
			(struct observation){ fs.inodes > 0, fs.inodes_free, fs.inodes };
	}
	if (node_use_file_system(store, &fs)) {
		see(it, SIGNAL_IMAGEFS, fs.available, fs.capacity);
		it->seen[SIGNAL_IMAGEFS_INODES] =
			(struct observation){ fs.inodes > 0, fs.inodes_free, fs.inodes };
	}
}

static void see_pids(struct evictor *it)
{
	struct process_use processes;

	node_use_processes(&processes);
	if (processes.max > 0)
		see(it, SIGNAL_PID, processes.max - processes.running, processes.max);
}

static bool is_watched(const struct evictor *it, const char *resource)
{
	for (size_t i = 0; i < it->limits->threshold_count; i++)
		if (strcmp(eviction_resource(it->limits->thresholds[i].signal), resource) == 0)
			return true;
	return false;
}

static void see_all(struct evictor *it)
{
	memset(it->seen, 0, sizeof(it->seen));
	if (is_watched(it, "memory"))
		see_memory(it);
	if (is_watched(it, "ephemeral-storage") || is_watched(it, "inodes"))
		see_disk(it);
	if (is_watched(it, "pids"))
		see_pids(it);
}

/* --- ending pods --- */

static struct pod *find_uid(const struct evictor *it, const char *uid)
{
	struct pod *pod;

	for (size_t i = 0; (pod = pods_next(it->plan.pods, &i));)
		if (str_is(pod_uid(pod), uid))
			return pod;
	return NULL;
}

/* A pod goes, and has not gone yet. */
static bool is_waiting(struct evictor *it)
{
	struct pod *pod = *it->gone_uid ? find_uid(it, it->gone_uid) : NULL;

	if (pod && pod_sandbox(pod) && clock_now_ms() < it->gone_due_ms)
		return true;
	it->gone_uid[0] = '\0';
	return false;
}

static int64_t grace_of(const struct evictor *it, const struct eviction_threshold *threshold,
			const struct json *pod)
{
	const struct json *own = json_path(pod, "spec", "terminationGracePeriodSeconds", NULL);

	if (!threshold->is_soft)
		return GRACE_HARD_S;
	return own && json_int(own) < it->limits->pod_grace_max_s ? json_int(own)
								  : it->limits->pod_grace_max_s;
}

static void end_pod(struct evictor *it, const struct eviction_threshold *threshold,
		    const struct eviction_candidate *candidate)
{
	struct pod *pod;
	auto_buf message = BUF_INIT;

	for (size_t i = 0; (pod = pods_next(it->plan.pods, &i));)
		if (pod == candidate->stats->pod)
			break;
	if (!pod)
		return;
	eviction_print(candidate, threshold, &it->seen[threshold->signal], &message);
	log_warn("agent.eviction", "a pod is evicted",
		 "pod=" STR_FMT "/" STR_FMT " signal=%s usage=%" PRId64 " request=%" PRId64,
		 STR_ARG(pod_namespace(pod)), STR_ARG(pod_name(pod)),
		 eviction_signal_name(threshold->signal), candidate->usage, candidate->request);
	snprintf(it->gone_uid, sizeof(it->gone_uid), STR_FMT, STR_ARG(pod_uid(pod)));
	it->gone_due_ms = clock_now_ms() + GONE_MS;
	it->counts[threshold->signal]++;
	pod_fail(pod, "Evicted", buf_text(&message), grace_of(it, threshold, candidate->object),
		 true);
}

static bool is_candidate(const struct stats_pod *stats)
{
	return stats->container_count > 0 && !pod_is_leaving(stats->pod) &&
	       !eviction_is_critical(pod_object(stats->pod));
}

static void choose_pod(struct evictor *it, const struct eviction_threshold *threshold)
{
	auto_arena arena = arena_new();
	struct eviction_candidate *candidates;
	struct stats_look look;
	size_t count = 0;

	stats_take(it->plan.stats, STATS_VOLUMES, arena, &look);
	candidates = arena_zero(arena, (look.count + 1) * sizeof(*candidates));
	for (size_t i = 0; i < look.count; i++) {
		struct disk_use_figure disk = stats_pod_disk(&look.pods[i]);

		if (!is_candidate(&look.pods[i]))
			continue;
		candidates[count].object = pod_object(look.pods[i].pod);
		candidates[count].stats = &look.pods[i];
		eviction_measure(threshold->signal, &disk, &candidates[count++]);
	}
	eviction_rank(candidates, count, threshold->signal);
	if (count > 0)
		end_pod(it, threshold, &candidates[0]);
	else
		log_warn("agent.eviction", "there is no pod that could be evicted", "signal=%s",
			 eviction_signal_name(threshold->signal));
}

/* --- acting --- */

static void say_threshold(struct evictor *it, const struct eviction_threshold *threshold)
{
	auto_json_doc doc = json_doc_new();
	struct json *node = json_new_object(doc),
		    *metadata = json_sub_object(doc, node, "metadata");
	struct recorder_about about = {
		.object = node, .kind = "Node", .api_version = "v1", .field_path = ""
	};

	json_put(doc, metadata, "name", json_new_text(doc, it->plan.node->name));
	json_put(doc, metadata, "uid", json_new_text(doc, it->plan.node->name));
	recorder_emit(it->plan.node->recorder, &about, "Warning", "EvictionThresholdMet",
		      "Attempting to reclaim %s", eviction_resource(threshold->signal));
}

/* Runs that are over and have been followed by another: what they wrote goes. */
static void drop_dead_containers(struct evictor *it)
{
	struct pod *pod;

	for (size_t i = 0; (pod = pods_next(it->plan.pods, &i));) {
		size_t count = 0;
		const struct container_state *states =
			pod_sandbox(pod) ? sandbox_containers(pod_sandbox(pod), &count) : NULL;

		for (size_t c = 0; c < count; c++) {
			char present[CONTAINER_ID_MAX];
			struct str name = str_from(states[c].id, strcspn(states[c].id, "."));

			if (states[c].phase == CONTAINER_EXITED &&
			    pod_container_id(pod, name, present) &&
			    strcmp(present, states[c].id) != 0)
				sandbox_remove_container(pod_sandbox(pod), states[c].id);
		}
	}
}

static void go_on(struct evictor *it)
{
	loop_timer_set(it->plan.node->loop, &it->timer, 0);
}

static void on_images_gone(void *of, int64_t freed)
{
	struct evictor *it = of;

	if (freed > 0)
		log_info("agent.eviction", "unused images were removed", "bytes=%" PRId64, freed);
	it->reclaimed = true;
	go_on(it);
}

static void on_counted(struct disk_use_wait *wait)
{
	go_on(CONTAINER_OF(wait, struct evictor, wait));
}

/* Memory and pids: at once.  Disk: first what nobody misses, then who has the most files. */
static void act(struct evictor *it, const struct eviction_threshold *threshold)
{
	bool disk = strcmp(eviction_resource(threshold->signal), "ephemeral-storage") == 0 ||
		    strcmp(eviction_resource(threshold->signal), "inodes") == 0;

	if (!it->acting) {
		say_threshold(it, threshold);
		it->acting = threshold;
		it->reclaimed = false;
		if (disk) {
			drop_dead_containers(it);
			image_gc_free_all(it->plan.images, on_images_gone, it);
			return;
		}
	}
	if (disk && !it->reclaimed)
		return; /* the servant is at it */
	if (disk && !disk_use_want(stats_disk(it->plan.stats), FILES_AGE_MS, &it->wait))
		return;
	choose_pod(it, threshold);
	it->acting = NULL;
}

/* --- limits of local storage --- */

static void note_limits(struct evictor *it)
{
	const struct pod *pod;

	it->pods_changed = it->has_limits = false;
	for (size_t i = 0; (pod = pods_next(it->plan.pods, &i)) && !it->has_limits;)
		it->has_limits = eviction_has_local_limit(pod_object(pod));
}

static void on_limited_counted(struct disk_use_wait *wait)
{
	struct evictor *it = CONTAINER_OF(wait, struct evictor, limited_wait);
	auto_arena arena = arena_new();
	struct stats_look look;

	it->limited_waits = false;
	stats_take(it->plan.stats, STATS_VOLUMES, arena, &look);
	for (size_t i = 0; i < look.count; i++) {
		const struct json *object = pod_object(look.pods[i].pod);
		auto_buf message = BUF_INIT;
		struct pod *pod;

		if (!eviction_has_local_limit(object) || eviction_is_critical(object) ||
		    !eviction_local_limit(object, &look.pods[i], &message))
			continue;
		for (size_t k = 0; (pod = pods_next(it->plan.pods, &k));)
			if (pod == look.pods[i].pod)
				pod_fail(pod, "Evicted", buf_text(&message), GRACE_HARD_S, false);
	}
}

static void check_limits(struct evictor *it)
{
	if (it->pods_changed)
		note_limits(it);
	if (!it->has_limits || it->limited_waits)
		return;
	it->limited_waits = true;
	if (disk_use_want(stats_disk(it->plan.stats), LOOK_MS / 2, &it->limited_wait))
		on_limited_counted(&it->limited_wait);
}

/* --- the loop --- */

static bool differs(const struct node_pressure *a, const struct node_pressure *b)
{
	return a->memory != b->memory || a->disk != b->disk || a->pids != b->pids;
}

/* The node's object tells which images there are. */
static bool images_differ(struct evictor *it)
{
	auto_free char *path = memory_print("%s/store/images.json", it->plan.node->folder);
	struct timespec before = it->images_changed;
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	it->images_changed = st.st_mtim;
	return before.tv_sec != st.st_mtim.tv_sec || before.tv_nsec != st.st_mtim.tv_nsec;
}

static void look(struct evictor *it)
{
	struct node_pressure before = it->pressure;
	const struct eviction_threshold *threshold;

	it->looked_ms = clock_now_ms();
	see_all(it);
	threshold =
		eviction_judge_look(&it->judge, it->limits, it->seen, it->looked_ms, &it->pressure);
	if (differs(&before, &it->pressure)) {
		log_info("agent.eviction", "pressure has changed", "memory=%d disk=%d pids=%d",
			 it->pressure.memory, it->pressure.disk, it->pressure.pids);
		it->plan.on_change(it->plan.of);
	} else if (images_differ(it)) {
		it->plan.on_change(it->plan.of);
	}
	if (it->acting && (!threshold || threshold->signal != it->acting->signal))
		it->acting = NULL; /* freed enough */
	if (threshold)
		act(it, threshold);
	else
		check_limits(it);
}

static void on_timer(struct loop_timer *timer)
{
	struct evictor *it = CONTAINER_OF(timer, struct evictor, timer);

	if (is_waiting(it)) {
		loop_timer_set(it->plan.node->loop, timer, SOON_MS);
		return;
	}
	loop_timer_set(it->plan.node->loop, timer, LOOK_MS);
	look(it);
	if (*it->gone_uid)
		loop_timer_set(it->plan.node->loop, timer, SOON_MS);
}

/* --- what the kernel tells --- */

static void look_soon(struct evictor *it)
{
	int64_t since = clock_now_ms() - it->looked_ms;

	loop_timer_set(it->plan.node->loop, &it->timer, since < SOON_MS ? SOON_MS - since : 0);
}

static void on_psi(struct loop_fd *watch, unsigned events)
{
	struct evictor *it = CONTAINER_OF(watch, struct evictor, psi);
	struct epoll_event event;

	(void)events;
	while (epoll_wait(it->psi_epoll_fd, &event, 1, 0) > 0)
		if (event.events & EPOLLERR) {
			loop_fd_stop(&it->psi);
			return;
		}
	look_soon(it);
}

static void on_mark(struct loop_fd *watch, unsigned events)
{
	struct evictor *it = CONTAINER_OF(watch, struct evictor, mark);
	uint64_t count;

	(void)events;
	if (read(watch->fd, &count, sizeof(count)) == sizeof(count))
		look_soon(it);
}

/* The descriptor of pressure is told by EPOLLPRI alone: one of epoll stands before it. */
static void watch_psi(struct evictor *it)
{
	struct epoll_event event = { .events = EPOLLPRI };
	struct error ignored;

	it->psi_fd = open(PSI_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (it->psi_fd < 0 ||
	    write(it->psi_fd, PSI_TRIGGER, sizeof(PSI_TRIGGER)) != sizeof(PSI_TRIGGER))
		return;
	it->psi_epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (it->psi_epoll_fd < 0 ||
	    epoll_ctl(it->psi_epoll_fd, EPOLL_CTL_ADD, it->psi_fd, &event) != 0)
		return;
	it->psi.fd = it->psi_epoll_fd;
	it->psi.on_event = on_psi;
	(void)!loop_fd_start(it->plan.node->loop, &it->psi, LOOP_READ, &ignored);
}

/* Version 1: an event when the pods' group passes the mark. */
static void watch_mark(struct evictor *it, int64_t mark)
{
	const char *folder = it->group ? it->group->folders[CGROUP_MEMORY] : NULL;
	auto_free char *usage = folder ? memory_print("%s/memory.usage_in_bytes", folder) : NULL;
	auto_free char *control = folder ? memory_print("%s/cgroup.event_control", folder) : NULL;
	auto_fd usage_fd = usage ? open(usage, O_RDONLY | O_CLOEXEC) : -1;
	auto_fd control_fd = control ? open(control, O_WRONLY | O_CLOEXEC) : -1;
	char line[96];
	struct error ignored;
	int len;

	it->mark_fd = usage_fd >= 0 ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
	if (it->mark_fd < 0 || control_fd < 0 || mark <= 0)
		return;
	len = snprintf(line, sizeof(line), "%d %d %" PRId64, it->mark_fd, usage_fd, mark);
	if (write(control_fd, line, (size_t)len) != len)
		return;
	it->mark.fd = it->mark_fd;
	it->mark.on_event = on_mark;
	(void)!loop_fd_start(it->plan.node->loop, &it->mark, LOOP_READ, &ignored);
}

/* A tenth of all process ids is left to the machine: a fork bomb in a pod without a limit of its
 * own must not keep anybody from logging in. */
static uint64_t pids_of_pods(const struct node_limits *limits)
{
	struct process_use use;
	int64_t most;

	node_use_processes(&use);
	most = use.max - use.max / 10 - limits->system.pids - limits->kube.pids;
	return most > 0 ? (uint64_t)most : 0;
}

/* The group of all pods has what pods may have, as soon as something is kept back. */
static void limit_pods(struct evictor *it)
{
	const struct node_limits *limits = it->limits;
	int64_t most = it->plan.machine->memory - limits->system.memory - limits->kube.memory;
	struct resources_plan plan = { .memory_bytes = most > 0 ? (uint64_t)most : 0,
				       .pids = pids_of_pods(limits) };
	auto_buf warnings = BUF_INIT;
	auto_cgroup base = NULL;
	struct error err;

	if (!limits->enforce_pods || most <= 0)
		return;
	if (!cgroup_open_base(&base, &err) || !cgroup_open_child(base, "pods", &it->group, &err)) {
		log_warn("agent.eviction", "the group of all pods is not there", "why=\"%s\"",
			 err.text);
		return;
	}
	if (limits->system.cpu_milli + limits->kube.cpu_milli > 0)
		plan.cpu_shares = (uint64_t)it->plan.node->cpu_milli * 1024 / 1000;
	cgroup_limit(it->group, &plan, &warnings);
	if (warnings.len > 0)
		log_warn("agent.eviction", "limits of all pods together cannot be set",
			 "why=\"%s\"", buf_text(&warnings));
	for (size_t i = 0; i < limits->threshold_count; i++)
		if (limits->thresholds[i].signal == SIGNAL_ALLOCATABLE_MEMORY)
			watch_mark(it, most - limit_amount_of(&limits->thresholds[i].below, most));
}

/* --- outside --- */

struct evictor *evictor_start(const struct evictor_plan *plan)
{
	struct evictor *it = memory_new(struct evictor);

	it->plan = *plan;
	it->limits = plan->node->limits;
	it->timer.on_timer = on_timer;
	it->wait.on_ready = on_counted;
	it->limited_wait.on_ready = on_limited_counted;
	it->pods_changed = true;
	it->psi_fd = it->psi_epoll_fd = it->mark_fd = -1;
	limit_pods(it);
	if (is_watched(it, "memory"))
		watch_psi(it);
	loop_timer_set(plan->node->loop, &it->timer, LOOK_MS);
	return it;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void evictor_stop(struct evictor *it)
{
	if (!it)
		return;
	loop_timer_stop(&it->timer);
	loop_fd_stop(&it->psi);
	loop_fd_stop(&it->mark);
	disk_use_cancel(&it->wait);
	disk_use_cancel(&it->limited_wait);
	close_fd(it->psi_epoll_fd);
	close_fd(it->psi_fd);
	close_fd(it->mark_fd);
	cgroup_close(it->group);
	free(it);
}

const struct node_pressure *evictor_pressure(const struct evictor *it)
{
	return &it->pressure;
}

void evictor_pods_changed(struct evictor *it)
{
	it->pods_changed = true;
}

uint64_t evictor_count(const struct evictor *it, enum eviction_signal signal)
{
	return it->counts[signal];
}

static bool tolerates_memory_pressure(const struct json *pod)
{
	for (struct json_iter it = json_iter(json_path(pod, "spec", "tolerations", NULL));
	     json_next(&it);) {
		struct str key = json_str(json_get(it.value, "key")),
			   effect = json_str(json_get(it.value, "effect"));

		if ((key.len == 0 || str_is(key, "node.kubernetes.io/memory-pressure")) &&
		    (effect.len == 0 || str_is(effect, "NoSchedule")))
			return true;
	}
	return false;
}

bool evictor_admit(const struct evictor *it, const struct json *pod, struct buf *out)
{
	const struct node_pressure *pressure = &it->pressure;
	const char *blank = "";

	if ((!pressure->memory && !pressure->disk && !pressure->pids) || eviction_is_critical(pod))
		return true;
	if (!pressure->disk && !pressure->pids &&
	    (strcmp(pod_quality(json_get(pod, "spec")), "BestEffort") != 0 ||
	     tolerates_memory_pressure(pod)))
		return true;
	buf_add_text(out, "The node had condition: [");
	if (pressure->memory) {
		buf_add_text(out, "MemoryPressure");
		blank = " ";
	}
	if (pressure->disk) {
		buf_add_print(out, "%sDiskPressure", blank);
		blank = " ";
	}
	if (pressure->pids)
		buf_add_print(out, "%sPIDPressure", blank);
	buf_add_text(out, "]. ");
	return false;
}
