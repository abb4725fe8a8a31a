/*
 * control_job.c - runs pods until enough of them have succeeded, and counts each of them once.
 *
 *   on_pass: claim | look (job_pass) -> pods made or removed -> on_managed
 *     -> status with the pods that have ended -> on_listed
 *     -> their finalizers go -> on_stripped
 *     -> status with them counted, and the last condition -> on_counted
 *
 * A pass works on what the caches say, and a pass that wrote is followed by another only when the
 * caches have seen that.  A status is written only over the one that was looked at.
 */
#include <assert.h>
#include <stdio.h>

#include "base/map.h"
#include "server/control/family_claim.h"
#include "server/control/job_wish.h"
#include "server/control/owner_selectors.h"
#include "server/control/seen.h"

#define COMPONENT "job-controller"
#define OURSELVES "kubernetes.io/job-controller"
/* Jobs of many pods are looked at again only after this long for each of them. */
#define MANY       50
#define MANY_MS    1
#define LOOK_MAX_S (24 * 3600)

struct self {
	struct control *control;
	struct queue *queue, *orphans; /* keys of Jobs; of pods that no Job counts any more */
	struct seen *seen_pods, *seen_jobs;
	struct owner_selectors *selectors;
	struct map *backoffs; /* key of a Job -> struct job_backoff */
};

struct pass {
	struct job_pass job; /* first */
	struct self *self;
	char *key;
	bool *goes;                           /* a pod: its finalizer is to go */
	int64_t made, removed, removed_ready; /* if all goes well */
	bool failed, finished;
};

static void on_managed(struct batch *batch);
static void on_listed(struct batch *batch);
static void on_stripped(struct batch *batch);
static void on_counted(struct batch *batch);

/* --- passes begin and end --- */

static void pass_end(struct pass *pass)
{
	struct self *self = pass->self;
	struct str key = str_of(pass->key);
	int64_t look_ms = pass->job.look_ms;

	if (look_ms > LOOK_MAX_S * INT64_C(1000))
		look_ms = LOOK_MAX_S * INT64_C(1000);
	if (look_ms > 0 && !self->control->stopping)
		queue_add_after(self->queue, key, look_ms);
	queue_done(self->queue, key, !pass->failed);
	job_pass_close(&pass->job);
	free(pass->goes);
	free(pass->key);
	free(pass);
}

static struct batch *next_batch(struct pass *pass, const char *watched,
				void (*on_end)(struct batch *batch))
{
	return batch_new_watching(pass->self->control, str_of(pass->key), pass, on_end, watched);
}

static struct job_backoff *find_backoff(const struct self *self, struct str key)
{
	static struct job_backoff none;
	struct job_backoff *found = map_find(self->backoffs, key);

	return found ? found : &none;
}

static void forget_backoff(struct self *self, struct str key)
{
	free(map_remove(self->backoffs, key));
}

static void keep_backoff(struct self *self, struct str key, const struct job_backoff *backoff)
{
	if (backoff->failures == 0)
		forget_backoff(self, key);
	else
		free(map_put(self->backoffs, key, memory_copy(backoff, sizeof(*backoff))));
}

/* --- finalizers --- */

struct strip {
	struct batch *batch;
	struct pass *pass;
	struct job_pod *pod;
	bool removes; /* the pod goes, too */
};

static void on_strip(void *of, const struct json *result, const struct error *err)
{
	struct strip *strip = of;
	struct batch *batch = strip->batch;
	uint64_t revision;

	/* A pod that is gone is counted when the cache knows that, not before. */
	bool is_gone = err && (err->kind == ERROR_NOT_FOUND || err->kind == ERROR_CONFLICT);

	strip->pod->stripped = !err;
	if (str_to_u64(meta_str(result, "resourceVersion"), UINT64_MAX, &revision) &&
	    revision > batch->revision)
		batch->revision = revision;
	if (!err && strip->removes)
		pod_maker_delete(batch, strip->pass->job.job, COMPONENT, strip->pod->object);
	free(strip);
	batch_drop(batch, is_gone ? NULL : err);
}

