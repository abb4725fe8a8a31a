/*
 * control_cronjob.c - makes Jobs by the clock.
 *
 *   on_pass: look (which Jobs run, which have ended) -> too old or replaced ones go -> on_cleaned
 *     -> the Job that is due -> on_made -> the status -> on_told
 *
 * A Job is named by the minute that it is for, so that none is made twice.  Between two looks lies
 * a minute at most: a clock that was set is noticed then, and costs one Job, however far it went.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/map.h"
#include "server/control/controller.h"
#include "server/control/cron_times.h"
#include "server/control/family.h"
#include "server/control/seen.h"
#include "server/control/zone_store.h"

#define COMPONENT     "cronjob-controller"
#define SCHEDULED_FOR "batch.kubernetes.io/cronjob-scheduled-timestamp"
#define DAY_S         86400
#define LOOK_MAX_MS   60000
#define LOOK_AFTER_MS 100 /* the time itself: the clock is past it then */

struct self {
	struct control *control;
	struct queue *queue;
	struct seen *seen_jobs, *seen_crons;
	struct zone_store *zones;
	struct map *notes;     /* key -> struct note */
	struct map *strangers; /* uids of Jobs that an event has told of */
};

/* Of a CronJob, in memory only. */
struct note {
	int64_t changed_s; /* when its schedule was changed, INT64_MIN: not in this life */
	int64_t told_s;    /* the time that events have told of */
	bool told_zone;    /* and that it has its zone in the schedule */
};

struct pass {
	struct self *self;
	char *key;
	const struct object *cron; /* a reference of ours */
	const struct json *spec;
	struct note *note;
	struct json_doc *doc;
	struct json *root, *status;
	struct arena *arena;
	const struct zone_clock *zone;
	struct cron schedule;
	int64_t due_s; /* INT64_MIN: no Job is to be made */
	int64_t look_ms;
	bool failed;
};

static void on_cleaned(struct batch *batch);
static void write_status(struct pass *pass);

static void tell(const struct pass *pass, const char *type, const char *reason, const char *message)
{
	control_event(pass->self->control, pass->cron, COMPONENT, type, reason, message);
}

/* Nothing is told twice of one time, however often it is looked at. */
static void tell_once(const struct pass *pass, int64_t time_s, const char *type, const char *reason,
		      const char *message)
{
	if (pass->note->told_s != time_s)
		tell(pass, type, reason, message);
	pass->note->told_s = time_s;
}

static const char *shown(const struct pass *pass, struct str name, const char *words)
{
	return arena_print(pass->arena, "%s" STR_FMT, words, STR_ARG(name));
}

static void pass_end(struct pass *pass)
{
	struct self *self = pass->self;
	struct str key = str_of(pass->key);

	if (pass->look_ms > 0 && !self->control->stopping)
		queue_add_after(self->queue, key, pass->look_ms);
	queue_done(self->queue, key, !pass->failed);
	json_doc_free(pass->doc);
	arena_free(pass->arena);
	object_unref(pass->cron);
	free(pass->key);
	free(pass);
}

static struct batch *next_batch(struct pass *pass, const char *watched,
				void (*on_end)(struct batch *batch))
{
	return batch_new_watching(pass->self->control, str_of(pass->key), pass, on_end, watched);
}

/* --- the list of those that run --- */

static struct json *actives(const struct pass *pass)
{
	return json_sub_array(pass->doc, pass->status, "active");
}

static bool is_active(const struct pass *pass, struct str uid)
{
	for (struct json_iter it = json_iter(actives(pass)); json_next(&it);)
		if (str_equal(json_str(json_get(it.value, "uid")), uid))
			return true;
	return false;
}

static void drop_active(const struct pass *pass, struct str uid)
{
	struct json *list = actives(pass);

	for (size_t i = json_count(list); i-- > 0;)
		if (str_equal(json_str(json_get(json_at(list, i), "uid")), uid))
			json_remove_at(list, i);
}

static void add_active(const struct pass *pass, const struct json *job)
{
	struct json *entry = json_new_object(pass->doc);
	static const char *const fields[] = { "name", "namespace", "uid", "resourceVersion" };

	json_put(pass->doc, entry, "apiVersion", json_new_text(pass->doc, "batch/v1"));
	json_put(pass->doc, entry, "kind", json_new_text(pass->doc, "Job"));
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		json_put(pass->doc, entry, fields[i],
			 json_clone(pass->doc, json_get(meta_of(job), fields[i])));
	json_append(actives(pass), entry);
}

