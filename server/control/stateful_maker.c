/*
 * stateful_maker.c - orders: claims first, all at once, then the pod.
 */
#include "server/control/stateful_maker.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "server/control/pod_maker.h"
#include "server/control/stateful_claims.h"

#define COMPONENT   "statefulset-controller"
#define MESSAGE_MAX 1024

struct making;
struct claim_text {
	struct stateful_order *order;
	char *name, *body;
};

struct stateful_order {
	struct making *making;
	char *pod;  /* its name */
	char *body; /* NULL: it is there */
	struct claim_text *claims;
	size_t claim_count, running;
	struct error why; /* of the first claim that failed */
	bool failed;
};

/* --- bodies --- */

/* The template of a revision: its data without the word for patches. */
static struct json *template_of(struct json_doc *doc, const struct revision *revision)
{
	struct json *template = json_clone(
		doc, json_path(object_json(revision->object), "data", "spec", "template", NULL));

	json_remove(template, STR("$patch"));
	return template;
}

static void put_identity(struct json_doc *doc, struct json *pod, const char *name, int64_t ordinal)
{
	struct json *labels = json_sub_object(doc, json_sub_object(doc, pod, "metadata"), "labels");

	json_put(doc, labels, STATEFUL_NAME_LABEL, json_new_text(doc, name));
	json_put(doc, labels, STATEFUL_INDEX_LABEL, json_new_print(doc, "%" PRId64, ordinal));
}

static char *print_pod(const struct stateful *view, const char *name, int64_t ordinal)
{
	const struct revision *revision = stateful_revision_for(view, ordinal);
	auto_json_doc doc = json_doc_new();
	struct json *pod = pod_maker_new(doc, view->set, template_of(doc, revision));
	struct json *metadata = json_get(pod, "metadata"), *spec = json_get(pod, "spec");
	const struct json *service = json_get(view->spec, "serviceName");
	auto_buf text = BUF_INIT;

	json_put(doc, metadata, "name", json_new_text(doc, name));
	put_identity(doc, pod, name, ordinal);
	json_put(doc, json_get(metadata, "labels"), REVISION_HASH_LABEL,
		 json_new_str(doc, object_name(revision->object)));
	json_put(doc, spec, "hostname", json_new_text(doc, name));
	if (json_str(service).len > 0)
		json_put(doc, spec, "subdomain", json_clone(doc, service));
	stateful_claim_volumes(view, ordinal, doc, spec);
	json_print(pod, &text);
	return buf_take(&text);
}

/* --- orders --- */

static void order_free(struct stateful_order *order)
{
	for (size_t i = 0; i < order->claim_count; i++) {
		free(order->claims[i].name);
		free(order->claims[i].body);
	}
	free(order->claims);
	free(order->pod);
	free(order->body);
	free(order);
}

static struct stateful_order *order_new(const struct stateful *view, const struct control *control,
					int64_t ordinal)
{
	const struct json *templates = json_get(view->spec, "volumeClaimTemplates");
	struct stateful_order *order = memory_new(struct stateful_order);

	order->pod = memory_print(STR_FMT "-%" PRId64, STR_ARG(object_name(view->set)), ordinal);
	order->claims = memory_get((json_count(templates) + 1) * sizeof(*order->claims));
	for (struct json_iter it = json_iter(templates); json_next(&it);) {
		auto_buf name = BUF_INIT, body = BUF_INIT;

		stateful_claim_name(view, it.value, ordinal, &name);
		if (cache_find(control->caches[CONTROL_CLAIMS], object_namespace(view->set),
			       buf_str(&name)))
			continue;
		stateful_claim_print(view, it.value, ordinal, &body);
		order->claims[order->claim_count++] =
			(struct claim_text){ order, buf_take(&name), buf_take(&body) };
	}
	return order;
}

static void add(struct stateful_orders *orders, struct stateful_order *order)
{
	orders->items =
		memory_grow(orders->items, (orders->count + 1) * sizeof(struct stateful_order *));
	orders->items[orders->count++] = order;
}

void stateful_order_pod(struct stateful_orders *orders, const struct stateful *view,
			const struct control *control, int64_t ordinal)
{
	struct stateful_order *order = order_new(view, control, ordinal);

	order->body = print_pod(view, order->pod, ordinal);
	add(orders, order);
}

