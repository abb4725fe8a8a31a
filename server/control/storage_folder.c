/*
 * storage_folder.c - one HTTP client for one question through the node's tunnel.
 */
#include "server/control/storage_folder.h"

#include <limits.h>

#include "api/status.h"
#include "net/http_client.h"
#include "server/server.h"
#include "tunnel/tunnel.h"

#define DIAL_MS    15000
#define ANSWER_MS  600000 /* a large tree on a slow card */
#define ANSWER_MAX 65536

/* --- where --- */

static void print_name(const struct json *reference, struct buf *out)
{
	size_t before = out->len;

	buf_add_print(out, "pvc-" STR_FMT "_" STR_FMT "_" STR_FMT,
		      STR_ARG(json_str(json_get(reference, "uid"))),
		      STR_ARG(json_str(json_get(reference, "namespace"))),
		      STR_ARG(json_str(json_get(reference, "name"))));
	if (out->len - before > NAME_MAX) {
		out->len = before + NAME_MAX;
		out->at[out->len] = '\0';
	}
}

void storage_folder_path(const char *root, const struct json *claim_reference, struct buf *out)
{
	buf_add_print(out, "%s/", root);
	print_name(claim_reference, out);
}

bool storage_folder_is_of(struct str path, const struct json *claim_reference)
{
	auto_buf name = BUF_INIT;

	buf_add_byte(&name, '/');
	print_name(claim_reference, &name);
	return str_starts(path, STR("/")) && str_ends(path, buf_str(&name));
}

/* --- asking --- */

struct folder_removal {
	struct control *control;
	char *node;
	struct http_client *client;
	struct http_call *call;
	struct loop_task end; /* the client is not freed inside its own callback */
	void (*on_done)(void *of, const struct error *err);
	void *of;
};

static void on_end(struct loop_task *task)
{
	struct folder_removal *it = CONTAINER_OF(task, struct folder_removal, end);

	http_client_free(it->client);
	free(it->node);
	free(it);
}

static void on_reply(void *of, const struct http_head *head, struct str body,
		     const struct error *err)
{
	struct folder_removal *it = of;
	auto_json_doc doc = NULL;
	struct error why, unused;

	it->call = NULL;
	loop_defer(it->control->loop, &it->end);
	if (!err && head->status == 200) {
		it->on_done(it->of, NULL);
		return;
	}
	if (err)
		why = *err;
	else if (json_parse(body, &doc, NULL, &unused))
		status_to_error(json_root(doc), head->status, &why);
	else
		error_set(&why, ERROR_BROKEN, "the node answered %d", head->status);
	it->on_done(it->of, &why);
}

static void dial(void *of,
		 void (*on_done)(void *call, struct stream *stream, const struct error *err),
		 void *call)
{
	struct folder_removal *it = of;
	struct tunnel *tunnel = server_node_tunnel(it->control->server, str_of(it->node));
	struct error err;

	if (tunnel) {
		tunnel_open(tunnel, STR("node"), TUNNEL_BULK, DIAL_MS, on_done, call);
		return;
	}
	error_set(&err, ERROR_UNAVAILABLE, "node %s is not connected", it->node);
	on_done(call, NULL, &err);
}

struct folder_removal *folder_removal_start(struct control *control, struct str node,
					    struct str path,
					    void (*on_done)(void *of, const struct error *err),
					    void *of)
{
	struct folder_removal *it = memory_new(struct folder_removal);
	auto_buf target = BUF_INIT;
	struct http_ask ask = { .method = "DELETE",
				.timeout_ms = ANSWER_MS,
				.body_max = ANSWER_MAX,
				.on_reply = on_reply,
				.of = it };

	it->control = control;
	it->node = str_copy(node);
	it->on_done = on_done;
	it->of = of;
	it->end.on_task = on_end;
	it->client = http_client_new(control->loop, dial, it, "node");
	buf_add_text(&target, "/storage?path=");
	buf_add_percent_encoded(&target, path);
	ask.target = buf_text(&target);
	it->call = http_call(it->client, &ask);
	return it;
}

void folder_removal_cancel(struct folder_removal *it)
{
	if (!it)
		return;
	http_call_cancel(it->call);
	http_client_free(it->client);
	free(it->node);
	free(it);
}