/* --- Jobs that have ended --- */

static const char *end_of(const struct object *job)
{
	if (meta_condition_is_true(object_json(job), STR("Complete")))
		return "Complete";
	return meta_condition_is_true(object_json(job), STR("Failed")) ? "Failed" : NULL;
}

static void note_success(const struct pass *pass, const struct object *job)
{
	const struct json *end = json_path(object_json(job), "status", "completionTime", NULL);
	const struct json *last = json_get(pass->status, "lastSuccessfulTime");

	/* Texts of times in one form are in the order of the times. */
	if (end && str_compare(json_str(end), json_str(last)) > 0)
		json_put(pass->doc, pass->status, "lastSuccessfulTime", json_clone(pass->doc, end));
}

static void look_at_job(const struct pass *pass, const struct object *job)
{
	const char *end = end_of(job);
	bool listed = is_active(pass, object_uid(job));

	if (!end && !listed && !map_put(pass->self->strangers, object_uid(job), pass->self))
		tell(pass, "Warning", "UnexpectedJob",
		     shown(pass, object_name(job),
			   "Saw a job that the controller did not create or forgot: "));
	if (end && listed) {
		drop_active(pass, object_uid(job));
		tell(pass, "Normal", "SawCompletedJob",
		     arena_print(pass->arena, "Saw completed job: " STR_FMT ", condition: %s",
				 STR_ARG(object_name(job)), end));
	}
	if (end && strcmp(end, "Complete") == 0)
		note_success(pass, job);
}

static void look_at_jobs(const struct pass *pass)
{
	const struct family *jobs = pass->self->control->families[CONTROL_JOBS];
	struct json *list = actives(pass);
	const struct member *job;

	for (size_t i = 0; (job = family_next(jobs, object_uid(pass->cron), &i));)
		look_at_job(pass, job->object);
	for (size_t i = json_count(list); i-- > 0;) {
		struct str name = json_str(json_get(json_at(list, i), "name"));
		struct str uid = json_str(json_get(json_at(list, i), "uid"));

		job = family_find(jobs, object_namespace(pass->cron), name);
		if (job && str_equal(object_uid(job->object), uid))
			continue;
		tell(pass, "Normal", "MissingJob", shown(pass, name, "Active job went missing: "));
		json_remove_at(list, i);
	}
}

/* --- Jobs that go --- */

struct removing {
	struct pass *pass;
	struct batch *batch;
	char *name, *uid;
};

static void on_removed(void *of, const struct json *result, const struct error *err)
{
	struct removing *removing = of;
	struct batch *batch = removing->batch;
	struct pass *pass = removing->pass;
	bool is_gone = err && err->kind == ERROR_NOT_FOUND;

	(void)result;
	if (err && !is_gone)
		tell(pass, "Warning", "FailedDelete",
		     arena_print(pass->arena, "Deleted job: %s", err->text));
	else
		drop_active(pass, str_of(removing->uid));
	if (!err) {
		tell(pass, "Normal", "SuccessfulDelete",
		     shown(pass, str_of(removing->name), "Deleted job "));
	}
	free(removing->name);
	free(removing->uid);
	free(removing);
	batch_drop(batch, is_gone ? NULL : err);
}

static void remove_job(struct pass *pass, struct batch *batch, struct str name, struct str uid)
{
	struct removing *removing = memory_new(struct removing);
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_DELETE,
				  .kind = pass->self->control->kinds[CONTROL_JOBS],
				  .namespace = object_namespace(pass->cron),
				  .name = name,
				  .on_done = on_removed,
				  .of = removing };

	*removing = (struct removing){ pass, batch, str_copy(name), str_copy(uid) };
	buf_add_print(&body,
		      "{\"propagationPolicy\":\"Background\",\"preconditions\":{\"uid\":\"" STR_FMT
		      "\"}}",
		      STR_ARG(uid));
	ask.body = buf_str(&body);
	batch_hold(batch);
	client_call(pass->self->control->client, &ask);
}

