/*
 * client_streams.c - upgrades, and who is which stream.
 *
 *   WebSocket: all streams are there at once; a little later they are ready, because clients throw
 *              away what comes while they still make theirs.
 *   SPDY:      the client opens one after the other; ready when all that are wanted are there.
 */
#include "server/front/client_streams.h"

#include <assert.h>

#include "net/spdy_session.h"
#include "net/websocket_channels.h"
#include "server/server.h"

#define OPENING_MS  30000 /* all SPDY streams must be there by then */
#define EARLY_MS    20    /* clients register their channels after the 101 */
#define VERSION     "X-Stream-Protocol-Version"
#define OFFERED_MAX 16

struct client_streams {
	struct client_streams_plan plan;
	struct loop_timer timer;
	struct spdy_session *spdy;
	struct websocket_channels *channels;
	struct stream *streams[CLIENT_ROLES]; /* not taken yet */
	unsigned have;
	bool ready;
	bool says_status;
};

/* --- protocols --- */

/* Best first. */
static const char *const websocket_protocols[] = { "v5.channel.k8s.io",
						   "v4.channel.k8s.io",
						   "v3.channel.k8s.io",
						   "v2.channel.k8s.io",
						   "channel.k8s.io",
						   "v4.base64.channel.k8s.io",
						   "base64.channel.k8s.io",
						   "",
						   NULL };
static const char *const spdy_protocols[] = { "v4.channel.k8s.io", "v3.channel.k8s.io",
					      "v2.channel.k8s.io", "channel.k8s.io",
					      "v5.channel.k8s.io", NULL };

bool client_wants_spdy(const struct http_head *head)
{
	return head->upgrade && http_has_token(head, "Upgrade", "SPDY/3.1") &&
	       (str_is(head->method, "POST") || str_is(head->method, "GET"));
}

static size_t read_offered(const struct http_head *head, struct str *out)
{
	size_t count = 0;

	for (size_t i = 0; i < head->header_count; i++) {
		struct str list = head->headers[i].value;

		if (!str_equal_case(head->headers[i].name, STR(VERSION)))
			continue;
		while (list.len > 0 && count < OFFERED_MAX)
			out[count++] = str_trim(str_cut(&list, ','));
	}
	return count;
}

static void print_words(const struct str *words, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++)
		buf_add_print(out, "%s" STR_FMT, i ? " " : "", STR_ARG(words[i]));
}

bool client_spdy_protocol(struct request *req, const char *const *protocols, const char **out,
			  struct error *err)
{
	struct str offered[OFFERED_MAX], ours[OFFERED_MAX];
	size_t count = read_offered(&req->http->head, offered), own = 0;
	auto_buf theirs = BUF_INIT, accepted = BUF_INIT;

	if (count == 0)
		return error_set(err, ERROR_BAD_REQUEST,
				 "unable to upgrade: " VERSION " is required");
	for (const char *const *at = protocols; *at; at++)
		for (size_t i = 0; i < count; i++)
			if (str_is(offered[i], *at)) {
				*out = *at;
				return true;
			}
	for (const char *const *at = protocols; *at && own < OFFERED_MAX; at++) {
		http_reply_header(req->http, "Accepted-Stream-Protocol-Versions", *at);
		ours[own++] = str_of(*at);
	}
	print_words(offered, count, &theirs);
	print_words(ours, own, &accepted);
	return error_set(err, ERROR_FORBIDDEN,
			 "unable to upgrade: unable to negotiate protocol: client supports [%s], "
			 "server accepts [%s]",
			 buf_text(&theirs), buf_text(&accepted));
}

struct stream *client_spdy_upgrade(struct request *req, const char *protocol)
{
	http_reply_header(req->http, VERSION, protocol);
	return http_upgrade(req->http, "SPDY/3.1");
}

bool client_streams_check(struct request *req, struct error *err)
{
	const char *unused;

	return client_wants_spdy(&req->http->head)
		       ? client_spdy_protocol(req, spdy_protocols, &unused, err)
		       : websocket_check(&req->http->head, websocket_protocols, &unused, err);
}

/* --- streams --- */

static void set_ready(struct client_streams *it)
{
	loop_timer_stop(&it->timer);
	it->ready = true;
	it->plan.on_ready(it->plan.owner);
}

static void on_timer(struct loop_timer *timer)
{
	struct client_streams *it = CONTAINER_OF(timer, struct client_streams, timer);

	if (it->channels)
		set_ready(it);
	else
		it->plan.on_over(it->plan.owner); /* it has not opened them all */
}

