/*
 * action_http.c - httpGet: one request a connection; redirects are followed on the same host only.
 *
 * Rules of https://kubernetes.io/docs/tasks/configure-pod-container/ ("HTTP probes"): 200 to 399 is
 * success; a redirect to another host is not followed and counts as success with a warning, so
 * nothing that runs in a pod can make the node ask somebody else.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "agent/action_inside.h"
#include "net/http_client.h"
#include "net/tls.h"

#define HEADERS_MAX   32
#define REDIRECTS_MAX 10
#define BODY_SHOWN    512 /* of an answer that is a redirect to elsewhere */
#define LOCATION_MAX  8192
/* Later than the action, whose words are better; alone where that has no limit. */
#define LATER_MS 1000

struct asking {
	const struct json *part;
	struct http_client *client;
	struct tls_config *tls;
	struct buf body;
	char *target, *header; /* path and query; what Host says */
	bool secure, warned;
	char *next;         /* where the answer sends us; NULL = nowhere */
	unsigned redirects; /* followed so far */
	struct loop_task again;
	/* who waits for the connection: called exactly once */
	void (*dialled)(void *call, struct stream *stream, const struct error *err);
	void *call;
	struct action *action;
};

static void ask(struct action *action);

/* --- the end of one request --- */

/* Nobody waits for the connection any more; the client wants to hear it all the same. */
static void close_client(struct asking *asking)
{
	struct error err;

	if (asking->action->dial)
		socket_dial_cancel(asking->action->dial);
	asking->action->dial = NULL;
	http_client_free(asking->client);
	asking->client = NULL;
	error_set(&err, ERROR_UNAVAILABLE, "the action is over");
	if (asking->dialled)
		asking->dialled(asking->call, NULL, &err);
	asking->dialled = NULL;
	tls_config_unref(asking->tls);
	asking->tls = NULL;
}

static void drop(struct action *action)
{
	struct asking *asking = action->part;

	loop_task_cancel(&asking->again);
	close_client(asking);
	buf_clear(&asking->body);
	free(asking->target);
	free(asking->header);
	free(asking->next);
	free(asking);
	action->part = NULL;
}

static void print_url(const struct action *action, struct buf *out)
{
	const struct asking *asking = action->part;

	buf_add_print(out, "%s://", asking->secure ? "https" : "http");
	action_print_authority(action->host, action->port, out);
	buf_add_text(out, asking->target);
}

static void fail(struct action *action, const char *why)
{
	auto_buf url = BUF_INIT;

	print_url(action, &url);
	action_say(action, ACTION_FAILED, "Get \"%s\": %s", buf_text(&url), why);
}

/* --- where an answer sends us --- */

struct place {
	bool secure;
	struct str host;
	unsigned port;
	char *target; /* owned */
};

static bool is_host(const struct action *action, struct str host)
{
	return str_equal_case(host, str_of(action->host));
}

/* An absolute URL, a path, or a name beside the present one.  False: of no use. */
static bool read_location(const struct action *action, struct str text, struct place *out)
{
	const struct asking *asking = action->part;
	ptrdiff_t mark = str_find(text, '#');
	struct str rest = text, authority;

	if (mark >= 0)
		rest.len = (size_t)mark;
	*out = (struct place){ .secure = asking->secure,
			       .host = str_of(action->host),
			       .port = action->port };
	if (str_starts(rest, STR("http://")) || str_starts(rest, STR("https://"))) {
		out->secure = str_starts(rest, STR("https://"));
		rest = str_from(rest.at + (out->secure ? 6 : 5), rest.len - (out->secure ? 6 : 5));
	}
	if (str_starts(rest, STR("//"))) {
		size_t len = 2;

		while (len < rest.len && rest.at[len] != '/' && rest.at[len] != '?')
			len++;
		authority = str_from(rest.at + 2, len - 2);
		rest = str_from(rest.at + len, rest.len - len);
		if (str_find(authority, '@') >= 0 ||
		    !socket_split(authority, out->secure ? 443 : 80, &out->host, &out->port) ||
		    out->host.len == 0 || out->port == 0)
			return false;
	} else if (rest.len == 0 || rest.at[0] != '/') {
		return false; /* "mailto:", "?x", "beside": nobody sends probes there */
	}
	out->target = rest.len > 0 && rest.at[0] == '/' ? str_copy(rest)
							: memory_print("/" STR_FMT, STR_ARG(rest));
	return true;
}

