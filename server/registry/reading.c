/*
 * reading.c - the table of resourceVersion and resourceVersionMatch, continue tokens, and waiting
 * for revisions to come.
 *
 * A token is base64url of "<revision> <remaining> <last key>": the page behind it shows the state
 * of that revision, however much has changed since.
 */
#include "server/registry/reading.h"

#include <inttypes.h>

#include "base/limits.h"
#include "datastore/datastore.h"
#include "server/registry/registry_inside.h"

#define FUTURE_MS 3000

/* --- what is refused --- */

static void forbid(struct field_errors *errors, const char *field, const char *why)
{
	field_errors_add(errors, FIELD_FORBIDDEN, field, NULL, why);
}

static void check_known(const struct request *req, const char *supported,
			struct field_errors *errors)
{
	const char *shown = arena_print(errors->arena, "\"" STR_FMT "\"",
					STR_ARG(req->params.resource_version_match));

	field_errors_add(errors, FIELD_NOT_SUPPORTED, "resourceVersionMatch", shown, supported);
}

static void check_list(const struct request *req, struct field_errors *errors)
{
	const struct request_params *params = &req->params;
	struct str match = params->resource_version_match;
	bool exact = str_is(match, "Exact");

	if (match.len > 0 && params->resource_version.len == 0)
		forbid(errors, "resourceVersionMatch",
		       "resourceVersionMatch is forbidden unless resourceVersion is provided");
	if (match.len > 0 && params->continue_token.len > 0)
		forbid(errors, "resourceVersionMatch",
		       "resourceVersionMatch is forbidden when continue is provided");
	if (match.len > 0 && !exact && !str_is(match, "NotOlderThan"))
		check_known(req, "supported values: \"Exact\", \"NotOlderThan\", \"\"", errors);
	if (exact && str_is(params->resource_version, "0"))
		forbid(errors, "resourceVersionMatch",
		       "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
	if (params->has_send_initial_events)
		forbid(errors, "sendInitialEvents", "sendInitialEvents is forbidden for list");
}

static void check_watch(const struct request *req, struct field_errors *errors)
{
	const struct request_params *params = &req->params;
	struct str match = params->resource_version_match;
	bool known = str_is(match, "NotOlderThan");

	if (params->has_send_initial_events && !known)
		forbid(errors, "resourceVersionMatch",
		       "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
	if (match.len == 0)
		return;
	if (!params->has_send_initial_events)
		forbid(errors, "resourceVersionMatch",
		       "resourceVersionMatch is forbidden for watch unless sendInitialEvents is "
		       "provided");
	if (!known)
		check_known(req, "supported values: \"NotOlderThan\"", errors);
	if (params->continue_token.len > 0)
		forbid(errors, "resourceVersionMatch",
		       "resourceVersionMatch is forbidden when continue is provided");
}

void reading_check(const struct request *req, bool watch, struct field_errors *errors)
{
	if (watch)
		check_watch(req, errors);
	else
		check_list(req, errors);
}

/* --- numbers --- */

/* 0 when it is not given. */
static bool read_revision(const struct request *req, enum error_kind kind, uint64_t *out,
			  struct error *err)
{
	struct str text = req->params.resource_version;
	bool digits = text.len > 0;

	*out = 0;
	if (text.len == 0 || str_to_u64(text, UINT64_MAX, out))
		return true;
	for (size_t i = 0; i < text.len; i++)
		digits = digits && text.at[i] >= '0' && text.at[i] <= '9';
	return error_set(err, kind,
			 "resourceVersion: Invalid value: \"" STR_FMT
			 "\": strconv.ParseUint: parsing \"" STR_FMT "\": %s",
			 STR_ARG(text), STR_ARG(text),
			 digits ? "value out of range" : "invalid syntax");
}

/* --- continue tokens --- */

const char *reading_token(const struct request *req, uint64_t revision, int64_t remaining,
			  struct str last_key)
{
	auto_buf plain = BUF_INIT;
	auto_buf token = BUF_INIT;

	buf_add_print(&plain, "%" PRIu64 " %" PRId64 " ", revision, remaining);
	buf_add_str(&plain, last_key);
	buf_add_base64url(&token, buf_str(&plain));
	return arena_string(req->arena, token.at, token.len);
}

static bool refuse_token(struct error *err, const char *why)
{
	return error_set(err, ERROR_BAD_REQUEST,
			 "invalid continue token: continue key is not valid: %s", why);
}

static bool read_token(const struct request *req, struct str prefix, struct reading *out,
		       struct error *err)
{
	struct str token = req->params.continue_token, rest;
	auto_buf plain = BUF_INIT;

	if (req->params.resource_version.len > 0 && !str_is(req->params.resource_version, "0"))
		return error_set(err, ERROR_BAD_REQUEST,
				 "specifying resource version is not allowed when using continue");
	if (token.len > LIMIT_CONTINUE_TOKEN)
		return refuse_token(err, "it is too long");
	if (!buf_add_base64url_decoded(&plain, token))
		return refuse_token(err, "it is not base64url");
	rest = buf_str(&plain);
	if (!str_to_u64(str_cut(&rest, ' '), UINT64_MAX, &out->exact) ||
	    !str_to_i64(str_cut(&rest, ' '), -1, INT64_MAX, &out->remaining))
		return refuse_token(err, "incorrect encoded start resourceVersion");
	if (!str_starts(rest, prefix))
		return refuse_token(err, "it is of another list");
	out->after = str_from(arena_string(req->arena, rest.at, rest.len), rest.len);
	return true;
}

/* --- what is asked for --- */

bool reading_of_get(const struct request *req, struct reading *out, struct error *err)
{
	*out = (struct reading){ .remaining = -1 };
	return read_revision(req, ERROR_BROKEN, &out->at_least, err);
}

bool reading_of_list(const struct request *req, struct str prefix, struct reading *out,
		     struct error *err)
{
	const struct request_params *params = &req->params;

	*out = (struct reading){ .remaining = -1 };
	if (params->continue_token.len > 0) {
		if (!read_token(req, prefix, out, err))
			return false;
		out->at_least = out->exact;
		return true;
	}
	if (!read_revision(req, ERROR_BROKEN, &out->at_least, err))
		return false;
	/* A limit without a word on the match means this very revision: the first paging clients
	 * were promised that. */
	if (str_is(params->resource_version_match, "Exact") ||
	    (params->resource_version_match.len == 0 && params->limit > 0))
		out->exact = out->at_least;
	return true;
}

bool reading_of_watch(const struct request *req, struct reading *out, struct error *err)
{
	const struct request_params *params = &req->params;

	*out = (struct reading){ .remaining = -1 };
	if (!read_revision(req, ERROR_INVALID, &out->at_least, err))
		return false;
	out->initial =
		params->has_send_initial_events ? params->send_initial_events : out->at_least == 0;
	out->from_now = !out->initial && out->at_least == 0;
	return true;
}

/* --- waiting --- */

struct waiting {
	struct list link;
	struct datastore *store;
	struct datastore_listener listener;
	struct loop_timer timer;
	struct request *req;
	uint64_t revision;
	bool late;
};

/* Few at a time: each has a place of gate/share. */
static struct list all_waiting = LIST_INIT(all_waiting);

static void walk_on(struct waiting *waiting)
{
	datastore_unlisten(&waiting->listener);
	loop_timer_stop(&waiting->timer);
	list_remove(&waiting->link);
	road_walk(waiting->req);
}

static void on_batch(struct datastore_listener *listener)
{
	struct waiting *waiting = CONTAINER_OF(listener, struct waiting, listener);

	/* Not from inside the publication. */
	if (datastore_revision(waiting->store) >= waiting->revision)
		loop_timer_set(waiting->timer.loop, &waiting->timer, 0);
}

static void on_change(struct datastore_listener *listener, const struct change *change)
{
	(void)listener;
	(void)change;
}

static void on_late(struct loop_timer *timer)
{
	struct waiting *waiting = CONTAINER_OF(timer, struct waiting, timer);

	waiting->late = true;
	walk_on(waiting);
}

enum step reading_wait(struct request *req, struct datastore *store, uint64_t revision,
		       struct error *err)
{
	struct waiting *waiting = req->work;

	if (revision <= datastore_revision(store)) {
		req->work = NULL;
		return STEP_NEXT;
	}
	if (waiting && waiting->late) {
		req->work = NULL;
		status_too_large_revision(err, revision, datastore_revision(store));
		return STEP_FAIL;
	}
	waiting = arena_zero(req->arena, sizeof(*waiting));
	waiting->store = store;
	waiting->req = req;
	waiting->revision = revision;
	waiting->listener.on_change = on_change;
	waiting->listener.on_batch = on_batch;
	waiting->timer.on_timer = on_late;
	req->work = waiting;
	list_add(&all_waiting, &waiting->link);
	datastore_listen(store, &waiting->listener);
	loop_timer_set(server_loop(req->server), &waiting->timer, FUTURE_MS);
	return STEP_WAIT;
}

void reading_stop(void)
{
	LIST_EACH_SAFE(&all_waiting, link)
	{
		struct waiting *waiting = LIST_OWNER(link, struct waiting, link);

		waiting->late = true;
		walk_on(waiting);
	}
}
