/*
 * node_service.c - a table of paths.
 */
#include "agent/node_service.h"

#include <assert.h>

#include "agent/log_reader.h"
#include "agent/neighbour.h"
#include "agent/node_figures.h"
#include "agent/port_forward.h"
#include "agent/refuse.h"
#include "agent/storage_removal.h"
#include "base/clock.h"

#define WORDS_MAX 4096
#define LOG_HIGH  (256u * 1024)
#define IDLE_MS   600000
#define BODY_MS   10000
#define SERVER    "server" /* who asks: the server itself */

struct node_service {
	struct http_service http;
	struct loop *loop;
	struct pods *pods;
	struct exec_bridges *bridges;
	struct port_forwards *forwards;
	struct neighbours *neighbours;
	struct node_figures *figures; /* or NULL */
	struct storage_removals *removals;
	struct list logs;
};

/* What a path names. */
struct asked {
	struct node_service *service;
	struct http_request *req;
	struct str verb, namespace, name, container; /* or a port */
	struct http_param *params;
	size_t param_count;
	struct pod *pod;
};

struct log_call {
	struct list link;
	struct node_service *service;
	struct http_request *req;
	struct log_reader *reader;
	char *namespace, *name, *container;
	struct loop_task bury;
};

/* --- answers --- */

/* --- the question --- */

static struct str param(const struct asked *asked, const char *name)
{
	for (size_t i = 0; i < asked->param_count; i++)
		if (str_is(asked->params[i].name, name))
			return asked->params[i].value;
	return STR_NONE;
}

/* As the server reads them: anything but these. */
static bool param_true(const struct asked *asked, const char *name)
{
	struct str value = param(asked, name);

	return value.at && !str_is(value, "0") && !str_equal_case(value, STR("false"));
}

static bool read_asked(struct node_service *service, struct http_request *req, struct asked *out,
		       struct error *err)
{
	struct str rest = req->path;

	*out = (struct asked){ .service = service, .req = req };
	str_cut(&rest, '/');
	out->verb = str_cut(&rest, '/');
	out->namespace = str_cut(&rest, '/');
	out->name = str_cut(&rest, '/');
	out->container = rest;
	return http_parse_query(req->query, req->arena, &out->params, &out->param_count, err);
}

static bool find_pod(struct asked *asked, struct error *err)
{
	asked->pod = pods_find(asked->service->pods, asked->namespace, asked->name);
	return asked->pod ||
	       error_set(err, ERROR_NOT_FOUND, "pod \"" STR_FMT "\" is not on this node",
			 STR_ARG(asked->name));
}

/* --- logs --- */

static void log_free(struct log_call *log)
{
	loop_task_cancel(&log->bury);
	list_remove(&log->link);
	log_reader_free(log->reader);
	free(log->namespace);
	free(log->name);
	free(log->container);
	free(log);
}

static void on_bury(struct loop_task *task)
{
	log_free(CONTAINER_OF(task, struct log_call, bury));
}

static bool log_runs(void *of)
{
	struct log_call *log = of;
	const struct pod *pod =
		pods_find(log->service->pods, str_of(log->namespace), str_of(log->name));

	return pod && pod_container_runs(pod, str_of(log->container));
}

static bool log_take(void *of, struct str text)
{
	struct log_call *log = of;

	if (!log->req)
		return false;
	http_reply_write(log->req, text);
	return http_reply_pending(log->req) < LOG_HIGH;
}

static void log_end(void *of)
{
	struct log_call *log = of;

	if (log->req)
		http_reply_end(log->req);
	log->req = NULL;
	loop_defer(log->service->loop, &log->bury);
}

static void log_gone(struct http_request *req)
{
	struct log_call *log = req->user;

	log->req = NULL;
	http_request_free(req);
	loop_defer(log->service->loop, &log->bury);
}

static void log_writable(struct http_request *req)
{
	struct log_call *log = req->user;

	log_reader_resume(log->reader);
}

static bool read_number(const struct asked *asked, const char *name, int64_t fallback, int64_t *out,
			struct error *err)
{
	struct str text = param(asked, name);

	*out = fallback;
	return text.len == 0 || str_to_i64(text, 0, INT64_MAX, out) ||
	       error_set(err, ERROR_BAD_REQUEST, "%s \"" STR_FMT "\" is no number", name,
			 STR_ARG(text));
}

static bool read_log_plan(const struct asked *asked, struct log_reader_plan *out, struct error *err)
{
	struct str since = param(asked, "sinceTime");
	int64_t seconds;

	out->follow = param_true(asked, "follow");
	out->timestamps = param_true(asked, "timestamps");
	if (!read_number(asked, "tailLines", -1, &out->tail_lines, err) ||
	    !read_number(asked, "limitBytes", -1, &out->limit_bytes, err) ||
	    !read_number(asked, "sinceSeconds", 0, &seconds, err))
		return false;
	if (seconds > 0)
		out->since_s = clock_wall_s() - seconds;
	if (since.len > 0 && !clock_parse(since, &out->since_s, &out->since_nanos))
		return error_set(err, ERROR_BAD_REQUEST, "sinceTime \"" STR_FMT "\" is no time",
				 STR_ARG(since));
	return true;
}

