/*
 * control_ttl_after_finished.c - deletes Jobs so many seconds after they have finished, with their
 * pods (spec.ttlSecondsAfterFinished).
 *
 * The API is asked once more before: the Job may have been given more time.
 */
#include "base/clock.h"
#include "server/control/controller.h"

#define LATER_MAX_MS (24 * 3600 * INT64_C(1000))

/* When it has finished; false: it has not. */
static bool find_end(const struct json *job, int64_t *out_s)
{
	static const char *const ends[] = { "Complete", "Failed" };

	for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
		const struct json *condition = meta_condition(job, str_of(ends[i]));

		if (str_is(json_str(json_get(condition, "status")), "True"))
			return clock_parse(json_str(json_get(condition, "lastTransitionTime")),
					   out_s, NULL);
	}
	return false;
}

/* Milliseconds until its time is over (0: it is); -1: it has none. */
static int64_t left_ms(const struct json *job)
{
	const struct json *ttl = json_path(job, "spec", "ttlSecondsAfterFinished", NULL);
	int64_t end_s, left;

	if (!ttl || json_get(meta_of(job), "deletionTimestamp") || !find_end(job, &end_s))
		return -1;
	left = (end_s + json_int(ttl)) * 1000 - clock_wall_us() / 1000;
	return left < 0 ? 0 : left > LATER_MAX_MS ? LATER_MAX_MS : left;
}

static void on_asked(void *of, const struct json *result, const struct error *err)
{
	struct batch *batch = of;
	const struct control *control = batch->control;
	struct str rest = str_of(batch->key), namespace = str_cut(&rest, '/');
	int64_t left = err ? -1 : left_ms(result);
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_DELETE,
				  .kind = control->kinds[CONTROL_JOBS],
				  .namespace = namespace,
				  .name = rest };

	if (left == 0 && !control->stopping) {
		buf_add_print(&body,
			      "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\","
			      "\"propagationPolicy\":\"Foreground\","
			      "\"preconditions\":{\"uid\":\"" STR_FMT "\"}}",
			      STR_ARG(meta_str(result, "uid")));
		ask.body = buf_str(&body);
		batch_call(batch, &ask);
	}
	batch_drop(batch, err && err->kind == ERROR_NOT_FOUND ? NULL : err);
}

static void on_pass(void *owner, struct str key)
{
	struct controller *self = owner;
	struct str rest = key, namespace = str_cut(&rest, '/');
	const struct object *job = cache_find(self->control->caches[CONTROL_JOBS], namespace, rest);
	int64_t left = job ? left_ms(object_json(job)) : -1;
	struct client_ask ask = { .verb = CLIENT_GET,
				  .kind = self->control->kinds[CONTROL_JOBS],
				  .namespace = namespace,
				  .name = rest,
				  .on_done = on_asked };
	struct batch *batch;

	if (left != 0) {
		if (left > 0)
			queue_add_after(self->queue, key, left);
		queue_done(self->queue, key, true);
		return;
	}
	batch = batch_new(self->control, key, self, controller_on_end);
	ask.of = batch;
	batch_hold(batch);
	client_call(self->control->client, &ask);
	batch_seal(batch);
}

static void *start(struct control *control)
{
	return controller_start(control, on_pass);
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct controller *self = own;

	(void)before;
	if (kind != CONTROL_JOBS || !after || left_ms(object_json(after)) < 0)
		return;
	control_queue(self->queue, after);
}

const struct control_row control_ttl_after_finished = { "ttl-after-finished", start,
							controller_stop, on_change };