static void ask_to_strip(const struct object *pod, struct buf *body, struct client_ask *ask)
{
	buf_add_print(body,
		      "{\"metadata\":{\"uid\":\"" STR_FMT
		      "\",\"$deleteFromPrimitiveList/finalizers\":[\"" JOB_FINALIZER "\"]}}",
		      STR_ARG(object_uid(pod)));
	ask->verb = CLIENT_PATCH_STRATEGIC;
	ask->namespace = object_namespace(pod);
	ask->name = object_name(pod);
	ask->body = buf_str(body);
}

static void strip_pod(struct pass *pass, struct batch *batch, struct job_pod *pod, bool removes)
{
	struct strip *strip = memory_new(struct strip);
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .kind = pass->self->control->kinds[CONTROL_PODS],
				  .on_done = on_strip,
				  .of = strip };

	*strip = (struct strip){ batch, pass, pod, removes };
	ask_to_strip(pod->object, &body, &ask);
	batch_hold(batch);
	client_call(pass->self->control->client, &ask);
}

/* --- pods --- */

static void remove_all(struct pass *pass, struct batch *batch)
{
	for (size_t i = 0; i < pass->job.pods.count; i++) {
		const struct job_pod *pod = &pass->job.pods.items[i];

		if (!pod->active)
			continue;
		pod_maker_delete(batch, pass->job.job, COMPONENT, pod->object);
		pass->removed++;
		pass->removed_ready += pod->ready;
	}
}

static void fulfil(struct pass *pass, struct batch *batch)
{
	struct job_wish wish;

	job_wish_find(&pass->job, &wish);
	for (size_t i = 0; i < wish.surplus_count; i++) {
		pass->removed_ready += wish.surplus[i]->ready;
		strip_pod(pass, batch, wish.surplus[i], true);
	}
	pass->removed = (int64_t)wish.surplus_count;
	pass->made = (int64_t)wish.made.count;
	if (wish.made.count > 0)
		pod_maker_create(batch, pass->job.job, COMPONENT, &wish.made);
	free(wish.surplus);
}

static void manage(struct pass *pass)
{
	struct batch *batch = next_batch(pass, "Pod", on_managed);

	if (pass->job.end.type)
		remove_all(pass, batch);
	else if (!object_is_deleting(pass->job.job))
		fulfil(pass, batch);
	batch_seal(batch);
}

/* --- the status --- */

static void write_status(struct pass *pass, void (*on_end)(struct batch *batch))
{
	struct batch *batch = next_batch(pass, "Job", on_end);

	if (job_status_is_new(&pass->job.status)) {
		auto_buf body = BUF_INIT;
		struct client_ask ask;

		job_status_ask(&pass->job.status, pass->self->control, &body, &ask);
		batch_call(batch, &ask);
	}
	batch_seal(batch);
}

static void on_managed(struct batch *batch)
{
	struct pass *pass = batch->owner;
	bool failed = batch->failed;

	if (batch_leave(batch, pass->self->seen_pods, &pass->failed)) {
		pass_end(pass);
		return;
	}
	if (!failed) {
		pass->job.active += pass->made - pass->removed;
		pass->job.ready -= pass->removed_ready;
		pass->job.terminating += pass->removed;
	}
	/* Pods that could not be removed: it has not ended yet. */
	if (failed && pass->job.end.type)
		pass->job.end.type = NULL;
	else if (!pass->job.end.type)
		job_pass_conclude(&pass->job);
	pass->goes = job_pass_track(&pass->job);
	write_status(pass, on_listed);
}

static void tell(const struct pass *pass, const char *type, const char *reason, const char *message)
{
	control_event(pass->self->control, pass->job.job, COMPONENT, type, reason, message);
}

