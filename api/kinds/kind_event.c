/*
 * kind_event.c - Event: what happened to an object.  Kept in memory, for an hour.
 */
#include <inttypes.h>

#include "api/kinds/cells.h"
#include "api/object.h"
#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"

#define WORD_MAX_BYTES 128
#define NOTE_MAX_BYTES 1024

static void check_length(const struct kind_work *work, const char *field, size_t most)
{
	if (json_str(json_get(work->object, field)).len > most)
		field_errors_add(work->errors, FIELD_INVALID, field, "\"\"",
				 field_path(work->errors, "can have at most %zu characters", most));
}

/* Events of the newer sort say who tells of what. */
static void check_new(const struct kind_work *work)
{
	static const char *const fields[] = { "reportingInstance", "action", "reason" };
	const struct json *reporter = json_get(work->object, "reportingComponent");
	const char *path = work->kind->group[0] ? "reportingController" : "reportingComponent";

	values_required(work, path, reporter);
	values_name(work, path, reporter, name_qualified);
	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
		values_required(work, fields[i], json_get(work->object, fields[i]));
		check_length(work, fields[i], WORD_MAX_BYTES);
	}
	check_length(work, "message", NOTE_MAX_BYTES);
}

static void validate(const struct kind_work *work)
{
	const struct json *about = json_get(work->object, "involvedObject");
	struct str namespace = json_str(json_get(about, "namespace")),
		   own = meta_str(work->object, "namespace");
	bool is_new = json_str(json_get(work->object, "eventTime")).len > 0,
	     of_cluster = str_is(own, "default") || str_is(own, "kube-system");

	if (namespace.len == 0 ? !of_cluster : !is_new && !str_equal(namespace, own))
		validate_invalid(work, "involvedObject.namespace",
				 words_text(work, json_get(about, "namespace")),
				 "does not match event.namespace");
	if (is_new)
		check_new(work);
}

static struct str first_time(const struct json *object)
{
	struct str time = json_str(json_get(object, "firstTimestamp"));

	return time.len ? time : json_str(json_get(object, "eventTime"));
}

static struct str last_time(const struct json *object)
{
	struct str time = json_str(json_get(object, "lastTimestamp"));

	if (json_get(object, "series"))
		return json_str(json_path(object, "series", "lastObservedTime", NULL));
	return time.len ? time : first_time(object);
}

static void print_last(const struct json *object, struct buf *out)
{
	cells_age(last_time(object), out);
}

static void print_first(const struct json *object, struct buf *out)
{
	cells_age(first_time(object), out);
}

static void print_object(const struct json *object, struct buf *out)
{
	struct str kind = json_str(json_path(object, "involvedObject", "kind", NULL)),
		   name = json_str(json_path(object, "involvedObject", "name", NULL));

	for (size_t i = 0; i < kind.len; i++)
		buf_add_byte(out, kind.at[i] >= 'A' && kind.at[i] <= 'Z' ? (char)(kind.at[i] + 32)
									 : kind.at[i]);
	if (name.len > 0)
		buf_add_print(out, "/" STR_FMT, STR_ARG(name));
}

/* Who tells of it, in the older or the newer fields. */
static void print_source(const struct json *object, struct buf *out)
{
	const struct json *source = json_get(object, "source");
	struct str who = json_str(json_get(source, "component")),
		   where = json_str(json_get(source, "host"));

	buf_add_str(out, who.len ? who : json_str(json_get(object, "reportingComponent")));
	if (where.len == 0)
		where = json_str(json_get(object, "reportingInstance"));
	if (where.len > 0)
		buf_add_print(out, ", " STR_FMT, STR_ARG(where));
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void print_message(const struct json *object, struct buf *out)
{
	struct str text = json_str(json_get(object, "message"));

	while (text.len > 0 && is_space(text.at[text.len - 1]))
		text.len--;
	while (text.len > 0 && is_space(text.at[0]))
		text = str_from(text.at + 1, text.len - 1);
	buf_add_str(out, text);
}

static void print_count(const struct json *object, struct buf *out)
{
	const struct json *series = json_get(object, "series");
	int64_t count = json_int(json_get(series ? series : object, "count"));

	buf_add_print(out, "%" PRId64, count == 0 && !series ? 1 : count);
}

static const struct column columns[] = {
	{ .name = "Last Seen", .print = print_last },
	{ .name = "Type", .path = ".type" },
	{ .name = "Reason", .path = ".reason" },
	{ .name = "Object", .print = print_object },
	{ .name = "Subobject", .priority = 1, .path = ".involvedObject.fieldPath" },
	{ .name = "Source", .priority = 1, .print = print_source },
	{ .name = "Message", .print = print_message },
	{ .name = "First Seen", .priority = 1, .print = print_first },
	{ .name = "Count", .type = "number", .priority = 1, .print = print_count },
	{ .name = "Name", .format = "name", .priority = 1, .path = ".metadata.name" },
	{ 0 },
};
static const char *const short_names[] = { "ev", NULL };
static const struct field_label field_labels[] = {
	{ "involvedObject.kind", NULL },
	{ "involvedObject.namespace", NULL },
	{ "involvedObject.name", NULL },
	{ "involvedObject.uid", NULL },
	{ "involvedObject.apiVersion", NULL },
	{ "involvedObject.resourceVersion", NULL },
	{ "involvedObject.fieldPath", NULL },
	{ "reason", NULL },
	{ "reportingComponent", NULL },
	{ "source", "source.component|reportingComponent" },
	{ "type", NULL },
	{ 0 },
};

const struct kind kind_event = {
	.group = "",
	.version = "v1",
	.name = "Event",
	.plural = "events",
	.short_names = short_names,
	.type_name = "io.k8s.api.core.v1.Event",
	.namespaced = true,
	.in_memory = true,
	.put_creates = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.validate = validate,
	.columns = columns,
	.field_labels = field_labels,
};
