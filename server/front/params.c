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

static void read_dry_run(struct request *req)
{
	for (size_t i = 0; i < req->query_count; i++)
		if (str_is(req->query[i].name, "dryRun"))
			req->params.dry_run = true;
}

static void read_field_validation(struct request *req)
{
	struct str text = params_find(req, "fieldValidation");

	req->params.field_validation = VALIDATION_WARN;
	if (str_is(text, "Strict"))
		req->params.field_validation = VALIDATION_STRICT;
	else if (str_is(text, "Ignore"))
		req->params.field_validation = VALIDATION_IGNORE;
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
	params->field_manager = params_find(req, "fieldManager");
	read_dry_run(req);
	read_field_validation(req);
	return read_numbers(req, err);
}

/* --- the options of a write, once it is known which one it is --- */

/* Only their names are used: in the Status of a refusal. */
static const struct kind create_options = { .group = "meta.k8s.io", .name = "CreateOptions" },
			 update_options = { .group = "meta.k8s.io", .name = "UpdateOptions" },
			 patch_options = { .group = "meta.k8s.io", .name = "PatchOptions" };

static void check_dry_run(struct request *req, struct field_errors *errors)
{
	auto_buf all = BUF_INIT;
	bool good = true;

	for (size_t i = 0; i < req->query_count; i++) {
		if (!str_is(req->query[i].name, "dryRun"))
			continue;
		good = good && str_is(req->query[i].value, "All");
		buf_add_print(&all, "%s\"" STR_FMT "\"", all.len ? ", " : "",
			      STR_ARG(req->query[i].value));
	}
	if (!good)
		field_errors_add(errors, FIELD_NOT_SUPPORTED, "dryRun",
				 field_path(errors, "[]string{%s}", buf_text(&all)),
				 "supported values: \"All\"");
}

static void check_manager(struct request *req, struct field_errors *errors)
{
	struct str name = req->params.field_manager;
	bool printable = str_is_utf8(name);

	for (size_t i = 0; i < name.len; i++)
		printable = printable && (unsigned char)name.at[i] >= 0x20 && name.at[i] != 0x7f;
	if (name.len > MANAGER_MAX)
		field_errors_add(errors, FIELD_TOO_LONG, "fieldManager", NULL,
				 "may not be more than 128 bytes");
	if (!printable)
		field_errors_add(errors, FIELD_INVALID, "fieldManager",
				 field_path(errors, "\"" STR_FMT "\"", STR_ARG(name)),
				 "should not contain non-printable characters");
}

static void check_validation(struct request *req, struct field_errors *errors)
{
	static const char *const values[] = { "", "Ignore", "Strict", "Warn" };
	struct str text = params_find(req, "fieldValidation");

	for (size_t i = 0; i < ARRAY_LENGTH(values); i++)
		if (str_is(text, values[i]))
			return;
	field_errors_add(errors, FIELD_NOT_SUPPORTED, "fieldValidation",
			 field_path(errors, "\"" STR_FMT "\"", STR_ARG(text)),
			 "supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"");
}

bool params_check(struct request *req, struct error *err)
{
	struct field_errors *errors = arena_zero(req->arena, sizeof(*errors));
	struct status_about *about = arena_zero(req->arena, sizeof(*about));
	bool apply = req->body_form == BODY_PATCH_APPLY;

	if (req->verb != REQUEST_CREATE && req->verb != REQUEST_UPDATE &&
	    req->verb != REQUEST_PATCH)
		return true;
	errors->arena = req->arena;
	about->kind = req->verb == REQUEST_CREATE   ? &create_options
		      : req->verb == REQUEST_UPDATE ? &update_options
						    : &patch_options;
	about->causes = errors;
	if (req->verb == REQUEST_PATCH && !apply && params_find(req, "force").at)
		field_errors_add(errors, FIELD_FORBIDDEN, "force", NULL,
				 "may not be specified for non-apply patch");
	if (req->verb == REQUEST_PATCH && apply && req->params.field_manager.len == 0)
		field_errors_add(errors, FIELD_REQUIRED, "fieldManager", NULL,
				 "is required for apply patch");
	check_manager(req, errors);
	check_dry_run(req, errors);
	check_validation(req, errors);
	req->about = errors->count > 0 ? about : NULL;
	return status_invalid(err, about->kind, STR(""), errors);
}
