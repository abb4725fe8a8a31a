/*
 * refuse.h - a request of this node's services is answered with a Status that says why not.
 *
 * Loop thread only.
 */
#ifndef AGENT_REFUSE_H
#define AGENT_REFUSE_H

#include "net/http_server.h"

void refuse(struct http_request *req, const struct error *why);

#endif
