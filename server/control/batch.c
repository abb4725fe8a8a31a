/*
 * batch.c - counts the calls of a pass that are under way.
 */
#include "server/control/batch.h"

#include <assert.h>

#include "base/log.h"
#include "server/control/controller.h"

struct batch *batch_new(struct control *control, struct str key, void *owner,
			void (*on_end)(struct batch *batch))
{
	struct batch *batch = memory_new(struct batch);

	batch->control = control;
	batch->key = str_copy(key);
	batch->owner = owner;
	batch->on_end = on_end;
	return batch;
}

struct batch *batch_new_watching(struct control *control, struct str key, void *owner,
				 void (*on_end)(struct batch *batch), const char *watched)
{
	struct batch *batch = batch_new(control, key, owner, on_end);

	batch->watched = watched;
	return batch;
}

static void end_if_over(struct batch *batch)
{
	if (batch->sealed && batch->running == 0)
		batch->on_end(batch);
}

static void on_answer(void *of, const struct json *result, const struct error *err)
{
	struct batch *batch = of;
	uint64_t revision;

	if (err && (err->kind == ERROR_NOT_FOUND || err->kind == ERROR_EXISTS))
		err = NULL;
	if (batch->watched && str_is(json_str(json_get(result, "kind")), batch->watched) &&
	    str_to_u64(meta_str(result, "resourceVersion"), UINT64_MAX, &revision) &&
	    revision > batch->revision)
		batch->revision = revision;
	batch_drop(batch, err);
}

void batch_hold(struct batch *batch)
{
	batch->running++;
}

void batch_drop(struct batch *batch, const struct error *err)
{
	assert(batch->running > 0);
	if (err) {
		if (!batch->failed)
			batch->why = *err;
		batch->failed = true;
		log_debug("server.control", "call failed", "key=%s why=\"%s\"", batch->key,
			  err->text);
	}
	batch->running--;
	end_if_over(batch);
}

void batch_call(struct batch *batch, const struct client_ask *ask)
{
	struct client_ask own = *ask;

	if (batch->control->stopping) {
		batch->failed = true;
		return;
	}
	own.on_done = on_answer;
	own.of = batch;
	batch_hold(batch);
	client_call(batch->control->client, &own);
}

void batch_seal(struct batch *batch)
{
	batch->sealed = true;
	end_if_over(batch);
}

void batch_free(struct batch *batch)
{
	free(batch->key);
	free(batch);
}

void batch_end_pass(struct batch *batch, struct queue *queue, struct seen *seen)
{
	struct str key = str_of(batch->key);

	if (seen)
		seen_note(seen, key, batch->revision);
	queue_done(queue, key, !batch->failed);
	batch_free(batch);
}

bool batch_leave(struct batch *batch, struct seen *seen, bool *failed)
{
	bool stopping = batch->control->stopping;

	seen_note(seen, str_of(batch->key), batch->revision);
	*failed = *failed || batch->failed;
	batch_free(batch);
	return stopping;
}
