/*
 * test_action.c - questions to ports, on loopback: what works, what does not, ended at any time.
 * Commands in containers: test_action_exec.c.
 */
#include "agent/action.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "net/http_server.h"
#include "net/socket.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"
#include "tests/unit/net/web_front.h"

struct scene {
	struct loop *loop;
	struct socket_listener listener;
	struct http_service service;
	unsigned port;
	bool silent;      /* accepts and says nothing */
	int status;       /* of every answer */
	size_t body_size; /* bytes in it */
	int held;         /* the connection of a silent one; -1 */
	struct buf seen;  /* heads of requests */
	struct action *action;
	bool done, worked;
	enum action_result result;
	const char *location; /* of redirects */
	int redirects;        /* so many answers are redirects to it */
	bool is_hook;
	const char *raw; /* instead of an HTTP service: these bytes */
	size_t raw_len;
	struct buf said;
};

static void see(struct scene *scene, const struct http_request *req)
{
	buf_add_print(&scene->seen, STR_FMT " " STR_FMT "\n", STR_ARG(req->head.method),
		      STR_ARG(req->head.target));
	for (size_t i = 0; i < req->head.header_count; i++)
		buf_add_print(&scene->seen, STR_FMT ": " STR_FMT "\n",
			      STR_ARG(req->head.headers[i].name),
			      STR_ARG(req->head.headers[i].value));
}

static void on_request(struct http_service *service, struct http_request *req)
{
	struct scene *scene = CONTAINER_OF(service, struct scene, service);
	auto_free char *body = memory_zero(scene->body_size + 1);

	see(scene, req);
	if (scene->redirects == 0)
		scene->location = NULL;
	memset(body, 'x', scene->body_size);
	if (scene->location)
		http_reply_header(req, "Location", scene->location);
	http_reply(req, scene->redirects > 0 ? 302 : scene->status, "text/plain",
		   str_from(body, scene->body_size));
	scene->redirects -= scene->redirects > 0;
}

static void on_accept(struct socket_listener *listener, int fd, struct str peer)
{
	struct scene *scene = CONTAINER_OF(listener, struct scene, listener);

	if (scene->raw) {
		CHECK(write(fd, scene->raw, scene->raw_len) == (ssize_t)scene->raw_len);
		if (scene->held >= 0)
			close(scene->held);
		scene->held = fd;
	} else if (scene->silent) {
		if (scene->held >= 0)
			close(scene->held);
		scene->held = fd;
	} else {
		http_serve(&scene->service, stream_of_fd(scene->loop, fd), peer, NULL);
	}
}

static void scene_open(struct scene *scene)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	struct error err;
	int fd;

	*scene = (struct scene){ .status = 200, .held = -1 };
	scene->listener.on_accept = on_accept;
	scene->service = (struct http_service){
		.on_request = on_request, .body_max = 100, .idle_ms = 90000, .body_ms = 30000
	};
	CHECK_OK(loop_open(&scene->loop, &err), &err);
	CHECK_OK(socket_listen(STR("127.0.0.1:0"), &fd, &err), &err);
	CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	scene->port = ntohs(at.sin_port);
	CHECK_OK(socket_listener_start(scene->loop, &scene->listener, fd, &err), &err);
}

static void scene_close(struct scene *scene)
{
	fixture_turn(scene->loop, 5);
	socket_listener_stop(&scene->listener);
	if (scene->held >= 0)
		close(scene->held);
	http_service_close(&scene->service);
	fixture_turn(scene->loop, 20);
	loop_close(scene->loop);
	buf_clear(&scene->seen);
	buf_clear(&scene->said);
}

static void on_done(void *of, enum action_result result, struct str said)
{
	struct scene *scene = of;

	CHECK(!scene->done);
	scene->action = NULL;
	scene->done = true;
	scene->result = result;
	scene->worked = result == ACTION_WORKED;
	buf_reset(&scene->said);
	buf_add_str(&scene->said, said);
}

/* The handler's text may have a %u, which becomes our port. */
static void start(struct scene *scene, const char *handler, int64_t timeout_ms,
		  struct json_doc **out_doc)
{
	auto_free char *text = memory_string(handler);
	auto_free char *whole = NULL;
	char *mark = strstr(text, "%u");
	struct action_work work = { .loop = scene->loop,
				    .pod_ip = "127.0.0.1",
				    .timeout_ms = timeout_ms,
				    .is_hook = scene->is_hook };