/* By the time they began, then by name. */
static int by_start(const void *a, const void *b)
{
	const struct object *left = *(const struct object *const *)a,
			    *right = *(const struct object *const *)b;
	struct str from = json_str(json_path(object_json(left), "status", "startTime", NULL)),
		   other = json_str(json_path(object_json(right), "status", "startTime", NULL));
	int order = from.len == 0 || other.len == 0 ? (from.len == 0) - (other.len == 0)
						    : str_compare(from, other);

	return order ? order : str_compare(object_name(left), object_name(right));
}

static void remove_oldest(struct pass *pass, struct batch *batch, const char *end,
			  const struct json *limit)
{
	const struct family *jobs = pass->self->control->families[CONTROL_JOBS];
	size_t room = family_count(jobs, object_uid(pass->cron)), count = 0;
	auto_free const struct object **ended = memory_get((room + 1) * sizeof(*ended));
	int64_t surplus;
	const struct member *job;

	for (size_t i = 0; (job = family_next(jobs, object_uid(pass->cron), &i));) {
		const char *its = end_of(job->object);

		if (its && strcmp(its, end) == 0 && !object_is_deleting(job->object))
			ended[count++] = job->object;
	}
	surplus = limit ? (int64_t)count - json_int(limit) : 0;
	qsort(ended, count, sizeof(*ended), by_start);
	for (int64_t i = 0; i < surplus; i++)
		remove_job(pass, batch, object_name(ended[i]), object_uid(ended[i]));
}

/* --- what is due --- */

/* Its zone and times.  False: it has none, an event says why. */
static bool read_schedule(struct pass *pass)
{
	const struct json *wish = json_get(pass->spec, "timeZone");
	struct str text = json_str(json_get(pass->spec, "schedule"));
	const char *why;
	struct error err;

	if (wish && !zone_store_find(pass->self->zones, json_str(wish), &pass->zone, &err)) {
		tell(pass, "Warning", "UnknownTimeZone",
		     arena_print(pass->arena, "invalid timeZone: \"" STR_FMT "\": %s",
				 STR_ARG(json_str(wish)), err.text));
		return false;
	}
	if (json_bool(json_get(pass->spec, "suspend")))
		return false;
	if (str_search(text, STR("TZ")) >= 0 && !pass->note->told_zone) {
		pass->note->told_zone = true;
		tell(pass, "Warning", "UnsupportedSchedule",
		     arena_print(pass->arena,
				 "CRON_TZ or TZ used in schedule \"" STR_FMT
				 "\" is not officially supported, see https://kubernetes.io/docs/"
				 "concepts/workloads/controllers/cron-jobs/ for more details",
				 STR_ARG(text)));
	}
	why = cron_parse(text, pass->arena, &pass->schedule);
	if (!why && !wish &&
	    !zone_store_find(pass->self->zones,
			     pass->schedule.zone.at ? pass->schedule.zone : STR("Local"),
			     &pass->zone, &err))
		why = err.text;
	if (!why)
		return true;
	tell(pass, "Warning", "UnparseableSchedule",
	     arena_print(pass->arena, "unparseable schedule: \"" STR_FMT "\" : %s", STR_ARG(text),
			 why));
	return false;
}

static int64_t time_of(const struct json *text)
{
	int64_t at;

	return clock_parse(json_str(text), &at, NULL) ? at : INT64_MIN;
}

static int64_t deadline_of(const struct pass *pass)
{
	const struct json *deadline = json_get(pass->spec, "startingDeadlineSeconds");

	return deadline ? json_int(deadline) : -1;
}

/* The time of the next look: that of the next Job, or sooner. */
static void plan_next(struct pass *pass, int64_t now_s)
{
	int64_t next, left = LOOK_MAX_MS;

	if (cron_next(&pass->schedule, pass->zone, now_s, &next))
		left = next * 1000 + LOOK_AFTER_MS - clock_wall_us() / 1000;
	pass->look_ms = left < LOOK_AFTER_MS ? LOOK_AFTER_MS : left;
	if (pass->look_ms > LOOK_MAX_MS)
		pass->look_ms = LOOK_MAX_MS;
}

