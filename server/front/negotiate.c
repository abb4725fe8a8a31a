/*
 * negotiate.c - media types: which form the answer takes, which form the body has.  Wire
 * contract 3.
 */
#include "server/front/route.h"

#define ACCEPTED "application/json, application/yaml, application/vnd.kubernetes.protobuf"

struct str negotiate_parameter(struct str clause, const char *name)
{
	while (clause.len > 0) {
		struct str part = str_trim(str_cut(&clause, ';'));
		struct str key = str_trim(str_cut(&part, '='));

		if (str_is(key, name))
			return str_trim(part);
	}
	return STR_NONE;
}

/* What one clause of Accept means. */
struct offer {
	enum answer_form answer, carrier;
	bool beta;
	int weight; /* of q, in thousandths */
};

/* "0.8" as 800; what makes no sense counts as 1. */
static int weight_of(struct str params)
{
	struct str text = negotiate_parameter(params, "q");
	int weight = 0, unit = 1000;

	if (text.len == 0 || text.at[0] != '0')
		return 1000;
	for (size_t i = 2; i < text.len && i < 5 && text.at[i] >= '0' && text.at[i] <= '9'; i++) {
		unit /= 10;
		weight += (text.at[i] - '0') * unit;
	}
	return weight;
}

static bool take_carrier(const struct request *req, struct str type, struct offer *out)
{
	if (str_is(type, "application/json") || str_is(type, "*/*") ||
	    str_is(type, "application/*"))
		out->carrier = ANSWER_JSON;
	else if (str_is(type, "application/yaml") && req->verb != REQUEST_WATCH)
		out->carrier = ANSWER_YAML;
	else if (str_is(type, "application/vnd.kubernetes.protobuf"))
		out->carrier = ANSWER_PROTOBUF;
	else
		return false;
	return true;
}

/* "as=Table;g=meta.k8s.io;v=v1" and the like. */
static bool take_shape(const struct request *req, struct str params, struct offer *out)
{
	struct str as = negotiate_parameter(params, "as"),
		   version = negotiate_parameter(params, "v");

	out->answer = out->carrier;
	if (as.len == 0)
		return true;
	out->beta = str_is(version, "v1beta1");
	if (!str_is(negotiate_parameter(params, "g"), "meta.k8s.io") ||
	    (!out->beta && !str_is(version, "v1")))
		return false;
	if (str_is(as, "Table")) {
		out->answer = ANSWER_TABLE;
		return !req->review && !req->sub && out->carrier != ANSWER_PROTOBUF;
	}
	out->answer = ANSWER_PARTIAL;
	return str_is(as, "PartialObjectMetadata") || str_is(as, "PartialObjectMetadataList");
}

/* Is it the same in JSON?  All that send protobuf in Accept also take JSON, and ours comes
 * ready-made from the store. */
static bool is_plainer(const struct offer *offer, const struct offer *than)
{
	if (than->carrier != ANSWER_PROTOBUF || offer->carrier != ANSWER_JSON)
		return false;
	return than->answer == ANSWER_PROTOBUF ? offer->answer == ANSWER_JSON
					       : offer->answer == than->answer;
}

static bool check_include(const struct request *req, struct error *err)
{
	struct str include = req->params.include_object;

	if (req->answer != ANSWER_TABLE || include.len == 0 || str_is(include, "Metadata") ||
	    str_is(include, "Object") || str_is(include, "None"))
		return true;
	return error_set(err, ERROR_BAD_REQUEST,
			 "Unable to convert to Table as requested: includeObject: Invalid value: "
			 "\"" STR_FMT "\": must be 'Metadata', 'Object', 'None', or empty",
			 STR_ARG(include));
}

/* The servable clause with the highest q wins, the first of several. */
bool negotiate_answer(struct request *req, struct error *err)
{
	struct str rest = http_header(&req->http->head, "Accept");
	struct offer best = { .weight = 0 };

	req->answer = ANSWER_JSON;
	if (str_trim(rest).len == 0)
		return true;
	while (rest.len > 0) {
		struct str params = str_trim(str_cut(&rest, ','));
		struct str type = str_trim(str_cut(&params, ';'));
		struct offer offer = { .weight = weight_of(params) };

		if (!take_carrier(req, type, &offer) || !take_shape(req, params, &offer))
			continue;
		if (offer.weight > best.weight || (offer.weight > 0 && is_plainer(&offer, &best)))
			best = offer;
	}
	/* Streams have their own types. */
	if (best.weight == 0)
		return req->verb == REQUEST_CONNECT ||
		       error_set(err, ERROR_NOT_ACCEPTABLE,
				 "only the following media types are accepted: " ACCEPTED);
	req->answer = best.answer;
	req->carrier = best.carrier;
	req->beta = best.beta;
	return check_include(req, err);
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
	{ "application/apply-patch+yaml", BODY_PATCH_APPLY, true },
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
	return error_set(
		err, ERROR_MEDIA_TYPE,
		"the body of the request was in an unknown format - accepted media types "
		"include: %s",
		patch ? "application/json-patch+json, application/merge-patch+json, "
			"application/strategic-merge-patch+json, application/apply-patch+yaml"
		      : ACCEPTED);
}
