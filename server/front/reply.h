/*
 * reply.h - the last stop: answers printed in the negotiated form.  Each ends the request.
 */
#ifndef SERVER_FRONT_REPLY_H
#define SERVER_FRONT_REPLY_H

#include "server/request.h"

/* One object, in the form that was asked for (JSON, YAML, protobuf, a one-row table, partial
 * metadata). */
void reply_object(struct request *req, int status, const struct object *object);
/* Any JSON document of a kind that has no row in kind_list (Status, Scale, TokenReview ...).  type
 * may be NULL. */
void reply_json(struct request *req, int status, const struct json *value, const char *type_name);
/* Ready text of any type; gzip when it is large and the client takes that. */
void reply_text(struct request *req, int status, const char *content_type, struct str text);
/* The same for a text (200) that others ask for, too: one compression serves all.  key: of this
 * very text, such as its ETag. */
void reply_keyed(struct request *req, const char *content_type, struct str text, const char *key);
/* The bytes as they are. */
void reply_bytes(struct request *req, int status, const char *content_type, struct str bytes);
/* Bytes that stay, with a Cache-Control of their own (NULL = the usual one).  drop(keep) is called
 * when they are sent; NULL = constant bytes. */
void reply_ready(struct request *req, int status, const char *content_type, const char *cache,
		 struct str bytes, void *keep, void (*drop)(void *keep));
/* A Status for an error; about may be NULL (kind and name of the request are used). */
void reply_error(struct request *req, const struct error *err, const struct status_about *about);
/* A list made of objects; see registry/list.c for who calls it.  Takes the pieces as they are. */
struct reply_list {
	const struct kind *kind;
	uint64_t revision; /* 0 = made for this answer alone */
	const char *continue_token; /* NULL = last page */
	int64_t remaining;          /* -1 = not told */
	const struct object *const *objects;
	size_t count;
};
void reply_list(struct request *req, const struct reply_list *list);
/* Headers that every answer gets (Audit-Id, Cache-Control, Warning). */
void reply_headers(struct request *req);

#endif
