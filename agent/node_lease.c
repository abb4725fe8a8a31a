/*
 * node_lease.c - made once, then patched; made anew where a server does not know it.
 */
#include "agent/node_lease.h"

#include <stdlib.h>

#include "base/clock.h"

#define LEASE_MS 10000
#define RETRY_MS 1000
#define LEASE_S  40

struct node_lease {
	struct node *node;
	char *uid; /* the Node's; NULL: not known */
	bool made;
	struct loop_timer timer;
	struct client_call *call;
};

static void put_text(struct json_doc *doc, struct json *to, const char *key, const char *text)
{
	json_put(doc, to, key, json_new_text(doc, text));
}

static void put_owner(const struct node_lease *it, struct json_doc *doc, struct json *meta)
{
	struct json *owner = json_new_object(doc);

	put_text(doc, owner, "apiVersion", "v1");
	put_text(doc, owner, "kind", "Node");
	put_text(doc, owner, "name", it->node->name);
	put_text(doc, owner, "uid", it->uid);
	json_append(json_sub_array(doc, meta, "ownerReferences"), owner);
}

static void print_lease(const struct node_lease *it, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	struct json *meta = json_sub_object(doc, root, "metadata");
	struct json *spec = json_sub_object(doc, root, "spec");
	char now[CLOCK_TEXT];

	clock_print_micro(clock_wall_us(), now);
	put_text(doc, root, "apiVersion", "coordination.k8s.io/v1");
	put_text(doc, root, "kind", "Lease");
	put_text(doc, meta, "name", it->node->name);
	put_text(doc, meta, "namespace", "kube-node-lease");
	if (*it->uid)
		put_owner(it, doc, meta);
	put_text(doc, spec, "holderIdentity", it->node->name);
	json_put(doc, spec, "leaseDurationSeconds", json_new_int(doc, LEASE_S));
	put_text(doc, spec, "renewTime", now);
	json_print(root, out);
}

static void on_answer(void *of, const struct json *result, const struct error *err)
{
	struct node_lease *it = of;

	(void)result;
	it->call = NULL;
	/* Another server, or one whose disk is lost: ours is made anew. */
	it->made = !err || err->kind == ERROR_EXISTS;
	it->node->connected = it->made;
	loop_timer_set(it->node->loop, &it->timer, err ? RETRY_MS : LEASE_MS);
}

void node_lease_renew(struct node_lease *it)
{
	auto_buf body = BUF_INIT;
	struct client_ask ask = {
		.verb = it->made ? CLIENT_PATCH_MERGE : CLIENT_CREATE,
		.kind = kind_find_name(STR("coordination.k8s.io/v1"), STR("Lease")),
		.namespace = STR("kube-node-lease"),
		.name = it->made ? str_of(it->node->name) : STR_NONE,
		.on_done = on_answer,
		.of = it,
	};

	if (it->call || !it->uid)
		return;
	print_lease(it, &body);
	ask.body = buf_str(&body);
	it->call = client_call(it->node->client, &ask);
}

static void on_timer(struct loop_timer *timer)
{
	node_lease_renew(CONTAINER_OF(timer, struct node_lease, timer));
}

void node_lease_owner(struct node_lease *it, const struct json *object)
{
	bool begins = object && !it->uid;

	free(it->uid);
	it->uid = object ? str_copy(json_str(json_path(object, "metadata", "uid", NULL))) : NULL;
	if (begins)
		loop_timer_set(it->node->loop, &it->timer, 0);
}

/* --- life --- */

struct node_lease *node_lease_start(struct node *node)
{
	struct node_lease *it = memory_new(struct node_lease);

	it->node = node;
	it->timer.on_timer = on_timer;
	return it;
}

void node_lease_stop(struct node_lease *it)
{
	if (!it)
		return;
	if (it->call)
		client_cancel(it->call);
	loop_timer_stop(&it->timer);
	free(it->uid);
	free(it);
}
