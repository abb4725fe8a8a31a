/*
 * authenticate.h - who asks: a transport's own identity, a client certificate, a bearer token, or
 * nobody.
 */
#ifndef SERVER_GATE_AUTHENTICATE_H
#define SERVER_GATE_AUTHENTICATE_H

#include "server/road.h"

/* Who stands at the other end of a connection, for all of its requests.  Set as the identity of
 * http_serve. */
struct identity {
	char *name;         /* NULL = see the certificate and the headers */
	char **groups;      /* NULL-terminated */
	struct stream *tls; /* where a peer certificate may be found, or NULL */
	bool from_listener; /* holds one of the listener's places */
};
struct identity *identity_new(const char *name, const char *const *groups, size_t count);
void identity_free(struct identity *identity); /* NULL is fine */

enum step authenticate_pass(struct request *req, struct error *err);
bool user_in_group(const struct user *user, const char *group);

#endif
