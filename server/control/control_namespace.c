/*
 * control_namespace.c - empties namespaces that are being deleted, then lets them go.
 *
 * A pass deletes every collection; when a look shows that nothing is left, our own of
 * spec.finalizers is taken away through /finalize.  Those of others are theirs to take.
 */
#include "server/control/controller.h"

#define AGAIN_MS      200
#define OWN_FINALIZER "kubernetes"

struct emptying {
	struct controller *self;
	char *name;
	size_t running, left;
	bool failed;
};

static void finish(struct emptying *emptying, bool done)
{
	struct controller *self = emptying->self;

	if (done && emptying->left > 0)
		queue_add_after(self->queue, str_of(emptying->name), AGAIN_MS);
	queue_done(self->queue, str_of(emptying->name), done);
	free(emptying->name);
	free(emptying);
}

static void on_finalized(void *of, const struct json *result, const struct error *err)
{
	(void)result;
	finish(of, !err || err->kind == ERROR_NOT_FOUND);
}

static void drop_own_finalizer(struct json_doc *doc)
{
	struct json *spec = json_sub_object(doc, json_root(doc), "spec");
	struct json *kept = json_new_array(doc);

	for (struct json_iter it = json_iter(json_get(spec, "finalizers")); json_next(&it);)
		if (!str_is(json_str(it.value), OWN_FINALIZER))
			json_append(kept, json_clone(doc, it.value));
	json_put(doc, spec, "finalizers", kept);
}

static void finalize(struct emptying *emptying)
{
	struct control *control = emptying->self->control;
	const struct object *namespace =
		cache_find(control->caches[CONTROL_NAMESPACES], STR_NONE, str_of(emptying->name));
	auto_json_doc doc = NULL;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_UPDATE,
				  .kind = control->kinds[CONTROL_NAMESPACES],
				  .name = str_of(emptying->name),
				  .subresource = "finalize",
				  .on_done = on_finalized,
				  .of = emptying };

	if (!namespace) {
		finish(emptying, true);
		return;
	}
	doc = object_thaw(namespace);
	drop_own_finalizer(doc);
	json_print(json_root(doc), &body);
	ask.body = buf_str(&body);
	client_call(control->client, &ask);
}

static void on_answer(void *of, const struct json *result, const struct error *err)
{
	struct emptying *emptying = of;

	emptying->failed = emptying->failed || err;
	emptying->left += json_count(json_get(result, "items"));
	if (--emptying->running > 0)
		return;
	if (emptying->failed)
		finish(emptying, false);
	else if (emptying->left > 0)
		finish(emptying, true);
	else
		finalize(emptying);
}

static bool is_ours(const struct object *namespace)
{
	const struct json *all = json_path(object_json(namespace), "spec", "finalizers", NULL);

	for (struct json_iter it = json_iter(all); json_next(&it);)
		if (str_is(json_str(it.value), OWN_FINALIZER))
			return object_is_deleting(namespace);
	return false;
}

static void on_pass(void *owner, struct str name)
{
	struct controller *self = owner;
	struct control *control = self->control;
	const struct object *namespace =
		cache_find(control->caches[CONTROL_NAMESPACES], STR_NONE, name);
	struct emptying *emptying;

	if (!namespace || !is_ours(namespace)) {
		queue_done(self->queue, name, true);
		return;
	}
	emptying = memory_new(struct emptying);
	emptying->self = self;
	emptying->name = str_copy(name);
	/* The answer of each deletion lists what was still there. */
	emptying->running = 1;
	for (const struct kind *const *kind = kind_list; *kind; kind++) {
		struct client_ask ask = { .verb = CLIENT_DELETE_COLLECTION,
					  .kind = *kind,
					  .namespace = name,
					  .on_done = on_answer,
					  .of = emptying };

		if (!(*kind)->namespaced || (*kind)->stored_as ||
		    !((*kind)->verbs & VERB_DELETE_COLLECTION))
			continue;
		emptying->running++;
		client_call(control->client, &ask);
	}
	on_answer(emptying, NULL, NULL);
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
	if (kind == CONTROL_NAMESPACES && after && is_ours(after))
		queue_add(self->queue, object_name(after));
}

const struct control_row control_namespace = { "namespace", start, controller_stop, on_change };