	if (mark)
		*mark = '\0';
	whole = mark ? memory_print("{'handler':%s%u%s,'container':{'ports':[{'name':'other',"
				    "'containerPort':1},{'name':'web','containerPort':%u}]}}",
				    text, scene->port, mark + 2, scene->port)
		     : memory_print("{'handler':%s,'container':{'ports':[{'name':'web',"
				    "'containerPort':%u}]}}",
				    text, scene->port);
	*out_doc = fixture_json(whole);
	work.handler = json_get(json_root(*out_doc), "handler");
	work.container = json_get(json_root(*out_doc), "container");
	scene->done = false;
	scene->action = action_start(&work, on_done, scene);
	CHECK(!scene->done); /* never at once */
}

static void ask(struct scene *scene, const char *handler, bool works)
{
	auto_json_doc doc = NULL;

	start(scene, handler, 5000, &doc);
	fixture_until(scene->loop, &scene->done);
	if (scene->worked != works)
		harness_fail(__FILE__, __LINE__, "%s: %s", handler, buf_text(&scene->said));
	CHECK_INT(scene->said.len == 0, works);
}

/* --- tcpSocket --- */

static void ports_are_dialled(void)
{
	struct scene scene;

	scene_open(&scene);
	ask(&scene, "{'tcpSocket':{'port':%u}}", true);
	ask(&scene, "{'tcpSocket':{'port':'web'}}", true);
	ask(&scene, "{'tcpSocket':{'port':'%u'}}", true);
	ask(&scene, "{'tcpSocket':{'port':%u,'host':'127.0.0.1'}}", true);
	scene_close(&scene);
}

static void a_closed_port_is_no_port(void)
{
	struct scene scene;
	auto_json_doc doc = NULL;

	scene_open(&scene);
	socket_listener_stop(&scene.listener);
	ask(&scene, "{'tcpSocket':{'port':'web'}}", false);
	CHECK(str_search(buf_str(&scene.said), STR("refused")) >= 0);
	ask(&scene, "{'httpGet':{'port':'web'}}", false);
	start(&scene, "{'tcpSocket':{'port':'web'}}", 0, &doc); /* as hooks do: no limit */
	fixture_until(scene.loop, &scene.done);
	CHECK(!scene.worked);
	scene_close(&scene);
}

static void ports_must_be_known(void)
{
	struct scene scene;

	scene_open(&scene);
	ask(&scene, "{'tcpSocket':{'port':'none'}}", false);
	ask(&scene, "{'tcpSocket':{'port':0}}", false);
	ask(&scene, "{'tcpSocket':{'port':-1}}", false);
	ask(&scene, "{'tcpSocket':{'port':65536}}", false);
	ask(&scene, "{'tcpSocket':{'port':4294967376}}", false);
	ask(&scene, "{'tcpSocket':{}}", false);
	ask(&scene, "{'httpGet':{'port':'none'}}", false);
	scene_close(&scene);
}

/* --- httpGet --- */

static void statuses_are_judged(void)
{
	static const struct {
		int status;
		bool works;
	} rows[] = { { 200, true },  { 204, true },  { 226, true },  { 299, true },
		     { 400, false }, { 404, false }, { 500, false }, { 503, false } };
	struct scene scene;

	scene_open(&scene);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_free char *want =
			memory_print("HTTP probe failed with statuscode: %d", rows[i].status);

		scene.status = rows[i].status;
		ask(&scene, "{'httpGet':{'port':%u,'path':'/h?x=1'}}", rows[i].works);
		CHECK_STR(buf_text(&scene.said), rows[i].works ? "" : want);
	}
	CHECK(str_starts(buf_str(&scene.seen), STR("GET /h?x=1\n")));
	scene_close(&scene);
}

/* However much the server says: its first line is the answer. */
static void large_bodies_do_no_harm(void)
{
	struct scene scene;

	scene_open(&scene);
	scene.body_size = 4u << 20;
	ask(&scene, "{'httpGet':{'port':%u}}", true);
	scene_close(&scene);
}

