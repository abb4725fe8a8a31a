/*
 * registry_fetch.c - blocking HTTP: an event loop that is run until one exchange is over.
 *
 * An origin is one scheme, host, port and trust with its kept connections; a few are remembered.
 * Names are resolved here and not by net/socket_lookup.h: that one counts its threads in the main
 * loop's thread and may report into a loop that is gone.  Waiting is bounded by a timer of our
 * own, which ends the dial and the call together.
 */
#include "runtime/registry_fetch.h"

#include <assert.h>
#include <netdb.h>
#include <stdio.h>

#include "base/clock.h"
#include "net/http_client.h"
#include "net/socket.h"
#include "net/socket_lookup.h"

enum {
	ORIGINS_MAX = 8,
	ADDRESSES_MAX = 8,
	REFUSAL_MAX = 8192 /* bytes kept of a body that tells an error */
};

struct origin {
	struct registry_fetcher *fetcher;
	struct http_client *client; /* NULL: the slot is free */
	struct tls_config *trust;
	enum registry_reach reach;
	bool secure;
	char authority[264];
	char *host; /* without brackets and port */
	unsigned port;
	uint64_t used;
	char addresses[ADDRESSES_MAX][64];
	size_t count, next;
	struct socket_dial *dial; /* in progress, with whom to tell */
	void (*on_done)(void *call, struct stream *stream, const struct error *err);
	void *call;
};

struct registry_fetcher {
	struct loop *loop;
	int timeout_ms;
	int64_t end_ms;
	uint64_t used;
	struct origin origins[ORIGINS_MAX];
};

/* One exchange. */
struct fetch {
	struct registry_fetcher *fetcher;
	const struct registry_ask *ask;
	struct registry_reply *reply;
	struct origin *origin;
	struct http_call *call; /* NULL once it is over */
	struct loop_timer timer;
	bool streams;
	bool done;
	bool failed;
	struct error why;
};

/* --- origins and dialling --- */

static void dial_next(struct origin *origin);

static void on_dialled(void *of, struct stream *stream, const struct error *err)
{
	struct origin *origin = of;

	origin->dial = NULL;
	if (!stream && origin->next < origin->count) {
		dial_next(origin);
		return;
	}
	if (!stream)
		origin->count = 0; /* the next try resolves again */
	if (stream && origin->trust)
		stream = tls_connect(stream, origin->trust, origin->host);
	origin->on_done(origin->call, stream, err);
}

static void dial_next(struct origin *origin)
{
	size_t left = origin->count - origin->next;
	const char *address = origin->addresses[origin->next++];
	int wait_ms = origin->fetcher->timeout_ms / (int)left + 1;

	origin->dial = socket_dial(origin->fetcher->loop, str_of(address), origin->port, wait_ms,
				   on_dialled, origin);
}

static void dial(void *of,
		 void (*on_done)(void *call, struct stream *stream, const struct error *err),
		 void *call)
{
	struct origin *origin = of;
	struct error err;

	assert(!origin->dial);
	if (origin->count == 0) {
		error_set(&err, ERROR_UNAVAILABLE, "the connection was lost");
		on_done(call, NULL, &err);
		return;
	}
	origin->on_done = on_done;
	origin->call = call;
	origin->next = 0;
	dial_next(origin);
}

static void dial_stop(struct origin *origin)
{
	struct error err;

	if (!origin->dial)
		return;
	socket_dial_cancel(origin->dial);
	origin->dial = NULL;
	error_set(&err, ERROR_UNAVAILABLE, "the client is closing");
	origin->on_done(origin->call, NULL, &err);
}

static void origin_clear(struct origin *origin)
{
	if (!origin->client)
		return;
	dial_stop(origin);
	http_client_free(origin->client);
	tls_config_unref(origin->trust);
	free(origin->host);
	*origin = (struct origin){ 0 };
}

/* Of a name's addresses those that may be called; the last other one is told. */
static void take_addresses(struct origin *origin, const struct addrinfo *list, char forbidden[64])
{
	origin->count = 0;
	for (const struct addrinfo *at = list; at && origin->count < ADDRESSES_MAX;
	     at = at->ai_next) {
		struct socket_address address = { .len = at->ai_addrlen };
		bool may;

		if (at->ai_family != AF_INET && at->ai_family != AF_INET6)
			continue;
		memcpy(&address.at, at->ai_addr, at->ai_addrlen);
		may = registry_reach_allows(origin->reach, &address);
		socket_lookup_print(&address, may ? origin->addresses[origin->count] : forbidden,
				    64);
		origin->count += may;
	}
}

