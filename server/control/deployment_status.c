/*
 * deployment_status.c - numbers first, then the conditions in the order in which Kubernetes decides
 * them, since each may take back what the one before said.
 */
#include "server/control/deployment_status.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

#define MESSAGE_MAX 640

/* A condition to say. */
struct say {
	const char *type, *status, *reason, *message;
};

/* --- lists of conditions --- */

static struct json *find(const struct json *list, const char *type)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "type")), type))
			return it.value;
	return NULL;
}

static void take_away(struct json *list, const char *type)
{
	for (size_t i = 0; i < json_count(list);)
		if (str_is(json_str(json_get(json_at(list, i), "type")), type))
			json_remove_at(list, i);
		else
			i++;
}

static bool is_reason(const struct json *condition, const char *reason)
{
	return str_is(json_str(json_get(condition, "reason")), reason);
}

/* The time of a transition stays as long as the status does. */
static void put(struct json_doc *doc, struct json *list, const struct say *say)
{
	const struct json *old = find(list, say->type);
	bool same = str_is(json_str(json_get(old, "status")), say->status);
	struct json *made = json_new_object(doc);
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	json_put(doc, made, "type", json_new_text(doc, say->type));
	json_put(doc, made, "status", json_new_text(doc, say->status));
	json_put(doc, made, "lastUpdateTime", json_new_text(doc, now));
	json_put(doc, made, "lastTransitionTime",
		 same ? json_clone(doc, json_get(old, "lastTransitionTime"))
		      : json_new_text(doc, now));
	json_put(doc, made, "reason", json_new_text(doc, say->reason));
	json_put(doc, made, "message", json_new_text(doc, say->message));
	take_away(list, say->type);
	json_append(list, made);
}

/* One that says the same already stays as it is, its times too. */
static void set(struct json_doc *doc, struct json *list, const struct say *say)
{
	const struct json *old = find(list, say->type);

	if (str_is(json_str(json_get(old, "status")), say->status) && is_reason(old, say->reason))
		return;
	put(doc, list, say);
}

/* --- numbers --- */

static void put_number(struct json_doc *doc, struct json *status, const char *key, int64_t value)
{
	if (value > 0)
		json_put(doc, status, key, json_new_int(doc, value));
}

static int64_t number(const struct json *status, const char *key)
{
	return json_int(json_get(status, key));
}

static void put_numbers(struct json_doc *doc, struct json *status,
			const struct deployment_sets *sets)
{
	int64_t has = 0, ready = 0, available = deployment_sets_available(sets);

	for (size_t i = 0; i < sets->count; i++) {
		has += sets->items[i].has;
		ready += sets->items[i].ready;
	}
	json_put(doc, status, "observedGeneration",
		 json_clone(doc, json_get(meta_of(object_json(sets->deployment)), "generation")));
	put_number(doc, status, "replicas", has);
	put_number(doc, status, "updatedReplicas", sets->fresh ? sets->fresh->has : 0);
	put_number(doc, status, "readyReplicas", ready);
	put_number(doc, status, "availableReplicas", available);
	put_number(doc, status, "unavailableReplicas", deployment_sets_size(sets) - available);
}

static void put_collisions(struct json_doc *doc, struct json *status, const struct json *old,
			   bool one_more)
{
	const struct json *before = json_get(old, "collisionCount");

	if (one_more)
		json_put(doc, status, "collisionCount", json_new_int(doc, json_int(before) + 1));
	else if (before)
		json_put(doc, status, "collisionCount", json_clone(doc, before));
}

/* --- what the conditions say --- */

static bool has_deadline(const struct deployment_sets *sets)
{
	const struct json *seconds = json_get(sets->spec, "progressDeadlineSeconds");

	return seconds && json_int(seconds) != INT32_MAX;
}