static size_t count_of(const struct scene *scene, const char *what)
{
	struct str rest = buf_str(&scene->seen);
	size_t count = 0;
	ptrdiff_t at;

	while ((at = str_search(rest, str_of(what))) >= 0) {
		rest = str_from(rest.at + at + 1, rest.len - (size_t)at - 1);
		count++;
	}
	return count;
}

static void headers_are_sent(void)
{
	struct scene scene;
	auto_free char *host = NULL;

	scene_open(&scene);
	host = memory_print("Host: 127.0.0.1:%u\n", scene.port);
	ask(&scene, "{'httpGet':{'port':%u}}", true);
	CHECK(str_starts(buf_str(&scene.seen), STR("GET /\n")));
	CHECK_INT(count_of(&scene, host), 1);
	CHECK_INT(count_of(&scene, "User-Agent: kube-probe/1.32\n"), 1);
	buf_reset(&scene.seen);
	ask(&scene,
	    "{'httpGet':{'port':%u,'httpHeaders':[{'name':'host','value':'my.test'},{'name':"
	    "'X-A','value':'1'},{'name':'X-A','value':'2'},{'name':'user-agent','value':'me'},"
	    "{'name':'X-B','value':'a\\r\\nX-C: d'},{'name':'','value':'e'}]}}",
	    true);
	CHECK_INT(count_of(&scene, "Host: my.test\n"), 1);
	CHECK_INT(count_of(&scene, "ost: "), 1);
	CHECK_INT(count_of(&scene, "X-A: 1\n"), 1);
	CHECK_INT(count_of(&scene, "X-A: 2\n"), 1);
	CHECK_INT(count_of(&scene, "user-agent: me\n"), 1);
	CHECK_INT(count_of(&scene, "kube-probe"), 0);
	CHECK_INT(count_of(&scene, "X-C"), 0);
	scene_close(&scene);
}

static void paths_are_escaped(void)
{
	struct scene scene;

	scene_open(&scene);
	ask(&scene, "{'httpGet':{'port':%u,'path':'a b\\r\\nX: y\\u00e9%2f'}}", true);
	CHECK(str_starts(buf_str(&scene.seen), STR("GET /a%20b%0D%0AX:%20y%C3%A9%2f\n")));
	scene_close(&scene);
}

static void front_answers(struct front *front, struct http_request *req)
{
	(void)front;
	http_reply(req, 200, "text/plain", STR("ok"));
}

/* Whoever signed the certificate, and whatever its name is. */
static void https_is_asked(void)
{
	struct scene scene;
	struct certs certs;
	struct front front = { .on_request = front_answers };
	unsigned plain;

	scene_open(&scene);
	certs_make(&certs);
	front_open(&front, scene.loop, &certs);
	plain = scene.port;
	scene.port = front.port;
	ask(&scene, "{'httpGet':{'port':%u,'scheme':'HTTPS','host':'127.0.0.1'}}", true);
	ask(&scene, "{'httpGet':{'port':%u,'scheme':'HTTP'}}", false);
	scene.port = plain;
	ask(&scene, "{'httpGet':{'port':%u,'scheme':'HTTPS'}}", false);
	front_close(&front);
	certs_clear(&certs);
	scene_close(&scene);
}

/* --- redirects --- */

static void redirects_on_the_same_host_are_followed(void)
{
	static const char *const places[] = { "/other?y=2", "http://127.0.0.1:%u/other?y=2",
					      "//127.0.0.1:%u/other?y=2#part" };
	struct scene scene;

	scene_open(&scene);
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		auto_free char *place = NULL;
		const char *mark = strstr(places[i], "%u");

		place = mark ? memory_print("%.*s%u%s", (int)(mark - places[i]), places[i],
					    scene.port, mark + 2)
			     : memory_string(places[i]);
		scene.location = place;
		scene.redirects = 2;
		buf_reset(&scene.seen);
		ask(&scene, "{'httpGet':{'port':%u,'path':'/first'}}", true);
		CHECK_INT(count_of(&scene, "GET /first\n"), 1);
		CHECK_INT(count_of(&scene, "GET /other?y=2\n"), 2);
	}
	scene.location = "/other";
	scene.redirects = 100;
	ask(&scene, "{'httpGet':{'port':%u}}", false);
	CHECK(str_search(buf_str(&scene.said), STR("stopped after 10 redirects")) > 0);
	scene_close(&scene);
}