static void on_listed(struct batch *batch)
{
	struct pass *pass = batch->owner;
	bool failed = batch->failed;
	uint64_t revision = batch->revision;

	if (batch_leave(batch, pass->self->seen_jobs, &pass->failed) || failed) {
		pass_end(pass);
		return;
	}
	if (revision > 0)
		job_status_note(&pass->job.status, revision);
	keep_backoff(pass->self, str_of(pass->key), &pass->job.backoff);
	if (pass->job.told)
		tell(pass, "Normal", pass->job.told,
		     pass->job.suspended ? "Job suspended" : "Job resumed");
	batch = next_batch(pass, "Pod", on_stripped);
	for (size_t i = 0; i < pass->job.pods.count; i++)
		if (pass->goes[i])
			strip_pod(pass, batch, &pass->job.pods.items[i], false);
	batch_seal(batch);
}

static void on_stripped(struct batch *batch)
{
	struct pass *pass = batch->owner;
	bool failed = batch->failed;

	if (batch_leave(batch, pass->self->seen_pods, &pass->failed)) {
		pass_end(pass);
		return;
	}
	if (failed)
		job_status_settle(&pass->job.status, &pass->job.pods);
	else
		pass->finished = job_pass_finish(&pass->job);
	write_status(pass, on_counted);
}

static void tell_end(const struct pass *pass)
{
	const struct json *completions = json_get(pass->job.spec, "completions");

	if (strcmp(pass->job.end.type, JOB_SUCCESS) != 0) {
		tell(pass, "Warning", pass->job.end.reason, pass->job.end.message);
		return;
	}
	if (completions &&
	    job_status_number(&pass->job.status, "succeeded") > json_int(completions))
		tell(pass, "Warning", "TooManySucceededPods",
		     "Too many succeeded pods running after completion count reached");
	tell(pass, "Normal", "Completed", "Job completed");
}

static void on_counted(struct batch *batch)
{
	struct pass *pass = batch->owner;
	bool failed = batch->failed;

	if (!batch_leave(batch, pass->self->seen_jobs, &pass->failed) && !failed && pass->finished)
		tell_end(pass);
	pass_end(pass);
}

/* --- the pass --- */

static bool is_finished(const struct object *job)
{
	return meta_condition_is_true(object_json(job), STR("Complete")) ||
	       meta_condition_is_true(object_json(job), STR("Failed"));
}

/* Somebody else's: it says who manages it. */
static bool is_foreign(const struct object *job)
{
	const struct json *manager = json_path(object_json(job), "spec", "managedBy", NULL);

	return manager && !str_is(json_str(manager), OURSELVES);
}

static void on_claimed(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, self->seen_pods);
}

/* True: pods had to be claimed first, and the pass ends with that. */
static bool claim(struct self *self, const struct object *job, struct str key)
{
	struct family_claim claim = {
		.kind = CONTROL_PODS,
		.owner_kind = CONTROL_JOBS,
		.owner = job,
		.selector = owner_selectors_find(self->selectors, object_namespace(job),
						 object_name(job)),
		.finalizer = JOB_FINALIZER,
	};
	struct batch *batch = batch_new_watching(self->control, key, self, on_claimed, "Pod");

	if (!family_claim(batch, &claim)) {
		batch_free(batch);
		return false;
	}
	batch_seal(batch);
	return true;
}

static bool is_behind(const struct self *self, struct str key)
{
	struct cache *const *caches = self->control->caches;

	return seen_is_behind(self->seen_pods, key, cache_revision(caches[CONTROL_PODS])) ||
	       seen_is_behind(self->seen_jobs, key, cache_revision(caches[CONTROL_JOBS]));
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	const struct object *job = control_find(self->control, CONTROL_JOBS, key);
	struct pass *pass;

	if (!job || is_foreign(job) || is_finished(job)) {
		forget_backoff(self, key);
		if (!job) {
			seen_forget(self->seen_pods, key);
			seen_forget(self->seen_jobs, key);
		}
		queue_done(self->queue, key, true);
		return;
	}
	if (is_behind(self, key)) {
		queue_done(self->queue, key, true);
		return;
	}
	if (claim(self, job, key))
		return;
	pass = memory_new(struct pass);
	pass->self = self;
	pass->key = str_copy(key);
	job_pass_open(&pass->job, job, self->control->families[CONTROL_PODS],
		      find_backoff(self, key));
	manage(pass);
}

