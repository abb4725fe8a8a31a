/*
 * kind_apiservice.c - APIService: who answers for an API group and version.
 */
#include "api/discovery.h"
#include "api/kinds/rows.h"
#include "api/object.h"
#include "api/validate.h"
#include "api/validate_values.h"
#include "api/validate_words.h"

#define GROUP_PRIORITY_MAX   20000
#define VERSION_PRIORITY_MAX 1000

static void on_create(const struct kind_work *work)
{
	json_put(work->doc, work->object, "status", json_new_object(work->doc));
}

static void check_name(const struct kind_work *work, struct str group, struct str version)
{
	struct str name = meta_str(work->object, "name");
	const char *wanted =
		field_path(work->errors, STR_FMT "." STR_FMT, STR_ARG(version), STR_ARG(group));

	if (!name_check(NAME_PATH_SEGMENT, name) && !str_is(name, wanted))
		values_invalid_text(work, "metadata.name", name,
				    field_path(work->errors,
					       "must be `spec.version+\".\"+spec.group`: \"%s\"",
					       wanted));
}

static void check_priority(const struct kind_work *work, const struct json *value, const char *path,
			   int64_t max)
{
	if (json_int(value) <= 0 || json_int(value) > max)
		validate_invalid(
			work, path, value ? value : json_new_int(work->doc, 0),
			field_path(work->errors, "must be positive and less than %d", (int)max));
}

static void check_local(const struct kind_work *work, const struct json *spec)
{
	auto_buf bundle = BUF_INIT;

	if (buf_add_base64_decoded(&bundle, json_str(json_get(spec, "caBundle"))) && bundle.len > 0)
		field_errors_add(work->errors, FIELD_INVALID, "spec.caBundle",
				 field_path(work->errors, "\"%zu bytes\"", bundle.len),
				 "local APIServices may not have a caBundle");
	if (json_bool(json_get(spec, "insecureSkipTLSVerify")))
		validate_invalid(work, "spec.insecureSkipTLSVerify",
				 json_get(spec, "insecureSkipTLSVerify"),
				 "local APIServices may not have insecureSkipTLSVerify");
}

static void check_service(const struct kind_work *work, const struct json *spec)
{
	const struct json *service = json_get(spec, "service"),
			  *skips = json_get(spec, "insecureSkipTLSVerify");

	values_required(work, "spec.service.namespace", json_get(service, "namespace"));
	values_required(work, "spec.service.name", json_get(service, "name"));
	if (json_bool(skips) && json_str(json_get(spec, "caBundle")).len > 0)
		validate_invalid(work, "spec.insecureSkipTLSVerify", skips,
				 "may not be true if caBundle is present");
}

static void validate(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec"), *group = json_get(spec, "group"),
			  *version = json_get(spec, "version");

	check_name(work, json_str(group), json_str(version));
	if (json_str(group).len == 0 && !str_is(json_str(version), "v1"))
		validate_required(work, "spec.group",
				  "only v1 may have an empty group and it better be legacy kube");
	if (json_str(group).len > 0)
		values_name(work, "spec.group", group, name_subdomain);
	values_name(work, "spec.version", version, name_label_1035);
	check_priority(work, json_get(spec, "groupPriorityMinimum"), "spec.groupPriorityMinimum",
		       GROUP_PRIORITY_MAX);
	check_priority(work, json_get(spec, "versionPriority"), "spec.versionPriority",
		       VERSION_PRIORITY_MAX);
	if (json_get(spec, "service"))
		check_service(work, spec);
	else
		check_local(work, spec);
}

static void warn(const struct kind_work *work)
{
	const struct json *spec = json_get(work->object, "spec");

	if (json_get(spec, "service") && discovery_serves(json_str(json_get(spec, "group")),
							  json_str(json_get(spec, "version"))))
		kind_warn(work, "this server answers for this group and version itself: no request "
				"is led to the service");
}

static void print_service(const struct json *object, struct buf *out)
{
	const struct json *service = json_path(object, "spec", "service", NULL);

	if (service)
		buf_add_print(out, STR_FMT "/" STR_FMT,
			      STR_ARG(json_str(json_get(service, "namespace"))),
			      STR_ARG(json_str(json_get(service, "name"))));
	else
		buf_add_text(out, "Local");
}

static void print_available(const struct json *object, struct buf *out)
{
	const struct json *available = meta_condition(object, STR("Available"));
	struct str status = json_str(json_get(available, "status")),
		   reason = json_str(json_get(available, "reason"));

	buf_add_str(out, available ? status : STR("Unknown"));
	if (available && !str_is(status, "True") && reason.len > 0)
		buf_add_print(out, " (" STR_FMT ")", STR_ARG(reason));
}

static const struct column columns[] = {
	{ .name = "Name", .format = "name", .path = ".metadata.name" },
	{ .name = "Service", .print = print_service },
	{ .name = "Available", .print = print_available },
	{ .name = "Age", .path = ".metadata.creationTimestamp" },
	{ 0 },
};

static const char *const categories[] = { "api-extensions", NULL };

const struct kind kind_apiservice = {
	.group = "apiregistration.k8s.io",
	.version = "v1",
	.name = "APIService",
	.plural = "apiservices",
	.categories = categories,
	.type_name = "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService",
	.needs_revision = true,
	.name_rule = NAME_PATH_SEGMENT,
	.verbs = VERB_ALL,
	.on_create = on_create,
	.validate = validate,
	.warn = warn,
	.subresources = subresources_status,
	.columns = columns,
};