void stateful_order_claims(struct stateful_orders *orders, const struct stateful *view,
			   const struct control *control, const struct stateful_pod *pod)
{
	struct stateful_order *order;

	if (json_count(json_get(view->spec, "volumeClaimTemplates")) == 0)
		return;
	order = order_new(view, control, pod->ordinal);
	if (order->claim_count > 0)
		add(orders, order);
	else
		order_free(order);
}

/* --- making --- */

struct making {
	struct batch *batch;
	const struct object *set;
	struct stateful_orders orders;
	size_t next, round, running;
	bool failed;
};

static void tell(struct batch *batch, const struct object *set, bool ok, const char *verb,
		 const char *message)
{
	char reason[32];

	snprintf(reason, sizeof(reason), "%s%s", ok ? "Successful" : "Failed", verb);
	control_event(batch->control, set, COMPONENT, ok ? "Normal" : "Warning", reason, message);
}

/* verb: "Create", shown in the message as "create". */
static void tell_pod(struct batch *batch, const struct object *set, const char *verb,
		     struct str pod, const struct error *err)
{
	char message[MESSAGE_MAX];

	snprintf(message, sizeof(message), "%c%s Pod " STR_FMT " in StatefulSet " STR_FMT " %s%s",
		 verb[0] + ('a' - 'A'), verb + 1, STR_ARG(pod), STR_ARG(object_name(set)),
		 err ? "failed error: " : "successful", err ? err->text : "");
	tell(batch, set, !err, verb, message);
}

static void making_free(struct making *making)
{
	for (size_t i = 0; i < making->orders.count; i++)
		order_free(making->orders.items[i]);
	free(making->orders.items);
	object_unref(making->set);
	free(making);
}

static void start_round(struct making *making);

/* The order is over; err NULL = well.  The batch outlives the making: it is dropped last. */
static void end_order(struct stateful_order *order, const struct error *err)
{
	struct making *making = order->making;
	struct batch *batch = making->batch;
	struct error why;

	if (err)
		why = *err;
	making->failed = making->failed || err;
	making->running--;
	if (making->running == 0)
		start_round(making);
	batch_drop(batch, err && !pod_maker_is_namespace_going(&why) ? &why : NULL);
}

static void on_pod_made(void *of, const struct json *result, const struct error *err)
{
	struct stateful_order *order = of;
	struct making *making = order->making;
	uint64_t revision;

	if (str_to_u64(meta_str(result, "resourceVersion"), UINT64_MAX, &revision) &&
	    revision > making->batch->revision)
		making->batch->revision = revision;
	if (!err || err->kind != ERROR_EXISTS)
		tell_pod(making->batch, making->set, "Create", str_of(order->pod), err);
	end_order(order, err);
}

static void make_pod(struct stateful_order *order)
{
	struct making *making = order->making;
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = making->batch->control->kinds[CONTROL_PODS],
				  .namespace = object_namespace(making->set),
				  .body = str_of(order->body),
				  .on_done = on_pod_made,
				  .of = order };

	client_call(making->batch->control->client, &ask);
}

static void after_claims(struct stateful_order *order)
{
	struct making *making = order->making;

	if (order->failed && order->body)
		tell_pod(making->batch, making->set, "Create", str_of(order->pod), &order->why);
	if (order->failed || !order->body || making->batch->control->stopping)
		end_order(order, order->failed ? &order->why : NULL);
	else
		make_pod(order);
}

static void tell_claim(const struct claim_text *claim, const struct error *err)
{
	struct making *making = claim->order->making;
	char message[MESSAGE_MAX];

	snprintf(message, sizeof(message),
		 "create Claim %s %sPod %s in StatefulSet " STR_FMT " %s%s", claim->name,
		 err ? "for " : "", claim->order->pod, STR_ARG(object_name(making->set)),
		 err ? "failed error: " : "success", err ? err->text : "");
	tell(making->batch, making->set, !err, "Create", message);
}

static void on_claim_made(void *of, const struct json *result, const struct error *err)
{
	struct claim_text *claim = of;
	struct stateful_order *order = claim->order;

	(void)result;
	if (err && err->kind == ERROR_EXISTS)
		err = NULL;
	else
		tell_claim(claim, err);
	if (err && !order->failed) {
		error_set(&order->why, err->kind, "failed to create PVC %s: %s", claim->name,
			  err->text);
		order->failed = true;
	}
	order->running--;
	if (order->running == 0)
		after_claims(order);
}

