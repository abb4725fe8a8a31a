/*
 * schedule_victims.c - those that leave for a pod of higher priority: told why, then deleted with
 * their own grace.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/schedule/schedule_inside.h"

#define MESSAGE_MOST 512

/* One victim, between the two calls. */
struct leaving {
	struct schedule *schedule;
	const struct object *victim, *preemptor; /* counted */
	char *node, *component;
};

static void leaving_free(struct leaving *leaving)
{
	object_unref(leaving->victim);
	object_unref(leaving->preemptor);
	free(leaving->node);
	free(leaving->component);
	free(leaving);
}

static void on_deleted(void *of, const struct json *result, const struct error *err)
{
	struct leaving *leaving = of;
	struct happening happening = { "Normal", "Preempted", "Preempting", leaving->component,
				       leaving->preemptor };
	char message[MESSAGE_MOST];

	(void)result;
	if (!err) {
		snprintf(message, sizeof(message), "Preempted by pod " STR_FMT " on node %s",
			 STR_ARG(object_uid(leaving->preemptor)), leaving->node);
		schedule_event(leaving->schedule, leaving->victim, &happening, message);
	}
	leaving_free(leaving);
}

static void delete (struct leaving *leaving)
{
	struct client_ask ask = { .verb = CLIENT_DELETE,
				  .kind = leaving->schedule->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(leaving->victim),
				  .name = object_name(leaving->victim),
				  .on_done = on_deleted,
				  .of = leaving };
	auto_buf body = BUF_INIT;

	buf_add_print(&body,
		      "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"preconditions\":{"
		      "\"uid\":\"" STR_FMT "\"}}",
		      STR_ARG(object_uid(leaving->victim)));
	ask.body = buf_str(&body);
	client_call(leaving->schedule->client, &ask);
}

static void on_told(void *of, const struct json *result, const struct error *err)
{
	struct leaving *leaving = of;

	(void)result;
	if (!err) {
		delete (leaving);
		return;
	}
	log_debug("server.schedule", "a pod cannot be told to leave",
		  "pod=" STR_FMT "/" STR_FMT " why=\"%s\"",
		  STR_ARG(object_namespace(leaving->victim)), STR_ARG(object_name(leaving->victim)),
		  err->text);
	leaving_free(leaving);
}

static void tell(struct leaving *leaving)
{
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc), *condition = json_new_object(doc);
	auto_buf body = BUF_INIT;
	char now[CLOCK_TEXT];
	struct client_ask ask = { .verb = CLIENT_PATCH_STRATEGIC,
				  .kind = leaving->schedule->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(leaving->victim),
				  .name = object_name(leaving->victim),
				  .subresource = "status",
				  .on_done = on_told,
				  .of = leaving };

	clock_print(clock_wall_s(), now);
	json_append(json_sub_array(doc, json_sub_object(doc, patch, "status"), "conditions"),
		    condition);
	json_put(doc, condition, "type", json_new_text(doc, "DisruptionTarget"));
	json_put(doc, condition, "status", json_new_text(doc, "True"));
	json_put(doc, condition, "lastTransitionTime", json_new_text(doc, now));
	json_put(doc, condition, "reason", json_new_text(doc, "PreemptionByScheduler"));
	json_put(doc, condition, "message",
		 json_new_print(doc, "%s: preempting to accommodate a higher priority pod",
				leaving->component));
	json_print(patch, &body);
	ask.body = buf_str(&body);
	client_call(leaving->schedule->client, &ask);
}

/* Lesser ones that wait for this room look for another. */
static void clear_nominations(struct schedule *schedule, const struct cycle *cycle,
			      struct place *place)
{
	LIST_EACH_SAFE(&place->nominated, link)
	{
		struct resident *waits = LIST_OWNER(link, struct resident, link);
		auto_buf key = BUF_INIT;

		if (waits->priority >= cycle->resident->priority)
			continue;
		object_key(waits->pod, &key);
		schedule_tell_not_nominated(schedule, waits->pod);
		scene_forget_nomination(schedule->scene, buf_str(&key));
	}
}

void schedule_victims_leave(struct schedule *schedule, const struct cycle *cycle,
			    const struct preemption *preemption)
{
	for (size_t i = 0; i < preemption->count; i++) {
		const struct resident *victim = preemption->victims[i];
		struct leaving *leaving;

		if (victim->leaving)
			continue;
		leaving = memory_new(struct leaving);
		leaving->schedule = schedule;
		leaving->victim = object_ref(victim->pod);
		leaving->preemptor = object_ref(cycle->resident->pod);
		leaving->node = memory_string(preemption->place->name);
		leaving->component = memory_string(cycle->profile->name);
		tell(leaving);
	}
	clear_nominations(schedule, cycle, preemption->place);
}