bool deployment_status_is_complete(const struct deployment_sets *sets, const struct json *status)
{
	const struct json *metadata = meta_of(object_json(sets->deployment));

	return number(status, "updatedReplicas") == sets->wanted &&
	       number(status, "replicas") == sets->wanted &&
	       number(status, "availableReplicas") == sets->wanted &&
	       number(status, "observedGeneration") >= json_int(json_get(metadata, "generation"));
}

/* More than the last status told. */
static bool has_progressed(const struct json *status, const struct json *old)
{
	return number(status, "updatedReplicas") > number(old, "updatedReplicas") ||
	       number(status, "replicas") - number(status, "updatedReplicas") <
		       number(old, "replicas") - number(old, "updatedReplicas") ||
	       number(status, "readyReplicas") > number(old, "readyReplicas") ||
	       number(status, "availableReplicas") > number(old, "availableReplicas");
}

/* Milliseconds left; 0 = over. */
static int64_t time_left_ms(const struct deployment_sets *sets, const struct json *progressing)
{
	int64_t from, deadline = json_int(json_get(sets->spec, "progressDeadlineSeconds"));
	int64_t left;

	if (!clock_parse(json_str(json_get(progressing, "lastUpdateTime")), &from, NULL))
		return deadline * 1000;
	left = (from + deadline) * 1000 - clock_wall_us() / 1000;
	return left > 0 ? left : 0;
}

static bool has_timed_out(const struct deployment_sets *sets, const struct json *progressing)
{
	if (!progressing || is_reason(progressing, "NewReplicaSetAvailable"))
		return false;
	return is_reason(progressing, "ProgressDeadlineExceeded") ||
	       time_left_ms(sets, progressing) == 0;
}

static void say_paused(struct json_doc *doc, struct json *list, const struct deployment_sets *sets)
{
	const struct json *now = find(list, "Progressing");
	struct say say = { "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused" };
	bool told = is_reason(now, "DeploymentPaused");

	/* That it did not progress is not forgotten by a pause. */
	if (is_reason(now, "ProgressDeadlineExceeded") || sets->paused == told)
		return;
	if (!sets->paused) {
		say.reason = "DeploymentResumed";
		say.message = "Deployment is resumed";
	}
	set(doc, list, &say);
}

/* Of the set that the pass made, could not make, or found. */
static void say_set(struct json_doc *doc, struct json *list, const struct deployment_sets *sets,
		    const struct deployment_news *news)
{
	char text[MESSAGE_MAX];
	struct say say = { "Progressing", "True", "NewReplicaSetCreated", text };

	if (news->failure[0]) {
		say.status = "False";
		say.reason = "ReplicaSetCreateError";
		say.message = news->failure;
	} else if (news->created) {
		snprintf(text, sizeof(text), "Created new replica set \"%s\"", news->name);
	} else if (sets->fresh && !find(list, "Progressing")) {
		say.reason = "FoundNewReplicaSet";
		snprintf(text, sizeof(text), "Found new replica set \"" STR_FMT "\"",
			 STR_ARG(object_name(sets->fresh->object)));
	} else {
		return;
	}
	set(doc, list, &say);
}

static void say_available(struct json_doc *doc, struct json *list,
			  const struct deployment_sets *sets)
{
	struct say say = { "Available", "True", "MinimumReplicasAvailable",
			   "Deployment has minimum availability." };

	if (deployment_sets_available(sets) < sets->wanted - sets->missing) {
		say.status = "False";
		say.reason = "MinimumReplicasUnavailable";
		say.message = "Deployment does not have minimum availability.";
	}
	set(doc, list, &say);
}

static void print_progress(char text[MESSAGE_MAX], const struct deployment_sets *sets,
			   const struct deployment_news *news, const char *what)
{
	if (sets->fresh)
		snprintf(text, MESSAGE_MAX, "ReplicaSet \"" STR_FMT "\" %s.",
			 STR_ARG(object_name(sets->fresh->object)), what);
	else if (news->created)
		snprintf(text, MESSAGE_MAX, "ReplicaSet \"%s\" %s.", news->name, what);
	else
		snprintf(text, MESSAGE_MAX, "Deployment \"" STR_FMT "\" %s.",
			 STR_ARG(object_name(sets->deployment)), what);
}