static bool resolve(struct origin *origin, struct error *err)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	char forbidden[64] = "";
	int failed = getaddrinfo(origin->host, NULL, &hints, &list);

	if (failed)
		return error_set(err, ERROR_UNAVAILABLE, "the name \"%s\" cannot be resolved: %s",
				 origin->host, gai_strerror(failed));
	take_addresses(origin, list, forbidden);
	freeaddrinfo(list);
	if (origin->count > 0)
		return true;
	if (*forbidden)
		return error_set(err, ERROR_BROKEN,
				 "%s is at %s, which is this machine or belongs to it; it is not "
				 "called, as registries.yaml does not name it",
				 origin->authority, forbidden);
	return error_set(err, ERROR_UNAVAILABLE, "the name \"%s\" has no address", origin->host);
}

static void origin_fill(struct origin *origin, struct registry_fetcher *fetcher,
			const struct registry_ask *ask)
{
	struct str host;

	/* registry_url_parse has let only such authorities through. */
	if (!socket_split(str_of(ask->url->authority), ask->url->secure ? 443 : 80, &host,
			  &origin->port))
		abort();
	origin->fetcher = fetcher;
	origin->secure = ask->url->secure;
	origin->reach = ask->reach;
	origin->host = str_copy(host);
	snprintf(origin->authority, sizeof(origin->authority), "%s", ask->url->authority);
	origin->trust = ask->url->secure ? tls_config_ref(ask->trust) : NULL;
	origin->client = http_client_new(fetcher->loop, dial, origin, ask->url->authority);
}

static bool origin_for(struct registry_fetcher *fetcher, const struct registry_ask *ask,
		       struct origin **out, struct error *err)
{
	struct tls_config *trust = ask->url->secure ? ask->trust : NULL;
	struct origin *oldest = &fetcher->origins[0];
	struct origin *found = NULL;

	for (size_t i = 0; i < ORIGINS_MAX && !found; i++) {
		struct origin *at = &fetcher->origins[i];

		if (at->client && at->secure == ask->url->secure && at->trust == trust &&
		    at->reach == ask->reach && strcmp(at->authority, ask->url->authority) == 0)
			found = at;
		else if (at->used < oldest->used)
			oldest = at;
	}
	if (!found) {
		found = oldest;
		origin_clear(found);
		origin_fill(found, fetcher, ask);
	}
	found->used = ++fetcher->used;
	if (found->count == 0 && !resolve(found, err))
		return false;
	*out = found;
	return true;
}

/* --- one exchange --- */

static void arm(struct fetch *fetch)
{
	struct registry_fetcher *fetcher = fetch->fetcher;
	int64_t left_ms = fetcher->end_ms - clock_now_ms();
	int64_t wait_ms = fetcher->timeout_ms;

	if (wait_ms > left_ms)
		wait_ms = left_ms > 0 ? left_ms : 0;
	loop_timer_set(fetcher->loop, &fetch->timer, wait_ms);
}

/* Ends the exchange from inside: `why` NULL is success. */
static void finish(struct fetch *fetch, const struct error *why)
{
	assert(!fetch->done);
	fetch->done = true;
	fetch->failed = why != NULL;
	if (why)
		fetch->why = *why;
}

static void stop_call(struct fetch *fetch)
{
	struct http_call *call = fetch->call;

	fetch->call = NULL;
	if (call)
		http_call_cancel(call);
	dial_stop(fetch->origin);
}

static void on_timer(struct loop_timer *timer)
{
	struct fetch *fetch = CONTAINER_OF(timer, struct fetch, timer);
	struct error err;

	stop_call(fetch);
	if (clock_now_ms() >= fetch->fetcher->end_ms)
		error_set(&err, ERROR_TIMEOUT, "the time for the whole pull is over");
	else
		error_set(&err, ERROR_TIMEOUT, "%s sent nothing for %d ms",
			  fetch->origin->authority, fetch->fetcher->timeout_ms);
	finish(fetch, &err);
}

static void copy_head(struct registry_reply *reply, const struct http_head *head)
{
	struct arena *arena = arena_new();

	reply->arena = arena;
	reply->head = *head;
	reply->head.method = reply->head.target = STR_NONE;
	reply->head.headers = arena_get(arena, (head->header_count + 1) * sizeof(*head->headers));
	for (size_t i = 0; i < head->header_count; i++) {
		struct http_header from = head->headers[i];

		reply->head.headers[i].name =
			str_from(str_copy_arena(from.name, arena), from.name.len);
		reply->head.headers[i].value =
			str_from(str_copy_arena(from.value, arena), from.value.len);
	}
}

