/*
 * api_call.c - a loop, a client, one request.
 */
#include "cli/api_call.h"

#include <errno.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/loop.h"
#include "base/yaml.h"
#include "net/http_client.h"
#include "net/tls.h"

#define USUAL      "/etc/mote/mote.yaml"
#define TIMEOUT_MS 10000
#define ANSWER_MAX (8u * 1024 * 1024)

struct asking {
	struct json_doc **out_doc;
	struct error err;
	bool ended, done;
};

static void on_reply(void *of, const struct http_head *head, struct str body,
		     const struct error *err)
{
	struct asking *asking = of;
	struct str message = STR_NONE;

	asking->ended = true;
	if (err) {
		asking->err = *err;
		return;
	}
	if (!json_parse(body, asking->out_doc, NULL, &asking->err))
		return;
	asking->done = head->status < 300;
	if (asking->done)
		return;
	message = json_str(json_get(json_root(*asking->out_doc), "message"));
	error_set(&asking->err, head->status == 404 ? ERROR_NOT_FOUND : ERROR_INVALID,
		  "the server says: " STR_FMT, STR_ARG(message));
}

static bool read_config(const char *given, struct json_doc **out, struct error *err)
{
	const char *path = given && *given ? given : getenv("KUBECONFIG");
	auto_buf text = BUF_INIT;

	if (!path || !*path)
		path = USUAL;
	if (!file_read(path, LIMIT_CONFIG_FILE, &text, err)) {
		if (err->os_code == EACCES)
			return error_set(err, ERROR_FORBIDDEN, "%s may not be read; use sudo",
					 path);
		if (err->kind == ERROR_NOT_FOUND)
			return error_set(
				err, ERROR_NOT_FOUND,
				"there is no %s: say --kubeconfig, on the server's machine", path);
		return false;
	}
	return yaml_parse(buf_str(&text), out, NULL, err) || error_context(err, "%s", path);
}

/* config.<list>[0].<object>.<key>, which is base64. */
static bool take_pem(const struct json *config, const char *list, const char *object,
		     const char *key, struct buf *out)
{
	const struct json *first = json_at(json_get(config, list), 0);

	return buf_add_base64_decoded(out, json_str(json_path(first, object, key, NULL))) &&
	       out->len > 0;
}

static struct http_client *dial(struct loop *loop, const struct json *config, struct error *err)
{
	const struct json *cluster = json_at(json_get(config, "clusters"), 0);
	struct str url = json_str(json_path(cluster, "cluster", "server", NULL));
	auto_buf ca = BUF_INIT, cert = BUF_INIT, key = BUF_INIT;
	struct tls_config *tls;
	struct http_client *client;

	if (!take_pem(config, "clusters", "cluster", "certificate-authority-data", &ca) ||
	    !take_pem(config, "users", "user", "client-certificate-data", &cert) ||
	    !take_pem(config, "users", "user", "client-key-data", &key)) {
		error_set(err, ERROR_INVALID,
			  "the kubeconfig has no certificates of a server and an administrator");
		return NULL;
	}
	if (!tls_client_config(buf_str(&ca), buf_str(&cert), buf_str(&key), false, &tls, err))
		return NULL;
	client = http_client_to(loop, url, tls, err);
	tls_config_unref(tls);
	return client;
}

static bool ask(struct loop *loop, struct http_client *client, const struct api_call *call,
		struct json_doc **out_doc, struct error *err)
{
	static const struct http_header headers[] = { { STR("Accept"), STR("application/json") },
						      { STR("Content-Type"),
							STR("application/json") } };
	struct asking asking = { .out_doc = out_doc };
	struct http_ask request = { .method = call->method,
				    .target = call->path,
				    .headers = headers,
				    .header_count = call->body.len > 0 ? 2 : 1,
				    .body = call->body,
				    .timeout_ms = TIMEOUT_MS,
				    .body_max = ANSWER_MAX,
				    .on_reply = on_reply,
				    .of = &asking };

	http_call(client, &request);
	while (!asking.ended)
		loop_once(loop, -1);
	if (!asking.done)
		*err = asking.err;
	return asking.done;
}

bool api_call(const struct api_call *call, struct json_doc **out_doc, struct error *err)
{
	auto_json_doc config = NULL;
	struct http_client *client;
	struct loop *loop;
	bool done;

	*out_doc = NULL;
	if (!read_config(call->kubeconfig, &config, err) || !loop_open(&loop, err))
		return false;
	client = dial(loop, json_root(config), err);
	done = client && ask(loop, client, call, out_doc, err);
	http_client_free(client);
	loop_close(loop);
	return done;
}
