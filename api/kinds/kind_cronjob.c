/*
 * kind_cronjob.c - CronJob: jobs by the clock.
 */
#include "api/cron.h"
#include "api/kinds/cells.h"
#include "api/kinds/rows.h"
#include "api/names.h"
#include "api/object.h"
#include "api/time_zones.h"
#include "api/validate.h"
#include "api/validate_job.h"
#include "api/validate_workload.h"

/* Jobs get names of up to 63 characters, 11 of which are the time. */
#define NAME_MAX_LENGTH 52
#define ZONE_PART_MAX   14

static void fill(const struct kind_work *work)
{
	fill_pod_spec(
		work,
		json_path(work->object, "spec", "jobTemplate", "spec", "template", "spec", NULL),
		false);
}

static void on_create(const struct kind_work *work)
{
	json_put(work->doc, work->object, "status", json_new_object(work->doc));
}

/* --- validation --- */

static bool has_zone(const struct json *schedule)
{
	return str_search(json_str(schedule), STR("TZ")) >= 0;
}

static void check_schedule(const struct kind_work *work, const struct json *spec)
{
	const struct json *schedule = json_get(spec, "schedule");
	bool allowed = has_zone(json_path(work->old, "spec", "schedule", NULL));
	const char *why;

	if (json_str(schedule).len == 0) {
		validate_required(work, "spec.schedule", "");
		return;
	}
	why = cron_check(json_str(schedule), work->errors->arena);
	if (why)
		validate_invalid(work, "spec.schedule", schedule, why);
	if (!has_zone(schedule))
		return;
	if (!allowed)
		validate_invalid(
			work, "spec.schedule", schedule,
			"cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
	else if (json_get(spec, "timeZone"))
		validate_invalid(work, "spec.schedule", schedule,
				 "cannot use both timeZone field and TZ or CRON_TZ in schedule");
}

/* A part between slashes. */
static bool is_zone_part(struct str part)
{
	if (part.len == 0 || part.len > ZONE_PART_MAX || part.at[0] == '-' || str_is(part, ".") ||
	    str_is(part, ".."))
		return false;
	for (size_t i = 0; i < part.len; i++) {
		char c = part.at[i], letter = (char)(c | 0x20);

		if (!(letter >= 'a' && letter <= 'z') && !(c >= '0' && c <= '9') &&
		    (c == '\0' || !strchr(".-_+", c)))
			return false;
	}
	return true;
}

static bool is_zone_name(struct str name)
{
	bool more = true;

	while (more) {
		more = str_find(name, '/') >= 0;
		if (!is_zone_part(str_cut(&name, '/')))
			return false;
	}
	return true;
}

static void check_zone(const struct kind_work *work, const struct json *zone)
{
	const char *path = "spec.timeZone";
	struct str name = json_str(zone);

	if (!zone ||
	    (work->old && json_equal(zone, json_path(work->old, "spec", "timeZone", NULL))))
		return;
	if (name.len == 0) {
		validate_invalid(work, path, zone, "timeZone must be nil or non-empty string");
		return;
	}
	if (is_zone_name(name) && str_equal_case(name, STR("Local")))
		validate_invalid(work, path, zone,
				 "timeZone must be an explicit time zone as defined in "
				 "https://www.iana.org/time-zones");
	if (!is_zone_name(name) || (!time_zone_known(name) && !str_is(name, "Local")))
		validate_invalid(
			work, path, zone,
			field_path(work->errors, "unknown time zone " STR_FMT, STR_ARG(name)));
}

static void check_concurrency(const struct kind_work *work, const struct json *policy)
{
	struct str text = json_str(policy);

	if (text.len == 0)
		validate_required(work, "spec.concurrencyPolicy", "");
	else if (!str_is(text, "Allow") && !str_is(text, "Forbid") && !str_is(text, "Replace"))
		field_errors_add(work->errors, FIELD_NOT_SUPPORTED, "spec.concurrencyPolicy",
				 field_value(work->errors, policy),
				 "supported values: \"Allow\", \"Forbid\", \"Replace\"");
}

/* A job's selector is made with it. */
static void check_template(const struct kind_work *work, const struct json *spec)
{
	const struct json *selector = json_get(spec, "selector");

	job_validate_spec(work, spec, "spec.jobTemplate.spec");
	if (selector)
		field_errors_add(work->errors, FIELD_INVALID, "spec.jobTemplate.spec.selector",
				 workload_go_selector(work, selector),
				 "`selector` will be auto-generated");
	if (json_bool(json_get(spec, "manualSelector")))
		field_errors_add(work->errors, FIELD_NOT_SUPPORTED,
				 "spec.jobTemplate.spec.manualSelector", "true",
				 "supported values: \"nil\", \"false\"");
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec"),
			  *name = json_get(meta_of(work->object), "name");

	if (strcmp(work->subresource, "status") == 0)
		return;
	check_schedule(work, spec);
	validate_not_negative(work, json_get(spec, "startingDeadlineSeconds"),
			      "spec.startingDeadlineSeconds");
	check_zone(work, json_get(spec, "timeZone"));
	check_concurrency(work, json_get(spec, "concurrencyPolicy"));
	check_template(work, json_path(spec, "jobTemplate", "spec", NULL));
	validate_not_negative(work, json_get(spec, "successfulJobsHistoryLimit"),
			      "spec.successfulJobsHistoryLimit");
	validate_not_negative(work, json_get(spec, "failedJobsHistoryLimit"),
			      "spec.failedJobsHistoryLimit");
	if (!work->old && json_str(name).len > NAME_MAX_LENGTH)
		validate_invalid(work, "metadata.name", name, "must be no more than 52 characters");
}

static void warn(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec");

	workload_warn(work);
	job_warn(work, json_path(spec, "jobTemplate", "spec", NULL), "spec.jobTemplate.spec");
	if (has_zone(json_get(spec, "schedule")))
		kind_warn(work, "cannot use TZ or CRON_TZ in spec.schedule, use timeZone instead");
}

/* --- columns --- */

static void print_zone(const struct json *object, struct buf *out)
{
	const struct json *zone = json_path(object, "spec", "timeZone", NULL);

	buf_add_str(out, zone ? json_str(zone) : STR("<none>"));
}

/* The type of the column is boolean, its cells are texts. */
static void print_suspend(const struct json *object, struct buf *out)
{
	const struct json *suspend = json_path(object, "spec", "suspend", NULL);

	buf_add_text(out, !suspend ? "\"<unset>\"" : json_bool(suspend) ? "\"True\"" : "\"False\"");
}

static void print_active(const struct json *object, struct buf *out)
{
	cells_count(json_count(json_path(object, "status", "active", NULL)), out);
}

static void print_last(const struct json *object, struct buf *out)
{
	const struct json *last = json_path(object, "status", "lastScheduleTime", NULL);

	if (last)
		cells_age(json_str(last), out);
	else
		buf_add_text(out, "<none>");
}

/* --- the row --- */

static void each_container(const struct json *object, const char *field, struct buf *out)
{
	const struct json *pod =
		json_path(object, "spec", "jobTemplate", "spec", "template", "spec", NULL);

	for (struct json_iter it = json_iter(json_get(pod, "containers")); json_next(&it);)
		buf_add_print(out, "%s" STR_FMT, it.index ? "," : "",
			      STR_ARG(json_str(json_get(it.value, field))));
}

static void print_names(const struct json *object, struct buf *out)
{
	each_container(object, "name", out);
}

static void print_images(const struct json *object, struct buf *out)
{
	each_container(object, "image", out);
}

/* A template has no selector of its own. */
static void print_selector(const struct json *object, struct buf *out)
{
	(void)object;
	buf_add_text(out, "<none>");
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Schedule", .path = ".spec.schedule" },
	{ .name = "Timezone", .print = print_zone },
	{ .name = "Suspend", .type = "boolean", .print = print_suspend },
	{ .name = "Active", .type = "integer", .print = print_active },
	{ .name = "Last Schedule", .print = print_last },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ .name = "Containers", .priority = 1, .print = print_names },
	{ .name = "Images", .priority = 1, .print = print_images },
	{ .name = "Selector", .priority = 1, .print = print_selector },
	{ 0 },
};
static const char *const short_names[] = { "cj", NULL };

const struct kind kind_cronjob = {
	.group = "batch",
	.version = "v1",
	.name = "CronJob",
	.plural = "cronjobs",
	.short_names = short_names,
	.categories = categories_all,
	.type_name = "io.k8s.api.batch.v1.CronJob",
	.namespaced = true,
	.has_generation = true,
	.own_enums = true,
	.name_rule = NAME_SUBDOMAIN,
	.verbs = VERB_ALL,
	.fill = fill,
	.on_create = on_create,
	.validate = validate,
	.warn = warn,
	.subresources = subresources_status,
	.columns = columns,
};
