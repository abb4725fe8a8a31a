/*
 * client.c - API calls over an http_client.
 */
#include "client/client.h"

#include <assert.h>

#include "base/limits.h"

#define TIMEOUT_MS 30000
#define REPLY_MAX  (64u * 1024 * 1024) /* a whole list */

struct client {
	struct loop *loop;
	struct http_client *http;
};

struct client_call {
	struct http_call *call;
	void (*on_done)(void *of, const struct json *result, const struct error *err);
	void *of;
};

struct client *client_new(struct loop *loop, struct http_client *http)
{
	struct client *client = memory_new(struct client);

	client->loop = loop;
	client->http = http;
	return client;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	http_client_free(client->http);
	free(client);
}

struct loop *client_loop(const struct client *client)
{
	return client->loop;
}

struct http_client *client_http(const struct client *client)
{
	return client->http;
}

void client_path(const struct kind *kind, struct str namespace, struct str name,
		 const char *subresource, struct buf *out)
{
	if (kind->group[0])
		buf_add_print(out, "/apis/%s/%s", kind->group, kind->version);
	else
		buf_add_print(out, "/api/%s", kind->version);
	if (kind->namespaced && namespace.len > 0)
		buf_add_print(out, "/namespaces/" STR_FMT, STR_ARG(namespace));
	buf_add_print(out, "/%s", kind->plural);
	if (name.len > 0)
		buf_add_print(out, "/" STR_FMT, STR_ARG(name));
	if (subresource && *subresource)
		buf_add_print(out, "/%s", subresource);
}

static void on_reply(void *of, const struct http_head *head, struct str body,
		     const struct error *err)
{
	struct client_call *call = of;
	auto_json_doc doc = NULL;
	struct error why;

	if (err) {
		why = *err;
	} else if (!json_parse(body, &doc, NULL, &why)) {
		error_context(&why, "the server answered %d", head->status);
	} else if (head->status >= 400) {
		status_to_error(json_root(doc), head->status, &why);
	} else {
		if (call->on_done)
			call->on_done(call->of, json_root(doc), NULL);
		free(call);
		return;
	}
	if (call->on_done)
		call->on_done(call->of, NULL, &why);
	free(call);
}

static const struct {
	const char *method, *type;
} verbs[] = {
	[CLIENT_GET] = { "GET", NULL },
	[CLIENT_LIST] = { "GET", NULL },
	[CLIENT_CREATE] = { "POST", "application/json" },
	[CLIENT_UPDATE] = { "PUT", "application/json" },
	[CLIENT_PATCH_MERGE] = { "PATCH", "application/merge-patch+json" },
	[CLIENT_PATCH_STRATEGIC] = { "PATCH", "application/strategic-merge-patch+json" },
	[CLIENT_DELETE] = { "DELETE", "application/json" },
	[CLIENT_DELETE_COLLECTION] = { "DELETE", "application/json" },
};

struct client_call *client_call(struct client *client, const struct client_ask *ask)
{
	struct client_call *call = memory_new(struct client_call);
	struct http_header type = { STR("Content-Type"), str_of(verbs[ask->verb].type) };
	auto_buf target = BUF_INIT;
	struct http_ask http = {
		.method = verbs[ask->verb].method,
		.headers = &type,
		.header_count = type.value.len > 0,
		.body = ask->body,
		.timeout_ms = TIMEOUT_MS,
		.body_max = REPLY_MAX,
		.on_reply = on_reply,
		.of = call,
	};

	client_path(ask->kind, ask->namespace, ask->name, ask->subresource, &target);
	if (ask->query)
		buf_add_print(&target, "?%s", ask->query);
	http.target = buf_text(&target);
	call->on_done = ask->on_done;
	call->of = ask->of;
	call->call = http_call(client->http, &http);
	return call;
}

void client_cancel(struct client_call *call)
{
	http_call_cancel(call->call);
	free(call);
}
