/*
 * local_api.c - a table of paths over a unix socket.
 */
#include "agent/local_api.h"

#include <assert.h>

#include "agent/image_getter.h"
#include "agent/refuse.h"
#include "net/socket.h"
#include "net/unix_socket.h"

#define IDLE_MS   600000
#define BODY_MS   10000
#define BODY_MAX  65536
#define CALLS_MAX 64
#define GRACE_S   30 /* what a pod has that says nothing */

struct local_api {
	struct http_service http;
	struct socket_listener listener;
	struct node *node;
	struct pods *pods;
	struct node_service *service;
	char *path;
	struct list chores;
};

/* An image job whose end is an answer. */
struct chore {
	struct list link;
	struct local_api *api; /* NULL: closed meanwhile */
	struct http_request *req;
};

/* --- answers --- */

static void answer(struct http_request *req, const struct json *value)
{
	auto_buf body = BUF_INIT;

	json_print(value, &body);
	http_reply(req, 200, "application/json", buf_str(&body));
}

static struct json *texts_of(struct json_doc *doc, char **texts)
{
	struct json *array = json_new_array(doc);

	for (size_t i = 0; texts && texts[i]; i++)
		json_append(array, json_new_text(doc, texts[i]));
	return array;
}

/* --- the node --- */

static void show_node(struct local_api *api, struct http_request *req)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);

	json_put(doc, root, "name", json_new_text(doc, api->node->name));
	json_put(doc, root, "connected", json_new_bool(doc, api->node->connected));
	json_put(doc, root, "ready", json_new_bool(doc, api->node->ready));
	answer(req, root);
}

/* --- images --- */

static void list_images(struct local_api *api, struct http_request *req)
{
	auto_json_doc doc = json_doc_new();
	struct json *array = json_new_array(doc);
	struct image **images = images_list(api->node->images);

	for (size_t i = 0; images[i]; i++) {
		struct json *entry = json_new_object(doc);

		json_put(doc, entry, "id", json_new_text(doc, images[i]->id));
		json_put(doc, entry, "names", texts_of(doc, images[i]->names));
		json_put(doc, entry, "digests", texts_of(doc, images[i]->digests));
		json_put(doc, entry, "size", json_new_int(doc, (int64_t)images[i]->size));
		json_append(array, entry);
		image_free(api->node->images, images[i]);
	}
	free(images);
	answer(req, array);
}

static void on_gone(struct http_request *req)
{
	struct chore *chore = req->user;

	chore->req = NULL;
	http_request_free(req);
}

static void on_chore(void *of, char **names, const struct error *err)
{
	struct chore *chore = of;
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);

	json_put(doc, root, "names", texts_of(doc, names));
	if (chore->req && err)
		refuse(chore->req, err);
	else if (chore->req)
		answer(chore->req, root);
	if (chore->api)
		list_remove(&chore->link);
	free(chore);
}

/* The field of the body that says on what; STR_NONE: the request has been refused. */
static struct str subject(struct http_request *req, const char *field, struct json_doc **out_doc)
{
	struct error err;
	struct str text = STR_NONE;

	if (!json_parse(req->body, out_doc, NULL, &err)) {
		refuse(req, &err);
		return STR_NONE;
	}
	text = json_str(json_get(json_root(*out_doc), field));
	if (text.len == 0) {
		error_set(&err, ERROR_BAD_REQUEST, "%s is missing", field);
		refuse(req, &err);
	}
	return text;
}

static struct chore *new_chore(struct local_api *api, struct http_request *req)
{
	struct chore *chore = memory_new(struct chore);

	chore->api = api;
	chore->req = req;
	req->user = chore;
	req->on_gone = on_gone;
	list_add(&api->chores, &chore->link);
	return chore;
}

static void import(struct local_api *api, struct http_request *req)
{
	auto_json_doc doc = NULL;
	struct str path = subject(req, "path", &doc);
	auto_free char *text = str_copy(path);

	if (path.len > 0)
		image_getter_import(api->node->getter, text, on_chore, new_chore(api, req));
}

static void pull(struct local_api *api, struct http_request *req)
{
	auto_json_doc doc = NULL;
	struct str name = subject(req, "name", &doc);

	if (name.len > 0)
		image_getter_pull(api->node->getter, name, on_chore, new_chore(api, req));
}

static void remove_image(struct local_api *api, struct http_request *req)
{
	auto_json_doc doc = NULL;
	struct str name = subject(req, "name", &doc);

	if (name.len > 0)
		image_getter_remove(api->node->getter, name, on_chore, new_chore(api, req));
}

/* --- pods --- */

/* "<name>.<attempt>" into both. */
static struct str name_of_id(const char *id, int64_t *out_attempt)
{
	struct str name = str_of(id);
	const char *dot = strrchr(id, '.');

