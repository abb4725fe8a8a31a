/*
 * aggregate_pass.c - from an APIService to a request that is sent on.
 *
 * Refusals are told as the real server tells them: as text, not as a Status.
 */
#include "server/aggregate/aggregate_pass.h"

#include "net/tls.h"
#include "server/aggregate/remote_api.h"
#include "server/bootstrap.h"
#include "server/front/proxy_call.h"
#include "server/front/reply.h"
#include "server/gate/authenticate.h"
#include "server/server.h"

#define LIMIT_MS 60000 /* of everything but watches and upgrades */
#define TEXT     "text/plain; charset=utf-8"

static void tell(struct request *req, int status, const char *text)
{
	const char *line = arena_print(req->arena, "%s\n", text);

	http_reply_header(req->http, "X-Content-Type-Options", "nosniff");
	reply_text(req, status, TEXT, str_of(line));
}

static void refuse(struct request *req, const struct error *why)
{
	if (why->kind == ERROR_UNAVAILABLE)
		tell(req, 503, why->text);
	else
		reply_error(req, why, NULL);
}

/* It wants to know whether the API is available: it is not told that it is not. */
static bool is_own(const struct request *req)
{
	return strcmp(req->user.name, REMOTE_ASKER) == 0 &&
	       user_in_group(&req->user, "system:masters");
}

static bool find_target(struct request *req, const struct json *service, struct proxy_target *out,
			struct error *err)
{
	const struct json *port = json_get(service, "port");
	const char *number =
		arena_print(req->arena, "%d", port ? (int)json_int(port) : REMOTE_PORT);
	struct proxy_service wanted = { .namespace = json_str(json_get(service, "namespace")),
					.name = json_str(json_get(service, "name")),
					.port = str_of(number) };

	wanted.called = wanted.name;
	*out = (struct proxy_target){ .tls = true };
	return proxy_target_of_service(req->server, &wanted, out, err);
}

static bool make_tls(struct request *req, const struct json *spec, struct tls_config **out,
		     struct error *err)
{
	const struct secrets *secrets = server_secrets(req->server);
	struct str coded = json_str(json_get(spec, "caBundle"));
	auto_buf bundle = BUF_INIT;

	if (!buf_add_base64_decoded(&bundle, coded))
		return error_set(err, ERROR_BROKEN, "caBundle is not encoded in base64");
	return tls_client_config(bundle.len > 0 ? buf_str(&bundle) : STR_NONE,
				 buf_str(&secrets->proxy), buf_str(&secrets->proxy_key),
				 json_bool(json_get(spec, "insecureSkipTLSVerify")), out, err);
}

/* The path as it came, the query as it was understood: what is done is what was judged. */
static const char *path_of(struct request *req)
{
	auto_buf path = BUF_INIT;

	buf_add_str(&path, req->http->path);
	for (size_t i = 0; i < req->query_count; i++) {
		buf_add_byte(&path, i == 0 ? '?' : '&');
		buf_add_percent_encoded(&path, req->query[i].name);
		buf_add_byte(&path, '=');
		buf_add_percent_encoded(&path, req->query[i].value);
	}
	return arena_string(req->arena, path.at, path.len);
}

static void start(struct request *req, const struct json *spec, struct proxy_plan *plan)
{
	const struct json *service = json_get(spec, "service");
	bool is_long = req->verb == REQUEST_WATCH || req->http->head.upgrade;
	struct error why;

	if (!make_tls(req, spec, &plan->tls, &why)) {
		tell(req, 500, why.text);
		return;
	}
	plan->tls_name = arena_print(req->arena, STR_FMT "." STR_FMT ".svc",
				     STR_ARG(json_str(json_get(service, "name"))),
				     STR_ARG(json_str(json_get(service, "namespace"))));
	plan->path = path_of(req);
	plan->as = &req->user;
	plan->limit_ms = is_long ? 0 : LIMIT_MS;
	plan->refuse = refuse;
	proxy_call_start(req, plan);
}

enum step aggregate_pass(struct request *req, struct error *err)
{
	const struct object *object =
		remote_api_find(req->server, req->remote->group, req->remote->version);
	const struct json *json = object ? object_json(object) : NULL;
	const struct json *spec = json_get(json, "spec");
	struct proxy_plan plan = { .as = NULL };
	struct error why;

	if (req->gone || !object) { /* while a gate waited */
		error_set(err, ERROR_NOT_FOUND, "the server could not find the requested resource");
		return STEP_FAIL;
	}
	if (!is_own(req) && !meta_condition_is_true(json, STR("Available")))
		tell(req, 503, "service unavailable");
	else if (find_target(req, json_get(spec, "service"), &plan.target, &why))
		start(req, spec, &plan);
	else
		tell(req, 503, is_own(req) ? why.text : "service unavailable");
	return STEP_DONE;
}
