/*
 * client.h - how any part talks to the API: one call a verb, through whatever transport it was
 * given.
 *
 * A failure's Status becomes a struct error of the right kind.  Loop thread only.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "api/kind.h"
#include "api/object.h"
#include "net/http_client.h"

struct client;

/* Takes the http_client over.  label: what the logs call it. */
struct client *client_new(struct loop *loop, struct http_client *http);
void client_free(struct client *client); /* running calls are told first; NULL is fine */
struct loop *client_loop(const struct client *client);

enum client_verb {
	CLIENT_GET,
	CLIENT_CREATE, /* POST to the collection, or to a subresource when a name is given */
	CLIENT_UPDATE,
	CLIENT_PATCH_MERGE,
	CLIENT_PATCH_STRATEGIC,
	CLIENT_DELETE,
	CLIENT_DELETE_COLLECTION,
	CLIENT_LIST,
};

struct client_ask {
	enum client_verb verb;
	const struct kind *kind;
	struct str namespace, name;
	const char *subresource; /* NULL or "" = the object itself */
	const char *query;       /* without '?'; NULL = none */
	struct str body;         /* JSON; copied */
	/* Exactly once.  result is borrowed, NULL on failure; err is NULL on success.  May be NULL.
	 */
	void (*on_done)(void *of, const struct json *result, const struct error *err);
	void *of;
};
struct client_call;
/* The handle is valid until on_done. */
struct client_call *client_call(struct client *client, const struct client_ask *ask);
void client_cancel(struct client_call *call); /* on_done is not called any more */

/* "/apis/apps/v1/namespaces/default/deployments/web/status" */
void client_path(const struct kind *kind, struct str namespace, struct str name,
		 const char *subresource, struct buf *out);
struct http_client *client_http(const struct client *client);

#endif
