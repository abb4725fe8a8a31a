/*
 * refuse.c - the Status and its code.
 */
#include "agent/refuse.h"

#include "api/status.h"

void refuse(struct http_request *req, const struct error *why)
{
	struct status_about about = { 0 };
	auto_buf body = BUF_INIT;
	int code = status_print(why, &about, &body);

	http_reply(req, code, "application/json", buf_str(&body));
}
