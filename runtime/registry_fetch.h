/*
 * registry_fetch.h - HTTP for a thread that may block: one exchange at a time, connections kept.
 *
 * A fetcher has its own event loop and resolves names on its own thread, so that a servant thread
 * can use one without touching anything shared.  It knows nothing of images: redirects, logins and
 * digests are its caller's (registry_session.c).
 *
 * Owner: one thread.
 */
#ifndef RUNTIME_REGISTRY_FETCH_H
#define RUNTIME_REGISTRY_FETCH_H

#include "net/http.h"
#include "net/tls.h"
#include "runtime/registry_reach.h"
#include "runtime/registry_url.h"

struct registry_fetcher;
/* timeout_ms: for the head of a reply, for each silence in a streamed body, and for the whole of
 * a body that is collected.  total_ms: from now on for everything together. */
MUST_CHECK bool registry_fetcher_open(int timeout_ms, int64_t total_ms,
				      struct registry_fetcher **out, struct error *err);
void registry_fetcher_close(struct registry_fetcher *fetcher); /* NULL is fine */
/* Sleep, but not beyond the total time; false when that is over. */
MUST_CHECK bool registry_fetcher_sleep(struct registry_fetcher *fetcher, int ms, struct error *err);

/* Where the body of a 200 or 206 goes when it is not collected.  on_start hears the head first.
 * False ends the exchange with that error. */
struct registry_sink {
	bool (*on_start)(void *of, const struct http_head *head, struct error *err);
	bool (*on_piece)(void *of, struct str piece, struct error *err);
	void *of;
};

struct registry_ask {
	const char *method;
	const struct registry_url *url;
	struct tls_config *trust;  /* for https; borrowed for the exchange */
	enum registry_reach reach; /* where its host may be; elsewhere: ERROR_BROKEN */
	const struct http_header *headers;
	size_t header_count;
	struct str body;
	size_t body_max;                  /* of collected 2xx replies; other bodies are cut */
	const struct registry_sink *sink; /* NULL: collect */
};

struct registry_reply {
	struct arena *arena; /* the head's texts */
	struct http_head head;
	struct buf body; /* what was collected */
};
void registry_reply_clear(struct registry_reply *reply);
#define auto_registry_reply __attribute__((cleanup(registry_reply_clear))) struct registry_reply

/* True for every whole reply, whatever its status.  *out must be zeroed; it is filled on success.
 * Failures of the network, of TLS and of waiting are ERROR_UNAVAILABLE or ERROR_TIMEOUT. */
MUST_CHECK bool registry_fetch(struct registry_fetcher *fetcher, const struct registry_ask *ask,
			       struct registry_reply *out, struct error *err);

#endif
