/*
 * connect.c - finds the pod, its container and its node, and gives the request to who speaks with
 * it.
 */
#include "server/front/connect.h"

#include <assert.h>

#include "server/front/connect_exec.h"
#include "server/front/connect_forward.h"
#include "server/front/connect_log.h"
#include "server/front/connect_proxy.h"
#include "server/front/reply.h"
#include "server/front/route.h"
#include "server/nodes.h"
#include "server/registry/registry.h"

/* --- which container --- */

static const char *const lists[] = { "containers", "initContainers", "ephemeralContainers" };

static bool has_container(const struct json *spec, struct str name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(spec, lists[i])); json_next(&it);)
			if (str_equal(json_str(json_get(it.value, "name")), name))
				return true;
	return false;
}

static void print_names(const struct json *list, struct buf *out)
{
	for (struct json_iter it = json_iter(list); json_next(&it);)
		buf_add_print(out, "%s" STR_FMT, it.index ? " " : "",
			      STR_ARG(json_str(json_get(it.value, "name"))));
}

/* The real server's words: init containers are named apart, ephemeral ones not at all. */
static bool refuse_choice(const struct request *req, const struct json *spec, struct error *err)
{
	const struct json *inits = json_get(spec, "initContainers");
	auto_buf choices = BUF_INIT, others = BUF_INIT;

	print_names(json_get(spec, "containers"), &choices);
	if (json_count(inits) > 0) {
		buf_add_text(&others, " or one of the init containers: [");
		print_names(inits, &others);
		buf_add_byte(&others, ']');
	}
	return error_set(err, ERROR_BAD_REQUEST,
			 "a container name must be specified for pod " STR_FMT
			 ", choose one of: [%s]%s",
			 STR_ARG(req->name), buf_text(&choices), buf_text(&others));
}

static bool choose_container(struct request *req, const struct json *pod, struct str *out,
			     struct error *err)
{
	const struct json *spec = json_get(pod, "spec"), *list = json_get(spec, "containers");
	struct str wished = params_find(req, "container");
	struct str fallback = meta_annotation(pod, "kubectl.kubernetes.io/default-container");

	if (wished.len > 0) {
		*out = wished;
		return has_container(spec, wished) ||
		       error_set(err, ERROR_BAD_REQUEST,
				 "container " STR_FMT " is not valid for pod " STR_FMT,
				 STR_ARG(wished), STR_ARG(req->name));
	}
	*out = json_count(list) == 1 ? json_str(json_get(json_at(list, 0), "name")) : fallback;
	if (out->len > 0 && has_container(spec, *out))
		return true;
	return refuse_choice(req, spec, err);
}

/* --- which node --- */

static bool find_node(struct request *req, const struct json *pod, struct str *out_node,
		      struct tunnel **out, struct error *err)
{
	struct str node = json_str(json_path(pod, "spec", "nodeName", NULL));

	if (node.len == 0)
		return error_set(err, ERROR_BAD_REQUEST,
				 "pod " STR_FMT " does not have a host assigned",
				 STR_ARG(req->name));
	*out_node = str_of(str_copy_arena(node, req->arena));
	*out = server_node_tunnel(req->server, node);
	if (!*out)
		return error_set(err, ERROR_UNAVAILABLE,
				 "node " STR_FMT " of pod " STR_FMT " is not connected",
				 STR_ARG(node), STR_ARG(req->name));
	return true;
}

/* --- all of them --- */

static enum step log_pass(struct request *req, const struct json *pod, struct error *err)
{
	struct tunnel *tunnel;
	struct str container, node;

	if (!choose_container(req, pod, &container, err))
		return STEP_FAIL;
	/* As the real server: what is nowhere yet has said nothing yet. */
	if (json_str(json_path(pod, "spec", "nodeName", NULL)).len == 0) {
		reply_text(req, 204, "text/plain", STR(""));
		return STEP_DONE;
	}
	if (!find_node(req, pod, &node, &tunnel, err))
		return STEP_FAIL;
	container = str_of(str_copy_arena(container, req->arena));
	return log_start(req, tunnel, container, err);
}

static enum step pod_pass(struct request *req, const struct json *pod, struct error *err)
{
	struct tunnel *tunnel;
	struct str container, node;
	enum step step;

	if (str_is(req->subresource, "log")) {
		step = log_check(req, err);
		return step == STEP_NEXT ? log_pass(req, pod, err) : step;
	}
	if (str_is(req->subresource, "portforward"))
		return find_node(req, pod, &node, &tunnel, err) ? forward_start(req, node, err)
								: STEP_FAIL;
	if (!choose_container(req, pod, &container, err) ||
	    !find_node(req, pod, &node, &tunnel, err))
		return STEP_FAIL;
	container = str_of(str_copy_arena(container, req->arena));
	return exec_start(req, tunnel, container, err);
}

enum step connect_pass(struct request *req, struct error *err)
{
	const struct object *object;

	if (req->gone) { /* while a gate waited; there is nobody to upgrade */
		error_set(err, ERROR_UNAVAILABLE, "the client has left");
		return STEP_FAIL;
	}
	if (str_is(req->subresource, "proxy"))
		return proxy_pass(req, err);
	object = registry_find(server_registry(req->server), req->kind, req->namespace, req->name);
	if (!object) {
		status_not_found(err, req->kind, req->name);
		return STEP_FAIL;
	}
	return pod_pass(req, object_json(object), err);
}