/* Nothing that runs in a pod makes the node ask anybody else. */
static void redirects_to_other_hosts_end_here(void)
{
	static const char *const places[] = { "http://169.254.169.254/latest",
					      "//127.0.0.2/",
					      "https://127.0.0.1.evil.test/",
					      "http://127.0.0.1@127.0.0.2/",
					      "http://localhost/",
					      "file:///etc/passwd",
					      "http://[::1]/",
					      "mailto:x",
					      "http://:80/",
					      "http://127.0.0.2:1/",
					      "http://127.0.0.1:99999/" };
	struct scene scene;

	scene_open(&scene);
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		scene.location = places[i];
		scene.redirects = 1;
		scene.body_size = i == 0 ? 4u << 20 : 3;
		buf_reset(&scene.seen);
		ask(&scene, "{'httpGet':{'port':%u}}", false);
		CHECK_INT(scene.result, ACTION_WARNED);
		CHECK(str_starts(buf_str(&scene.said),
				 STR("Probe terminated redirects, Response body: xxx")));
		CHECK(scene.said.len < 600);
		CHECK_INT(count_of(&scene, "GET "), 1);
	}
	scene.is_hook = true;
	scene.location = "http://127.0.0.2/";
	scene.redirects = 1;
	ask(&scene, "{'httpGet':{'port':%u}}", true);
	CHECK_INT(count_of(&scene, "GET "), 2);
	scene_close(&scene);
}

/* A hook is done when the container has answered, whatever it says. */
static void hooks_take_every_answer(void)
{
	struct scene scene;

	scene_open(&scene);
	scene.is_hook = true;
	scene.status = 500;
	ask(&scene, "{'httpGet':{'port':%u}}", true);
	scene_close(&scene);
}

/* --- grpc --- */

static void write_frame(struct buf *out, char type, char flags, char stream, struct str bytes)
{
	const char head[] = { 0, 0, (char)bytes.len, type, flags, 0, 0, 0, stream };

	buf_add(out, head, sizeof(head));
	buf_add_str(out, bytes);
}

/* The whole answer of a server whose service has this word (1 = SERVING). */
static void print_health(struct buf *out, char word, const char *status)
{
	const char message[] = { 0, 0, 0, 0, 2, 8, word };
	auto_free char *trailers =
		memory_print("x\x0bgrpc-status%c%s", (int)strlen(status), status);

	trailers[0] = 0;
	write_frame(out, 4, 0, 0, STR(""));
	write_frame(out, 1, 4, 1, STR("\x88"));
	write_frame(out, 0, 0, 1, str_from(message, sizeof(message)));
	write_frame(out, 1, 5, 1, str_from(trailers, 1 + 12 + 1 + strlen(status)));
}

static void ask_health(struct scene *scene, char word, const char *status, const char *said)
{
	auto_buf out = BUF_INIT;

	print_health(&out, word, status);
	scene->raw = out.at;
	scene->raw_len = out.len;
	ask(scene, "{'grpc':{'port':%u,'service':'web'}}", !*said);
	CHECK(str_search(buf_str(&scene->said), str_of(said)) >= 0);
	scene->raw = NULL;
}

static void health_is_asked(void)
{
	struct scene scene;

	scene_open(&scene);
	ask_health(&scene, 1, "0", "");
	ask_health(&scene, 2, "0", "service unhealthy (responded with \"NOT_SERVING\")");
	ask_health(&scene, 1, "12",
		   "error: this server does not implement the grpc health protocol");
	ask_health(&scene, 1, "5", "code = NotFound");
	/* a server of HTTP/1.1 */
	ask(&scene, "{'grpc':{'port':%u}}", false);
	CHECK_INT(scene.result, ACTION_FAILED);
	socket_listener_stop(&scene.listener);
	ask(&scene, "{'grpc':{'port':%u}}", false);
	CHECK(str_starts(buf_str(&scene.said), STR("error: failed to connect service at")));
	CHECK_INT(scene.result, ACTION_FAILED);
	scene_close(&scene);
}