static void start_order(struct stateful_order *order)
{
	const struct making *making = order->making;

	order->running = order->claim_count;
	for (size_t i = 0; i < order->claim_count; i++) {
		struct client_ask ask = {
			.verb = CLIENT_CREATE,
			.kind = making->batch->control->kinds[CONTROL_CLAIMS],
			.namespace = object_namespace(making->set),
			.body = str_of(order->claims[i].body),
			.on_done = on_claim_made,
			.of = &order->claims[i],
		};

		client_call(making->batch->control->client, &ask);
	}
	if (order->claim_count == 0)
		make_pod(order);
}

static void start_round(struct making *making)
{
	size_t left = making->orders.count - making->next, first = making->next;
	size_t size = making->round < left ? making->round : left;

	if (size == 0 || making->failed || making->batch->control->stopping) {
		making_free(making);
		return;
	}
	making->round = making->round < POD_ROUND_MAX ? making->round * 2 : POD_ROUND_MAX;
	making->running = size;
	making->next += size;
	for (size_t i = first; i < first + size; i++) {
		batch_hold(making->batch);
		start_order(making->orders.items[i]);
	}
}

void stateful_make(struct batch *batch, const struct object *set, struct stateful_orders *orders)
{
	struct making *making = memory_new(struct making);

	making->batch = batch;
	making->set = object_ref(set);
	making->orders = *orders;
	making->round = 1;
	for (size_t i = 0; i < orders->count; i++)
		orders->items[i]->making = making;
	*orders = (struct stateful_orders){ 0 };
	start_round(making);
}

/* --- removing and mending --- */

struct changing_pod {
	struct batch *batch;
	const struct object *set;
	const char *verb;
	char *pod;
};

static void on_changed(void *of, const struct json *result, const struct error *err)
{
	struct changing_pod *changing = of;
	struct batch *batch = changing->batch;
	uint64_t revision;

	if (str_is(json_str(json_get(result, "kind")), "Pod") &&
	    str_to_u64(meta_str(result, "resourceVersion"), UINT64_MAX, &revision) &&
	    revision > batch->revision)
		batch->revision = revision;
	if (!err || err->kind != ERROR_NOT_FOUND)
		tell_pod(batch, changing->set, changing->verb, str_of(changing->pod), err);
	else
		err = NULL;
	object_unref(changing->set);
	free(changing->pod);
	free(changing);
	batch_drop(batch, err);
}

static void change(struct batch *batch, const struct object *set, const struct object *pod,
		   const char *verb, struct client_ask *ask)
{
	struct changing_pod *changing;

	if (batch->control->stopping)
		return;
	changing = memory_new(struct changing_pod);
	*changing =
		(struct changing_pod){ batch, object_ref(set), verb, str_copy(object_name(pod)) };
	ask->kind = batch->control->kinds[CONTROL_PODS];
	ask->namespace = object_namespace(pod);
	ask->name = object_name(pod);
	ask->on_done = on_changed;
	ask->of = changing;
	batch_hold(batch);
	client_call(batch->control->client, ask);
}

void stateful_delete(struct batch *batch, const struct object *set, const struct object *pod)
{
	struct client_ask ask = { .verb = CLIENT_DELETE };

	change(batch, set, pod, "Delete", &ask);
}

bool stateful_mend_identity(struct batch *batch, const struct stateful *view,
			    const struct stateful_pod *pod)
{
	const struct object *object = pod->member->object;
	auto_free char *name = NULL;
	auto_json_doc doc = NULL;
	struct json *patch;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE };

	if (str_equal(object_label(object, STR(STATEFUL_NAME_LABEL)), object_name(object)))
		return false; /* nearly always, and of thousands in a pass */
	name = str_copy(object_name(object));
	doc = json_doc_new();
	patch = json_new_object(doc);
	put_identity(doc, patch, name, pod->ordinal);
	json_print(patch, &body);
	ask.body = buf_str(&body);
	change(batch, view->set, object, "Update", &ask);
	return true;
}