/* True: a time has passed that no Job was made for.  Tells of times that will not be served. */
static bool find_due(struct pass *pass, int64_t now_s)
{
	const struct json *created = json_get(meta_of(pass->root), "creationTimestamp");
	int64_t last = time_of(json_get(pass->status, "lastScheduleTime"));
	int64_t since = cron_times_since(time_of(created), last, deadline_of(pass), now_s);
	struct cron_due due;

	/* Of a clock that was wrong: what is served from now on counts. */
	if (since > now_s + DAY_S) {
		if (pass->note->changed_s > now_s || pass->note->changed_s == INT64_MIN)
			pass->note->changed_s = now_s;
		since = INT64_MIN;
	}
	/* A new schedule is about times to come. */
	if (pass->note->changed_s > since && pass->note->changed_s <= now_s)
		since = pass->note->changed_s;
	due = cron_times_due(&pass->schedule, pass->zone, since, now_s);
	if (due.never) {
		pass->look_ms = 0;
		tell(pass, "Warning", "InvalidSchedule",
		     arena_print(pass->arena,
				 "invalid schedule: " STR_FMT
				 " : time difference between two schedules is less than 1 second",
				 STR_ARG(json_str(json_get(pass->spec, "schedule")))));
	}
	if (due.many)
		tell_once(pass, due.time_s, "Warning", "TooManyMissedTimes",
			  "too many missed start times. Set or decrease "
			  ".spec.startingDeadlineSeconds "
			  "or check clock skew");
	pass->due_s = due.time_s;
	return due.time_s != INT64_MIN && due.time_s != last;
}

static const char *job_name(const struct pass *pass)
{
	return arena_print(pass->arena, STR_FMT "-%" PRId64, STR_ARG(object_name(pass->cron)),
			   pass->due_s / 60);
}

/* "Thu, 01 Jan 1970 00:00:00 +0000" */
static const char *long_time(const struct pass *pass, int64_t at_s)
{
	static const char days[] = "SunMonTueWedThuFriSat",
			  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct zone_time at = zone_clock_show(NULL, at_s);

	return arena_print(pass->arena, "%.3s, %02d %.3s %" PRId64 " %02d:%02d:%02d +0000",
			   days + 3 * at.weekday, at.day, months + 3 * (at.month - 1), at.year,
			   at.hour, at.minute, at.second);
}

static bool is_running(const struct pass *pass, const char *name)
{
	for (struct json_iter it = json_iter(actives(pass)); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "name")), name))
			return true;
	return false;
}

/* Is a Job to be made now?  Jobs that stand in its way go into the batch. */
static bool is_due(struct pass *pass, struct batch *batch)
{
	struct str policy = json_str(json_get(pass->spec, "concurrencyPolicy"));
	int64_t now_s = clock_wall_s(), deadline = deadline_of(pass);

	if (object_is_deleting(pass->cron) || !read_schedule(pass))
		return false;
	plan_next(pass, now_s);
	if (!find_due(pass, now_s))
		return false;
	if (deadline >= 0 && pass->due_s + deadline < now_s) {
		tell_once(pass, pass->due_s, "Warning", "MissSchedule",
			  arena_print(pass->arena, "Missed scheduled time to start a job: %s",
				      long_time(pass, pass->due_s)));
		return false;
	}
	if (is_running(pass, job_name(pass)))
		return false;
	if (str_is(policy, "Forbid") && json_count(actives(pass)) > 0) {
		tell_once(pass, pass->due_s, "Normal", "JobAlreadyActive",
			  "Not starting job because prior execution is running and concurrency "
			  "policy "
			  "is Forbid");
		return false;
	}
	if (str_is(policy, "Replace"))
		for (struct json_iter it = json_iter(actives(pass)); json_next(&it);)
			remove_job(pass, batch, json_str(json_get(it.value, "name")),
				   json_str(json_get(it.value, "uid")));
	return true;
}

/* --- the Job --- */