static void say_progress(struct json_doc *doc, struct json *list, const struct json *status,
			 const struct deployment_sets *sets, const struct deployment_news *news)
{
	const struct json *old = json_get(object_json(sets->deployment), "status");
	const struct json *now = find(list, "Progressing");
	char text[MESSAGE_MAX];
	struct say say = { "Progressing", "True", "NewReplicaSetAvailable", text };

	/* Complete before, and no new rollout: pods that come and go are no progress. */
	if (is_reason(now, "NewReplicaSetAvailable") &&
	    number(status, "replicas") == number(status, "updatedReplicas"))
		return;
	if (deployment_status_is_complete(sets, status)) {
		print_progress(text, sets, news, "has successfully progressed");
		set(doc, list, &say);
	} else if (has_progressed(status, old)) {
		say.reason = "ReplicaSetUpdated";
		print_progress(text, sets, news, "is progressing");
		put(doc, list, &say); /* each time: the deadline counts from here */
	} else if (has_timed_out(sets, now)) {
		say.status = "False";
		say.reason = "ProgressDeadlineExceeded";
		print_progress(text, sets, news, "has timed out progressing");
		set(doc, list, &say);
	}
}

/* --- ReplicaFailure: that of the new set, else of any --- */

static const struct json *failure_of(const struct deployment_set *set)
{
	return meta_condition(object_json(set->object), STR("ReplicaFailure"));
}

static void say_failure(struct json_doc *doc, struct json *list, const struct deployment_sets *sets)
{
	const struct json *failure = sets->fresh ? failure_of(sets->fresh) : NULL;
	auto_free char *status = NULL, *reason = NULL, *message = NULL;

	for (size_t i = 0; i < sets->count && !failure; i++)
		failure = failure_of(&sets->items[i]);
	if (!failure) {
		take_away(list, "ReplicaFailure");
		return;
	}
	status = str_copy(json_str(json_get(failure, "status")));
	reason = str_copy(json_str(json_get(failure, "reason")));
	message = str_copy(json_str(json_get(failure, "message")));
	set(doc, list, &(struct say){ "ReplicaFailure", status, reason, message });
}

struct json *deployment_status_make(struct json_doc *doc, const struct deployment_sets *sets,
				    const struct deployment_news *news)
{
	const struct json *old = json_get(object_json(sets->deployment), "status");
	struct json *status = json_new_object(doc), *list = json_new_array(doc);

	for (struct json_iter it = json_iter(json_get(old, "conditions")); json_next(&it);)
		json_append(list, json_clone(doc, it.value));
	put_numbers(doc, status, sets);
	put_collisions(doc, status, old, news->collided);
	if (has_deadline(sets) && !object_is_deleting(sets->deployment)) {
		say_paused(doc, list, sets);
		say_set(doc, list, sets, news);
	}
	say_available(doc, list, sets);
	if (news->is_rollout) {
		if (has_deadline(sets) && !news->failure[0])
			say_progress(doc, list, status, sets, news);
		else if (!has_deadline(sets))
			take_away(list, "Progressing");
		say_failure(doc, list, sets);
	}
	json_put(doc, status, "conditions", list);
	return status;
}

int64_t deployment_status_due_ms(const struct deployment_sets *sets, const struct json *status)
{
	const struct json *now = find(json_get(status, "conditions"), "Progressing");

	if (!has_deadline(sets) || !now || sets->paused ||
	    is_reason(now, "ProgressDeadlineExceeded") ||
	    deployment_status_is_complete(sets, status))
		return -1;
	return time_left_ms(sets, now) + 1;
}
