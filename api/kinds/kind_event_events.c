/*
 * kind_event_events.c - Event of events.k8s.io: the same objects as core Events, with newer names
 * for the old fields and stricter rules for who writes them here.
 */
#include "api/validate.h"

extern const struct kind kind_event;

/* --- the two forms differ in names only --- */

static const struct {
	const char *here, *kept;
} names[] = {
	{ "regarding", "involvedObject" },
	{ "note", "message" },
	{ "reportingController", "reportingComponent" },
	{ "deprecatedSource", "source" },
	{ "deprecatedFirstTimestamp", "firstTimestamp" },
	{ "deprecatedLastTimestamp", "lastTimestamp" },
	{ "deprecatedCount", "count" },
};

static void rename(struct json_doc *doc, struct json *object, const char *from, const char *to)
{
	struct json *value = json_get(object, from);

	if (!value)
		return;
	json_remove(object, str_of(from));
	json_put(doc, object, to, value);
}

static void to_stored(struct json_doc *doc, struct json *object)
{
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		rename(doc, object, names[i].here, names[i].kept);
}

static void from_stored(struct json_doc *doc, struct json *object)
{
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		rename(doc, object, names[i].kept, names[i].here);
}

/* --- rules beyond those of core Events; the object is in the kept form --- */

static void validate_series(const struct kind_work *work)
{
	const struct json *series = json_get(work->object, "series");

	if (!series)
		return;
	if (json_int(json_get(series, "count")) < 2)
		field_errors_add(work->errors, FIELD_INVALID, "series.count", "\"\"",
				 "should be at least 2");
	if (json_str(json_get(series, "lastObservedTime")).len == 0)
		validate_required(work, "series.lastObservedTime", "");
}

static void validate_unset(const struct kind_work *work, const char *path, bool is_set)
{
	if (is_set)
		field_errors_add(work->errors, FIELD_INVALID, path, "\"\"", "needs to be unset");
}

static void validate_new(const struct kind_work *work)
{
	const struct json *event = work->object, *source = json_get(event, "source");
	struct str type = json_str(json_get(event, "type"));

	validate_series(work);
	if (json_str(json_get(event, "eventTime")).len == 0)
		validate_required(work, "eventTime", "");
	if (!str_is(type, "Normal") && !str_is(type, "Warning"))
		field_errors_add(
			work->errors, FIELD_INVALID, "type", "\"\"",
			field_path(work->errors, "has invalid value: " STR_FMT, STR_ARG(type)));
	validate_unset(work, "firstTimestamp", json_str(json_get(event, "firstTimestamp")).len > 0);
	validate_unset(work, "lastTimestamp", json_str(json_get(event, "lastTimestamp")).len > 0);
	validate_unset(work, "count", json_int(json_get(event, "count")) != 0);
	validate_unset(work, "source",
		       json_str(json_get(source, "component")).len > 0 ||
			       json_str(json_get(source, "host")).len > 0);
}

static void validate(const struct kind_work *work)
{
	static const char *const fixed[] = {
		"involvedObject",   "reason",        "message", "source",
		"firstTimestamp",   "lastTimestamp", "count",   "type",
		"eventTime",        "action",        "related", "reportingComponent",
		"reportingInstance"
	};

	if (!work->old) {
		validate_new(work);
		return;
	}
	if (!json_equal(json_get(work->object, "series"), json_get(work->old, "series")))
		validate_series(work);
	for (size_t i = 0; i < ARRAY_LENGTH(fixed); i++)
		validate_immutable(work,
				   str_is(str_of(fixed[i]), "reportingComponent")
					   ? "reportingController"
					   : fixed[i],
				   json_get(work->object, fixed[i]), json_get(work->old, fixed[i]));
}

/* The paths are those of the kept form. */
static const struct field_label field_labels[] = {
	{ "reason", NULL },
	{ "type", NULL },
	{ "regarding.kind", "involvedObject.kind" },
	{ "regarding.namespace", "involvedObject.namespace" },
	{ "regarding.name", "involvedObject.name" },
	{ "regarding.uid", "involvedObject.uid" },
	{ "regarding.apiVersion", "involvedObject.apiVersion" },
	{ "regarding.resourceVersion", "involvedObject.resourceVersion" },
	{ "regarding.fieldPath", "involvedObject.fieldPath" },
	{ "reportingController", "reportingComponent" },
	{ 0 },
};
static const char *const short_names[] = { "ev", NULL };

const struct kind kind_event_events = {
	.group = "events.k8s.io",
	.version = "v1",
	.name = "Event",
	.plural = "events",
	.short_names = short_names,
	.type_name = "io.k8s.api.events.v1.Event",
	.namespaced = true,
	.in_memory = true,
	.put_creates = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.validate = validate,
	.field_labels = field_labels,
	.stored_as = &kind_event,
	.to_stored = to_stored,
	.from_stored = from_stored,
};