static bool serve_logs(struct asked *asked, struct error *err)
{
	struct node_service *service = asked->service;
	auto_buf path = BUF_INIT;
	bool previous = param_true(asked, "previous");
	struct log_reader_plan plan = { .runs = log_runs, .take = log_take, .on_end = log_end };
	struct log_call *log;

	if (!read_log_plan(asked, &plan, err))
		return false;
	if (!pod_log_path(asked->pod, asked->container, previous, &path))
		return error_set(err, ERROR_BAD_REQUEST,
				 previous ? "previous terminated container \"" STR_FMT
					    "\" in pod \"" STR_FMT "\" not found"
					  : "container \"" STR_FMT "\" in pod \"" STR_FMT
					    "\" is waiting to start: ContainerCreating",
				 STR_ARG(asked->container), STR_ARG(asked->name));
	log = memory_new(struct log_call);
	log->service = service;
	log->bury.on_task = on_bury;
	log->namespace = str_copy(asked->namespace);
	log->name = str_copy(asked->name);
	log->container = str_copy(asked->container);
	list_add(&service->logs, &log->link);
	plan.path = buf_text(&path);
	plan.follow = plan.follow && !previous;
	plan.of = log;
	if (!log_reader_open(service->loop, &plan, &log->reader, err)) {
		log_free(log);
		return false;
	}
	log->req = asked->req;
	log->req->user = log;
	log->req->on_gone = log_gone;
	log->req->on_writable = log_writable;
	http_reply_start(log->req, 200, "text/plain");
	return true;
}

/* --- exec and attach --- */

static const char *const *read_command(const struct asked *asked)
{
	const char **argv = arena_get(asked->req->arena, (asked->param_count + 1) * sizeof(*argv));
	size_t count = 0;

	for (size_t i = 0; i < asked->param_count && count < WORDS_MAX; i++)
		if (str_is(asked->params[i].name, "command"))
			argv[count++] = str_copy_arena(asked->params[i].value, asked->req->arena);
	argv[count] = NULL;
	return argv;
}

static bool start_bridge(struct asked *asked, const char *const *argv, struct error *err)
{
	char id[CONTAINER_ID_MAX];
	struct exec_bridge_plan plan = { .loop = asked->service->loop,
					 .sandbox = pod_sandbox(asked->pod),
					 .container_id = id,
					 .argv = argv,
					 .tty = param_true(asked, "tty"),
					 .stdin_wanted = param_true(asked, "stdin") };

	if (!plan.sandbox || !pod_container_id(asked->pod, asked->container, id) ||
	    !pod_container_runs(asked->pod, asked->container))
		return error_set(err, ERROR_BAD_REQUEST,
				 "container \"" STR_FMT "\" of pod \"" STR_FMT "\" is not running",
				 STR_ARG(asked->container), STR_ARG(asked->name));
	/* Nothing else is in the way: the server words it for its client. */
	if (http_has_token(&asked->req->head, "Upgrade", "mote-exec"))
		exec_bridge_start(asked->service->bridges, asked->req, &plan);
	else
		http_reply(asked->req, 426, "text/plain", STR("an upgrade is required"));
	return true;
}

static bool serve_exec(struct asked *asked, struct error *err)
{
	const char *const *argv = read_command(asked);

	if (!argv[0])
		return error_set(err, ERROR_BAD_REQUEST, "you must specify a command");
	return start_bridge(asked, argv, err);
}

static bool serve_attach(struct asked *asked, struct error *err)
{
	return start_bridge(asked, NULL, err);
}

/* --- connections --- */

static bool read_port(struct str text, unsigned *out, struct error *err)
{
	uint64_t port;

	if (!str_to_u64(text, 65535, &port) || port == 0)
		return error_set(err, ERROR_BAD_REQUEST, "\"" STR_FMT "\" is no port",
				 STR_ARG(text));
	*out = (unsigned)port;
	return true;
}

static bool wants_connection(const struct asked *asked, struct error *err)
{
	return http_has_token(&asked->req->head, "Upgrade", "mote-forward") ||
	       error_set(err, ERROR_BAD_REQUEST, "Upgrade request required");
}

static bool serve_port(struct asked *asked, struct error *err)
{
	struct sandbox *sandbox = pod_sandbox(asked->pod);
	unsigned port;

	if (!wants_connection(asked, err) || !read_port(asked->container, &port, err))
		return false;
	if (!sandbox || !*sandbox_netns(sandbox))
		return error_set(err, ERROR_BAD_REQUEST, "pod \"" STR_FMT "\" is not running",
				 STR_ARG(asked->name));
	port_forward_local(asked->service->forwards, asked->req, sandbox_netns(sandbox), port);
	return true;
}

