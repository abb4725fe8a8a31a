/*
 * apiservice_check.h - the condition Available of an APIService: what the objects say of it, before
 * its server is asked, and how the condition is written.
 *
 * Pure.
 */
#ifndef SERVER_CONTROL_APISERVICE_CHECK_H
#define SERVER_CONTROL_APISERVICE_CHECK_H

#include "base/json.h"

struct apiservice_verdict {
	bool available;
	const char *reason;
	struct buf message; /* the caller clears it */
};

/* `service`: of the spec; `object` and `endpoints`: those of its name, NULL when there are none.
 * False: it cannot be available, *out says why.  True: its server is to be asked. */
bool apiservice_check(const struct json *service, const struct json *object,
		      const struct json *endpoints, struct apiservice_verdict *out);
/* In the words for what is always available. */
void apiservice_is_local(struct apiservice_verdict *out);
/* status.conditions with the verdict among them, in `doc`; NULL: they say it already. */
struct json *apiservice_conditions(const struct json *status,
				   const struct apiservice_verdict *verdict, struct json_doc *doc);

#endif
