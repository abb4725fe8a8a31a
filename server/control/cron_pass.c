/*
 * cron_pass.c - what a CronJob's Jobs tell of themselves, and its status of them.
 */
#include "server/control/cron_pass.h"

#include <string.h>

#include "base/map.h"
#include "server/control/controller.h"
#include "server/control/family.h"

#define COMPONENT "cronjob-controller"

void cron_pass_open(struct cron_pass *pass, const struct object *cron)
{
	pass->object = object_ref(cron);
	pass->doc = object_thaw(cron);
	pass->root = json_root(pass->doc);
	pass->spec = json_get(pass->root, "spec");
	pass->status = json_sub_object(pass->doc, pass->root, "status");
	pass->arena = arena_new();
	pass->due_s = INT64_MIN;
}

void cron_pass_close(struct cron_pass *pass)
{
	json_doc_free(pass->doc);
	arena_free(pass->arena);
	object_unref(pass->object);
}

void cron_pass_tell(const struct cron_pass *pass, const char *type, const char *reason,
		    const char *message)
{
	control_event(pass->control, pass->object, COMPONENT, type, reason, message);
}

const char *cron_pass_print(const struct cron_pass *pass, struct str name, const char *words)
{
	return arena_print(pass->arena, "%s" STR_FMT, words, STR_ARG(name));
}

/* --- the list of those that run --- */

struct json *cron_pass_actives(const struct cron_pass *pass)
{
	return json_sub_array(pass->doc, pass->status, "active");
}

bool cron_pass_lists(const struct cron_pass *pass, struct str uid)
{
	for (struct json_iter it = json_iter(cron_pass_actives(pass)); json_next(&it);)
		if (str_equal(json_str(json_get(it.value, "uid")), uid))
			return true;
	return false;
}

void cron_pass_drop(const struct cron_pass *pass, struct str uid)
{
	struct json *list = cron_pass_actives(pass);

	for (size_t i = json_count(list); i-- > 0;)
		if (str_equal(json_str(json_get(json_at(list, i), "uid")), uid))
			json_remove_at(list, i);
}

void cron_pass_add(const struct cron_pass *pass, const struct json *job)
{
	struct json *entry = json_new_object(pass->doc);
	static const char *const fields[] = { "name", "namespace", "uid", "resourceVersion" };

	json_put(pass->doc, entry, "apiVersion", json_new_text(pass->doc, "batch/v1"));
	json_put(pass->doc, entry, "kind", json_new_text(pass->doc, "Job"));
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
		json_put(pass->doc, entry, fields[i],
			 json_clone(pass->doc, json_get(meta_of(job), fields[i])));
	json_append(cron_pass_actives(pass), entry);
}

/* --- Jobs that have ended --- */

const char *cron_pass_end_of(const struct object *job)
{
	if (meta_condition_is_true(object_json(job), STR("Complete")))
		return "Complete";
	return meta_condition_is_true(object_json(job), STR("Failed")) ? "Failed" : NULL;
}

static void note_success(const struct cron_pass *pass, const struct object *job)
{
	const struct json *end = json_path(object_json(job), "status", "completionTime", NULL);
	const struct json *last = json_get(pass->status, "lastSuccessfulTime");

	/* Texts of times in one form are in the order of the times. */
	if (end && str_compare(json_str(end), json_str(last)) > 0)
		json_put(pass->doc, pass->status, "lastSuccessfulTime", json_clone(pass->doc, end));
}

static void look_at_job(const struct cron_pass *pass, const struct object *job)
{
	const char *end = cron_pass_end_of(job);
	bool listed = cron_pass_lists(pass, object_uid(job));

	if (!end && !listed && !map_put(pass->strangers, object_uid(job), pass->strangers))
		cron_pass_tell(pass, "Warning", "UnexpectedJob",
			       cron_pass_print(
				       pass, object_name(job),
				       "Saw a job that the controller did not create or forgot: "));
	if (end && listed) {
		cron_pass_drop(pass, object_uid(job));
		cron_pass_tell(pass, "Normal", "SawCompletedJob",
			       arena_print(pass->arena,
					   "Saw completed job: " STR_FMT ", condition: %s",
					   STR_ARG(object_name(job)), end));
	}
	if (end && strcmp(end, "Complete") == 0)
		note_success(pass, job);
}

void cron_pass_look(const struct cron_pass *pass)
{
	const struct family *jobs = pass->control->families[CONTROL_JOBS];
	struct json *list = cron_pass_actives(pass);
	const struct member *job;

	for (size_t i = 0; (job = family_next(jobs, object_uid(pass->object), &i));)
		look_at_job(pass, job->object);
	for (size_t i = json_count(list); i-- > 0;) {
		struct str name = json_str(json_get(json_at(list, i), "name"));
		struct str uid = json_str(json_get(json_at(list, i), "uid"));

		job = family_find(jobs, object_namespace(pass->object), name);
		if (job && str_equal(object_uid(job->object), uid))
			continue;
		cron_pass_tell(pass, "Normal", "MissingJob",
			       cron_pass_print(pass, name, "Active job went missing: "));
		json_remove_at(list, i);
	}
}
