/*
 * kind_prioritylevel.c - PriorityLevelConfiguration: how many requests of a level run at once.
 */
#include <inttypes.h>
#include <math.h>

#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/validate_flow.h"

#define QUEUES_MAX    10000000
#define HASH_BITS_MAX 60
#define LIMITED       "spec.limited"
#define QUEUING       LIMITED ".limitResponse.queuing"

static void check_positive(const struct kind_work *work, const struct json *value, const char *path)
{
	if (json_int(value) <= 0)
		validate_invalid(work, path, value, "must be positive");
}

static void check_hand(const struct kind_work *work, const struct json *hand,
		       const struct json *queues)
{
	int64_t size = json_int(hand), deck = json_int(queues);

	check_positive(work, hand, QUEUING ".handSize");
	if (size > 0 && size > deck)
		validate_invalid(work, QUEUING ".handSize", hand,
				 field_path(work->errors,
					    "should not be greater than queues (%" PRId64 ")",
					    deck));
	else if (size > 0 && ceil(log2((double)deck) * (double)size) > HASH_BITS_MAX)
		validate_invalid(work, QUEUING ".handSize", hand,
				 field_path(work->errors,
					    "required entropy bits of deckSize %" PRId64
					    " and handSize %" PRId64
					    " should not be greater than %d",
					    deck, size, HASH_BITS_MAX));
}

static void check_queuing(const struct kind_work *work, const struct json *queuing)
{
	const struct json *queues = json_get(queuing, "queues");

	check_positive(work, json_get(queuing, "queueLengthLimit"), QUEUING ".queueLengthLimit");
	check_positive(work, queues, QUEUING ".queues");
	if (json_int(queues) > QUEUES_MAX)
		validate_invalid(work, QUEUING ".queues", queues,
				 "must not be greater than 10000000");
	check_hand(work, json_get(queuing, "handSize"), queues);
}

static void check_response(const struct kind_work *work, const struct json *response)
{
	static const char *const types[] = { "Queue", "Reject", NULL };
	const struct json *queuing = json_get(response, "queuing");
	struct str type = json_str(json_get(response, "type"));

	if (!words_have(types, type))
		words_not_supported(work, LIMITED ".limitResponse.type", json_get(response, "type"),
				    types);
	else if (str_is(type, "Reject") && queuing)
		words_forbidden(work, QUEUING,
				"must be nil if limited.limitResponse.type is not Limited");
	else if (str_is(type, "Queue") && !queuing)
		validate_required(work, QUEUING,
				  "must not be empty if limited.limitResponse.type is Limited");
	else if (queuing)
		check_queuing(work, queuing);
}

static void check_shares(const struct kind_work *work, const struct json *level, const char *path)
{
	const struct json *shares = json_get(level, "nominalConcurrencyShares"),
			  *lends = json_get(level, "lendablePercent");

	if (json_int(shares) < 0)
		validate_invalid(work,
				 field_path(work->errors, "%s.nominalConcurrencyShares", path),
				 shares, "must be a non-negative integer");
	if (json_int(lends) < 0 || json_int(lends) > 100)
		validate_invalid(work, field_path(work->errors, "%s.lendablePercent", path), lends,
				 "must be between 0 and 100, inclusive");
}

static void check_limited(const struct kind_work *work, const struct json *limited)
{
	const struct json *borrows = json_get(limited, "borrowingLimitPercent");

	if (!limited) {
		validate_required(work, LIMITED, "must not be empty when type is Limited");
		return;
	}
	check_shares(work, limited, LIMITED);
	check_response(work, json_get(limited, "limitResponse"));
	if (borrows && json_int(borrows) < 0)
		validate_invalid(work, LIMITED ".borrowingLimitPercent", borrows,
				 "if specified, must be a non-negative integer");
}

static void validate(const struct kind_work *work)
{
	static const char *const types[] = { "Exempt", "Limited", NULL };
	const struct json *spec = json_get(work->object, "spec"), *type = json_get(spec, "type"),
			  *exempt = json_get(spec, "exempt"), *limited = json_get(spec, "limited");

	if (str_is(meta_str(work->object, "name"), "exempt") != str_is(json_str(type), "Exempt"))
		validate_invalid(work, "spec.type", words_text(work, type),
				 "type must be 'Exempt' if and only if name is 'exempt'");
	if (!words_have(types, json_str(type))) {
		words_not_supported(work, "spec.type", type, types);
	} else if (str_is(json_str(type), "Exempt")) {
		if (limited)
			words_forbidden(work, LIMITED, "must be nil if the type is not Limited");
		check_shares(work, exempt, "spec.exempt");
	} else {
		if (exempt)
			words_forbidden(work, "spec.exempt", "must be nil if the type is Limited");
		check_limited(work, limited);
	}
	flow_check_conditions(work);
}

static void print_number(const struct json *value, struct buf *out)
{
	if (value)
		json_print(value, out);
	else
		buf_add_text(out, "<none>");
}

static void print_shares(const struct json *object, struct buf *out)
{
	print_number(json_path(object, "spec", "limited", "nominalConcurrencyShares", NULL), out);
}

static const struct json *queuing(const struct json *object, const char *field)
{
	return json_path(object, "spec", "limited", "limitResponse", "queuing", field, NULL);
}

static void print_queues(const struct json *object, struct buf *out)
{
	print_number(queuing(object, "queues"), out);
}

static void print_hand(const struct json *object, struct buf *out)
{
	print_number(queuing(object, "handSize"), out);
}

static void print_length(const struct json *object, struct buf *out)
{
	print_number(queuing(object, "queueLengthLimit"), out);
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Type", .path = ".spec.type" },
	{ .name = "NominalConcurrencyShares", .print = print_shares },
	{ .name = "Queues", .print = print_queues },
	{ .name = "HandSize", .print = print_hand },
	{ .name = "QueueLengthLimit", .print = print_length },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

const struct kind kind_prioritylevel = {
	.group = FLOW_GROUP,
	.version = "v1",
	.name = "PriorityLevelConfiguration",
	.plural = "prioritylevelconfigurations",
	.type_name = "io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration",
	.has_generation = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.on_create = flow_on_create,
	.validate = validate,
	.warn = flow_warn,
	.subresources = subresources_status,
	.columns = columns,
};
