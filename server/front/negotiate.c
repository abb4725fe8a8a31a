/*
 * negotiate.c - media types: which form the answer takes, which form the body has.  Wire
 * contract 3.
 */
#include "server/front/route.h"

#define ACCEPTED "application/json, application/yaml, application/vnd.kubernetes.protobuf"

static struct str media_param(struct str clause, const char *name)
{
	while (clause.len > 0) {
		struct str part = str_trim(str_cut(&clause, ';'));
		struct str key = str_trim(str_cut(&part, '='));

		if (str_is(key, name))
			return str_trim(part);
	}
	return STR_NONE;
}

/* The form that one clause of Accept means; false when it cannot be served. */
static bool form_of(struct request *req, struct str clause, enum answer_form *out)
{
	struct str rest = clause, type = str_trim(str_cut(&rest, ';'));
	struct str as = media_param(rest, "as");
	bool json = str_is(type, "application/json") || str_is(type, "*/*") ||
		    str_is(type, "application/*");

	if (as.len > 0) {
		struct str version = media_param(rest, "v");

		if (!json || !str_is(media_param(rest, "g"), "meta.k8s.io") ||
		    !(str_is(version, "v1") || str_is(version, "v1beta1")))
			return false;
		if (str_is(as, "Table") && !req->review && !req->sub) {
			*out = ANSWER_TABLE;
			return true;
		}
		*out = ANSWER_PARTIAL;
		return str_is(as, "PartialObjectMetadata") ||
		       str_is(as, "PartialObjectMetadataList");
	}
	if (json) {
		*out = ANSWER_JSON;
		return true;
	}
	if (str_is(type, "application/yaml") && req->verb != REQUEST_WATCH) {
		*out = ANSWER_YAML;
		return true;
	}
	return false;
}

static bool wants_protobuf(struct str clause)
{
	struct str type = str_trim(str_cut(&clause, ';'));

	return str_is(type, "application/vnd.kubernetes.protobuf") &&
	       media_param(clause, "as").len == 0;
}

/* First servable clause wins.  JSON is preferred to protobuf wherever the client takes both: all
 * that send protobuf in Accept also take JSON, and ours comes ready-made from the store. */
bool negotiate_answer(struct request *req, struct error *err)
{
	struct str accept = http_header(&req->http->head, "Accept");
	struct str rest = accept;
	bool protobuf = false;

	req->answer = ANSWER_JSON;
	if (str_trim(accept).len == 0)
		return true;
	while (rest.len > 0) {
		struct str clause = str_trim(str_cut(&rest, ','));

		protobuf = protobuf || wants_protobuf(clause);
		if (form_of(req, clause, &req->answer))
			return true;
	}
	if (protobuf && req->verb != REQUEST_WATCH) {
		req->answer = ANSWER_PROTOBUF;
		return true;
	}
	if (req->verb == REQUEST_CONNECT) {
		req->answer = ANSWER_JSON; /* streams have their own types */
		return true;
	}
	return error_set(err, ERROR_NOT_ACCEPTABLE,
			 "only the following media types are accepted: " ACCEPTED);
}

static const struct {
	const char *type;
	enum body_form form;
	bool patch;
} body_rows[] = {
	{ "application/json", BODY_JSON, false },
	{ "application/yaml", BODY_YAML, false },
	{ "application/vnd.kubernetes.protobuf", BODY_PROTOBUF, false },
	{ "application/json-patch+json", BODY_PATCH_JSON, true },
	{ "application/merge-patch+json", BODY_PATCH_MERGE, true },
	{ "application/strategic-merge-patch+json", BODY_PATCH_STRATEGIC, true },
};

bool negotiate_body(struct request *req, struct error *err)
{
	struct str rest = http_header(&req->http->head, "Content-Type");
	struct str type = str_trim(str_cut(&rest, ';'));
	bool patch = req->verb == REQUEST_PATCH;

	req->body_form = BODY_JSON;
	if (type.len == 0 && !patch)
		return true;
	for (size_t i = 0; i < ARRAY_LENGTH(body_rows); i++)
		if (str_is(type, body_rows[i].type) && body_rows[i].patch == patch) {
			req->body_form = body_rows[i].form;
			return true;
		}
	/* Browsers and simple tools put a type on bodies that are empty. */
	if (req->http->body.len == 0 && !patch)
		return true;
	return error_set(err, ERROR_MEDIA_TYPE,
			 "the body of the request was in an unknown format - accepted media types "
			 "include: %s",
			 patch ? "application/json-patch+json, application/merge-patch+json, "
				 "application/strategic-merge-patch+json"
			       : ACCEPTED);
}