static void print_job(const struct pass *pass, struct buf *out)
{
	const struct json *template = json_get(pass->spec, "jobTemplate");
	static const char *const kept[] = { "labels", "annotations" };
	auto_json_doc doc = json_doc_new();
	struct json *job = json_new_object(doc), *metadata;
	const struct zone_clock *zone = json_get(pass->spec, "timeZone") ? pass->zone : NULL;
	char text[ZONE_CLOCK_TEXT];

	json_put(doc, job, "apiVersion", json_new_text(doc, "batch/v1"));
	json_put(doc, job, "kind", json_new_text(doc, "Job"));
	metadata = json_sub_object(doc, job, "metadata");
	json_put(doc, metadata, "name", json_new_text(doc, job_name(pass)));
	for (size_t i = 0; i < ARRAY_LENGTH(kept); i++)
		json_put(doc, metadata, kept[i],
			 json_clone(doc, json_path(template, "metadata", kept[i], NULL)));
	zone_clock_print(zone, pass->due_s, text);
	json_put(doc, json_sub_object(doc, metadata, "annotations"), SCHEDULED_FOR,
		 json_new_text(doc, text));
	json_append(json_sub_array(doc, metadata, "ownerReferences"),
		    control_owner_reference(doc, pass->cron));
	json_put(doc, job, "spec", json_clone(doc, json_get(template, "spec")));
	json_print(job, out);
}

static void note_made(struct pass *pass, const struct json *job)
{
	char text[CLOCK_TEXT];
	uint64_t revision;

	if (!is_active(pass, meta_str(job, "uid")))
		add_active(pass, job);
	clock_print(pass->due_s, text);
	json_put(pass->doc, pass->status, "lastScheduleTime", json_new_text(pass->doc, text));
	if (str_to_u64(meta_str(job, "resourceVersion"), UINT64_MAX, &revision))
		seen_note(pass->self->seen_jobs, str_of(pass->key), revision);
}

/* It was there already: ours, if an earlier life of the server made it and could not say so. */
static void on_found(void *of, const struct json *result, const struct error *err)
{
	struct pass *pass = of;

	pass->failed = pass->failed || (err && err->kind != ERROR_NOT_FOUND);
	if (!err &&
	    str_equal(json_str(json_get(meta_controller(result), "uid")), object_uid(pass->cron)))
		note_made(pass, result);
	write_status(pass);
}

static void on_made(void *of, const struct json *result, const struct error *err)
{
	struct pass *pass = of;
	const char *name = job_name(pass);

	if (err && err->kind == ERROR_EXISTS && !pass->self->control->stopping) {
		struct client_ask ask = { .verb = CLIENT_GET,
					  .kind = pass->self->control->kinds[CONTROL_JOBS],
					  .namespace = object_namespace(pass->cron),
					  .name = str_of(name),
					  .on_done = on_found,
					  .of = pass };

		client_call(pass->self->control->client, &ask);
		return;
	}
	if (err) {
		pass->failed = true;
		/* In a namespace that is going all creations fail. */
		if (!strstr(err->text, "because it is being terminated"))
			tell(pass, "Warning", "FailedCreate",
			     arena_print(pass->arena, "Error creating job: %s", err->text));
	} else {
		note_made(pass, result);
		tell(pass, "Normal", "SuccessfulCreate", shown(pass, str_of(name), "Created job "));
	}
	write_status(pass);
}

static void on_cleaned(struct batch *batch)
{
	struct pass *pass = batch->owner;
	bool failed = batch->failed;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = pass->self->control->kinds[CONTROL_JOBS],
				  .namespace = object_namespace(pass->cron),
				  .on_done = on_made,
				  .of = pass };

	if (batch_leave(batch, pass->self->seen_jobs, &pass->failed)) {
		pass_end(pass);
		return;
	}
	if (failed || pass->due_s == INT64_MIN) {
		write_status(pass);
		return;
	}
	print_job(pass, &body);
	ask.body = buf_str(&body);
	client_call(pass->self->control->client, &ask);
}

/* --- the status --- */

static void on_told(struct batch *batch)
{
	struct pass *pass = batch->owner;

	batch_leave(batch, pass->self->seen_crons, &pass->failed);
	pass_end(pass);
}

static void write_status(struct pass *pass)
{
	struct batch *batch = next_batch(pass, "CronJob", on_told);
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_UPDATE,
				  .kind = pass->self->control->kinds[CONTROL_CRONJOBS],
				  .namespace = object_namespace(pass->cron),
				  .name = object_name(pass->cron),
				  .subresource = "status" };

	if (json_count(actives(pass)) == 0)
		json_remove(pass->status, STR("active"));
	if (!pass->self->control->stopping &&
	    !json_equal(pass->status, json_get(object_json(pass->cron), "status"))) {
		json_print(pass->root, &body);
		ask.body = buf_str(&body);
		batch_call(batch, &ask);
	}
	batch_seal(batch);
}

