/*
 * job_status.c - counters, conditions, and the lists of pods that are on their way to be counted.
 *
 *   ended, finalizer on -> its uid on a list, written -> finalizer off -> off the list, counter + 1
 *
 * Whatever happens between two of these steps, the next pass goes on where it stopped: a pod is
 * counted when its uid is on a list and its finalizer is not there, and both are on the disk.
 */
#include "server/control/job_status.h"

#include <assert.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/map.h"

static const char *const list_keys[] = { "succeeded", "failed" };

void job_status_open(struct job_status *status, const struct object *job)
{
	struct json *uncounted;

	status->doc = object_thaw(job);
	status->root = json_root(status->doc);
	status->written = json_clone(status->doc, json_get(status->root, "status"));
	status->status = json_sub_object(status->doc, status->root, "status");
	uncounted = json_sub_object(status->doc, status->status, "uncountedTerminatedPods");
	for (int i = 0; i < 2; i++) {
		status->lists[i] = json_get(uncounted, list_keys[i]);
		if (!status->lists[i])
			status->lists[i] = json_new_array(status->doc);
	}
}

void job_status_close(struct job_status *status)
{
	json_doc_free(status->doc);
	*status = (struct job_status){ 0 };
}

/* Empty lists are not there. */
static void put_lists(const struct job_status *status)
{
	struct json *uncounted =
		json_sub_object(status->doc, status->status, "uncountedTerminatedPods");

	for (int i = 0; i < 2; i++) {
		bool has = json_count(status->lists[i]) > 0;

		if (has && !json_get(uncounted, list_keys[i]))
			json_put(status->doc, uncounted, list_keys[i], status->lists[i]);
		else if (!has)
			json_remove(uncounted, str_of(list_keys[i]));
	}
}

bool job_status_is_new(const struct job_status *status)
{
	put_lists(status);
	return !json_equal(status->status, status->written);
}

void job_status_ask(const struct job_status *status, const struct control *control,
		    struct buf *body, struct client_ask *ask)
{
	put_lists(status);
	json_print(status->root, body);
	*ask = (struct client_ask){ .verb = CLIENT_UPDATE,
				    .kind = control->kinds[CONTROL_JOBS],
				    .namespace = meta_str(status->root, "namespace"),
				    .name = meta_str(status->root, "name"),
				    .subresource = "status",
				    .body = buf_str(body) };
}

void job_status_note(struct job_status *status, uint64_t revision)
{
	json_put(status->doc, meta_of(status->root), "resourceVersion",
		 json_new_print(status->doc, "%" PRIu64, revision));
	status->written = json_clone(status->doc, status->status);
}

/* --- fields --- */

int64_t job_status_number(const struct job_status *status, const char *key)
{
	return json_int(json_get(status->status, key));
}

void job_status_put_number(struct job_status *status, const char *key, int64_t value, bool zero)
{
	json_put(status->doc, status->status, key,
		 value != 0 || zero ? json_new_int(status->doc, value) : NULL);
}

void job_status_put_text(struct job_status *status, const char *key, struct str text)
{
	json_put(status->doc, status->status, key, json_new_str(status->doc, text));
}

void job_status_put_now(struct job_status *status, const char *key)
{
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	job_status_put_text(status, key, str_of(now));
}

/* --- conditions --- */

static struct json *find_condition(const struct job_status *status, const char *type)
{
	return meta_condition(status->root, str_of(type));
}

const struct json *job_status_true(const struct job_status *status, const char *type)
{
	const struct json *condition = find_condition(status, type);

	return str_is(json_str(json_get(condition, "status")), "True") ? condition : NULL;
}

static bool is_as(const struct json *condition, const char *word, const char *reason,
		  const char *message)
{
	return str_is(json_str(json_get(condition, "status")), word) &&
	       str_is(json_str(json_get(condition, "reason")), reason) &&
	       str_is(json_str(json_get(condition, "message")), message);
}

bool job_status_put_condition(struct job_status *status, const char *type, bool is,
			      const char *reason, const char *message)
{
	struct json *condition = find_condition(status, type);
	struct json_doc *doc = status->doc;
	const char *word = is ? "True" : "False";
	char now[CLOCK_TEXT];

	if (condition ? is_as(condition, word, reason, message) : !is)
		return false;
	if (!condition) {
		condition = json_new_object(doc);
		json_append(json_sub_array(doc, status->status, "conditions"), condition);
	}
	clock_print(clock_wall_s(), now);
	json_put(doc, condition, "type", json_new_text(doc, type));
	json_put(doc, condition, "status", json_new_text(doc, word));
	json_put(doc, condition, "lastProbeTime", json_new_text(doc, now));
	json_put(doc, condition, "lastTransitionTime", json_new_text(doc, now));
	json_put(doc, condition, "reason", json_new_text(doc, reason));
	json_put(doc, condition, "message", json_new_text(doc, message));
	return true;
}

/* --- pods on their way --- */

bool job_status_has_uncounted(const struct job_status *status, int list, struct str uid)
{
	for (struct json_iter it = json_iter(status->lists[list]); json_next(&it);)
		if (str_equal(json_str(it.value), uid))
			return true;
	return false;
}

void job_status_add_uncounted(struct job_status *status, int list, struct str uid)
{
	assert(!job_status_has_uncounted(status, list, uid));
	json_append(status->lists[list], json_new_str(status->doc, uid));
}

size_t job_status_count_uncounted(const struct job_status *status, int list)
{
	return json_count(status->lists[list]);
}

void job_status_settle(struct job_status *status, const struct job_pods *pods)
{
	auto_map held = map_new();

	for (size_t i = 0; i < pods->count; i++)
		if (pods->items[i].uncounted && !pods->items[i].stripped)
			map_put(held, object_uid(pods->items[i].object), status);
	for (int i = 0; i < 2; i++) {
		int64_t counted = 0;

		for (size_t k = json_count(status->lists[i]); k-- > 0;)
			if (!map_find(held, json_str(json_at(status->lists[i], k)))) {
				json_remove_at(status->lists[i], k);
				counted++;
			}
		if (counted > 0)
			job_status_put_number(status, list_keys[i],
					      job_status_number(status, list_keys[i]) + counted,
					      false);
	}
}
