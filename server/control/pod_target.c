/*
 * pod_target.c - one patch of the status.
 */
#include "server/control/pod_target.h"

#include "base/clock.h"

static void put_condition(struct json_doc *doc, struct json *status,
			  const struct pod_target *target)
{
	struct json *condition = json_new_object(doc);
	char now[CLOCK_TEXT];

	clock_print(clock_wall_s(), now);
	json_append(json_sub_array(doc, status, "conditions"), condition);
	json_put(doc, condition, "type", json_new_text(doc, "DisruptionTarget"));
	json_put(doc, condition, "status", json_new_text(doc, "True"));
	json_put(doc, condition, "reason", json_new_text(doc, target->reason));
	json_put(doc, condition, "message", json_new_text(doc, target->message));
	json_put(doc, condition, "lastTransitionTime", json_new_text(doc, now));
}

void pod_target_tell(struct batch *batch, const struct object *pod, const struct pod_target *target)
{
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc), *status;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_STRATEGIC,
				  .kind = batch->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(pod),
				  .name = object_name(pod),
				  .subresource = "status" };

	json_put(doc, json_sub_object(doc, patch, "metadata"), "uid",
		 json_new_str(doc, object_uid(pod)));
	status = json_sub_object(doc, patch, "status");
	if (target->failed)
		json_put(doc, status, "phase", json_new_text(doc, "Failed"));
	if (target->reason)
		put_condition(doc, status, target);
	json_print(patch, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}