static bool serve_dial(struct asked *asked, struct error *err)
{
	unsigned port;

	if (!wants_connection(asked, err) || !read_port(asked->name, &port, err))
		return false;
	port_forward_address(asked->service->forwards, asked->req, asked->namespace, port);
	return true;
}

/* --- about the node --- */

static bool serve_health(struct asked *asked, struct error *err)
{
	(void)err;
	http_reply(asked->req, 200, "text/plain; charset=utf-8", STR("ok"));
	return true;
}

/* As a kubelet whose runtime cannot do it. */
static bool serve_checkpoint(struct asked *asked, struct error *err)
{
	return error_set(err, ERROR_BROKEN,
			 "checkpointing of " STR_FMT "/" STR_FMT "/" STR_FMT
			 " failed (the runtime of this node makes no checkpoints of containers)",
			 STR_ARG(asked->namespace), STR_ARG(asked->name),
			 STR_ARG(asked->container));
}

static bool serve_pods(struct asked *asked, struct error *err)
{
	auto_buf out = BUF_INIT;
	struct pod *pod;
	const char *comma = "";

	(void)err;
	buf_add_text(&out, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{},"
			   "\"items\":[");
	for (size_t i = 0; (pod = pods_next(asked->service->pods, &i)); comma = ",") {
		buf_add_text(&out, comma);
		json_print(pod_object(pod), &out);
	}
	buf_add_text(&out, "]}");
	http_reply(asked->req, 200, "application/json", buf_str(&out));
	return true;
}

static bool serve_storage(struct asked *asked, struct error *err)
{
	struct str path = param(asked, "path");

	if (!str_is(asked->req->head.method, "DELETE"))
		return error_set(err, ERROR_METHOD, "folders of local storage are removed only");
	if (path.len == 0 || memchr(path.at, 0, path.len))
		return error_set(err, ERROR_BAD_REQUEST, "the path is missing");
	storage_removal_start(asked->service->removals, asked->req, path);
	return true;
}

static bool serve_neighbour(struct asked *asked, struct error *err)
{
	(void)err;
	neighbour_look(asked->service->neighbours, asked->req, asked->namespace);
	return true;
}

/* --- requests --- */

void node_service_request(struct node_service *service, struct http_request *req)
{
	static const struct {
		const char *verb;
		bool of_pod, own; /* asked for by the server alone, for nobody else */
		bool (*serve)(struct asked *asked, struct error *err);
	} rows[] = {
		{ "containerLogs", true, false, serve_logs },
		{ "exec", true, false, serve_exec },
		{ "attach", true, false, serve_attach },
		{ "portForward", true, false, serve_port },
		{ "checkpoint", true, false, serve_checkpoint },
		{ "healthz", false, false, serve_health },
		{ "pods", false, false, serve_pods },
		{ "dial", false, true, serve_dial },
		{ "storage", false, true, serve_storage },
		{ "neighbour", false, true, serve_neighbour },
	};
	struct asked asked;
	struct error err;

	if (service->figures && node_figures_request(service->figures, req))
		return;
	if (!read_asked(service, req, &asked, &err)) {
		refuse(req, &err);
		return;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		if (!str_is(asked.verb, rows[i].verb) ||
		    (rows[i].own && !str_is(req->peer, SERVER)))
			continue;
		if ((rows[i].of_pod && !find_pod(&asked, &err)) || !rows[i].serve(&asked, &err))
			refuse(req, &err);
		return;
	}
	error_set(&err, ERROR_NOT_FOUND, "nodes do not serve this path");
	refuse(req, &err);
}

static void on_request(struct http_service *http, struct http_request *req)
{
	node_service_request(CONTAINER_OF(http, struct node_service, http), req);
}

struct node_service *node_service_new(struct loop *loop, struct pods *pods,
				      struct exec_bridges *bridges, struct work_pool *chores)
{
	struct node_service *service = memory_new(struct node_service);

	service->loop = loop;
	service->pods = pods;
	service->bridges = bridges;
	service->forwards = port_forwards_new(loop);
	service->neighbours = neighbours_new(loop);
	service->removals = storage_removals_new(chores);
	list_init(&service->logs);
	service->http = (struct http_service){
		.on_request = on_request, .body_max = 4096, .idle_ms = IDLE_MS, .body_ms = BODY_MS
	};
	return service;
}

void node_service_figures(struct node_service *service, struct node_figures *figures)
{
	service->figures = figures;
}

void node_service_free(struct node_service *service)
{
	if (!service)
		return;
	exec_bridges_end(service->bridges, NULL);
	port_forwards_free(service->forwards);
	neighbours_free(service->neighbours);
	storage_removals_free(service->removals);
	LIST_EACH_SAFE(&service->logs, link)
	{
		struct log_call *log = LIST_OWNER(link, struct log_call, link);

		if (log->req)
			http_request_free(log->req);
		log_free(log);
	}
	http_service_close(&service->http);
	free(service);
}

void node_service_take(struct node_service *service, struct stream *stream, bool proxied)
{
	http_serve(&service->http, stream, proxied ? STR("proxy") : STR(SERVER), NULL);
}
