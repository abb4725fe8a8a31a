/*
 * control_cronjob.c - makes Jobs by the clock.
 *
 *   on_pass: look (which Jobs run, which have ended) -> too old or replaced ones go -> on_cleaned
 *     -> the Job that is due -> on_made -> the status -> on_told
 *
 * A Job is named by the minute that it is for, so that none is made twice.  Between two looks lies
 * a minute at most: a clock that was set is noticed then, and costs one Job, however far it went.
 */
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "server/control/controller.h"
#include "server/control/cron_wish.h"
#include "server/control/family.h"
#include "server/control/seen.h"
#include "server/control/zone_store.h"

#define SCHEDULED_FOR "batch.kubernetes.io/cronjob-scheduled-timestamp"

struct self {
	struct control *control;
	struct queue *queue;
	struct seen *seen_jobs, *seen_crons;
	struct zone_store *zones;
	struct map *notes;     /* key -> struct cron_note */
	struct map *strangers; /* uids of Jobs that an event has told of */
};

struct pass {
	struct cron_pass cron; /* first */
	struct self *self;
	char *key;
	bool failed;
};

static void on_cleaned(struct batch *batch);
static void write_status(struct pass *pass);

static void pass_end(struct pass *pass)
{
	struct self *self = pass->self;
	struct str key = str_of(pass->key);

	if (pass->cron.look_ms > 0 && !self->control->stopping)
		queue_add_after(self->queue, key, pass->cron.look_ms);
	queue_done(self->queue, key, !pass->failed);
	cron_pass_close(&pass->cron);
	free(pass->key);
	free(pass);
}