/* --- passes --- */

static struct note *note_of(struct self *self, struct str key)
{
	struct note *note = map_find(self->notes, key);

	if (note)
		return note;
	note = memory_new(struct note);
	note->changed_s = note->told_s = INT64_MIN;
	map_put(self->notes, key, note);
	return note;
}

static void start_pass(struct self *self, const struct object *cron, struct str key)
{
	struct pass *pass = memory_new(struct pass);
	struct batch *batch;

	pass->self = self;
	pass->key = str_copy(key);
	pass->cron = object_ref(cron);
	pass->note = note_of(self, key);
	pass->doc = object_thaw(cron);
	pass->root = json_root(pass->doc);
	pass->spec = json_get(pass->root, "spec");
	pass->status = json_sub_object(pass->doc, pass->root, "status");
	pass->arena = arena_new();
	batch = next_batch(pass, NULL, on_cleaned);
	look_at_jobs(pass);
	remove_oldest(pass, batch, "Complete", json_get(pass->spec, "successfulJobsHistoryLimit"));
	remove_oldest(pass, batch, "Failed", json_get(pass->spec, "failedJobsHistoryLimit"));
	if (!is_due(pass, batch))
		pass->due_s = INT64_MIN;
	batch_seal(batch);
}

static bool is_behind(const struct self *self, struct str key)
{
	struct cache *const *caches = self->control->caches;

	return seen_is_behind(self->seen_jobs, key, cache_revision(caches[CONTROL_JOBS])) ||
	       seen_is_behind(self->seen_crons, key, cache_revision(caches[CONTROL_CRONJOBS]));
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	struct str rest = key, namespace = str_cut(&rest, '/');
	const struct object *cron =
		cache_find(self->control->caches[CONTROL_CRONJOBS], namespace, rest);

	if (!cron) {
		seen_forget(self->seen_jobs, key);
		seen_forget(self->seen_crons, key);
		free(map_remove(self->notes, key));
	}
	if (cron && !is_behind(self, key))
		start_pass(self, cron, key);
	else
		queue_done(self->queue, key, true);
}

/* --- the row --- */

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->seen_jobs = seen_new();
	self->seen_crons = seen_new();
	self->zones = zone_store_new();
	self->notes = map_new();
	self->strangers = map_new();
	return self;
}

static void stop(void *own)
{
	struct self *self = own;
	struct str key;
	void *note;

	for (size_t i = 0; map_next(self->notes, &i, &key, &note);)
		free(note);
	map_free(self->notes);
	map_free(self->strangers);
	zone_store_free(self->zones);
	seen_free(self->seen_jobs);
	seen_free(self->seen_crons);
	queue_free(self->queue);
	free(self);
}

static void wake_owner(struct self *self, const struct object *job)
{
	const struct json *owner = meta_controller(object_json(job));
	auto_buf key = BUF_INIT;

	if (!str_is(json_str(json_get(owner, "kind")), "CronJob"))
		return;
	buf_add_print(&key, STR_FMT "/" STR_FMT, STR_ARG(object_namespace(job)),
		      STR_ARG(json_str(json_get(owner, "name"))));
	queue_add(self->queue, buf_str(&key));
}

static bool same_field(const struct object *a, const struct object *b, const char *field)
{
	return json_equal(json_path(object_json(a), "spec", field, NULL),
			  json_path(object_json(b), "spec", field, NULL));
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;
	auto_buf key = BUF_INIT;

	if (kind == CONTROL_JOBS) {
		wake_owner(self, after ? after : before);
		if (!after)
			map_remove(self->strangers, object_uid(before));
	}
	if (kind != CONTROL_CRONJOBS)
		return;
	object_key(after ? after : before, &key);
	if (before && after &&
	    (!same_field(before, after, "schedule") || !same_field(before, after, "timeZone"))) {
		note_of(self, buf_str(&key))->changed_s = clock_wall_s();
		note_of(self, buf_str(&key))->told_zone = false;
	}
	queue_add(self->queue, buf_str(&key));
}

const struct control_row control_cronjob = { "cronjob", start, stop, on_change };