/* Asked again, at the place of the same host. */
static void on_again(struct loop_task *task)
{
	struct asking *asking = CONTAINER_OF(task, struct asking, again);
	struct action *action = asking->action;
	auto_free char *location = take_ptr(&asking->next);
	struct place place;

	if (action->ended || !read_location(action, str_of(location), &place))
		return;
	close_client(asking);
	if (*location != '/' || location[1] == '/') { /* a whole address: its own Host */
		free(asking->header);
		asking->header = NULL;
	}
	asking->secure = place.secure;
	action->port = place.port;
	free(asking->target);
	asking->target = place.target;
	asking->redirects++;
	ask(action);
}

/* True: the answer is a redirect that we follow. */
static bool follow(struct action *action, const struct http_head *head)
{
	struct asking *asking = action->part;
	struct str location = http_header(head, "Location");
	struct place place;
	bool here;

	if ((head->status < 301 || head->status > 303) && head->status != 307 &&
	    head->status != 308)
		return false;
	if (location.len == 0 || location.len > LOCATION_MAX ||
	    !read_location(action, location, &place))
		return false;
	here = is_host(action, place.host);
	free(place.target);
	if (!here)
		return false;
	if (asking->redirects + 1 >= REDIRECTS_MAX) {
		fail(action, "stopped after 10 redirects");
		return true;
	}
	asking->next = str_copy(location);
	loop_defer(action->loop, &asking->again);
	return true;
}

/* --- the answer --- */

/* The head is all that counts, but where it sends us elsewhere: then the event shows the body. */
static bool on_head(void *of, const struct http_head *head)
{
	struct action *action = of;
	struct asking *asking = action->part;

	if (follow(action, head))
		return false;
	if (action->is_hook || (head->status >= 200 && head->status < 300)) {
		action_end(action, ACTION_WORKED);
		return false;
	}
	if (head->status >= 300 && head->status < 400) {
		asking->warned = true;
		return true;
	}
	action_say(action, ACTION_FAILED, "HTTP probe failed with statuscode: %d", head->status);
	return false;
}

static void warn(struct action *action)
{
	struct asking *asking = action->part;

	action_say(action, ACTION_WARNED, "Probe terminated redirects, Response body: %s",
		   buf_text(&asking->body));
}

static void on_body(void *of, struct str piece)
{
	struct action *action = of;
	struct asking *asking = action->part;
	size_t room = BODY_SHOWN - asking->body.len;

	buf_add(&asking->body, piece.at, piece.len < room ? piece.len : room);
	if (asking->body.len == BODY_SHOWN)
		warn(action);
}

static void on_end(void *of, const struct error *err)
{
	struct action *action = of;
	struct asking *asking = action->part;

	if (asking->warned)
		warn(action);
	else if (err && !asking->next)
		fail(action, err->text);
}

/* --- the connection --- */

static void on_connected(void *of, struct stream *stream, const struct error *err)
{
	struct action *action = of;
	struct asking *asking = action->part;
	void (*dialled)(void *call, struct stream *stream, const struct error *err) =
		asking->dialled;

	action->dial = NULL;
	asking->dialled = NULL;
	if (err) {
		auto_buf why = BUF_INIT;

		action_print_dial(action->host, action->port, err, &why);
		fail(action, buf_text(&why));
	}
	if (stream && asking->tls)
		stream = tls_connect(stream, asking->tls, action->host);
	dialled(asking->call, stream, err);
}

static void dial_http(void *of,
		      void (*on_done)(void *call, struct stream *stream, const struct error *err),
		      void *call)
{
	struct action *action = of;
	struct asking *asking = action->part;

	assert(!asking->dialled); /* one request, one connection */
	asking->dialled = on_done;
	asking->call = call;
	action->dial = socket_dial(action->loop, str_of(action->host), action->port,
				   action->timeout_ms, on_connected, action);
}

/* --- the request --- */

static bool is_plain(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
			return false;
	return true;
}

/* "Host" is the client's to say, all others are headers; those that would break the request are
 * left out. */
