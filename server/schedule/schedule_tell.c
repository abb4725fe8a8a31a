/*
 * schedule_tell.c - events and conditions, in the words of the real scheduler.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "server/schedule/schedule_inside.h"

#define HOST_NAME_MOST 64
#define SAID_TOGETHER  64

/* Objects by reference, as events have them. */
static void put_reference(struct json_doc *doc, struct json *event, const char *field,
			  const struct object *about)
{
	struct json *reference = json_sub_object(doc, event, field);
	char revision[24];

	snprintf(revision, sizeof(revision), "%llu", (unsigned long long)object_revision(about));
	json_put(doc, reference, "kind", json_new_str(doc, object_kind(about)));
	json_put(doc, reference, "namespace", json_new_str(doc, object_namespace(about)));
	json_put(doc, reference, "name", json_new_str(doc, object_name(about)));
	json_put(doc, reference, "uid", json_new_str(doc, object_uid(about)));
	json_put(doc, reference, "apiVersion", json_new_str(doc, object_api_version(about)));
	json_put(doc, reference, "resourceVersion", json_new_text(doc, revision));
}

static void put_reporter(struct json_doc *doc, struct json *event, const char *component)
{
	char host[HOST_NAME_MOST + 1] = "";

	if (gethostname(host, HOST_NAME_MOST) != 0)
		host[0] = '\0';
	json_put(doc, event, "reportingComponent", json_new_text(doc, component));
	json_put(doc, event, "reportingInstance", json_new_print(doc, "%s-%s", component, host));
}

static void print_event(const struct object *pod, const struct happening *what, const char *message,
			struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *event = json_new_object(doc), *metadata;
	char now[CLOCK_TEXT], suffix[17];

	clock_print_micro(clock_wall_us(), now);
	random_suffix(suffix, 16);
	metadata = json_sub_object(doc, event, "metadata");
	json_put(doc, metadata, "name",
		 json_new_print(doc, STR_FMT ".%s", STR_ARG(object_name(pod)), suffix));
	json_put(doc, metadata, "namespace", json_new_str(doc, object_namespace(pod)));
	put_reference(doc, event, "involvedObject", pod);
	if (what->related)
		put_reference(doc, event, "related", what->related);
	json_put(doc, event, "type", json_new_text(doc, what->type));
	json_put(doc, event, "reason", json_new_text(doc, what->reason));
	json_put(doc, event, "action", json_new_text(doc, what->action));
	json_put(doc, event, "message", json_new_text(doc, message));
	json_put(doc, event, "eventTime", json_new_text(doc, now));
	put_reporter(doc, event, what->component);
	json_print(event, out);
}

void schedule_event(struct schedule *schedule, const struct object *pod,
		    const struct happening *what, const char *message)
{
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = kind_find_name(STR("v1"), STR("Event")),
				  .namespace = object_namespace(pod) };

	print_event(pod, what, message, &body);
	ask.body = buf_str(&body);
	client_call(schedule->client, &ask);
}

/* --- "Scheduled", later --- */

struct said {
	struct list link;
	char *namespace, *body;
};

static void said_free(struct said *said)
{
	list_remove(&said->link);
	free(said->namespace);
	free(said->body);
	free(said);
}

static void on_sent(void *of, const struct json *result, const struct error *err)
{
	struct schedule *schedule = of;

	(void)result;
	(void)err;
	schedule->said_running--;
	schedule_tell_go_on(schedule);
}

static void send(struct schedule *schedule, struct said *said)
{
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = kind_find_name(STR("v1"), STR("Event")),
				  .namespace = str_of(said->namespace),
				  .body = str_of(said->body),
				  .on_done = on_sent,
				  .of = schedule };

	schedule->said_running++;
	client_call(schedule->client, &ask);
	said_free(said);
}

void schedule_tell_go_on(struct schedule *schedule)
{
	while (schedule->binding_count == 0 && schedule->said_running < SAID_TOGETHER &&
	       !list_is_empty(&schedule->said))
		send(schedule, LIST_OWNER(schedule->said.next, struct said, link));
}

void schedule_tell_placed(struct schedule *schedule, const struct object *pod, const char *node,
			  const char *component)
{
	struct happening happening = { "Normal", "Scheduled", "Binding", component, NULL };
	struct said *said = memory_new(struct said);
	auto_buf body = BUF_INIT;
	auto_free char *message =
		memory_print("Successfully assigned " STR_FMT "/" STR_FMT " to %s",
			     STR_ARG(object_namespace(pod)), STR_ARG(object_name(pod)), node);

	print_event(pod, &happening, message, &body);
	said->namespace = str_copy(object_namespace(pod));
	said->body = buf_take(&body);
	list_add(&schedule->said, &said->link);
}

void schedule_tell_stop(struct schedule *schedule)
{
	LIST_EACH_SAFE(&schedule->said, link)
	{
		said_free(LIST_OWNER(link, struct said, link));
	}
}

static void patch_status(struct schedule *schedule, const struct object *pod,
			 const struct json *patch)
{
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_STRATEGIC,
				  .kind = schedule->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(pod),
				  .name = object_name(pod),
				  .subresource = "status" };

	json_print(patch, &body);
	ask.body = buf_str(&body);
	client_call(schedule->client, &ask);
}

/* True when the pod says so already. */
static bool is_said(const struct json *condition, const char *message)
{
	return str_is(json_str(json_get(condition, "status")), "False") &&
	       str_is(json_str(json_get(condition, "reason")), "Unschedulable") &&
	       str_is(json_str(json_get(condition, "message")), message);
}

static void put_condition(struct json_doc *doc, struct json *status, const struct json *before,
			  const char *message)
{
	struct json *condition = json_new_object(doc);
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	json_append(json_sub_array(doc, status, "conditions"), condition);
	json_put(doc, condition, "type", json_new_text(doc, "PodScheduled"));
	json_put(doc, condition, "status", json_new_text(doc, "False"));
	if (!str_is(json_str(json_get(before, "status")), "False"))
		json_put(doc, condition, "lastTransitionTime", json_new_text(doc, now));
	json_put(doc, condition, "reason", json_new_text(doc, "Unschedulable"));
	json_put(doc, condition, "message", json_new_text(doc, message));
}

void schedule_tell_unschedulable(struct schedule *schedule, const struct cycle *cycle,
				 const char *message, const char *nominated)
{
	const struct object *pod = cycle->resident->pod;
	const struct json *condition = meta_condition(object_json(pod), STR("PodScheduled"));
	struct str before =
		json_str(json_path(object_json(pod), "status", "nominatedNodeName", NULL));
	struct happening happening = { "Warning", "FailedScheduling", "Scheduling",
				       cycle->profile->name, NULL };
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc), *status = json_sub_object(doc, patch, "status");
	bool said = is_said(condition, message);

	if (!said)
		put_condition(doc, status, condition, message);
	if (nominated && !str_is(before, nominated))
		json_put(doc, status, "nominatedNodeName",
			 *nominated ? json_new_text(doc, nominated) : json_new_null(doc));
	if (json_count(status) > 0)
		patch_status(schedule, pod, patch);
	if (!said)
		schedule_event(schedule, pod, &happening, message);
}

void schedule_tell_not_nominated(struct schedule *schedule, const struct object *pod)
{
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc);

	json_put(doc, json_sub_object(doc, patch, "status"), "nominatedNodeName",
		 json_new_null(doc));
	patch_status(schedule, pod, patch);
}