static bool find_role(struct str word, enum client_role *out)
{
	static const char *const words[] = { [CLIENT_STDIN] = "stdin",
					     [CLIENT_STDOUT] = "stdout",
					     [CLIENT_STDERR] = "stderr",
					     [CLIENT_ERROR] = "error",
					     [CLIENT_RESIZE] = "resize" };

	for (size_t i = 0; i < CLIENT_ROLES; i++)
		if (str_is(word, words[i])) {
			*out = (enum client_role)i;
			return true;
		}
	return false;
}

/* What was not asked for is refused. */
static void on_stream(void *owner, struct stream *stream, const struct spdy_frame *opened)
{
	struct client_streams *it = owner;
	enum client_role role;

	if (it->ready || !find_role(spdy_header(opened, "streamtype"), &role) ||
	    !(it->plan.wanted & 1u << role) || (it->have & 1u << role)) {
		stream_close(stream);
		return;
	}
	it->streams[role] = stream;
	it->have |= 1u << role;
	if (it->have == it->plan.wanted)
		set_ready(it);
}

static void on_spdy_closed(void *owner, const struct error *why)
{
	struct client_streams *it = owner;

	(void)why;
	it->plan.on_over(it->plan.owner);
}

static void on_channels_closed(void *owner)
{
	struct client_streams *it = owner;

	it->plan.on_over(it->plan.owner);
}

static void open_spdy(struct client_streams *it, struct request *req, const char *protocol)
{
	static const struct spdy_session_events events = { .on_stream = on_stream,
							   .on_closed = on_spdy_closed };
	struct loop *loop = server_loop(req->server);

	it->says_status =
		str_starts(str_of(protocol), STR("v4")) || str_starts(str_of(protocol), STR("v5"));
	it->spdy = spdy_session_new(client_spdy_upgrade(req, protocol), &events, it);
	loop_timer_set(loop, &it->timer, OPENING_MS);
}

static enum channels_form form_of(struct str protocol)
{
	if (str_search(protocol, STR("base64")) >= 0)
		return CHANNELS_BASE64;
	return str_starts(protocol, STR("v5")) ? CHANNELS_BINARY_V5 : CHANNELS_BINARY;
}

/* The real server begins with an empty message on the lowest channel that it writes. */
static enum client_role first_out(unsigned wanted)
{
	return wanted & 1u << CLIENT_STDOUT   ? CLIENT_STDOUT
	       : wanted & 1u << CLIENT_STDERR ? CLIENT_STDERR
					      : CLIENT_ERROR;
}

static bool open_websocket(struct client_streams *it, struct request *req, struct error *err)
{
	struct loop *loop = server_loop(req->server);
	struct websocket_channels_plan plan = { .count = CLIENT_ROLES,
						.on_closed = on_channels_closed,
						.owner = it };
	struct websocket *ws;
	const char *protocol;

	if (!websocket_accept(req->http, websocket_protocols, &ws, &protocol, err))
		return false;
	plan.form = form_of(str_of(protocol));
	it->says_status =
		str_starts(str_of(protocol), STR("v4")) || str_starts(str_of(protocol), STR("v5"));
	it->channels = websocket_channels_new(ws, loop, &plan);
	for (unsigned role = 0; role < CLIENT_ROLES; role++)
		if (it->plan.wanted & 1u << role)
			it->streams[role] = websocket_channels_stream(it->channels, role);
	websocket_channels_greet(it->channels, first_out(it->plan.wanted));
	loop_timer_set(loop, &it->timer, EARLY_MS);
	return true;
}

bool client_streams_open(struct request *req, const struct client_streams_plan *plan,
			 struct client_streams **out, struct error *err)
{
	struct client_streams *it = memory_new(struct client_streams);
	const char *protocol;

	assert(plan->on_ready && plan->on_over);
	it->plan = *plan;
	it->timer.on_timer = on_timer;
	if (client_wants_spdy(&req->http->head)) {
		if (!client_spdy_protocol(req, spdy_protocols, &protocol, err)) {
			free(it);
			return false;
		}
		open_spdy(it, req, protocol);
	} else if (!open_websocket(it, req, err)) {
		free(it);
		return false;
	}
	*out = it;
	return true;
}

struct stream *client_streams_take(struct client_streams *it, enum client_role role)
{
	return take_ptr(&it->streams[role]);
}

bool client_streams_says_status(const struct client_streams *it)
{
	return it->says_status;
}

void client_streams_close(struct client_streams *it)
{
	if (!it)
		return;
	loop_timer_stop(&it->timer);
	spdy_session_close(it->spdy);
	websocket_channels_close(it->channels);
	for (size_t i = 0; i < CLIENT_ROLES; i++)
		stream_close(it->streams[i]);
	free(it);
}