/* --- time --- */

static void silence_takes_too_long(void)
{
	struct scene scene;
	auto_json_doc doc = NULL;

	scene_open(&scene);
	scene.silent = true;
	start(&scene, "{'httpGet':{'port':%u}}", 30, &doc);
	fixture_until(scene.loop, &scene.done);
	CHECK(str_search(buf_str(&scene.said), STR("context deadline exceeded")) > 0);
	json_doc_free(take_ptr(&doc));
	start(&scene, "{'grpc':{'port':%u}}", 30, &doc);
	fixture_until(scene.loop, &scene.done);
	CHECK_STR(buf_text(&scene.said), "timeout: health rpc did not complete within 0.03s");
	CHECK_INT(scene.result, ACTION_FAILED);
	scene_close(&scene);
}

static void a_pause_works(void)
{
	struct scene scene;
	auto_json_doc longer = NULL;

	scene_open(&scene);
	ask(&scene, "{'sleep':{'seconds':0}}", true);
	ask(&scene, "{'sleep':{'seconds':-5}}", true);
	start(&scene, "{'sleep':{'seconds':9223372036854775807}}", 10, &longer);
	action_cancel(scene.action);
	scene_close(&scene);
}

static void other_handlers_are_not_known(void)
{
	struct scene scene;

	scene_open(&scene);
	ask(&scene, "{}", false);
	CHECK_INT(scene.result, ACTION_ERRORED);
	scene.is_hook = true;
	ask(&scene, "{'grpc':{'port':1}}", false);
	ask(&scene, "{'tcpSocket':{'port':%u}}", false);
	CHECK_INT(scene.result, ACTION_FAILED);
	ask(&scene, "{'exec':{'command':[]}}", false);
	scene_close(&scene);
}

/* --- cancelling --- */

static void cancelled_after(const char *handler, bool silent)
{
	struct scene scene;

	scene_open(&scene);
	scene.silent = silent;
	for (int rounds = 0; rounds < 12; rounds++) {
		auto_json_doc doc = NULL;

		start(&scene, handler, 5000, &doc);
		fixture_turn(scene.loop, rounds);
		if (scene.done)
			continue;
		action_cancel(scene.action);
		scene.done = true; /* a call from now on fails the test */
		fixture_turn(scene.loop, 5);
	}
	scene_close(&scene);
}

static void cancelled_at_any_time(void)
{
	cancelled_after("{'tcpSocket':{'port':%u}}", false);
	cancelled_after("{'tcpSocket':{'port':'none'}}", false);
	cancelled_after("{'httpGet':{'port':%u}}", false);
	cancelled_after("{'httpGet':{'port':%u}}", true);
	cancelled_after("{'httpGet':{'port':%u,'scheme':'HTTPS'}}", true);
	cancelled_after("{'httpGet':{'port':%u,'host':'127.0.0.2'}}", true);
	cancelled_after("{'grpc':{'port':%u}}", false);
	cancelled_after("{'grpc':{'port':%u}}", true);
	cancelled_after("{'sleep':{'seconds':5}}", false);
	action_cancel(NULL);
}

static const struct test tests[] = {
	{ "ports are dialled", ports_are_dialled },
	{ "a closed port is no port", a_closed_port_is_no_port },
	{ "ports must be known", ports_must_be_known },
	{ "statuses are judged", statuses_are_judged },
	{ "large bodies do no harm", large_bodies_do_no_harm },
	{ "headers are sent", headers_are_sent },
	{ "paths are escaped", paths_are_escaped },
	{ "https is asked", https_is_asked },
	{ "redirects on the same host are followed", redirects_on_the_same_host_are_followed },
	{ "redirects to other hosts end here", redirects_to_other_hosts_end_here },
	{ "hooks take every answer", hooks_take_every_answer },
	{ "health is asked", health_is_asked },
	{ "silence takes too long", silence_takes_too_long },
	{ "a pause works", a_pause_works },
	{ "other handlers are not known", other_handlers_are_not_known },
	{ "cancelled at any time", cancelled_at_any_time },
};

TEST_MAIN(tests)
