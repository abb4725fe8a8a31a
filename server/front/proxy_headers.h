/*
 * proxy_headers.h - which headers of a request another server gets to see, and what is added.
 *
 * Left out is what is of one hop only, what the client told about itself (Authorization,
 * Impersonate-*), and everything called X-Remote-*, in whatever spelling a server could take for
 * it: who asks is told to other API servers by such headers, and by this server alone.
 */
#ifndef SERVER_FRONT_PROXY_HEADERS_H
#define SERVER_FRONT_PROXY_HEADERS_H

#include "server/request.h"

/* Of one hop only (RFC 9110, 7.6.1), or the writer's own: in requests and in answers. */
bool proxy_is_of_hop(const struct http_head *head, struct str name);
/* For the request as it is sent on, in its arena.  `as`: X-Remote-User, X-Remote-Group and
 * X-Remote-Extra-* say that it is this user; NULL: nobody is told.  ERROR_BAD_REQUEST: a user whose
 * names would be read as somebody else's. */
MUST_CHECK bool proxy_headers(struct request *req, const struct user *as, struct http_header **out,
			      size_t *out_count, struct error *err);

#endif