	*out_attempt = 0;
	if (!dot)
		return name;
	(void)!str_to_i64(str_of(dot + 1), 0, INT32_MAX, out_attempt);
	return str_from(id, (size_t)(dot - id));
}

static const struct json *find_spec(const struct pod *pod, struct str container)
{
	static const char *const lists[] = { "containers", "initContainers",
					     "ephemeralContainers" };
	const struct json *spec = json_get(pod_object(pod), "spec");

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(spec, lists[i])); json_next(&it);)
			if (str_equal(json_str(json_get(it.value, "name")), container))
				return it.value;
	return NULL;
}

static struct json *new_entry(struct json_doc *doc, const struct pod *pod, struct str container,
			      const char *state)
{
	struct json *entry = json_new_object(doc);

	json_put(doc, entry, "name", json_new_str(doc, container));
	json_put(doc, entry, "state", json_new_text(doc, state));
	json_put(doc, entry, "image",
		 json_clone(doc, json_get(find_spec(pod, container), "image")));
	return entry;
}

/* Every run that the sandbox still knows. */
static void list_runs(struct json_doc *doc, struct json *array, const struct pod *pod)
{
	static const char *const phases[] = { [CONTAINER_CREATED] = "created",
					      [CONTAINER_RUNNING] = "running",
					      [CONTAINER_EXITED] = "exited" };
	struct sandbox *sandbox = pod_sandbox(pod);
	size_t count = 0;
	const struct container_state *states = sandbox ? sandbox_containers(sandbox, &count) : NULL;

	for (size_t i = 0; i < count; i++) {
		int64_t attempt;
		struct str name = name_of_id(states[i].id, &attempt);
		struct json *entry = new_entry(doc, pod, name, phases[states[i].phase]);

		json_put(doc, entry, "id", json_new_text(doc, states[i].id));
		json_put(doc, entry, "restarts", json_new_int(doc, attempt));
		json_put(doc, entry, "pid", json_new_int(doc, states[i].pid));
		json_put(doc, entry, "exitCode", json_new_int(doc, states[i].exit_code));
		json_put(doc, entry, "reason", json_new_text(doc, states[i].reason));
		json_put(doc, entry, "startedMicros", json_new_int(doc, states[i].started_us));
		json_append(array, entry);
	}
}

/* What the spec names and the sandbox does not know: not begun, or over and taken away. */
static void list_unknown(struct json_doc *doc, struct json *array, const struct pod *pod,
			 const char *list)
{
	const struct json *spec = json_get(pod_object(pod), "spec");

	for (struct json_iter it = json_iter(json_get(spec, list)); json_next(&it);) {
		struct str name = json_str(json_get(it.value, "name"));
		char id[CONTAINER_ID_MAX];
		auto_buf log = BUF_INIT;
		bool over;

		if (pod_sandbox(pod) && pod_container_id(pod, name, id) &&
		    sandbox_container(pod_sandbox(pod), id))
			continue;
		over = !pod_container_id(pod, name, id) && pod_log_path(pod, name, false, &log);
		json_append(array, new_entry(doc, pod, name, over ? "exited" : "waiting"));
	}
}

/* As kubectl chooses: the annotation, or else the first. */
static struct str default_container(const struct pod *pod)
{
	const struct json *object = pod_object(pod);
	struct str named = json_str(json_path(object, "metadata", "annotations",
					      "kubectl.kubernetes.io/default-container", NULL));

	if (find_spec(pod, named))
		return named;
	return json_str(
		json_get(json_at(json_path(object, "spec", "containers", NULL), 0), "name"));
}

static struct json *pod_entry(struct json_doc *doc, const struct pod *pod)
{
	struct json *entry = json_new_object(doc);
	struct json *containers = json_new_array(doc);

	json_put(doc, entry, "namespace", json_new_str(doc, pod_namespace(pod)));
	json_put(doc, entry, "name", json_new_str(doc, pod_name(pod)));
	json_put(doc, entry, "uid", json_new_str(doc, pod_uid(pod)));
	json_put(doc, entry, "address", json_new_text(doc, pod_address(pod)));
	json_put(doc, entry, "default", json_new_str(doc, default_container(pod)));
	json_put(doc, entry, "restartPolicy",
		 json_clone(doc, json_path(pod_object(pod), "spec", "restartPolicy", NULL)));
	list_runs(doc, containers, pod);
	list_unknown(doc, containers, pod, "initContainers");
	list_unknown(doc, containers, pod, "containers");
	json_put(doc, entry, "containers", containers);
	return entry;
}

