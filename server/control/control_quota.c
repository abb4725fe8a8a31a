/*
 * control_quota.c - writes into the status of each ResourceQuota what its namespace uses.
 *
 * The counting is done in the registry (registry/quota_book.h), where objects are charged; here its
 * figures become visible, those of many changes by one write.
 */
#include "server/control/controller.h"
#include "server/control/seen.h"
#include "server/registry/quota_book.h"

#define GATHER_MS 20 /* changes of this long are told together */

struct self {
	struct control *control;
	struct queue *queue;
	struct seen *seen;
	struct quota_book *book;
};

static void on_written(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, self->seen);
}

/* True: the status differs from what it is to be. */
static bool put_status(const struct self *self, const struct object *quota, struct json_doc *doc)
{
	struct json *root = json_root(doc), *status = json_sub_object(doc, root, "status");
	struct json *used =
		quota_book_used(self->book, object_namespace(quota), object_name(quota), doc);

	if (!used)
		return false;
	json_put(doc, status, "hard", json_clone(doc, json_path(root, "spec", "hard", NULL)));
	json_put(doc, status, "used", used);
	return !json_equal(status, json_get(object_json(quota), "status"));
}

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	struct str rest = key, namespace = str_cut(&rest, '/');
	const struct cache *quotas = self->control->caches[CONTROL_QUOTAS];
	const struct object *quota = cache_find(quotas, namespace, rest);
	auto_json_doc doc = NULL;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_UPDATE,
				  .kind = self->control->kinds[CONTROL_QUOTAS],
				  .namespace = namespace,
				  .name = rest,
				  .subresource = "status" };
	struct batch *batch;

	if (!quota)
		seen_forget(self->seen, key);
	if (!quota || seen_is_behind(self->seen, key, cache_revision(quotas))) {
		queue_done(self->queue, key, true);
		return;
	}
	batch = batch_new_watching(self->control, key, self, on_written, "ResourceQuota");
	doc = object_thaw(quota);
	if (put_status(self, quota, doc)) {
		json_print(json_root(doc), &body);
		ask.body = buf_str(&body);
		batch_call(batch, &ask);
	}
	batch_seal(batch);
}

static void on_use(void *of, struct str namespace, struct str name)
{
	struct self *self = of;
	auto_buf key = BUF_INIT;

	buf_add_print(&key, STR_FMT "/" STR_FMT, STR_ARG(namespace), STR_ARG(name));
	queue_add_after(self->queue, buf_str(&key), GATHER_MS);
}

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->seen = seen_new();
	self->book = quota_book_of(server_registry(control->server));
	quota_book_listen(self->book, on_use, self);
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	quota_book_listen(self->book, NULL, NULL);
	seen_free(self->seen);
	queue_free(self->queue);
	free(self);
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;

	if (kind != CONTROL_QUOTAS)
		return;
	control_queue(self->queue, after ? after : before);
}

const struct control_row control_quota = { "quota", start, stop, on_change };