/* A refused head ends the call by the return value; it must not be cancelled as well. */
static bool on_head(void *of, const struct http_head *head)
{
	struct fetch *fetch = of;
	const struct registry_ask *ask = fetch->ask;
	bool fine = head->status == 200 || head->status == 206;
	struct error err;

	copy_head(fetch->reply, head);
	if (head->status >= 300 && head->status < 400) { /* its body tells nothing */
		fetch->call = NULL;
		finish(fetch, NULL);
		return false;
	}
	if (fine && !ask->sink && head->has_length && head->length > ask->body_max) {
		fetch->call = NULL;
		error_set(&err, ERROR_TOO_LARGE, "the reply is larger than %zu bytes",
			  ask->body_max);
		finish(fetch, &err);
		return false;
	}
	if (fine && ask->sink && !ask->sink->on_start(ask->sink->of, head, &err)) {
		fetch->call = NULL;
		finish(fetch, &err);
		return false;
	}
	fetch->streams = fine && ask->sink;
	arm(fetch);
	return true;
}

static void on_body(void *of, struct str piece)
{
	struct fetch *fetch = of;
	const struct registry_ask *ask = fetch->ask;
	struct buf *body = &fetch->reply->body;
	bool fine = fetch->reply->head.status >= 200 && fetch->reply->head.status < 300;
	size_t max = fine ? ask->body_max : REFUSAL_MAX;
	struct error err;

	if (fetch->streams) {
		if (ask->sink->on_piece(ask->sink->of, piece, &err)) {
			arm(fetch);
			return;
		}
		stop_call(fetch);
		finish(fetch, &err);
		return;
	}
	if (piece.len <= max - body->len) {
		buf_add_str(body, piece);
		return;
	}
	buf_add_str(body, str_from(piece.at, max - body->len));
	stop_call(fetch);
	error_set(&err, ERROR_TOO_LARGE, "the reply is larger than %zu bytes", max);
	finish(fetch, fine ? &err : NULL);
}

static void on_end(void *of, const struct error *err)
{
	struct fetch *fetch = of;

	fetch->call = NULL;
	finish(fetch, err);
}

bool registry_fetch(struct registry_fetcher *fetcher, const struct registry_ask *ask,
		    struct registry_reply *out, struct error *err)
{
	struct fetch fetch = { .fetcher = fetcher, .ask = ask, .timer.on_timer = on_timer };
	auto_registry_reply reply = { 0 };
	struct http_ask call = { .method = ask->method,
				 .target = buf_text(&ask->url->target),
				 .headers = ask->headers,
				 .header_count = ask->header_count,
				 .body = ask->body,
				 .on_head = on_head,
				 .on_body = on_body,
				 .on_end = on_end,
				 .of = &fetch };
	struct http_call *started;

	assert(!ask->url->secure || ask->trust);
	if (clock_now_ms() >= fetcher->end_ms)
		return error_set(err, ERROR_TIMEOUT, "the time for the whole pull is over");
	if (!origin_for(fetcher, ask, &fetch.origin, err))
		return false;
	fetch.reply = &reply;
	arm(&fetch);
	started = http_call(fetch.origin->client, &call);
	if (!fetch.done)
		fetch.call = started;
	while (!fetch.done)
		loop_once(fetcher->loop, -1);
	loop_timer_stop(&fetch.timer);
	if (fetch.failed) {
		*err = fetch.why;
		return false;
	}
	*out = reply;
	reply = (struct registry_reply){ 0 };
	return true;
}

void registry_reply_clear(struct registry_reply *reply)
{
	arena_free(reply->arena);
	buf_clear(&reply->body);
	*reply = (struct registry_reply){ 0 };
}

/* --- the fetcher --- */

bool registry_fetcher_open(int timeout_ms, int64_t total_ms, struct registry_fetcher **out,
			   struct error *err)
{
	struct loop *loop;
	struct registry_fetcher *made;

	assert(timeout_ms > 0);
	assert(total_ms > 0);
	if (!loop_open(&loop, err))
		return false;
	made = memory_new(struct registry_fetcher);
	made->loop = loop;
	made->timeout_ms = timeout_ms;
	made->end_ms = clock_now_ms() + total_ms;
	*out = made;
	return true;
}

void registry_fetcher_close(struct registry_fetcher *fetcher)
{
	if (!fetcher)
		return;
	for (size_t i = 0; i < ORIGINS_MAX; i++)
		origin_clear(&fetcher->origins[i]);
	loop_close(fetcher->loop);
	free(fetcher);
}

static void on_slept(struct loop_timer *timer)
{
	timer->on_timer = NULL;
}

bool registry_fetcher_sleep(struct registry_fetcher *fetcher, int ms, struct error *err)
{
	struct loop_timer timer = { .on_timer = on_slept };

	if (clock_now_ms() + ms >= fetcher->end_ms)
		return error_set(err, ERROR_TIMEOUT, "the time for the whole pull is over");
	loop_timer_set(fetcher->loop, &timer, ms);
	while (timer.on_timer)
		loop_once(fetcher->loop, -1);
	return true;
}