/* --- pods that nobody counts any more: their Job is gone, has finished, or let them go --- */

static bool is_orphan(const struct self *self, const struct object *pod)
{
	const struct json *owner = meta_controller(object_json(pod));
	const struct object *job;

	if (!str_is(json_str(json_get(owner, "kind")), "Job"))
		return owner == NULL;
	job = cache_find(self->control->caches[CONTROL_JOBS], object_namespace(pod),
			 json_str(json_get(owner, "name")));
	if (!job || !str_equal(object_uid(job), json_str(json_get(owner, "uid"))))
		return true;
	return !is_foreign(job) && is_finished(job);
}

static void on_released(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->orphans, NULL);
}

static void on_orphan(void *owner, struct str key)
{
	struct self *self = owner;
	const struct object *pod = control_find(self->control, CONTROL_PODS, key);
	struct batch *batch;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .kind = self->control->kinds[CONTROL_PODS] };

	if (!pod || !job_pods_is_uncounted(pod) || !is_orphan(self, pod)) {
		queue_done(self->orphans, key, true);
		return;
	}
	batch = batch_new(self->control, key, self, on_released);
	ask_to_strip(pod, &body, &ask);
	batch_call(batch, &ask);
	batch_seal(batch);
}

static void queue_orphan(struct self *self, const struct object *pod)
{
	if (!pod || !job_pods_is_uncounted(pod) || !is_orphan(self, pod))
		return;
	control_queue(self->orphans, pod);
}

/* A Job that has finished or is gone: whatever pods still wait for it. */
static void release_pods(struct self *self, const struct object *job)
{
	const struct family *pods = self->control->families[CONTROL_PODS];
	const struct member *pod;

	for (size_t i = 0; (pod = family_next(pods, object_uid(job), &i));)
		queue_orphan(self, pod->object);
}

/* --- the row --- */

/* Many pods change often: their Job is looked at after a while, once for all of them. */
static void wake(struct self *self, const struct object *before, const struct object *after)
{
	const struct object *pod = after ? after : before;
	const struct json *owner = meta_controller(object_json(pod));
	size_t count = family_count(self->control->families[CONTROL_PODS],
				    json_str(json_get(owner, "uid")));
	auto_buf key = BUF_INIT;

	if (count <= MANY || !str_is(json_str(json_get(owner, "kind")), "Job")) {
		owner_selectors_wake(self->selectors, self->queue, "Job", before, after);
		return;
	}
	buf_add_print(&key, STR_FMT "/" STR_FMT, STR_ARG(object_namespace(pod)),
		      STR_ARG(json_str(json_get(owner, "name"))));
	queue_add_after(self->queue, buf_str(&key), (int64_t)count * MANY_MS);
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;

	if (kind == CONTROL_PODS) {
		wake(self, before, after);
		queue_orphan(self, after);
	}
	if (kind != CONTROL_JOBS)
		return;
	owner_selectors_note(self->selectors, before, after);
	if (!after || is_finished(after))
		release_pods(self, after ? after : before);
	control_queue(self->queue, after ? after : before);
}

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->orphans = queue_new(control->loop, on_orphan, self);
	self->seen_pods = seen_new();
	self->seen_jobs = seen_new();
	self->selectors = owner_selectors_new();
	self->backoffs = map_new();
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	map_free_all(self->backoffs);
	owner_selectors_free(self->selectors);
	seen_free(self->seen_pods);
	seen_free(self->seen_jobs);
	queue_free(self->orphans);
	queue_free(self->queue);
	free(self);
}

const struct control_row control_job = { "job", start, stop, on_change };
