/*
 * authorize.h - may this user do that?  One decision a request, from one table of rules.
 */
#ifndef SERVER_GATE_AUTHORIZE_H
#define SERVER_GATE_AUTHORIZE_H

#include "server/road.h"

/* What is asked, free of any request: also used by the access reviews. */
struct attributes {
	const struct user *user;
	struct str verb; /* "get", "list", "create" ...; for paths the lower-case method */
	struct str group, resource, subresource, namespace, name;
	struct str node; /* of lists and watches: the pods of this node alone; or STR_NONE */
	struct str path; /* non-resource requests; STR_NONE otherwise */
};

bool authorize_check(struct server *server, const struct attributes *asked);
/* The same; `why` is told what allows it, or what is missing, where there is something to say. */
bool authorize_explain(struct server *server, const struct attributes *asked, struct buf *why);
/* The real server's refusal of what was asked; `why` may be empty.  Gives false. */
bool authorize_refuse(const struct attributes *asked, struct str why, struct error *err);
enum step authorize_pass(struct request *req, struct error *err);
/* The API's word for a request's verb. */
const char *authorize_verb(const struct request *req);

#endif