static size_t take_headers(const struct json *part, struct http_header *headers,
			   struct str *out_host)
{
	size_t count = 3;

	headers[0] = (struct http_header){ STR("User-Agent"), STR("kube-probe/1.32") };
	headers[1] = (struct http_header){ STR("Accept"), STR("*/*") };
	headers[2] = (struct http_header){ STR("Connection"), STR("close") };
	for (struct json_iter it = json_iter(json_get(part, "httpHeaders"));
	     json_next(&it) && count < HEADERS_MAX;) {
		struct http_header header = { json_str(json_get(it.value, "name")),
					      json_str(json_get(it.value, "value")) };
		bool replaced = false;

		if (header.name.len == 0 || !is_plain(header.name) || !is_plain(header.value))
			continue;
		for (size_t i = 0; i < 3; i++)
			if (str_equal_case(headers[i].name, header.name)) {
				headers[i] = header;
				replaced = true;
			}
		if (str_equal_case(header.name, STR("Host")))
			*out_host = header.value;
		else if (!replaced)
			headers[count++] = header;
	}
	return count;
}

/* A path and perhaps a query: what may not stand in a request line is escaped. */
static char *target_of(struct str path)
{
	auto_buf out = BUF_INIT;

	if (path.len == 0 || path.at[0] != '/')
		buf_add_byte(&out, '/');
	for (size_t i = 0; i < path.len; i++)
		if ((unsigned char)path.at[i] <= ' ' || (unsigned char)path.at[i] >= 0x7f)
			buf_add_print(&out, "%%%02X", (unsigned)(unsigned char)path.at[i]);
		else
			buf_add_byte(&out, path.at[i]);
	return buf_take(&out);
}

static char *header_of(const struct action *action, struct str shown)
{
	auto_buf out = BUF_INIT;

	if (shown.len > 0)
		return str_copy(shown);
	action_print_authority(action->host, action->port, &out);
	return buf_take(&out);
}

/* One request; the place is in the action and its part. */
static void ask(struct action *action)
{
	struct asking *asking = action->part;
	auto_free char *target = target_of(str_of(asking->target));
	struct http_header headers[HEADERS_MAX];
	struct http_ask request = { .method = "GET",
				    .target = target,
				    .headers = headers,
				    .timeout_ms = action->timeout_ms + LATER_MS,
				    .on_head = on_head,
				    .on_body = on_body,
				    .on_end = on_end,
				    .of = action };
	struct str shown = STR_NONE;
	struct error why;

	if (asking->secure &&
	    !tls_client_config(STR_NONE, STR_NONE, STR_NONE, true, &asking->tls, &why)) {
		action_say(action, ACTION_ERRORED, "%s", why.text);
		return;
	}
	request.header_count = take_headers(asking->part, headers, &shown);
	if (!asking->header)
		asking->header = header_of(action, asking->redirects == 0 ? shown : STR_NONE);
	asking->client = http_client_new(action->loop, dial_http, action, asking->header);
	http_call(asking->client, &request);
}

void action_http_start(struct action *action, const struct action_work *work,
		       const struct json *part)
{
	struct str host = action_host(part, work), path = json_str(json_get(part, "path"));
	auto_buf url = BUF_INIT;
	struct asking *asking;

	action->port = action_port(part, work->container);
	if (action->port == 0 && work->is_hook && json_str(json_get(part, "port")).len == 0)
		action->port = str_is(json_str(json_get(part, "scheme")), "HTTPS") ? 443 : 80;
	if (action->port == 0 || host.len == 0) {
		action_say(action, ACTION_ERRORED, "the port of the probe is not known");
		return;
	}
	asking = memory_new(struct asking);
	asking->action = action;
	asking->part = part;
	asking->again.on_task = on_again;
	asking->secure = str_is(json_str(json_get(part, "scheme")), "HTTPS");
	asking->target = path.len > 0 && path.at[0] == '/'
				 ? str_copy(path)
				 : memory_print("/" STR_FMT, STR_ARG(path));
	action->host = str_copy(host);
	action->part = asking;
	action->drop = drop;
	print_url(action, &url);
	action->late =
		memory_print("Get \"%s\": context deadline exceeded (Client.Timeout exceeded "
			     "while awaiting headers)",
			     buf_text(&url));
	ask(action);
}
