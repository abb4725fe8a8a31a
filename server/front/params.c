/*
 * params.c - query parameters of the API, checked.
 */
#include <stdint.h>

#include "base/clock.h"
#include "server/front/route.h"

#define MANAGER_MAX 128

struct str params_find(const struct request *req, const char *name)
{
	for (size_t i = req->query_count; i-- > 0;)
		if (str_is(req->query[i].name, name))
			return req->query[i].value;
	return STR_NONE;
}

/* Booleans as clients send them: "true", "True", "1"; also a bare "watch". */
bool params_true(struct str value)
{
	return value.at && !str_is(value, "0") && !str_equal_case(value, STR("false"));
}

static bool read_number(const struct request *req, const char *name, int64_t fallback, int64_t *out,
			struct error *err)
{
	struct str text = params_find(req, name);

	*out = fallback;
	if (text.len == 0 || str_to_i64(text, INT64_MIN, INT64_MAX, out))
		return true;
	return error_set(err, ERROR_BAD_REQUEST,
			 "strconv.ParseInt: parsing \"" STR_FMT "\": invalid syntax",
			 STR_ARG(text));
}

static bool read_numbers(struct request *req, struct error *err)
{
	struct request_params *params = &req->params;
	struct str timeout = params_find(req, "timeout");
	int64_t unused;

	if (!read_number(req, "limit", 0, &params->limit, err) ||
	    !read_number(req, "timeoutSeconds", 0, &params->timeout_s, err) ||
	    !read_number(req, "gracePeriodSeconds", -1, &params->grace_s, err))
		return false;
	if (params->limit < 0)
		params->limit = 0;
	if (timeout.len > 0 && !clock_parse_duration(timeout, &unused))
		return error_set(err, ERROR_BAD_REQUEST,
				 "invalid timeout specified in the request URL");
	return true;
}

static bool read_dry_run(struct request *req, struct error *err)
{
	for (size_t i = 0; i < req->query_count; i++) {
		if (!str_is(req->query[i].name, "dryRun"))
			continue;
		if (!str_is(req->query[i].value, "All"))
			return error_set(err, ERROR_INVALID,
					 "dryRun: Unsupported value: \"" STR_FMT
					 "\": supported values: \"All\"",
					 STR_ARG(req->query[i].value));
		req->params.dry_run = true;
	}
	return true;
}

static bool read_field_validation(struct request *req, struct error *err)
{
	struct str text = params_find(req, "fieldValidation");

	req->params.field_validation = VALIDATION_WARN;
	if (str_is(text, "Strict"))
		req->params.field_validation = VALIDATION_STRICT;
	else if (str_is(text, "Ignore"))
		req->params.field_validation = VALIDATION_IGNORE;
	else if (text.len > 0 && !str_is(text, "Warn"))
		return error_set(err, ERROR_INVALID,
				 "fieldValidation: Unsupported value: \"" STR_FMT
				 "\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"",
				 STR_ARG(text));
	return true;
}

static bool read_manager(struct request *req, struct error *err)
{
	struct str text = params_find(req, "fieldManager");

	if (text.len > MANAGER_MAX)
		return error_set(err, ERROR_INVALID,
				 "fieldManager: Too long: may not be more than %d bytes",
				 MANAGER_MAX);
	req->params.field_manager = text;
	return true;
}

bool params_parse(struct request *req, struct error *err)
{
	struct request_params *params = &req->params;
	struct str initial, orphan;

	if (!http_parse_query(req->http->query, req->arena, &req->query, &req->query_count, err))
		return false;
	initial = params_find(req, "sendInitialEvents");
	orphan = params_find(req, "orphanDependents");
	params->label_selector = params_find(req, "labelSelector");
	params->field_selector = params_find(req, "fieldSelector");
	params->continue_token = params_find(req, "continue");
	params->resource_version = params_find(req, "resourceVersion");
	params->resource_version_match = params_find(req, "resourceVersionMatch");
	params->watch = params_true(params_find(req, "watch"));
	params->bookmarks = params_true(params_find(req, "allowWatchBookmarks"));
	params->has_send_initial_events = initial.at != NULL;
	params->send_initial_events = params_true(initial);
	params->propagation_policy = params_find(req, "propagationPolicy");
	params->has_orphan_dependents = orphan.at != NULL;
	params->orphan_dependents = params_true(orphan);
	params->pretty = params_true(params_find(req, "pretty"));
	params->include_object = params_find(req, "includeObject");
	return read_numbers(req, err) && read_dry_run(req, err) &&
	       read_field_validation(req, err) && read_manager(req, err);
}