static void list_pods(struct local_api *api, struct http_request *req)
{
	auto_json_doc doc = json_doc_new();
	struct json *array = json_new_array(doc);
	const struct pod *pod;

	for (size_t i = 0; (pod = pods_next(api->pods, &i));)
		json_append(array, pod_entry(doc, pod));
	answer(req, array);
}

/* --- stopping --- */

/* Those that run now; the pod's restart policy says what becomes of them. */
static void stop_running(struct json_doc *doc, struct json *names, const struct pod *pod,
			 struct str only)
{
	const struct json *grace =
		json_path(pod_object(pod), "spec", "terminationGracePeriodSeconds", NULL);
	int64_t grace_ms = (grace ? json_int(grace) : GRACE_S) * 1000;
	struct sandbox *sandbox = pod_sandbox(pod);
	size_t count = 0;
	const struct container_state *states = sandbox ? sandbox_containers(sandbox, &count) : NULL;

	for (size_t i = 0; i < count; i++) {
		int64_t attempt;
		struct str name = name_of_id(states[i].id, &attempt);

		if (states[i].phase != CONTAINER_RUNNING ||
		    (only.len > 0 && !str_equal(name, only)))
			continue;
		json_append(names, json_new_str(doc, name));
		sandbox_stop_container(sandbox, states[i].id, grace_ms);
	}
}

static void stop_pod(struct local_api *api, struct http_request *req)
{
	auto_json_doc asked = NULL;
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc), *names = json_new_array(doc);
	struct str name = subject(req, "name", &asked);
	const struct json *fields;
	const struct pod *pod;
	struct error err;

	if (name.len == 0)
		return;
	fields = json_root(asked);
	pod = pods_find(api->pods, json_str(json_get(fields, "namespace")), name);
	if (!pod) {
		error_set(&err, ERROR_NOT_FOUND, "pod \"" STR_FMT "\" is not on this node",
			  STR_ARG(name));
		refuse(req, &err);
		return;
	}
	stop_running(doc, names, pod, json_str(json_get(fields, "container")));
	json_put(doc, root, "names", names);
	answer(req, root);
}

/* --- requests --- */

static void on_request(struct http_service *http, struct http_request *req)
{
	static const struct {
		const char *method, *path;
		void (*serve)(struct local_api *api, struct http_request *req);
	} rows[] = {
		{ "GET", "/node", show_node },
		{ "GET", "/images", list_images },
		{ "POST", "/images/import", import },
		{ "POST", "/images/pull", pull },
		{ "POST", "/images/remove", remove_image },
		{ "GET", "/pods", list_pods },
		{ "POST", "/pods/stop", stop_pod },
	};
	struct local_api *api = CONTAINER_OF(http, struct local_api, http);

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		if (!str_is(req->path, rows[i].path) || !str_is(req->head.method, rows[i].method))
			continue;
		rows[i].serve(api, req);
		return;
	}
	node_service_request(api->service, req);
}

static void on_conn_closed(struct http_service *http, void *identity)
{
	(void)identity;
	socket_release(&CONTAINER_OF(http, struct local_api, http)->listener);
}

static void on_accept(struct socket_listener *listener, int fd, struct str peer)
{
	struct local_api *api = CONTAINER_OF(listener, struct local_api, listener);

	(void)peer;
	http_serve(&api->http, stream_of_fd(api->node->loop, fd), STR("local"), NULL);
}

bool local_api_open(struct node *node, struct pods *pods, struct node_service *service,
		    struct local_api **out, struct error *err)
{
	struct local_api *api = memory_new(struct local_api);
	int fd;

	api->node = node;
	api->pods = pods;
	api->service = service;
	api->path = memory_print("%s/agent.sock", node->folder);
	list_init(&api->chores);
	api->http = (struct http_service){ .on_request = on_request,
					   .on_conn_closed = on_conn_closed,
					   .body_max = BODY_MAX,
					   .idle_ms = IDLE_MS,
					   .body_ms = BODY_MS };
	api->listener.on_accept = on_accept;
	api->listener.accepted_max = CALLS_MAX;
	if (!unix_socket_listen(api->path, &fd, err) ||
	    !socket_listener_start(node->loop, &api->listener, fd, err)) {
		free(api->path);
		free(api);
		return false;
	}
	*out = api;
	return true;
}

void local_api_close(struct local_api *api)
{
	if (!api)
		return;
	socket_listener_stop(&api->listener);
	unlink(api->path);
	LIST_EACH_SAFE(&api->chores, link)
	{
		struct chore *chore = LIST_OWNER(link, struct chore, link);

		list_remove(link);
		chore->api = NULL;
		if (chore->req)
			http_request_free(chore->req);
		chore->req = NULL;
	}
	http_service_close(&api->http);
	free(api->path);
	free(api);
}