static struct batch *next_batch(struct pass *pass, const char *watched,
				void (*on_end)(struct batch *batch))
{
	return batch_new_watching(pass->self->control, str_of(pass->key), pass, on_end, watched);
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
		cron_pass_tell(&pass->cron, "Warning", "FailedDelete",
			       arena_print(pass->cron.arena, "Deleted job: %s", err->text));
	else
		cron_pass_drop(&pass->cron, str_of(removing->uid));
	if (!err) {
		cron_pass_tell(
			&pass->cron, "Normal", "SuccessfulDelete",
			cron_pass_print(&pass->cron, str_of(removing->name), "Deleted job "));
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
				  .namespace = object_namespace(pass->cron.object),
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

static void remove_actives(struct pass *pass, struct batch *batch)
{
	for (struct json_iter it = json_iter(cron_pass_actives(&pass->cron)); json_next(&it);)
		remove_job(pass, batch, json_str(json_get(it.value, "name")),
			   json_str(json_get(it.value, "uid")));
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
	size_t room = family_count(jobs, object_uid(pass->cron.object)), count = 0;
	auto_free const struct object **ended = memory_get((room + 1) * sizeof(*ended));
	int64_t surplus;
	const struct member *job;

	for (size_t i = 0; (job = family_next(jobs, object_uid(pass->cron.object), &i));) {
		const char *its = cron_pass_end_of(job->object);

		if (its && strcmp(its, end) == 0 && !object_is_deleting(job->object))
			ended[count++] = job->object;
	}
	surplus = limit ? (int64_t)count - json_int(limit) : 0;
	qsort(ended, count, sizeof(*ended), by_start);
	for (int64_t i = 0; i < surplus; i++)
		remove_job(pass, batch, object_name(ended[i]), object_uid(ended[i]));
}

/* --- the Job --- */

static void print_job(const struct pass *pass, struct buf *out)
{
	const struct json *template = json_get(pass->cron.spec, "jobTemplate");
	static const char *const kept[] = { "labels", "annotations" };
	auto_json_doc doc = json_doc_new();
	struct json *job = json_new_object(doc), *metadata;
	const struct zone_clock *zone =
		json_get(pass->cron.spec, "timeZone") ? pass->cron.zone : NULL;
	char text[ZONE_CLOCK_TEXT];

	json_put(doc, job, "apiVersion", json_new_text(doc, "batch/v1"));
	json_put(doc, job, "kind", json_new_text(doc, "Job"));
	metadata = json_sub_object(doc, job, "metadata");
	json_put(doc, metadata, "name", json_new_text(doc, cron_wish_name(&pass->cron)));
	for (size_t i = 0; i < ARRAY_LENGTH(kept); i++)
		json_put(doc, metadata, kept[i],
			 json_clone(doc, json_path(template, "metadata", kept[i], NULL)));
	zone_clock_print(zone, pass->cron.due_s, text);
	json_put(doc, json_sub_object(doc, metadata, "annotations"), SCHEDULED_FOR,
		 json_new_text(doc, text));
	json_append(json_sub_array(doc, metadata, "ownerReferences"),
		    control_owner_reference(doc, pass->cron.object));
	json_put(doc, job, "spec", json_clone(doc, json_get(template, "spec")));
	json_print(job, out);
}

static void note_made(struct pass *pass, const struct json *job)
{
	char text[CLOCK_TEXT];
	uint64_t revision;

	if (!cron_pass_lists(&pass->cron, meta_str(job, "uid")))
		cron_pass_add(&pass->cron, job);
	clock_print(pass->cron.due_s, text);
	json_put(pass->cron.doc, pass->cron.status, "lastScheduleTime",
		 json_new_text(pass->cron.doc, text));
	if (str_to_u64(meta_str(job, "resourceVersion"), UINT64_MAX, &revision))
		seen_note(pass->self->seen_jobs, str_of(pass->key), revision);
}

/* It was there already: ours, if an earlier life of the server made it and could not say so. */
static void on_found(void *of, const struct json *result, const struct error *err)
{
	struct pass *pass = of;

	pass->failed = pass->failed || (err && err->kind != ERROR_NOT_FOUND);
	if (!err && str_equal(json_str(json_get(meta_controller(result), "uid")),
			      object_uid(pass->cron.object)))
		note_made(pass, result);
	write_status(pass);
}

static void on_made(void *of, const struct json *result, const struct error *err)
{
	struct pass *pass = of;
	const char *name = cron_wish_name(&pass->cron);

	if (err && err->kind == ERROR_EXISTS && !pass->self->control->stopping) {
		struct client_ask ask = { .verb = CLIENT_GET,
					  .kind = pass->self->control->kinds[CONTROL_JOBS],
					  .namespace = object_namespace(pass->cron.object),
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
			cron_pass_tell(
				&pass->cron, "Warning", "FailedCreate",
				arena_print(pass->cron.arena, "Error creating job: %s", err->text));
	} else {
		note_made(pass, result);
		cron_pass_tell(&pass->cron, "Normal", "SuccessfulCreate",
			       cron_pass_print(&pass->cron, str_of(name), "Created job "));
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
				  .namespace = object_namespace(pass->cron.object),
				  .on_done = on_made,
				  .of = pass };

	if (batch_leave(batch, pass->self->seen_jobs, &pass->failed)) {
		pass_end(pass);
		return;
	}
	if (failed || pass->cron.due_s == INT64_MIN) {
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
				  .namespace = object_namespace(pass->cron.object),
				  .name = object_name(pass->cron.object),
				  .subresource = "status" };

	if (json_count(cron_pass_actives(&pass->cron)) == 0)
		json_remove(pass->cron.status, STR("active"));
	if (!pass->self->control->stopping &&
	    !json_equal(pass->cron.status, json_get(object_json(pass->cron.object), "status"))) {
		json_print(pass->cron.root, &body);
		ask.body = buf_str(&body);
		batch_call(batch, &ask);
	}
	batch_seal(batch);
}

/* --- passes --- */

static struct cron_note *note_of(struct self *self, struct str key)
{
	struct cron_note *note = map_find(self->notes, key);

	if (note)
		return note;
	note = memory_new(struct cron_note);
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
	pass->cron.control = self->control;
	pass->cron.zones = self->zones;
	pass->cron.strangers = self->strangers;
	pass->cron.note = note_of(self, key);
	cron_pass_open(&pass->cron, cron);
	cron_pass_look(&pass->cron);
	batch = next_batch(pass, NULL, on_cleaned);
	remove_oldest(pass, batch, "Complete",
		      json_get(pass->cron.spec, "successfulJobsHistoryLimit"));
	remove_oldest(pass, batch, "Failed", json_get(pass->cron.spec, "failedJobsHistoryLimit"));
	if (cron_wish_find(&pass->cron) &&
	    str_is(json_str(json_get(pass->cron.spec, "concurrencyPolicy")), "Replace"))
		remove_actives(pass, batch);
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
	const struct object *cron = control_find(self->control, CONTROL_CRONJOBS, key);

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

	map_free_all(self->notes);
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
